"""Transcription in durable windows: what was heard before a crash is not listened to again."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from udib.core.errors import BadRequestError
from udib.core.ports import Transcriber
from udib.core.speech import Missing, Segment, Transcript
from udib.core.types import Content, Media, Window
from udib.pipeline.step import Parts
from udib.pipeline.words import uncovered


@dataclass(frozen=True, slots=True)
class HeardWindow:
    """A window, and who heard it: what two engines hear does not make one transcript."""

    engine: str
    window: Window


async def durable_windows(transcriber: Transcriber, media: Media, parts: Parts[HeardWindow]) -> AsyncGenerator[Window]:
    """All windows of a media in order: those that are kept, then those behind them, each kept before it is given.

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
                await parts.keep(HeardWindow(transcriber.engine, window))
            yield window


@dataclass(slots=True)
class Hearing:
    """What was heard of a media so far, window by window."""

    transcriber: Transcriber
    media: Media
    segments: list[Segment] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    written: str | None = None

    def add(self, window: Window) -> None:
        """The next window."""
        self.segments.extend(window.segments)
        self.missing.extend(window.missing)
        self.written = self.written or window.language

    def transcript_of(self, content: Content) -> Transcript:
        """All that was heard, as the transcript of a content.

        Raises:
            BadRequestError: There were no words.
        """
        if not self.segments:
            raise BadRequestError(f"No words were found in {content.title!r}.")
        said = (self.media.captions and self.media.captions.language) or self.written or content.language
        transcript = Transcript(
            tuple(self.segments),
            origin=self.transcriber.origin(self.media),
            engine=self.transcriber.engine,
            language=said or self.transcriber.language or "und",
            low_accuracy=self.transcriber.low_accuracy,
            timed=self.transcriber.timed(self.media),
        )
        return replace(transcript, missing=(*self.missing, *uncovered(transcript, content.duration_s)))
