"""`udib analyze`: analyse one item, or say what that would take."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from udib.app import present
from udib.app.commands import Options, failed, opened, print_report, refuse_empty
from udib.app.plan import plan, plan_text
from udib.app.progress import showing_progress
from udib.core.errors import BadRequestError, UnavailableError
from udib.core.types import Media
from udib.sources.files import with_captions
from udib.sources.ytdlp_choice import height


@dataclass(frozen=True, slots=True)
class AnalyzeOrder:
    """What `udib analyze` was asked for."""

    source: str
    captions: str | None
    quality: str | None
    out: str | None
    dry_run: bool


async def analyze(order: AnalyzeOrder, options: Options) -> int:
    """Analyse one item and print the report."""
    refuse_empty("out", order.out)
    if order.out is not None:
        _writable(Path(order.out))
    if order.quality is not None:
        height(order.quality)
    if order.captions is not None:
        await with_captions(Media(), order.captions)
    async with opened(options) as app:
        if order.dry_run:
            steps = await plan(app, order.source, captions=order.captions, quality=order.quality)
            present.emit(steps, plan_text(steps), as_json=options.json)
            return 0
        with showing_progress(quiet=options.quiet) as progress:
            result = await app.pipeline.process_video(
                order.source, order.quality, captions=order.captions, progress=progress
            )
        if not result.success:
            return failed(result, options)
        report = result.unwrap()
        if order.out is not None:
            report = await app.export(report, Path(order.out))
        print_report(report, options)
        return 0


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
