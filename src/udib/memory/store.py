"""`EnhancedVectorStore`: the policy above the vector index, the same for every adapter.

Which collection, which point ids, how large a batch; isolation, fusion and durability are the index's.
"""

import hashlib
import json
import re
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec

from udib.core.errors import BadRequestError, UdibError
from udib.core.ports import Embedder, Filters, Hit, Point, Query, Terms, VectorIndex
from udib.core.result import StepResult
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health, RecordKind, Vector

LARGE_EMBEDDING_DIM: Final = 768
SMALL_BATCH_SIZE: Final = 64
MEDIUM_BATCH_SIZE: Final = 128
LARGEST_BATCH_SIZE: Final = 10_000

_POINTS = uuid5(NAMESPACE_URL, "udib:points")


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to store. `number` tells the entries of one content apart."""

    content_id: ContentId
    number: int | str
    vector: Vector
    payload: Mapping[str, object]
    terms: Terms = field(default_factory=dict)


class EnhancedVectorStore:
    """Vectors by tenant, workspace and kind of record.

    Args:
        index: Where the points lie.
        embedder: Whose vectors they are: its id names the collections, its dimension is theirs.
    """

    __slots__ = ("_ensured", "_index", "embedder")

    def __init__(self, index: VectorIndex, embedder: Embedder) -> None:
        self.embedder = embedder
        self._index = index
        self._ensured: set[str] = set()

    async def store_vectors(
        self, vectors: Sequence[Vector], payloads: Sequence[Mapping[str, object]], tenant: str, workspace: str
    ) -> StepResult[Mapping[str, Any]]:
        """Store a vector for each payload; see `batch_upsert`. The result has `total_upserted`."""
        return await self.batch_upsert(vectors, payloads, tenant, workspace)

    async def batch_upsert(
        self,
        vectors: Sequence[Vector],
        payloads: Sequence[Mapping[str, object]],
        tenant: str,
        workspace: str,
        batch_size: int | None = None,
    ) -> StepResult[Mapping[str, Any]]:
        """Store vectors in batches. The same again changes nothing: ids follow from scope and payload.

        Args:
            vectors: n vectors of the embedder's dimension.
            payloads: n JSON objects. `content_id` and `number` identify one; without a `content_id`, a payload is a
                content of its own, named by its hash.
            tenant: Whose they are.
            workspace: Of which of the tenant's workspaces.
            batch_size: Vectors per call to the index, 1 to 10,000; None: by dimension.

        Returns:
            `total_upserted`, `batches`, `batch_size`; or a failure, after which whole batches may be stored.
        """
        return await outcome(self._batch_upsert(vectors, payloads, tenant, workspace, batch_size))

    async def search_similar(
        self,
        query_vector: Vector,
        limit: int = 10,
        *,
        tenant: str,
        workspace: str,
        filters: Filters | None = None,
    ) -> StepResult[Mapping[str, Any]]:
        """The nearest transcript points of a workspace. The result has `results`, a list of `Hit`, best first."""
        return await outcome(self._search_similar(query_vector, limit, tenant, workspace, filters))

    async def upsert(self, scope: Scope, kind: RecordKind, entries: Sequence[Entry]) -> None:
        """Store entries; one with the same content and number replaces the earlier one.

        Raises:
            BadRequestError: An entry cannot be used.
            UnavailableError: The index is not to be had.
        """
        collection = await self._ensure(kind)
        points = [
            Point(
                id=point_id(scope, kind, entry.content_id, entry.number),
                vector=entry.vector,
                payload={**entry.payload, "content_id": entry.content_id},
                terms=entry.terms,
            )
            for entry in entries
        ]
        await self._index.upsert(scope, collection, points)

    async def search(self, scope: Scope, kind: RecordKind, query: Query) -> list[Hit]:
        """The best points by vector and terms, fused."""
        return await self._index.search(scope, self.collection(kind), query)

    async def count(self, scope: Scope, kind: RecordKind, filters: Filters) -> int:
        """How many points of the scope meet the conditions."""
        return await self._index.count(scope, self.collection(kind), filters)

    async def delete_from(self, scope: Scope, kind: RecordKind, content_id: ContentId, number: int) -> int:
        """Remove what a content has of a kind from a number on; returns how many points."""
        name = await self._ensure(kind)
        return await self._index.delete(scope, name, Filters(content_id=content_id, number_from=number))

    async def delete(self, scope: Scope, content_id: ContentId) -> int:
        """Remove a content from every collection, those of earlier embedders included; returns how many points."""
        filters = Filters(content_id=content_id)
        return sum([await self._index.delete(scope, each.name, filters) for each in await self._index.collections()])

    async def ping(self) -> Health:
        """How the index is."""
        return await self._index.ping()

    def collection(self, kind: RecordKind) -> str:
        """The collection of a kind of record under the embedder: another model's vectors never mix with these."""
        return f"{kind.value}-{re.sub(r'[^a-z0-9_-]+', '-', self.embedder.model_id.lower())}"[:100]

    async def _batch_upsert(
        self,
        vectors: Sequence[Vector],
        payloads: Sequence[Mapping[str, object]],
        tenant: str,
        workspace: str,
        batch_size: int | None,
    ) -> dict[str, object]:
        scope = Scope.of(tenant, workspace)
        if len(vectors) != len(payloads):
            raise BadRequestError(
                f"There are {len(vectors)} vectors but {len(payloads)} payloads; each needs the other."
            )
        size = self._batch_size() if batch_size is None else batch_size
        if not 1 <= size <= LARGEST_BATCH_SIZE:
            raise BadRequestError(f"A batch has 1 to {LARGEST_BATCH_SIZE} vectors, not {size}.")
        entries = [_entry(vector, payload) for vector, payload in zip(vectors, payloads, strict=True)]
        starts = range(0, len(entries), size)
        for start in starts:
            await self.upsert(scope, RecordKind.TRANSCRIPT, entries[start : start + size])
        return {"total_upserted": len(entries), "batches": len(starts), "batch_size": size}

    async def _search_similar(
        self, vector: Vector, limit: int, tenant: str, workspace: str, filters: Filters | None
    ) -> dict[str, object]:
        scope = Scope.of(tenant, workspace)
        query = Query(vector, limit=limit, filters=filters or Filters())
        hits = await self.search(scope, RecordKind.TRANSCRIPT, query)
        return {"results": hits}

    def _batch_size(self) -> int:
        return SMALL_BATCH_SIZE if self.embedder.dimension >= LARGE_EMBEDDING_DIM else MEDIUM_BATCH_SIZE

    async def _ensure(self, kind: RecordKind) -> str:
        name = self.collection(kind)
        if name not in self._ensured:
            await self._index.ensure(name, model_id=self.embedder.model_id, dimension=self.embedder.dimension)
            self._ensured.add(name)
        return name


def point_id(scope: Scope, kind: RecordKind, content_id: str, number: int | str) -> str:
    """The id of a point: the same for the same entry, another for another tenant's.

    Hashed over a JSON array, never over joined names: ("a_b", "c") and ("a", "b_c") differ.
    """
    return str(uuid5(_POINTS, json.dumps([scope.tenant, scope.workspace, kind.value, content_id, number])))


async def outcome(work: Awaitable[Mapping[str, object]]) -> StepResult[Mapping[str, Any]]:
    """The fields that `work` returns, or the intended error that it raises, as a result."""
    try:
        return StepResult.ok(**await work)
    except UdibError as exc:
        return StepResult.fail(str(exc), exc.status)


def _entry(vector: Vector, payload: Mapping[str, object]) -> Entry:
    """An entry for a payload of any shape."""
    try:
        digest = hashlib.sha256(msgspec.json.encode(payload, order="deterministic")).hexdigest()[:32]
    except (TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise BadRequestError(f"A payload is no JSON object: {exc}.") from exc
    content_id = payload.get("content_id")
    number = payload.get("number", digest)
    if content_id is not None and (not isinstance(content_id, str) or not content_id):
        raise BadRequestError(f"The content_id of a payload is a text, not {content_id!r}.")
    if not isinstance(number, int | str):
        raise BadRequestError(f"The number of a payload is a whole number, not {number!r}.")
    return Entry(ContentId(content_id or f"payload:{digest}"), number, vector, payload)
