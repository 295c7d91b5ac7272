"""The pipeline on fakes: levels, failures, resumption, tenancy."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from udib.core.errors import BadRequestError, Status, UdibError, UnavailableError
from udib.core.evidence import LookUp
from udib.core.findings import (
    Claim,
    DebateMap,
    FactCheck,
    FactChecks,
    Fallacies,
    Findings,
    NotJudged,
    Outline,
    Report,
    TranscriptFacts,
)
from udib.core.gates import RECOGNITION, Limit, download_from
from udib.core.jobs import Job, JobState, KeptStep, Order, Outcome, StepName
from udib.core.speech import Missing, Origin, Segment, Transcript
from udib.core.tenancy import Scope
from udib.core.types import (
    CaptionTrack,
    ChangeKind,
    Content,
    ContentId,
    EvidenceChange,
    ListingState,
    Media,
    MemoryRecord,
    Platform,
    Progress,
)
from udib.pipeline.flow_control import FlowControl
from udib.pipeline.journal import Journal
from udib.pipeline.orchestrator import ContentPipeline
from udib.pipeline.parts import Analyses, Services, WholeReading
from udib.pipeline.step import Deadlines
from udib.pipeline.sweep import SWEEP, Retention, Sweeper, Swept, sweep_with
from udib.storage import locks
from udib.storage.artifacts import DirectoryArtifactStore
from udib.storage.database import Database
from udib.storage.locks import FileLocks
from udib.storage.steps import JOURNAL_SCHEMA, SqliteStepStore
from udib.testing.fakes import FakeCatalogue, FakeMemory, FakeOutbox, FakeSource, FakeTranscriber
from udib.testing.gates import FakeGateBook

T = TypeVar("T")

SCOPE = Scope.of("acme", "main")
SAID = (
    Segment(0.0, 4.0, "Rents in Vienna rose by twelve percent.", "MAYA"),
    Segment(4.0, 9.0, "Nobody builds any houses here.", "DANIEL"),
)


@dataclass(frozen=True)
class Attentive(WholeReading[T]):
    """A reading that notes what it hears, which takes a while, or ends with an error."""

    error: BaseException | None
    hear_s: float
    heard: list[str] = field(default_factory=list)

    async def hear(self, window: Sequence[Segment]) -> None:
        await asyncio.sleep(self.hear_s)
        self.heard.extend(segment.text for segment in window)
        if self.error is not None:
            raise self.error


class Bench:
    """A pipeline on fakes whose analyses can be told to wait, fail or break."""

    def __init__(self, folder: Path) -> None:
        self.source = FakeSource()
        self.transcriber = FakeTranscriber(SAID)
        self.memory = FakeMemory()
        self.catalogue = FakeCatalogue()
        self.files = FakeOutbox("files")
        self.notice = FakeOutbox("discord")
        self.delays: dict[str, float] = {}
        self.takes: dict[str, timedelta] = {}
        self.now = datetime(2026, 1, 2, tzinfo=UTC)
        self.errors: dict[str, BaseException] = {}
        self.database = Database(folder / "journal.db", JOURNAL_SCHEMA)
        self.events: list[Progress] = []
        self.deaf: dict[str, BaseException] = {}
        self.hear_s = 0.0
        self.readings: list[Attentive[Any]] = []
        self.files_there = True
        self.evidence = False
        self.gates = FlowControl()
        self.findings: dict[str, object] = {}
        self._folder = folder

    def pipeline(self, scope: Scope = SCOPE, *, analyse_s: float = 30.0, transcribe_s: float = 30.0) -> ContentPipeline:
        artifacts = DirectoryArtifactStore(self._folder / "artifacts")
        journal = Journal(SqliteStepStore(self.database), FileLocks(self._folder / "locks"), artifacts)
        services = Services(
            sources=(self.source,),
            transcribers=(self.transcriber,),
            read_tags=self._tags,
            with_captions=self._with_captions,
            is_intact=self._is_intact,
            memory=self.memory,
            catalogue=self.catalogue,
            artifacts=artifacts,
            files=self.files,
            notices=(self.notice,),
            journal=journal,
            forgettable=(journal, artifacts, self.memory, self.catalogue),
            gates=self.gates,
        )
        analyses = Analyses(
            lambda: self._reading("debate", self._debate),
            lambda look_up, _: self._reading("fact-check", lambda said: self._fact_check(said, look_up)),
            lambda: self._reading("fallacies", self._fallacies),
            lambda: self._reading("outline", self._outline),
            self._aggregate,
            lambda _: "WEBVTT",
        )
        deadlines = Deadlines(analyse_s=analyse_s, transcribe_s=transcribe_s)
        return ContentPipeline(services, analyses, scope, deadlines=deadlines, now=lambda: self.now)

    def _reading(self, stage: str, find: Callable[[Transcript], Awaitable[T]]) -> "Attentive[T]":
        reading = Attentive(find, self.deaf.get(stage), self.hear_s)
        self.readings.append(reading)
        return reading

    async def _act(self, stage: str) -> None:
        await asyncio.sleep(self.delays.get(stage, 0.0))
        self.now += self.takes.get(stage, timedelta())
        if stage in self.errors:
            raise self.errors[stage]

    async def _tags(self, content: Content, media: Media) -> Content:
        await self._act("metadata")
        return content

    async def _with_captions(self, media: Media, path: str) -> Media:
        return Media(captions=CaptionTrack(path), digest="d2")

    async def _is_intact(self, media: Media) -> bool:
        return self.files_there

    async def _debate(self, transcript: Transcript) -> DebateMap:
        await self._act("debate")
        return cast("DebateMap", self.findings.get("debate", DebateMap()))

    async def _fact_check(self, transcript: Transcript, look_up: LookUp) -> FactChecks:
        await self._act("fact-check")
        [evidence] = await look_up(["The rents of Vienna rose by thirty percent."])
        quote = transcript.cut(0, 0, 0, len(transcript.segments[0].text))
        check = FactCheck(Claim(quote, 0.9), tuple(evidence), not_judged=NotJudged("needs_llm"))
        return FactChecks((check,) if self.evidence else (), considered=len(evidence))

    async def _fallacies(self, transcript: Transcript) -> Fallacies:
        await self._act("fallacies")
        return Fallacies(())

    async def _outline(self, transcript: Transcript) -> Outline:
        await self._act("outline")
        return Outline(9.0, 10, 66.0, transcript.speakers, "en")

    async def _aggregate(self, findings: Findings, content: Content, created_at: str, revision: int) -> Report:
        await self._act("aggregate")
        if "aggregate" in self.findings:
            return cast("Report", self.findings["aggregate"])
        said = findings.transcript
        facts = TranscriptFacts(
            said.origin.value, said.engine, said.language, low_accuracy=False, timed=True,
            segments=len(said.segments), words=said.word_count,
        )  # fmt: skip
        return Report(
            "udib.report/1", content, created_at, revision, facts,
            findings.outline, findings.fact_checks, findings.fallacies, findings.debate, missing=findings.missing,
        )  # fmt: skip


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.database.close()


async def test_an_item_is_analysed_stored_and_announced(bench: Bench) -> None:
    report = (await bench.pipeline().process_video("https://a.example/1", quality="720p")).unwrap()
    assert report.missing == ()
    assert [timing.stage for timing in report.stages][:2] == ["resolve", "download"]
    assert {timing.stage for timing in report.stages} == {
        "resolve", "download", "transcribe", "metadata", "debate", "fact-check", "fallacies", "outline", "aggregate",
        "store", "files", "notice",
    }  # fmt: skip
    assert [place.where for place in report.delivered] == ["files:1", "discord:1"]
    assert await bench.catalogue.report(SCOPE, report.content.id) == report
    answer = (await bench.pipeline().ask("who said that rents rose?")).unwrap()
    assert answer.passages[0].record.text == SAID[0].text


async def test_what_is_added_as_evidence_while_a_report_is_made_came_after_it(bench: Bench) -> None:
    bench.takes = {"fact-check": timedelta(minutes=5)}
    during = (bench.now + timedelta(minutes=3)).isoformat()
    report = (await bench.pipeline().process_video("a")).unwrap()
    assert EvidenceChange(ChangeKind.ADDED, during).is_since(report.created_at)


async def test_the_levels_run_side_by_side(bench: Bench) -> None:
    bench.delays = dict.fromkeys(["debate", "fact-check", "fallacies", "outline"], 0.3)
    bench.delays["metadata"] = bench.transcriber.delay_s = 0.2
    report = (await bench.pipeline().process_video("a")).unwrap()
    spans = {timing.stage: timing for timing in report.stages}
    assert spans["metadata"].start_s < spans["transcribe"].end_s
    analyses = [spans[name] for name in ("debate", "fact-check", "fallacies", "outline")]
    assert max(span.start_s for span in analyses) < min(span.end_s for span in analyses)


@pytest.mark.parametrize("stage", ["debate", "fact-check", "fallacies", "outline", "metadata"])
async def test_a_failing_analysis_is_named_and_spares_its_siblings(bench: Bench, stage: str) -> None:
    bench.errors[stage] = UnavailableError("The model is away.")
    report = (await bench.pipeline().process_video("a")).unwrap()
    assert [(gap.part, gap.reason) for gap in report.missing] == [(stage, "The model is away.")]
    ended = {timing.stage: timing.status for timing in report.stages}
    assert [name for name, status in ended.items() if status is not Status.OK] == [stage]


async def test_an_analysis_that_never_returns_is_given_up(bench: Bench) -> None:
    bench.delays["debate"] = 60.0
    report = (await bench.pipeline(analyse_s=0.1).process_video("a")).unwrap()
    assert [gap.part for gap in report.missing] == ["debate"]
    assert "no result in 0.1 s" in report.missing[0].reason


async def test_a_bug_surfaces_and_stores_nothing(bench: Bench) -> None:
    bench.errors["fallacies"] = ZeroDivisionError()
    with pytest.raises(ExceptionGroup):
        await bench.pipeline().process_video("a")
    assert bench.catalogue.reports == {}


@pytest.mark.parametrize(
    ("error", "status"),
    [(BadRequestError("No such video."), Status.BAD_REQUEST), (UnavailableError("Try later."), Status.RETRYABLE)],
)
async def test_a_failed_download_is_a_result(bench: Bench, error: UdibError, status: Status) -> None:
    bench.source.error = error
    result = await bench.pipeline().process_video("a")
    assert (result.status, result.error) == (status, str(error))
    assert (bench.catalogue.reports, bench.memory.records) == ({}, {})


async def test_nothing_is_announced_unless_it_is_stored(bench: Bench) -> None:
    bench.memory.error = UnavailableError("The store is away.")
    result = await bench.pipeline().process_video("a")
    assert result.status is Status.RETRYABLE
    assert bench.notice.reports == []


async def test_a_failed_notice_undoes_nothing(bench: Bench) -> None:
    bench.notice.error = UnavailableError("Discord is away.")
    report = (await bench.pipeline().process_video("a")).unwrap()
    assert [gap.part for gap in report.missing] == ["notice"]
    assert await bench.catalogue.report(SCOPE, report.content.id) == report


async def test_an_interrupted_run_goes_on_where_it_was(bench: Bench) -> None:
    bench.delays["fallacies"] = 60.0
    task = asyncio.create_task(bench.pipeline().process_video("a"))
    while not any(event.stage == "debate" for event in bench.events):
        await asyncio.sleep(0.02)
        bench.events.extend([Progress("debate", "seen")] if bench.transcriber.heard else [])
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.delays.clear()
    report = (await bench.pipeline().process_video("a")).unwrap()
    assert (bench.source.fetched, bench.transcriber.heard, report.revision) == (1, 1, 1)
    reused = {timing.stage for timing in report.stages if timing.reused}
    assert {"download", "transcribe", "metadata", "debate", "fact-check", "outline"} <= reused


LONG = tuple(Segment(3.0 * n, 3.0 * n + 3, f"Sentence {n} is on rents.", "MAYA") for n in range(6))


async def interrupted(bench: Bench, windows: int) -> None:
    """Let a run hear that many windows of LONG, then end it."""
    before = await kept_parts(bench)
    bench.transcriber.segments, bench.transcriber.stuck_after = LONG, windows
    bench.source.content = replace(bench.source.content, duration_s=18.0)
    task = asyncio.create_task(bench.pipeline().process_video("a"))
    while await kept_parts(bench) < before + windows:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    bench.transcriber.windows_heard, bench.transcriber.stuck_after = 0, None


async def kept_parts(bench: Bench) -> int:
    rows = await bench.database.read(lambda db: db.execute("SELECT count(*) FROM parts").fetchone())
    return int(rows[0])


async def test_a_crash_in_the_middle_of_the_words_costs_one_window(bench: Bench) -> None:
    await interrupted(bench, 4)
    report = (await bench.pipeline().process_video("a")).unwrap()
    assert bench.transcriber.windows_heard == 2
    assert (report.transcript.segments, report.transcript.words) == (6, 30)
    assert await kept_parts(bench) == 0, "the whole is kept now"


async def test_windows_of_another_input_version_or_engine_are_not_used(bench: Bench) -> None:
    await interrupted(bench, 4)
    bench.transcriber.engine = "another"
    await interrupted(bench, 2)
    bench.source.media = replace(bench.source.media, digest="changed")
    bench.files_there = False
    report = (await bench.pipeline().process_video("a")).unwrap()
    assert (bench.transcriber.windows_heard, report.transcript.engine) == (6, "another")


async def test_a_window_that_cannot_be_kept_fails_the_stage(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise UnavailableError("The disk is full.")

    monkeypatch.setattr(SqliteStepStore, "keep_part", full)
    bench.transcriber.segments, bench.transcriber.window_s = LONG, 0.01
    result = await bench.pipeline().process_video("a")
    assert (result.status, result.error) == (Status.RETRYABLE, "The disk is full.")


async def test_a_transcription_that_never_ends_is_given_up(bench: Bench) -> None:
    bench.transcriber.segments, bench.transcriber.stuck_after = LONG, 2
    bench.source.content = replace(bench.source.content, duration_s=18.0)
    result = await bench.pipeline(transcribe_s=0.2).process_video("a")
    assert result.status is Status.RETRYABLE
    assert "'transcribe' gave no result in 0.2 s" in (result.error or "")
    assert await kept_parts(bench) == 2, "the next run goes on behind them"


async def test_a_forgotten_item_leaves_no_window(bench: Bench, tmp_path: Path) -> None:
    await interrupted(bench, 4)
    assert await kept_parts(bench) == 4
    (await bench.pipeline().forget(bench.source.content.id)).unwrap()
    assert await kept_parts(bench) == 0
    await bench.database.close()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"is on rents" not in path.read_bytes(), path


async def test_every_analysis_hears_the_windows_before_the_last_is_there(bench: Bench) -> None:
    bench.transcriber.segments, bench.transcriber.window_s = LONG, 0.01
    bench.source.content = replace(bench.source.content, duration_s=18.0)
    (await bench.pipeline().process_video("a")).unwrap()
    said = [segment.text for segment in LONG]
    assert [reading.heard for reading in bench.readings] == [said[:-1]] * 4


async def test_who_is_slow_to_hear_delays_no_transcript_and_misses_nothing(bench: Bench) -> None:
    bench.transcriber.segments, bench.transcriber.window_s, bench.hear_s = LONG, 0.01, 0.15
    bench.source.content = replace(bench.source.content, duration_s=18.0)
    report = (await bench.pipeline().process_video("a")).unwrap()
    spans = {timing.stage: timing for timing in report.stages}
    assert spans["transcribe"].end_s < spans["debate"].end_s
    assert [reading.heard for reading in bench.readings] == [[segment.text for segment in LONG[:-1]]] * 4


async def test_an_analysis_that_cannot_hear_is_named_and_spares_its_siblings(bench: Bench) -> None:
    bench.deaf["debate"] = UnavailableError("The model is away.")
    report = (await bench.pipeline().process_video("a")).unwrap()
    assert [(gap.part, gap.reason) for gap in report.missing] == [("debate", "The model is away.")]
    assert report.fallacies is not None


async def test_a_bug_in_hearing_surfaces_and_stores_nothing(bench: Bench) -> None:
    bench.deaf["outline"] = ZeroDivisionError()
    bench.transcriber.window_s = 0.01
    with pytest.raises(ExceptionGroup):
        await bench.pipeline().process_video("a")
    assert bench.catalogue.reports == {}


async def test_an_analysis_that_never_hears_out_is_given_up(bench: Bench) -> None:
    bench.hear_s = 60.0
    report = (await bench.pipeline(analyse_s=0.1).process_video("a")).unwrap()
    assert [gap.part for gap in report.missing] == ["debate", "fact-check", "fallacies", "outline"]


async def test_a_new_revision_reuses_the_transcript_only(bench: Bench) -> None:
    await bench.pipeline().process_video("a")
    report = (await bench.pipeline().process_video("a")).unwrap()
    assert report.revision == 2
    assert bench.transcriber.heard == 1
    assert [timing.stage for timing in report.stages if timing.reused] == ["transcribe"]
    bench.source.media = Media(path="talk.ogg", digest="another", reason="sound")
    await bench.pipeline().process_video("a")
    assert bench.transcriber.heard == 2


@pytest.mark.parametrize(
    ("beginning", "fetched", "heard"), [(None, 2, 1), ("analyse", 1, 1), ("transcribe", 1, 2), ("download", 2, 2)]
)
async def test_an_item_is_done_anew_from_where_one_wants(
    bench: Bench, beginning: str | None, fetched: int, heard: int
) -> None:
    await bench.pipeline().process_video("a")
    report = (await bench.pipeline().process_video("a", from_stage=beginning)).unwrap()
    assert (report.revision, bench.source.fetched, bench.transcriber.heard) == (2, fetched, heard)
    bench.files_there = False
    report = (await bench.pipeline().process_video("a", from_stage=beginning)).unwrap()
    assert report.revision == 3
    more = 0 if beginning == "analyse" else 1
    assert bench.source.fetched == fetched + more, "media that are gone are fetched again, unless the words do"


async def test_without_media_and_words_an_item_is_fetched_again(bench: Bench) -> None:
    await bench.pipeline().process_video("a")
    steps = SqliteStepStore(bench.database)
    await steps.keep(1, KeptStep(await kept_name(bench, "transcribe"), None, "0" * 64, reusable=True))
    bench.files_there = False
    report = (await bench.pipeline().process_video("a", from_stage="analyse")).unwrap()
    assert (report.revision, bench.source.fetched, bench.transcriber.heard) == (2, 2, 2)


async def test_an_artifact_that_was_altered_by_hand_is_heard_again(bench: Bench, tmp_path: Path) -> None:
    bench.transcriber.segments = [replace(each, text=each.text + " word" * 8000) for each in bench.transcriber.segments]
    await bench.pipeline().process_video("a")
    [blob] = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    for spoil in (lambda: blob.write_bytes(blob.read_bytes() + b" "), blob.unlink):
        heard = bench.transcriber.heard
        spoil()
        (await bench.pipeline().process_video("a", from_stage="analyse")).unwrap()
        assert bench.transcriber.heard == heard + 1
    (await bench.pipeline().process_video("a", from_stage="analyse")).unwrap()
    assert bench.transcriber.heard == 3, "and then used again"


async def test_sweeping_takes_media_and_leaves_what_a_new_analysis_needs(bench: Bench, tmp_path: Path) -> None:
    await bench.pipeline().process_video("a")
    artifacts = DirectoryArtifactStore(tmp_path / "artifacts")
    (artifacts.folder(SCOPE, bench.source.content.id) / "sound.ogg").write_bytes(b"x" * 1000)
    steps, locks = SqliteStepStore(bench.database), FileLocks(tmp_path / "locks")
    of_tenants = {SCOPE.tenant: Retention(0.0, None)}
    sweeper = Sweeper(steps, locks, artifacts, Retention(None, None), of_tenants)
    async with locks.exclusive(SCOPE, bench.source.content.id):
        assert await sweeper.sweep() == Swept(in_work=1), "what somebody works on is left alone"
    would = await sweeper.sweep(dry_run=True)
    assert await sweeper.sweep() == would == Swept(media=1, media_bytes=1000)
    assert await sweeper.sweep() == Swept()
    bench.files_there = False
    report = (await bench.pipeline().process_video("a", from_stage="analyse")).unwrap()
    assert (report.revision, bench.source.fetched, bench.transcriber.heard) == (2, 1, 1)
    words_too = Sweeper(steps, locks, artifacts, Retention(None, 0.0), {})
    assert (await words_too.sweep()).words == 1
    assert (await bench.pipeline().process_video("a", from_stage="analyse")).unwrap().revision == 3
    assert (bench.source.fetched, bench.transcriber.heard) == (2, 2)


async def test_media_go_with_the_words_that_name_them(bench: Bench, tmp_path: Path) -> None:
    await bench.pipeline().process_video("a")
    artifacts = DirectoryArtifactStore(tmp_path / "artifacts")
    (artifacts.folder(SCOPE, bench.source.content.id) / "sound.ogg").write_bytes(b"x" * 1000)
    sweeper = Sweeper(
        SqliteStepStore(bench.database), FileLocks(tmp_path / "locks"), artifacts, Retention(3600.0, 0.0), {}
    )
    swept = await sweeper.sweep()
    assert (swept.words, swept.media, swept.media_bytes) == (1, 1, 1000)


async def test_sweeping_words_takes_their_artifact_and_a_job_says_what_went(bench: Bench, tmp_path: Path) -> None:
    bench.transcriber.segments = [replace(each, text=each.text + " word" * 8000) for each in bench.transcriber.segments]
    await bench.pipeline().process_video("a")
    steps, locks = SqliteStepStore(bench.database), FileLocks(tmp_path / "locks")
    sweeper = Sweeper(steps, locks, DirectoryArtifactStore(tmp_path / "artifacts"), Retention(None, 0.0), {})
    would = await sweeper.sweep(dry_run=True)
    assert (would.words, would.words_bytes > 32_000) == (1, True)
    told: list[Progress] = []
    job = Job("1", Order(SCOPE, SWEEP, {}), JobState.RUNNING, 0.0)
    assert await sweep_with(sweeper)(job, told.append) == Outcome(Status.OK)
    assert told[0].note == f"{would.words_bytes / 1e6:.1f} MB given up"
    assert [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()] == []
    await bench.database.close()
    outcome = await sweep_with(broken_sweeper(tmp_path))(job, told.append)
    assert (outcome.status, "can" in (outcome.error or "")) == (Status.RETRYABLE, True)


def broken_sweeper(folder: Path) -> Sweeper:
    """One whose journal lies where no file can be."""
    (folder / "no folder").write_text("", encoding="utf-8")
    steps = SqliteStepStore(Database(folder / "no folder" / "journal.db", JOURNAL_SCHEMA))
    return Sweeper(steps, FileLocks(folder), DirectoryArtifactStore(folder), Retention(0.0, None), {})


async def test_what_an_interrupted_run_may_need_is_not_swept(bench: Bench, tmp_path: Path) -> None:
    bench.memory.error = UnavailableError("The store is away.")
    await bench.pipeline().process_video("a")
    artifacts = DirectoryArtifactStore(tmp_path / "artifacts")
    (artifacts.folder(SCOPE, bench.source.content.id) / "sound.ogg").write_bytes(b"x")
    steps, locks = SqliteStepStore(bench.database), FileLocks(tmp_path / "locks")
    assert await Sweeper(steps, locks, artifacts, Retention(0.0, 0.0), {}).sweep() == Swept()


async def kept_name(bench: Bench, stage: str) -> StepName:
    """The name of a stage's kept step."""
    query = "SELECT stage, version, input_hash FROM steps WHERE stage = ?"
    return StepName(*await bench.database.read(lambda db: db.execute(query, (stage,)).fetchone()))


async def test_an_item_is_done_anew_from_no_unknown_place(bench: Bench) -> None:
    result = await bench.pipeline().process_video("a", from_stage="the end")
    assert result.status is Status.BAD_REQUEST
    assert "only from download, transcribe, analyse" in (result.error or "")


async def test_a_copy_under_another_name_is_not_recognised_again(bench: Bench) -> None:
    first = Content(ContentId("file:1"), Platform.FILE, "file:///talk.ogg", "talk", duration_s=9.0)
    bench.source.content, bench.source.media = first, Media(path="/talk.ogg", digest="d1")
    await bench.pipeline().process_video("talk.ogg")
    bench.source.content = replace(first, address="file:///copy.ogg", title="copy")
    bench.source.media = Media(path="/copy.ogg", digest="d1")
    report = (await bench.pipeline().process_video("copy.ogg")).unwrap()
    assert (bench.transcriber.heard, report.revision, report.content.title) == (1, 2, "copy")
    assert [gap.part for gap in report.missing] == ["former title"]


async def test_words_that_are_worse_than_before_are_told(bench: Bench) -> None:
    bench.transcriber.kind = Origin.CAPTIONS
    await bench.pipeline().process_video("a", captions="talk.vtt")
    bench.transcriber.kind = Origin.ASR
    report = (await bench.pipeline().process_video("a")).unwrap()
    assert [gap.part for gap in report.missing] == ["better words"]
    assert "--captions" in report.missing[0].reason


async def test_captions_of_another_recording_are_refused(bench: Bench) -> None:
    bench.transcriber.kind = Origin.CAPTIONS
    bench.transcriber.segments = (*SAID, Segment(4000.0, 4003.0, "And that was the other talk.", "MAYA"))
    result = await bench.pipeline().process_video("a", captions="other.vtt")
    assert result.status is Status.BAD_REQUEST
    assert "belong to another one" in (result.error or "")
    assert (bench.catalogue.reports, bench.memory.records) == ({}, {})


async def test_lost_sound_is_told_also_when_the_transcript_is_reused(bench: Bench) -> None:
    bench.transcriber.missing = (Missing("sound", "12.3 s of the recording could not be decoded"),)
    for _ in range(2):
        report = (await bench.pipeline().process_video("a")).unwrap()
        assert report.missing == bench.transcriber.missing
    assert bench.transcriber.heard == 1


async def test_the_language_that_the_words_own_file_names_goes_before_that_of_the_source(bench: Bench) -> None:
    bench.source.content = replace(bench.source.content, language="en")
    bench.transcriber.written = "de"
    assert (await bench.pipeline().process_video("a")).unwrap().transcript.language == "de"


@pytest.mark.parametrize(("said", "known", "expected"), [("de", "en", "de"), (None, "en", "en"), (None, None, "und")])
async def test_the_language_is_the_sources_or_the_recognisers_or_unknown(
    bench: Bench, said: str | None, known: str | None, expected: str
) -> None:
    bench.source.content = replace(bench.source.content, language=said)
    bench.transcriber.language = known
    report = (await bench.pipeline().process_video("a")).unwrap()
    assert report.transcript.language == expected


async def test_the_same_item_is_not_analysed_twice_at_once(bench: Bench) -> None:
    bench.transcriber.delay_s = 0.5
    async with asyncio.TaskGroup() as group:
        first = group.create_task(bench.pipeline().process_video("a"))
        await asyncio.sleep(0.1)
        second = group.create_task(bench.pipeline().process_video("a"))
    assert first.result().success
    assert second.result().status is Status.RETRYABLE
    assert "another udib process" in (second.result().error or "")


async def test_another_tenant_sees_nothing(bench: Bench) -> None:
    await bench.pipeline().process_video("a")
    other = bench.pipeline(Scope.of("rival", "main"))
    answer = (await other.ask("who said that rents rose?")).unwrap()
    assert (answer.passages, bool(answer.note)) == ((), True)
    report = (await other.process_video("a")).unwrap()
    assert report.revision == 1
    assert bench.transcriber.heard == 2, "a transcript of one tenant serves no other"
    assert report.fact_checks is not None
    assert report.fact_checks.considered == 0, "an item is no evidence for itself, nor a rival's"


async def test_evidence_comes_from_other_items_of_the_scope(bench: Bench) -> None:
    await bench.pipeline().process_video("a")
    bench.source.content = Content(ContentId("web:2"), Platform.WEB, "https://a.example/2", "Another")
    report = (await bench.pipeline().process_video("b")).unwrap()
    assert report.fact_checks is not None
    assert report.fact_checks.considered == 1


async def test_a_resumed_run_looks_whether_its_files_are_still_there(bench: Bench) -> None:
    bench.memory.error = UnavailableError("The store is away.")
    assert (await bench.pipeline().process_video("a")).status is Status.RETRYABLE
    bench.memory.error = None
    bench.files_there = False
    report = (await bench.pipeline().process_video("a")).unwrap()
    assert bench.source.fetched == 2
    assert "download" not in {timing.stage for timing in report.stages if timing.reused}


async def test_an_older_interrupted_run_is_not_resumed_over_a_newer_report(bench: Bench) -> None:
    bench.memory.error = UnavailableError("The store is away.")
    await bench.pipeline().process_video("a", captions="one.vtt")
    bench.memory.error = None
    assert (await bench.pipeline().process_video("a", captions="two.vtt")).unwrap().revision == 2
    assert (await bench.pipeline().process_video("a", captions="one.vtt")).unwrap().revision == 3


class _HalfStored(FakeMemory):
    """A memory whose store goes away after the first record."""

    async def remember(self, scope: Scope, records: Sequence[MemoryRecord]) -> int:
        if self.error is not None:
            records = records[:1]
            self.records |= {(scope, each.kind, each.content_id, each.number): each for each in records}
            raise self.error
        return await super().remember(scope, records)


async def test_what_is_half_stored_is_listed_as_incomplete_can_be_forgotten_and_is_completed(bench: Bench) -> None:
    bench.memory = _HalfStored(error=UnavailableError("The store is away."))
    pipeline = bench.pipeline()
    assert (await pipeline.process_video("a")).status is Status.RETRYABLE
    assert (await pipeline.ask("Did rents rise?")).unwrap().passages, "a part is there"
    [listed] = await bench.catalogue.listing(SCOPE)
    report = await bench.catalogue.report(SCOPE, listed.content.id)
    assert report is not None
    assert [gap.part for gap in report.missing] == ["memory"]
    assert bench.notice.reports == []
    forgotten = (await pipeline.forget(listed.content.id)).unwrap()
    assert dict(forgotten.removed)["memory"] == 1
    assert not (await pipeline.ask("Did rents rise?")).unwrap().passages
    await pipeline.process_video("a")
    bench.memory.error = None
    completed = (await pipeline.process_video("a")).unwrap()
    assert (completed.revision, completed.missing) == (1, ())
    kept = await bench.catalogue.report(SCOPE, listed.content.id)
    assert kept is not None
    assert kept.missing == ()


async def test_a_shorter_transcript_leaves_no_old_words(bench: Bench) -> None:
    await bench.pipeline().process_video("a")
    bench.transcriber.segments = SAID[:1]
    bench.source.media = Media(path="talk.ogg", digest="shorter")
    await bench.pipeline().process_video("a")
    assert [record.text for record in bench.memory.records.values()] == [SAID[0].text]


async def test_a_failed_new_revision_keeps_what_memory_had(bench: Bench) -> None:
    await bench.pipeline().process_video("a")
    bench.memory.error = UnavailableError("The store is away.")
    assert not (await bench.pipeline().process_video("a")).success
    bench.memory.error = None
    assert (await bench.pipeline().ask("who said that rents rose?")).unwrap().passages


async def test_a_journal_that_fails_is_a_failure_of_the_stage(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> str:
        raise UnavailableError("The disk is full.")

    monkeypatch.setattr("udib.pipeline.journal.LARGEST_INLINE", 10)
    monkeypatch.setattr(DirectoryArtifactStore, "put", full)
    result = await bench.pipeline().process_video("a")
    assert (result.status, result.error) == (Status.RETRYABLE, "The disk is full.")


async def test_large_results_go_through_the_artifact_store_and_leave_with_their_run(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("udib.pipeline.journal.LARGEST_INLINE", 10)
    for revision in (1, 2, 3):
        report = (await bench.pipeline().process_video("a")).unwrap()
        assert report.revision == revision
        blobs = [path for path in tmp_path.rglob("blobs/*") if path.is_file()]
        assert len(blobs) == 2, "only what was fetched and the transcript are kept for later revisions"
    assert bench.transcriber.heard == 1
    for blob in blobs:
        blob.write_bytes(b"altered by hand")
    await bench.pipeline().process_video("a")
    assert bench.transcriber.heard == 2


async def test_forgetting_takes_an_items_words_out_of_the_reports_that_cite_it(bench: Bench, tmp_path: Path) -> None:
    first = (await bench.pipeline().process_video("a")).unwrap()
    bench.evidence = True
    bench.source.content = Content(ContentId("web:2"), Platform.WEB, "https://a.example/2", "Another")
    bench.transcriber.segments = (Segment(0.0, 4.0, "Somebody said that percent of rents thing.", "ANN"),)
    bench.source.media = Media(path="other.ogg", digest="other")
    second = (await bench.pipeline().process_video("b")).unwrap()
    assert second.cites(first.content.id) == 1
    forgotten = (await bench.pipeline().forget(first.content.id)).unwrap()
    assert all(count == 0 for _, count in forgotten.left)
    kept = await bench.catalogue.report(SCOPE, second.content.id)
    assert kept is not None
    assert kept.cites(first.content.id) == 0
    assert bench.files.reports[-1] == kept, "its files are written anew"
    await bench.database.close()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"twelve percent" not in path.read_bytes(), path


async def test_a_store_that_cannot_forget_now_does_not_keep_the_others_from_it(bench: Bench) -> None:
    report = (await bench.pipeline().process_video("a")).unwrap()
    bench.memory.error_of_forget = UnavailableError("The disk is full; free some space and try again.")
    refused = await bench.pipeline().forget(report.content.id)
    assert (refused.status, refused.error) == (Status.RETRYABLE, str(bench.memory.error_of_forget))
    assert await bench.database.read(lambda db: db.execute("SELECT count(*) FROM runs").fetchone()) == (0,)
    assert [each.content.id for each in await bench.catalogue.listing(SCOPE)] == [report.content.id], "still listed"
    bench.memory.error_of_forget = None
    assert (await bench.pipeline().forget(report.content.id)).success
    assert await bench.catalogue.listing(SCOPE) == []


async def test_a_run_that_has_looked_an_item_up_does_not_bring_it_back_after_it_was_forgotten(bench: Bench) -> None:
    first = (await bench.pipeline().process_video("a")).unwrap()
    bench.evidence = True
    bench.source.content = Content(ContentId("web:2"), Platform.WEB, "https://a.example/2", "Another")
    bench.transcriber.segments = (Segment(0.0, 4.0, "Somebody said that percent of rents thing.", "ANN"),)
    bench.source.media = Media(path="other.ogg", digest="other")
    bench.delays["aggregate"] = 0.5
    async with asyncio.TaskGroup() as group:
        running = group.create_task(bench.pipeline().process_video("b"))
        await asyncio.sleep(0.3)
        forgotten = (await bench.pipeline().forget(first.content.id)).unwrap()
    second = running.result().unwrap()
    assert second.cites(first.content.id), "it had looked it up before"
    assert all(count == 0 for _, count in forgotten.left)
    kept = await bench.catalogue.report(SCOPE, second.content.id)
    assert kept is not None
    assert kept.cites(first.content.id) == 0
    assert bench.files.reports[-1].cites(first.content.id) == 0


async def test_forgetting_does_not_wait_for_ever(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_PATIENCE_S", 0.1)
    first = (await bench.pipeline().process_video("a")).unwrap()
    bench.source.content = Content(ContentId("web:2"), Platform.WEB, "https://a.example/2", "Another")
    bench.delays["aggregate"] = 0.8
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.pipeline().process_video("b"))
        await asyncio.sleep(0.3)
        refused = await bench.pipeline().forget(first.content.id)
    assert refused.status is Status.RETRYABLE
    assert "wait until they are done, then forget it." in (refused.error or "")
    assert (await bench.pipeline().forget(first.content.id)).success


async def test_files_that_cite_an_item_are_cleaned_before_it_is_unlisted(bench: Bench) -> None:
    first = (await bench.pipeline().process_video("a")).unwrap()
    bench.evidence = True
    bench.source.content = Content(ContentId("web:2"), Platform.WEB, "https://a.example/2", "Another")
    bench.transcriber.segments = (Segment(0.0, 4.0, "Somebody said that percent of rents thing.", "ANN"),)
    bench.source.media = Media(path="other.ogg", digest="other")
    await bench.pipeline().process_video("b")
    bench.files.error = UnavailableError("The disk is full; free some space and try again.")
    assert (await bench.pipeline().forget(first.content.id)).status is Status.RETRYABLE
    bench.files.error = None
    assert (await bench.pipeline().forget(first.content.id)).success, "so that the same command can be repeated"
    assert bench.files.reports[-1].cites(first.content.id) == 0


async def test_an_item_in_work_is_not_forgotten_under_its_feet(bench: Bench) -> None:
    bench.transcriber.delay_s = 0.5
    async with asyncio.TaskGroup() as group:
        running = group.create_task(bench.pipeline().process_video("a"))
        await asyncio.sleep(0.1)
        refused = await bench.pipeline().forget(bench.source.content.id)
    assert refused.status is Status.RETRYABLE
    assert running.result().success


async def test_a_forgotten_item_leaves_no_store_with_a_trace(bench: Bench, tmp_path: Path) -> None:
    report = (await bench.pipeline().process_video("a")).unwrap()
    forgotten = (await bench.pipeline().forget(report.content.id)).unwrap()
    assert all(count == 0 for _, count in forgotten.left)
    assert (bench.memory.records, bench.catalogue.reports) == ({}, {})
    await bench.database.close()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"twelve percent" not in path.read_bytes(), path


@pytest.mark.parametrize(("question", "limit"), [("", 5), ("   ", 5), ("x" * 2001, 5), ("rents", 0), ("rents", 51)])
async def test_a_question_out_of_range_is_a_bad_request(bench: Bench, question: str, limit: int) -> None:
    result = await bench.pipeline().ask(question, limit=limit)
    assert result.status is Status.BAD_REQUEST


@pytest.mark.parametrize("stage", ["download", "transcribe"])
@pytest.mark.parametrize("error", [BadRequestError("Gone."), UnavailableError("Away.")])
async def test_an_item_that_fails_is_listed_unless_nothing_of_it_is_left(
    bench: Bench, tmp_path: Path, stage: str, error: UdibError
) -> None:
    failing = bench.source if stage == "download" else bench.transcriber
    failing.error = error
    assert not (await bench.pipeline().process_video("a")).success
    listed = [(each.content.title, each.state) for each in await bench.catalogue.listing(SCOPE)]
    may_pass = error.status is Status.RETRYABLE
    assert listed == ([("A talk", ListingState.NOT_FINISHED)] if may_pass else [])
    assert any((tmp_path / "artifacts").rglob("media")) == may_pass
    failing.error = None
    assert (await bench.pipeline().process_video("a")).success
    failing.error = BadRequestError("Gone.")
    assert not (await bench.pipeline().process_video("a", quality="720p")).success or stage == "transcribe"
    assert [each.state for each in await bench.catalogue.listing(SCOPE)] == [ListingState.STORED], "the report stays"


async def test_what_cannot_be_kept_is_missing_where_it_is_not_required(bench: Bench) -> None:
    bench.findings["debate"] = object()
    report = (await bench.pipeline().process_video("https://a.example/1")).unwrap()
    [gap] = [each for each in report.missing if each.part == "debate"]
    assert gap.reason.startswith("The stage 'debate' gave something that cannot be kept (TypeError: ")


@pytest.mark.parametrize("value", [object(), {"a": {1, object()}}, "\ud800"])
async def test_what_cannot_be_kept_ends_the_run_where_it_is_required(bench: Bench, value: object) -> None:
    bench.findings["aggregate"] = value
    result = await bench.pipeline().process_video("https://a.example/1")
    assert result.status is Status.FAILED
    assert "The stage 'aggregate' gave something that cannot be kept" in (result.error or "")
    assert "this is a bug of udib, please report it" in (result.error or "")


async def test_a_run_that_takes_too_long_is_stopped_with_a_sentence(bench: Bench) -> None:
    bench.delays["debate"] = 600.0
    services, analyses = bench.pipeline()._services, bench.pipeline()._analyses
    late = ContentPipeline(services, analyses, SCOPE, deadlines=Deadlines(run_s=0.3))
    result = await late.process_video("https://a.example/1")
    assert result.status is Status.RETRYABLE
    assert (result.error or "").startswith("The stage 'run' gave no result in 0.3 s and was stopped; try again")


def gates(resource: str) -> FlowControl:
    return FlowControl({resource: (Limit(1), FakeGateBook(look_s=0.01))})


@pytest.mark.parametrize(
    ("resource", "stage", "waits"),
    [
        (download_from(Platform.WEB), "resolve", True),
        (download_from(Platform.YOUTUBE), "", False),
        (RECOGNITION, "transcribe", True),
    ],
)
async def test_a_stage_waits_for_its_turn_and_says_so(bench: Bench, resource: str, stage: str, waits: bool) -> None:
    bench.gates = gates(resource)
    pipeline = bench.pipeline(analyse_s=0.3)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        async with bench.gates.place(resource, Scope.of("other", "main")):
            run = group.create_task(pipeline.process_video("https://a.example/1", progress=bench.events.append))
            while not run.done() and not [event for event in bench.events if event.state == "waiting"]:
                await asyncio.sleep(0.01)
            assert run.done() is not waits
        assert (await run).success
    told = [event for event in bench.events if event.state == "waiting"]
    assert [(event.stage, event.note) for event in told] == (
        [(stage, f"waiting for its turn ({resource}), 0 before it")] if waits else []
    )


async def test_captions_wait_for_no_recognition(bench: Bench) -> None:
    bench.gates = gates(RECOGNITION)
    bench.transcriber.kind = Origin.CAPTIONS
    async with bench.gates.place(RECOGNITION, Scope.of("other", "main")), asyncio.timeout(20):
        assert (await bench.pipeline().process_video("https://a.example/1")).success


async def test_a_long_recognition_lets_another_tenant_in_between_windows(bench: Bench) -> None:
    bench.gates = gates(RECOGNITION)
    bench.transcriber.segments = [Segment(float(n), n + 1.0, f"Word number {n}.", "A") for n in range(50)]
    heard: list[str] = []

    async def other() -> None:
        async with bench.gates.place(RECOGNITION, Scope.of("other", "main")):
            heard.append("other")

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:

        def listen(event: Progress) -> None:
            if event.stage == "transcribe" and event.state == "progress":
                heard.append("window")
                if len(heard) == 3:
                    group.create_task(other())

        assert (await bench.pipeline().process_video("https://a.example/1", progress=listen)).success
    assert heard.count("window") == 50
    assert 3 <= heard.index("other") <= 5
