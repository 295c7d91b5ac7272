"""What every `KeyValueStore` promises."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from udib.core.errors import BadRequestError, UnavailableError
from udib.core.ports import KeyValueStore
from udib.storage.database import Database
from udib.storage.degrading import DegradingKeyValueStore, Outage
from udib.storage.kv import SCHEMA, MemoryKeyValueStore, SqliteKeyValueStore
from udib.storage.redis import RedisKeyValueStore, RedisServer


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: float = 1000.0
    shorten: RedisServer | None = None

    def __call__(self) -> float:
        return self.now

    async def pass_s(self, seconds: float) -> None:
        self.now += seconds
        if self.shorten is not None:
            client = self.shorten.client()
            for name in await client.keys():
                left_ms = await client.pttl(name)
                if left_ms >= 0:
                    await client.pexpire(name, int(left_ms - 1000 * seconds))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def emptied_redis(request: pytest.FixtureRequest) -> AsyncGenerator[RedisServer]:
    server = RedisServer(request.getfixturevalue("shared_redis").url, timeout_s=10)
    await server.client().flushall()
    yield server
    await server.close()


@pytest.fixture(params=["memory", "sqlite", "redis", "degrading", "degraded"])
async def store(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> AsyncIterator[KeyValueStore]:
    match request.param:
        case "memory":
            yield MemoryKeyValueStore(clock)
        case "sqlite":
            database = Database(tmp_path / "cache.db", SCHEMA)
            yield SqliteKeyValueStore(database, clock)
            await database.close()
        case "degraded":
            nowhere = RedisKeyValueStore(RedisServer(f"unix://{tmp_path / 'nowhere'}"))
            yield DegradingKeyValueStore(nowhere, Outage(retry_s=1e9), lambda: MemoryKeyValueStore(clock))
        case kind:
            async with emptied_redis(request) as server:
                stored = RedisKeyValueStore(server)
                clock.shorten = server  # its clock is not ours to set: what its keys have left is
                yield stored if kind == "redis" else DegradingKeyValueStore(stored)


async def test_a_value_is_found_again_until_it_is_replaced_or_deleted(store: KeyValueStore) -> None:
    assert await store.get("a") is None
    await store.set("a", b"\x00one\xff")
    assert await store.get("a") == b"\x00one\xff"
    await store.set("a", b"")
    assert await store.get("a") == b""
    assert await store.delete("a")
    assert not await store.delete("a")
    assert await store.get("a") is None


async def test_a_value_expires_when_its_time_has_come(store: KeyValueStore, clock: Clock) -> None:
    await store.set("a", b"x", ttl_s=10)
    await clock.pass_s(8)
    assert await store.get("a") == b"x"
    await clock.pass_s(2)
    assert await store.get("a") is None
    assert not await store.delete("a")


async def test_a_new_value_has_its_own_expiry(store: KeyValueStore, clock: Clock) -> None:
    await store.set("a", b"x", ttl_s=10)
    await store.set("a", b"y")
    await store.set("b", b"x")
    await store.set("b", b"y", ttl_s=10)
    await clock.pass_s(20)
    assert (await store.get("a"), await store.get("b")) == (b"y", None)


async def test_set_if_absent_stores_once_until_expiry(store: KeyValueStore, clock: Clock) -> None:
    assert await store.set_if_absent("a", b"", ttl_s=10)
    assert not await store.set_if_absent("a", b"second")
    assert await store.get("a") == b""
    await clock.pass_s(10)
    assert await store.set_if_absent("a", b"third")
    assert await store.get("a") == b"third"


async def test_a_counter_starts_at_0_and_expires_from_its_first_use(store: KeyValueStore, clock: Clock) -> None:
    assert await store.increment("n", ttl_s=10) == 1
    await clock.pass_s(6)
    assert await store.increment("n", 5, ttl_s=10) == 6
    assert await store.get("n") == b"6"
    await clock.pass_s(4)
    assert await store.increment("n", -2) == -2
    await clock.pass_s(1000)
    assert await store.increment("n", 2**70) == 2**70 - 2


async def test_counting_with_a_value_that_is_no_number_is_refused(store: KeyValueStore) -> None:
    await store.set("n", b"seven")
    with pytest.raises(BadRequestError, match="'n' holds no whole number"):
        await store.increment("n")
    assert await store.get("n") == b"seven"


async def test_counting_at_once_loses_nothing(store: KeyValueStore) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(store.increment("n"))
    assert await store.get("n") == b"50"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a"], []),
        (["a"], ["b"]),
        (["a", "b"], ["ab"]),
        (["a", "b"], ["a:b"]),
        (["1:a"], ["1", "a"]),
        (["a"], ["a", ""]),
        (["A"], ["a"]),
    ],
)
async def test_namespaces_never_meet(store: KeyValueStore, one: list[str], other: list[str]) -> None:
    first = second = store
    for name in one:
        first = first.with_namespace(name)
    for name in other:
        second = second.with_namespace(name)
    await first.set("k", b"first")
    assert await second.get("k") is None
    assert not await second.delete("k")
    assert await second.set_if_absent("k", b"second")
    assert await first.get("k") == b"first"


async def test_a_key_never_meets_a_namespace(store: KeyValueStore) -> None:
    await store.with_namespace("a").set("k", b"x")
    for key in ("k", "a:k", "ak", "1:ak", "a/k"):
        assert await store.get(key) is None


async def test_the_same_namespace_is_one_place(store: KeyValueStore) -> None:
    await store.with_namespace("a").with_namespace("b").set("k", b"x")
    assert await store.with_namespace("a").with_namespace("b").get("k") == b"x"


async def test_clearing_takes_a_view_and_what_is_below_it_and_nothing_else(store: KeyValueStore) -> None:
    mine = store.with_namespace("a*")
    for view in (store, store.with_namespace("ab"), mine, mine.with_namespace("b"), mine.with_namespace("\x00")):
        await view.set("k", b"x")
        await view.set("l", b"x", ttl_s=1000)
    if isinstance(store, DegradingKeyValueStore) and store.outage.reason is not None:
        with pytest.raises(UnavailableError, match="cannot be used now"):
            await mine.clear()
    else:
        assert await mine.clear() == 6
        assert await mine.clear() == 0
    assert await mine.get("k") is await mine.with_namespace("b").get("l") is None
    assert await mine.with_namespace("\x00").get("k") is None
    assert await store.get("k") == await store.with_namespace("ab").get("l") == b"x"


async def test_a_healthy_store_says_so(store: KeyValueStore) -> None:
    await store.set("a", b"x")
    degraded = isinstance(store, DegradingKeyValueStore) and store.outage.reason is not None
    assert (await store.ping()).ok is not degraded


COUNT = """
import asyncio, os, sys
from pathlib import Path
from udib.storage.database import Database
from udib.storage.kv import SCHEMA, SqliteKeyValueStore
async def main():
    store = SqliteKeyValueStore(Database(Path(sys.argv[1]), SCHEMA))
    for _ in range(100):
        await store.increment("n")
    won = [key for key in map(str, range(40)) if await store.set_if_absent(key, b"x")]
    print(*won, flush=True)
    os._exit(0)  # no close: what was acknowledged must be there all the same
asyncio.run(main())
"""


async def test_processes_that_die_lose_nothing_and_win_each_key_once(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", COUNT, str(path)]
    children = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    won = [key for child in children for key in child.communicate()[0].split()]
    assert sorted(won, key=int) == [str(number) for number in range(40)]
    database = Database(path, SCHEMA)
    assert await SqliteKeyValueStore(database).get("n") == b"200"
    await database.close()
