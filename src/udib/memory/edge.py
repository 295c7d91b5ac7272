"""The embedded vector index: qdrant-edge in a store process that all udib processes on a data directory share."""

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from udib.core.errors import UdibError
from udib.core.tenancy import Scope, TenantId
from udib.core.types import Health
from udib.core.vectors import Collection, Filters, Hit, Page, Point, Query
from udib.memory.batches import POINTS_PER_CALL, parts
from udib.memory.conditions import checked_facet, selection
from udib.memory.point_checks import (
    belonging,
    checked_collection,
    checked_dimension,
    checked_id,
    checked_limit,
    checked_points,
    checked_query,
    checked_vector,
    no_collection,
)
from udib.memory.store_client import StoreClient
from udib.memory.store_protocol import (
    Collections,
    Copy,
    Count,
    Delete,
    Drop,
    Ensure,
    Facet,
    Optimize,
    Ping,
    Remove,
    Scroll,
    Search,
    StoreState,
    Upsert,
    Usage,
    WireCollection,
    WireHit,
    WirePage,
    WirePoint,
    WireUsage,
    unpacked,
    unpacked_ids,
)

BYTES_PER_CALL: Final = 4 * 2**20
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
        request = Ensure(checked_collection(collection), model_id, checked_dimension(dimension))
        await self._client.call(request, type(None))
        self._dimensions[collection] = dimension

    async def collections(self) -> list[Collection]:
        """All collections, those of earlier embedding models included."""
        listed = await self._client.call(Collections(), list[WireCollection])
        return [Collection(each.name, each.model_id, each.dimension) for each in listed]

    async def drop(self, collection: str, *, expected: int) -> bool:
        """Remove a collection of exactly `expected` points, and its words from disk; whether it was so."""
        dropped = await self._client.call(Drop(checked_collection(collection), expected), bool)
        if dropped:
            self._dimensions.pop(collection, None)
        return dropped

    async def upsert(self, scope: Scope, collection: str, points: Sequence[Point]) -> None:
        """Write points; the same id again replaces the point, within one batch as well: the last one counts.

        Raises:
            BadRequestError: A point cannot be used; then none is written.
        """
        if not points:
            return
        dimension = await self._dimension(collection)
        if dimension is None:
            raise no_collection(collection)
        ready = await checked_points(points, dimension)
        for part in parts(ready.values(), most_bytes=BYTES_PER_CALL, weight=_weight):
            await self._client.call(Upsert(collection, scope.tenant, scope.workspace, part), type(None))

    async def search(self, scope: Scope, collection: str, query: Query) -> list[Hit]:
        """The best points for a vector and, fused with it, for terms, best first.

        Fusion is by reciprocal rank with k = 2. How rare a term is, is counted within the scope.

        Raises:
            BadRequestError: Vector and terms are both empty or cannot be used, or the limit is not from 1 to 1,000.
        """
        term_ids, weights = checked_query(query)
        where = selection(scope, query.filters)
        dimension = await self._dimension(collection)
        if dimension is None:
            return []
        vector = checked_vector(query.vector, dimension)
        request = Search(collection, where, vector, term_ids, weights, query.limit, query.explain)
        found = await self._client.call(request, list[WireHit])
        return [_hit(scope, hit) for hit in found]

    async def scroll(
        self, scope: Scope, collection: str, filters: Filters, *, after: str | None = None, limit: int = POINTS_PER_CALL
    ) -> Page:
        """The points that meet the conditions, whole (vectors as arrays), a page at a time in order of their ids."""
        start = None if after is None else checked_id(after)
        request = Scroll(checked_collection(collection), selection(scope, filters), start, checked_limit(limit))
        page = await self._client.call(request, WirePage)
        return Page(tuple(_point(scope, point) for point in page.points), page.following)

    async def count(self, scope: Scope, collection: str, filters: Filters) -> int:
        """How many points of the scope meet the conditions."""
        return await self._client.call(Count(checked_collection(collection), selection(scope, filters)), int)

    async def facet(
        self, scope: Scope, collection: str, field: str, filters: Filters, *, limit: int = 10
    ) -> dict[str, int]:
        """The most frequent values of a field among the points that meet the conditions, with their counts."""
        where = selection(scope, filters)
        request = Facet(checked_collection(collection), where, checked_facet(field), checked_limit(limit))
        return await self._client.call(request, dict[str, int])

    async def usage(self, collection: str, tenant: TenantId | None = None) -> dict[Scope, int]:
        """How many points each scope has, of one tenant or of all."""
        listed = await self._client.call(Usage(checked_collection(collection), tenant), list[WireUsage])
        return {Scope.of(each.tenant, each.workspace): each.points for each in listed}

    async def delete(self, scope: Scope, collection: str, filters: Filters) -> int:
        """Remove the points of the scope that meet the conditions; returns how many.

        Their words are on no page of any file afterwards: the collection is rewritten without them, in about a second
        per 10,000 points that stay.

        Raises:
            BadRequestError: The filters name neither a content nor an expiry: a scope is never deleted by omission.
        """
        where = selection(scope, filters).deletable()
        return await self._client.call(Delete(checked_collection(collection), where), int)

    async def remove(self, scope: Scope, collection: str, ids: Sequence[str]) -> int:
        """Remove points of the scope by id, as `delete` does; returns how many there were."""
        wanted = [checked_id(each) for each in ids]
        request = Remove(checked_collection(collection), scope.tenant, scope.workspace, wanted)
        return await self._client.call(request, int) if wanted else 0

    async def optimize(self, collection: str) -> None:
        """Rearrange a collection for speed: some seconds for 100,000 points, in which other calls wait."""
        await self._client.call(Optimize(checked_collection(collection)), type(None))

    async def copy_to(self, folder: Path) -> None:
        """Copy the index, as it is now, into a new folder, an absolute path; other calls wait meanwhile.

        Raises:
            UnavailableError: The folder cannot be written.
        """
        await self._client.call(Copy(str(folder)), type(None))

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
        if checked_collection(collection) not in self._dimensions:
            self._dimensions = {each.name: each.dimension for each in await self.collections()}
        return self._dimensions.get(collection)


def _hit(scope: Scope, hit: WireHit) -> Hit:
    belonging(scope, hit.tenant, hit.workspace)
    return Hit(hit.id, hit.score, hit.similarity, hit.payload, hit.term_score)


def _point(scope: Scope, point: WirePoint) -> Point:
    payload = msgspec.json.decode(point.payload, type=dict[str, object])
    belonging(scope, payload.pop("tenant", None), payload.pop("workspace", None))
    terms = dict(zip(unpacked_ids(point.term_ids), unpacked(point.weights), strict=True))
    return Point(point.id, array("f", point.vector), payload, terms)


def _weight(point: WirePoint) -> int:
    return len(point.vector) + len(point.term_ids) + len(point.weights) + len(point.payload)
