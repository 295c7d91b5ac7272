"""Search and upserts at 20,000 points through the public API, beside qdrant-client's local mode and Chroma.

Ours is measured anew before and after each peer, and the ratio is taken against these two blocks: what the machine does
meanwhile falls on both. Each peer runs in a process of its own, so that its objects do not slow down ours.
"""

import asyncio
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.memory.sizes import Measured, Sizes
from benchmarks.memory.stores import child, fill, open_index, peer_python, progress, scratch, search_times, store_over
from benchmarks.peers.data import WORKSPACE, Points, median_ms, points
from udib.memory.store import EnhancedVectorStore


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    with scratch() as folder:
        made = points(sizes.points, queries=4 * sizes.searches)
        made.save(folder / "data.npz")
        return asyncio.run(_measure(sizes, made, folder))


@dataclass(slots=True)
class _Ours:
    """Our searches, a block at a time; every query is used once."""

    store: EnhancedVectorStore
    points: Points
    per_block: int
    blocks: list[list[float]] = field(default_factory=list)

    async def block(self) -> None:
        first = len(self.blocks) * self.per_block
        self.blocks.append(await search_times(self.store, self.points, range(first, first + self.per_block)))

    def around_last_peer_ms(self) -> float:
        return median_ms([*self.blocks[-2], *self.blocks[-1]])


async def _measure(sizes: Sizes, made: Points, folder: Path) -> Measured:
    data, singles = folder / "data.npz", min(sizes.points // 40, 500)
    async with open_index(folder) as index:
        store = store_over(index, folder)
        progress(f"{sizes.points} points through the store")
        bulk = sizes.points - singles
        batched = bulk / await fill(store, made, range(bulk))
        single = await _single_rate(store, made, range(bulk, sizes.points))
        ours = _Ours(store, made, sizes.searches)
        await ours.block()
        progress("qdrant-client in memory")
        slow = max(sizes.searches // 10, 20)
        in_memory = await asyncio.to_thread(child, sys.executable, "local_mode", data, ":memory:", slow, singles)
        await ours.block()
        over_memory = in_memory["search_ms"] / ours.around_last_peer_ms()
        progress("qdrant-client on disk")
        on_disk = await asyncio.to_thread(child, sys.executable, "local_mode", data, folder / "local", slow, singles)
        await ours.block()
        over_disk = on_disk["search_ms"] / ours.around_last_peer_ms()
        chroma = await _chroma(sizes, folder, ours)
    p50 = median_ms([each for block in ours.blocks for each in block])
    p99 = 1000 * statistics.quantiles([each for block in ours.blocks for each in block], n=100)[98]
    against = f"{sizes.points} points, 384 dimensions, 50 tenants"
    return [
        ("search_p50_ms", p50, "ms", f"{against}, 10 of one tenant; p99 {p99:.2f} ms"),
        ("search_over_local_memory", over_memory, "x", f"qdrant-client :memory: p50 {in_memory['search_ms']:.0f} ms"),
        ("search_over_local_path", over_disk, "x", f"qdrant-client path= p50 {on_disk['search_ms']:.0f} ms"),
        ("upserts_per_s", batched, "1/s", f"{against}, calls of 256"),
        ("upserts_over_local_path", batched / on_disk["batched"], "x", f"path=: {on_disk['batched']:.0f}/s"),
        ("upserts_over_local_memory", batched / in_memory["batched"], "x", f":memory:: {in_memory['batched']:.0f}/s"),
        ("single_upserts_per_s", single, "1/s", f"one point a call, after {bulk} in bulk"),
        ("single_upserts_over_local_path", single / on_disk["single"], "x", f"path=: {on_disk['single']:.0f}/s"),
        *chroma,
    ]


async def _single_rate(store: EnhancedVectorStore, made: Points, numbers: range) -> float:
    calls = [(made.vectors[each].tolist(), made.payload(each), f"t{made.tenants[each]}") for each in numbers]
    began = time.perf_counter()
    for vector, payload, tenant in calls:
        (await store.store_vectors([vector], [payload], tenant, WORKSPACE)).unwrap()
    return len(calls) / (time.perf_counter() - began)


async def _chroma(sizes: Sizes, folder: Path, ours: _Ours) -> Measured:
    python = peer_python("chromadb")
    if python is None:
        return []
    progress("Chroma")
    found = await asyncio.to_thread(
        child, python, "chroma", folder / "data.npz", folder / "chroma", max(sizes.searches // 4, 50)
    )
    await ours.block()
    against = f"Chroma {found['version']}, embedded: p50 {found['search_ms']:.1f} ms, {found['batched']:.0f} upserts/s"
    return [("search_over_chroma", found["search_ms"] / ours.around_last_peer_ms(), "x", against)]
