"""The quote gate: what somebody wrote down as said, held against what was said.

Case, punctuation, fillers, a word said twice, contractions, and numbers in words or figures may differ; no other word
may, so that no negation, number, quantifier, name or unit is changed, dropped or put in. What passes is shown in the
transcript's words, never in those that were compared.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import Final, NamedTuple

from udib.analysis.text import NEGATIONS, Token, may_be_number, number_at, tokens, word_set
from udib.core.speech import Quote, Segment, Transcript

_FILLERS: Final = word_set("um umm uh uhh uhm er erm ah hm hmm mm mmm mhm")
_PAIRS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("you", "know"): (),
    ("i", "mean"): (),
    ("per", "cent"): ("percent",),
}
_TURNING: Final = word_set("not never hardly barely scarcely without neither nor")
_TURNED: Final = word_set("not never")
_NOT_DOUBLED: Final = NEGATIONS | {"not"}
"""Said twice these may mean something else than once."""
_SPLIT: Final = {"s": "is", "m": "am", "re": "are", "ve": "have", "ll": "will", "d": "would"}
_HAS: Final = {("s", word): "has" for word in ("been", "had", "got", "gotten")} | {
    ("d", word): "had" for word in ("been", "had", "got", "gotten", "better")
}
_BETWEEN: Final = word_set("not never always already just only")
"""Words between the contraction of "has" or "had" and what tells it from "is" or "would"."""
_SAME_AS: Final = {
    "won't": ("will", "not"), "can't": ("can", "not"), "cannot": ("can", "not"), "shan't": ("shall", "not"),
    "ain't": ("is", "not"), "n't": ("not",), "let's": ("let", "us"), "gonna": ("going", "to"), "wanna": ("want", "to"),
    "gotta": ("got", "to"), "dunno": ("do", "not", "know"), "lemme": ("let", "me"), "gimme": ("give", "me"),
    "kinda": ("kind", "of"), "sorta": ("sort", "of"), "ok": ("okay",), "%": ("percent",),
    "dollars": ("dollar",), "euros": ("euro",), "pounds": ("pound",),
    "first": ("1st",), "second": ("2nd",), "third": ("3rd",), "fourth": ("4th",), "fifth": ("5th",), "sixth": ("6th",),
    "seventh": ("7th",), "eighth": ("8th",), "ninth": ("9th",), "tenth": ("10th",), "eleventh": ("11th",),
    "twelfth": ("12th",),
}  # fmt: skip
_SPECIAL: Final = frozenset({*_FILLERS, *(first for first, _ in _PAIRS), *_SPLIT, *_SAME_AS})


class _Word(NamedTuple):
    """A word as it is compared, and where it stands in the text: up to `end`, exclusive.

    `goes_on` is True when no punctuation lies between the word before and this one.
    """

    plain: str
    begin: int
    end: int
    goes_on: bool


class QuoteGate:
    """Finds quotes in one transcript, in time that grows with the quote and with how often its rarest word was said."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._plain: list[str] = []
        self._goes_on: list[bool] = []
        self._places: list[tuple[int, int, int, int]] = []
        self._where: dict[str, list[int]] = {}
        numbered = enumerate(transcript.segments)
        for _, run in groupby(numbered, key=lambda pair: pair[1].speaker):
            self._add(list(run))

    def find(self, text: str, *, within: tuple[int, int] | None = None) -> Quote | None:
        """The first place where one speaker said this, or None.

        What stops just before a "not", or begins just behind one, was not said like that.

        Args:
            text: The words that somebody gives as said.
            within: Numbers of the first and the last segment in which they may stand.
        """
        wanted = [word.plain for word in _compared(text)]
        return self._find(wanted, within) or self._find(_without_half_fillers(wanted), within)

    def _find(self, wanted: Sequence[str], within: tuple[int, int] | None) -> Quote | None:
        if not wanted or any(word not in self._where for word in wanted):
            return None
        offset = min(range(len(wanted)), key=lambda at: len(self._where[wanted[at]]))
        for at in self._where[wanted[offset]]:
            start, stop = at - offset, at - offset + len(wanted)
            if self._plain[max(start, 0) : stop] == wanted and not self._is_turned(start, stop):
                first, begin, last, end = *self._places[start][:2], *self._places[stop - 1][2:]
                if within is None or (within[0] <= first and last <= within[1]):
                    return self._transcript.cut(first, begin, last, end)
        return None

    def _is_turned(self, start: int, stop: int) -> bool:
        """Whether a word at either edge says the opposite of what lies between."""
        before = start > 0 and self._goes_on[start] and self._plain[start - 1] in _TURNING
        return before or (self._goes_on[stop] and self._plain[stop] in _TURNED)

    def _add(self, run: Sequence[tuple[int, Segment]]) -> None:
        """Take in what one speaker said in a row. An empty word behind it matches nothing."""
        starts = list(accumulate((len(segment.text) + 1 for _, segment in run), initial=0))
        for word in _compared(" ".join(segment.text for _, segment in run)):
            first, last = bisect_right(starts, word.begin) - 1, bisect_right(starts, word.end - 1) - 1
            self._where.setdefault(word.plain, []).append(len(self._plain))
            self._plain.append(word.plain)
            self._goes_on.append(word.goes_on)
            self._places.append((run[first][0], word.begin - starts[first], run[last][0], word.end - starts[last]))
        self._plain.append("")
        self._goes_on.append(False)
        self._places.append((0, 0, 0, 0))


def _without_half_fillers(wanted: Sequence[str]) -> Sequence[str]:
    """Without what is left of a "you know" or an "I mean" that was cut in two."""
    first, last = wanted[:1] in (["know"], ["mean"]), wanted[-1:] in (["you"], ["i"])
    return wanted[first : len(wanted) - last] if first or last else ()


def _compared(text: str) -> list[_Word]:
    """The words of a text as they are compared: without fillers, and without a word that is only said again."""
    found: list[_Word] = []
    said = tokens(text)
    at, before, goes_on = 0, "", True
    while at < len(said):
        token = said[at]
        low, end = token.low, at + 1
        number = number_at(said, at) if may_be_number(low) else None
        if number is not None:
            value, end, unit = number
            plain = _of_number(value, unit, said[end - 1])
        elif low in _SPECIAL or "'" in low:
            end, plain = _special(said, at)
        else:
            plain = (low,)
        goes_on = goes_on and token.joined
        if plain and plain[0] == before and number is None and before not in _NOT_DOUBLED:
            plain = plain[1:]
        if plain:
            last = said[end - 1]
            stop = last.begin + len(last.text)
            for one in plain:
                found.append(_Word(one, token.begin, stop, goes_on))
                goes_on = True
            before = plain[-1]
        at = end
    return found


def _special(said: Sequence[Token], at: int) -> tuple[int, tuple[str, ...]]:
    """The token number behind a filler or a contraction, and the words that it is compared as: none for a filler."""
    low = said[at].low
    following = said[at + 1].low if at + 1 < len(said) else ""
    if (low, following) in _PAIRS:
        return at + 2, _PAIRS[low, following]
    if low in _FILLERS:
        return at + 1, ()
    if (following in _FILLERS or following in _BETWEEN) and at + 2 < len(said):
        following = said[at + 2].low
    return at + 1, _written_out(low, following)


def _written_out(low: str, following: str) -> tuple[str, ...]:
    if low in _SAME_AS:
        return _SAME_AS[low]
    head, _, ending = low.rpartition("'")
    if low.endswith("n't"):
        return low.removesuffix("n't"), "not"
    # A transcript may have the two parts apart ("it 's").
    ending = ending if head else low
    if ending not in _SPLIT:
        return (low,)
    suffix = _HAS.get((ending, following), _SPLIT[ending])
    return (head, suffix) if head else (suffix,)


def _of_number(value: float, unit: str, last: Token) -> tuple[str, ...]:
    """A number with its unit, and the s of a decade, as they are compared."""
    if last.low.endswith("%"):
        unit = "percent"
    elif last.low[-2:-1].isdigit() and last.low.endswith("s"):
        unit = "s"
    return (repr(value), unit) if unit else (repr(value),)
