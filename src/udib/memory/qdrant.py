"""The vector index on a Qdrant server: the same points, conditions and ranks as in the embedded index."""

import asyncio
from collections.abc import Sequence
from typing import Final

from qdrant_client import AsyncQdrantClient
from qdrant_client.http import models

from udib.core.errors import BadRequestError, UdibError, UnavailableError
from udib.core.tenancy import Scope, TenantId
from udib.core.types import Health
from udib.core.vectors import Collection, Filters, Hit, Page, Point, Query
from udib.memory import qdrant_wire as wire
from udib.memory.batches import POINTS_PER_CALL, batched, parts
from udib.memory.conditions import checked_facet, selection
from udib.memory.point_checks import (
    checked_collection,
    checked_dimension,
    checked_id,
    checked_limit,
    checked_model,
    checked_points,
    checked_query,
    checked_vector,
    no_collection,
)
from udib.memory.qdrant_endpoint import Endpoint, NotThereError
from udib.memory.qdrant_provider import QdrantConnectionPool
from udib.memory.qdrant_server import OLDEST_SERVER, SCOPED_RARITY, QdrantServer
from udib.memory.ranking import DENSE, TERMS
from udib.memory.store_protocol import WirePoint, unpacked

PREFIX: Final = "udib-"
BYTES_PER_CALL: Final = 16 * 2**20  # of JSON; the server's own limit is 32 MB
_CALLS_AT_ONCE: Final = 4
_IDS_PER_CALL: Final = 5_000
_MOST_SCOPES: Final = 1_000_000


class QdrantIndex:
    """The `VectorIndex` port over a Qdrant server, 1.16 or newer.

    A write is acknowledged when the server has applied it. Every call is repeated once when the connection broke or the
    server was busy; that is safe, because each does the same when it is done twice. A batch of more than 256 points
    that fails may be stored in part; the same call again completes it.

    Args:
        endpoint: The server, by REST.
        pool: Where connections come from; whoever made it closes it.
        prefix: What the names of udib's collections begin with on the server.
        grpc_port: The server's gRPC port, for points in bulk (a quarter of the bytes); None: REST for everything.
    """

    __slots__ = ("_dimensions", "_server", "prefix")

    def __init__(
        self, endpoint: Endpoint, pool: QdrantConnectionPool, *, prefix: str = PREFIX, grpc_port: int | None = None
    ) -> None:
        self._server = QdrantServer(endpoint, pool, grpc_port=grpc_port)
        self.prefix = checked_collection(prefix)
        self._dimensions: dict[str, int] = {}

    async def ensure(self, collection: str, *, model_id: str, dimension: int) -> None:
        """Make the collection if it is missing, and the indexes of its fields.

        Raises:
            BadRequestError: It exists with another model or dimension, it is somebody else's, or the server is too old.
        """
        name = self._name(collection)
        wanted = wire.CollectionNote(self.prefix, model_id, checked_dimension(dimension))
        if await self._server.version() < OLDEST_SERVER:
            raise BadRequestError(f"The Qdrant server at {self._server.name} is older than 1.16; update it.")
        info = await self._info(name) or await self._made(name, wanted)
        there = wire.note(info, self.prefix)
        if there is None:
            raise BadRequestError(
                f"The collection {name!r} on the Qdrant server at {self._server.name} was not made by this udib; "
                "choose another memory.qdrant_prefix."
            )
        checked_model(Collection(collection, there.model_id, there.dimension), model_id, dimension)
        for field in wire.INDEXED.keys() - info.payload_schema.keys():
            await self._indexed(name, field)
        self._dimensions[collection] = dimension

    async def collections(self) -> list[Collection]:
        """All collections that were made with this prefix; others on the server are none of our business."""
        listed = await self._server.call(lambda client: client.get_collections())
        found = []
        for name in sorted(each.name for each in listed.collections if each.name.startswith(self.prefix)):
            there = wire.note(await self._info(name), self.prefix)
            if there is not None:
                found.append(Collection(name.removeprefix(self.prefix), there.model_id, there.dimension))
        return found

    async def drop(self, collection: str, *, expected: int) -> bool:
        """Remove a collection of exactly `expected` points; whether it was so.

        A server cannot do both in one step: a point that is written in the milliseconds between counting and removing
        goes as well. Its files are removed by the server.
        """
        name = self._name(collection)
        self._dimensions.pop(collection, None)  # what is dropped must be ours today
        try:
            if await self._dimension(collection) is None or await self._counted(name, None) != expected:
                return False
            await self._server.call(lambda client: client.delete_collection(name))
        except NotThereError:  # others were faster
            return False
        finally:
            self._dimensions.pop(collection, None)
        return True

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
        rest = iter(list(parts(ready.values(), most_bytes=BYTES_PER_CALL, weight=wire.json_bytes)))

        async def send() -> None:
            for part in rest:
                await self._write(scope, self._name(collection), part)

        failure: UdibError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_CALLS_AT_ONCE):
                    group.create_task(send())
        except* NotThereError:
            self._dimensions.pop(collection, None)
            failure = no_collection(collection)
        except* UdibError as failed:
            failure = _first(failed)
        if failure is not None:
            raise failure

    async def search(self, scope: Scope, collection: str, query: Query) -> list[Hit]:
        """The best points for a vector and, fused with it, for terms, best first.

        Fusion is by reciprocal rank with k = 2. How rare a term is, is counted within the scope, on each shard; on
        servers older than 1.19 over all tenants, which `ping` says.

        Raises:
            BadRequestError: Vector and terms are both empty or cannot be used, or the limit is not from 1 to 1,000.
        """
        term_ids, weights = checked_query(query)
        where = wire.selected(selection(scope, query.filters))
        dimension = await self._dimension(collection)
        if dimension is None:
            return []
        vector = unpacked(checked_vector(query.vector, dimension))
        try:
            if term_ids:
                terms = wire.sparse(term_ids, weights)
                return await self._fused(scope, self._name(collection), query, vector, terms)
            [near] = await self._asked(self._name(collection), wire.nearest(vector, where, query.limit))
        except NotThereError:
            return []
        return wire.ranked(scope, near, wire.scores(near))

    async def scroll(
        self, scope: Scope, collection: str, filters: Filters, *, after: str | None = None, limit: int = POINTS_PER_CALL
    ) -> Page:
        """The points that meet the conditions, whole, a page at a time in the order of their ids."""
        name, start, most = self._name(collection), None if after is None else checked_id(after), checked_limit(limit)
        where = wire.selected(selection(scope, filters))
        try:
            records, following = await self._server.in_bulk(
                lambda client: client.scroll(name, where, most, offset=start, with_payload=True, with_vectors=True)
            )
        except NotThereError:
            return Page((), None)
        return Page(
            tuple(wire.whole(scope, record) for record in records), None if following is None else str(following)
        )

    async def count(self, scope: Scope, collection: str, filters: Filters) -> int:
        """How many points of the scope meet the conditions."""
        try:
            return await self._counted(self._name(collection), wire.selected(selection(scope, filters)))
        except NotThereError:
            return 0

    async def facet(
        self, scope: Scope, collection: str, field: str, filters: Filters, *, limit: int = 10
    ) -> dict[str, int]:
        """The most frequent values of a field among the points that meet the conditions, with their counts."""
        where = wire.selected(selection(scope, filters))
        return await self._values(self._name(collection), checked_facet(field), where, checked_limit(limit))

    async def usage(self, collection: str, tenant: TenantId | None = None) -> dict[Scope, int]:
        """How many points each scope has, of one tenant or of all."""
        name = self._name(collection)
        tenants = [tenant] if tenant is not None else await self._values(name, "tenant", None, _MOST_SCOPES)
        found: dict[Scope, int] = {}
        for each in sorted(tenants):
            spaces = await self._values(name, "workspace", wire.of_tenant(each), _MOST_SCOPES)
            found |= {Scope.of(each, space): points for space, points in sorted(spaces.items())}
        return found

    async def delete(self, scope: Scope, collection: str, filters: Filters) -> int:
        """Remove the points of the scope that meet the conditions; returns how many.

        From then on nothing finds them. Their words leave the server's files later: the log when it is cut off, the
        payload when its optimizer rewrites a segment of which a fifth is deleted (the server's settings say when).

        Raises:
            BadRequestError: The filters name neither a content nor an expiry: a scope is never deleted by omission.
        """
        where = wire.selected(selection(scope, filters).deletable())
        return await self._removed(self._name(collection), where)

    async def remove(self, scope: Scope, collection: str, ids: Sequence[str]) -> int:
        """Remove points of the scope by id, as `delete` does; returns how many there were."""
        wanted = sorted({checked_id(each) for each in ids})
        name = self._name(collection)
        return sum([await self._removed(name, wire.identified(scope, some)) for some in batched(wanted, _IDS_PER_CALL)])

    async def optimize(self, collection: str) -> None:
        """Nothing: a server rearranges its collections by itself, and has no call for it."""
        checked_collection(collection)

    async def ping(self) -> Health:
        """How many points there are, of all tenants, and by which ways the server is asked."""
        try:
            version = await self._server.version(anew=True)
            names = [each.name for each in await self.collections()]
            points = sum([await self._counted(self._name(each), None) for each in names])
            ways = await self._server.ways()
        except UdibError as exc:
            remedy = "Start the server, or correct memory.qdrant_url and memory.qdrant_api_key in settings.yaml."
            return Health("memory index", ok=False, detail=str(exc), remedy=remedy)
        detail = f"{points} points in {len(names)} collections, Qdrant {version[0]}.{version[1]} at {ways}"
        if version < OLDEST_SERVER:
            return Health("memory index", ok=False, detail=detail, remedy="Update the server to 1.16 or newer.")
        return Health("memory index", ok=True, detail=detail)

    async def close(self) -> None:
        """Nothing: connections belong to the pool."""

    async def _fused(
        self, scope: Scope, name: str, query: Query, vector: list[float], terms: models.SparseVector
    ) -> list[Hit]:
        where = wire.selected(selection(scope, query.filters))
        params = wire.rarity(scope) if await self._server.version() >= SCOPED_RARITY else None
        [found] = await self._asked(name, wire.fused(vector, terms, where, params, query.limit))
        if not found:
            return []
        # Fused scores tell neither the cosine nor what the terms gave.
        these = wire.identified(scope, [str(point.id) for point in found])
        more = [wire.by_vector(vector, these, len(found))] if vector else []
        more += [wire.by_terms(terms, these, params, len(found))] if query.explain else []
        answers = iter(await self._asked(name, *more) if more else [])
        similarities = wire.scores(next(answers)) if vector else {}
        return wire.ranked(scope, found, similarities, wire.scores(next(answers)) if query.explain else {})

    async def _write(self, scope: Scope, name: str, part: list[WirePoint]) -> None:
        points = [wire.stored(point, scope) for point in part]
        way = self._server.in_bulk if wire.fits_grpc(part) else self._server.call
        await way(lambda client: client.upsert(name, points, wait=True))

    async def _asked(self, name: str, *questions: models.QueryRequest) -> list[list[models.ScoredPoint]]:
        batch = models.QueryRequestBatch(searches=list(questions))

        async def ask(client: AsyncQdrantClient) -> list[models.QueryResponse]:
            # By the generated interface: the usual one copies every number of a question to look for texts to embed.
            answer = await client.http.search_api.query_batch_points(name, query_request_batch=batch)
            if len(answer.result or ()) != len(questions):
                raise ValueError("an answer to each question was expected")
            return answer.result or []

        return [answer.points for answer in await self._server.call(ask)]

    async def _counted(self, name: str, where: models.Filter | None) -> int:
        return (await self._server.call(lambda client: client.count(name, where, exact=True))).count

    async def _values(self, name: str, field: str, where: models.Filter | None, limit: int) -> dict[str, int]:
        try:
            found = await self._server.call(lambda client: client.facet(name, field, where, limit, exact=True))
        except NotThereError:
            return {}
        return {str(hit.value): hit.count for hit in found.hits}

    async def _removed(self, name: str, where: models.Filter) -> int:
        selector = models.FilterSelector(filter=where)
        try:
            found = await self._counted(name, where)
            if found:
                await self._server.call(lambda client: client.delete(name, selector, wait=True))
        except NotThereError:
            return 0
        return found

    async def _info(self, name: str) -> models.CollectionInfo | None:
        try:
            return await self._server.call(lambda client: client.get_collection(name))
        except NotThereError:
            return None

    async def _made(self, name: str, wanted: wire.CollectionNote) -> models.CollectionInfo:
        try:
            await self._server.call(
                lambda client: client.create_collection(
                    name,
                    vectors_config={DENSE: models.VectorParams(size=wanted.dimension, distance=models.Distance.COSINE)},
                    sparse_vectors_config={TERMS: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                    # No graph over all tenants: searches are filtered by tenant.
                    hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
                    metadata=wanted.metadata(),
                )
            )
        except BadRequestError:
            # Another process may have made it first, or our first request although its answer was lost.
            if (info := await self._info(name)) is None:
                raise
            return info
        if (info := await self._info(name)) is None:
            raise UnavailableError(f"The collection {name!r} is gone as soon as it is made; who removes it?")
        return info

    async def _indexed(self, name: str, field: str) -> None:
        schema = wire.INDEXED[field]
        await self._server.call(lambda client: client.create_payload_index(name, field, schema, wait=True))

    async def _dimension(self, collection: str) -> int | None:
        if checked_collection(collection) not in self._dimensions:
            there = wire.note(await self._info(self._name(collection)), self.prefix)
            if there is None:
                return None
            self._dimensions[collection] = there.dimension
        return self._dimensions[collection]

    def _name(self, collection: str) -> str:
        return self.prefix + checked_collection(collection)


def _first(failed: BaseExceptionGroup[UdibError]) -> UdibError:
    """One of the errors of calls that were made at the same time: the others say the same."""
    error = failed.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
