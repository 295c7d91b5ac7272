"""Saying yes and saying no of one thing: opposite words, and clauses of which one denies what the other affirms."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from udib.analysis.text import NEGATIONS, Figure, Kind, Token, is_content, is_negated, stem, tokens, word_set

BETWEEN_CLAUSES = re.compile(
    r"(?<!\d)[,;:]|,(?!\d)| but | and (?=(?:I|we|you|he|she|they|it|its|his|her|their|that|the)\b)"
)
"""What separates two clauses of a sentence; points and commas inside figures do not."""

_AXES: Final = tuple(
    (name, frozenset(map(stem, plus.split())), frozenset(map(stem, minus.split())))
    for name, plus, minus in (
        (
            "change",
            "rise rises rose risen rising increase increased increasing grow grew grown growing climb climbed",
            "fall falls fell fallen falling decrease decreased drop dropped dropping decline declined reduce shrink "
            "shrank",
        ),
        ("setting", "raise raised", "cut lower lowered"),
        (
            "permission",
            "allow allowed permit permitted legalize legalise",
            "ban banned forbid forbidden prohibit outlaw",
        ),
        ("support", "support back accept approve endorse", "oppose reject"),
        ("comparison", "more", "less fewer"),
        ("level", "higher", "lower"),
        ("worth", "better", "worse"),
        ("goodness", "good", "bad"),
        ("safety", "safe", "dangerous unsafe"),
        ("victory", "win won gain", "lose lost"),
        ("truth", "true", "false"),
        ("rightness", "right", "wrong"),
        ("possibility", "possible", "impossible"),
        ("legality", "legal", "illegal"),
        ("price", "cheap", "expensive"),
        ("opening", "open opened", "close closed"),
        ("beginning", "begin began", "end ended"),
        ("liking", "love", "hate"),
        ("agreement", "agree", "disagree"),
        ("success", "succeed succeeded works", "fail failed"),
        ("strength", "strong", "weak"),
        ("speed", "faster", "slower"),
        ("benefit", "help helped", "hurt harm harmed"),
        ("improvement", "improve improved", "worsen worsened"),
        ("need", "necessary", "unnecessary"),
    )
)
EVENTS: Final = frozenset({"change", "setting", "permission", "victory", "opening", "beginning"})
"""What may happen and be undone: of these, opposites contradict only where both are said of one time."""
_SIDES: Final = {
    word: (name, side)
    for name, plus, minus in reversed(_AXES)
    for side, words in ((1, plus), (-1, minus))
    for word in words
}
_MULTIPLES: Final = {
    stem(word): share for word, share in (("doubled", 100.0), ("tripled", 200.0), ("quadrupled", 300.0))
}
"""Share, in percent, by which something rose that is said to have become so many times as much."""

_MEASURED: Final = {
    stem(word): (dimension, size)
    for dimension, size, words in (
        ("time", 1.0, "second seconds"),
        ("time", 60.0, "minute minutes"),
        ("time", 3600.0, "hour hours"),
        ("length", 1.0, "metre metres meter meters"),
        ("length", 0.3048, "foot feet"),
        ("length", 1000.0, "kilometre kilometres kilometer kilometers km"),
        ("length", 1609.344, "mile miles"),
        ("weight", 1.0, "kilo kilos kilogram kilograms kg"),
        ("weight", 1000.0, "tonne tonnes"),
    )
    for word in words.split()
}
"""Units of one dimension, and how many of its first unit each is."""

ALL: Final = "all"
SOME: Final = "some"
_QUANTIFIERS: Final = dict.fromkeys(
    word_set("all every each always everybody everyone everything"), ALL
) | dict.fromkeys(word_set("some many few several sometimes often most somebody someone"), SOME)
_NONE: Final = word_set("no none never nobody nothing neither")
_WHO: Final = word_set("everybody everyone nobody somebody someone anybody anyone")

_SHORTEST_FRAME: Final = 3
_UNFRAMED: Final = (
    NEGATIONS - _WHO
    | frozenset(_QUANTIFIERS) - _WHO
    | word_set("a an the any do does did about over nearly almost only just well but so and by")
)
_POINTING: Final = word_set("he she it they this that these those him her them his its their there")
"""What may stand for one thing in one sentence and for another in the next."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What is left of a sentence without articles, figures, quantifiers, and what says yes or no.

    Sentences of one frame differ in these only. `stems` are empty for a sentence too short, or pointing at something,
    to tell. `side` is 1 or -1 where one word is the opposite of others, and 0 elsewhere; `event` tells whether that may
    be undone. `amount` is the only figure as (value, unit), with units of one dimension converted. `none` tells whether
    it says no of everything.
    """

    stems: tuple[str, ...]
    side: int = 0
    event: bool = False
    amount: tuple[float, str] | None = None
    quantifier: str = ""
    none: bool = False


def frame_of(words: Sequence[Token], numbers: Sequence[Figure]) -> Frame:
    """The frame of a sentence."""
    measured = {figure.end: unit for figure in numbers if (unit := _unit(words, figure)) is not None}
    counted = {at for figure in numbers for at in range(figure.at, figure.end)}
    plain = []
    for at, word in enumerate(words):
        low = word.low.removesuffix("n't")
        if at in measured:
            plain.append(measured[at][0])
        elif at not in counted and low not in _UNFRAMED:
            plain.append("who" if low in _WHO else stem(low))
    if len(plain) < _SHORTEST_FRAME or not _POINTING.isdisjoint(plain):
        return Frame(())
    sides = [_SIDES[one] for one in plain if one in _SIDES]
    multiples = [_MULTIPLES[one] for one in plain if one in _MULTIPLES]
    name, side = sides[0] if len(sides) == 1 else ("change", 1) if multiples and not sides else ("", 0)
    stems = tuple(name if name and (one in _SIDES or one in _MULTIPLES) else one for one in plain)
    lows = [word.low for word in words]
    return Frame(
        stems,
        side,
        name in EVENTS,
        _amount(words, numbers, multiples),
        next((_QUANTIFIERS[low] for low in lows if low in _QUANTIFIERS), ""),
        not _NONE.isdisjoint(lows),
    )


def _unit(words: Sequence[Token], figure: Figure) -> tuple[str, float] | None:
    following = words[figure.end].low if figure.end < len(words) else ""
    return _MEASURED.get(stem(following)) if figure.kind is Kind.COUNT else None


def _amount(words: Sequence[Token], numbers: Sequence[Figure], multiples: Sequence[float]) -> tuple[float, str] | None:
    said = [figure for figure in numbers if figure.kind is not Kind.YEAR]
    if len(said) + len(multiples) != 1:
        return None
    if multiples:
        return multiples[0], Kind.PERCENT
    dimension, size = _unit(words, said[0]) or (f"{said[0].kind}{said[0].unit}", 1.0)
    return said[0].value * size, dimension


def may_deny(yes: Frame, no: Frame) -> bool:
    """Whether the sentence that says no denies the other of the same frame, by what each says of how many.

    That not all do denies only that all do; that some do is denied by none.
    """
    if no.quantifier:
        return yes.quantifier == ALL
    return no.none or yes.quantifier != SOME


def denies(reply: str, said: str, names: frozenset[str]) -> bool:
    """Whether a clause of one sentence says no of a word that a clause of the other affirms, or says its opposite.

    Names (lower case) are no such words: to name a place again denies nothing of it.
    """
    ours, theirs = _affirmed(reply, names), _affirmed(said, names)
    if any(ours[one] != theirs[one] for one in ours.keys() & theirs.keys()):
        return True
    return bool(ours.keys() & theirs.keys() and opposed(tokens(reply), tokens(said)))


def _affirmed(text: str, names: frozenset[str]) -> dict[str, bool]:
    """The stems of a sentence, and whether the first clause that has them is without negation."""
    found: dict[str, bool] = {}
    for clause in BETWEEN_CLAUSES.split(text):
        words = tokens(clause)
        for word in words:
            if is_content(word.low) and word.low not in names:
                found.setdefault(stem(word.low), not is_negated(words))
    return found


def opposed(one: Sequence[Token], other: Sequence[Token]) -> str:
    """In what one says a word and the other its opposite, and neither says both; empty if in nothing."""
    ours, theirs = {stem(word.low) for word in one}, {stem(word.low) for word in other}
    for name, plus, minus in _AXES:
        said = bool(ours & plus), bool(ours & minus), bool(theirs & plus), bool(theirs & minus)
        if said in {(True, False, False, True), (False, True, True, False)}:
            return name
    return ""
