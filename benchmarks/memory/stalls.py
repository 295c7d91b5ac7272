"""How long the event loop stands still while the memory works, and compaction through the public API.

A heartbeat sleeps 1 ms at a time and notes how late it wakes. What counts is its 99.9 % quantile during an operation,
above that of the idle loop just before: the machine's own lateness is not ours. Short operations are repeated until
there are enough beats for such a quantile.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from benchmarks.memory.dedup import planted
from benchmarks.memory.sizes import Measured, Sizes
from benchmarks.memory.stores import open_index, progress, scratch, store_over
from benchmarks.memory.words import records
from benchmarks.peers.data import WORKSPACE, Points, points
from udib.core.tenancy import Scope
from udib.core.types import ContentId, RecordKind
from udib.core.vectors import Filters
from udib.memory.options import RecallOptions
from udib.memory.service import MemoryService
from udib.memory.static import StaticEmbedder
from udib.memory.store import EnhancedVectorStore

Work = Callable[[], Awaitable[object]]
_BEATS = 2_000
_LONGEST_S = 20.0
_SCOPE = Scope.of("t0", WORKSPACE)


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    progress("stalls of the event loop")
    with scratch() as folder:
        return asyncio.run(_vectors(sizes, folder)) + asyncio.run(_records(sizes, folder))


async def stall_ms(work: Work) -> float:
    """What the 99.9 % quantile of the heartbeat's lateness grows by while something is done again and again."""
    idle = await _late(lambda: asyncio.sleep(0.5))
    return max(await _late(work) - idle, 0.0)


async def _late(work: Work) -> float:
    late: list[float] = []

    async def beat() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            late.append(1000 * (time.perf_counter() - began) - 1)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        heart = group.create_task(beat())
        while not late or (len(late) < _BEATS and time.perf_counter() - began < _LONGEST_S):
            await work()
            await asyncio.sleep(0.005)  # the beat that was late has to be noted
        heart.cancel()
    return float(np.quantile(late, 0.999))


async def _vectors(sizes: Sizes, folder: Path) -> Measured:
    made = points(sizes.points, queries=2_000, tenants=1)
    vectors, payloads = made.vectors.tolist(), [made.payload(number) for number in range(sizes.points)]
    # The collector would go through millions of made-up numbers each time; they are the benchmark's, not the store's.
    gc.collect()
    gc.freeze()
    async with open_index(folder) as index:
        store = store_over(index, folder)
        await store.ping()
        upsert = await stall_ms(lambda: _done(store.batch_upsert(vectors, payloads, "t0", WORKSPACE)))
        search = await stall_ms(_searches(store, made))
        optimize = await stall_ms(lambda: index.optimize(store.collection(RecordKind.TRANSCRIPT)))
        return [
            _figure("upsert", upsert, f"one call of {sizes.points}"),
            _figure("search", search, "20 at once"),
            _figure("optimize", optimize, f"{sizes.points} points"),
            *await _compaction(sizes, store),
        ]


async def _compaction(sizes: Sizes, store: EnhancedVectorStore) -> Measured:
    made = planted(sizes.points)
    rows, tenant = made.vectors.tolist(), "copies"
    gc.freeze()
    await _done(store.batch_upsert(rows, [{"number": number} for number in range(len(rows))], tenant, WORKSPACE))

    async def look() -> None:
        found = await store.compact_and_deduplicate(tenant, WORKSPACE, made.threshold, dry_run=True)
        found.unwrap()

    dry = await stall_ms(look)
    seconds, found = 0.0, -1

    async def merge() -> None:
        nonlocal seconds, found
        if found < 0:
            began = time.perf_counter()
            done = (await store.compact_and_deduplicate(tenant, WORKSPACE, made.threshold)).unwrap()
            seconds, found = time.perf_counter() - began, done["duplicates_found"]

    merging = await stall_ms(merge)  # once; the idle beats that follow until there are enough count as well
    return [
        _figure("dedup", max(dry, merging), f"compact_and_deduplicate of {len(rows)}, dry runs or the merging"),
        ("compaction_s", seconds, "s", f"{len(rows)} points through the public API, {found} merged"),
        ("compaction_found", found / len(made.copies), "ratio", f"of {len(made.copies)} planted; chains come on top"),
    ]


async def _records(sizes: Sizes, folder: Path) -> Measured:
    some = max(sizes.points // 10, 300)
    async with open_index(folder / "records") as index:
        memory = MemoryService(EnhancedVectorStore(index, StaticEmbedder.load()))
        await memory.ping()
        remember = await stall_ms(lambda: memory.remember(_SCOPE, records(some, content="talk")))
        questions = [f"rent and water, item {number}" for number in range(20)]
        recall = await stall_ms(
            lambda: memory.recall(
                _SCOPE, RecordKind.TRANSCRIPT, questions, limit=5, filters=Filters(),
                options=RecallOptions(use_cache=False),
            )
        )  # fmt: skip

        async def forget() -> None:
            await memory.remember(_SCOPE, records(300, content="short"))
            await memory.forget(_SCOPE, ContentId("short"))

        forgotten = await stall_ms(forget)
    return [
        _figure("remember", remember, f"{some} records"),
        _figure("recall", recall, "20 questions at once"),
        _figure("forget", forgotten, f"300 of {some + 300} records, remembered before each time"),
    ]


def _searches(store: EnhancedVectorStore, made: Points) -> Work:
    turn = 0

    async def search() -> None:
        nonlocal turn
        async with asyncio.TaskGroup() as group:
            for number in range(turn, turn + 20):
                vector = made.queries[number % len(made.queries)].tolist()
                search = store.search_similar(vector, tenant="t0", workspace=WORKSPACE, use_cache=False)
                group.create_task(_done(search))
        turn += 20

    return search


async def _done(call: Awaitable[object]) -> None:
    result = await call
    result.unwrap()  # type: ignore[attr-defined]


def _figure(name: str, stall: float, against: str) -> tuple[str, float, str, str]:
    return f"stall_{name}_ms", stall, "ms", f"p99.9 above the idle loop's, {against}"
