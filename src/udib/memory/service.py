"""`MemoryService`: remembers what was said and finds it again by meaning and words."""

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from udib.core.errors import BadRequestError
from udib.core.ports import Filters, Hit
from udib.core.result import StepResult
from udib.core.speech import stretches
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health, MemoryRecord, Passage, RecordKind, Vector
from udib.memory.lexical import content_words, coverage, query_terms, stem, stems, terms
from udib.memory.point_checks import checked_payload
from udib.memory.store import EnhancedVectorStore, Entry, outcome

CONTEXT_IN_VECTOR: Final = 0.2
CONTEXT_IN_TERMS: Final = 0.3
"""How much the words before a record count towards finding it. On QMSum (single turns) no gain and no loss."""
BEARS_FROM: Final = 0.15
"""Share of the query's subject words that a passage must hold; of up to six, one that is not common is enough.

Calibrated on QMSum, whose gold turns often share few words with the question: recall@5 is 0.70 with this and 0.73
without any condition (0.62 with 0.3). Of questions on subjects that no meeting has, 11 % find one shared word among
the 575 turns of a meeting, and get that turn; without the condition all get something.
"""
SIMILAR_FROM: Final = 0.85
"""Cosine from which a passage bears on a query though it shares no word with it.

Fewer than 1 in 100 foreign questions reach it in a meeting of QMSum (median 0.61, 99 %: 0.81). Lower, the shipped
embedder's similarity does not tell on-topic from off-topic: the gold turns' median is 0.77, a foreign meeting's 0.74.
"""
_RECORDS_PER_CALL: Final = 256
_RECORDS_AT_ONCE: Final = 8  # some 3 ms of work between two turns of the event loop
_SENTENCE_WORDS: Final = 60
_SENTENCE_CHARACTERS: Final = 2000
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")


class StoredText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `store_content` takes. Without a `content_id`, the text is named by its hash."""

    text: str
    content_id: str | None = None
    title: str = ""
    link: str = ""
    speaker: str | None = None
    published_at: str | None = None
    start_s: float = 0.0
    end_s: float = 0.0


class MemoryService:
    """The `Memory` port over a vector store, and a `Forgettable`."""

    name: str = "memory"

    __slots__ = ("_bears_from", "_similar_from", "_store")

    def __init__(
        self, store: EnhancedVectorStore, *, bears_from: float = BEARS_FROM, similar_from: float = SIMILAR_FROM
    ) -> None:
        self._store = store
        self._bears_from = bears_from
        self._similar_from = similar_from

    async def remember(self, scope: Scope, records: Sequence[MemoryRecord]) -> int:
        """Store all records of one or more contents, in place of those kept before; returns how many there were.

        A record without a letter or digit is not stored, because nothing could find it. Repeating a call that was
        interrupted completes it.

        Raises:
            BadRequestError: A record is too large or names no content; nothing of the call was stored.
            UnavailableError: The store is not to be had; some records may be stored.
        """
        for record in records:
            checked_payload(f"{record.kind.value} {record.number}", _payload(record))
        contents = {record.content_id for record in records}
        for kind in RecordKind:
            mine = [record for record in records if record.kind is kind]
            for start in range(0, len(mine), _RECORDS_PER_CALL):
                entries = await self._entries(mine[start : start + _RECORDS_PER_CALL])
                await self._store.upsert(scope, kind, [entry for entry in entries if entry.vector or entry.terms])
            for content_id in contents:
                following = max((each.number + 1 for each in mine if each.content_id == content_id), default=0)
                await self._store.delete_from(scope, kind, content_id, following)
        return len(records)

    async def recall(
        self, scope: Scope, kind: RecordKind, queries: Sequence[str], *, limit: int, filters: Filters
    ) -> list[list[Passage]]:
        """For each query the best records, best first; empty where nothing bears on the query.

        A passage bears on a query when it holds enough of the words that say what the query is about (the names of
        speakers aside), or when its meaning is very near. If the query names a speaker whose passages bear on it, only
        those are given.

        Raises:
            BadRequestError: `limit` is not from 1 to 200.
        """
        if not 1 <= limit <= 200:
            raise BadRequestError(f"The number of passages is 1 to 200, not {limit}.")
        subjects = [content_words(query) for query in queries]
        vectors = await self._embed([" ".join(subject) for subject in subjects])
        found: list[list[Passage]] = []
        for query, subject, vector in zip(queries, subjects, vectors, strict=True):
            hits: list[Hit] = []
            if subject:
                hits = await self._store.search(
                    scope, kind, vector, query_terms(query), limit=4 * limit + 10, filters=filters
                )
            found.append(self._bearing(kind, subject, hits)[:limit])
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
        """Remove all records of a content, and their words from the disk; returns how many."""
        return await self._store.delete(scope, content_id)

    async def count(self, scope: Scope, kind: RecordKind, filters: Filters | None = None) -> int:
        """How many records of a kind there are."""
        return await self._store.count(scope, kind, filters or Filters())

    async def ping(self) -> Health:
        """How the index is."""
        return await self._store.ping()

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
        records = [_record(stored, content_id, number, piece) for number, piece in enumerate(_pieces(stored.text))]
        return {"content_id": content_id, "records": await self.remember(scope, records)}

    async def _entries(self, records: Sequence[MemoryRecord]) -> list[Entry]:
        entries: list[Entry] = []
        for start in range(0, len(records), _RECORDS_AT_ONCE):
            some = records[start : start + _RECORDS_AT_ONCE]
            texts = await self._embed([record.text for record in some])
            contexts = await self._embed([record.context for record in some])
            vectors = map(_mixed, texts, contexts)
            entries += [_entry(record, vector) for record, vector in zip(some, vectors, strict=True)]
            await asyncio.sleep(0)
        return entries

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        """A vector a text; empty for a text without meaning."""
        vectors = await self._store.embedder.embed(texts)
        return [vector if any(vector) else () for vector in vectors]

    def _bearing(self, kind: RecordKind, subject: Sequence[str], hits: Sequence[Hit]) -> list[Passage]:
        """The passages of the hits that bear on the query: those of the speakers whom it names, or else of anybody."""
        records = [msgspec.convert({**hit.payload, "kind": kind}, MemoryRecord) for hit in hits]
        speakers = stems(" ".join(record.speaker or "" for record in records))
        # A speaker's name says whose words are wanted, not what they are about.
        asked = [word for word in subject if stem(word) not in speakers]
        named = {stem(word) for word in subject} & speakers
        passages = []
        for hit, record in zip(hits, records, strict=True):
            said = stems(record.text)
            if asked and hit.similarity < self._similar_from and coverage(asked, said) < self._bears_from:
                continue
            matched = tuple(word for word in subject if stem(word) in said)
            passages.append(Passage(record, hit.score, hit.similarity, matched))
        theirs = [passage for passage in passages if named & stems(passage.record.speaker or "")]
        return theirs or passages


def _entry(record: MemoryRecord, vector: Vector) -> Entry:
    weights = terms(record.text)
    for term, weight in terms(f"{record.context} {record.speaker or ''}").items():
        weights.setdefault(term, CONTEXT_IN_TERMS * weight)
    return Entry(record.content_id, record.number, vector, _payload(record), weights)


def _payload(record: MemoryRecord) -> dict[str, object]:
    payload: dict[str, object] = msgspec.to_builtins(record)
    del payload["kind"]
    return payload


def _mixed(text: Vector, context: Vector) -> Vector:
    """The direction of a record: its text's, drawn a little towards what was said before."""
    if not text or not context:
        return text
    return [a + CONTEXT_IN_VECTOR * b for a, b in zip(text, context, strict=True)]


def _record(stored: StoredText, content_id: ContentId, number: int, text: str) -> MemoryRecord:
    return MemoryRecord(
        kind=RecordKind.TRANSCRIPT,
        content_id=content_id,
        number=number,
        text=text,
        start_s=stored.start_s,
        end_s=stored.end_s,
        title=stored.title,
        link=stored.link,
        speaker=stored.speaker,
        published_at=stored.published_at,
    )


def _pieces(text: str) -> list[str]:
    """A text in pieces of about 60 words, cut between sentences; a longer sentence or word is cut inside."""
    pieces: list[str] = []
    words: list[str] = []
    for sentence in _SENTENCE_END.split(text.strip()):
        for start, end, _ in stretches(sentence, words=_SENTENCE_WORDS, characters=_SENTENCE_CHARACTERS):
            more = sentence[start:end].split()
            long = sum(map(len, words)) + len(words) + end - start > _SENTENCE_CHARACTERS
            if words and (long or len(words) + len(more) > _SENTENCE_WORDS):
                pieces.append(" ".join(words))
                words = []
            words += more
    return [*pieces, " ".join(words)] if words else pieces
