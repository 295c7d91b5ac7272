"""Copies of what is already remembered: kept beside it with their provenance, found through it, never lost with it.

A *twin* is a point of a main collection that says the same as another one there, its *leader*. It lies in a collection
of its own with the leader's id, so that searches meet the text once, a citation names every place where it was said,
and the forgetting of the leader's content puts a twin in its place.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from udib.core.tenancy import Scope
from udib.core.vectors import Filters, Hit, Point, Query, VectorIndex
from udib.memory.batches import batched
from udib.memory.ranking import best_first

T = TypeVar("T")

PREFIX: Final = "twins-"
OWN_FIELDS: Final = ("twin_of", "leader_hash", "merged_ts", "run")
"""Payload fields that a twin has beside its point's own: its leader, what the leader said, since when, and why."""
_NO_VECTOR: Final = {0: 1.0}  # a term that no text has: a point needs something to be found by
_AT_ONCE: Final = 256


class Twins:
    """The twins of every main collection of an index."""

    __slots__ = ("_dimension", "_ensured", "_index", "_model_id")

    def __init__(self, index: VectorIndex, model_id: str, dimension: int) -> None:
        self._index = index
        self._model_id = model_id
        self._dimension = dimension
        self._ensured: set[str] = set()

    async def place(self, scope: Scope, collection: str, points: Sequence[Point], now: float) -> int:
        """Store points, those whose text the scope already has as twins; returns how many became twins.

        After a crash in between, a point may lie in both collections; storing it again mends that.

        Args:
            scope: Whose points.
            collection: The main collection.
            points: Those with a `content_hash` in their payload are compared.
            now: Seconds since 1970.
        """
        batch = {point.id: point for point in points}
        leaders = await self._leaders(scope, collection, batch)
        main = [point for point in batch.values() if leaders.get(_hash(point), point.id) == point.id]
        copies = {
            point.id: twin_of(point, leaders[_hash(point)], _hash(point), now)
            for point in batch.values()
            if leaders.get(_hash(point), point.id) != point.id
        }
        changed = {
            twin.payload["twin_of"]
            for twin in await self.of(scope, collection, list(batch))
            if twin.payload["twin_of"] in copies
            or twin.payload["leader_hash"] != _hash(batch[str(twin.payload["twin_of"])])
        }
        await self.release(scope, collection, [point for point in points if point.id in changed])
        await self._index.upsert(scope, collection, main)
        if copies:
            await self._enter(scope, collection, list(copies.values()))
            await self._index.remove(scope, collection, list(copies))
        await self._index.remove(scope, PREFIX + collection, [point.id for point in main])
        return len(copies)

    async def merge(self, scope: Scope, collection: str, twins: Sequence[Point]) -> None:
        """Turn points of the main collection into twins: they are entered first, then taken out of the main one.

        Twins of theirs follow their new leader, so that nobody's leader is a twin.
        """
        leader = {twin.id: str(twin.payload["twin_of"]) for twin in twins}
        said = {twin.id: twin.payload["leader_hash"] for twin in twins}
        for some in batched(twins, _AT_ONCE):
            followers = await self.of(scope, collection, [twin.id for twin in some])
            moved = [
                _with(each, twin_of=leader[of], leader_hash=said[of])
                for each in followers
                if (of := str(each.payload["twin_of"])) in leader
            ]
            await self._enter(scope, collection, [*some, *moved])
        await self._index.remove(scope, collection, [twin.id for twin in twins])

    async def of(self, scope: Scope, collection: str, leaders: Sequence[str]) -> list[Point]:
        """The twins of some points, by id, in a fixed order: by when they were published, then by id."""
        found: list[Point] = []
        for some in batched(leaders, _AT_ONCE):
            wanted = Filters(twin_of=tuple(some))
            found += [each async for page in pages(self._index, scope, PREFIX + collection, wanted) for each in page]
        return sorted(found, key=age)

    async def search(self, scope: Scope, collection: str, query: Query, found: Sequence[Hit]) -> list[Hit]:
        """What a narrowed search finds among the twins, into what it found among the leaders; best first.

        A condition on where or when something was said may hold for a twin and not for its leader. A twin whose leader
        was found too is left out: it is cited with it.
        """
        leaders = {hit.id for hit in found}
        twins = await self._index.search(scope, PREFIX + collection, query)
        return best_first([*found, *(hit for hit in twins if hit.payload["twin_of"] not in leaders)])[: query.limit]

    async def vacate(self, scope: Scope, collection: str, filters: Filters) -> int:
        """Delete points from the main collection and from its twins; returns how many.

        Where a leader goes, the first of its twins that stays takes its place before.

        Raises:
            BadRequestError: The filters name neither a content nor an expiry.
        """
        going = {twin.id async for page in pages(self._index, scope, PREFIX + collection, filters) for twin in page}
        if await self._index.count(scope, PREFIX + collection, Filters()) > len(going):
            async for page in pages(self._index, scope, collection, filters):
                await self.release(scope, collection, page, going)
        count = await self._index.delete(scope, collection, filters)
        return count + (await self._index.delete(scope, PREFIX + collection, filters) if going else 0)

    async def release(
        self, scope: Scope, collection: str, leaders: Sequence[Point], going: Collection[str] = ()
    ) -> None:
        """Put a twin in the place of each leader that is to go or to change. Safe to repeat.

        Args:
            scope: Whose points.
            collection: The main collection.
            leaders: Whole, for the vector that a twin may lack.
            going: Ids of twins that are to go as well, and so take nobody's place.
        """
        vectors = {leader.id: leader for leader in leaders}
        followers: defaultdict[str, list[Point]] = defaultdict(list)
        for twin in await self.of(scope, collection, list(vectors)):
            if twin.id not in going:
                followers[str(twin.payload["twin_of"])].append(twin)
        if not followers:
            return
        heirs = {leader: _freed(twins[0], vectors[leader]) for leader, twins in followers.items()}
        moved = [
            _with(twin, twin_of=heirs[leader].id, leader_hash=_hash(heirs[leader]))
            for leader, twins in followers.items()
            for twin in twins[1:]
        ]
        await self._index.upsert(scope, collection, list(heirs.values()))
        await self._index.upsert(scope, PREFIX + collection, moved)
        await self._index.remove(scope, PREFIX + collection, [heir.id for heir in heirs.values()])

    async def restore(self, scope: Scope, collection: str) -> int:
        """Put every twin that a compaction made, and that still has its vector, back; returns how many."""
        restored = 0
        async for page in pages(self._index, scope, PREFIX + collection, Filters()):
            twins = [point for point in page if point.payload.get("run") is not None and len(point.vector)]
            await self._index.upsert(scope, collection, [_freed(twin, twin) for twin in twins])
            await self._index.remove(scope, PREFIX + collection, [twin.id for twin in twins])
            restored += len(twins)
        return restored

    async def strip(self, scope: Scope, collection: str, before: float) -> int:
        """Take the vectors of twins merged before a time: what stays are their words and where they were said."""
        stripped = 0
        async for page in pages(self._index, scope, PREFIX + collection, Filters()):
            old = [
                replace(point, vector=(), terms=point.terms or _NO_VECTOR)
                for point in page
                if len(point.vector) and float(str(point.payload["merged_ts"])) < before
            ]
            await self._index.upsert(scope, PREFIX + collection, old)
            stripped += len(old)
        return stripped

    async def _enter(self, scope: Scope, collection: str, twins: Sequence[Point]) -> None:
        """Write twins; the first of a collection makes theirs."""
        name = PREFIX + collection
        if name not in self._ensured:
            await self._index.ensure(name, model_id=self._model_id, dimension=self._dimension)
            self._ensured.add(name)
        await self._index.upsert(scope, name, twins)

    async def _leaders(self, scope: Scope, collection: str, batch: Mapping[str, Point]) -> dict[object, str]:
        """For each text of a batch the point that has it, or the first of the batch: text's hash -> id."""
        hashes = tuple({str(_hash(point)) for point in batch.values() if _hash(point) is not None})
        leaders: dict[object, str] = {}
        if hashes:
            async for page in pages(self._index, scope, collection, Filters(content_hashes=hashes)):
                for point in page:
                    # One that the batch gives other words leads nobody any more.
                    if point.id not in batch or _hash(batch[point.id]) == _hash(point):
                        leaders.setdefault(_hash(point), point.id)
        for point in batch.values():
            if _hash(point) is not None:
                leaders.setdefault(_hash(point), point.id)
        return leaders


async def pages(
    index: VectorIndex, scope: Scope, collection: str, filters: Filters
) -> AsyncIterator[tuple[Point, ...]]:
    """All points that meet the conditions, a page at a time. The collection may be changed between two pages."""
    after: str | None = None
    while True:
        page = await index.scroll(scope, collection, filters, after=after, limit=_AT_ONCE)
        yield page.points
        after = page.following
        if after is None:
            return


def narrows(filters: Filters) -> bool:
    """Whether a condition may hold for a twin and not for its leader: all but those on who said what."""
    return replace(filters, speaker=None, content_hashes=None) != Filters()


def twin_of(point: Point, leader: str, leader_hash: object, now: float, run: str | None = None) -> Point:
    """A point as the twin of another one. `run` names the compaction that made it, None at insertion."""
    return _with(point, twin_of=leader, leader_hash=leader_hash, merged_ts=now, run=run)


def _freed(twin: Point, leader: Point) -> Point:
    """A twin as a point of its own, with its leader's direction if it has lost its own."""
    payload = {name: value for name, value in twin.payload.items() if name not in OWN_FIELDS}
    source = twin if len(twin.vector) else leader
    return Point(twin.id, source.vector, payload, source.terms)


def _with(point: Point, **fields: object) -> Point:
    return replace(point, payload={**point.payload, **fields})


def _hash(point: Point) -> object:
    return point.payload.get("content_hash")


def age(point: Point) -> tuple[float, str]:
    """What orders points of equal worth: when they were published, unknown last, then the id."""
    published = point.payload.get("published_ts")
    return (float(published) if isinstance(published, int | float) else float("inf"), point.id)
