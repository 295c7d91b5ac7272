"""Profile the memory: what storing and searching 768-dimensional vectors spends its time and its allocations on.

`python scripts/profile_memory.py` writes profiling/memory.prof (for snakeviz or pstats) and
profiling/memory_analysis.txt, and prints the summary. Everything is real: the embedded index in a temporary directory,
its store process included, whose own time shows as waiting.
"""

import argparse
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from profiling import Table, profiled, written
from udib.core.tenancy import Scope
from udib.core.types import RecordKind
from udib.core.vectors import Query
from udib.memory.edge import EdgeIndex
from udib.memory.entries import entry_of, point_of
from udib.memory.point_checks import checked_points
from udib.memory.static import StaticEmbedder
from udib.memory.store import EnhancedVectorStore
from udib.memory.store_protocol import WirePoint

DIMENSION = 768
TENANT, WORKSPACE = "benchmark", "profiling"
LIMIT = 50


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many vectors are stored one way and the other, and how many searches are made."""

    stored: int = 100
    batch: int = 500
    searches: int = 50


class _Given:
    """The embedder whose vectors these are: made up, so it embeds nothing."""

    model_id = "profiling"
    dimension = DIMENSION

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Not for this."""
        raise NotImplementedError


async def profile_vector_operations(folder: Path, amounts: Amounts | None = None) -> list[str]:
    """Store and search, in an index in `folder`; the summary, a finding a line."""
    amounts = amounts or Amounts()
    index = EdgeIndex(folder / "vectors", folder / "run", linger_s=1)
    store = EnhancedVectorStore(index, _Given())
    try:
        return [
            await _connecting(store),
            await _storing(store, amounts),
            await _searching(store, amounts),
            await _new_connections(store, folder, amounts),
            await _serialising(amounts),
            await _embedding(amounts),
            await _allocating(store, amounts),
        ]
    finally:
        await index.close()


async def _connecting(store: EnhancedVectorStore) -> str:
    connected = await _seconds(store.ping)
    vectors, payloads = _made(1, "first"), _payloads(1, "first")
    made = await _seconds(lambda: _all(lambda _: store.store_vectors(vectors, payloads, TENANT, WORKSPACE), 1))
    return (
        f"Start of the store process, with its connection: {1000 * connected:.0f} ms; the collection, made for the "
        f"first vector: {1000 * made:.0f} ms."
    )


async def _storing(store: EnhancedVectorStore, amounts: Amounts) -> str:
    vectors, payloads = _made(amounts.stored, "single"), _payloads(amounts.stored, "single")
    single = await _seconds(
        lambda: _all(
            lambda number: store.store_vectors([vectors[number]], [payloads[number]], TENANT, WORKSPACE),
            amounts.stored,
        )
    )
    vectors, payloads = _made(amounts.batch, "batch"), _payloads(amounts.batch, "batch")
    batch = await _seconds(lambda: _all(lambda _: store.batch_upsert(vectors, payloads, TENANT, WORKSPACE), 1))
    one, many = single / amounts.stored, batch / amounts.batch
    return (
        f"Storing a vector: {1000 * one:.2f} ms in a call of its own ({amounts.stored} calls of store_vectors), "
        f"{1000 * many:.2f} ms in one batch_upsert of {amounts.batch}: the batch gains {one / many:.1f} times."
    )


async def _searching(store: EnhancedVectorStore, amounts: Amounts) -> str:
    queries, times = _made(amounts.searches, "query"), []
    for query in queries:
        search = store.search_similar(query, LIMIT, tenant=TENANT, workspace=WORKSPACE, use_cache=False)
        began = time.perf_counter()
        (await search).unwrap()
        times.append(time.perf_counter() - began)
    kept = await _seconds(
        lambda: _all(
            lambda _: store.search_similar(queries[0], LIMIT, tenant=TENANT, workspace=WORKSPACE), amounts.searches
        )
    )
    return (
        f"A search for {LIMIT}: {1000 * statistics.median(times):.2f} ms (median of {amounts.searches}); the same "
        f"again, from the search cache: {1000 * kept / amounts.searches:.3f} ms on average."
    )


async def _new_connections(store: EnhancedVectorStore, folder: Path, amounts: Amounts) -> str:
    scope, name = Scope.of(TENANT, WORKSPACE), store.collection(RecordKind.TRANSCRIPT)
    queries = [Query(vector, limit=LIMIT) for vector in _made(amounts.searches, "query")]

    async def new(number: int) -> None:
        index = EdgeIndex(folder / "vectors", folder / "run", linger_s=1)
        await index.search(scope, name, queries[number])
        await index.close()

    fresh = await _seconds(lambda: _all(new, amounts.searches))
    shared = await _seconds(lambda: _all(lambda n: store.index.search(scope, name, queries[n]), amounts.searches))
    more = 1000 * (fresh - shared) / amounts.searches
    return f"A new connection for each search would add {more:.2f} ms to it; the store keeps one."


async def _serialising(amounts: Amounts) -> str:
    scope = Scope.of(TENANT, WORKSPACE)
    entries = [
        entry_of(vector, payload)
        for vector, payload in zip(_made(amounts.batch, "batch"), _payloads(amounts.batch, "batch"), strict=True)
    ]
    began = time.perf_counter()
    ready = await checked_points([point_of(scope, RecordKind.TRANSCRIPT, each) for each in entries], DIMENSION)
    checked = time.perf_counter()
    body = msgspec.msgpack.encode(list(ready.values()))
    encoded = time.perf_counter()
    msgspec.msgpack.decode(body, type=list[WirePoint])
    decoded = time.perf_counter()
    per = 1e6 / amounts.batch
    return (
        f"A point on its way: {per * (checked - began):.0f} us to check and pack, {per * (encoded - checked):.1f} us "
        f"to encode, {per * (decoded - encoded):.1f} us to decode, {len(body) // amounts.batch} bytes."
    )


async def _embedding(amounts: Amounts) -> str:
    began = time.perf_counter()
    embedder = StaticEmbedder.load()
    await embedder.embed(["ready"])
    loaded = time.perf_counter() - began
    texts = [str(payload["text"]) for payload in _payloads(amounts.batch, "batch")]
    seconds = await _seconds(lambda: embedder.embed(texts))
    return (
        f"Embedding a text of {len(texts[0])} characters with the shipped embedder: "
        f"{1e6 * seconds / len(texts):.0f} us in a batch of {len(texts)}, after {1000 * loaded:.0f} ms to load it."
    )


async def _allocating(store: EnhancedVectorStore, amounts: Amounts) -> str:
    vectors, payloads = _made(amounts.batch, "memory"), _payloads(amounts.batch, "memory")
    tracemalloc.start()
    await _all(lambda _: store.batch_upsert(vectors, payloads, TENANT, WORKSPACE), 1)
    left, peak = tracemalloc.get_traced_memory()
    largest = tracemalloc.take_snapshot().statistics("filename")[0]
    tracemalloc.stop()
    place = "/".join(Path(largest.traceback[0].filename).parts[-3:])
    return (
        f"A batch_upsert of {amounts.batch} allocates {peak / amounts.batch / 1024:.1f} KiB a vector at its peak and "
        f"keeps {left / 1024:.0f} KiB, most of it in {place}."
    )


async def _all(call: Callable[[int], Awaitable[object]], times: int) -> None:
    for number in range(times):
        result = await call(number)
        if hasattr(result, "unwrap"):
            result.unwrap()


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


def _made(count: int, name: str) -> list[list[float]]:
    seed = list(name.encode())
    vectors: list[list[float]] = np.random.default_rng(seed).standard_normal((count, DIMENSION)).tolist()
    return vectors


def _payloads(count: int, name: str) -> list[dict[str, object]]:
    text = "and what was said about it then, as far as anybody can tell from what is left of it, " * 3
    return [{"text": f"{number} {text}"[:200], "content_id": name, "number": number} for number in range(count)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Profile, write the two files, print the summary."""
    parser = argparse.ArgumentParser(description="Profile the memory.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "profiling")
    parser.add_argument("--stored", type=int, default=Amounts().stored, help="vectors stored one by one")
    parser.add_argument("--batch", type=int, default=Amounts().batch, help="vectors stored at once")
    parser.add_argument("--searches", type=int, default=Amounts().searches)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="udib-profile-") as folder:
        found, stats = profiled(
            lambda: profile_vector_operations(Path(folder), Amounts(asked.stored, asked.batch, asked.searches))
        )
    note = "Times are those under the profiler, which makes Python's calls slower and leaves the engine's as they are."
    written("memory", asked.out, [*found, "", note], stats, [Table("Top 30 by Cumulative Time", "cumulative", 30)])


if __name__ == "__main__":
    main()
