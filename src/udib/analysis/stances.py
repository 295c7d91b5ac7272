"""What a model is asked of one piece of evidence, the form of its answer, and what of it is believed.

The model gets the claim and the numbered sentences of the evidence, and answers with words of a list and numbers. The
excerpts that a reader sees are cut here, so that they stand in the evidence to the letter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from udib.analysis.gates import NO_EXCERPT, OFF_SUBJECT, TOO_MANY, UNKNOWN_NUMBER, GateCount, on_one_subject
from udib.analysis.sentences import sentences
from udib.analysis.text import Kind, figures, tokens
from udib.core.judging import Judgement, Stance, Strength
from udib.core.speech import Origin, Segment, Transcript

OTHER_FIGURE: Final = "another_figure"
"""It is said to support a claim, and has another percentage or amount than the claim."""
MOST_SENTENCES: Final = 16
"""Sentences of one piece of evidence that a model is shown."""
_MOST_CITED: Final = 4
_NEAR: Final = 0.05
"""Share by which two figures may differ, as rounded ones do."""


@dataclass(frozen=True, slots=True)
class StanceDraft:
    """What a model answers; nothing in it is checked. `sentences` are the numbers of those that decide."""

    stance: Stance
    strength: Strength
    sentences: list[int]


def sentences_of(text: str) -> tuple[str, ...]:
    """The sentences of a piece of evidence, the first MOST_SENTENCES of them."""
    words = Transcript((Segment(0.0, 0.0, text),), Origin.TRANSCRIPT, "evidence")
    return tuple(each.text for each in islice(sentences(words), MOST_SENTENCES))


def cited(draft: StanceDraft, shown: int) -> tuple[int, int]:
    """How many of the sentences that a draft names were shown, and how many it names."""
    return sum(1 <= number <= shown for number in draft.sentences), len(draft.sentences)


class StanceGate:
    """Lets pass the stances that their own sentences can bear."""

    def __init__(self) -> None:
        self.count = GateCount("readings of evidence")

    def passed(self, draft: StanceDraft, claim: str, evidence: int, shown: Sequence[str]) -> Judgement | None:
        """What a piece of evidence says, if that is believed.

        Args:
            draft: What the model answered.
            claim: The claim, as it was shown.
            evidence: The place of the piece among the claim's evidence.
            shown: Its sentences, as they were shown.
        """
        if draft.stance is Stance.NEITHER:
            self.count.keep()
            return Judgement(evidence, Stance.NEITHER, Strength.WEAK)
        excerpts = tuple(shown[number - 1] for number in dict.fromkeys(draft.sentences) if 1 <= number <= len(shown))
        if (reason := _wrong(draft, claim, excerpts, len(shown))) is not None:
            self.count.drop(reason)
            return None
        self.count.keep()
        return Judgement(evidence, draft.stance, draft.strength, excerpts)


def _wrong(draft: StanceDraft, claim: str, excerpts: Sequence[str], shown: int) -> str | None:
    """The code of the check that a draft fails."""
    if not draft.sentences:
        return NO_EXCERPT
    if any(not 1 <= number <= shown for number in draft.sentences):
        return UNKNOWN_NUMBER
    if len(excerpts) > _MOST_CITED:
        return TOO_MANY
    if not on_one_subject(claim, excerpts):
        return OFF_SUBJECT
    if draft.stance is Stance.SUPPORTS and _has_other_figure(claim, " ".join(excerpts)):
        return OTHER_FIGURE
    return None


def _has_other_figure(claim: str, said: str) -> bool:
    """Whether the one percentage or amount of a claim stands against others of its kind, and none like it."""
    for kind in (Kind.PERCENT, Kind.MONEY):
        claimed = [figure.value for figure in figures(tokens(claim)) if figure.kind is kind]
        found = [figure.value for figure in figures(tokens(said)) if figure.kind is kind]
        if len(claimed) == 1 and found and not any(abs(value - claimed[0]) <= _NEAR * abs(value) for value in found):
            return True
    return False
