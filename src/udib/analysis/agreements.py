"""Where one speaker says that another is right, tied to the statement that is meant; what is unclear is left out."""

import re
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from udib.analysis.contradictions import Similarity
from udib.analysis.polarity import denies
from udib.analysis.sentences import Sentence
from udib.analysis.text import content_stems, is_question, plain, tokens
from udib.core.findings import Agreement

NEAREST_ALIKE: Final = 0.3
"""Cosine from which two sentences that share two words, and at least half of those agreed to, say one thing."""

_TURNS_BACK: Final = 3
_LONGEST_TURN: Final = 4  # sentences up to which "exactly" is taken to be about the last of them
_OPENING: Final = 2
_FEWEST_WORDS: Final = 3
_WHOM = r"[^\W\d_][\w'.]*(?: [^\W\d_][\w'.]*){0,2}?"
_WHOLLY = "(?:absolutely|completely|totally|entirely|fully|wholeheartedly)"
_HOW = rf"(?:(?:quite|{_WHOLLY}|really|strongly|actually|do|of course) )*"
_ENDS = r"(?= (?:that|on|about|there|here|when)\b|[.,;:!\u2013\u2014]|$)"
_CUE = re.compile(
    r"(?:(?:and|well|look|ok|okay|now|yes|yeah|but|so|honestly|frankly|listen|oh|no|sure|right),? )*(?P<cue>"
    rf"i {_HOW}agree(?: {_WHOLLY})?(?: with (?P<with>{_WHOM}))?{_ENDS}"
    rf"|i(?:'m| am) {_HOW}with (?P<beside>{_WHOM}){_ENDS}"
    rf"|(?P<right>{_WHOM})(?:'re|'s| are| is) {_HOW}(?:right|correct){_ENDS}"
    r"|(?:that's |you(?:'ve| have) (?:got )?|you make )?(?:an? )?(?:very |perfectly )?(?:fair|good) point(?=[.,;:!]|$)"
    r"|that's (?:very |quite |certainly )?(?:true|fair)(?=[.,;:!]|$)"
    r"|(?:exactly|absolutely|precisely)(?=[.,;:!]|$))"
)
_ABOUT = re.compile(r" (?:that|on|about|when you say(?: that)?) ")
_THOUGH = re.compile(r",? (?:but|though|although|however|except|yet)\b")
_THEE: Final = frozenset({"you", "that", "this", "you both", "you there"})


@dataclass(frozen=True, slots=True)
class Nod:
    """A sentence that agrees, by `cue`, to what `about` says, and the statements of the other that may be meant.

    Without `about` there is one such statement, and it is.
    """

    agreed: Sentence
    cue: str
    about: str
    said: tuple[Sentence, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """What has to be compared in meaning."""
        return (self.about, *(each.text for each in self.said)) if self.about else ()


def nods(found: Sequence[Sentence], speakers: Sequence[str]) -> Iterator[Nod]:
    """Every sentence that agrees with another speaker of whom it is clear who is meant, in order of time."""
    last: defaultdict[str | None, deque[list[Sentence]]] = defaultdict(lambda: deque(maxlen=_TURNS_BACK))
    before: list[Sentence] = []
    for _, group in groupby(found, key=lambda sentence: sentence.turn):
        turn = list(group)
        speaker = turn[0].quote.speaker
        for place, sentence in enumerate(turn if speaker is not None else ()):
            match = _CUE.match(plain(sentence.text))
            if match is None or is_question(sentence.text):
                continue
            name = match["with"] or match["beside"] or match["right"] or ""
            if name and name not in _THEE:
                other = _named(name, speakers)
                said = [each for earlier in last[other] for each in earlier] if other not in (None, speaker) else []
            else:
                said = before if place < _OPENING else []
            yield from _nod(sentence, match, said, bare=not name or name in _THEE)
        last[speaker].append(turn)
        before = turn if speaker is not None else []


def agreements(found: Sequence[Nod], near: Similarity, names: frozenset[str]) -> Iterator[Agreement]:
    """The nods each with the statement that it is about, where one is near enough and is not denied."""
    for nod in found:
        said = nod.said[0] if not nod.about else _meant(nod, near, names)
        if said is not None:
            yield Agreement(said.quote, nod.agreed.quote, nod.cue)


def _nod(sentence: Sentence, match: re.Match[str], said: Sequence[Sentence], *, bare: bool) -> Iterator[Nod]:
    """At most one: to what the words after the cue say, else to the last words of the one who spoke before."""
    rest = plain(sentence.text)[match.end() :]
    lead = _ABOUT.match(rest)
    about = _THOUGH.split(rest[lead.end() :])[0] if lead else ""
    if lead:
        stated = tuple(each for each in said if not is_question(each.text))
        if content_stems(tokens(about)) and stated:
            yield Nod(sentence, match["cue"], about, stated)
    elif bare and said and len(said) <= _LONGEST_TURN and not is_question(said[-1].text):
        # A yes to a question is an answer, and few words may be a greeting as well as a statement.
        if len(set(content_stems(said[-1].tokens))) >= _FEWEST_WORDS:
            yield Nod(sentence, match["cue"], "", (said[-1],))


def _meant(nod: Nod, near: Similarity, names: frozenset[str]) -> Sentence | None:
    own = set(content_stems(tokens(nod.about))) - names
    scored = []
    for each in nod.said:
        shared, alike = len(own & set(content_stems(each.tokens))), near(nod.about, each.text)
        # One word is not enough: "the rents hurt" does not agree to a cap on rents.
        if shared >= max(2, len(own) / 2) and alike >= NEAREST_ALIKE and not denies(nod.about, each.text, names):
            scored.append((shared / 10 + alike, each.number, each))
    return max(scored)[-1] if scored else None


def _named(name: str, speakers: Sequence[str]) -> str | None:
    """The one speaker of that name; None if there is none, or more than one."""
    wanted = set(name.split())
    found = [speaker for speaker in speakers if wanted <= set(plain(speaker).split())]
    return found[0] if len(found) == 1 else None
