"""The embedded vector index: qdrant-edge in a store process that all udib processes on a data directory share."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from udib.core.errors import BadRequestError, UdibError
from udib.core.ports import Filters, Hit, Point, Terms
from udib.core.tenancy import Scope
from udib.core.types import Health, Vector
from udib.memory.point_checks import (
    checked_collection,
    checked_filters,
    checked_limit,
    checked_point,
    checked_terms,
    checked_vector,
)
from udib.memory.store_client import StoreClient
from udib.memory.store_protocol import (
    Count,
    Delete,
    Describe,
    Ensure,
    Names,
    Ping,
    Search,
    Selection,
    StoreState,
    Upsert,
    WireHit,
    WirePoint,
)

POINTS_PER_CALL: Final = 256
BYTES_PER_CALL: Final = 4 * 2**20
_CHECKED_AT_ONCE: Final = 64  # about 2 ms, then the event loop gets its turn
LINGER_S: Final = 20.0


class EdgeIndex:
    """The `VectorIndex` port over the store process; the process is started when it is first needed.

    A write is acknowledged when it is in the log of the engine: killing any process loses nothing, a power failure can
    take the last 2 seconds. A crash between two parts of a batch of more than 256 points leaves the first part stored;
    the same call again completes it.

    Args:
        path: The directory of the index, `vectors/`.
        runtime_dir: Where sockets lie, `$XDG_RUNTIME_DIR/udib`; None: a private folder among the temporary files.
        linger_s: How long the process waits for the next client after the last has gone, so that a row of commands
            shares one.
    """

    __slots__ = ("_client", "_dimensions", "_path")

    def __init__(self, path: Path, runtime_dir: Path | None = None, *, linger_s: float = LINGER_S) -> None:
        self._path = path
        self._client = StoreClient(path, runtime_dir, linger_s)
        self._dimensions: dict[str, int] = {}

    async def ensure(self, collection: str, *, model_id: str, dimension: int) -> None:
        """Make the collection if it is missing.

        Raises:
            BadRequestError: It exists with another model or dimension.
        """
        if dimension < 1:
            raise BadRequestError(f"The dimension of a collection is at least 1, not {dimension}.")
        await self._client.call(Ensure(checked_collection(collection), model_id, dimension), type(None))
        self._dimensions[collection] = dimension

    async def collections(self) -> list[str]:
        """The names of all collections, those of earlier embedding models included."""
        return await self._client.call(Names(), list[str])

    async def upsert(self, scope: Scope, collection: str, points: Sequence[Point]) -> None:
        """Write points; the same id again replaces the point, within one batch as well: the last one counts.

        Raises:
            BadRequestError: A point cannot be used; then none is written.
        """
        dimension = await self._dimension(collection)
        if dimension is None:
            raise BadRequestError(f"There is no collection {collection!r}; make it first.")
        ready: dict[str, WirePoint] = {}
        rest = iter(points)
        while some := list(islice(rest, _CHECKED_AT_ONCE)):
            ready |= {point.id: point for point in (checked_point(point, dimension) for point in some)}
            await asyncio.sleep(0)
        for part in _parts(ready.values()):
            await self._client.call(Upsert(collection, scope.tenant, scope.workspace, part), type(None))

    async def search(
        self, scope: Scope, collection: str, vector: Vector, terms: Terms, *, limit: int, filters: Filters
    ) -> list[Hit]:
        """The best points for a vector and, fused with it, for terms (either may be empty), best first.

        Fusion is by reciprocal rank with k = 2. How rare a term is, is counted within the scope.

        Raises:
            BadRequestError: Vector and terms are both empty or cannot be used, or `limit` is not from 1 to 1,000.
        """
        if not len(vector) and not terms:
            raise BadRequestError("A search needs a vector or terms.")
        checked_limit(limit)
        term_ids, weights = checked_terms(terms)
        where = _selection(scope, filters)
        dimension = await self._dimension(collection)
        if dimension is None:
            return []
        request = Search(collection, where, checked_vector(vector, dimension), term_ids, weights, limit)
        found = await self._client.call(request, list[WireHit])
        return [_hit(scope, hit) for hit in found]

    async def count(self, scope: Scope, collection: str, filters: Filters) -> int:
        """How many points of the scope meet the conditions."""
        return await self._client.call(Count(checked_collection(collection), _selection(scope, filters)), int)

    async def delete(self, scope: Scope, collection: str, filters: Filters) -> int:
        """Remove the points of the scope that meet the conditions; returns how many.

        Their words are on no page of any file afterwards: the collection is rewritten without them, in about a second
        per 10,000 points that stay.

        Raises:
            BadRequestError: The filters name no content: a whole scope is never deleted by omission.
        """
        where = _selection(scope, filters)
        if filters.content_id is None:
            raise BadRequestError("A deletion names the content whose points are to go.")
        return await self._client.call(Delete(checked_collection(collection), where), int)

    async def ping(self) -> Health:
        """How many points there are, of all tenants; starts the store process."""
        try:
            state = await self._client.call(Ping(), StoreState)
        except UdibError as exc:
            detail, _, remedy = str(exc).rpartition("; ")
            if not detail:
                detail, remedy = remedy, f"See {self._path / 'store.log'}."
            return Health("memory index", ok=False, detail=detail, remedy=remedy)
        detail = f"{state.points} points in {state.collections} collections, store process {state.pid}"
        return Health("memory index", ok=True, detail=detail)

    async def close(self) -> None:
        """Leave the store process, which ends `linger_s` seconds later when nobody else uses it."""
        await self._client.close()

    async def _dimension(self, collection: str) -> int | None:
        checked_collection(collection)
        if collection not in self._dimensions:
            dimension: int | None = await self._client.call(Describe(collection), int | None)  # type: ignore[arg-type]
            if dimension is None:
                return None
            self._dimensions[collection] = dimension
        return self._dimensions[collection]


def _selection(scope: Scope, filters: Filters) -> Selection:
    checked_filters(filters)
    named = (filters.content_id, filters.not_content_id, filters.speaker, filters.number_from)
    return Selection(scope.tenant, scope.workspace, *named)


def _hit(scope: Scope, hit: WireHit) -> Hit:
    if (hit.tenant, hit.workspace) != (scope.tenant, scope.workspace):
        # Never shown, whatever the index did: this is the last of three walls between tenants.
        raise UdibError(f"The memory index returned a point that does not belong to {scope}. Please report this fault.")
    return Hit(hit.id, hit.score, hit.similarity, hit.payload)


def _parts(points: Iterable[WirePoint]) -> Iterator[list[WirePoint]]:
    """The points in parts of at most 256 and about 4 MiB."""
    part: list[WirePoint] = []
    size = 0
    for point in points:
        weight = len(point.vector) + len(point.term_ids) + len(point.weights) + len(point.payload)
        if part and (len(part) == POINTS_PER_CALL or size + weight > BYTES_PER_CALL):
            yield part
            part, size = [], 0
        part.append(point)
        size += weight
    if part:
        yield part
