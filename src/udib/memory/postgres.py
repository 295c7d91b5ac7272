"""The vector index on PostgreSQL with pgvector: for those who run such a server anyway, and for several machines."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import msgspec
from psycopg import sql
from psycopg.sql import Composed

from udib.core.errors import BadRequestError, UdibError
from udib.core.tenancy import Scope, TenantId
from udib.core.types import Health
from udib.core.vectors import Collection, Filters, Hit, Page, Point, Query
from udib.memory.conditions import checked_facet, selection
from udib.memory.point_checks import (
    belonging,
    checked_collection,
    checked_id,
    checked_limit,
    checked_model,
    checked_points,
    checked_query,
    checked_vector,
    no_collection,
)
from udib.memory.postgres_server import Connection, PostgresServer, Row, rows
from udib.memory.postgres_sql import (
    BY_ID,
    CLAIM_SCOPE,
    COUNT,
    COUNT_ALL,
    DELETE_POINTS,
    DROP_TERMS,
    FACET,
    FORGET_TERMS,
    FOUND,
    HOLD_COLLECTION,
    LARGEST_DIMENSION,
    LEAVE_SCOPE,
    LOCK_SCOPE,
    NEAREST,
    PAGE,
    PLACE,
    USAGE,
    WORDED,
    WRITE_POINT,
    WRITE_TERMS,
    binary_terms,
    binary_vector,
    matching,
    point_row,
    storable,
)
from udib.memory.ranking import best_first, candidates, cosine, fused

STATEMENT_TIMEOUT_S: Final = 60.0
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Located:
    """A collection and, once it holds points there, a scope in it: their numbers in the tables."""

    collection: int
    dimension: int
    scope: int | None


class PostgresIndex:
    """The `VectorIndex` port over tables in one schema of a PostgreSQL database.

    A batch is one transaction: all of it is stored or nothing, and it is acknowledged when the server has committed it.
    Writers of one scope take turns. Searches look at every vector of the scope (exact; there is no graph): some tens of
    thousands of points a scope take tens of milliseconds, and a scope does not slow another down.

    Args:
        url: A connection string of libpq, such as postgresql://user:password@host:5432/database.
        schema: Where the tables lie; made if it is missing.
        timeout_s: Most seconds of one statement.

    Raises:
        BadRequestError: The connection string cannot be read.
    """

    __slots__ = ("_server",)

    def __init__(self, url: str, schema: str = "udib", *, timeout_s: float = STATEMENT_TIMEOUT_S) -> None:
        self._server = PostgresServer(url, schema, timeout_s)

    async def ensure(self, collection: str, *, model_id: str, dimension: int) -> None:
        """Make the collection if it is missing.

        Raises:
            BadRequestError: It exists with another model or dimension, or the dimension is not from 1 to 16,000.
        """
        if not 1 <= dimension <= LARGEST_DIMENSION:
            raise BadRequestError(f"The dimension of a collection is 1 to {LARGEST_DIMENSION}, not {dimension}.")
        wanted = Collection(checked_collection(collection), storable("model id", model_id), dimension)
        async with self._server.connection() as connection:
            await connection.execute(
                "INSERT INTO collections (name, model_id, dimension) VALUES (%s, %s, %s) ON CONFLICT (name) DO NOTHING",
                [wanted.name, wanted.model_id, wanted.dimension],
            )
        for there in await self.collections():
            if there.name == wanted.name:
                checked_model(there, model_id, dimension)

    async def collections(self) -> list[Collection]:
        """All collections, those of earlier embedding models included."""
        async with self._server.connection() as connection:
            listed = await rows(connection, "SELECT name, model_id, dimension FROM collections ORDER BY name", {})
        return [Collection(*row) for row in listed]

    async def drop(self, collection: str, *, expected: int) -> bool:
        """Remove a collection of exactly `expected` points; whether it was so. Of its words see `delete`."""
        name = checked_collection(collection)

        async def work(connection: Connection) -> bool:
            # Writers hold the row until they have committed; those who come later find no collection.
            found = await rows(connection, "SELECT number FROM collections WHERE name = %s FOR UPDATE", [name])
            if not found or await rows(connection, COUNT_ALL, found[0]) != [(expected,)]:
                return False
            await connection.execute(DROP_TERMS, found[0])
            await connection.execute("DELETE FROM collections WHERE number = %s", found[0])
            return True

        dropped = await self._server.write(work)
        if dropped:
            await self._server.vacuum()
        return dropped

    async def upsert(self, scope: Scope, collection: str, points: Sequence[Point]) -> None:
        """Write points, all or none; the same id again replaces the point, within one batch as well: the last counts.

        Raises:
            BadRequestError: A point cannot be used; then none is written.
        """
        checked_collection(collection)
        if not points:
            return
        async with self._server.connection() as connection:
            place = await _place(connection, scope, collection)
        if place is None:
            raise no_collection(collection)
        ready = await checked_points(points, place.dimension)
        ids, written = list(ready), await asyncio.to_thread(lambda: [point_row(point) for point in ready.values()])

        async def work(connection: Connection) -> None:
            if not await rows(connection, HOLD_COLLECTION, [place.collection]):
                raise no_collection(collection)
            [[number]] = await rows(connection, CLAIM_SCOPE, [place.collection, scope.tenant, scope.workspace])
            await connection.execute(FORGET_TERMS, {"scope": number, "ids": ids})
            async with connection.cursor() as cursor:
                await cursor.executemany(WRITE_POINT, [{**row, "scope": number} for row in written])
            await connection.execute(WRITE_TERMS, {"scope": number, "ids": ids})

        await self._server.write(work)

    async def search(self, scope: Scope, collection: str, query: Query) -> list[Hit]:
        """The best points for a vector and, fused with it, for terms, best first.

        Fusion is by reciprocal rank with k = 2. How rare a term is, is counted within the scope.

        Raises:
            BadRequestError: Vector and terms are both empty or cannot be used, or the limit is not from 1 to 1,000.
        """
        terms = checked_query(query)
        where, values = matching(selection(scope, query.filters).conditions)
        checked_collection(collection)
        async with self._server.connection() as connection:
            place = await _place(connection, scope, collection)
            if place is None:
                return []
            values["vector"] = binary_vector(checked_vector(query.vector, place.dimension))
            values |= {"scope": place.scope, "limit": query.limit, **binary_terms(*terms)}
            if not query.terms:
                return await _nearest(connection, scope, where, values)
            return await _fused(connection, scope, query, where, values)

    async def scroll(
        self, scope: Scope, collection: str, filters: Filters, *, after: str | None = None, limit: int = 256
    ) -> Page:
        """The points that meet the conditions, whole, a page at a time in the order of their ids."""
        start = None if after is None else checked_id(after)
        values = {"after": start, "limit": checked_limit(limit) + 1}
        rows = await self._selected(scope, collection, filters, PAGE.format, values)
        following = rows.pop()[0] if len(rows) > limit else None
        return Page(tuple(_point(scope, row) for row in rows), following)

    async def count(self, scope: Scope, collection: str, filters: Filters) -> int:
        """How many points of the scope meet the conditions."""
        [[count]] = await self._selected(scope, collection, filters, COUNT.format, {})
        return int(count)

    async def facet(
        self, scope: Scope, collection: str, field: str, filters: Filters, *, limit: int = 10
    ) -> dict[str, int]:
        """The most frequent values of a field among the points that meet the conditions, with their counts."""
        statement = partial(FACET.format, field=sql.Identifier(checked_facet(field)))
        return dict(await self._selected(scope, collection, filters, statement, {"limit": checked_limit(limit)}))

    async def usage(self, collection: str, tenant: TenantId | None = None) -> dict[Scope, int]:
        """How many points each scope has, of one tenant or of all."""
        wanted = None if tenant is None else storable("tenant", tenant)
        values = {"name": checked_collection(collection), "tenant": wanted}
        async with self._server.connection() as connection:
            return {Scope.of(*names): points for *names, points in await rows(connection, USAGE, values)}

    async def delete(self, scope: Scope, collection: str, filters: Filters) -> int:
        """Remove the points of the scope that meet the conditions, in one transaction; returns how many.

        The tables are vacuumed at once, so that nothing finds the words and their room is used again. Until then their
        bytes may lie in free room of a page, in the write-ahead log, on standbys and in backups: how long is up to the
        server's operator. Where the vacuum is not allowed or takes too long, the log says so, and autovacuum does it.

        Raises:
            BadRequestError: The filters name neither a content nor an expiry: a scope is never deleted by omission.
        """
        where, values = matching(selection(scope, filters).deletable().conditions)
        return await self._delete(scope, collection, where, values)

    async def remove(self, scope: Scope, collection: str, ids: Sequence[str]) -> int:
        """Remove points of the scope by id, as `delete` does; returns how many there were."""
        wanted = [checked_id(each) for each in ids]
        return await self._delete(scope, collection, BY_ID.format(), {"ids": wanted})

    async def optimize(self, collection: str) -> None:
        """Let the server count anew how the values are spread, which its plans rest on; it does so for all tables."""
        checked_collection(collection)
        async with self._server.connection() as connection:
            await connection.execute("ANALYZE collections, scopes, points, postings")

    async def ping(self) -> Health:
        """How many points there are, of all tenants."""
        count = """SELECT (SELECT count(*) FROM points), (SELECT count(*) FROM collections),
                   current_setting('server_version'), (SELECT extversion FROM pg_extension WHERE extname = 'vector')"""
        try:
            async with self._server.connection() as connection:
                [[points, collections, version, extension]] = await rows(connection, count, {})
        except UdibError as exc:
            detail, _, remedy = str(exc).rpartition("; ")
            return Health("memory index", ok=False, detail=detail, remedy=remedy)
        detail = f"{points} points in {collections} collections, PostgreSQL {version}, pgvector {extension}"
        return Health("memory index", ok=True, detail=detail)

    async def close(self) -> None:
        """Give the connections to the server back."""
        await self._server.close()

    async def _selected(
        self, scope: Scope, collection: str, filters: Filters, statement: Callable[..., Composed], values: Values
    ) -> list[Row]:
        """The rows of a statement with a place for conditions; a scope or collection that is missing has no points."""
        where, conditions = matching(selection(scope, filters).conditions)
        checked_collection(collection)
        async with self._server.connection() as connection:
            place = await _place(connection, scope, collection)
            number = None if place is None else place.scope
            return await rows(connection, statement(where=where), {**values, **conditions, "scope": number})

    async def _delete(self, scope: Scope, collection: str, where: Composed, values: Values) -> int:
        name = checked_collection(collection)

        async def work(connection: Connection) -> int:
            found = await rows(connection, LOCK_SCOPE, [name, scope.tenant, scope.workspace])
            if not found:
                return 0
            given = {**values, "scope": found[0][0]}
            [[count]] = await rows(connection, DELETE_POINTS.format(where=where), given)
            await connection.execute(LEAVE_SCOPE, given)
            return int(count)

        deleted = await self._server.write(work)
        if deleted:
            await self._server.vacuum()
        return deleted


async def _place(connection: Connection, scope: Scope, collection: str) -> _Located | None:
    found = await rows(connection, PLACE, [scope.tenant, scope.workspace, collection])
    return _Located(*found[0]) if found else None


async def _nearest(connection: Connection, scope: Scope, where: Composed, values: Values) -> list[Hit]:
    """The hits of a search by vector alone: the score is the cosine."""
    ids = [row[0] for row in await rows(connection, NEAREST.format(where=where), values)]
    hits = [_hit(scope, row) for row in await rows(connection, FOUND, {**values, "ids": ids})]
    return best_first(replace(hit, score=hit.similarity) for hit in hits)


async def _fused(connection: Connection, scope: Scope, query: Query, where: Composed, values: Values) -> list[Hit]:
    """The hits of a search by terms, and by a vector if there is one."""
    most = {**values, "limit": candidates(query.limit)}
    legs = [[row[0] for row in await rows(connection, WORDED.format(where=where), most)]]
    if values["vector"] is not None:
        legs.append([row[0] for row in await rows(connection, NEAREST.format(where=where), most)])
    scores = fused(legs)
    given = {**values, "ids": list(scores), "limit": len(scores)}
    hits = [_hit(scope, row) for row in await rows(connection, FOUND, given)]
    best = best_first(replace(hit, score=scores[hit.id]) for hit in hits)[: query.limit]
    if not query.explain:
        return best
    given["ids"] = [hit.id for hit in best]
    worded: dict[str, float] = dict(await rows(connection, WORDED.format(where=BY_ID), given))
    return [replace(hit, term_score=worded.get(hit.id)) for hit in best]


def _hit(scope: Scope, row: Row) -> Hit:
    number, tenant, workspace, payload, similarity = row
    belonging(scope, tenant, workspace)
    return Hit(number, 0.0, cosine(similarity), msgspec.json.decode(payload, type=dict[str, object]))


def _point(scope: Scope, row: Row) -> Point:
    number, tenant, workspace, payload, vector, term_ids, weights = row
    belonging(scope, tenant, workspace)
    terms = dict(zip(term_ids, weights, strict=True))
    return Point(number, vector or [], msgspec.json.decode(payload, type=dict[str, object]), terms)
