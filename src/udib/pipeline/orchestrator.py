"""`ContentPipeline`: one address in, one cited report out.

The levels, each of which starts when the one above is done:

    resolve
    download
    transcribe | metadata
    debate | fact-check | fallacies | outline
    verdicts | reasoned-fallacies | summary | ledger
    aggregate
    store
    files | notice

While one level transcribes, the analyses below it hear each window as it comes, and prepare what they can
(`udib.pipeline.audience`); they are stages of their own level all the same, with the whole transcript.

Stages of one level run at the same time in a `TaskGroup`. A stage's intended failure is a value, so that it never
cancels its siblings; a bug or a cancellation does. Download, transcription, aggregation and storage are required; the
report lives without any other and says what is missing. A notice goes out only for what is stored.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, TypeVar

from udib.core.corrected import with_corrections
from udib.core.errors import BadRequestError, Status, UdibError, UnavailableError
from udib.core.evidence import LookUp
from udib.core.findings import (
    DebateMap,
    FactChecks,
    Fallacies,
    Findings,
    Outline,
    Report,
    StageTiming,
)
from udib.core.gates import FREE, RECOGNITION, Place, download_from
from udib.core.jobs import RunKey
from udib.core.live_chat import ChatActivity
from udib.core.ports import Outbox, ProgressSink, Source
from udib.core.result import StepResult
from udib.core.speech import Missing, Origin, Transcript
from udib.core.tenancy import Scope
from udib.core.types import Answer, Content, ContentId, Delivered, Media, Platform, Progress, Window
from udib.core.vectors import Filters
from udib.pipeline.ask import ask
from udib.pipeline.audience import Audience
from udib.pipeline.by_model import ModelStages, gap_of, with_history
from udib.pipeline.evidence import claims_in, look_up_in
from udib.pipeline.flow_control import places
from udib.pipeline.forget import CitingFiles, Forgotten, forget
from udib.pipeline.gathering import Gathering
from udib.pipeline.journal import Watched
from udib.pipeline.parts import Analyses, Request, Services
from udib.pipeline.records import analysis_records, claim_records, transcript_records
from udib.pipeline.step import Deadlines, Parts, Run, Stage, run_step
from udib.pipeline.windows import HeardWindow, transcribed
from udib.pipeline.words import changes, decisive, uncovered

T = TypeVar("T")

_FOR_GOOD = {Status.BAD_REQUEST, Status.FORBIDDEN}
_CHAT_NOT_GIVEN = "it was not given this time, as it was for the report before; give --chat again"
_NO_SPEAKERS = "the words carry no names of speakers, so shares, clashes and contradictions are not known"


@dataclass(frozen=True, slots=True)
class _Context:
    """What the stages of one run share. `place` gives a stage a place of a resource, when it is its turn."""

    run: Run
    content: Content
    progress: ProgressSink
    before: Report | None
    look_up: LookUp
    audience: Audience
    place: Callable[[str, str], AbstractAsyncContextManager[Place]]
    gathering: Gathering | None
    analyses: Analyses
    chat: str | None


def _nobody_watches(_: Progress) -> None:
    """The default progress sink."""


class ContentPipeline:
    """The pipeline of one scope; see the module's text for its levels."""

    def __init__(
        self,
        services: Services,
        analyses: Analyses,
        scope: Scope,
        *,
        deadlines: Deadlines | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        priority: int = 0,
    ) -> None:
        self.scope = scope
        self._services = services
        self._analyses = analyses
        self._deadlines = deadlines or Deadlines()
        self._now = now
        self._priority = priority

    def in_scope(self, scope: Scope, *, priority: int = 0) -> "ContentPipeline":
        """The same pipeline for another tenant or workspace; what is more urgent goes before what else it waits for."""
        same = partial(ContentPipeline, self._services, self._analyses, deadlines=self._deadlines, now=self._now)
        return same(scope, priority=priority)

    async def process_video(
        self,
        url: str,
        quality: str | None = None,
        *,
        captions: str | None = None,
        from_stage: str | None = None,
        winner: bool = False,
        progress: ProgressSink = _nobody_watches,
    ) -> StepResult[Report]:
        """Fetch, transcribe, analyse, store and deliver one item.

        An interrupted call goes on where it was when it is made again; a finished item is analysed anew as its next
        revision, with its transcript reused.

        Args:
            url: An address that a source accepts, or the path of a media, caption or transcript file.
            quality: Height of the video to keep, such as "720p"; None: no video, only captions or sound.
            captions: Path of a caption file to be used instead of what the address offers.
            from_stage: One of `BEGINNINGS`: from there on all is done anew, what was fetched and heard before is used
                again. None: the address is fetched anew, and the transcript used again if the words are the same.
            winner: Whether a model says who argued better, in a debate of two.
            progress: Told of every stage, on the event loop.

        Returns:
            The report, with `missing` naming the parts that failed; a failure if a required stage failed.
        """
        return await self.process(Request(url, quality, captions, None, from_stage, winner), progress=progress)

    async def process(self, request: Request, *, progress: ProgressSink = _nobody_watches) -> StepResult[Report]:
        """The same for an order with all that can be asked for."""
        return await run_step(self._process(request, progress), name="run", deadline_s=self._deadlines.run_s)

    async def ask(self, question: str, *, limit: int = 5, filters: Filters | None = None) -> StepResult[Answer]:
        """What was said about a question; see `udib.pipeline.ask.ask`."""
        work = ask(self._services.memory, self.scope, question, limit=limit, filters=filters)
        return await run_step(work, name="ask", deadline_s=self._deadlines.analyse_s)

    async def forget(self, content_id: ContentId) -> StepResult[Forgotten]:
        """Remove a content from every store; see `udib.pipeline.forget.forget`."""
        work = self._forget(content_id)
        return await run_step(work, name="forget", deadline_s=self._deadlines.store_s)

    async def _forget(self, content_id: ContentId) -> Forgotten:
        """Forget a content, also in the report files of the items that cite it."""
        services, scope = self._services, self.scope
        *others, catalogue = services.forgettable
        citing = CitingFiles(services.catalogue, services.files)
        async with services.journal.exclusive(scope, content_id), services.journal.uncited(scope):
            return await forget([*others, citing, catalogue], scope, content_id)

    async def retell(self, content_id: ContentId) -> Report:
        """Write the files of the newest report anew, with what its readers corrected; returns that report.

        Raises:
            BadRequestError: There is no report on the content.
            UnavailableError: The files cannot be written.
        """
        report = await self._services.catalogue.report(self.scope, content_id)
        if report is None:
            raise BadRequestError(f"There is no report on {content_id}; analyze it first.")
        await self._services.files.deliver(self.scope, report, "")
        return report

    def source_of(self, address: str) -> Source:
        """The source that takes an address.

        Raises:
            BadRequestError: None does.
        """
        for source in self._services.sources:
            if source.accepts(address):
                return source
        raise BadRequestError(f"{address!r} is neither a file nor an http(s) address; give one of the two.")

    async def _process(self, request: Request, progress: ProgressSink) -> Report:
        began = time.perf_counter()
        fresh = request.fresh
        analyses = self._analyses.with_winner() if request.winner else self._analyses
        source = self.source_of(request.address)
        progress(Progress("resolve", "started"))
        place = places(self._services.gates, self.scope, self._priority, progress)
        async with place("resolve", download_from(Platform.of(request.address))):
            content = await source.describe(request.address)
        progress(Progress("resolve", Status.OK.value, note=content.title, content_id=content.id))
        key = RunKey(self.scope, content.id, request.key)
        following = partial(self._services.catalogue.next_revision, self.scope, content.id)
        watched = Watched(progress, began)
        async with self._services.journal.run(key, next_revision=following, fresh=fresh, watched=watched) as run:
            run.note(StageTiming("resolve", 0.0, round(time.perf_counter() - began, 4), Status.OK))
            before = await self._services.catalogue.report(self.scope, content.id)
            new = await self._services.catalogue.enter(self.scope, content)
            look_up = look_up_in(self._services.memory, self.scope, without=content.id)
            gathering = None
            if (elsewhere := self._services.elsewhere) is not None:
                gathering = Gathering(look_up, elsewhere, self.scope, content)
                look_up = gathering.look_up
            claims = claims_in(self._services.memory, self.scope, without=content.id)
            audience = Audience.of(analyses, self.scope, look_up, claims)
            try:
                async with audience.listening():
                    context = _Context(
                        run, content, progress, before, look_up, audience, place, gathering, analyses, request.chat
                    )
                    return await self._run_pipeline(context, source, request)
            except UdibError as exc:
                if new and exc.status in _FOR_GOOD and not run.did("transcribe"):
                    await self._take_back(content.id)
                raise

    async def _take_back(self, content_id: ContentId) -> None:
        """Leave nothing of an item that no repetition can bring to its words; what cannot go now stays listed."""
        with suppress(UnavailableError):
            await self._services.artifacts.forget(self.scope, content_id)
            await self._services.catalogue.withdraw(self.scope, content_id)

    async def _run_pipeline(self, ctx: _Context, source: Source, request: Request) -> Report:
        """The levels, top to bottom. `unwrap` ends the run where a stage is required."""
        limits = self._deadlines
        listen = partial(self._transcribe_stage, ctx)
        transcribe = Stage(
            "transcribe",
            listen,
            Transcript,
            limits.transcribe_s,
            version=3,
            reusable=True,
            key=decisive,
            part=HeardWindow,
        )

        async def serves(media: Media) -> bool:
            """Whether what was fetched is there, or not needed: its words are kept, and only they are asked for."""
            words_do = request.from_stage == "analyse"
            return await self._services.is_intact(media) or (words_do and await ctx.run.keeps(transcribe, media))

        fetch = partial(self._download_stage, ctx, source)
        download = Stage("download", fetch, Media, limits.download_s, reusable=True, intact=serves, small=True)
        media = (await ctx.run.step(download, request.quality, request.captions)).unwrap()

        # Both read what was downloaded, and neither needs the other.
        metadata = Stage("metadata", partial(self._extract_metadata, ctx), Content, limits.analyse_s, small=True)
        async with asyncio.TaskGroup() as level:
            words = level.create_task(ctx.run.step(transcribe, media))
            tags = level.create_task(ctx.run.step(metadata, media))
        transcript = words.result().unwrap()
        content = tags.result().value or ctx.content
        # From the first look into memory until the report is out, nothing that it may cite is forgotten.
        async with self._services.journal.citing(self.scope):
            return await self._conclude(ctx, transcript, content, gap_of("metadata", tags.result()))

    async def _conclude(
        self, ctx: _Context, transcript: Transcript, content: Content, gaps: tuple[Missing, ...]
    ) -> Report:
        """The levels below the transcript; `gaps` are the parts that are missing already."""
        limits = self._deadlines
        began = self._now()  # of this moment the report is: what is added as evidence while it is made may not be in it
        findings = await self._analyse(ctx, transcript, content, began)
        changed = changes(ctx.before, content, transcript, revision=ctx.run.revision)
        findings = replace(findings, missing=(*findings.missing, *transcript.missing, *changed, *gaps))

        aggregate = Stage("aggregate", partial(self._aggregate_analysis, ctx, began), Report, limits.analyse_s)
        report = (await ctx.run.step(aggregate, findings, content)).unwrap()

        # Required, and before any notice: what is announced can be looked up and asked about.
        store = Stage("store", partial(self._storage_stage, ctx), int, limits.store_s, version=2)
        waiting = (await ctx.run.step(store, report, transcript)).unwrap()
        if waiting:
            report = replace(report, missing=(*report.missing, Missing("memory", _WAITING.format(waiting))))
        return await self._announce(ctx, report, transcript)

    async def _download_stage(self, ctx: _Context, source: Source, quality: str | None, captions: str | None) -> Media:
        """The cheapest artefact that has the words; a caption file given by the user is cheaper than any."""
        if captions is not None and quality is None and ctx.content.url is not None:
            return await self._services.with_captions(Media(), captions)
        folder = await asyncio.to_thread(self._services.artifacts.folder, self.scope, ctx.content.id)
        async with ctx.place("download", download_from(ctx.content.platform)):
            media = await source.fetch(ctx.content, folder, quality=quality)
        return media if captions is None else await self._services.with_captions(media, captions)

    async def _transcribe_stage(self, ctx: _Context, media: Media, parts: Parts[HeardWindow]) -> Transcript:
        """Captions if there are any, else recognition; the first transcriber that takes the media does it."""
        transcriber = next((each for each in self._services.transcribers if each.accepts(media)), None)
        if transcriber is None:
            raise BadRequestError(f"{ctx.content.title!r} has neither captions nor sound that could be transcribed.")
        resource = RECOGNITION if transcriber.origin(media) is Origin.ASR else FREE
        async with ctx.place("transcribe", resource) as place:

            async def heard(window: Window) -> None:
                if window.goes_on:  # else what is found in the whole item follows at once
                    ctx.audience.tell(window.segments)
                ctx.progress(Progress("transcribe", "progress", window.done_s, window.total_s))
                await place.give_way()

            transcript = await transcribed(transcriber, media, parts, heard, language=ctx.content.language)
        if not transcript.segments:
            raise BadRequestError(f"No words were found in {ctx.content.title!r}.")
        gaps = uncovered(transcript, ctx.content.duration_s)
        return replace(transcript, missing=(*transcript.missing, *gaps))

    async def _extract_metadata(self, ctx: _Context, media: Media) -> Content:
        """Title, author, date and duration from the media's own tags, where the source gave none.

        Where the media is gone, what the report before knew still holds.
        """
        content = await self._services.read_tags(ctx.content, media)
        known = content if ctx.before is None else ctx.before.content
        return replace(
            content,
            author=content.author or known.author,
            published_at=content.published_at or known.published_at,
            duration_s=content.duration_s or known.duration_s,
        )

    async def _analyse(self, ctx: _Context, transcript: Transcript, content: Content, now: datetime) -> Findings:
        """The analyses side by side, none of which can disturb another; then what models make of them."""
        limit = self._deadlines.analyse_s
        run = ctx.run
        async with asyncio.TaskGroup() as level:
            debate = level.create_task(
                run.step(Stage("debate", partial(self._debate_analysis, ctx), DebateMap, limit), transcript)
            )
            fact = level.create_task(
                run.step(Stage("fact-check", partial(self._fact_check_analysis, ctx), FactChecks, limit), transcript)
            )
            fallacy = level.create_task(
                run.step(Stage("fallacies", partial(self._fallacy_detection, ctx), Fallacies, limit), transcript)
            )
            outline = level.create_task(
                run.step(Stage("outline", partial(self._outline, ctx), Outline, limit), transcript)
            )
            chat = level.create_task(self._chat(ctx, transcript))
        found = Findings(
            transcript,
            outline.result().value,
            debate.result().value,
            fact.result().value,
            fallacy.result().value,
            missing=(
                *gap_of("debate", debate.result()),
                *gap_of("fact-check", fact.result()),
                *gap_of("fallacies", fallacy.result()),
                *gap_of("outline", outline.result()),
                *(() if transcript.speakers else (Missing("who said what", _NO_SPEAKERS),)),
                *chat.result()[1],
            ),
            chat=chat.result()[0],
        )
        summary = ctx.audience.summary
        models = ModelStages(run, ctx.analyses, summary.find if summary else None, self.scope, limit)
        return await models.asked(found, content, now, ctx.look_up)

    async def _debate_analysis(self, ctx: _Context, transcript: Transcript) -> DebateMap:
        return await ctx.audience.debate.find(transcript)

    async def _fact_check_analysis(self, ctx: _Context, transcript: Transcript) -> FactChecks:
        """Claims, each with what is found about it; an item is never evidence for itself."""
        found = await ctx.audience.fact_check.find(transcript)
        gaps = () if ctx.gathering is None else ctx.gathering.missing
        return replace(found, missing=(*found.missing, *gaps)) if gaps else found

    async def _fallacy_detection(self, ctx: _Context, transcript: Transcript) -> Fallacies:
        return await ctx.audience.fallacies.find(transcript)

    async def _outline(self, ctx: _Context, transcript: Transcript) -> Outline:
        return await ctx.audience.outline.find(transcript)

    async def _chat(self, ctx: _Context, transcript: Transcript) -> tuple[ChatActivity | None, tuple[Missing, ...]]:
        """What the audience wrote, where somebody gave its chat; an earlier report's is not silently left out."""
        read = ctx.analyses.chat
        if ctx.chat is None or read is None:
            had = ctx.before is not None and ctx.before.chat is not None
            return None, (Missing("chat", _CHAT_NOT_GIVEN),) if had else ()
        result = await ctx.run.step(Stage("chat", read, ChatActivity, self._deadlines.analyse_s), transcript, ctx.chat)
        return result.value, gap_of("chat", result)

    async def _aggregate_analysis(self, ctx: _Context, began: datetime, findings: Findings, content: Content) -> Report:
        """One report of all findings, every quote of which is looked up in the transcript once more."""
        created_at = began.astimezone(UTC).isoformat(timespec="seconds")
        report = await self._analyses.aggregate(findings, content, created_at, ctx.run.revision)
        return with_history(report, ctx.before)

    async def _storage_stage(self, ctx: _Context, report: Report, transcript: Transcript) -> int:
        """The memory, then the report as it is. Returns how many records wait to be stored.

        The item is listed, as incomplete, before its first record is there: whatever can be asked about can be
        forgotten, also when the store goes away half way.
        """
        content = report.content
        records = [
            *transcript_records(content, transcript),
            *claim_records(content, report.fact_checks),
            *analysis_records(content, report),
        ]
        save = partial(self._services.catalogue.save, self.scope)
        await save(replace(report, stages=ctx.run.timings).not_remembered())
        stored = await self._services.memory.remember(self.scope, records)
        await save(replace(report, stages=ctx.run.timings))
        return len(records) - stored

    async def _announce(self, ctx: _Context, report: Report, transcript: Transcript) -> Report:
        """Report files and notices, none of which can undo what is stored. The catalogue gets the final report."""
        report = replace(report, stages=ctx.run.timings)
        # The catalogue keeps the report as it was made; what is told has what readers corrected in earlier revisions.
        corrections = await self._services.catalogue.corrections(self.scope, report.content.id)
        told = with_corrections(report, corrections)
        limit = self._deadlines.notify_s
        captions = await asyncio.to_thread(self._analyses.to_captions, transcript)
        files = Stage("files", partial(self._deliver, self._services.files, captions), tuple[Delivered, ...], limit)
        notice = Stage("notice", partial(self._send_discord_notification, captions), tuple[Delivered, ...], limit)
        async with asyncio.TaskGroup() as level:
            sent = [level.create_task(ctx.run.step(files, told))]
            if self._services.notices:
                sent.append(level.create_task(ctx.run.step(notice, told)))
        results = [task.result() for task in sent]
        report = replace(
            report,
            stages=ctx.run.timings,
            delivered=tuple(place for result in results for place in result.value or ()),
            missing=(
                *report.missing,
                *(gap for name, r in zip(("files", "notice"), results, strict=False) for gap in gap_of(name, r)),
            ),
        )
        await self._services.catalogue.save(self.scope, report)
        return with_corrections(report, corrections)

    async def _deliver(self, outbox: Outbox, captions: str, report: Report) -> tuple[Delivered, ...]:
        return tuple(await outbox.deliver(self.scope, report, captions))

    async def _send_discord_notification(self, captions: str, report: Report) -> tuple[Delivered, ...]:
        """The notice in every channel that the settings name."""
        return tuple(
            [place for outbox in self._services.notices for place in await self._deliver(outbox, captions, report)]
        )


_WAITING: Final = "the server cannot be reached; {} records wait on this machine's disk and are found when it is back."
