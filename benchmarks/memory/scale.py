"""100,000 points: search, opening, resident memory, and whether the answers are the exact ones."""

import asyncio
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.memory.sizes import Measured, Sizes
from benchmarks.memory.stores import fill, open_index, progress, scratch, search_times, store_over
from benchmarks.peers.data import WORKSPACE, Points, median_ms, points
from benchmarks.startup import store_mib
from udib.memory.store import EnhancedVectorStore

_LIMIT = 10


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    progress(f"{sizes.many} points")
    made = points(sizes.many, queries=sizes.searches, largest=sizes.largest)
    with scratch() as folder:
        return asyncio.run(_measure(sizes, made, folder))


async def _measure(sizes: Sizes, made: Points, folder: Path) -> Measured:
    async with open_index(folder, linger_s=0) as index:
        seconds = await fill(store_over(index, folder), made, range(sizes.many))
    opened = []
    for _ in range(3):
        await _ended(folder)
        async with open_index(folder, linger_s=0) as index:
            store = store_over(index, folder)
            began = time.perf_counter()
            await search_times(store, made, range(1))
            opened.append(time.perf_counter() - began)
    await _ended(folder)
    async with open_index(folder, linger_s=0) as index:
        store = store_over(index, folder)
        times = await search_times(store, made, range(len(made.queries)))
        recall = await _recall(store, made)
        resident = store_mib(folder, "VmRSS")
    against = f"{sizes.many} points, 384 dimensions, 50 tenants of up to {sizes.largest}"
    return [
        ("large_search_p50_ms", median_ms(times), "ms", against),
        ("large_upserts_per_s", sizes.many / seconds, "1/s", against),
        ("large_open_s", statistics.median(opened), "s", "start of the store process to first answer, median of 3"),
        ("large_resident_mb", resident * 2**20 / 1e6, "MB", "store process after opening and all searches"),
        ("recall_at_10", recall, "", f"{len(made.queries)} queries against exact NumPy, half in the largest tenant"),
    ]


async def _ended(folder: Path) -> None:
    """Wait until the store process of the folder is gone."""
    for _ in range(1_000):
        try:
            store_mib(folder)
        except RuntimeError:
            return
        await asyncio.sleep(0.02)
    raise RuntimeError("the store process did not end")


async def _recall(store: EnhancedVectorStore, made: Points) -> float:
    """Share of the exact ten nearest that are found; a tie counts for whichever point is given."""
    found = wanted = 0
    for number, query in enumerate(made.queries):
        tenant = 0 if number % 2 else int(made.query_tenants[number])
        mine = np.flatnonzero(made.tenants == tenant)
        cosines = made.vectors[mine].astype(np.float64) @ query.astype(np.float64)
        nearest = np.sort(cosines)[::-1][:_LIMIT]
        result = await store.search_similar(
            query.tolist(), _LIMIT, tenant=f"t{tenant}", workspace=WORKSPACE, use_cache=False
        )
        places = dict(zip(mine.tolist(), cosines.tolist(), strict=True))
        given = [int(hit.payload["number"]) for hit in result.unwrap()["results"]]
        found += _right(given, places, float(nearest[-1]))
        wanted += len(nearest)
    return found / wanted


def _right(given: Sequence[int], cosines: dict[int, float], least: float) -> int:
    return sum(cosines.get(number, -1.0) >= least - 1e-6 for number in set(given))
