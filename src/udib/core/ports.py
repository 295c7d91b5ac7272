"""The needs of the product, in its own words: one protocol for each process, network, clock or bill that is crossed.

Adapters live in the outer rooms and are chosen by name in `udib.app.bootstrap`. Foreign errors are mapped inside the
adapter; every method may raise `UdibError`.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, runtime_checkable

from udib.core.calibrating import ConfidenceScale
from udib.core.checked import Checked
from udib.core.corrections import Correction
from udib.core.evidence import Document, SearchHit
from udib.core.findings import Report
from udib.core.jobs import Began, KeptStep, RunKey, StepName
from udib.core.routing import Decision, Learned, Lesson
from udib.core.speech import Origin
from udib.core.tenancy import Scope
from udib.core.types import (
    Content,
    ContentId,
    Delivered,
    EvidenceChange,
    Listing,
    Media,
    MemoryRecord,
    Passage,
    Progress,
    RecordKind,
    Window,
)
from udib.core.vectors import Filters
from udib.core.watches import FeedLook, FeedMark, Watch

ProgressSink = Callable[[Progress], None]


class Source(Checked, Protocol):
    """A place where contents are published."""

    def accepts(self, address: str) -> bool:
        """Whether this source is the one for an address. No I/O beyond a look at the file system."""
        ...

    async def describe(self, address: str) -> Content:
        """What the address stands for, without fetching its media."""
        ...

    async def fetch(self, content: Content, folder: Path, *, quality: str | None) -> Media:
        """The cheapest artefact with the item's words: captions, else sound, in `folder`; video only for `quality`.

        `quality` is a height such as "720p".
        """
        ...


class EvidenceSource(Checked, Protocol):
    """A place outside the tenant's own stores where something may be found about a claim. It gives no verdict."""

    name: str
    """What a report calls it, such as "web search (brave)"."""

    async def search(self, scope: Scope, claim: str, *, limit: int) -> list[SearchHit]:
        """What may bear on a claim, best first. Asking may cost, which is counted for the scope's tenant.

        Raises:
            BudgetExceededError: The tenant has had its searches of today; nothing was asked.
        """
        ...

    async def read(self, hit: SearchHit) -> Document:
        """The page of a hit, as a reader sees it.

        Raises:
            BadRequestError: There is nothing to read; the sentence says why.
        """
        ...


class Transcriber(Checked, Protocol):
    """Turns media into segments."""

    engine: str
    low_accuracy: bool
    language: str | None
    """The one language that it knows; None: whatever is written."""

    def accepts(self, media: Media) -> bool:
        """Whether this transcriber can read that media."""
        ...

    def origin(self, media: Media) -> Origin:
        """What kind of transcript comes of it."""
        ...

    def timed(self, media: Media) -> bool:
        """Whether the media carries times; when not, the segments' times are estimates."""
        ...

    def windows(self, media: Media, *, after_s: float = 0.0) -> AsyncIterator[Window]:
        """The segments in order of time, a window at a time. All child processes end when the iterator is closed.

        `after_s` is the `done_s` of a window that was given before: those that follow it are given, the same as then.
        """
        ...


class KeyValueStore(Checked, Protocol):
    """Bytes by key, with expiry."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None if it is absent or expired."""
        ...

    async def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        """Store a value; `ttl_s` in seconds, None for ever."""
        ...

    async def set_if_absent(self, key: str, value: bytes, *, ttl_s: float | None = None) -> bool:
        """Store a value unless one is there; returns whether it was stored. Atomic across processes."""
        ...

    async def increment(self, key: str, by: int = 1, *, ttl_s: float | None = None) -> int:
        """Add to a counter that starts at 0 and return it; `ttl_s` counts from its first use. Atomic."""
        ...

    async def delete(self, key: str) -> bool:
        """Remove a key; returns whether it was there."""
        ...

    def with_namespace(self, name: str) -> "KeyValueStore":
        """A view in which every key is below `name`; views of different names never meet."""
        ...

    async def clear(self) -> int:
        """Remove all keys of this view and of the views below it, for good; returns how many there were.

        Takes time in proportion to the whole store.
        """
        ...


@runtime_checkable
class Forgettable(Protocol):
    """A store that keeps a tenant's words and can give them up."""

    name: str

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove all traces of one content; returns how many entries were removed. Safe to repeat."""
        ...


class Catalogue(Checked, Forgettable, Protocol):
    """The records of a tenant: contents, their reports and corrections, and effects on the outside world.

    Forgetting a content also takes its words out of the reports that cite it as evidence.
    """

    async def enter(self, scope: Scope, content: Content) -> bool:
        """Note a content before anything of it is kept, so that it is listed and found; one with a report stays.

        Returns:
            Whether nothing was known of it.
        """
        ...

    async def withdraw(self, scope: Scope, content_id: ContentId) -> None:
        """Take back what `enter` noted; a content with a report stays."""
        ...

    async def save(self, scope: Scope, report: Report) -> None:
        """Store a report as the newest revision of its content."""
        ...

    async def report(self, scope: Scope, content_id: ContentId) -> Report | None:
        """The newest report on a content, with what its readers corrected."""
        ...

    async def correct(self, scope: Scope, correction: Correction) -> None:
        """Keep a correction with its content, for every later report on it too; of one id, the last one counts.

        Raises:
            BadRequestError: There is no report on the content.
        """
        ...

    async def corrections(self, scope: Scope, content_id: ContentId | None = None) -> list[Correction]:
        """The corrections of a content, or of all, oldest first."""
        ...

    async def withdraw_correction(self, scope: Scope, content_id: ContentId, correction_id: str) -> bool:
        """Take a correction back; whether there was one."""
        ...

    async def next_revision(self, scope: Scope, content_id: ContentId) -> int:
        """1 for a content without report, else one more than the newest."""
        ...

    async def find(self, scope: Scope, reference: str) -> list[Content]:
        """The contents whose id starts with `reference`, or whose address, link or title equals it."""
        ...

    async def listing(self, scope: Scope) -> list[Listing]:
        """All contents, newest report first, those without one last."""
        ...

    async def speakers(self, scope: Scope) -> list[str]:
        """Who speaks in the newest reports, each name once, in order."""
        ...

    async def citing(self, scope: Scope, content_id: ContentId) -> list[ContentId]:
        """The other contents whose newest report has words of this one as evidence, in order."""
        ...

    async def begin_effect(self, scope: Scope, content_id: ContentId, key: str) -> str:
        """Announce an effect before it is made.

        Returns:
            "new" the first time, "done" if it was confirmed before, "unknown" if it was announced but never confirmed.
        """
        ...

    async def confirm_effect(self, scope: Scope, key: str, reference: str) -> None:
        """Note that an effect was made, and how it can be found (a message id)."""
        ...

    async def abandon_effect(self, scope: Scope, key: str) -> None:
        """Note that an announced effect was certainly not made, so that it may be tried again."""
        ...


class Feeds(Protocol):
    """Feeds and lists of items on the web."""

    async def look(self, address: str, mark: FeedMark) -> FeedLook | None:
        """What is there now; None: nothing has changed since the mark was made.

        Raises:
            BadRequestError: There is no feed and no list, or it cannot be read.
            ForbiddenError: The site or the address guard refuses.
            UnavailableError: The site does not answer.
        """
        ...


class Watches(Protocol):
    """What is watched in a scope. No words of any content are kept: of its entries addresses, dates and digests."""

    async def add(self, scope: Scope, watch: Watch) -> bool:
        """Begin to watch; False, and nothing is changed, if one of that id is there."""
        ...

    async def get(self, scope: Scope, watch_id: str) -> Watch | None:
        """The watch of that id."""
        ...

    async def listing(self, scope: Scope) -> list[Watch]:
        """All watches, in order of their addition."""
        ...

    async def save(self, scope: Scope, watch: Watch) -> bool:
        """Keep what is known now; False if it was removed meanwhile, and it stays removed."""
        ...

    async def wake(self, scope: Scope, watch_id: str) -> bool:
        """Let the next look not wait, whatever failed before; nothing else is changed."""
        ...

    async def remove(self, scope: Scope, watch_id: str) -> bool:
        """Watch it no longer; whether it was there."""
        ...


class Scales(Protocol):
    """How often verdicts were right, by who made them: counts of a scope, and no words of anybody."""

    async def keep(self, scope: Scope, scale: ConfidenceScale) -> None:
        """Keep a scale in place of the one of the same maker."""
        ...

    async def made_by(self, scope: Scope, maker: str) -> ConfidenceScale | None:
        """The scale for the verdicts of that maker."""
        ...


class EvidenceChanges(Protocol):
    """Which items stand on evidence that has changed since; forgotten with the item."""

    async def note(self, scope: Scope, content_ids: Sequence[ContentId], change: EvidenceChange) -> None:
        """Note a change for those of the contents that are stored, in place of an earlier one."""
        ...

    async def of(self, scope: Scope) -> dict[ContentId, EvidenceChange]:
        """The last change of each content that has one."""
        ...


class ArtifactStore(Checked, Forgettable, Protocol):
    """Bytes by their sha256, counted per content so that one content can be forgotten."""

    async def put(self, scope: Scope, content_id: ContentId, data: bytes) -> str:
        """Store bytes and return their sha256 in hex. A partial write is never visible."""
        ...

    async def get(self, scope: Scope, content_id: ContentId, digest: str) -> bytes | None:
        """The content's bytes, or None if they are absent or no longer match their digest."""
        ...

    async def remove(self, scope: Scope, content_id: ContentId, digest: str) -> None:
        """Give up bytes that nothing refers to any more; nothing happens if they are absent."""
        ...

    def folder(self, scope: Scope, content_id: ContentId) -> Path:
        """A directory for the media files of one content, made if missing."""
        ...

    async def drop_media(
        self, scope: Scope, content_id: ContentId, *, older_than_s: float, dry_run: bool = False
    ) -> int:
        """Remove the media files of a content from this machine if all were written longer ago; returns their bytes."""
        ...

    async def sweep(self, scope: Scope, content_id: ContentId) -> None:
        """Remove the directories of a content that hold nothing, as those of refused items do."""
        ...


class StepStore(Checked, Protocol):
    """The finished steps of runs."""

    async def begin(self, key: RunKey, revision: int) -> Began:
        """A new run of that revision, or the one that was interrupted with the same key."""
        ...

    async def output(self, run_id: int, key: RunKey, name: StepName) -> KeptStep | None:
        """A finished step of the run, else a reusable one of any run of the content."""
        ...

    async def keep(self, run_id: int, step: KeptStep) -> None:
        """Keep a finished step, in place of one of the same name. It survives the process once this returns."""
        ...

    async def parts(self, run_id: int, name: StepName) -> list[bytes]:
        """What is kept of a step of the run that is not finished, in order."""
        ...

    async def keep_part(self, run_id: int, name: StepName, number: int, part: bytes) -> None:
        """Keep a part of a step, in place of those of its number and of greater ones. It survives as a step does."""
        ...

    async def finish(self, run_id: int, key: RunKey) -> list[tuple[ContentId, str]]:
        """Close a run and all earlier ones of its content; of them only what a later revision may reuse is kept.

        No part of a step is.

        Returns:
            The artifacts that nothing refers to any more.
        """
        ...

    async def idle(self, older_than_s: float) -> list[tuple[Scope, ContentId, float]]:
        """The contents of all tenants whose runs are all finished, with the age in seconds of the newest that is kept.

        Only those whose age is at least so much.
        """
        ...

    async def drop(self, scope: Scope, content_id: ContentId, *, dry_run: bool = False) -> list[str]:
        """Remove the steps that are kept of a content's finished runs; returns the artifacts that held some."""
        ...

    async def forget(self, scope: Scope, content_id: ContentId) -> tuple[int, list[tuple[ContentId, str]]]:
        """Remove the runs of a content, and the steps of interrupted runs of others that may hold its words.

        Returns:
            How many runs there were, and the artifacts of others that nothing refers to any more.
        """
        ...


class Locks(Protocol):
    """Who may work on what, across all processes that share a journal. The lock of a dead process is no lock."""

    def exclusive(self, scope: Scope, content_id: ContentId) -> AbstractAsyncContextManager[None]:
        """Keep every other run of a content away, and its forgetting.

        Raises:
            UnavailableError: The content is in work.
        """
        ...

    def citing(self, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Held by a run while it carries words of other contents, as evidence, into its report.

        Raises:
            UnavailableError: An item of the scope is being forgotten, for longer than one waits.
        """
        ...

    def uncited(self, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Held while a content is forgotten, so that no run brings its words back that had looked them up before.

        Raises:
            UnavailableError: Runs of the scope carry evidence, for longer than one waits.
        """
        ...


class Memory(Checked, Forgettable, Protocol):
    """What the product knows, by meaning."""

    async def remember(self, scope: Scope, records: Sequence[MemoryRecord]) -> int:
        """Store all records of one or more contents, in place of those kept before; returns how many are stored.

        If that is fewer, the others are kept on this machine's disk until the store can be reached. Those of before
        that have no successor of their number are removed last, so that a failure loses nothing.
        """
        ...

    async def recall(
        self, scope: Scope, kind: RecordKind, queries: Sequence[str], *, limit: int, filters: Filters
    ) -> list[list[Passage]]:
        """For each query the best records, best first; empty where nothing bears on the query."""
        ...


class Outbox(Checked, Protocol):
    """Where reports go."""

    name: str

    async def deliver(self, scope: Scope, report: Report, transcript_vtt: str) -> list[Delivered]:
        """Write or post a report, once: the same report again is not delivered twice."""
        ...


class DecisionLog(Checked, Protocol):
    """What the router decided and what came of it: numbers only, so that there is nothing to forget.

    Lessons are read in one order by every process that learns from the log, so that all learn the same.
    """

    async def record(self, decision: Decision) -> None:
        """Note a decision; its cost and its reward, where they are known, are lessons."""
        ...

    async def reward(self, decision_id: str, reward: float) -> None:
        """Note what a decision was worth, which is a lesson.

        Raises:
            BadRequestError: It is not known (any more), or was rewarded already.
        """
        ...

    async def lessons(self, layout: str, *, after: int) -> list[Lesson]:
        """The lessons with a greater number, in order."""
        ...

    async def learned(self, layout: str) -> Learned | None:
        """What was saved last."""
        ...

    async def save(self, layout: str, learned: Learned) -> None:
        """Keep what was learned, unless from more lessons was learned already; old decisions may go."""
        ...

    async def decisions(self, scope: Scope, *, limit: int) -> list[Decision]:
        """The newest decisions of a scope, newest first."""
        ...
