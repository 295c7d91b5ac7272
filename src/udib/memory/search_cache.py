"""What a search found, kept for a while: never another query's, never older than the last write of its scope."""

import asyncio
import hashlib
import time
from array import array
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Final

import msgspec

from udib.core.tenancy import Scope
from udib.core.vectors import Hit, Query

ENTRIES: Final = 1000
LARGEST_BYTES: Final = 32 * 2**20
TTL_S: Final = 300.0


@dataclass(slots=True)
class SearchCacheMetrics:
    """What the cache did since it was made. `saved_ms` is what the kept searches had taken when they were made."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    saved_ms: float = 0.0

    @property
    def hit_rate(self) -> float:
        """Share of the look-ups that were answered, in [0, 1]."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0

    def to_dict(self) -> dict[str, float]:
        """All of it, for reports."""
        return {**asdict(self), "hit_rate": self.hit_rate}


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search. `age_s` is None when it was made for this call, else how old it is."""

    hits: tuple[Hit, ...]
    age_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    hits: tuple[Hit, ...]
    made_at: float
    took_ms: float
    size_bytes: int


class SearchCache:
    """Least recently used results by key, bounded in number, bytes and age; one search at a time for each key."""

    __slots__ = ("_bytes", "_clock", "_entries", "_flights", "_largest_bytes", "_most_entries", "_ttl_s", "metrics")

    def __init__(
        self,
        *,
        most_entries: int = ENTRIES,
        largest_bytes: int = LARGEST_BYTES,
        ttl_s: float = TTL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep nothing yet.

        Args:
            most_entries: Results kept at most; 0: none.
            largest_bytes: Their size at most, counted as msgpack.
            ttl_s: Seconds after which a result is old whatever was written.
            clock: Seconds, only ever growing.
        """
        self.metrics = SearchCacheMetrics()
        self._most_entries = most_entries
        self._largest_bytes = largest_bytes
        self._ttl_s = ttl_s
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._flights: dict[str, asyncio.Task[tuple[Hit, ...]]] = {}
        self._bytes = 0

    async def get_or_search(self, key: str, search: Callable[[], Awaitable[Sequence[Hit]]]) -> Found:
        """What is kept under a key, or what the search gives, which is then kept.

        Callers of one key at the same time share one search; one of them being cancelled does not end it for the rest.
        A search that fails is not kept.
        """
        entry = self._entries.get(key)
        now = self._clock()
        if entry is not None and now - entry.made_at < self._ttl_s:
            self._entries.move_to_end(key)
            self.metrics.hits += 1
            self.metrics.saved_ms += entry.took_ms
            return Found(entry.hits, now - entry.made_at)
        self.metrics.misses += 1
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.ensure_future(self._fly(key, search))
            self._flights[key] = flight
            flight.add_done_callback(lambda landed: self._landed(key, landed))
        return Found(await asyncio.shield(flight))

    def clear(self) -> int:
        """Give everything up; returns how many results there were."""
        count = len(self._entries)
        self._entries.clear()
        self._bytes = 0
        return count

    async def _fly(self, key: str, search: Callable[[], Awaitable[Sequence[Hit]]]) -> tuple[Hit, ...]:
        began = self._clock()
        found = tuple(await search())
        now = self._clock()
        hits = tuple(replace(hit, payload=MappingProxyType(dict(hit.payload))) for hit in found)
        self._keep(key, _Entry(hits, began, 1000 * (now - began), len(msgspec.msgpack.encode(found))))
        return hits

    def _landed(self, key: str, flight: asyncio.Task[tuple[Hit, ...]]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # looked at, so that nobody complains when all who waited have gone

    def _keep(self, key: str, entry: _Entry) -> None:
        self._drop(key)
        if entry.size_bytes > self._largest_bytes or not self._most_entries:
            return
        self._entries[key] = entry
        self._bytes += entry.size_bytes
        while len(self._entries) > self._most_entries or self._bytes > self._largest_bytes:
            self._drop(next(iter(self._entries)))
            self.metrics.evictions += 1

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size_bytes


def search_key(scope: Scope, collection: str, query: Query, generation: int) -> str:
    """A name for everything that decides an answer: 64 hex digits of a sha256.

    All bytes of the vector go in, in 64-bit floats, and every other part carries its length, so that no two different
    searches share a name.
    """
    rest = msgspec.msgpack.encode(
        (
            scope.tenant,
            scope.workspace,
            collection,
            generation,
            sorted(query.terms.items()),
            query.limit,
            query.explain,
            query.filters,
        )
    )
    digest = hashlib.sha256(len(rest).to_bytes(8, "big"))
    digest.update(rest)
    digest.update(array("d", query.vector))
    return digest.hexdigest()
