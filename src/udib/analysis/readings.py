"""Analyses that prepare themselves while an item is transcribed: what depends on a sentence alone is worked out early.

It is kept by the words of the sentence and looked up once the whole is there. A sentence that turns out to end
elsewhere than its window made one think is not found, and done then: no finding depends on the windows.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from udib.analysis.debate import map_debate
from udib.analysis.fallacies import FallacyCue, cue_in, fallacy_hints
from udib.analysis.outline import describe
from udib.analysis.sentences import sentences
from udib.core.computing import computed
from udib.core.findings import DebateMap, Fallacies, Outline
from udib.core.speech import Origin, Segment, Transcript
from udib.core.vectors import Embedder

F = TypeVar("F")

MOST_KEPT: Final = 5_000
"""Sentences, some five hours of speech, of which something is kept; of an embedding that is 15 MB."""


@dataclass(frozen=True, slots=True)
class SentenceReading(Generic[F]):
    """An analysis with a part that needs one sentence at a time.

    `prepare` gets the sentences of a window, `conclude` the whole transcript.
    """

    prepare: Callable[[Sequence[str]], Awaitable[None]]
    conclude: Callable[[Transcript], Awaitable[F]]

    async def hear(self, window: Sequence[Segment]) -> None:
        """Prepare what the window's sentences need."""
        await self.prepare(await computed(_sentences_of, window))

    async def find(self, transcript: Transcript) -> F:
        """The findings in the whole."""
        return await self.conclude(transcript)


class EarlyEmbedder:
    """An embedder that keeps the vectors of the texts that it was shown early."""

    def __init__(self, embedder: Embedder) -> None:
        self.model_id = embedder.model_id
        self.dimension = embedder.dimension
        self._embedder = embedder
        self._kept: dict[str, NDArray[np.float64]] = {}

    async def prepare(self, texts: Sequence[str]) -> None:
        """Embed texts that are likely to be asked for."""
        new = [text for text in dict.fromkeys(texts) if text not in self._kept][: MOST_KEPT - len(self._kept)]
        if new:
            self._kept.update(zip(new, np.asarray(await self._embedder.embed(new), dtype=np.float64), strict=True))

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """See `Embedder.embed`."""
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        made = dict(zip(new, await self._embedder.embed(new) if new else (), strict=True))
        return [made[text] if text in made else self._kept[text].tolist() for text in texts]


class EarlyCues:
    """The cues of fallacies in the sentences that it was shown early."""

    def __init__(self) -> None:
        self._kept: dict[str, FallacyCue | None] = {}

    async def prepare(self, texts: Sequence[str]) -> None:
        """Look for the cues of sentences that are likely to be asked for."""
        new = [text for text in dict.fromkeys(texts) if text not in self._kept][: MOST_KEPT - len(self._kept)]
        self._kept.update(await computed(lambda: {text: cue_in(text) for text in new}))

    def cue_in(self, text: str) -> FallacyCue | None:
        """See `udib.analysis.fallacies.cue_in`."""
        return self._kept[text] if text in self._kept else cue_in(text)


def debate_reading(embedder: Embedder) -> SentenceReading[DebateMap]:
    """The map of one debate; see `map_debate`."""
    early = EarlyEmbedder(embedder)
    return SentenceReading(early.prepare, lambda transcript: map_debate(transcript, early))


def outline_reading(embedder: Embedder) -> SentenceReading[Outline]:
    """The outline of one item; see `describe`."""
    early = EarlyEmbedder(embedder)
    return SentenceReading(early.prepare, lambda transcript: describe(transcript, early))


def fallacy_reading(per_hour: int) -> SentenceReading[Fallacies]:
    """The fallacy hints of one item; see `fallacy_hints`."""
    early = EarlyCues()

    async def conclude(transcript: Transcript) -> Fallacies:
        return await fallacy_hints(transcript, per_hour=per_hour, cue=early.cue_in)

    return SentenceReading(early.prepare, conclude)


def _sentences_of(window: Sequence[Segment]) -> list[str]:
    return [each.text for each in sentences(Transcript(tuple(window), Origin.ASR, ""))]
