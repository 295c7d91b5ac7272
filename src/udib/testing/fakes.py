"""Fakes of the ports that a pipeline needs. They do what the port says; a script decides what goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from udib.core.errors import UdibError
from udib.core.findings import Report
from udib.core.ports import Filters
from udib.core.speech import Origin, Segment
from udib.core.tenancy import Scope
from udib.core.types import (
    Content,
    ContentId,
    Delivered,
    Health,
    Listing,
    Media,
    MemoryRecord,
    Passage,
    Platform,
    RecordKind,
    Window,
)


async def _act(delay_s: float, error: UdibError | None) -> None:
    await asyncio.sleep(delay_s)
    if error is not None:
        raise error


@dataclass
class FakeSource:
    """A source that knows one item under every address."""

    content: Content = field(
        default_factory=lambda: Content(
            ContentId("web:1"), Platform.WEB, "https://a.example/1", "A talk", duration_s=9.0
        )
    )
    media: Media = field(default_factory=lambda: Media(path="talk.ogg", digest="d1", reason="sound"))
    delay_s: float = 0.0
    error: UdibError | None = None
    fetched: int = 0

    def accepts(self, address: str) -> bool:
        """Every address."""
        return bool(address)

    async def describe(self, address: str) -> Content:
        """The one item."""
        await _act(0, None)
        return self.content

    async def fetch(self, content: Content, folder: Path, *, quality: str | None) -> Media:
        """The one media, or the scripted error."""
        self.fetched += 1
        await _act(self.delay_s, self.error)
        return self.media

    async def ping(self) -> Health:
        """Always well."""
        return Health("fake source", ok=True, detail="scripted")


@dataclass
class FakeTranscriber:
    """A transcriber that always hears the same."""

    segments: Sequence[Segment] = ()
    delay_s: float = 0.0
    error: UdibError | None = None
    heard: int = 0
    engine: str = "fake"
    low_accuracy: bool = False

    def accepts(self, media: Media) -> bool:
        """Every media."""
        return True

    def origin(self, media: Media) -> Origin:
        """As if recognised."""
        return Origin.ASR

    def timed(self, media: Media) -> bool:
        """Yes."""
        return True

    async def windows(self, media: Media) -> AsyncIterator[Window]:
        """One window a segment."""
        self.heard += 1
        await _act(self.delay_s, self.error)
        for segment in self.segments:
            yield Window((segment,), segment.end_s, self.segments[-1].end_s)

    async def ping(self) -> Health:
        """Always well."""
        return Health("fake transcriber", ok=True, detail="scripted")


@dataclass
class FakeMemory:
    """A memory that finds a record when it shares a word of four letters or more with the query."""

    name: str = "memory"
    error: UdibError | None = None
    error_of_forget: UdibError | None = None
    records: dict[tuple[Scope, RecordKind, ContentId, int], MemoryRecord] = field(default_factory=dict)

    async def remember(self, scope: Scope, records: Sequence[MemoryRecord]) -> int:
        """Keep the records, or the scripted error."""
        await _act(0, self.error)
        mine = {(scope, each.kind, each.content_id, each.number): each for each in records}
        contents = {each.content_id for each in records}
        kept = {key: each for key, each in self.records.items() if key[0] != scope or key[2] not in contents}
        self.records = kept | mine
        return len(records)

    async def recall(
        self, scope: Scope, kind: RecordKind, queries: Sequence[str], *, limit: int, filters: Filters
    ) -> list[list[Passage]]:
        """Records that share words, most first."""
        return [self._recall(scope, kind, query, filters)[:limit] for query in queries]

    def _recall(self, scope: Scope, kind: RecordKind, query: str, filters: Filters) -> list[Passage]:
        found = []
        for (owner, kept, content_id, _), record in self.records.items():
            if (owner, kept) != (scope, kind) or content_id == filters.not_content_id:
                continue
            if filters.content_id not in {None, content_id} or filters.speaker not in {None, record.speaker}:
                continue
            matched = tuple(sorted(_words(query) & _words(record.text)))
            if matched:
                found.append(Passage(record, float(len(matched)), 0.5, matched))
        return sorted(found, key=lambda passage: -passage.score)

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove the content's records, or raise the scripted error."""
        await _act(0, self.error_of_forget)
        gone = [key for key in self.records if key[0] == scope and key[2] == content_id]
        for key in gone:
            del self.records[key]
        return len(gone)

    async def ping(self) -> Health:
        """Always well."""
        return Health("fake memory", ok=True, detail=f"{len(self.records)} records")


@dataclass
class FakeCatalogue:
    """A catalogue in memory."""

    name: str = "catalogue"
    reports: dict[tuple[Scope, ContentId], list[Report]] = field(default_factory=dict)
    effects: dict[tuple[Scope, str], str] = field(default_factory=dict)

    async def save(self, scope: Scope, report: Report) -> None:
        """Keep a report; the same revision again replaces it."""
        kept = self.reports.setdefault((scope, report.content.id), [])
        kept[:] = [each for each in kept if each.revision != report.revision] + [report]

    async def report(self, scope: Scope, content_id: ContentId) -> Report | None:
        """The newest."""
        kept = self.reports.get((scope, content_id))
        return kept[-1] if kept else None

    async def next_revision(self, scope: Scope, content_id: ContentId) -> int:
        """One more than there are."""
        return max((report.revision for report in self.reports.get((scope, content_id), [])), default=0) + 1

    async def find(self, scope: Scope, reference: str) -> list[Content]:
        """By the start of the id, or the title."""
        newest = [kept[-1].content for (owner, _), kept in self.reports.items() if owner == scope and kept]
        return [each for each in newest if each.id.startswith(reference) or each.title == reference]

    async def listing(self, scope: Scope) -> list[Listing]:
        """All contents."""
        newest = [kept[-1] for (owner, _), kept in self.reports.items() if owner == scope and kept]
        return [Listing(r.content, r.revision, r.created_at, r.transcript.words, 0) for r in newest]

    async def begin_effect(self, scope: Scope, content_id: ContentId, key: str) -> str:
        """As the port says."""
        before = self.effects.setdefault((scope, key), "new")
        if before == "new":
            self.effects[scope, key] = "unknown"
        return before

    async def confirm_effect(self, scope: Scope, key: str, reference: str) -> None:
        """As the port says."""
        self.effects[scope, key] = "done"

    async def abandon_effect(self, scope: Scope, key: str) -> None:
        """As the port says."""
        if self.effects.get((scope, key)) == "unknown":
            del self.effects[scope, key]

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove the content's reports, and its words from those that cite it."""
        cited = 0
        for (owner, _), kept in self.reports.items():
            if owner == scope:
                cited += sum(report.cites(content_id) for report in kept)
                kept[:] = [report.without_evidence_of(content_id) for report in kept]
        return cited + len(self.reports.pop((scope, content_id), []))

    async def ping(self) -> Health:
        """Always well."""
        return Health("fake catalogue", ok=True, detail="in memory")


@dataclass
class FakeOutbox:
    """An outbox that remembers what it was given."""

    name: str = "fake"
    error: UdibError | None = None
    delay_s: float = 0.0
    reports: list[Report] = field(default_factory=list)

    async def deliver(self, scope: Scope, report: Report, transcript_vtt: str) -> list[Delivered]:
        """Keep the report, or raise the scripted error."""
        await _act(self.delay_s, self.error)
        self.reports.append(report)
        return [Delivered(self.name, f"{self.name}:{report.revision}")]

    async def ping(self) -> Health:
        """Always well."""
        return Health("fake outbox", ok=True, detail="scripted")


def _words(text: str) -> set[str]:
    return {word.strip(".,?!").casefold() for word in text.split() if len(word) > 3}
