"""Transcripts written as a list of turns, and an embedder that counts words."""

import re
import zlib
from collections.abc import Sequence

from udib.core.speech import Origin, Segment, Transcript

WORDS_A_SECOND = 2.5
GAP_S = 0.25


class WordCounts:
    """An embedder without meaning: hashed counts of words, normalised."""

    model_id = "word-counts"
    dimension = 256

    def __init__(self) -> None:
        self.embedded = 0

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.embedded += len(texts)
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        row = [0.0] * self.dimension
        for word in re.findall(r"\w{3,}", text.casefold()):
            row[zlib.crc32(word.encode()) % self.dimension] += 1.0
        size = sum(value * value for value in row) ** 0.5
        return [value / size for value in row] if size else row


def said(*turns: tuple[str | None, str], language: str = "en") -> Transcript:
    """A transcript of turns `(speaker, text)`, one segment a turn, at 150 words a minute."""
    segments, now_s = [], 0.0
    for speaker, text in turns:
        end_s = now_s + len(text.split()) / WORDS_A_SECOND
        segments.append(Segment(now_s, end_s, text, speaker))
        now_s = end_s + GAP_S
    return Transcript(tuple(segments), Origin.TRANSCRIPT, "test", language=language)
