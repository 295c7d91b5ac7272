"""Words, stems, figures and polarity of one English sentence: what every rule of this room reads."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple


def word_set(words: str) -> frozenset[str]:
    """The words of a list that is written as one text."""
    return frozenset(words.split())


STOP_WORDS: Final = word_set(
    """a about above across after again against ago all almost along already also although always am among an and
    another any anybody anyone anything are aren't around as at away back be because been before behind being below
    between both but by can can't cannot come could couldn't did didn't do does doesn't doing don't done down during
    each either else enough even ever every everybody everyone everything few first for from get gets getting give
    go goes going gone gonna got had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers
    herself him himself his how however i i'd i'll i'm i've if in instead into is isn't it it'd it'll it's its
    itself just keep kind know last least less let let's like look lot lots made make makes many may maybe me mean
    might mine more most much must my myself need neither never next no nobody none nor not nothing now of off often
    oh ok okay on once one ones only onto or other others our ours ourselves out over own perhaps please put quite
    rather really right said same saw say says see seem seems she she'd she'll she's should shouldn't since so some
    somebody someone something sometimes sort still such sure take tell than that that'd that'll that's the their
    theirs them themselves then there there'd there's these they they'd they'll they're they've thing things think
    this those though thought through thus to together too toward towards uh um under until up upon us use used very
    want wants was wasn't way we we'd we'll we're we've well went were weren't what what'd what's whatever when
    whenever where whether which while who who'd who's whole whom whose why will with within without won't would
    wouldn't yeah yes yet you you'd you'll you're you've your yours yourself yourselves"""
)

NEGATIONS: Final = word_set("""no not never none nothing nobody neither nor cannot hardly barely without""")

MONTHS: Final = word_set("""january february march april may june july august september october november december""")

_UNITS: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL: Final = {word: value for value, word in enumerate(_UNITS)} | {
    word: 10 * value for value, word in enumerate(_TENS, 2)
}
_SCALES: Final = {"dozen": 12.0, "hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_SUFFIXES: Final = {"k": 1e3, "m": 1e6, "bn": 1e9}
_CENTURIES: Final = (17, 18, 19, 20)
_PARTS: Final = {"half": 50.0, "third": 100 / 3, "quarter": 25.0, "thirds": 200 / 3, "quarters": 75.0}
_FIRST_OF_NUMBER: Final = frozenset({"a", "an", *_SMALL, *_PARTS})
_FIRST_OF_DIGITS: Final = frozenset("0123456789$€£")
_WHOLES: Final = {"third": 3, "quarter": 4, "fifth": 5, "tenth": 10}
_CURRENCIES: Final = {
    "dollar": "dollar", "dollars": "dollar", "bucks": "dollar", "euro": "euro", "euros": "euro", "pound": "pound",
    "pounds": "pound", "quid": "pound", "cent": "cent", "cents": "cent", "$": "dollar", "€": "euro", "£": "pound",
}  # fmt: skip
_PERCENT: Final = frozenset({"%", "percent", "percentage"})
_BEFORE_YEAR: Final = word_set("""in since until till by from of after before during year to between and early late""")
_NOUNS_OF_A_FIGURE: Final = 3

_TOKEN = re.compile(
    r"[$€£]?\d+(?:[.,]\d+)*(?:%|(?:st|nd|rd|th|s|k|m|bn)\b)?|[^\W\d_]+(?:['\u2019][^\W\d_]+)*|%", re.UNICODE
)
_DIGITS = re.compile(r"([$€£]?)(\d+(?:[.,]\d+)*)(.*)")
_CONTRACTED = re.compile(r"['\u2019](?:s|d|m|ll|re|ve)$")


class Token(NamedTuple):
    """A word or number. `text` is as written, `low` in lower case with plain apostrophes; `begin` is its offset.

    `joined` is True when only white space or a hyphen lies between the token before and this one. A tuple, since each
    word of each sentence becomes one, and a dataclass takes three times as long to make.
    """

    text: str
    low: str
    begin: int
    joined: bool


class Kind(StrEnum):
    """What a figure counts."""

    PERCENT = "percentage"
    MONEY = "money"
    YEAR = "date"
    COUNT = "figure"


@dataclass(frozen=True, slots=True)
class Figure:
    """A number in a sentence.

    `value` is in plain units (4 million is 4e6; percent as percent). `unit` is the currency of money, else empty.
    `nouns` are the stems of what is counted, empty if that is not said. `at` and `end` are token numbers.
    """

    value: float
    kind: Kind
    unit: str
    nouns: frozenset[str]
    at: int
    end: int


def plain(text: str) -> str:
    """The text in lower case with straight apostrophes, as the patterns of this room are written."""
    return text.casefold().replace("\u2019", "'")


def is_question(text: str) -> bool:
    """Whether a sentence ends with a question mark, whatever closes behind it."""
    return text.rstrip("\"'\u201d\u2019)").endswith("?")


def tokens(text: str) -> list[Token]:
    """The words and numbers of a text, in order."""
    found: list[Token] = []
    before = 0
    for match in _TOKEN.finditer(text):
        word, begin = match.group(), match.start()
        # One blank lies between most words.
        joined = begin == before or text[before:begin] == " " or not text[before:begin].strip(" \t\n-")
        low = word.casefold()
        found.append(Token(word, low if low.isalnum() else low.replace("\u2019", "'"), begin, joined))
        before = match.end()
    return found


@lru_cache(maxsize=32_768)
def stem(word: str) -> str:
    """A light stem of a lower-case word: without a contraction, plural, -ed, -ing, -ly."""
    word = _CONTRACTED.sub("", word)
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending, least in (("ing", 6), ("ed", 5), ("ly", 6), ("er", 7), ("ment", 9)):
        if word.endswith(ending) and len(word) >= least:
            word = _undoubled(word[: -len(ending)])
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def content_stems(words: Sequence[Token]) -> list[str]:
    """The stems of the words that carry meaning, in order; no numbers."""
    return [stem(word.low) for word in words if is_content(word.low)]


@lru_cache(maxsize=32_768)
def is_content(low: str) -> bool:
    """Whether a lower-case word is neither a stop word nor a number."""
    return (
        len(low) > 1
        and low not in STOP_WORDS
        and not low[-1].isdigit()
        and low[0].isalpha()
        and _CONTRACTED.sub("", low) not in STOP_WORDS
        and low not in _SMALL
        and low not in _SCALES
    )


def is_negated(words: Sequence[Token]) -> bool:
    """Whether an odd number of negations stands in a sentence ("not without" is a plain statement)."""
    return sum(map(is_negation, words)) % 2 == 1


def is_negation(word: Token) -> bool:
    """Whether a word turns a statement into its opposite."""
    return word.low in NEGATIONS or word.low.endswith("n't")


def figures(words: Sequence[Token]) -> list[Figure]:
    """The numbers of a sentence with what they count; a lone "one" and ordinals are not numbers here."""
    found: list[Figure] = []
    at = 0
    while at < len(words):
        figure = _figure(words, at) if may_be_number(words[at].low) else None
        if figure is None:
            at += 1
        else:
            found.append(figure)
            at = max(figure.end, at + 1)
    return found


def may_be_number(low: str) -> bool:
    """Whether a number can begin with a word in lower case, in digits, in words or as a part ("half of")."""
    return low in _FIRST_OF_NUMBER or low[0] in _FIRST_OF_DIGITS


def number_at(words: Sequence[Token], at: int) -> tuple[float, int, str] | None:
    """Value, token number behind its end and currency of the number that begins at a token, in digits or in words."""
    return _digits(words, at) or _spelt(words, at)


def _undoubled(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz" else word


def _figure(words: Sequence[Token], at: int) -> Figure | None:
    number = number_at(words, at)
    if number is None:
        return _part(words, at)
    value, end, unit = number
    share = _share(words, value, end)
    if share is not None:
        return Figure(share[0], Kind.PERCENT, "", _counted(words, share[1], of=True), at, share[1])
    low = _low(words, end)
    if unit or low in _CURRENCIES:
        end += low in _CURRENCIES and not unit
        return Figure(value, Kind.MONEY, unit or _CURRENCIES[low], frozenset(), at, end)
    if _is_year(words, at, end, value):
        return Figure(value, Kind.YEAR, "", frozenset(), at, end)
    if (end == at + 1 and words[at].low == "one") or _is_age(words, end):
        return None
    return Figure(value, Kind.COUNT, "", _counted(words, end, of=False), at, end)


def _low(words: Sequence[Token], at: int) -> str:
    return words[at].low if 0 <= at < len(words) else ""


def _digits(words: Sequence[Token], at: int) -> tuple[float, int, str] | None:
    """Value, end and currency sign of a number in digits, with the scale words after it."""
    match = _DIGITS.fullmatch(words[at].low)
    if match is None or match[3] in {"st", "nd", "rd", "th"}:
        return None
    sign, digits, suffix = match.groups()
    plain = digits.replace(",", "")
    if plain.count(".") > 1:
        return None
    value = float(plain) * _SUFFIXES.get(suffix, 1.0)
    end = at + 1
    while end < len(words) and words[end].joined and words[end].low in _SCALES:
        value *= _SCALES[words[end].low]
        end += 1
    return (value, end, _CURRENCIES.get(sign, "")) if math.isfinite(value) else None


def _spelt(words: Sequence[Token], at: int) -> tuple[float, int, str] | None:
    """Value and end of a number in words ("twenty-five million", "a hundred")."""
    if words[at].low not in _SMALL and not (words[at].low in {"a", "an"} and _low(words, at + 1) in _SCALES):
        return None
    total, group, end = 0.0, 0.0, at
    while end < len(words) and (end == at or words[end].joined):
        low = words[end].low
        if low in _SMALL and (end == at or _fits(group, _SMALL[low])):
            group += _SMALL[low]
        elif low == "hundred":
            group = (group or 1) * 100
        elif low in _SCALES:
            total, group = total + (group or 1) * _SCALES[low], 0.0
        elif end > at and not (low == "and" and words[end - 1].low == "hundred" and _low(words, end + 1) in _SMALL):
            break
        end += 1
    if not total and group in _CENTURIES and _SMALL.get(_low(words, end), 0) >= 10 and words[end].joined:
        return _in_century(group, words, end)
    if [word.low for word in words[end : end + 3]] == ["and", "a", "half"]:
        return total + group + 0.5, end + 3, ""
    return total + group, end + (_low(words, end) == "odd"), ""


def _fits(group: float, value: float) -> bool:
    """Whether a number word goes on the number before it, as in "twenty five" but not in "nineteen ninety"."""
    return group % 10 == 0 and group % 100 != 10 if 0 < value < 10 else group % 100 == 0


def _in_century(century: float, words: Sequence[Token], at: int) -> tuple[float, int, str]:
    """Value and end of a year as it is said: "nineteen ninety-nine", "twenty twenty"."""
    value, end = _SMALL[words[at].low], at + 1
    if end < len(words) and words[end].joined and 0 < _SMALL.get(words[end].low, 0) < 10 and value >= 20:
        value, end = value + _SMALL[words[end].low], end + 1
    return 100 * century + value, end, ""


def _part(words: Sequence[Token], at: int) -> Figure | None:
    """Parts of a whole ("half of", "a third of") as percentages."""
    if words[at].low not in _PARTS or _low(words, at + 1) not in {"of", "the"}:
        return None
    return Figure(_PARTS[words[at].low], Kind.PERCENT, "", _counted(words, at + 1, of=True), at, at + 1)


def _share(words: Sequence[Token], value: float, end: int) -> tuple[float, int] | None:
    """Percentage and end of "5 percent", "two thirds" and "nine out of ten"; `value` and `end` are of the number."""
    low, following = _low(words, end), _low(words, end + 1)
    if words[end - 1].low.endswith("%"):
        return value, end
    if low in _PERCENT or (low, following) == ("per", "cent"):
        return value, end + 1 + (low == "per")
    whole = _WHOLES.get(low.removesuffix("s"))
    if whole is not None and words[end].joined:
        return 100 * value / whole, end + 1
    whole = _SMALL.get(_low(words, end + 2)) if (low, following) == ("out", "of") else None
    if whole is not None and 0 < value <= whole:
        return 100 * value / whole, end + 3
    return None


def _is_year(words: Sequence[Token], at: int, end: int, value: float) -> bool:
    low = words[at].low
    if end > at + 1 and 1700 <= value < 2100 and all(word.low in _SMALL for word in words[at:end]):
        return True
    if end != at + 1 or not (low.isdigit() or low[:-1].isdigit()) or not 1500 <= value <= 2100:
        return False
    if low.endswith("s"):
        return True
    before, after = _low(words, at - 1), words[end] if end < len(words) else None
    if before in _BEFORE_YEAR or before in MONTHS:
        return True
    return after is None or not after.joined or not is_content(after.low)


def _is_age(words: Sequence[Token], end: int) -> bool:
    """Whether a number says who somebody is ("a ten-year-old") rather than how many there are."""
    return _low(words, end).startswith("year") and _low(words, end + 1) in {"old", "olds"} and words[end].joined


def _counted(words: Sequence[Token], at: int, *, of: bool) -> frozenset[str]:
    """Stems of the nouns after a figure; with `of` only those after "of"."""
    if of and _low(words, at) != "of":
        return frozenset()
    return frozenset(_nouns(words, at))


def _nouns(words: Sequence[Token], at: int) -> Iterator[str]:
    count = 0
    for word in words[at:]:
        if not word.joined or count == _NOUNS_OF_A_FIGURE:
            return
        if is_content(word.low):
            count += 1
            yield stem(word.low)
        elif count or word.low not in {"of", "the", "our", "its", "their", "all", "more", "other", "those", "these"}:
            return
