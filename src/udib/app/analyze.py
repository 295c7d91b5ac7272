"""`udib analyze`: analyse one item, or say what that would take."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from udib.app import present
from udib.app.bootstrap import App
from udib.app.commands import Options, opened, print_report, refuse_empty
from udib.app.jobs_commands import report_of, told
from udib.app.plan import plan, plan_text
from udib.app.progress import showing_progress
from udib.core.errors import BadRequestError, UnavailableError
from udib.core.jobs import Order
from udib.core.types import Media
from udib.pipeline.flows import analyze_order, asking_for_winner, with_chat
from udib.pipeline.parts import WINNER_NEEDS_MODEL
from udib.sources.files import with_captions
from udib.sources.live_chat import read_live_chat
from udib.sources.paths import absolute
from udib.sources.ytdlp_choice import height


@dataclass(frozen=True, slots=True)
class AnalyzeOrder:
    """What `udib analyze` was asked for."""

    source: str
    captions: str | None
    chat: str | None
    quality: str | None
    out: str | None
    dry_run: bool
    background: bool = False
    winner: bool = False


async def analyze(order: AnalyzeOrder, options: Options) -> int:
    """Analyse one item and print the report."""
    refuse_empty("out", order.out)
    if order.background and order.out is not None:
        raise BadRequestError("--background does not wait for a report, so --out has none to write; leave one out.")
    if order.out is not None:
        _writable(Path(order.out))
    if order.quality is not None:
        height(order.quality)
    if order.captions is not None:
        await with_captions(Media(), order.captions)
    if order.chat is not None:
        await read_live_chat(order.chat)
    async with opened(options) as app:
        if order.winner and app.models is None:
            raise BadRequestError(WINNER_NEEDS_MODEL)
        if order.dry_run:
            steps = await plan(app, order.source, captions=order.captions, quality=order.quality, winner=order.winner)
            present.emit(steps, plan_text(steps), as_json=options.json)
            return 0
        wanted = _job_order(app, order)
        if order.background:
            return told(await app.jobs.submit(wanted), options)
        with showing_progress(quiet=options.quiet) as progress:
            job = await app.jobs.perform(wanted, app.flow(wanted.flow), progress)
        report = await report_of(app, job)
        if order.out is not None:
            report = await app.export(report, Path(order.out))
        print_report(report, options)
        return 0


def _job_order(app: App, order: AnalyzeOrder) -> Order:
    """The order as another process may do it, which works in another directory."""
    captions = None if order.captions is None else str(absolute(order.captions))
    address = order.source if "://" in order.source else str(absolute(order.source))
    wanted = analyze_order(app.scope, address, quality=order.quality, captions=captions)
    if order.chat is not None:
        wanted = with_chat(wanted, str(absolute(order.chat)))
    return asking_for_winner(wanted) if order.winner else wanted


def _writable(folder: Path) -> None:
    """Make the directory of --out before any work is done for it.

    Raises:
        BadRequestError: It cannot be made or written.
        UnavailableError: The disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        kind = UnavailableError if exc.errno in {errno.ENOSPC, errno.EDQUOT} else BadRequestError
        raise kind(f"{folder} cannot be made ({exc.strerror}); give another directory to --out.") from exc
    if not os.access(folder, os.W_OK):
        raise BadRequestError(f"{folder} cannot be written; give another directory to --out.")
