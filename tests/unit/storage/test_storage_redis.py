"""A real Redis server, killed, paused, restarted and closed to strangers, and the store that goes on without it."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from udib.core.errors import BadRequestError, ForbiddenError, UnavailableError
from udib.storage.degrading import DegradingKeyValueStore, Outage
from udib.storage.kv import MemoryKeyValueStore
from udib.storage.redis import RedisKeyValueStore, RedisServer
from udib.testing.redis_process import RedisProcess


@pytest.fixture
async def server(own_redis: RedisProcess) -> AsyncIterator[RedisServer]:
    opened = RedisServer(own_redis.url, timeout_s=5)
    yield opened
    await opened.close()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("url", ["", "localhost:6379", "http://h:1", "redis://", "redis://h:port", "redis://h:1?db=x"])
def test_an_address_that_is_none_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(BadRequestError, match=r"^The address of the Redis server is none; write redis://HOST"):
        RedisServer(url)


async def test_a_wrong_password_is_said_and_not_shown(own_redis: RedisProcess) -> None:
    own_redis.kill()
    own_redis.password = "right"
    own_redis.start()
    for url in (own_redis.url.replace("right", "wrong-secret"), own_redis.url.replace(":right@", "")):
        server = RedisServer(url)
        with pytest.raises(ForbiddenError, match="refuses the user or password; correct them") as caught:
            await RedisKeyValueStore(server).get("a")
        health = await RedisKeyValueStore(server).ping()
        assert not health.ok
        assert "secret" not in f"{caught.value} {health} {RedisKeyValueStore(server)}"
        await server.close()
    server = RedisServer(own_redis.url)
    assert (await RedisKeyValueStore(server).ping()).ok
    await server.close()


async def test_a_store_whose_password_is_wrong_goes_on_in_memory_and_says_so(own_redis: RedisProcess) -> None:
    own_redis.kill()
    own_redis.password = "right"
    own_redis.start()
    server = RedisServer(own_redis.url.replace("right", "wrong"))
    store = DegradingKeyValueStore(RedisKeyValueStore(server))
    await store.set("a", b"x")
    assert await store.get("a") == b"x"
    health = await store.ping()
    assert (health.ok, health.remedy) == (False, "correct them in its address.")
    assert "refuses the user or password; kept in memory for 0 s" in health.detail
    await server.close()


async def test_a_server_that_is_away_is_unavailable_and_says_where_it_should_be(tmp_path: Path) -> None:
    store = RedisKeyValueStore(RedisServer(f"unix://{tmp_path}/none"))
    with pytest.raises(UnavailableError, match=r"The Redis server at .*/none cannot be used now \(.+\); see that"):
        await store.get("a")
    assert not (await store.ping()).ok


async def test_a_full_server_is_unavailable_for_writing(server: RedisServer) -> None:
    await server.client().config_set("maxmemory", "1")
    with pytest.raises(UnavailableError, match="see that it runs and has room"):
        await RedisKeyValueStore(server).set("a", b"x")


async def test_a_silent_server_is_given_up_after_the_timeout(own_redis: RedisProcess) -> None:
    server = RedisServer(own_redis.url, timeout_s=0.1)
    store = RedisKeyValueStore(server)
    await store.set("a", b"x")
    own_redis.signal(signal.SIGSTOP)
    with pytest.raises(UnavailableError, match="no answer in time"):
        await store.get("a")
    own_redis.signal(signal.SIGCONT)
    await server.close()


async def test_other_keys_on_the_server_are_left_alone(server: RedisServer) -> None:
    await server.client().set("someone", "else")
    store = RedisKeyValueStore(server)
    await store.set("a", b"x")
    assert await store.clear() == 1
    assert await server.client().get("someone") == b"else"


async def test_each_loop_has_connections_of_its_own(server: RedisServer) -> None:
    store = RedisKeyValueStore(server)
    await store.set("a", b"x")

    async def elsewhere() -> bytes | None:
        try:
            return await store.get("a")
        finally:
            await server.close()

    assert await asyncio.to_thread(asyncio.run, elsewhere()) == b"x"
    assert await store.get("a") == b"x"


async def test_a_server_that_pauses_holds_no_loop(own_redis: RedisProcess, server: RedisServer) -> None:
    """The calls wait; the loop goes on. How long its longest stall is, the benchmark measures."""
    store = RedisKeyValueStore(server)
    await store.set("a", b"x")
    own_redis.signal(signal.SIGSTOP)
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(store.get("a")) for _ in range(100)]
        for _ in range(1000):
            await asyncio.sleep(0)
        assert not any(call.done() for call in calls)
        own_redis.signal(signal.SIGCONT)
    assert {call.result() for call in calls} == {b"x"}


async def test_no_call_fails_while_the_server_is_killed_and_started_again(
    own_redis: RedisProcess, server: RedisServer
) -> None:
    store = DegradingKeyValueStore(RedisKeyValueStore(server), Outage(retry_s=0.05))
    await store.set("before", b"x")
    stop = False

    async def use(number: int) -> None:
        while not stop:
            await store.set(f"{number}", b"x", ttl_s=60)
            assert await store.get(f"{number}") in {b"x", None}
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(use(number))
        own_redis.kill()
        while store.outage.reason is None:
            await asyncio.sleep(0.001)
        health = await store.ping()
        assert not health.ok
        assert "; kept in memory for 0 s, until it is back" in health.detail
        own_redis.start()
        began = time.monotonic()
        while store.outage.reason is not None:
            await asyncio.sleep(0.001)
        assert time.monotonic() - began < 5
        stop = True
    assert store.outage.count == 1
    assert (await store.ping()).ok


class Line:
    """What a server is reached through."""

    cut = False


class Interrupted(MemoryKeyValueStore):
    """A server in memory that is away while the line is cut."""

    __slots__ = ()

    def with_namespace(self, name: str) -> "Interrupted":
        view = super().with_namespace(name)
        return Interrupted(view.clock, view.namespace, view._shelf)

    def _live(self, key: str) -> tuple[bytes | None, float | None]:
        if Line.cut:
            raise UnavailableError("It is cut off; wait.")
        return super()._live(key)

    def _put(self, key: str, value: bytes, expires_at: float | None) -> None:
        self._live(key)
        super()._put(key, value, expires_at)


@pytest.fixture
def line() -> Iterator[Line]:
    yield Line()
    Line.cut = False


async def test_what_was_replaced_or_removed_meanwhile_does_not_come_back(line: Line) -> None:
    clock, server = Clock(), Interrupted()
    store = DegradingKeyValueStore(server, Outage(clock=clock)).with_namespace("a")
    for key in ("kept", "replaced", "removed"):
        await store.set(key, b"old")
    Line.cut = True
    assert await store.get("kept") is None
    await store.set("replaced", b"new")
    await store.delete("removed")
    assert await store.get("replaced") == b"new"
    Line.cut = False
    assert await store.get("kept") is None  # not asked yet
    clock.now += 1
    assert await store.get("kept") == b"old"
    assert await store.get("replaced") is await store.get("removed") is None


async def test_an_outage_begins_with_nothing(line: Line) -> None:
    clock, server = Clock(), Interrupted()
    store = DegradingKeyValueStore(server, Outage(clock=clock))
    for value in (b"first", None):
        Line.cut = True
        assert await store.get("a") is None
        if value:
            await store.set("a", value)
        Line.cut = False
        clock.now += 1
        assert await store.get("a") is None


async def test_a_server_is_not_back_because_there_was_nothing_to_tell_it(line: Line) -> None:
    clock = Clock()
    store = DegradingKeyValueStore(Interrupted(), Outage(clock=clock))
    Line.cut = True
    assert await store.set_if_absent("a", b"mine")
    for _ in range(3):
        clock.now += 1
        assert await store.get("a") == b"mine"
    assert (store.outage.count, store.outage.since) == (1, 0)


async def test_a_cut_while_the_server_catches_up_forgets_no_change(line: Line) -> None:
    clock, server = Clock(), Interrupted()
    store = DegradingKeyValueStore(server, Outage(clock=clock))
    await store.set("a", b"old")
    Line.cut = True
    await store.set("a", b"new")
    clock.now += 1
    with contextlib.suppress(UnavailableError):
        await store.outage.end(server)
    Line.cut = False
    assert await store.get("a") is None
    assert store.outage.count == 1


async def test_what_was_counted_meanwhile_is_added(line: Line) -> None:
    clock, server = Clock(), Interrupted()
    store = DegradingKeyValueStore(server, Outage(clock=clock)).with_namespace("a")
    assert await store.increment("n", 5) == 5
    await store.set("text", b"seven")
    line_cut = [store.increment("n", 2), store.increment("n"), store.increment("text"), store.increment("new", ttl_s=9)]
    Line.cut = True
    assert [await call for call in line_cut] == [2, 3, 1, 1]
    Line.cut = False
    clock.now += 1
    assert await store.get("n") == b"8"
    assert (await store.get("new"), await store.get("text")) == (b"1", b"seven")


async def test_more_changes_than_are_noted_clear_the_server(line: Line) -> None:
    clock, server = Clock(), Interrupted()
    store = DegradingKeyValueStore(server, Outage(clock=clock))
    await store.set("last", b"old")
    Line.cut = True
    for number in range(10_000):
        await store.set(f"{number}", b"new")
    await store.delete("last")
    Line.cut = False
    clock.now += 1
    assert await store.get("last") is None
    assert store.outage.reason is None
