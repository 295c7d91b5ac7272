"""The product's pipeline, its journal on disk, over items of a case: scripted is only how long everything takes."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from benchmarks.engine.cases import WINDOWS, Case
from udib.core.findings import DebateMap, FactChecks, Fallacies, Findings, Outline, Report, TranscriptFacts
from udib.core.speech import Segment, Transcript
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Media, MemoryRecord, Platform, Window
from udib.pipeline.journal import Journal
from udib.pipeline.orchestrator import ContentPipeline
from udib.pipeline.parts import Analyses, Services, WholeReading
from udib.storage.artifacts import DirectoryArtifactStore
from udib.storage.database import Database
from udib.storage.locks import FileLocks
from udib.storage.steps import JOURNAL_SCHEMA, SqliteStepStore
from udib.testing.fakes import FakeCatalogue, FakeMemory, FakeOutbox, FakeSource, FakeTranscriber

F = TypeVar("F")

_SCOPE = Scope.of("bench", "main")


@dataclass
class Recogniser(FakeTranscriber):
    """Hears an item in as many windows as it has segments, and notes when it gave the last."""

    case: Case | None = None
    last_at: float = 0.0

    async def windows(self, media: Media, *, after_s: float = 0.0) -> AsyncIterator[Window]:
        """The windows, each after its share of the time."""
        async for window in super().windows(media, after_s=after_s):
            if self.case is not None:
                await self.case.recogniser.do(self.case.transcribe / len(self.segments))
            self.last_at = time.perf_counter()
            yield window


@dataclass
class ScriptedReading(Generic[F]):
    """An analysis that is done window by window, as far as it hears them, and does the rest in the end."""

    case: Case
    seconds: float
    found: F
    heard: int = 0

    async def hear(self, window: Sequence[Segment], of: int = WINDOWS) -> None:
        """Do the windows' share of the work."""
        self.heard += len(window)
        await self.case.analyst.do(self.seconds * len(window) / of)

    async def find(self, transcript: Transcript) -> F:
        """Do what is left."""
        left = transcript.segments[self.heard :]
        await self.hear(left, len(transcript.segments))
        return self.found


@dataclass
class SlowMemory(FakeMemory):
    """A memory that takes its time to store."""

    store_s: float = 0.0

    async def remember(self, scope: Scope, records: Sequence[MemoryRecord]) -> int:
        """Store."""
        await asyncio.sleep(self.store_s)
        return await super().remember(scope, records)


@dataclass(frozen=True)
class Bench:
    """A journal on disk, and the stores that the items of a measurement share."""

    database: Database
    journal: Journal
    artifacts: DirectoryArtifactStore
    catalogue: FakeCatalogue = field(default_factory=FakeCatalogue)

    async def run(self, case: Case, name: str, *, windows: int = WINDOWS) -> float:
        """Process one item of a case; returns the seconds from its last window to the end.

        With one window all of an analysis is done when the transcript is there: level by level.
        """
        said = [Segment(30.0 * n, 30.0 * n + 30, f"This is sentence {n} of {name}.", "ANN") for n in range(windows)]
        recogniser = Recogniser(said, case=case)
        content = Content(ContentId(f"web:{name}"), Platform.WEB, f"https://a.example/{name}", name)
        source = FakeSource(content, Media(path="talk.ogg", digest=name), delay_s=case.download)
        report = (await self._pipeline(case, source, recogniser).process_video(content.address)).unwrap()
        if report.missing:
            raise AssertionError(f"an item is not complete: {report.missing}")
        return time.perf_counter() - recogniser.last_at

    def _pipeline(self, case: Case, source: FakeSource, recogniser: Recogniser) -> ContentPipeline:
        memory = SlowMemory(store_s=case.store)
        services = Services(
            sources=(source,),
            transcribers=(recogniser,),
            read_tags=partial(_tags, case),
            with_captions=_no_captions,
            is_intact=_intact,
            memory=memory,
            catalogue=self.catalogue,
            artifacts=self.artifacts,
            files=FakeOutbox("files"),
            notices=(FakeOutbox("discord", delay_s=case.notice),),
            journal=self.journal,
            forgettable=(self.journal, self.artifacts, memory, self.catalogue),
        )
        analyses = Analyses(
            lambda: ScriptedReading(case, case.debate, DebateMap()),
            lambda *_: ScriptedReading(case, case.fact_check, FactChecks((), considered=0)),
            lambda: ScriptedReading(case, case.fallacies, Fallacies(())),
            partial(WholeReading, _outline),
            _aggregate,
            lambda _: "WEBVTT",
        )
        return ContentPipeline(services, analyses, _SCOPE)


@asynccontextmanager
async def bench_in(folder: Path) -> AsyncGenerator[Bench]:
    """A bench on a folder."""
    database = Database(folder / "journal.db", JOURNAL_SCHEMA)
    artifacts = DirectoryArtifactStore(folder / "artifacts")
    journal = Journal(SqliteStepStore(database), FileLocks(folder / "locks"), artifacts)
    try:
        yield Bench(database, journal, artifacts)
    finally:
        await database.close()


async def _outline(transcript: Transcript) -> Outline:
    """The plan has none: it takes no time."""
    return Outline(transcript.duration_s, transcript.word_count, 100.0, transcript.speakers, "en")


async def _tags(case: Case, content: Content, media: Media) -> Content:  # noqa: ARG001 - as the pipeline calls it
    await asyncio.sleep(case.metadata)
    return content


async def _no_captions(media: Media, path: str) -> Media:  # noqa: ARG001 - as the pipeline calls it
    return media


async def _intact(media: Media) -> bool:  # noqa: ARG001 - as the pipeline calls it
    return True


async def _aggregate(findings: Findings, content: Content, created_at: str, revision: int) -> Report:
    said = findings.transcript
    facts = TranscriptFacts(
        said.origin.value,
        said.engine,
        said.language,
        low_accuracy=False,
        timed=True,
        segments=len(said.segments),
        words=said.word_count,
    )
    return Report(
        "udib.report/1",
        content,
        created_at,
        revision,
        facts,
        findings.outline,
        findings.fact_checks,
        findings.fallacies,
        findings.debate,
        missing=findings.missing,
    )
