"""Transcription in durable windows: what was heard before a crash is not listened to again."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from udib.core.ports import Transcriber
from udib.core.speech import Missing, Segment, Transcript
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


async def transcribed(
    transcriber: Transcriber,
    media: Media,
    parts: Parts[HeardWindow],
    heard: Callable[[Window], Awaitable[None]],
    *,
    language: str | None,
) -> Transcript:
    """The transcript of a media, made of its windows, each of which `heard` is told of first.

    Args:
        transcriber: Who hears it.
        media: What is heard.
        parts: The windows that are kept.
        heard: Told of each window.
        language: Said of the item elsewhere; what the words or their file say counts more.
    """
    segments: list[Segment] = []
    missing: list[Missing] = []
    written: str | None = None
    async with aclosing(durable_windows(transcriber, media, parts)) as windows:
        async for window in windows:
            segments.extend(window.segments)
            missing.extend(window.missing)
            written = written or window.language
            await heard(window)
    said = (media.captions and media.captions.language) or written or language
    return Transcript(
        tuple(segments),
        origin=transcriber.origin(media),
        engine=transcriber.engine,
        language=said or transcriber.language or "und",
        low_accuracy=transcriber.low_accuracy,
        timed=transcriber.timed(media),
        missing=tuple(missing),
    )
