"""Claims that are made again: in nearly the same words, with the same figures, names and times.

Better none than a wrong one, since a reader sees one of them for all.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from udib.analysis.claims import proper_names
from udib.analysis.polarity import opposed
from udib.analysis.text import Token, content_stems, figures, is_negation, is_question, tokens, word_set
from udib.core.findings import Claim, Evidence
from udib.core.speech import Quote, is_numbered

_LEAST_SHARED: Final = 0.7
"""Share of the words of the longer claim that the shorter one must have: all of its own are to be there."""
_FEWEST_SHARED: Final = 3
_MOST_COMPARED: Final = 40
_POINTING: Final = word_set("he she it they him her them his this these those here there")
_OF_ONESELF: Final = word_set("i we me us my our mine ours myself ourselves you your yours")
_TURNING: Final = word_set(
    """all every each always everybody everyone some many most few several often sometimes only almost nearly hardly if
    unless may might could would should must will was were had before after than more less last next now then today
    yesterday tomorrow"""
)
"""Words that make another claim of the same words."""


@dataclass(frozen=True, slots=True)
class _ClaimWords:
    """What makes a sentence the same claim as another. `exact` must be equal."""

    speaker: str | None
    words: tuple[Token, ...]
    stems: tuple[str, ...]
    exact: tuple[object, ...]
    pointing: bool
    of_oneself: bool

    @classmethod
    def of(cls, text: str, speaker: str | None, names: frozenset[str]) -> "_ClaimWords":
        words = tuple(tokens(text))
        lows = [word.low.split("'")[0] for word in words]
        exact = (
            sorted((figure.kind.value, figure.unit, figure.value) for figure in figures(words)),
            sum(map(is_negation, words)) % 2,
            [word.low for word in words if word.low in names and word.text[0].isupper()],
            sorted({low for low in lows if low in _TURNING}),
            is_question(text),
        )
        return cls(
            speaker,
            words,
            tuple(dict.fromkeys(content_stems(words))),
            exact,
            pointing=not _POINTING.isdisjoint(lows),
            of_oneself=not _OF_ONESELF.isdisjoint(lows),
        )

    def is_again(self, other: "_ClaimWords") -> bool:
        """Whether both claim the same. What speaks of its speaker is the same claim of one speaker only."""
        if self.pointing or other.pointing or self.exact != other.exact:
            return False
        if (self.of_oneself or other.of_oneself) and (self.speaker is None or self.speaker != other.speaker):
            return False
        short, long = sorted((self.stems, other.stems), key=len)
        # The same words in another order may say who did it to whom the other way round.
        within = [one for one in long if one in short] == list(short)
        enough = len(short) >= max(_FEWEST_SHARED, _LEAST_SHARED * len(long))
        return within and enough and not opposed(self.words, other.words)


def grouped(claims: Sequence[Claim]) -> list[tuple[Claim, tuple[Quote, ...]]]:
    """Each claim once, in the order given, with the other places in which it is made, in order of time."""
    names = _names([claim.quote.text for claim in claims])
    firsts: list[tuple[Claim, list[Quote]]] = []
    said: list[_ClaimWords] = []
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for claim in claims:
        one = _ClaimWords.of(claim.quote.text, claim.quote.speaker, names)
        near = dict.fromkeys(at for stem in one.stems for at in holders[stem][:_MOST_COMPARED])
        again = next((at for at in near if said[at].is_again(one)), None)
        if again is not None:
            firsts[again][1].append(claim.quote)
            continue
        for stem in one.stems:
            holders[stem].append(len(said))
        firsts.append((claim, []))
        said.append(one)
    return [(claim, tuple(sorted(quotes, key=lambda quote: quote.start_s))) for claim, quotes in firsts]


def made_again(claim: Claim, found: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Those of the claims of other items that are the same claim, earliest first; what has no date comes last."""
    again = {
        (piece.content_id, piece.start_s): piece
        for piece in found
        if is_again(claim.quote.text, claim.quote.speaker, piece.text, piece.speaker)
    }
    return tuple(sorted(again.values(), key=lambda piece: (piece.published_at is None, piece.published_at or "")))


def is_again(text: str, speaker: str | None, other: str, other_speaker: str | None) -> bool:
    """Whether a speaker in one item makes the claim of a speaker in another."""
    names = _names([text, other])
    return _ClaimWords.of(text, _named(speaker), names).is_again(_ClaimWords.of(other, _named(other_speaker), names))


def _named(speaker: str | None) -> str | None:
    """A speaker's name; None for a label that every item gives anew, to somebody else."""
    return None if speaker is None or is_numbered(speaker) else speaker


def _names(texts: Sequence[str]) -> frozenset[str]:
    return proper_names([tokens(text) for text in texts])
