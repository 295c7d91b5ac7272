"""The search cache: what a hit costs, and whether it ever gives one query the answer of another."""

import asyncio
import hashlib
import math
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.memory.sizes import Measured, Sizes
from benchmarks.memory.stores import Given, fill, open_index, progress, scratch, store_over
from benchmarks.peers.data import DIMENSION, WORKSPACE, median_ms, points
from udib.core.tenancy import Scope
from udib.core.types import RecordKind
from udib.core.vectors import Hit, Query
from udib.memory.search_cache import SearchCache
from udib.memory.store import EnhancedVectorStore
from udib.testing.vectors import FakeVectorIndex

_HITS = 5_000


class Telling(FakeVectorIndex):
    """An index that answers every query with a hit that is named after it."""

    async def search(self, scope: Scope, collection: str, query: Query) -> list[Hit]:
        """One hit; its id tells the query."""
        del scope, collection
        return [Hit(_name(query.vector), 1.0, 1.0, {})]


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    progress(f"the search cache, {sizes.alike} near-identical vectors")
    with scratch() as folder:
        hit = asyncio.run(_hit_us(sizes, folder))
    wrong = asyncio.run(_wrong(sizes.alike))
    against = f"{sizes.alike} vectors asked twice: one component differs, by little or much, the ends being the same"
    return [
        ("cache_hit_us", hit, "us", "search_similar, 384 dimensions, 10 results, the 100 queries asked in turn"),
        ("cache_wrong_answers", float(wrong), "answers", against),
    ]


async def _hit_us(sizes: Sizes, folder: Path) -> float:
    made = points(1_000, queries=100, tenants=1)
    queries = made.queries.tolist()
    async with open_index(folder) as index:
        store = store_over(index, folder)
        await fill(store, made, range(1_000))
        times = []
        for number in range(100 + min(_HITS, 50 * sizes.searches)):
            began = time.perf_counter()
            found = await store.search_similar(queries[number % 100], tenant="t0", workspace=WORKSPACE)
            times.append(time.perf_counter() - began)
            assert found["cached"] == (number >= 100)  # noqa: S101
    return 1000 * median_ms(times[100:])


async def _wrong(count: int) -> int:
    """Answers that were not the query's own, kept or not; and answers that were not kept count too."""
    cache = SearchCache(most_entries=count, largest_bytes=2**31, ttl_s=math.inf)
    store = EnhancedVectorStore(Telling(), Given(), search_cache=cache)
    wrong = 0
    for asked_before in (False, True):
        for number, vector in enumerate(_alike(count)):
            if number % 1_000 == 0:
                await asyncio.sleep(0)
            found = await store.search(_SCOPE, RecordKind.TRANSCRIPT, Query(vector))
            wrong += found.hits[0].id != _name(vector) or (found.age_s is not None) != asked_before
    return wrong


def _alike(count: int) -> Iterator[list[float]]:
    """Different vectors, in each of which one inner component differs from the first: by one bit, or by more."""
    base = points(8, queries=1, tenants=1).queries[0].astype(np.float64).tolist()
    inner = DIMENSION - 16  # the first and last eight stay
    for number in range(count):
        vector = list(base)
        at, step = 8 + number % inner, number // inner + 1
        # A few bits of the last place, or a visible amount: never the same twice.
        vector[at] += step * (math.ulp(vector[at]) if number % 2 else 1e-4)
        yield vector


def _name(vector: Sequence[float]) -> str:
    return hashlib.sha256(array("d", vector)).hexdigest()


_SCOPE = Scope.of("t0", WORKSPACE)
