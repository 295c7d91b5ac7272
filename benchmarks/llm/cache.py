"""The cache of answers: what a hit costs, beside peers; how many calls a crowd makes; what faults of Redis do to it.

Every question of the timed blocks is asked by `CachedChatModel.complete`, the whole path. Ours is measured before and
after each peer, and the ratio is taken against these two blocks.
"""

import asyncio
import signal
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.llm.cache_probes import PROBES, REORDERED, is_hit
from benchmarks.llm.sizes import Measured, Sizes
from benchmarks.memory.stalls import stall_ms
from benchmarks.memory.stores import child, peer_python, progress, scratch
from benchmarks.peers.answers import ANSWER, SYSTEM, question
from udib.core.chat import ChatRequest, Completion, Message, Purpose, TokenUsage
from udib.core.ports import KeyValueStore
from udib.core.tenancy import Scope
from udib.core.types import Health
from udib.llm.cache import LLMCache
from udib.llm.cache_policy import CachePolicy
from udib.llm.cached_chat import CachedChatModel
from udib.storage.database import Database
from udib.storage.degrading import DegradingKeyValueStore
from udib.storage.kv import SCHEMA, MemoryKeyValueStore, SqliteKeyValueStore
from udib.storage.redis import RedisKeyValueStore, RedisServer
from udib.testing import redis_process
from udib.testing.redis_process import RedisProcess

_SCOPE = Scope.of("tenant", "main")
_PURPOSE = Purpose(_SCOPE, "answer")
_PROVIDER = "https://models.example/v1"
_PEERS = {"langchain": ("langchain-core", "langchain_answers"), "litellm": ("litellm[proxy]", "litellm_answers")}
_LOAD = 20
_PAUSE_S = 0.3
_CROWD = 100


@dataclass
class Upstream:
    """A model that says the same to everybody after `wait_s` seconds, and counts."""

    wait_s: float = 0.0
    calls: int = 0

    async def ping(self) -> Health:
        """Always well."""
        return Health("upstream", ok=True, detail="made up")

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        """The one answer."""
        del request, purpose
        self.calls += 1
        await asyncio.sleep(self.wait_s)
        return Completion(ANSWER, "gpt-4", usage=TokenUsage(400, 120, cost_usd=0.01), latency_ms=1000 * self.wait_s)

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        """The same in one piece."""
        yield await self.complete(request, purpose)


def asked(number: int) -> ChatRequest:
    """The request that peers get too."""
    return ChatRequest((Message("system", SYSTEM), Message("user", question(number))), model="gpt-4")


def model_over(upstream: Upstream, store: KeyValueStore, **policy: int) -> CachedChatModel:
    """A model behind a cache as the product makes it."""
    cache = LLMCache(store, CachePolicy(**policy))  # type: ignore[arg-type]
    return CachedChatModel(upstream, cache, provider=_PROVIDER)


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    progress("the cache of answers: hits beside peers")
    figures = asyncio.run(_memory(sizes))
    with scratch() as folder:
        progress("hits in SQLite, crowds, probes")
        figures += asyncio.run(_sqlite(sizes, folder))
        figures += asyncio.run(_crowd())
        figures += asyncio.run(_probes())
        if not redis_process.is_installed():
            print("redis-server is not on PATH: its figures are left out")
            return figures
        with redis_process.running(folder) as server:
            progress("hits in Redis, invalidation, faults of Redis")
            figures += asyncio.run(_redis(sizes, server))
            figures += asyncio.run(_faults(server))
    return figures


async def _hits(model: CachedChatModel, questions: int, hits: int) -> list[float]:
    """Microseconds of `hits` questions that were asked before, in turn."""
    requests = [asked(number) for number in range(questions)]
    for request in requests:
        await model.complete(request, _PURPOSE)
    times = []
    for number in range(hits):
        request = requests[number % questions]
        began = time.perf_counter()
        answer = await model.complete(request, _PURPOSE)
        times.append(1e6 * (time.perf_counter() - began))
        assert answer.cached  # noqa: S101
    return times


def _row(name: str, times: list[float], against: str) -> tuple[str, float, str, str]:
    p99 = statistics.quantiles(times, n=100)[98]
    return (name, statistics.median(times), "us", f"{against}; p99 {p99:.0f} us")


async def _memory(sizes: Sizes) -> Measured:
    questions = min(1_000, sizes.hits)
    model = model_over(Upstream(), MemoryKeyValueStore())
    blocks = [await _hits(model, questions, sizes.hits)]
    rows: Measured = []
    for name, (package, module) in _PEERS.items():
        python = peer_python(package)
        if python is None:
            continue
        found = await asyncio.to_thread(child, python, module, min(questions, 200), max(sizes.hits // 5, 100))
        blocks.append(await _hits(model, questions, sizes.hits))
        ours = statistics.median([*blocks[-2], *blocks[-1]])
        against = f"{package.partition('[')[0]} {found['version']}, in memory: {found['hit_us']:.0f} us"
        rows.append((f"cache_hit_over_{name}", found["hit_us"] / ours, "x", against))
    all_times = [each for block in blocks for each in block]
    against = f"CachedChatModel.complete, {questions} questions of 1 kB in turn"
    return [_row("cache_hit_memory_us", all_times, against), *rows]


async def _sqlite(sizes: Sizes, folder: Path) -> Measured:
    database = Database(folder / "cache.db", SCHEMA)
    store = SqliteKeyValueStore(database)
    model = model_over(Upstream(), store, memory_entries=0)
    await _fill(model._cache, sizes.entries // 10)  # noqa: SLF001
    times = await _hits(model, min(1_000, sizes.hits), sizes.hits)
    await database.close()
    return [_row("cache_hit_sqlite_us", times, f"of {sizes.entries // 10} answers, none of them in memory")]


async def _fill(cache: LLMCache, count: int) -> None:
    """Keep answers to many other questions."""
    answer = Completion(ANSWER, "gpt-4")
    for start in range(0, count, 50):
        async with asyncio.TaskGroup() as group:
            for number in range(start, min(start + 50, count)):
                group.create_task(cache.set(asked(-1 - number), _PURPOSE, answer, provider=_PROVIDER))


async def _crowd() -> Measured:
    """A hundred callers of one question; and the same when the first of them goes."""
    upstream = Upstream(wait_s=0.05)
    model = model_over(upstream, MemoryKeyValueStore())
    async with asyncio.TaskGroup() as group:
        for _ in range(_CROWD):
            group.create_task(model.complete(asked(0), _PURPOSE))
    calls = upstream.calls
    first = asyncio.create_task(model.complete(asked(1), _PURPOSE))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(model.complete(asked(1), _PURPOSE)) for _ in range(_CROWD - 1)]
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first, *others])
    served = sum(not each.cancelled() and each.exception() is None for each in others)
    return [
        ("cache_crowd_calls", float(calls), "calls", f"{_CROWD} callers of one question at once, 50 ms upstream"),
        ("cache_crowd_served", 100 * served / len(others), "%", "of those who wait when the first caller is cancelled"),
    ]


async def _probes() -> Measured:
    wrong = [name for name, probe in PROBES.items() if await is_hit(probe)]
    lost = [name for name, probe in REORDERED.items() if not await is_hit(probe)]
    changed = f"one difference each: {len(PROBES)} requests"
    return [
        ("cache_wrong_hits", float(len(wrong)), "hits", f"{changed}{'; ' if wrong else ''}{', '.join(wrong)}"),
        ("cache_lost_hits", float(len(lost)), "hits", f"the same request in another order, {len(REORDERED)} ways"),
        ("cache_probes", float(len(PROBES)), "fields", "changed alone"),
    ]


async def _redis(sizes: Sizes, process: RedisProcess) -> Measured:
    server = RedisServer(process.url)
    model = model_over(Upstream(), RedisKeyValueStore(server), memory_entries=0)
    times = await _hits(model, min(1_000, sizes.hits), sizes.hits)
    many, mine = 4 * sizes.entries, sizes.entries // 5
    async with server.client().pipeline(transaction=False) as batch:
        for start in range(0, many - mine, 5_000):
            for number in range(start, min(start + 5_000, many - mine)):
                batch.set(f"other-{number}", ANSWER)
            await batch.execute()
    cache = LLMCache(RedisKeyValueStore(server), CachePolicy(memory_entries=0))
    other = replace(_PURPOSE, task="invalidated")
    answer = Completion(ANSWER, "gpt-4")
    for start in range(0, mine, 50):
        async with asyncio.TaskGroup() as group:
            for number in range(start, min(start + 50, mine)):
                group.create_task(cache.set(asked(number), other, answer, provider=_PROVIDER))
    assert await cache.get(asked(0), other, provider=_PROVIDER)  # noqa: S101
    took = []
    for _ in range(20):
        began = time.perf_counter()
        await cache.invalidate_pattern("task:invalidated", scope=_SCOPE)
        took.append(1000 * (time.perf_counter() - began))
    left = 0
    for number in range(0, mine, max(1, mine // 500)):
        left += await cache.get(asked(number), other, provider=_PROVIDER) is not None
    await server.close()
    against = f"{mine} of {many} entries in Redis, of 20 times; still found afterwards: {left}"
    return [
        _row("cache_hit_redis_us", times, "Redis on this machine, nothing in memory"),
        ("cache_invalidate_ms", statistics.median(took) if not left else -1.0, "ms", against),
    ]


async def _faults(process: RedisProcess) -> Measured:
    server = RedisServer(process.url)
    store = DegradingKeyValueStore(RedisKeyValueStore(server))
    model = model_over(Upstream(), store, memory_entries=0, refresh_s=0)
    failed = 0

    async def use(until: Callable[[], bool], number: int) -> None:
        nonlocal failed
        while not until():
            try:
                await model.complete(asked(number), _PURPOSE)
            except Exception:  # noqa: BLE001 - whatever it is, it is a failed call
                failed += 1
            await asyncio.sleep(0.01)

    async def under_load(work: Callable[[], Awaitable[None]]) -> None:
        done = False
        async with asyncio.TaskGroup() as group:
            for number in range(_LOAD):
                group.create_task(use(lambda: done, number))
            await work()
            done = True

    async def paused() -> None:
        process.signal(signal.SIGSTOP)
        await asyncio.sleep(_PAUSE_S)
        process.signal(signal.SIGCONT)
        await asyncio.sleep(_PAUSE_S)

    async def back() -> None:
        while store.outage.reason is not None:
            await asyncio.sleep(0.005)

    steady = await stall_ms(lambda: under_load(lambda: asyncio.sleep(2 * _PAUSE_S)))
    stall = await stall_ms(lambda: under_load(paused))
    failed_paused, outages = failed, store.outage.count
    failed, back_s = 0, 0.0

    async def killed() -> None:
        nonlocal back_s
        process.kill()
        await asyncio.sleep(1)
        await asyncio.to_thread(process.start)
        began = time.perf_counter()
        await back()
        back_s = time.perf_counter() - began

    await under_load(killed)
    await server.close()
    load = f"{_LOAD} callers, each every 10 ms"
    return [
        ("redis_paused_stall_ms", stall, "ms", f"stopped for 300 ms again and again, {load}; without: {steady:.1f} ms"),
        ("redis_paused_failed", float(failed_paused), "calls", f"of the same; taken for away: {outages} times"),
        ("redis_killed_failed", float(failed), "calls", f"killed and started again 1 s later, {load}"),
        ("redis_back_s", back_s, "s", "from its start until answers are kept there again"),
    ]
