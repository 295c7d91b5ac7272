"""`MemoryService`: remembers what was said and finds it again by meaning and words."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from udib.core.errors import BadRequestError, ForbiddenError, UnavailableError
from udib.core.result import StepResult
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health, MemoryRecord, Passage, RecordKind, Vector
from udib.core.vectors import Filters, Point, Query
from udib.memory.batches import batched
from udib.memory.entries import Entry, content_hash
from udib.memory.lexical import content_words, query_terms, stem, stems, terms
from udib.memory.options import DEFAULT_RECALL, MemoryStats, RecallOptions
from udib.memory.outcome import outcome
from udib.memory.point_checks import checked_payload
from udib.memory.reranking import (
    FEWEST_CANDIDATES,
    WEIGHTS,
    Candidate,
    Weights,
    bearing,
    best_first,
    candidates,
    spread,
)
from udib.memory.store import EnhancedVectorStore
from udib.memory.texts import StoredText, pieces, record_from, record_of, timestamp
from udib.memory.transfer import Moved, Report
from udib.memory.write_queue import WriteQueue

CONTEXT_IN_VECTOR: Final = 0.2
CONTEXT_IN_TERMS: Final = 0.3
"""How much the words before a record count towards finding it. On QMSum (single turns) no gain and no loss."""
_RECORDS_PER_CALL: Final = 256
_RECORDS_AT_ONCE: Final = 8  # some 3 ms of work between two turns of the event loop
_Ready = tuple[MemoryRecord, dict[str, object]]
"""A record and its payload."""
_SPEAKERS: Final = 20


class MemoryService:
    """The `Memory` port over a vector store, and a `Forgettable`."""

    name: str = "memory"

    __slots__ = ("_clock", "_queue", "_quota", "_retention_s", "_store", "_weights")

    def __init__(
        self,
        store: EnhancedVectorStore,
        *,
        weights: Weights = WEIGHTS,
        quota: int | None = None,
        retention_days: float | None = None,
        queue: WriteQueue | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Keep the policy; nothing is opened.

        Args:
            store: Where the records lie.
            weights: Which passages answer a query, and in which order.
            quota: Most records of one tenant, copies included; None: no bound.
            retention_days: How long a record is kept after it was stored; None: until it is forgotten.
            queue: Keeps what cannot be stored while the index is not to be had; None: that fails.
            clock: Seconds since 1970.
        """
        self._store = store
        self._queue = queue
        self._weights = weights
        self._quota = quota
        self._retention_s = None if retention_days is None else retention_days * 86_400
        self._clock = clock

    async def remember(self, scope: Scope, records: Sequence[MemoryRecord]) -> int:
        """Store all records of one or more contents, in place of those kept before; returns how many are stored now.

        A record without a letter or digit is not stored, because nothing could find it. What the scope has already,
        word for word, is kept as another place where it was said. Repeating a call that was interrupted completes it.
        With a queue, what cannot be stored now waits there, and 0 is returned.

        Raises:
            BadRequestError: A record is too large or names no content; nothing of the call was stored.
            ForbiddenError: The tenant would have more records than its quota; nothing was stored.
            UnavailableError: The store is not to be had; some records may be stored.
        """
        ready = await self._ready(records)
        try:
            stored = await self._remember(scope, ready)
        except UnavailableError:
            if self._queue is None:
                raise
            await self._queue.put(scope, records)
            return 0
        if self._queue is not None:
            for content_id in {record.content_id for record in records}:
                await self._queue.forget(scope, content_id)  # an earlier write of it, which is not to come after this
            await self._queue.drain(self._remember_later)
        return stored

    async def recall(
        self,
        scope: Scope,
        kind: RecordKind,
        queries: Sequence[str],
        *,
        limit: int,
        filters: Filters,
        options: RecallOptions = DEFAULT_RECALL,
    ) -> list[list[Passage]]:
        """For each query the best records, best first; empty where nothing bears on the query.

        A passage bears on a query when it holds enough of the words that say what the query is about (the names of
        speakers aside), or when its meaning is very near; then others of the same item that are nearly as near may
        answer too. If the query names a speaker, that speaker's come first, and what others said on the subject after
        them. Of passages of the same place the best one comes first and the others after those of other places.

        Raises:
            BadRequestError: `limit` is not from 1 to 200.
        """
        if not 1 <= limit <= 200:
            raise BadRequestError(f"The number of passages is 1 to 200, not {limit}.")
        if self._queue is not None:
            await self._queue.drain(self._remember_later)
        subjects = [content_words(query) for query in queries]
        vectors = await self._embed([" ".join(subject) for subject in subjects])
        found: list[list[Passage]] = []
        for subject, vector in zip(subjects, vectors, strict=True):
            wanted = Query(vector, limit=max(FEWEST_CANDIDATES, 2 * limit), filters=filters, explain=True)
            groups = await self._bearing(scope, kind, subject, wanted, options) if subject else ()
            ranked = [best_first(group, self._clock(), options.half_life_days) for group in groups]
            best = [each for group in ranked for each in spread(group, self._weights.same_place)]
            found.append(await self._in_context(scope, kind, subject, best[:limit], options))
        return found

    async def store_content(
        self, content: Mapping[str, object], tenant: str, workspace: str
    ) -> StepResult[Mapping[str, Any]]:
        """Store a text of any length, to be recalled as transcript passages.

        Args:
            content: `text`, and if known `content_id`, `title`, `link`, `speaker`, `published_at` (ISO 8601, UTC),
                `start_s` and `end_s`.
            tenant: Whose it is.
            workspace: Of which of the tenant's workspaces.

        Returns:
            `content_id` and `records`, in how many pieces it was stored; or a failure: bad_request for a content of
            another form, retryable when the store is unavailable.
        """
        return await outcome(self._store_content(content, tenant, workspace))

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove all records of a content, and their words from the disk; returns how many.

        Where the same was said in another content too, that place stays and is found from then on.
        """
        waited = await self._queue.forget(scope, content_id) if self._queue is not None else 0
        return waited + await self._store.delete(scope, Filters(content_id=content_id))

    async def sweep(self, scope: Scope) -> int:
        """Remove the records whose time to be kept is over; returns how many."""
        return await self._store.delete(scope, Filters(expired_by=self._clock()))

    async def count(self, scope: Scope, kind: RecordKind, filters: Filters | None = None) -> int:
        """How many records of a kind there are."""
        return await self._store.count(scope, kind, filters or Filters())

    async def stats(self, scope: Scope) -> MemoryStats:
        """What the scope's memory holds, and how its search cache did in this process."""
        counts = {kind.value: await self.count(scope, kind) for kind in RecordKind}
        usage = [await self._store.usage(kind, scope.tenant) for kind in RecordKind]
        stored = sum(each.get(scope, 0) for each in usage)
        speakers = await self._store.facet(scope, RecordKind.TRANSCRIPT, "speaker", limit=_SPEAKERS)
        platforms = await self._store.facet(scope, RecordKind.TRANSCRIPT, "platform", limit=_SPEAKERS)
        return MemoryStats(
            counts,
            twins=stored - sum(counts.values()),
            speakers=speakers,
            platforms=platforms,
            tenant_records=sum(sum(each.values()) for each in usage),
            quota=self._quota,
            search_cache=self._store.search_cache.metrics.to_dict(),
        )

    async def reindex(self, report: Report) -> Moved:
        """Bring what lies under another embedding under the one that is named now; safe to interrupt and to repeat.

        Args:
            report: Told the name of a collection and how many of its points are done.

        Raises:
            BadRequestError: A point has no text that could be embedded.
            UnavailableError: Something keeps writing under the other embedding.
        """
        return await self._store.reindex(self._embedded_again, report)

    async def ping(self) -> Health:
        """How the index is, and how much waits for it."""
        health = await self._store.ping()
        if self._queue is None or not len(self._queue):
            return health
        await self._queue.drain(self._remember_later)
        items = len(self._queue)
        if not items:
            return health
        waits = f"; {'1 item waits' if items == 1 else f'{items} items wait'} to be stored. {self._queue.refusal}"
        return replace(health, detail=health.detail + waits.rstrip())

    async def _store_content(self, content: Mapping[str, object], tenant: str, workspace: str) -> dict[str, object]:
        scope = Scope.of(tenant, workspace)
        try:
            stored = msgspec.convert(content, StoredText)
        except msgspec.ValidationError as exc:
            raise BadRequestError(f"The content has another form than `text` and optional fields: {exc}.") from exc
        if not stored.text.strip():
            raise BadRequestError("The text of the content is empty.")
        digest = hashlib.sha256(stored.text.encode(errors="surrogatepass")).hexdigest()[:32]
        content_id = ContentId(stored.content_id or f"text:{digest}")
        records = [record_of(stored, content_id, number, piece) for number, piece in enumerate(pieces(stored.text))]
        return {"content_id": content_id, "records": await self.remember(scope, records)}

    async def _ready(self, records: Sequence[MemoryRecord]) -> list[_Ready]:
        """The records with their payloads, which are looked at before anything is stored."""
        now = self._clock()
        ready: list[_Ready] = []
        for some in batched(records, _RECORDS_AT_ONCE):
            for record in some:
                payload = self._payload(record, now)
                checked_payload(f"{record.kind.value} {record.number}", payload)
                ready.append((record, payload))
            await asyncio.sleep(0)
        return ready

    async def _remember(self, scope: Scope, ready: Sequence[_Ready]) -> int:
        now = self._clock()
        records = [record for record, _ in ready]
        contents = {record.content_id for record in records}
        await self._refuse_beyond_quota(scope, records, contents)
        for kind in RecordKind:
            mine = [each for each in ready if each[0].kind is kind]
            for part in batched(mine, _RECORDS_PER_CALL):
                entries = await self._entries(part)
                findable = [entry for entry in entries if entry.vector or entry.terms]
                if findable:
                    await self._store.remember(scope, kind, findable, now=now)
            for content_id in contents:
                following = max((each.number + 1 for each, _ in mine if each.content_id == content_id), default=0)
                await self._store.delete_from(scope, kind, content_id, following)
        return len(records)

    async def _remember_later(self, scope: Scope, records: Sequence[MemoryRecord]) -> int:
        return await self._remember(scope, await self._ready(records))

    async def _refuse_beyond_quota(
        self, scope: Scope, records: Sequence[MemoryRecord], contents: Collection[ContentId]
    ) -> None:
        if self._quota is None:
            return
        usage = [await self._store.usage(kind, scope.tenant) for kind in RecordKind]
        kept = sum(sum(each.values()) for each in usage)
        replaced = sum([await self._store.stored(scope, kind, each) for kind in RecordKind for each in contents])
        if kept - replaced + len(records) > self._quota:
            raise ForbiddenError(
                f"The memory of the tenant {scope.tenant!r} may hold {self._quota} records; it has {kept}, and this "
                f"item would add {len(records)}. Forget something first, or raise memory.quota in the settings."
            )

    async def _entries(self, ready: Sequence[_Ready]) -> list[Entry]:
        entries: list[Entry] = []
        for some in batched(ready, _RECORDS_AT_ONCE):
            vectors = await self._directions([(record.text, record.context) for record, _ in some])
            entries += [_entry(*each, vector) for each, vector in zip(some, vectors, strict=True)]
            await asyncio.sleep(0)
        return entries

    def _payload(self, record: MemoryRecord, now: float) -> dict[str, object]:
        payload: dict[str, object] = msgspec.to_builtins(record)
        del payload["kind"]
        if not record.doubtful:
            del payload["doubtful"]
        payload["content_hash"] = content_hash(record.text, record.speaker)
        payload["platform"] = record.content_id.partition(":")[0]
        published = timestamp(record.published_at)
        if published is not None:
            payload["published_ts"] = published
        if self._retention_s is not None:
            payload["expires_at"] = now + self._retention_s
        return payload

    async def _directions(self, texts: Sequence[tuple[str, str]]) -> list[Vector]:
        """The vector of each text with the words before it; empty for a text without meaning."""
        own = await self._embed([text for text, _ in texts])
        contexts = await self._embed([context for _, context in texts])
        return [_mixed(*pair) for pair in zip(own, contexts, strict=True)]

    async def _embedded_again(self, points: Sequence[Point]) -> list[Point]:
        texts = [(point.payload.get("text"), point.payload.get("context") or "") for point in points]
        if not all(isinstance(text, str) for text, _ in texts):
            raise BadRequestError(
                "Some vectors were stored without their text, so no other embedding can be made of them: name the "
                "embedder again under which they were stored, or forget them."
            )
        vectors = await self._directions([(str(text), str(context)) for text, context in texts])
        # A twin that was stripped of its vector stays so.
        return [
            replace(point, vector=vector if len(point.vector) or not point.payload.get("twin_of") else ())
            for point, vector in zip(points, vectors, strict=True)
        ]

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        """A vector a text; empty for a text without meaning."""
        vectors = await self._store.embedder.embed(texts)
        return [vector if any(vector) else () for vector in vectors]

    async def _bearing(
        self, scope: Scope, kind: RecordKind, subject: Sequence[str], wanted: Query, options: RecallOptions
    ) -> tuple[list[Candidate], ...]:
        """What bears on the subject: of the speakers whom it names, then of others, if it names more than them."""
        found = await self._candidates(scope, kind, subject, wanted, options)
        speakers = stems(" ".join(each.record.speaker or "" for each in found))
        # A speaker's name says whose words are wanted, not what they are about: it finds those who are spoken to.
        asked = [word for word in subject if stem(word) not in speakers]
        named = {stem(word) for word in subject} & speakers
        if asked and named:
            found = await self._candidates(scope, kind, asked, wanted, options)
        bear = bearing(found, asked, self._weights)
        theirs = [each for each in bear if named & stems(each.record.speaker or "")]
        if theirs and not asked:
            return (theirs,)
        return theirs, [each for each in bear if each not in theirs]

    async def _candidates(
        self, scope: Scope, kind: RecordKind, words: Sequence[str], wanted: Query, options: RecallOptions
    ) -> list[Candidate]:
        query = replace(wanted, terms=query_terms(" ".join(words)))
        hits = (await self._store.search(scope, kind, query, use_cache=options.use_cache)).hits
        return candidates(hits, [record_from(kind, hit.payload) for hit in hits], self._weights)

    async def _in_context(
        self,
        scope: Scope,
        kind: RecordKind,
        subject: Sequence[str],
        chosen: Sequence[Candidate],
        options: RecallOptions,
    ) -> list[Passage]:
        """The candidates as passages: with the other places where the same was said, and what was said around them."""
        twins = await self._store.twins(scope, kind, [each.id for each in chosen])
        passages = []
        for each in chosen:
            matched = tuple(word for word in subject if stem(word) in each.said)
            also = tuple(record_from(kind, payload) for payload in twins.get(each.id, ()))
            before, after = await self._around(scope, kind, each.record, options.neighbours)
            passages.append(Passage(each.record, each.score, each.similarity, matched, also, before, after))
        return passages

    async def _around(
        self, scope: Scope, kind: RecordKind, record: MemoryRecord, neighbours: int
    ) -> tuple[tuple[MemoryRecord, ...], tuple[MemoryRecord, ...]]:
        if not neighbours:
            return (), ()
        near = Filters(
            content_id=record.content_id,
            number_from=record.number - neighbours,
            number_to=record.number + neighbours + 1,
        )
        points = await self._store.around(scope, kind, near, limit=2 * neighbours + 1)
        records = sorted((record_from(kind, point.payload) for point in points), key=lambda each: each.number)
        return (
            tuple(each for each in records if each.number < record.number),
            tuple(each for each in records if each.number > record.number),
        )


def _entry(record: MemoryRecord, payload: Mapping[str, object], vector: Vector) -> Entry:
    weights = terms(record.text)
    for term, weight in terms(f"{record.context} {record.speaker or ''}").items():
        weights.setdefault(term, CONTEXT_IN_TERMS * weight)
    return Entry(record.content_id, record.number, vector, payload, weights)


def _mixed(text: Vector, context: Vector) -> Vector:
    """The direction of a record: its text's, drawn a little towards what was said before."""
    if not text or not context:
        return text
    return [a + CONTEXT_IN_VECTOR * b for a, b in zip(text, context, strict=True)]
