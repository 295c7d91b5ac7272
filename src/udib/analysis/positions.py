"""What a speaker says for or against a thing, or that he never said it, and where he says that he changed his mind."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from udib.analysis.text import content_stems, plain, tokens

_POSITION: Final = re.compile(
    r"\b(?:i|we)(?P<between>(?:'\w+| (?:have|haven't|am|are|do|don't|did|didn't|would|wouldn't|will|won't|was|were"
    r"|never|always|not|still|also|\w+ly))*) (?P<verb>support(?:ed)?|favou?r(?:ed)?|endorsed?|voted for"
    r"|opposed?(?: to)?|voted against|rejected?|in favou?r of|for|against) (?P<object>[^,;:.?!]+)"
)
_AGAINST: Final = re.compile(r"oppose|against|reject")
_NEEDS_BEING: Final = re.compile(r"^(?:for|against|in favou?r of|opposed to)$")
_BEING: Final = re.compile(r"'m|'re|\b(?:am|are|was|were)\b")
_NEGATED: Final = re.compile(r"n't|\b(?:never|not)\b")
_REASON: Final = re.compile(r"\b(?:because|since|as|so|and|but|for years|for decades|from the start|all along)\b.*")
_BOUND: Final = re.compile(r"\b(?:if|unless|until|except|only|when|while|once|than|without|provided)\b")
_NEVER_SAID: Final = re.compile(
    r"\b(?:i|we)(?:'ve| have)? (?:never|did not|didn't) (?:once )?(?:said?|say|claim(?:ed)?|promised?) (?:that )?"
    r"(?P<what>[^,;:.?!]+)"
)
_CHANGED: Final = re.compile(
    r"\bi (?:used to|once|formerly|originally|initially) (?:think|thought|believed?|sa(?:y|id)"
    r"|support(?:ed)?|opposed?|favou?r(?:ed)?|argued?|hoped?)\b"
    r"|\bi(?:'ve| have)? (?:\w+ly )?changed my (?:mind|view|position|opinion)\b|\bi (?:was|have been|got it) wrong\b"
    r"|\bi was mistaken\b|\bi(?:'ve| have)? (?:\w+ly )?come (?:round|around)\b|\bi no longer\b"
    r"|\bi stand corrected\b"
    r"|\bi (?:misspoke|take (?:it|that) back|correct myself)\b|\b(?:let me correct|i meant to say|correction)\b"
    r"|\buntil (?:recently|lately|last \w+|(?:19|20)\d\d)\b|\b(?:back then|in those days|at the time),? i\b"
)
_FEWEST_DENIED: Final = 2


@dataclass(frozen=True, slots=True)
class Position:
    """Where a speaker stands on a thing: `side` is 1 for it and -1 against it; `about` are its stems in order.

    `always` and `never` tell whether he says so of all time, `definite` whether the thing was named before.
    """

    side: int
    about: tuple[str, ...]
    past: bool
    always: bool
    never: bool
    definite: bool

    def is_against(self, later: "Position") -> bool:
        """Whether both cannot be held together. Who never did what he does now may have begun to."""
        of_all_time = self.always or later.always or later.never
        if self.side == later.side or (self.past != later.past and not of_all_time):
            return False
        short, long = sorted((self, later), key=lambda each: len(each.about))
        return short.about == long.about or (short.definite and long.about[-len(short.about) :] == short.about)


def position_of(low: str) -> Position | None:
    """What a sentence in lower case says its speaker is for or against; None if nothing, or only on a condition."""
    found = _POSITION.search(low)
    if found is None or _BOUND.search(low):
        return None
    between, verb = found["between"], found["verb"]
    if _NEEDS_BEING.match(verb) and not _BEING.search(between):
        return None
    thing = _REASON.sub("", found["object"])
    about = tuple(content_stems(tokens(thing)))
    if not about:
        return None
    return Position(
        (-1 if _AGAINST.search(verb) else 1) * (-1 if _NEGATED.search(between) else 1),
        about,
        past=(verb.endswith("ed") and verb != "opposed to") or verb.startswith("voted") or "was" in between,
        always="always" in between,
        never="never" in between,
        definite=thing.startswith(("the ", "this ", "that ")),
    )


def denied_words(low: str) -> tuple[str, ...]:
    """The stems of what the speaker says he never said, in order; empty if nothing, or too little to tell it again."""
    found = _NEVER_SAID.search(low)
    stems = tuple(content_stems(tokens(found["what"]))) if found else ()
    return stems if len(stems) >= _FEWEST_DENIED else ()


def changes_mind(texts: Sequence[str]) -> bool:
    """Whether one of these sentences says openly that its speaker thought or said otherwise before."""
    return any(_CHANGED.search(plain(text)) for text in texts)
