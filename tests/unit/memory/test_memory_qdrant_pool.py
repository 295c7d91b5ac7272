"""The pool of connections to Qdrant servers, with clients that follow a script."""

import asyncio
import threading
from collections.abc import AsyncIterator
from random import Random
from typing import Any, cast

import pytest
from qdrant_client import AsyncQdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from udib.core.errors import BadRequestError, ForbiddenError, UnavailableError
from udib.memory.qdrant_endpoint import ConnectionLostError, Endpoint, NoAnswerError, NotThereError, server_errors
from udib.memory.qdrant_provider import QdrantConnectionPool, Timing, connect, get_qdrant_client

HERE = Endpoint("http://127.0.0.1:6333")


class FakeClient:
    def __init__(self) -> None:
        self.closed = 0
        self.probes = 0
        self.dead = False

    async def close(self) -> None:
        self.closed += 1

    async def info(self) -> None:
        self.probes += 1
        if self.dead:
            raise ResponseHandlingException(ConnectionRefusedError())


class Stage:
    """A pool over fake clients and a clock that stands still unless it is slept on."""

    def __init__(self, max_size: int = 10) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.made: list[FakeClient] = []
        self.slow = asyncio.Event()
        self.slow.set()
        timing = Timing(now=lambda: self.now, sleep=self.sleep, rng=Random(7))
        self.pool = QdrantConnectionPool(max_size, 5.0, connect=self.connect, timing=timing)

    async def connect(self, endpoint: Endpoint, timeout_s: float) -> AsyncQdrantClient:
        await self.slow.wait()
        self.made.append(FakeClient())
        return cast("AsyncQdrantClient", self.made[-1])

    async def sleep(self, seconds: float) -> None:
        if seconds > 10:  # the watch: the tests call the check themselves
            await asyncio.Event().wait()
        self.pauses.append(seconds)
        self.now += seconds

    async def call(self, endpoint: Endpoint = HERE, *, failure: Exception | None = None) -> Any:
        async with self.pool.client(endpoint) as client:
            await asyncio.sleep(0)
            if failure is not None:
                raise failure
            return client


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    opened = Stage()
    yield opened
    await opened.pool.close_all()


def broken() -> Exception:
    return ResponseHandlingException(ConnectionResetError())


async def test_a_hundred_callers_share_one_client_and_wait_for_one_connection(stage: Stage) -> None:
    stage.slow.clear()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(stage.call()) for _ in range(100)]
        await asyncio.sleep(0.01)
        # Nothing is locked while the connection is made.
        assert stage.pool._lock.acquire(blocking=False)
        stage.pool._lock.release()
        stage.slow.set()
    assert len({id(task.result()) for task in tasks}) == 1
    assert len(stage.made) == 1
    assert stage.made[0].probes == 0


async def test_one_caller_that_gives_up_does_not_take_the_connection_from_the_others(stage: Stage) -> None:
    stage.slow.clear()
    first, second = asyncio.create_task(stage.call()), asyncio.create_task(stage.call())
    await asyncio.sleep(0.01)
    first.cancel()
    stage.slow.set()
    assert await second is stage.made[0]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_another_key_address_or_way_is_another_client(stage: Stage) -> None:
    ways = [HERE, Endpoint(HERE.url, "key"), Endpoint(HERE.url, "other"), Endpoint(HERE.url, grpc_port=6334)]
    assert len({id(await stage.call(each)) for each in ways}) == 4
    assert await stage.pool.get_client(HERE.url, "key") is cast("object", stage.made[1])


async def test_a_broken_client_is_replaced_and_closed_when_its_last_caller_has_left(stage: Stage) -> None:
    async with stage.pool.client(HERE):
        with pytest.raises(ConnectionLostError, match="cannot be reached"):
            await stage.call(failure=broken())
        assert await stage.call() is stage.made[1]
        assert stage.made[0].closed == 0
    assert stage.made[0].closed == 1
    assert stage.made[1].closed == 0


async def test_pauses_grow_with_each_failure_and_end_with_success(stage: Stage) -> None:
    for _ in range(8):
        with pytest.raises(ConnectionLostError):
            await stage.call(failure=broken())
    assert all(earlier < 2 * later for earlier, later in zip(stage.pauses, stage.pauses[1:], strict=False))
    assert stage.pauses[0] < 0.2
    assert 1.0 <= stage.pauses[-1] <= 2.0
    await stage.call()
    with pytest.raises(ConnectionLostError):
        await stage.call(failure=broken())
    await stage.call()
    assert stage.pauses[-1] <= 0.1


async def test_many_callers_of_one_broken_connection_count_as_one_failure(stage: Stage) -> None:
    async def fail() -> None:
        with pytest.raises(ConnectionLostError):
            await stage.call(failure=broken())

    async with asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(fail())
    await stage.call()
    assert len(stage.made) == 2
    assert stage.pauses[0] <= 0.1


async def test_an_error_that_the_server_sends_leaves_the_client_in_the_pool(stage: Stage) -> None:
    refused = UnexpectedResponse(400, "Bad Request", b'{"status": {"error": "Wrong input"}}', cast("Any", {}))
    with pytest.raises(BadRequestError, match="Wrong input"):
        await stage.call(failure=refused)
    assert await stage.call() is stage.made[0]


async def test_a_call_that_takes_too_long_ends_and_its_client_is_replaced(stage: Stage) -> None:
    stage.pool.timeout = 0.01
    with pytest.raises(NoAnswerError, match="in time"):
        async with stage.pool.client(HERE):
            await asyncio.sleep(5)
    stage.pool.timeout = 5.0
    assert await stage.call() is not stage.made[0]


async def test_the_longest_unused_client_makes_room(stage: Stage) -> None:
    stage.pool.max_size = 2
    a, b, c = (Endpoint(f"http://127.0.0.1:{port}") for port in (1, 2, 3))
    await stage.call(a)
    await stage.call(b)
    await stage.call(a)
    await stage.call(c)
    assert [each.closed for each in stage.made] == [0, 1, 0]
    assert len(stage.pool._clients) == 2


async def test_clients_in_use_are_never_closed_to_make_room(stage: Stage) -> None:
    stage.pool.max_size = 1
    async with stage.pool.client(HERE):
        with pytest.raises(UnavailableError, match="in use"):
            await stage.call(Endpoint("http://127.0.0.1:1"))
    await stage.call(Endpoint("http://127.0.0.1:1"))
    assert [each.closed for each in stage.made] == [1, 0]


async def test_a_quiet_client_is_probed_and_a_dead_one_closed(stage: Stage) -> None:
    await stage.call()
    await stage.pool._perform_health_check()
    assert stage.made[0].probes == 0  # it has just been heard from
    stage.now += 61
    await stage.pool._perform_health_check()
    assert (stage.made[0].probes, stage.made[0].closed) == (1, 0)
    assert stage.pool._last_health_check == stage.now
    stage.made[0].dead = True
    stage.now += 61
    await stage.pool._perform_health_check()
    assert stage.made[0].closed == 1
    assert await stage.call() is stage.made[1]


async def test_the_watch_checks_again_and_again() -> None:
    checked = asyncio.Event()
    rest: list[float] = []

    async def sleep(seconds: float) -> None:
        rest.append(seconds)
        await asyncio.sleep(0)
        if len(rest) > 2:
            checked.set()
            await asyncio.Event().wait()

    async def made(endpoint: Endpoint, timeout_s: float) -> AsyncQdrantClient:
        return cast("AsyncQdrantClient", FakeClient())

    pool = QdrantConnectionPool(connect=made, timing=Timing(sleep=sleep, rng=Random(1)))
    await pool.get_client(HERE.url)
    await asyncio.wait_for(checked.wait(), 2)
    assert all(54 <= each <= 66 for each in rest)
    assert len(set(rest)) == 3
    await pool.close_all()


async def test_close_all_closes_everything_and_can_be_repeated(stage: Stage) -> None:
    await stage.call()
    await stage.call(Endpoint("http://127.0.0.1:1"))
    stage.slow.clear()
    waiting = asyncio.create_task(stage.call(Endpoint("http://127.0.0.1:2")))
    await asyncio.sleep(0.01)
    await stage.pool.close_all()
    await stage.pool.close_all()
    assert [each.closed for each in stage.made] == [1, 1]
    assert not stage.pool._clients
    assert not stage.pool._watches
    with pytest.raises(UnavailableError, match="closed"):
        await waiting
    stage.slow.set()
    await stage.call()
    assert len(stage.made) == 3


async def test_each_event_loop_has_its_own_client_and_ended_loops_leave_none(stage: Stage) -> None:
    await stage.call()
    thread = threading.Thread(target=lambda: asyncio.run(stage.call()))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert len(stage.made) == 2
    assert stage.made[0] is not stage.made[1]
    await stage.call(Endpoint("http://127.0.0.1:1"))
    assert all(not loop.is_closed() for _, loop in stage.pool._clients)


async def test_the_pool_has_the_plans_surface() -> None:
    pool = QdrantConnectionPool()
    assert (pool.max_size, pool.timeout, pool._health_check_interval) == (10, 30.0, 60.0)
    client = await get_qdrant_client("http://127.0.0.1:1")
    assert await get_qdrant_client("http://127.0.0.1:1") is client
    assert not await pool._is_client_healthy(client)
    from udib.memory.qdrant_provider import _pool

    await _pool.close_all()
    assert client._client.closed  # type: ignore[attr-defined]


async def test_a_key_is_a_header_and_never_printed() -> None:
    endpoint = Endpoint("https://127.0.0.1", "s3cret")
    assert "s3cret" not in repr(endpoint)
    client = await connect(endpoint, 30.0)
    assert client._client.rest_uri.startswith("https://127.0.0.1:6333")  # type: ignore[attr-defined]
    assert client._client._rest_headers["api-key"] == "s3cret"  # type: ignore[attr-defined]
    await client.close()
    said = b'{"status": {"error": "key s3cret\\n is not good"}}'
    with pytest.raises(BadRequestError) as caught, server_errors(endpoint):
        raise UnexpectedResponse(422, "", said, cast("Any", {}))
    assert str(caught.value).endswith("status 422 (key [key] is not good).")


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:6333", "ftp://x", "http://", "http://x:port", "http://a:b@x", "http://x?key=1", "http://x:0"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadRequestError, match="qdrant_url"):
        Endpoint(url)


@pytest.mark.parametrize("key", ["", "a b", "a\nb", "\u00e9"])
def test_a_key_that_is_no_header_is_refused(key: str) -> None:
    with pytest.raises(BadRequestError, match="key"):
        Endpoint("http://x", key)


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    [
        (401, b"", ForbiddenError, "does not accept the key"),
        (403, b"{}", ForbiddenError, "qdrant_api_key"),
        (
            404,
            b'{"status": {"error": "Not found: Collection `x` doesn\'t exist!"}}',
            NotThereError,
            "no such collection",
        ),
        (404, b"<html>", BadRequestError, "is memory.qdrant_url the address"),
        (301, b"", BadRequestError, "status 301"),
        (400, b'{"status": {"error": "Wrong  input:\\n dim"}}', BadRequestError, "(Wrong input: dim)"),
        (408, b"", NoAnswerError, "408"),
        (429, b"", UnavailableError, "fewer requests"),
        (500, b'{"status": {"error": "disk full"}}', UnavailableError, "disk full"),
        (503, b"[]", UnavailableError, "503"),
        (504, b"", NoAnswerError, "504"),
    ],
)
def test_what_the_server_says_comes_out_in_our_words(
    status: int, body: bytes, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught, server_errors(HERE):
        raise UnexpectedResponse(status, "", body, cast("Any", {}))
    assert words in str(caught.value)
    assert "http://127.0.0.1:6333" in str(caught.value)
    assert type(caught.value) is error or error is UnavailableError


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        (Endpoint("https://db.example/qdrant"), "https://db.example:6333"),
        (Endpoint("http://[::1]:7000"), "http://[::1]:7000"),
        (Endpoint("http://[::1]:7000", grpc_port=7001), "http://[::1]:7001"),
    ],
)
def test_messages_name_the_host_and_the_port(endpoint: Endpoint, name: str) -> None:
    assert endpoint.name == name
