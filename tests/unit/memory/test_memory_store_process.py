"""One store process per directory: found, started, shared, killed, replaced, and gone when nobody needs it."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from udib.core.errors import Status, UdibError, UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.core.vectors import Filters, Point
from udib.memory import store_client, store_process
from udib.memory.conditions import Selection
from udib.memory.edge import EdgeIndex
from udib.memory.store_client import StoreClient, is_owned, socket_path
from udib.memory.store_protocol import Collections, Count, FrameError, Frames, Ping, StoreState, frame

A = Scope.of("a", "main")
NAME = "words"
ANY = Filters()


def point(content: str = "c") -> Point:
    return Point(str(uuid4()), (1.0, 0.5), {"content_id": content})


@asynccontextmanager
async def opened(folder: Path, *, linger_s: float = 0.1, runtime_dir: Path | None = None) -> AsyncIterator[EdgeIndex]:
    index = EdgeIndex(folder, runtime_dir, linger_s=linger_s)
    try:
        yield index
    finally:
        await index.close()


async def process_of(index: EdgeIndex) -> int:
    return int((await index.ping()).detail.rpartition(" ")[2])


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # In a container without an init, an orphan that ended stays as a zombie.
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.01)


async def test_two_clients_share_one_process(vectors: Path) -> None:
    async with opened(vectors) as first, opened(vectors) as second:
        await first.ensure(NAME, model_id="m", dimension=2)
        await first.upsert(A, NAME, [point()])
        assert await second.count(A, NAME, ANY) == 1
        assert await process_of(first) == await process_of(second)


async def test_clients_that_race_to_start_it_end_up_with_one(vectors: Path) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(opened(vectors)) for _ in range(4)]
        async with asyncio.TaskGroup() as group:
            pids = [group.create_task(process_of(client)) for client in clients]
        assert len({task.result() for task in pids}) == 1


async def test_calls_of_one_client_may_overlap(vectors: Path) -> None:
    async with opened(vectors) as index:
        await index.ensure(NAME, model_id="m", dimension=2)
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(index.upsert(A, NAME, [point()]))
        assert await index.count(A, NAME, ANY) == 50


async def test_killed_it_is_started_again_and_nothing_acknowledged_is_lost(vectors: Path) -> None:
    async with opened(vectors) as index:
        await index.ensure(NAME, model_id="m", dimension=2)
        for round_number in range(3):
            await index.upsert(A, NAME, [point() for _ in range(10)])
            pid = await process_of(index)
            os.kill(pid, signal.SIGKILL)
            assert await index.count(A, NAME, ANY) == 10 * (round_number + 1)
            assert await process_of(index) != pid


async def test_a_deleted_content_stays_deleted_when_it_is_killed(vectors: Path) -> None:
    async with opened(vectors) as index:
        await index.ensure(NAME, model_id="m", dimension=2)
        await index.upsert(A, NAME, [point("gone"), point("kept")])
        assert await index.delete(A, NAME, Filters(content_id=ContentId("gone"))) == 1
        os.kill(await process_of(index), signal.SIGKILL)
        assert await index.count(A, NAME, Filters(content_id=ContentId("gone"))) == 0
        assert await index.count(A, NAME, ANY) == 1


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.05, 0.1])
async def test_a_deletion_that_is_killed_half_way_is_made_whole(vectors: Path, after_s: float) -> None:
    gone, kept = Filters(content_id=ContentId("gone")), Filters(content_id=ContentId("kept"))
    async with opened(vectors) as index:
        await index.ensure(NAME, model_id="m", dimension=2)
        await index.upsert(A, NAME, [point("kept") for _ in range(1000)] + [point("gone") for _ in range(50)])
        pid = await process_of(index)
        deletion = asyncio.create_task(index.delete(A, NAME, gone))
        await asyncio.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
        assert await deletion in {0, 50}
        assert await index.count(A, NAME, gone) == 0
        assert await index.count(A, NAME, kept) == 1000
        assert len(list((vectors / "shards").iterdir())) == 1


async def test_what_an_interrupted_rewrite_left_is_removed(vectors: Path) -> None:
    async with opened(vectors) as index:
        await index.ensure(NAME, model_id="m", dimension=2)
        await index.upsert(A, NAME, [point()])
        leftover = vectors / "shards" / f"{NAME}.2"
        leftover.mkdir()
        (leftover / "page").write_text("words that were to go")
        os.kill(await process_of(index), signal.SIGKILL)
        assert await index.count(A, NAME, ANY) == 1
        assert not leftover.exists()


async def test_it_ends_a_little_after_the_last_client(vectors: Path) -> None:
    async with opened(vectors, linger_s=0.3) as index:
        pid = await process_of(index)
        await asyncio.sleep(0.5)
        assert not gone(pid)
    await asyncio.sleep(0.05)
    async with opened(vectors) as index:
        assert await process_of(index) == pid
    await until(lambda: gone(pid))
    assert not is_owned(vectors)
    assert not socket_path(vectors, None).exists()


async def test_a_terminated_process_flushes_and_the_next_one_has_all(vectors: Path) -> None:
    async with opened(vectors) as index:
        await index.ensure(NAME, model_id="m", dimension=2)
        await index.upsert(A, NAME, [point()])
        pid = await process_of(index)
        os.kill(pid, signal.SIGTERM)
        await until(lambda: gone(pid))
        assert await index.count(A, NAME, ANY) == 1
    assert "ended" in (vectors / "store.log").read_text()


async def test_interrupting_the_client_does_not_end_it(vectors: Path) -> None:
    async with opened(vectors) as index:
        pid = await process_of(index)
        assert os.getsid(pid) != os.getsid(0)


async def test_its_words_and_socket_are_the_owners_alone(vectors: Path) -> None:
    async with opened(vectors) as index:
        await index.ensure(NAME, model_id="m", dimension=2)
        address = Path((vectors / "store.lock").read_text())
        for private in (vectors, address.parent, vectors / "manifest.json", vectors / "store.log"):
            assert stat.S_IMODE(private.stat().st_mode) & 0o077 == 0


async def test_the_socket_lies_in_the_runtime_directory(vectors: Path, tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    if len(os.fsencode(runtime)) > store_client.LONGEST_SOCKET_PATH - 22:
        pytest.skip("the temporary directory of this machine has too long a path for a socket")
    async with opened(vectors, runtime_dir=runtime) as index:
        assert (await index.ping()).ok
        assert [path.suffix for path in runtime.iterdir()] == [".sock"]
        # A client with another runtime directory (a cron job has none) finds the same process.
        async with opened(vectors) as other:
            assert await process_of(other) == await process_of(index)


async def test_a_long_data_path_works(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a-directory-with-a-rather-long-name"] * 5)
    async with opened(folder, runtime_dir=folder / "run", linger_s=0.0) as index:
        assert (await index.ping()).ok
    await until(lambda: not is_owned(folder))


def test_a_socket_has_a_short_path_however_long_the_temporary_directory_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("t" * 100)))
    path = socket_path(tmp_path, tmp_path / ("r" * 100))
    assert len(os.fsencode(path)) <= store_client.LONGEST_SOCKET_PATH
    assert path.parent.name == f"udib-{os.geteuid()}"


async def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with opened(tmp_path / "file" / "vectors") as index:
        with pytest.raises(UnavailableError, match="directory"):
            await index.count(A, NAME, ANY)
        health = await index.ping()
    assert not health.ok
    assert health.remedy


@pytest.mark.parametrize("left", [b"/nowhere/x.sock", b"\xff\xfe\x00\x93" * 40, b"/tmp/a\x00b", b"x" * 300])
async def test_whatever_a_lock_file_says_a_new_process_is_started(vectors: Path, left: bytes) -> None:
    vectors.mkdir()
    (vectors / "store.lock").write_bytes(left)
    async with opened(vectors) as index:
        assert (await index.ping()).ok


async def test_a_runtime_directory_that_cannot_be_made_is_named(vectors: Path, tmp_path: Path) -> None:
    if len(os.fsencode(tmp_path / "run")) > store_client.LONGEST_SOCKET_PATH - 22:
        pytest.skip("the temporary directory of this machine has too long a path for a socket")
    (tmp_path / "run").write_text("a file")
    async with opened(vectors, runtime_dir=tmp_path / "run") as index:
        health = await index.ping()
    assert f"{tmp_path / 'run'}" in health.detail
    assert health.remedy.startswith("check the disk and the folder")


@pytest.mark.parametrize(
    ("is_full", "words"), [(True, "The disk that holds .* is full"), (False, "store.log says why")]
)
async def test_a_process_that_keeps_dying_is_explained(
    vectors: Path, monkeypatch: pytest.MonkeyPatch, is_full: bool, words: str
) -> None:
    async def nobody(_: StoreClient) -> None:
        raise store_client.ConnectionGoneError

    monkeypatch.setattr(StoreClient, "_connected", nobody)
    monkeypatch.setattr(store_client, "is_full", lambda _: is_full)
    with pytest.raises(UnavailableError, match=words):
        await StoreClient(vectors, None, 0.1).call(Ping(), StoreState)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_an_unwritable_directory_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    async with opened(tmp_path / "vectors") as index:
        with pytest.raises(UnavailableError, match="make it and its folder writable"):
            await index.count(A, NAME, ANY)


@pytest.mark.parametrize(
    ("manifest", "words", "status"),
    [
        ('{"schema": 99, "collections": {}}', "newer udib", Status.BAD_REQUEST),  # as the other stores say it
        ("{half", "damaged", Status.FAILED),
    ],
)
async def test_a_manifest_that_cannot_be_read_is_refused(
    vectors: Path, manifest: str, words: str, status: Status
) -> None:
    vectors.mkdir()
    (vectors / "manifest.json").write_text(manifest)
    async with opened(vectors) as index:
        with pytest.raises(UdibError, match=words) as caught:
            await index.count(A, NAME, ANY)
    assert caught.value.status is status
    assert (vectors / "manifest.json").read_text() == manifest


async def test_a_damaged_collection_is_said_and_the_others_work(vectors: Path) -> None:
    async with opened(vectors, linger_s=0.0) as index:
        for name in (NAME, "other"):
            await index.ensure(name, model_id="m", dimension=2)
            await index.upsert(A, name, [point()])
    await until(lambda: not is_owned(vectors))
    for config in (vectors / "shards" / f"{NAME}.1").rglob("segment.json"):
        config.write_text("{")
    (vectors / "shards" / f"{NAME}.1" / "edge_config.json").write_text("{")
    async with opened(vectors) as index:
        with pytest.raises(UnavailableError, match="backup"):
            await index.count(A, NAME, ANY)
        assert await index.count(A, "other", ANY) == 1


async def test_a_process_of_another_version_is_named(vectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(vectors) as index:
        pid = await process_of(index)
        monkeypatch.setattr(store_client, "__version__", "99.0")
        async with opened(vectors) as newer:
            with pytest.raises(UnavailableError, match=rf"this is udib 99\.0: close the other one .*{pid}"):
                await newer.count(A, NAME, ANY)
        assert not gone(pid)


async def test_a_lonely_process_of_another_version_makes_way(vectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(vectors, linger_s=30.0) as index:
        pid = await process_of(index)
    monkeypatch.setattr(store_client, "__version__", "99.0")
    monkeypatch.setattr(store_client, "START_WITHIN_S", 0.3)
    async with opened(vectors) as newer:
        # The process that follows is of this version again, so the made-up one never fits.
        with pytest.raises(UnavailableError):
            await newer.count(A, NAME, ANY)
    await until(lambda: gone(pid))


async def test_a_client_that_sends_nonsense_is_disconnected_and_the_others_go_on(vectors: Path) -> None:
    async with opened(vectors) as index:
        assert (await index.ping()).ok
        address = (vectors / "store.lock").read_text()
        for nonsense in (b"\xff" * 64, frame(Collections()), b"\x00\x00\x00\x01\xc1"):
            reader, writer = await asyncio.open_unix_connection(address)
            writer.write(nonsense)
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        assert (await index.ping()).ok


async def test_a_selection_without_scope_is_refused_by_the_process_itself(vectors: Path) -> None:
    async with opened(vectors) as index:
        await index.ensure(NAME, model_id="m", dimension=2)
        client = StoreClient(vectors, None, 0.1)
        for nobody in (Selection("", "main"), Selection("a", "")):
            with pytest.raises(UdibError, match="names a tenant"):
                await client.call(Count(NAME, nobody), int)
        assert isinstance(await client.call(Ping(), StoreState), StoreState)
        await client.close()


async def test_a_call_that_is_given_up_does_not_disturb_the_next(vectors: Path) -> None:
    async with opened(vectors) as index:
        await index.ensure(NAME, model_id="m", dimension=2)
        for _ in range(20):
            task = asyncio.create_task(index.count(A, NAME, ANY))
            await asyncio.sleep(0)
            task.cancel()
        assert await index.count(A, NAME, ANY) == 0


def test_it_says_busy_when_another_owns_the_directory(vectors: Path) -> None:
    vectors.mkdir()
    with store_process.owned(vectors) as lock:
        assert lock is not None
        command = [sys.executable, "-m", "udib.memory.store_process", str(vectors), str(vectors / "s"), "0"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    assert done.stdout == "ok busy\n"


def test_it_starts_fast(vectors: Path) -> None:
    async def cold() -> float:
        start = time.perf_counter()
        async with opened(vectors) as index:
            await index.ping()
        return time.perf_counter() - start

    assert asyncio.run(cold()) < 15  # a hang, not a speed


def test_frames_are_found_however_the_bytes_are_cut() -> None:
    messages = [Count(f"c{number}", Selection("a", "b")) for number in range(5)]
    stream = b"".join(frame(message) for message in messages)
    frames = Frames()
    found = [body for at in range(len(stream)) for body in frames.feed(stream[at : at + 1])]
    assert found == list(Frames().feed(stream))
    assert len(found) == 5


def test_a_frame_that_is_too_large_is_refused() -> None:
    with pytest.raises(FrameError):
        list(Frames().feed(b"\xff\xff\xff\xff"))
