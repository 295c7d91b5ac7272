"""Fakes of the ports that a pipeline needs. They do what the port says; a script decides what goes wrong."""

import asyncio
import re
import unicodedata
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import cast

from udib.core.chat import ChatRequest, Completion, Purpose, TokenUsage
from udib.core.corrected import with_corrections
from udib.core.errors import BadRequestError, UdibError
from udib.core.findings import Report
from udib.core.speech import Missing, Origin, Segment
from udib.core.tenancy import Scope
from udib.core.types import (
    Content,
    ContentId,
    Delivered,
    Health,
    Listing,
    ListingState,
    Media,
    MemoryRecord,
    Passage,
    Platform,
    RecordKind,
    Window,
)
from udib.core.vectors import Filters
from udib.testing.corrections import FakeCorrections


async def _act(delay_s: float, error: UdibError | None) -> None:
    await asyncio.sleep(delay_s)
    if error is not None:
        raise error


@dataclass
class FakeSource:
    """A source that knows one item, under every address or under the `known` ones only."""

    content: Content = field(
        default_factory=lambda: Content(
            ContentId("web:1"), Platform.WEB, "https://a.example/1", "A talk", duration_s=9.0
        )
    )
    media: Media = field(default_factory=lambda: Media(path="talk.ogg", digest="d1", reason="sound"))
    delay_s: float = 0.0
    error: UdibError | None = None
    fetched: int = 0
    known: frozenset[str] | None = None

    def accepts(self, address: str) -> bool:
        """Every address, or the known ones."""
        return bool(address) if self.known is None else address in self.known

    async def describe(self, address: str) -> Content:
        """The one item.

        Raises:
            BadRequestError: The address is not a known one.
        """
        await _act(0, None)
        if not self.accepts(address):
            raise BadRequestError(f"There is nothing at {address!r}; give a known address.")
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
    language: str | None = "en"
    kind: Origin = Origin.ASR
    missing: Sequence[Missing] = ()
    unreadable: frozenset[str] = frozenset()
    written: str | None = None
    window_s: float = 0.0
    windows_heard: int = 0
    stuck_after: int | None = None

    def accepts(self, media: Media) -> bool:
        """Every media that has a file."""
        return media.path is not None or media.captions is not None

    def origin(self, media: Media) -> Origin:
        """As if recognised, unless `kind` says otherwise."""
        return self.kind

    def timed(self, media: Media) -> bool:
        """Yes."""
        return True

    async def windows(self, media: Media, *, after_s: float = 0.0) -> AsyncIterator[Window]:
        """One window a segment, each after `window_s`; none comes any more after `stuck_after` of them.

        Raises:
            BadRequestError: The path of the sound is scripted as unreadable.
        """
        self.heard += 1
        await _act(self.delay_s, self.error)
        if media.path in self.unreadable:
            raise BadRequestError(f"{media.path} holds no sound; give a recording.")
        for segment in self.segments:
            if segment.end_s > after_s:
                await asyncio.sleep(self.window_s)
                if self.windows_heard == self.stuck_after:
                    await asyncio.Event().wait()
                self.windows_heard += 1
                yield Window((segment,), segment.end_s, self.segments[-1].end_s, language=self.written)
        if self.missing:
            yield Window((), self.segments[-1].end_s, self.segments[-1].end_s, tuple(self.missing))

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
        """Records that share words, most first.

        Raises:
            BadRequestError: The limit is not 1 to 1,000.
        """
        if not 1 <= limit <= 1000:
            raise BadRequestError(f"The number of passages must be 1 to 1,000, not {limit}.")
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
class FakeCatalogue(FakeCorrections):
    """A catalogue in memory. `effects` holds the content and the state ("unknown", "done") of each announced effect."""

    name: str = "catalogue"
    effects: dict[tuple[Scope, str], tuple[ContentId, str]] = field(default_factory=dict)
    entered: dict[tuple[Scope, ContentId], Content] = field(default_factory=dict)

    async def enter(self, scope: Scope, content: Content) -> bool:
        """As the port says."""
        known = {*self.reports, *self.entered}
        if (scope, content.id) not in self.reports:
            self.entered[scope, content.id] = content
        return (scope, content.id) not in known

    async def withdraw(self, scope: Scope, content_id: ContentId) -> None:
        """As the port says."""
        self.entered.pop((scope, content_id), None)

    async def save(self, scope: Scope, report: Report) -> None:
        """Keep a report; the same revision and time again replaces it."""
        kept = self.reports.setdefault((scope, report.content.id), [])
        kept[:] = [each for each in kept if _age(each) != _age(report)] + [report]
        kept.sort(key=_age)
        self.entered.pop((scope, report.content.id), None)

    async def report(self, scope: Scope, content_id: ContentId) -> Report | None:
        """The newest."""
        kept = self.reports.get((scope, content_id))
        return with_corrections(kept[-1], await self.corrections(scope, content_id)) if kept else None

    async def next_revision(self, scope: Scope, content_id: ContentId) -> int:
        """One more than there are."""
        newest = await self.report(scope, content_id)
        return newest.revision + 1 if newest else 1

    async def find(self, scope: Scope, reference: str) -> list[Content]:
        """By the beginning of the id, the address or link, or the title."""
        reference = reference.strip()
        contents = sorted(
            [*(report.content for report in self._newest(scope)), *self._unfinished(scope)], key=lambda one: one.id
        )
        found = [each for each in contents if reference and _is_meant(each, reference)]
        return [each for each in found if reference in {each.id, _native(each.id)}] or found

    async def listing(self, scope: Scope) -> list[Listing]:
        """All contents, newest report first, those without one last."""
        newest = sorted(self._newest(scope), key=lambda report: report.content.id)
        listed = [
            Listing(
                r.content,
                r.revision,
                r.created_at,
                r.transcript.words,
                len(r.fact_checks.checks) if r.fact_checks else 0,
                r.outline.duration_s if r.outline else None,
                ListingState.STORED if r.remembered else ListingState.INCOMPLETE,
            )
            for r in sorted(newest, key=lambda report: report.created_at, reverse=True)
        ]
        return listed + [Listing(one, 0, "", 0, 0, state=ListingState.NOT_FINISHED) for one in self._unfinished(scope)]

    async def speakers(self, scope: Scope) -> list[str]:
        """As the port says."""
        return sorted(set(chain.from_iterable(r.outline.speakers for r in self._newest(scope) if r.outline)))

    async def citing(self, scope: Scope, content_id: ContentId) -> list[ContentId]:
        """As the port says."""
        citing = (report.content.id for report in self._newest(scope) if report.cites(content_id))
        return sorted(owner for owner in citing if owner != content_id)

    async def begin_effect(self, scope: Scope, content_id: ContentId, key: str) -> str:
        """As the port says."""
        if (scope, key) in self.effects:
            return self.effects[scope, key][1]
        self.effects[scope, key] = (content_id, "unknown")
        return "new"

    async def confirm_effect(self, scope: Scope, key: str, reference: str) -> None:
        """As the port says.

        Raises:
            BadRequestError: The effect was not announced.
        """
        if (scope, key) not in self.effects:
            raise BadRequestError(f"The effect {key!r} was never announced, or its content has been forgotten.")
        self.effects[scope, key] = (self.effects[scope, key][0], "done")

    async def abandon_effect(self, scope: Scope, key: str) -> None:
        """As the port says."""
        if (scope, key) in self.effects and self.effects[scope, key][1] == "unknown":
            del self.effects[scope, key]

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove the content's reports, corrections and effects, and its words from the reports that cite it."""
        gone = [key for key, (owner, _) in self.effects.items() if key[0] == scope and owner == content_id]
        for key in gone:
            del self.effects[key]
        for correction in await self.corrections(scope, content_id):
            gone += [(scope, correction.id)]
            await self.withdraw_correction(scope, content_id, correction.id)
        kept = self.reports.pop((scope, content_id), None)
        noted = self.entered.pop((scope, content_id), None)
        # The content is an entry too.
        count = len(gone) + len(kept or ()) + (kept is not None or noted is not None)
        for (owner, _), kept in self.reports.items():
            if owner == scope:
                count += sum(report.cites(content_id) for report in kept)
                kept[:] = [report.without_evidence_of(content_id) for report in kept]
        return count

    async def ping(self) -> Health:
        """Always well."""
        return Health("fake catalogue", ok=True, detail="in memory")

    def _unfinished(self, scope: Scope) -> list[Content]:
        return [self.entered[key] for key in sorted(self.entered, key=lambda key: key[1]) if key[0] == scope]

    def _newest(self, scope: Scope) -> list[Report]:
        return [kept[-1] for (owner, _), kept in self.reports.items() if owner == scope and kept]


@dataclass
class FakeOutbox:
    """An outbox that remembers what it was given: the same report of a scope once."""

    name: str = "fake"
    error: UdibError | None = None
    delay_s: float = 0.0
    reports: list[Report] = field(default_factory=list)
    sent: list[tuple[Scope, Report]] = field(default_factory=list)

    async def deliver(self, scope: Scope, report: Report, transcript_vtt: str) -> list[Delivered]:
        """Keep the report, or raise the scripted error."""
        await _act(self.delay_s, self.error)
        if (scope, report) not in self.sent:
            self.sent.append((scope, report))
            self.reports.append(report)
        return [Delivered(self.name, f"{self.name}:{report.revision}")]

    async def ping(self) -> Health:
        """Always well."""
        return Health(self.name, ok=True, detail="scripted")


@dataclass
class FakeChatModel:
    """A model that says what its script says, in order, the last again and again; it remembers what it was asked."""

    script: Sequence[str | Completion | UdibError] = ("ok",)
    delay_s: float = 0.0
    asked: list[tuple[ChatRequest, Purpose]] = field(default_factory=list)

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        """The next answer; tokens are counted as words, and cost nothing.

        Raises:
            BadRequestError: There is no message.
        """
        if not request.messages:
            raise BadRequestError("A chat needs at least one message.")
        said = self.script[min(len(self.asked), len(self.script) - 1)]
        self.asked.append((request, purpose))
        await _act(self.delay_s, said if isinstance(said, UdibError) else None)
        if not isinstance(said, str):
            return cast("Completion", said)
        prompt = sum(len(message.content.split()) for message in request.messages)
        return Completion(said, request.model or "fake", usage=TokenUsage(prompt, len(said.split())))

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        """The next answer, word by word."""
        completion = await self.complete(request, purpose)
        for piece in re.findall(r"\S+\s*|\s+", completion.text):
            yield piece
        yield completion

    async def ping(self) -> Health:
        """Always well."""
        return Health("fake model", ok=True, detail="scripted")


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 3}


def _age(report: Report) -> tuple[int, str]:
    return report.revision, report.created_at


def _native(content_id: ContentId) -> str:
    return content_id.partition(":")[2]


def _is_meant(content: Content, reference: str) -> bool:
    by_id = content.id.startswith(reference) or _native(content.id).startswith(reference)
    return by_id or reference in {content.address, content.url} or _folded(content.title) == _folded(reference)


def _folded(title: str) -> str:
    return unicodedata.normalize("NFC", title.strip().casefold())
