"""Fallacy hints: possible fallacies by cue, few, each with the innocent reading. Never a verdict on a person."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from udib.analysis.fallacy_rules import ABSTAIN, INNOCENT, RULES
from udib.analysis.language import is_english
from udib.analysis.sentences import Sentence, sentences
from udib.analysis.text import plain
from udib.core.computing import computed
from udib.core.findings import Fallacies, Fallacy, FallacyKind
from udib.core.speech import Transcript

HINTS_PER_HOUR: Final = 3
SHORTEST_COUNTED_S: Final = 7200.0
"""Seconds that the shortest item counts as: a debate of five minutes can well be full of fallacies."""
CONFIDENT: Final = 0.55
"""Confidence from which a hint is shown. Ordinary talk gets at most three an hour at it."""
FEWEST_WORDS: Final = 6


@dataclass(frozen=True, slots=True)
class FallacyCue:
    """Words of a sentence that hint at a fallacy."""

    kind: FallacyKind
    words: str
    confidence: float


def cue_in(text: str) -> FallacyCue | None:
    """The most confident cue of a sentence."""
    low = plain(text)
    if low.count(" ") + 1 < FEWEST_WORDS or ABSTAIN.search(low):
        return None
    best: FallacyCue | None = None
    for rule in RULES:
        if best is None or rule.confidence > best.confidence:
            match = rule.pattern.search(low)
            if match is not None:
                best = FallacyCue(rule.kind, match.group(), rule.confidence)
    return best


async def fallacy_hints(
    transcript: Transcript,
    *,
    per_hour: int = HINTS_PER_HOUR,
    threshold: float = CONFIDENT,
    cue: Callable[[str], FallacyCue | None] = cue_in,
) -> Fallacies:
    """The most confident hints, in order of time, if any are asked for.

    Args:
        transcript: What was said.
        per_hour: Most hints for an hour of speech; a short item may have as many as two hours. 0: nobody looks.
        threshold: Confidence in [0, 1] from which a hint counts.
        cue: `cue_in`, or what knows its answers already.
    """
    if not per_hour:
        return Fallacies((), off=True)
    found = await computed(_found, transcript, cue)
    likely = sorted((hint for hint in found if hint.confidence >= threshold), key=lambda hint: -hint.confidence)
    allowed = math.ceil(per_hour * max(transcript.duration_s, SHORTEST_COUNTED_S) / 3600)
    kept = sorted(likely[:allowed], key=lambda hint: hint.quote.start_s)
    return Fallacies(tuple(kept), withheld=len(found) - len(kept))


def hints_in(sentences: Sequence[Sentence], cue: Callable[[str], FallacyCue | None] = cue_in) -> Iterator[Fallacy]:
    """For each sentence with a cue, the hint of its most confident cue."""
    for sentence in sentences:
        found = cue(sentence.text)
        if found is not None:
            yield Fallacy(sentence.quote, found.kind, found.words, INNOCENT[found.kind], found.confidence)


def _found(transcript: Transcript, cue: Callable[[str], FallacyCue | None]) -> list[Fallacy]:
    return list(hints_in(sentences(transcript), cue)) if is_english(transcript) else []
