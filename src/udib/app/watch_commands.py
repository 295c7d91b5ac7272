"""What `udib watch` does."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from udib.app import present
from udib.app.bootstrap import App
from udib.app.commands import EXIT_CODES, Options, opened
from udib.app.progress import showing_progress
from udib.core.errors import BadRequestError, Status, UdibError
from udib.core.jobs import Job, JobState
from udib.core.ports import ProgressSink
from udib.core.watches import Watch
from udib.delivery.text import visible
from udib.pipeline.watching import Ended

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_NAMES: Final = {"s": "s", "m": "min", "h": "h", "d": "d"}
_EVERY: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*([smhd])", re.ASCII)
_MOST_FAILED: Final = 5


async def add(address: str, since: str | None, every: str, options: Options) -> int:
    """Begin to watch something, and print what was found there."""
    wanted_since = None if since is None else _moment(since)
    every_s = _seconds(every)
    async with opened(options) as app:
        watch, is_new = await app.watching.add(app.scope, address, since=wanted_since, every_s=every_s)
        head = "Watching" if is_new else "Already watched, and left as it is:"
        lines = [f"{head} {watch.title} ({watch.id}), {_rhythm(watch.every_s)}, what is published since {_day(watch)}."]
        if not is_new and (wanted_since not in {None, watch.since} or every_s != watch.every_s):
            lines.append(f"To change that, `udib watch remove {watch.id}` first.")
        if is_new:
            lines.append(_first_look(watch))
        document = _document(watch, Ended()) | {"added": is_new}
        text = Group(*(Text(visible(line), overflow="fold") for line in lines))
        present.emit(document, text, as_json=options.json)
        return 0


async def list_watches(options: Options) -> int:
    """Print what is watched."""
    async with opened(options) as app:
        return await _told(app, await app.watching.listing(app.scope), options)


async def remove(reference: str, options: Options) -> int:
    """Watch something no longer."""
    async with opened(options) as app:
        watch = await app.watching.find(app.scope, reference)
        await app.watching.remove(app.scope, watch)
        text = Text(visible(f"{watch.title} ({watch.id}) is watched no longer; what was analysed stays."))
        present.emit(_document(watch, Ended()) | {"removed": True}, text, as_json=options.json)
        return 0


async def look(reference: str | None, options: Options) -> int:
    """Look at one or all, have what is new analysed, and print how it went."""
    async with opened(options) as app:
        watching = app.watching
        wanted = await watching.listing(app.scope)
        if reference is not None:
            wanted = [await watching.find(app.scope, reference)]
        codes = [0]
        looked = []
        with showing_progress(quiet=options.quiet) as progress:
            for watch in wanted:
                found = await watching.look_now(app.scope, watch, progress)
                codes += [EXIT_CODES[found.state.status], *await _attended(app, found, progress)]
                looked.append(found)
        await _told(app, looked, options)
        return next((code for code in codes if code), 0)


async def _attended(app: App, watch: Watch, progress: ProgressSink) -> list[int]:
    """Wait for the items of a watch that are not analysed yet; the exit codes of those that failed."""
    ended = (await app.watching.ended(app.scope, [watch]))[watch.id]
    codes = []
    for job in reversed(ended.open):
        try:
            job = await app.jobs.attend(job, app.flow(job.order.flow), progress)  # noqa: PLW2901 - the same job, later
        except UdibError as exc:  # it was forgotten, or its store is away
            codes.append(EXIT_CODES[exc.status])
            continue
        if job.state is JobState.FAILED:
            codes.append(EXIT_CODES[Status.FAILED])
    return codes


async def _told(app: App, watches: Sequence[Watch], options: Options) -> int:
    ended = await app.watching.ended(app.scope, watches) if watches else {}
    documents = [_document(watch, ended[watch.id]) for watch in watches]
    if watches:
        text = _listing(watches, ended)
    else:
        text = Text(visible(f"Nothing is watched in {app.scope}; `udib watch add ADDRESS` begins."))
    present.emit(documents, text, as_json=options.json)
    return 0


def _moment(text: str) -> float:
    """Seconds since 1970 of a date or time; without a zone it is UTC.

    Raises:
        BadRequestError: It is none.
    """
    try:
        given = datetime.fromisoformat(text.strip())
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as exc:
        raise BadRequestError(f"--since {text!r} is no date; write it as 2026-01-31 or 2026-01-31T18:00.") from exc


def _seconds(text: str) -> float:
    """Seconds of a length of time.

    Raises:
        BadRequestError: It is none.
    """
    found = _EVERY.fullmatch(text.strip().lower())
    if found is None:
        raise BadRequestError(f"--every {text!r} is no length of time; write it as 15m, 2h or 1d.")
    return float(found[1]) * _UNITS[found[2]]


def _rhythm(seconds: float) -> str:
    unit = next((unit for unit in "dhm" if seconds % _UNITS[unit] == 0), "s")
    return f"every {seconds / _UNITS[unit]:g} {_NAMES[unit]}"


def _day(watch: Watch) -> str:
    at = datetime.fromtimestamp(watch.since, UTC)
    return f"{at:%Y-%m-%d}" if at.time().isoformat() == "00:00:00" else f"{at:%Y-%m-%d %H:%M} UTC"


def _first_look(watch: Watch) -> str:
    waiting = len(watch.state.waiting)
    if not watch.state.seen:
        return "It has no items that can be fetched yet."
    if not waiting:
        return "Nothing there is that new; what comes is analysed by a running `udib worker`, or by `udib watch run`."
    return (
        f"{_items(waiting)} of that time: a running `udib worker` analyses them, or `udib watch run {watch.id}` here."
    )


def _items(count: int) -> str:
    return "1 item is" if count == 1 else f"{count} items are"


def _listing(watches: Sequence[Watch], ended: dict[str, Ended]) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("watch", "title", "how often", "last look (UTC)", "done", "open", "failed"):
        table.add_column(name, overflow="fold", no_wrap=name != "title")
    lines = []
    for watch in watches:
        of = ended[watch.id]
        at = (_when(watch.state.looked_at) or "")[:16].replace("T", " ")
        counts = (of.done, len(of.open) + len(watch.state.waiting), len(of.failed))
        title = Text(visible(watch.title), overflow="fold")
        table.add_row(watch.id, title, _rhythm(watch.every_s), at, *map(str, counts))
        lines += [f"{watch.id}: {line}" for line in _troubles(watch, of)]
    return Group(table, *(Text("\n" + visible(line), overflow="fold") for line in lines))


def _troubles(watch: Watch, ended: Ended) -> list[str]:
    """What one should know of a watch, in a sentence each."""
    state, lines = watch.state, []
    if state.error is not None:
        again = f"; it is looked at again from {_when(watch.next_at)}" if watch.next_at else ""
        times = "The last look failed" if state.failures == 1 else f"The last {state.failures} looks failed"
        lines.append(f"{times}: {state.error.rstrip('.')}{again}. `udib watch run {watch.id}` looks now.")
    if state.waiting:
        lines.append(f"{_items(len(state.waiting))} new and not ordered yet; each look orders some, the newest first.")
    lines += [
        f"{job.order.payload.get('address')}: {_reason(job)} `udib jobs retry {job.id}` tries it again."
        for job in ended.failed[:_MOST_FAILED]
    ]
    if len(ended.failed) > _MOST_FAILED:
        lines.append(f"{len(ended.failed) - _MOST_FAILED} more failed; `udib jobs list` shows them.")
    return lines


def _reason(job: Job) -> str:
    return (job.outcome.error if job.outcome else None) or "no reason was given."


def _document(watch: Watch, ended: Ended) -> dict[str, object]:
    state = watch.state
    return {
        "schema": "udib.watch/1",
        "id": watch.id,
        "address": watch.address,
        "title": watch.title,
        "since": _when(watch.since),
        "every_s": watch.every_s,
        "added_at": _when(watch.added_at),
        "looked_at": _when(state.looked_at),
        "status": state.status.value,
        "error": state.error,
        "failures": state.failures,
        "resting_until": _when(watch.next_at or None),
        "waiting": len(state.waiting),
        "open": [job.id for job in ended.open],
        "done": ended.done,
        "failed": [
            {"job": job.id, "address": job.order.payload.get("address"), "error": _reason(job)} for job in ended.failed
        ],
    }


def _when(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
