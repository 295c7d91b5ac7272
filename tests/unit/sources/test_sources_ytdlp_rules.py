"""The child's rules that need no site: errors, sockets, messages; and what `udib doctor` is told."""

import asyncio
import io
import re
import socket
import stat
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yt_dlp.networking.exceptions import TransportError
from yt_dlp.utils import DownloadCancelled, DownloadError, ExtractorError, GeoRestrictedError, UserNotLive

from udib.core.child import read_body
from udib.core.errors import BadRequestError, ForbiddenError, UdibError, UnavailableError
from udib.net.guard import AddressGuard
from udib.sources.ytdlp_errors import explain
from udib.sources.ytdlp_health import javascript_runtime, runtimes_found, ytdlp_age
from udib.sources.ytdlp_process import WorkerProcess
from udib.sources.ytdlp_protocol import FetchOrder, pack
from udib.sources.ytdlp_sockets import SocketGuard

YT = "ERROR: [youtube] abc: "


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (YT + "Sign in to confirm you're not a bot. Use --cookies", UnavailableError),
        (YT + "Sign in to confirm your age. This video may be inappropriate for some users.", ForbiddenError),
        (YT + "Private video. Sign in if you've been granted access", ForbiddenError),
        (YT + "Join this channel to get access to members-only content", ForbiddenError),
        (YT + "This video is only available for registered users", ForbiddenError),
        (YT + "This video is DRM protected", ForbiddenError),
        (YT + "The uploader has not made this video available in your country", ForbiddenError),
        (YT + "Premieres in 2 hours", UnavailableError),
        (YT + "This live event will begin in 3 days.", UnavailableError),
        (YT + "Video unavailable. This video has been removed by the uploader", BadRequestError),
        (YT + "Video unavailable", BadRequestError),
        (YT + "Requested format is not available. Use --list-formats", UnavailableError),
        (YT + "Got error: HTTP Error 503: Service Unavailable", UnavailableError),
        ("ERROR: unable to download video data: HTTP Error 403: Forbidden", ForbiddenError),
        ("ERROR: Got error: HTTP Error 404: Not Found", BadRequestError),
        ("ERROR: The downloaded file is empty", UnavailableError),
        ("ERROR: 'x' is not a valid URL", BadRequestError),
        ("ERROR: [Errno 28] No space left on device", UnavailableError),
        (YT + "Unable to extract player; please report this issue on https://github.com/x", UnavailableError),
    ],
)
def test_a_message_becomes_what_the_user_may_do(text: str, error: type[UdibError]) -> None:
    found = explain(DownloadError(text), "example.org")
    assert type(found) is error
    assert "ERROR" not in str(found)
    assert "--" not in str(found)


@pytest.mark.parametrize(
    ("inner", "error"),
    [
        (GeoRestrictedError("x"), ForbiddenError),
        (UserNotLive(), UnavailableError),
        (TransportError("refused"), UnavailableError),
        (ExtractorError("x", cause=TransportError("reset")), UnavailableError),
        (DownloadCancelled("too large"), BadRequestError),
    ],
)
def test_the_class_of_the_inner_error_decides_first(inner: Exception, error: type[UdibError]) -> None:
    outer = DownloadError("ERROR: something", (type(inner), inner, None))
    assert type(explain(outer, "example.org")) is error


def test_memory_that_ran_out_is_never_explained_away() -> None:
    with pytest.raises(MemoryError):
        explain(DownloadError("x", (MemoryError, MemoryError(), None)), "example.org")


@given(st.text())
def test_any_message_becomes_an_intended_error_of_bounded_length(text: str) -> None:
    assert len(str(explain(DownloadError(text), "example.org"))) < 400


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, ("127.0.0.1", 80)),
        (socket.AF_INET, ("localhost", 8080)),  # a name would be looked up where the guard does not see it
        (socket.AF_INET6, ("::1", 80, 0, 0)),
        (socket.AF_INET6, ("::ffff:10.0.0.1", 80, 0, 0)),
        (socket.AF_UNIX, "/run/docker.sock"),
    ],
)
def test_a_socket_of_the_child_reaches_no_private_address(family: int, address: object) -> None:
    guard = SocketGuard(AddressGuard({"127.0.0.1:8080"}))
    with pytest.raises(PermissionError):
        guard.check(family, address)
    assert len(guard.refused) == 1


def test_a_socket_of_the_child_reaches_the_rest() -> None:
    guard = SocketGuard(AddressGuard({"127.0.0.1:8080"}))
    guard.check(socket.AF_INET, ("127.0.0.1", 8080))
    guard.check(socket.AF_INET, ("1.1.1.1", 443))
    assert guard.refused == []


@given(st.text(), st.integers(0, 2**53))
def test_a_message_comes_out_as_it_went_in(address: str, size: int) -> None:
    packed = pack(FetchOrder(address.encode("utf-8", "replace").decode(), "en", size, 1))
    assert read_body(io.BytesIO(packed)) == packed[4:]
    assert read_body(io.BytesIO(packed[:-1])) is None


@pytest.mark.parametrize(("today", "ok"), [(date(2026, 2, 14), True), (date(2026, 2, 15), False)])
def test_an_old_ytdlp_is_told_with_its_remedy(today: date, *, ok: bool) -> None:
    health = ytdlp_age(lambda: today, lambda _: "2025.12.31")
    assert (health.ok, bool(health.remedy)) == (ok, not ok)
    assert "2025.12.31" in health.detail


def test_a_nightly_version_has_an_age_too() -> None:
    assert ytdlp_age(lambda: date(2026, 1, 2), lambda _: "2026.1.1.232900").detail.endswith("1 days old")


def script(path: Path, prints: str) -> str:
    path.write_text(f"#!/bin/sh\necho '{prints}'\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize(
    ("programs", "ok", "says"),
    [
        ({}, False, "none found"),
        ({"node": "v20.20.2"}, False, "node 20.20 is too old"),
        ({"node": "v22.1.0"}, True, "node 22.1"),
        ({"deno": "deno 2.5.1 (stable)", "node": "v20.0.0"}, True, "deno 2.5"),
        ({"deno": "deno 2.2.9"}, False, "deno 2.2 is too old"),
        ({"node": "what"}, False, "too old"),
    ],
)
def test_a_javascript_runtime_is_named(tmp_path: Path, programs: dict[str, str], says: str, *, ok: bool) -> None:
    paths = {name: script(tmp_path / name, prints) for name, prints in programs.items()}
    health = javascript_runtime(paths.get)
    assert (health.ok, bool(health.remedy)) == (ok, not ok)
    assert says in health.detail
    assert runtimes_found(paths.get) == paths


def test_a_runtime_that_cannot_be_started_is_too_old(tmp_path: Path) -> None:
    (tmp_path / "deno").write_text("", encoding="utf-8")
    assert not javascript_runtime({"deno": str(tmp_path / "deno")}.get).ok


@pytest.mark.parametrize(
    ("end", "sentence"),
    [
        ("raise ValueError('no such thing.')", "with code 1: ValueError: no such thing; try again."),
        ("sys.stderr.write('OSError: gone\\n\\n<no Python frame>\\n'); os.abort()", "by signal 6: OSError: gone; try"),
        ("os.kill(os.getpid(), 9)", "by signal 9: try again."),
        ("sys.stderr.write('<no Python frame>'); os._exit(7)", "with code 7: try again."),
    ],
)
async def test_a_child_that_breaks_off_is_told_in_a_sentence(tmp_path: Path, end: str, sentence: str) -> None:
    with (tmp_path / "complaints").open("w+b") as complaints:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", "-c", f"import os, sys; {end}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
        )
        with pytest.raises(UnavailableError, match=f"ended unexpectedly, {re.escape(sentence)}"):
            await WorkerProcess(child, complaints).ask(FetchOrder("https://a.example", "en", 1, 1))
