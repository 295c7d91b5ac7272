"""Claims that stand by themselves: a model selects, says what "he" and "that" refer to, and takes sentences apart.

It is shown the sentences that the ranking keeps, with what was said before, and nothing else of the item. It can take
nothing out of the report: a sentence that it finds uncheckable stays, without a verdict and with its reason, so that
words in a transcript cannot talk a model into hiding a claim.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from udib.analysis.gates import (
    NOT_BORNE_OUT,
    NOT_PLAIN,
    TOO_MANY,
    UNKNOWN_NUMBER,
    WRONG_NAME,
    GateCount,
    has_right_names,
    is_plain,
    says_no_more,
    words_of,
)
from udib.analysis.language import is_english
from udib.analysis.sentences import Sentence, sentences
from udib.core.findings import Claim
from udib.core.speech import Quote, Transcript

NOT_CHECKABLE: Final = "not_checkable"
UNCLEAR: Final = "unclear_referent"
MOST_AT_ONCE: Final = 6
"""Sentences of one prompt that are to be worded: a small model loses its way among more."""
_BEFORE: Final = 2
"""Sentences before each that are shown with it."""
_MOST_PARTS: Final = 3
_LONGEST: Final = 300


class Checkable(StrEnum):
    """Whether a sentence holds a claim that could be checked."""

    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class DraftedClaims:
    """What a model makes of one sentence; nothing in it is checked."""

    number: int
    checkable: Checkable
    claims: list[str]


@dataclass(frozen=True, slots=True)
class ClaimsDraft:
    """What a model answers on one window."""

    sentences: list[DraftedClaims]


@dataclass(frozen=True, slots=True)
class ClaimWindow:
    """What one prompt shows: sentences by number, and which of them are to be worded."""

    shown: Mapping[int, Sentence]
    wanted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Worded:
    """What came of one claim: the claims that it is taken apart into, or the code of why it is not to be judged."""

    claims: tuple[Claim, ...]
    why_not: str = ""


class ClaimWording:
    """Makes the windows of the claims of one transcript, and takes over what a model makes of them."""

    def __init__(self, transcript: Transcript) -> None:
        self.count = GateCount("wordings of claims")
        self._sentences = sentences(transcript)
        self._numbers = {each.quote: each.number + 1 for each in self._sentences}
        self._names = {word for speaker in transcript.speakers for word in words_of(speaker)}
        self._english = is_english(transcript)

    def windows(self, claims: Sequence[Claim]) -> Iterator[ClaimWindow]:
        """The windows that hold all claims, in order of time."""
        wanted = sorted({number for claim in claims if (number := self._numbers.get(claim.quote)) is not None})
        for start in range(0, len(wanted), MOST_AT_ONCE):
            some = tuple(wanted[start : start + MOST_AT_ONCE])
            around = sorted({near for number in some for near in range(max(number - _BEFORE, 1), number + 1)})
            yield ClaimWindow({number: self._sentences[number - 1] for number in around}, some)

    def taken_over(self, draft: ClaimsDraft, window: ClaimWindow, claims: Sequence[Claim]) -> dict[Quote, Worded]:
        """What a draft makes of the claims of its window, by their quotes; of those not in it nothing changes."""
        by_quote = {claim.quote: claim for claim in claims}
        found: dict[Quote, Worded] = {}
        for drafted in draft.sentences:
            sentence = window.shown.get(drafted.number)
            if sentence is None or drafted.number not in window.wanted or sentence.quote in found:
                self.count.drop(UNKNOWN_NUMBER)
                continue
            found[sentence.quote] = self._worded(drafted, sentence, window, by_quote[sentence.quote])
        return found

    def _worded(self, drafted: DraftedClaims, sentence: Sentence, window: ClaimWindow, claim: Claim) -> Worded:
        match drafted.checkable:
            case Checkable.NO:
                return Worded((claim,), NOT_CHECKABLE)
            case Checkable.UNCLEAR:
                return Worded((claim,), UNCLEAR)
        self.count.drop(TOO_MANY, len(drafted.claims[_MOST_PARTS:]))
        texts: list[str] = []
        for text in drafted.claims[:_MOST_PARTS]:
            plain = " ".join(text.split())
            if (reason := self._wrong(plain, sentence, window)) is not None:
                self.count.drop(reason)
            else:
                self.count.keep()
                texts.append("" if plain == sentence.text else plain)
        return Worded(tuple(replace(claim, wording=text) for text in dict.fromkeys(texts)) or (claim,))

    def _wrong(self, text: str, sentence: Sentence, window: ClaimWindow) -> str | None:
        """The code of the check that a wording fails."""
        if not text or len(text) > _LONGEST or not is_plain(text):
            return NOT_PLAIN
        around = [f"{each.text} {each.quote.speaker or ''}" for each in window.shown.values()]
        if not says_no_more(text, sentence.text, around):
            return NOT_BORNE_OUT
        near = {word for said in around for word in words_of(said)}
        return None if has_right_names(text, near, self._names, english=self._english) else WRONG_NAME
