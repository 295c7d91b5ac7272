"""One collection on disk: a shard of qdrant-edge, Qdrant's engine as a library. Lives in the store process only.

The engine holds Python's global lock in every call, raises bare `Exception`, applies a part of a batch that it refuses
and replays it from its log later. So it has a process of its own, and everything is checked before it gets here.
"""

import shutil
from array import array
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zlib import crc32

import msgspec
import qdrant_edge as edge

from udib.core.errors import BadRequestError, UnavailableError
from udib.memory.conditions import NUMBERS, Selection
from udib.memory.qdrant_edge_filters import PointFilter, equals, scope_only, selected
from udib.memory.ranking import DENSE, FUSION_K, TERMS, best_first, candidates, cosine
from udib.memory.sparse import copy_sparse, release_holes
from udib.memory.store_protocol import (
    Facet,
    Scroll,
    Search,
    WireHit,
    WirePage,
    WirePoint,
    WireUsage,
    packed,
    packed_ids,
    unpacked,
    unpacked_ids,
)
from udib.storage.disk import TO_STORE, free_bytes, full, is_full

_PAGE: Final = 256
PointId = int | str | UUID
_MOST_SCOPES: Final = 1_000_000
_INDEXED_FROM_THE_START: Final = ("tenant", "workspace", "content_id")
_LARGEST_SCANNED: Final = 1_000
"""Points among which a field is looked up without an index, in some 2 ms; every index takes time from each upsert."""
_SHAPE: Final = crc32(repr((version("qdrant-edge-py"), DENSE, TERMS, _INDEXED_FROM_THE_START)).encode())
"""Another engine or other indexes make other shards."""


class EdgeShard:
    """Points with a dense vector (cosine), weighted terms and a payload; every read names its scope."""

    __slots__ = ("_dense_bytes", "_dimension", "_folder", "_indexed", "_shard")

    def __init__(self, folder: Path, shard: edge.EdgeShard, dimension: int) -> None:
        self._folder = folder
        self._shard = shard
        self._dimension = dimension
        self._dense_bytes = dimension * array("f").itemsize
        self._indexed = set(shard.info().payload_schema)

    @classmethod
    def create(cls, folder: Path, dimension: int) -> "EdgeShard":
        """A new shard in `folder`, which must not exist.

        Making its field indexes takes the engine a tenth of a second; so one empty shard of each shape is kept beside
        the shards, in `templates`, and copied.

        Raises:
            UnavailableError: The engine cannot write there.
        """
        template = folder.parent.with_name("templates") / f"{dimension}-{_SHAPE}"
        with engine_errors(folder):
            if not template.exists():
                _make_template(template, dimension)
            shutil.copytree(template, folder, copy_function=copy_sparse)
        return cls.open(folder, dimension)

    @classmethod
    def open(cls, folder: Path, dimension: int) -> "EdgeShard":
        """The shard in `folder`; what was acknowledged before a crash is read back from its log.

        Raises:
            UnavailableError: The files are damaged or in use.
        """
        with engine_errors(folder):
            shard = edge.EdgeShard.load(str(folder))
            release_holes(folder)
            return cls(folder, shard, dimension)

    def upsert(self, tenant: str, workspace: str, points: Sequence[WirePoint]) -> None:
        """Write points of one scope, all or (when one of them has the wrong size) none.

        Raises:
            BadRequestError: A vector has another dimension.
        """
        scope = {"tenant": tenant, "workspace": workspace}
        ready = [self._point(point, scope) for point in points]
        self.write(ready)

    def search(self, request: Search) -> list[WireHit]:
        """The best points, by vector, by terms, or by both fused (reciprocal ranks).

        Raises:
            BadRequestError: The vector has another dimension.
        """
        where = self.condition(request.where)
        vector = self._vector(request.vector)
        if not request.term_ids:
            found = self._nearest(vector, where, request.limit)
            return _ranked(found, {point.id: point.score for point in found})
        most = candidates(request.limit)
        terms = edge.SparseVector(unpacked_ids(request.term_ids), unpacked(request.weights))
        # How rare a word is, is counted within the scope: one tenant's words never move another's ranks.
        rarity = edge.SearchParams(idf=edge.IdfParams(corpus=scope_only(request.where)))
        legs = [edge.Prefetch(most, query=edge.Query.Nearest(terms, using=TERMS), filter=where, params=rarity)]
        if vector:
            legs.append(edge.Prefetch(most, query=edge.Query.Nearest(vector, using=DENSE), filter=where))
        query = edge.QueryRequest(
            limit=request.limit,
            prefetches=legs,
            query=edge.Fusion.Rrf(k=FUSION_K),  # type: ignore[arg-type] # the stub's nested class
            filter=where,
            with_payload=True,
        )
        with engine_errors(self._folder):
            found = self._shard.query(query)
        ids = [point.id for point in found]
        scores = self._term_scores(terms, rarity, ids) if request.explain else {}
        return _ranked(found, self._similarities(vector, ids), scores)

    def _nearest(
        self, vector: list[float], where: edge.Filter, limit: int, *, with_payload: bool = True
    ) -> list[edge.ScoredPoint]:
        query = edge.Query.Nearest(vector, using=DENSE)
        with engine_errors(self._folder):
            return self._shard.query(
                edge.QueryRequest(limit=limit, query=query, filter=where, with_payload=with_payload)
            )

    def _similarities(self, vector: list[float], ids: list[PointId]) -> dict[PointId, float]:
        """The cosine with the vector for those of the points that have one. Fused scores do not tell it."""
        if not vector or not ids:
            return {}
        these = edge.Filter(must=[edge.HasIdCondition(set(ids))])
        return {point.id: point.score for point in self._nearest(vector, these, len(ids), with_payload=False)}

    def _term_scores(
        self, terms: edge.SparseVector, rarity: edge.SearchParams, ids: list[PointId]
    ) -> dict[PointId, float]:
        """What the terms alone give to each of the points."""
        if not ids:
            return {}
        these = edge.Filter(must=[edge.HasIdCondition(set(ids))])
        query = edge.QueryRequest(
            limit=len(ids), query=edge.Query.Nearest(terms, using=TERMS), filter=these, params=rarity
        )
        with engine_errors(self._folder):
            return {point.id: point.score for point in self._shard.query(query)}

    def scroll(self, request: Scroll) -> WirePage:
        """A page of whole points in the order of their ids."""
        records, following = self._page(self.condition(request.where), request.after, request.limit)
        return WirePage([_wire(record) for record in records], following)

    def facet(self, request: Facet) -> dict[str, int]:
        """The most frequent values of a field, with their counts."""
        return self._facet(request.field, self.condition(request.where), request.limit)

    def usage(self, tenant: str | None) -> list[WireUsage]:
        """How many points each scope has."""
        tenants = self._facet("tenant", edge.Filter(), _MOST_SCOPES) if tenant is None else {tenant: 0}
        return [
            WireUsage(name, workspace, points)
            for name in sorted(tenants)
            for workspace, points in sorted(
                self._facet("workspace", edge.Filter(must=[equals("tenant", name)]), _MOST_SCOPES).items()
            )
        ]

    def _facet(self, field: str, where: edge.Filter, limit: int) -> dict[str, int]:
        if not self._index(field):  # the engine refuses
            return self._counted(field, where, limit)
        with engine_errors(self._folder):
            found = self._shard.facet(edge.FacetRequest(field, limit=limit, exact=True, filter=where))
        return {str(hit.value): int(hit.count) for hit in found.hits}

    def _counted(self, field: str, where: edge.Filter, limit: int) -> dict[str, int]:
        """What `_facet` answers, without an index."""
        found: Counter[str] = Counter()
        for records in self._pages(where, with_payload=[field], with_vector=False):
            for record in records:
                value = (record.payload or {}).get(field)
                found.update(
                    {each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str)}
                )
        return dict(sorted(found.items(), key=lambda hit: (-hit[1], hit[0]))[:limit])

    def condition(self, where: Selection) -> PointFilter:
        """The engine's condition for a selection, with an index for every field in it if there are many points."""
        for condition in where.conditions:
            self._index(condition.field)
        return selected(where)

    def _index(self, field: str) -> bool:
        """Whether a field has an index; it gets one with the first question about it that would take long without.

        Nobody needs one to be there: it is not made where there is no room for it.
        """
        if field in self._indexed:
            return True
        if self.size() <= _LARGEST_SCANNED or free_bytes(self._folder) < TO_STORE:
            return False
        with engine_errors(self._folder):
            self._shard.update(_new_index(field))
            self._shard.flush()
        self._indexed.add(field)
        return True

    def optimize(self) -> None:
        """Rearrange the points for speed: some seconds for 100,000."""
        with engine_errors(self._folder):
            self._shard.optimize()

    def count(self, where: edge.Filter) -> int:
        """How many points meet a condition."""
        with engine_errors(self._folder):
            return int(self._shard.count(edge.CountRequest(exact=True, filter=where)))

    def size(self) -> int:
        """How many points there are, of all scopes."""
        with engine_errors(self._folder):
            return int(self._shard.count(edge.CountRequest(exact=True)))

    def copy_without(self, where: edge.Filter, folder: Path) -> "EdgeShard":
        """A new shard in `folder` with all points but those that meet a condition, safely on disk.

        The engine only marks a deleted point, and keeps its words in the payload file and the log: the way to erase
        words is a shard in which they never were.
        """
        keep = edge.Filter(must_not=[where])
        copy = EdgeShard.create(folder, self._dimension)
        for records in self._pages(keep):
            copy.write([edge.Point(str(record.id), record.vector or [], record.payload) for record in records])
        if copy.size() != self.size() - self.count(where):
            copy.close()
            raise UnavailableError(f"Copying the index in {self._folder} lost points; nothing was removed. Try again.")
        copy.flush()
        return copy

    def hide(self, where: edge.Filter) -> None:
        """Let points that meet a condition be found no more. Their words stay in the files until a rewrite."""
        with engine_errors(self._folder):
            self._shard.update(edge.UpdateOperation.delete_points_by_filter(where))

    def write(self, points: list[edge.Point]) -> None:
        """Write points as they are: of any scope, unchecked."""
        with engine_errors(self._folder):
            self._shard.update(edge.UpdateOperation.upsert_points(points))

    def _pages(
        self, where: edge.Filter, *, with_payload: bool | list[str] = True, with_vector: bool = True
    ) -> Iterator[list[edge.Record]]:
        following: str | None = None
        while True:
            records, following = self._page(where, following, _PAGE, with_payload=with_payload, with_vector=with_vector)
            if records:
                yield records
            if following is None:
                return

    def _page(
        self,
        where: edge.Filter,
        after: str | None,
        limit: int,
        *,
        with_payload: bool | list[str] = True,
        with_vector: bool = True,
    ) -> tuple[list[edge.Record], str | None]:
        request = edge.ScrollRequest(
            offset=after, limit=limit, filter=where, with_payload=with_payload, with_vector=with_vector
        )
        with engine_errors(self._folder):
            records, following = self._shard.scroll(request)
        return records, None if following is None else str(following)

    def flush(self) -> None:
        """Bring everything to the disk itself; until then a power failure (not a crash) can lose it."""
        with engine_errors(self._folder):
            self._shard.flush()

    def close(self) -> None:
        """Release the files."""
        with engine_errors(self._folder):
            self._shard.close()

    def _point(self, point: WirePoint, scope: dict[str, str]) -> edge.Point:
        vectors: dict[str, Any] = {}
        if vector := self._vector(point.vector):
            vectors[DENSE] = vector
        if point.term_ids:
            vectors[TERMS] = edge.SparseVector(unpacked_ids(point.term_ids), unpacked(point.weights))
        return edge.Point(point.id, vectors, msgspec.json.decode(point.payload) | scope)

    def _vector(self, data: bytes) -> list[float]:
        # A point of the wrong size that reaches the engine comes back from its log after a crash.
        if len(data) not in {0, self._dense_bytes}:
            found = len(data) // array("f").itemsize
            raise BadRequestError(f"A vector has {found} numbers, this collection's have {self._dimension}.")
        return unpacked(data)


def _make_template(template: Path, dimension: int) -> None:
    """An empty shard with all its indexes; what an interruption leaves of one is never taken for it."""
    config = edge.EdgeConfig(
        vectors={DENSE: edge.EdgeVectorParams(size=dimension, distance=edge.Distance.Cosine)},
        sparse_vectors={TERMS: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        # No graph over all tenants: searches are filtered by tenant. The default graph takes 7 times as long.
        hnsw_config=edge.HnswIndexConfig(m=0, payload_m=16, ef_construct=100, full_scan_threshold=10_000),
    )
    draft = template.with_name(f"{template.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    shard = edge.EdgeShard.create(str(draft), config)
    for field in _INDEXED_FROM_THE_START:
        shard.update(_new_index(field))
    shard.flush()
    shard.close()
    draft.rename(template)


def _new_index(field: str) -> edge.UpdateOperation:
    if field in NUMBERS:
        return edge.UpdateOperation.create_field_index(field, edge.FloatIndexParams())
    return edge.UpdateOperation.create_field_index(field, edge.KeywordIndexParams(is_tenant=field == "tenant"))


def _ranked(
    found: Sequence[edge.ScoredPoint], similarities: dict[Any, float], term_scores: dict[Any, float] | None = None
) -> list[WireHit]:
    """The points as hits, best first."""
    hits = [_hit(point, similarities.get(point.id, 0.0), (term_scores or {}).get(point.id)) for point in found]
    return best_first(hits)


def _hit(point: edge.ScoredPoint, similarity: float, term_score: float | None) -> WireHit:
    payload = dict(point.payload or {})
    return WireHit(
        id=str(point.id),
        score=point.score,
        similarity=cosine(similarity),
        tenant=payload.pop("tenant", ""),
        workspace=payload.pop("workspace", ""),
        payload=payload,
        term_score=term_score,
    )


def _wire(record: edge.Record) -> WirePoint:
    """A point as it is sent, with its scope in the payload."""
    vectors: dict[str, Any] = record.vector if isinstance(record.vector, dict) else {}
    terms = vectors.get(TERMS)
    return WirePoint(
        str(record.id),
        packed(vectors.get(DENSE, ())),
        b"" if terms is None else packed_ids(terms.indices),
        b"" if terms is None else packed(terms.values),
        msgspec.json.encode(record.payload or {}),
    )


@contextmanager
def engine_errors(folder: Path) -> Generator[None]:
    """Say what the disk or the engine could not do. The engine's errors are bare `Exception`; all others are bugs.

    Where the engine did not foresee an error it panics, which Python sees as a class that cannot be imported.
    """
    try:
        yield
    except BaseException as exc:
        panicked = type(exc).__name__ == "PanicException"
        if type(exc) is not Exception and not isinstance(exc, OSError) and not panicked:
            raise
        if is_full(folder):
            raise full(folder) from exc
        raise UnavailableError(
            f"The memory index in {folder} failed ({exc}); if it stays so, put a backup of {folder.parents[1]} in its "
            "place, or move that away and analyse the items again."
        ) from exc
