"""What `udib jobs` and `udib worker` do."""

import gc
import sys
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from udib.app import present
from udib.app.bootstrap import App
from udib.app.commands import EXIT_CODES, Options, opened
from udib.app.progress import showing_progress
from udib.core.errors import BadRequestError, Status, error_for
from udib.core.findings import Report
from udib.core.jobs import Job, JobEvent, JobState, Order, Outcome
from udib.core.ports import ProgressSink
from udib.delivery.text import clean, visible
from udib.pipeline.engine import Load, Work, fork
from udib.pipeline.flows import ANALYZE
from udib.pipeline.parts import BEGINNINGS
from udib.pipeline.sweep import SWEEP, SWEEP_EVERY_S
from udib.pipeline.watching import WATCH

_OPEN = frozenset({JobState.WAITING, JobState.RUNNING, JobState.FAILED})
_MOST_EVENTS = 40


async def list_jobs(options: Options, *, everything: bool, limit: int) -> int:
    """Print what was ordered."""
    if not 1 <= limit <= 10_000:
        raise BadRequestError(f"The number of jobs must be 1 to 10,000, not {limit}.")
    async with opened(options) as app:
        # Of looks at what is watched there would be more than of all others; `udib watch list` says how they ended.
        states, without = (frozenset(JobState), {WATCH}) if everything else (_OPEN, frozenset[str]())
        found = await app.jobs.jobs(app.scope, states=states, without=without, limit=limit)
        present.emit([_document(job) for job in found], _listing(found, app, everything), as_json=options.json)
        return 0


async def show(reference: str, options: Options, *, follow: bool) -> int:
    """Print one job, at once or when it has ended; then its exit code is that of its failure."""
    async with opened(options) as app:
        job = await app.jobs.find(app.scope, reference)
        if follow:
            job = await _followed(app, job, options)
        events = [event async for event in app.jobs.events(job, follow=False)]
        told = [
            {"at": _when(event.at), "stage": event.progress.stage, "state": event.progress.state}
            | ({"note": event.progress.note} if event.progress.note else {})
            for event in events
        ]
        present.emit(_document(job) | {"told": told}, _job_text(job, events), as_json=options.json)
        failed = follow and job.state is JobState.FAILED
        return EXIT_CODES[job.outcome.status if job.outcome else Status.FAILED] if failed else 0


async def _followed(app: App, job: Job, options: Options) -> Job:
    """A job when it has ended. What it tells meanwhile, whoever does it, is shown on standard error."""
    if job.state is JobState.WAITING and not options.quiet:
        _say(f"job {job.id} waits for a running `udib worker`")
    with showing_progress(quiet=options.quiet) as progress:
        async for event in app.jobs.events(job):
            progress(event.progress)
    return await app.jobs.find(app.scope, job.id)


async def cancel(reference: str, options: Options) -> int:
    """End a job."""
    async with opened(options) as app:
        job = await app.jobs.cancel(await app.jobs.find(app.scope, reference))
        if job.state is not JobState.RUNNING:
            return told(job, options)
        text = f"Job {job.id} was told to stop; `udib jobs show {job.id} --follow` returns when it has."
        present.emit(_document(job), Text(text, overflow="fold"), as_json=options.json)
        return 0


async def resume(reference: str, options: Options) -> int:
    """Let a cancelled job go on."""
    return await _again(reference, JobState.CANCELLED, options)


async def retry(reference: str, options: Options) -> int:
    """Try a failed job again."""
    return await _again(reference, JobState.FAILED, options)


async def fork_from(reference: str, stage: str, options: Options) -> int:
    """Do once more what a job was for, from some stage on."""
    if stage not in BEGINNINGS:
        raise BadRequestError(f"A job cannot be forked from {stage!r}, only from {', '.join(BEGINNINGS)}.")
    async with opened(options) as app:
        job = await app.jobs.find(app.scope, reference)
        if job.order.flow != ANALYZE:  # a second look at a watch, beside the first, would order the same items
            raise BadRequestError(f"The job {job.id} is no analysis ({_what(job)}); only an analysis can be forked.")
        return told(await fork(app.jobs, job, stage), options)


async def sweep(options: Options, *, dry_run: bool) -> int:
    """Give up what is kept too long, or say what would go."""
    async with opened(options) as app:
        swept = await app.sweeper.sweep(dry_run=dry_run)
        verb = "would be" if dry_run else "were"
        lines = [
            f"Media of {swept.media} items ({swept.media_bytes / 1e6:.1f} MB) and the words of {swept.words} "
            f"({swept.words_bytes / 1e6:.1f} MB) {verb} given up."
        ]
        if app.sweeper.shortest_s is None:
            lines.append("The settings (storage.keep) keep all until it is forgotten.")
        if swept.in_work:
            lines.append(f"{swept.in_work} items were left alone, for they are in work or could not be locked.")
        document = {"schema": "udib.swept/1", "dry_run": dry_run, **asdict(swept)}
        present.emit(document, Text(" ".join(lines), overflow="fold"), as_json=options.json)
        return 0


def keep_loaded() -> None:
    """Let the collector pass over all that is loaded by now: looking at it again and again took a fifth of each run."""
    gc.collect()
    gc.freeze()


async def work(options: Options) -> int:
    """Do jobs until interrupted."""
    async with opened(options) as app:
        wanted = app.settings.engine
        load = Load(wanted.jobs, min(wanted.of_one_tenant, wanted.jobs))
        flows = {name: flow if options.quiet else _announced(flow) for name, flow in app.flows.items()}
        if not options.quiet:
            place = "the fleet" if wanted.kind == "dbos" else str(app.settings.data_path)
            _say(f"serving {place}: up to {load.jobs} jobs at a time")
        if app.sweeper.shortest_s is None:
            await app.jobs.never(SWEEP)
        else:
            await app.jobs.every(SWEEP, SWEEP_EVERY_S, Order(app.scope, SWEEP, {}, attempts=3))
        keep_loaded()
        await app.jobs.serve(flows, load)
        return 0


def told(job: Job, options: Options) -> int:
    """Say where a job stands, and how to hear more."""
    then = {
        JobState.WAITING: f"; a running `udib worker` does it, `udib jobs show {job.id} --follow` says how far it is",
        JobState.RUNNING: f"; `udib jobs show {job.id} --follow` says how far it is",
        JobState.CANCELLED: f"; `udib jobs resume {job.id}` lets it go on",
    }
    text = Text(f"Job {job.id} is {job.state.value}{then.get(job.state, '')}.", overflow="fold")
    present.emit(_document(job), text, as_json=options.json)
    return 0


async def report_of(app: App, job: Job) -> Report:
    """The report that a job made.

    Raises:
        UdibError: It made none, for the reason that it gave.
    """
    outcome = job.outcome or Outcome(Status.FAILED, f"The job {job.id} left no result.")
    if outcome.status is not Status.OK or outcome.content_id is None:
        raise error_for(outcome.status, outcome.error or f"The job {job.id} is {job.state.value}.")
    report = await app.catalogue.report(app.scope, outcome.content_id)
    if report is None:
        raise BadRequestError("The item was forgotten while it was analysed.")
    return report


async def _again(reference: str, state: JobState, options: Options) -> int:
    async with opened(options) as app:
        job = await app.jobs.find(app.scope, reference)
        if job.state is not state:
            raise BadRequestError(f"The job {job.id} is {job.state.value}, not {state.value}; {_ways_on(job)}.")
        return told(await app.jobs.again(job), options)


def _announced(flow: Work) -> Work:
    """A flow whose jobs are told on standard error, a line when one begins and one when it ends."""

    async def announced(job: Job, tell: ProgressSink) -> Outcome:
        about = f"job {job.id} ({job.order.scope.tenant}): {_what(job)}"
        _say(f"{about}: begun")
        outcome = await flow(job, tell)
        _say(f"{about}: {outcome.error or 'done'}")
        return outcome

    return announced


def _what(job: Job) -> str:
    """What a job is about: the address of an item, the watch that it looks at, or what is done from time to time."""
    about = job.order.payload
    if "watch" in about:
        return f"watch {about['watch']}"
    return str(about.get("address", job.order.flow))


def _say(line: str) -> None:
    sys.stderr.write(clean(line) + "\n")


def _ways_on(job: Job) -> str:
    match job.state:
        case JobState.FAILED:
            return f"`udib jobs retry {job.id}` tries it again"
        case JobState.CANCELLED:
            return f"`udib jobs resume {job.id}` lets it go on"
        case JobState.DONE:
            return f"`udib jobs fork {job.id}` does it once more"
        case _:
            return f"`udib jobs cancel {job.id}` ends it"


def _document(job: Job) -> dict[str, object]:
    outcome = job.outcome
    return {
        "schema": "udib.job/1",
        "id": job.id,
        "flow": job.order.flow,
        **{name: value for name, value in job.order.payload.items() if value is not None},
        "state": job.state.value,
        "attempt": job.attempt,
        "attempts": job.order.attempts,
        "submitted_at": _when(job.submitted_at),
        "started_at": _when(job.started_at),
        "ended_at": _when(job.ended_at),
        "content_id": outcome.content_id if outcome else None,
        "error": outcome.error if outcome else None,
    }


def _when(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _listing(jobs: list[Job], app: App, everything: bool) -> RenderableType:
    if not jobs:
        others = "" if everything else "; --all shows what is done too"
        return Text(visible(f"Nothing waits or has failed in {app.scope}{others}."))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("job", "state", "what", "since (UTC)"):
        table.add_column(name, overflow="fold", no_wrap=name != "what")
    for job in jobs:
        since = _when(job.ended_at or job.started_at or job.submitted_at) or ""
        what = Text(visible(_what(job)), overflow="fold")
        table.add_row(job.id, job.state.value, what, since[:19].replace("T", " "))
    failed = [job for job in jobs if job.state is JobState.FAILED]
    return Group(table, *(Text("\n" + visible(f"{job.id}: {_reason(job)}"), overflow="fold") for job in failed))


def _reason(job: Job) -> str:
    reason = (job.outcome.error if job.outcome else None) or "no reason was given"
    return f"{reason} {_ways_on(job)}."


def _job_text(job: Job, events: list[JobEvent]) -> RenderableType:
    head = f"Job {job.id} is {job.state.value}: {job.order.flow} {_what(job)}"
    if job.outcome and job.outcome.content_id:
        head += f" ({job.outcome.content_id})"
    lines = [Text(visible(head), overflow="fold")]
    for event in events[-_MOST_EVENTS:]:
        at = datetime.fromtimestamp(event.at, UTC).strftime("%H:%M:%S")
        said = event.progress
        done = f" {said.done:.0f} of {said.total:.0f} s" if said.total else ""
        note = f": {said.note}" if said.note else ""
        lines.append(Text(visible(f"  {at}  {said.stage}: {said.state}{done}{note}"), overflow="fold"))
    end = _reason(job) if job.state is JobState.FAILED else f"{_ways_on(job)}."
    return Group(*lines, Text(visible(end), overflow="fold"))
