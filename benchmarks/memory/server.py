"""One search, asked in other ways: with a new client for each call, as the plan found it, and with one shared client.

The Qdrant server is that of the contract tests: our HTTP layer over the real engine, on this machine. It is the same
for all ways, so that the differences are the clients'. All ways take turns, one call each.
"""

import asyncio
import random
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from qdrant_client import AsyncQdrantClient

from benchmarks.memory.sizes import Measured, Sizes
from benchmarks.memory.stores import ROOT, fill, open_index, progress, scratch, store_over
from benchmarks.peers.data import WORKSPACE, Points, points
from udib.core.tenancy import Scope
from udib.core.types import RecordKind
from udib.core.vectors import Query
from udib.memory import qdrant_wire as wire
from udib.memory.conditions import selection
from udib.memory.edge import EdgeIndex
from udib.memory.qdrant import PREFIX, QdrantIndex
from udib.memory.qdrant_endpoint import Endpoint
from udib.memory.qdrant_provider import QdrantConnectionPool, connect

Way = Callable[[int], Awaitable[object]]
_TIMEOUT_S = 30.0
_POINTS = 1_000


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    progress("a new client for each call, and a shared one")
    made = points(_POINTS, queries=sizes.searches, tenants=1)
    with scratch() as folder:
        return asyncio.run(_on_server(made, folder)) + asyncio.run(_embedded(made, folder))


async def _on_server(made: Points, folder: Path) -> Measured:
    async with _server(folder / "server") as url, _pool() as pool:
        index = QdrantIndex(Endpoint(url), pool)
        store = store_over(index, folder)
        await fill(store, made, range(_POINTS))
        name = store.collection(RecordKind.TRANSCRIPT)
        best = await connect(Endpoint(url), _TIMEOUT_S)
        plain = AsyncQdrantClient(url=url)

        async def new(number: int) -> None:
            client = AsyncQdrantClient(url=url)
            await _asked(client, made, name, number)
            await client.close()

        async def ours(number: int) -> None:
            await index.search(_scope(), name, _query(made, number))

        ways: dict[str, Way] = {
            "ours": ours,
            "new": new,
            "shared": lambda number: _asked(best, made, name, number),
            "plain": lambda number: _asked(plain, made, name, number),
        }
        p50 = await _in_turns(ways, made, most={"new": 60})
        await best.close()
        await plain.close()
    return [
        ("server_search_p50_ms", p50["ours"], "ms", "QdrantIndex over the server of the tests, 1,000 points"),
        ("server_new_client_over_ours", p50["new"] / p50["ours"], "x", f"AsyncQdrantClient(url) {p50['new']:.1f} ms"),
        (
            "server_ours_over_shared_client",
            p50["ours"] / p50["shared"],
            "ratio",
            f"one AsyncQdrantClient, connections kept: {p50['shared']:.2f} ms; answers as the client's models only",
        ),
        ("server_plain_client_over_ours", p50["plain"] / p50["ours"], "x", "one AsyncQdrantClient with its defaults"),
    ]


async def _embedded(made: Points, folder: Path) -> Measured:
    async with open_index(folder, linger_s=5) as index:
        store = store_over(index, folder)
        await fill(store, made, range(_POINTS))
        name = store.collection(RecordKind.TRANSCRIPT)

        async def new(number: int) -> None:
            async with open_index(folder, linger_s=5) as fresh:
                await fresh.search(_scope(), name, _query(made, number))

        async def through_store(number: int) -> None:
            vector = made.queries[number].tolist()
            await store.search_similar(vector, tenant="t0", workspace=WORKSPACE, use_cache=False)

        ways: dict[str, Way] = {"ours": through_store, "new": new, "index": lambda n: _searched(index, made, name, n)}
        p50 = await _in_turns(ways, made, most={"new": 100})
    return [
        (
            "embedded_new_connection_over_ours",
            p50["new"] / p50["ours"],
            "x",
            f"EdgeIndex opened for each call: {p50['new']:.2f} ms; the store process runs already",
        ),
        ("embedded_store_over_index", p50["ours"] / p50["index"], "ratio", "EnhancedVectorStore over EdgeIndex alone"),
    ]


async def _in_turns(ways: Mapping[str, Way], made: Points, most: Mapping[str, int]) -> dict[str, float]:
    """Median milliseconds of each way; all ask the same question before the next one comes."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    names, rng = list(ways), random.Random(7)
    for way in ways.values():
        await way(0)
    for number in range(1, len(made.queries)):
        rng.shuffle(names)  # so that none always runs behind the same other one
        for name in names:
            if number <= most.get(name, number):
                began = time.perf_counter()
                await ways[name](number)
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: statistics.median(each) for name, each in times.items()}


async def _asked(client: AsyncQdrantClient, made: Points, name: str, number: int) -> None:
    """The request that `QdrantIndex` makes, by hand."""
    query = _query(made, number)
    where = wire.selected(selection(_scope(), query.filters))
    request = wire.nearest(list(query.vector), where, query.limit)
    await client.query_batch_points(PREFIX + name, [request])


async def _searched(index: EdgeIndex, made: Points, name: str, number: int) -> None:
    await index.search(_scope(), name, _query(made, number))


def _query(made: Points, number: int) -> Query:
    return Query(made.queries[number].tolist(), limit=10)


def _scope() -> Scope:
    return Scope.of("t0", WORKSPACE)


@asynccontextmanager
async def _pool() -> AsyncGenerator[QdrantConnectionPool]:
    pool = QdrantConnectionPool()
    try:
        yield pool
    finally:
        await pool.close_all()


@asynccontextmanager
async def _server(folder: Path) -> AsyncGenerator[str]:
    sys.path.insert(0, str(ROOT / "tests/contract"))
    from qdrant_running import RunningServer  # noqa: PLC0415 - a helper of the tests, found by the line above

    server = await asyncio.to_thread(RunningServer, folder)
    try:
        yield server.url
    finally:
        server.stop()
