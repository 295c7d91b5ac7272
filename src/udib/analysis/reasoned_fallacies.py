"""Fallacies that a model reasons out: premise and conclusion, the innocent reading, and only then a type, "none" first.

A second call can only take a finding back. The hints of the rules choose where to look and are never shown as findings,
so that one wrong cue does not become several.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from udib.analysis.arguments import arguments
from udib.analysis.fallacies import FEWEST_WORDS, SHORTEST_COUNTED_S, hints_in
from udib.analysis.fallacy_rules import INNOCENT
from udib.analysis.gates import (
    NOT_BORNE_OUT,
    NOT_PLAIN,
    OTHER_SPEAKER,
    UNKNOWN_NUMBER,
    WRONG_NAME,
    GateCount,
    has_right_names,
    is_plain,
    words_of,
)
from udib.analysis.language import is_english
from udib.analysis.sentences import Sentence, sentences
from udib.core.findings import Fallacy, FallacyKind
from udib.core.founding import figures_in
from udib.core.speech import Transcript

EXAMINED_A_HINT: Final = 4
"""Sentences that are looked at for each hint that a report may have."""
TAKEN_BACK: Final = "taken_back"
NO_FALLACY: Final = "no_fallacy"
_BEFORE, _AFTER = 2, 1
_LONGEST: Final = 240
_CONFIDENCE: Final = 0.6

FallacyName = StrEnum(
    "FallacyName",
    "none ad_hominem straw_man slippery_slope false_dilemma hasty_generalization appeal_to_popularity "
    "appeal_to_tradition appeal_to_authority appeal_to_emotion whataboutism false_cause",
)
"""The kinds as a model names them: `FallacyKind`, and "none" before all."""


class Better(StrEnum):
    """Which way of taking a sentence is the better one."""

    INNOCENT = "innocent"
    FALLACY = "fallacy"


@dataclass(frozen=True, slots=True)
class FallacyDraft:
    """What a model answers on one sentence, in this order; nothing in it is checked."""

    premise: int
    conclusion: int
    innocent_reading: str
    kind: FallacyName


@dataclass(frozen=True, slots=True)
class FallacyReview:
    """What a model answers when it is asked again."""

    better: Better


@dataclass(frozen=True, slots=True)
class Examined:
    """A sentence to be looked at, and the sentences that are shown with it, all by number."""

    number: int
    shown: Mapping[int, Sentence]

    @property
    def sentence(self) -> Sentence:
        """The one that is looked at."""
        return self.shown[self.number]


def most_hints(per_hour: int, duration_s: float) -> int:
    """How many hints an item of that length may have; a short one as many as two hours."""
    return math.ceil(per_hour * max(duration_s, SHORTEST_COUNTED_S) / 3600)


class FallacyReasoning:
    """Chooses the sentences of one transcript that are looked at, and takes over what a model makes of them."""

    def __init__(self, transcript: Transcript) -> None:
        self.count = GateCount("fallacies")
        self._transcript = transcript
        self._sentences = sentences(transcript) if is_english(transcript) else ()
        self._names = {word for speaker in transcript.speakers for word in words_of(speaker)}

    def examined(self, most: int) -> tuple[Examined, ...]:
        """The sentences that are looked at: those with a cue, the surest first, then those that argue, then others."""
        cues = sorted(hints_in(self._sentences), key=lambda hint: -hint.confidence)
        arguing = arguments(self._transcript, self._sentences) if self._sentences else ()
        numbers = {each.quote: each.number for each in self._sentences}
        starts = {(each.quote.first, each.quote.last, each.quote.speaker): each.number for each in self._sentences}
        chosen = dict.fromkeys(
            [
                *(numbers[hint.quote] for hint in cues),
                *(
                    number
                    for part in arguing
                    if (number := starts.get((part.quote.first, part.quote.last, part.quote.speaker))) is not None
                ),
                *range(len(self._sentences)),
            ]
        )
        long = [number for number in chosen if len(self._sentences[number].text.split()) >= FEWEST_WORDS]
        return tuple(self._window(number) for number in long[:most])

    def read(self, draft: FallacyDraft, examined: Examined, model: str) -> Fallacy | None:
        """The fallacy of a draft, as far as it passes the checks."""
        found = self._checked(draft, examined, model)
        if isinstance(found, str):
            self.count.drop(found)
            return None
        return found

    def _window(self, number: int) -> Examined:
        first, last = max(number - _BEFORE, 0), min(number + _AFTER, len(self._sentences) - 1)
        return Examined(number + 1, {near + 1: self._sentences[near] for near in range(first, last + 1)})

    def _checked(self, draft: FallacyDraft, examined: Examined, model: str) -> Fallacy | str:
        """The fallacy, or the code of the check that fails."""
        if draft.kind is FallacyName.none:
            return NO_FALLACY
        sides = [examined.shown.get(number) for number in (draft.premise, draft.conclusion)]
        parts = [side for side in sides if side is not None]
        if len(parts) < len(sides):
            return UNKNOWN_NUMBER
        sentence = examined.sentence
        if sentence not in parts:
            return NOT_BORNE_OUT
        if any(part.quote.speaker != sentence.quote.speaker for part in parts):
            return OTHER_SPEAKER
        if (reason := self._wrong_reading(draft.innocent_reading, examined)) is not None:
            return reason
        kind = FallacyKind(draft.kind.value)
        reading = " ".join(draft.innocent_reading.split()) or INNOCENT[kind]
        return Fallacy(sentence.quote, kind, parts[0].text, reading, _CONFIDENCE, model)

    def _wrong_reading(self, text: str, examined: Examined) -> str | None:
        """The code of the check that an innocent reading fails. Who finds none has not looked for it fairly."""
        plain = " ".join(text.split())
        if not plain or len(plain) > _LONGEST or not is_plain(plain):
            return NOT_PLAIN
        around = [f"{each.text} {each.quote.speaker or ''}" for each in examined.shown.values()]
        if not figures_in(plain) <= figures_in(" ".join(around), parts=True):
            return NOT_BORNE_OUT
        near = {word for said in around for word in words_of(said)}
        return None if has_right_names(plain, near, self._names, english=True) else WRONG_NAME
