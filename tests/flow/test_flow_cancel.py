"""What is stopped has stopped: no child process stays, and nothing half-done is to be seen."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typed_commands import Commands

RECORDING = Path(__file__).parents[2] / "examples" / "rent-control" / "debate.opus"
PATIENCE_S = 60.0
DOWNLOADER, RECOGNISER = "udib.sources.ytdlp_worker", "udib.transcripts.sphinx_worker"

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="child processes are looked for in /proc")


class Dribble(BaseHTTPRequestHandler):
    """A video that never ends: its first bytes, then one a moment until the reader goes or the test ends."""

    over = threading.Event()

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", "100000000")
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        with_header = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41" + bytes(4096)
        try:
            self.wfile.write(with_header)
            while not self.over.wait(0.1):
                self.wfile.write(bytes(100))
        except OSError:
            return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a video that never ends."""
    Dribble.over.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Dribble)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    place = f"127.0.0.1:{server.server_port}"
    monkeypatch.setenv("UDIB_NET__ALLOW", json.dumps([place]))
    yield f"http://{place}/endless.mp4"
    Dribble.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


class Udib(Commands):
    """Commands of this process on a data directory, and others in processes of their own."""

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "udib.app.start", *arguments, "--data-dir", str(self.data)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)

    def document(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--json"))

    def state(self, job: str) -> str:
        return str(self.document("jobs", "show", job)["state"])

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[str]]:
        process = self.start("worker")
        assert process.stderr is not None
        try:
            assert "serving" in process.stderr.readline()
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_S)

    def nothing_is_to_be_seen(self) -> None:
        """No report, no finished media, and nothing that could be asked about."""
        assert not list(self.data.glob("reports/**/*.json"))
        assert not [path for path in self.data.glob("artifacts/**/*") if path.is_file() and path.stem == "media"]
        assert "nothing" in self("ask", "What was said about rents?").lower()


@pytest.fixture
def udib(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Udib:
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "1")
    return Udib(tmp_path / "data", capsys)


def until(happens: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def children(process: subprocess.Popen[str], module: str) -> list[int]:
    """The living child processes of a process that run a module."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if folder.name.isdigit() and int(status[1]) == process.pid and status[0] != "Z" and module in command:
            found.append(int(folder.name))
    return found


def parts(data: Path) -> list[Path]:
    return [path for path in data.glob("artifacts/**/part*") if path.stat().st_size]


def test_a_job_that_is_cancelled_while_it_downloads_ends_its_child(udib: Udib, endless: str) -> None:
    with udib.worker() as worker:
        job = udib.document("analyze", endless, "--background")["id"]
        until(lambda: parts(udib.data))
        assert children(worker, DOWNLOADER)
        udib("jobs", "cancel", job)
        until(lambda: not children(worker, DOWNLOADER))
        until(lambda: udib.state(job) == "cancelled")
        assert "cancelled already" in udib("jobs", "cancel", job, code=2)
        udib.nothing_is_to_be_seen()
        # It goes on when that is wanted, and is stopped once more.
        udib("jobs", "resume", job)
        until(lambda: children(worker, DOWNLOADER))
        udib("jobs", "cancel", job)
        until(lambda: not children(worker, DOWNLOADER))
        until(lambda: udib.state(job) == "cancelled")


def test_a_job_that_is_cancelled_while_it_listens_ends_its_children(udib: Udib) -> None:
    with udib.worker() as worker:
        job = udib.document("analyze", str(RECORDING), "--background")["id"]
        until(lambda: len(children(worker, RECOGNISER)) >= 2)
        assert "was told to stop" in udib("jobs", "cancel", job)
        until(lambda: not children(worker, RECOGNISER))
        until(lambda: udib.state(job) == "cancelled")
        udib.nothing_is_to_be_seen()


@pytest.mark.parametrize(("setting", "named"), [("DOWNLOAD_S", "download"), ("JOB_S", "run")])
def test_what_never_ends_is_stopped_at_its_deadline(
    udib: Udib, endless: str, monkeypatch: pytest.MonkeyPatch, setting: str, named: str
) -> None:
    monkeypatch.setenv(f"UDIB_ENGINE__DEADLINES__{setting}", "4")
    with udib.worker() as worker:
        job = udib.document("analyze", endless, "--background")["id"]
        until(lambda: udib.state(job) == "failed")
        assert not children(worker, DOWNLOADER)
        shown = udib.document("jobs", "show", job)
        assert f"The stage '{named}' gave no result in 4 s and was stopped" in shown["error"]
        udib.nothing_is_to_be_seen()


def test_who_waits_for_its_turn_is_told_so(udib: Udib, endless: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDIB_ENGINE__LIMITS__WEB__AT_ONCE", "1")
    first = udib.start("analyze", endless)
    until(lambda: parts(udib.data))
    second = udib.start("analyze", f"{endless}?2", "--tenant", "other")
    try:
        assert second.stderr is not None
        assert second.stderr.readline() == "resolve: waiting for its turn (download from web), 0 before it\n"
    finally:
        for process in (first, second):
            process.send_signal(signal.SIGINT)
        for process in (first, second):
            process.communicate(timeout=PATIENCE_S)


def test_more_jobs_than_may_wait_are_refused(udib: Udib, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDIB_ENGINE__LIMITS__WAITING_OF_ONE_TENANT", "1")
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.vtt").write_text("WEBVTT\n")
    udib("analyze", str(tmp_path / "one.vtt"), "--background")
    refusal = udib("analyze", str(tmp_path / "two.vtt"), "--background", code=3)
    assert refusal == (
        "udib: As many jobs of default wait as may (1, engine.limits.waiting_of_one_tenant); order again when some are "
        "done, or cancel some with `udib jobs cancel`.\n"
    )
    udib("analyze", str(tmp_path / "one.vtt"), "--background")  # which waits already
    udib("analyze", str(tmp_path / "two.vtt"), "--background", "--tenant", "other")
