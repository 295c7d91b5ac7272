"""Saying yes and saying no of one thing: opposite words, and clauses of which one denies what the other affirms."""

import re
from collections.abc import Sequence
from typing import Final

from udib.analysis.text import NEGATIONS, Figure, Token, is_content, is_negated, stem, tokens, word_set

BETWEEN_CLAUSES = re.compile(
    r"(?<!\d)[,;:]|,(?!\d)| but | and (?=(?:I|we|you|he|she|they|it|its|his|her|their|that|the)\b)"
)
"""What separates two clauses of a sentence; points and commas inside figures do not."""

_OPPOSITES: Final = tuple(
    (stem(one), stem(other))
    for one, other in (
        ("more", "less"), ("more", "fewer"), ("higher", "lower"), ("increase", "decrease"), ("increase", "reduce"),
        ("rise", "fall"), ("rose", "fell"), ("raise", "cut"), ("raise", "lower"),
        ("support", "oppose"), ("accept", "reject"), ("approve", "reject"),
        ("better", "worse"), ("safe", "dangerous"), ("win", "lose"),
        ("won", "lost"), ("true", "false"), ("right", "wrong"), ("possible", "impossible"), ("legal", "illegal"),
        ("cheap", "expensive"), ("open", "close"), ("begin", "end"), ("love", "hate"), ("allow", "ban"),
        ("agree", "disagree"), ("succeed", "fail"), ("works", "fails"), ("grow", "shrink"), ("grew", "shrank"),
        ("strong", "weak"), ("faster", "slower"), ("help", "hurt"), ("good", "bad"), ("gain", "lose"),
        ("improve", "worsen"), ("necessary", "unnecessary"),
    )
)  # fmt: skip

_SHORTEST_FRAME: Final = 3
_UNFRAMED: Final = NEGATIONS | word_set(
    "a an the any some do does did about over nearly almost only just well but so and"
)
_POINTING: Final = word_set("he she it they this that these those him her them his its their there")
"""What may stand for one thing in one sentence and for another in the next."""


def frame_of(words: Sequence[Token], numbers: Sequence[Figure]) -> tuple[str, ...]:
    """The stems of a sentence without articles, figures, and what says yes or no.

    Sentences of one frame differ in these only. Empty for a sentence too short, or pointing at something, to tell.
    """
    counted = {at for figure in numbers for at in range(figure.at, figure.end)}
    plain = (word.low.removesuffix("n't") for at, word in enumerate(words) if at not in counted)
    frame = tuple(stem(low) for low in plain if low not in _UNFRAMED)
    return frame if len(frame) >= _SHORTEST_FRAME and _POINTING.isdisjoint(frame) else ()


def denies(reply: str, said: str, names: frozenset[str]) -> bool:
    """Whether a clause of one sentence says no of a word that a clause of the other affirms, or says its opposite.

    Names (lower case) are no such words: to name a place again denies nothing of it.
    """
    ours, theirs = _affirmed(reply, names), _affirmed(said, names)
    if any(ours[one] != theirs[one] for one in ours.keys() & theirs.keys()):
        return True
    return bool(ours.keys() & theirs.keys()) and opposed(tokens(reply), tokens(said))


def _affirmed(text: str, names: frozenset[str]) -> dict[str, bool]:
    """The stems of a sentence, and whether the first clause that has them is without negation."""
    found: dict[str, bool] = {}
    for clause in BETWEEN_CLAUSES.split(text):
        words = tokens(clause)
        for word in words:
            if is_content(word.low) and word.low not in names:
                found.setdefault(stem(word.low), not is_negated(words))
    return found


def opposed(one: Sequence[Token], other: Sequence[Token]) -> bool:
    """Whether one says a word and the other its opposite, and neither says both."""
    ours, theirs = {stem(word.low) for word in one}, {stem(word.low) for word in other}
    return any(
        (left in ours and right in theirs and not {left} & theirs and not {right} & ours)
        or (right in ours and left in theirs and not {right} & theirs and not {left} & ours)
        for left, right in _OPPOSITES
    )
