"""Transcription in durable windows: what was heard before a crash is not listened to again."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from udib.core.ports import Transcriber
from udib.core.types import Media, Window
from udib.pipeline.step import Parts


@dataclass(frozen=True, slots=True)
class HeardWindow:
    """A window, and who heard it: what two engines hear does not make one transcript."""

    engine: str
    window: Window


async def durable_windows(transcriber: Transcriber, media: Media, parts: Parts[HeardWindow]) -> AsyncGenerator[Window]:
    """All windows of a media in order: those that are kept, then those behind them, which are kept as they come.

    The last is not kept: the whole transcript is, a moment later. So captions, which are one window, cost nothing more.
    """
    after_s = 0.0
    for kept in parts.kept:
        if kept.engine == transcriber.engine:
            after_s = kept.window.done_s
            yield kept.window
    async with aclosing(transcriber.windows(media, after_s=after_s)) as windows:  # type: ignore[type-var]
        async for window in windows:
            if window.goes_on:
                parts.keep(HeardWindow(transcriber.engine, window))
            yield window
