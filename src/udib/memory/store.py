"""`EnhancedVectorStore`: the policy above the vector index, the same for every adapter.

Which collection, which ids, how large a batch, what is a copy, which results may be kept; the rest is the index's.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from udib.core.errors import BadRequestError, UdibError, UnavailableError, error_for
from udib.core.result import StepResult
from udib.core.tenancy import Scope, TenantId
from udib.core.types import ContentId, Health, RecordKind, Vector
from udib.core.vectors import Collection, Embedder, Filters, Hit, Point, Query, VectorIndex
from udib.memory.batches import BatchSize
from udib.memory.compaction import DEDUPLICATION_THRESHOLD, compact_all
from udib.memory.entries import Entry, entries_of, filters_of, points_of
from udib.memory.generations import Generations
from udib.memory.outcome import outcome
from udib.memory.search_cache import Found, SearchCache, search_key
from udib.memory.transfer import Change, Moved, Report, import_file, reindex
from udib.memory.twins import PREFIX, Twins, narrows

LARGE_EMBEDDING_DIM: Final = 768
SMALL_BATCH_SIZE: Final = 64
MEDIUM_BATCH_SIZE: Final = 128
"""Vectors of the first batch, for large embeddings and for others; the batches after it follow the time it took."""
LARGEST_BATCH_SIZE: Final = 10_000


class EnhancedVectorStore:
    """Vectors by tenant, workspace and kind of record.

    A text that is already stored in the scope, word for word and by the same speaker, is kept as a *twin* of the first:
    it is not found beside it, but cited with it, and takes its place when the first is forgotten.

    Args:
        index: Where the points lie.
        embedder: Whose vectors they are: its id names the collections, its dimension is theirs.
        generations: Tells when a scope was written to, here or in another process.
        search_cache: Keeps results; None: one of the usual size.
        clock: Seconds, only ever growing; for the size of batches.
    """

    __slots__ = (
        "_batch",
        "_clock",
        "_ensured",
        "_generations",
        "_index",
        "_looked_at",
        "_search_cache",
        "_twins",
        "embedder",
    )

    def __init__(
        self,
        index: VectorIndex,
        embedder: Embedder,
        generations: Generations | None = None,
        search_cache: SearchCache | None = None,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.embedder = embedder
        self._index = index
        self._twins = Twins(index, embedder.model_id, embedder.dimension)
        self._generations = generations or Generations()
        self._search_cache = SearchCache() if search_cache is None else search_cache
        self._clock = clock
        self._ensured: set[str] = set()
        self._looked_at: set[str] = set()
        self._batch = BatchSize(SMALL_BATCH_SIZE if embedder.dimension >= LARGE_EMBEDDING_DIM else MEDIUM_BATCH_SIZE)

    @property
    def search_cache(self) -> SearchCache:
        """The kept results, with their metrics."""
        return self._search_cache

    @property
    def index(self) -> VectorIndex:
        """Where the points lie, for the operator's tools."""
        return self._index

    async def reindex(self, change: Change, report: Report) -> Moved:
        """Bring what lies under another embedder under this one; see `udib.memory.transfer`."""
        model, dimension = self.embedder.model_id, self.embedder.dimension
        names = {
            f"{start}{kind.value}-": Collection(start + self.collection(kind), model, dimension)
            for kind in RecordKind
            for start in ("", PREFIX)
        }
        return await reindex(self._index, names, change, report, self._generations.writing)

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
            batch_size: Vectors per call to the index, 1 to 10,000; None: by dimension at first (64 or 128), then by the
                time that a call takes.

        Returns:
            `total_upserted`, `batches`, `batch_size` (of the last one); or a failure that says how many were stored
            before it: whole batches, and the same call again completes them.
        """
        return await outcome(self._batch_upsert(vectors, payloads, tenant, workspace, batch_size))

    async def search_similar(
        self,
        query_vector: Vector,
        limit: int = 10,
        *,
        tenant: str,
        workspace: str,
        filters: Filters | Mapping[str, object] | None = None,
        use_cache: bool = True,
    ) -> StepResult[Mapping[str, Any]]:
        """The nearest transcript points of a workspace.

        Args:
            query_vector: Of the embedder's dimension.
            limit: Most points, 1 to 1,000.
            tenant: Whose points.
            workspace: Of which of the tenant's workspaces.
            filters: Conditions, as `Filters` or as a mapping of its fields.
            use_cache: Whether a kept result will do.

        Returns:
            `results`, a list of `Hit`, best first; `cached`, whether they were kept from an earlier call;
            `cache_age_seconds`, how old they are. Or a failure.
        """
        query = Query(query_vector, limit=limit)
        return await outcome(self._search_similar(query, tenant, workspace, filters, use_cache=use_cache))

    async def remember(self, scope: Scope, kind: RecordKind, entries: Sequence[Entry], *, now: float) -> int:
        """Store entries; a text that the scope has already becomes its twin. Returns how many became twins.

        Args:
            scope: Whose entries.
            kind: What they are.
            entries: Those with a `content_hash` in their payload are compared.
            now: Seconds since 1970.

        Raises:
            BadRequestError: An entry cannot be used.
            UnavailableError: The index is not to be had.
        """
        collection = await self._ensure(kind)
        points = await points_of(scope, kind, entries)
        async with self._generations.writing(scope):
            return await self._twins.place(scope, collection, points, now)

    async def upsert(self, scope: Scope, kind: RecordKind, entries: Sequence[Entry]) -> None:
        """Store entries as they are; one with the same content and number replaces the earlier one.

        Raises:
            BadRequestError: An entry cannot be used.
            UnavailableError: The index is not to be had.
        """
        collection = await self._ensure(kind)
        points = await points_of(scope, kind, entries)
        async with self._generations.writing(scope):
            await self._index.upsert(scope, collection, points)

    async def search(self, scope: Scope, kind: RecordKind, query: Query, *, use_cache: bool = True) -> Found:
        """The best points by vector and terms, fused; `use_cache`: or what was found before, if nothing changed."""
        key = self._generate_search_cache_key(scope, kind, query) if use_cache else None
        if key is None:
            return Found(tuple(await self._perform_search(scope, kind, query)))
        return await self._search_cache.get_or_search(key, lambda: self._perform_search(scope, kind, query))

    async def twins(self, scope: Scope, kind: RecordKind, ids: Sequence[str]) -> dict[str, list[Mapping[str, object]]]:
        """Where else the same was said: for each of the points that has twins, their payloads, earliest first."""
        found: dict[str, list[Mapping[str, object]]] = {}
        for twin in await self._twins.of(scope, self.collection(kind), ids):
            found.setdefault(str(twin.payload["twin_of"]), []).append(twin.payload)
        return found

    async def around(self, scope: Scope, kind: RecordKind, filters: Filters, *, limit: int) -> list[Point]:
        """The points that meet the conditions, twins included; at most `limit` of each."""
        name = self.collection(kind)
        pages = [await self._index.scroll(scope, each, filters, limit=limit) for each in (name, PREFIX + name)]
        return [point for page in pages for point in page.points]

    async def facet(
        self, scope: Scope, kind: RecordKind, field: str, filters: Filters | None = None, *, limit: int = 10
    ) -> dict[str, int]:
        """The most frequent values of a field, such as "speaker", with their counts."""
        return await self._index.facet(scope, self.collection(kind), field, filters or Filters(), limit=limit)

    async def count(self, scope: Scope, kind: RecordKind, filters: Filters) -> int:
        """How many points of the scope meet the conditions; twins are not counted."""
        return await self._index.count(scope, self.collection(kind), filters)

    async def stored(self, scope: Scope, kind: RecordKind, content_id: ContentId) -> int:
        """How many points of a content there are, twins included."""
        name, wanted = self.collection(kind), Filters(content_id=content_id)
        return sum([await self._index.count(scope, each, wanted) for each in (name, PREFIX + name)])

    async def usage(self, kind: RecordKind, tenant: TenantId | None = None) -> dict[Scope, int]:
        """How many points each scope has, twins included, of one tenant or of all."""
        name = self.collection(kind)
        total: Counter[Scope] = Counter()
        for each in (name, PREFIX + name):
            total.update(await self._index.usage(each, tenant))
        return dict(total)

    async def delete_from(self, scope: Scope, kind: RecordKind, content_id: ContentId, number: int) -> int:
        """Remove what a content has of a kind from a number on; returns how many points."""
        name = await self._readable(kind)
        async with self._generations.writing(scope):
            return await self._twins.vacate(scope, name, Filters(content_id=content_id, number_from=number))

    async def delete(self, scope: Scope, filters: Filters) -> int:
        """Remove points from every collection, those of earlier embedders included; returns how many.

        Raises:
            BadRequestError: The filters name neither a content nor an expiry.
            UnavailableError: Some points could not be removed; the others were.
        """
        names = [each.name for each in await self._index.collections()]
        count, refused = 0, None
        async with self._generations.writing(scope):
            self._search_cache.clear()
            # Twins whose main collection has gone are asked last.
            for name in sorted(names, key=lambda name: name.startswith(PREFIX)):
                try:
                    count += await self._twins.vacate(scope, name, filters)
                except UnavailableError as exc:  # without room to erase them: the others are asked all the same
                    refused = exc
        if refused is not None:
            raise refused
        return count

    async def import_file(self, path: Path, report: Report) -> Moved:
        """Bring the points of an exported file in, with their ids and scopes; see `udib.memory.transfer`."""
        return await import_file(self._index, path, report, self._generations.writing)

    async def compact_and_deduplicate(
        self,
        tenant: str,
        workspace: str,
        similarity_threshold: float = DEDUPLICATION_THRESHOLD,
        *,
        dry_run: bool = False,
    ) -> StepResult[Mapping[str, Any]]:
        """Merge the points of a workspace that say the same; see `udib.memory.compaction`.

        What is merged away stays as a twin, cited with the point that was kept, and can be put back by
        `undo_compaction` for 7 days; after that its vector goes.

        Args:
            tenant: Whose points.
            workspace: Of which of the tenant's workspaces.
            similarity_threshold: Cosine in (0, 1] from which two points say the same.
            dry_run: Whether to leave everything as it is and only say what would be done.

        Returns:
            `duplicates_found`, `vectors_removed` (0 in a dry run), `space_saved_percent` (of the vectors that searches
            go through), `looked_at`, and `pairs`, a list of `Pair`; or a failure.
        """
        return await outcome(self._compact(Scope.of(tenant, workspace), similarity_threshold, dry_run=dry_run))

    async def undo_compaction(self, tenant: str, workspace: str) -> StepResult[Mapping[str, Any]]:
        """Put back what compactions of the last 7 days merged away. The result has `vectors_restored`."""
        return await outcome(self._undo(Scope.of(tenant, workspace)))

    async def ping(self) -> Health:
        """How the index is."""
        return await self._index.ping()

    def collection(self, kind: RecordKind) -> str:
        """The collection of a kind of record under the embedder: another model's vectors never mix with these."""
        return f"{kind.value}-{re.sub(r'[^a-z0-9_-]+', '-', self.embedder.model_id.lower())}"[:80]

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
        if batch_size is not None and not 1 <= batch_size <= LARGEST_BATCH_SIZE:
            raise BadRequestError(f"A batch has 1 to {LARGEST_BATCH_SIZE} vectors, not {batch_size}.")
        entries = await entries_of(vectors, payloads)
        done, batches, size = 0, 0, batch_size or self._batch.size
        while done < len(entries):
            size = batch_size or self._batch.size
            began = self._clock()
            try:
                await self.upsert(scope, RecordKind.TRANSCRIPT, entries[done : done + size])
            except UdibError as exc:
                if not done:
                    raise
                text = f"{done} of {len(entries)} vectors were stored before this: {exc} The same call again goes on."
                raise error_for(exc.status, text) from exc
            self._batch.fit(size, self._clock() - began)
            done, batches = min(done + size, len(entries)), batches + 1
        return {"total_upserted": done, "batches": batches, "batch_size": size}

    async def _search_similar(
        self,
        query: Query,
        tenant: str,
        workspace: str,
        filters: Filters | Mapping[str, object] | None,
        *,
        use_cache: bool,
    ) -> dict[str, object]:
        scope = Scope.of(tenant, workspace)
        query = replace(query, filters=filters_of(filters))
        found = await self.search(scope, RecordKind.TRANSCRIPT, query, use_cache=use_cache)
        return {
            "results": list(found.hits),
            "cached": found.age_s is not None,
            "cache_age_seconds": found.age_s or 0.0,
        }

    async def _perform_search(self, scope: Scope, kind: RecordKind, query: Query) -> list[Hit]:
        name = await self._readable(kind)
        found = await self._index.search(scope, name, query)
        return await self._twins.search(scope, name, query, found) if narrows(query.filters) else found

    def _generate_search_cache_key(self, scope: Scope, kind: RecordKind, query: Query) -> str | None:
        """The key of a result; None while the scope is written to, when none is to be kept."""
        generation = self._generations.of(scope)
        return None if generation is None else search_key(scope, self.collection(kind), query, generation)

    async def _compact(self, scope: Scope, threshold: float, *, dry_run: bool) -> dict[str, object]:
        names = [await self._readable(kind) for kind in RecordKind]
        now = None if dry_run else time.time()
        async with nullcontext() if dry_run else self._generations.writing(scope):
            return await compact_all(self._index, self._twins, scope, names, threshold=threshold, now=now)

    async def _undo(self, scope: Scope) -> dict[str, object]:
        async with self._generations.writing(scope):
            restored = [await self._twins.restore(scope, self.collection(kind)) for kind in RecordKind]
        return {"vectors_restored": sum(restored)}

    async def _ensure(self, kind: RecordKind) -> str:
        """The collection of a kind, made if it is missing.

        Raises:
            BadRequestError: There are records of the kind under another embedder, which this one would not find.
        """
        name = self.collection(kind)
        if name not in self._ensured:
            model, dimension = self.embedder.model_id, self.embedder.dimension
            await self._readable(kind)
            await self._index.ensure(name, model_id=model, dimension=dimension)
            self._ensured.add(name)
        return name

    async def _readable(self, kind: RecordKind) -> str:
        """The collection of a kind, which may not exist yet.

        Raises:
            BadRequestError: There are records of the kind under another embedder, which this one would not find.
        """
        name = self.collection(kind)
        if name not in self._looked_at:
            await self._refuse_another_embedder(kind, name)
            self._looked_at.add(name)
        return name

    async def _refuse_another_embedder(self, kind: RecordKind, name: str) -> None:
        for each in await self._index.collections():
            if each.name.startswith(f"{kind.value}-") and each.name != name:
                records = sum((await self._index.usage(each.name)).values())
                if records:
                    raise BadRequestError(
                        f"The memory holds {records} {kind.value} under the embedding {each.model_id!r}, which "
                        f"{self.embedder.model_id!r} cannot search: name that embedder again, or run "
                        "`udib memory reindex` to move them to the new one."
                    )
