"""A vector index in plain Python: slow, exact, in memory. The model that adapters are held against, and a fake."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from udib.core.errors import BadRequestError, UdibError
from udib.core.tenancy import Scope, TenantId
from udib.core.types import Health, Vector
from udib.core.vectors import Collection, Filters, Hit, Page, Point, Query

_FACETS = ("content_id", "speaker", "platform", "verdict", "content_hash", "twin_of")


class FakeVectorIndex:
    """The `VectorIndex` port over dictionaries. Terms score by weight alone, without how rare they are.

    Attributes:
        error: Raised by every call while it is set.
        calls: How often each method was called.
    """

    def __init__(self) -> None:
        self.error: UdibError | None = None
        self.calls: Counter[str] = Counter()
        self._collections: dict[str, Collection] = {}
        self._points: dict[str, dict[tuple[Scope, str], Point]] = {}

    async def ensure(self, collection: str, *, model_id: str, dimension: int) -> None:
        """Make the collection if it is missing."""
        self._called("ensure")
        wanted = Collection(collection, model_id, dimension)
        there = self._collections.setdefault(collection, wanted)
        if there != wanted:
            raise BadRequestError(
                f"The collection holds embeddings of {there.model_id!r} with {there.dimension} numbers."
            )
        self._points.setdefault(collection, {})

    async def collections(self) -> list[Collection]:
        """All collections by name."""
        self._called("collections")
        return sorted(self._collections.values(), key=lambda each: each.name)

    async def drop(self, collection: str, *, expected: int) -> bool:
        """Remove a collection of exactly `expected` points."""
        self._called("drop")
        if collection not in self._collections or len(self._points[collection]) != expected:
            return False
        del self._collections[collection], self._points[collection]
        return True

    async def upsert(self, scope: Scope, collection: str, points: Sequence[Point]) -> None:
        """Write points, or none if one of them has the wrong dimension."""
        self._called("upsert")
        if points and collection not in self._collections:
            raise BadRequestError(f"There is no collection {collection!r}; make it first.")
        dimension = self._collections[collection].dimension if points else 0
        if any(len(point.vector) not in {0, dimension} for point in points):
            raise BadRequestError(f"This collection's vectors have {dimension} numbers.")
        self._points.get(collection, {}).update(((scope, _uuid(point.id)), _stored(point)) for point in points)

    async def search(self, scope: Scope, collection: str, query: Query) -> list[Hit]:
        """The best points by cosine, or by cosine and shared term weight."""
        self._called("search")
        if not 1 <= query.limit <= 1000:
            raise BadRequestError(f"A search returns 1 to 1000 hits, not {query.limit}.")
        hits = []
        for point in self._selected(scope, collection, query.filters):
            similarity = _cosine(query.vector, point.vector)
            words = sum(weight * point.terms.get(term, 0.0) for term, weight in query.terms.items())
            if (len(query.vector) and len(point.vector)) or words:
                explained = words if query.explain else None
                hits.append(Hit(point.id, similarity + words, similarity, dict(point.payload), explained))
        return sorted(hits, key=lambda hit: (-hit.score, -hit.similarity, hit.id))[: query.limit]

    async def scroll(
        self, scope: Scope, collection: str, filters: Filters, *, after: str | None = None, limit: int = 256
    ) -> Page:
        """The points that meet the conditions, a page at a time in the order of their ids."""
        self._called("scroll")
        found = [point for point in self._selected(scope, collection, filters) if after is None or point.id >= after]
        following = found[limit].id if len(found) > limit else None
        return Page(tuple(found[:limit]), following)

    async def count(self, scope: Scope, collection: str, filters: Filters) -> int:
        """How many points meet the conditions."""
        self._called("count")
        return len(self._selected(scope, collection, filters))

    async def facet(
        self, scope: Scope, collection: str, field: str, filters: Filters, *, limit: int = 10
    ) -> dict[str, int]:
        """The most frequent values of a field."""
        self._called("facet")
        if field not in _FACETS:
            raise BadRequestError(f"Points cannot be counted by {field!r}.")
        values = (point.payload.get(field) for point in self._selected(scope, collection, filters))
        return dict(Counter(str(value) for value in values if value is not None).most_common(limit))

    async def usage(self, collection: str, tenant: TenantId | None = None) -> dict[Scope, int]:
        """How many points each scope has."""
        self._called("usage")
        scopes = (scope for scope, _ in self._points.get(collection, {}))
        return dict(Counter(scope for scope in scopes if tenant in {None, scope.tenant}))

    async def delete(self, scope: Scope, collection: str, filters: Filters) -> int:
        """Remove the points that meet the conditions."""
        if filters.content_id is None and filters.expired_by is None:
            raise BadRequestError("A deletion names the content whose points are to go, or an expiry.")
        return await self.remove(scope, collection, [each.id for each in self._selected(scope, collection, filters)])

    async def remove(self, scope: Scope, collection: str, ids: Sequence[str]) -> int:
        """Remove points by id."""
        self._called("remove")
        points = self._points.get(collection, {})
        return sum(points.pop((scope, _uuid(each)), None) is not None for each in ids)

    async def optimize(self, collection: str) -> None:
        """Nothing to do."""
        self._called("optimize")

    async def close(self) -> None:
        """Nothing is held."""

    async def ping(self) -> Health:
        """How many points there are."""
        points = sum(map(len, self._points.values()))
        detail = f"{points} points in {len(self._collections)} collections, in memory"
        return Health("memory index", ok=True, detail=detail)

    def _called(self, method: str) -> None:
        self.calls[method] += 1
        if self.error is not None:
            raise self.error

    def _selected(self, scope: Scope, collection: str, filters: Filters) -> list[Point]:
        points = self._points.get(collection, {})
        mine = (point for (owner, _), point in points.items() if owner == scope)
        return sorted((point for point in mine if _meets(point.payload, filters)), key=lambda point: point.id)


def _meets(payload: Mapping[str, object], wanted: Filters) -> bool:
    equal = {
        "content_id": wanted.content_id,
        "speaker": wanted.speaker,
        "platform": wanted.platform,
        "verdict": wanted.verdict,
    }
    listed = {"content_hash": wanted.content_hashes, "twin_of": wanted.twin_of}
    over = None if wanted.expired_by is None else math.nextafter(wanted.expired_by, math.inf)
    bounds = {
        "number": (wanted.number_from, wanted.number_to),
        "published_ts": (wanted.published_from, wanted.published_to),
        "start_s": (wanted.starts_from_s, wanted.starts_to_s),
        "expires_at": (None, over),
    }
    return (
        all(value is None or payload.get(field) == value for field, value in equal.items())
        and all(values is None or payload.get(field) in values for field, values in listed.items())
        and (wanted.not_content_id is None or payload.get("content_id") != wanted.not_content_id)
        and all(_within(payload.get(field), *bound) for field, bound in bounds.items())
    )


def _within(value: object, least: float | None, below: float | None) -> bool:
    if least is None and below is None:
        return True
    if not isinstance(value, int | float):
        return False
    return (least is None or value >= least) and (below is None or value < below)


def _stored(point: Point) -> Point:
    size = math.sqrt(sum(number * number for number in point.vector))
    vector = [number / size for number in point.vector] if size else []
    return replace(point, id=_uuid(point.id), vector=vector, payload=dict(point.payload), terms=dict(point.terms))


def _cosine(one: Vector, other: Vector) -> float:
    if not len(one) or not len(other):
        return 0.0
    size = math.sqrt(sum(x * x for x in one) * sum(x * x for x in other))
    return max(-1.0, min(1.0, sum(a * b for a, b in zip(one, other, strict=True)) / size)) if size else 0.0


def _uuid(number: str) -> str:
    try:
        return str(UUID(number))
    except ValueError as exc:
        raise BadRequestError(f"The id of a point is a UUID; {number!r} is none.") from exc
