"""Whether what a model wrote is borne out by what it cites, as far as that can be told without another model.

That something is cited, that quotes are in it word for word, that every figure is in it (in digits or in English
words), and that the two have a word of substance in common. Whether a paraphrase is fair is not told here: so what is
cited always stands beside it, with its second.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import prod
from typing import Final

from udib.core.types import FoundedStatement

_LONGEST: Final = 1000
_MOST_QUOTES: Final = 16
_JOINERS: Final = "\u200c\u200d"
"""They join letters of several scripts, unseen."""
_MARK: Final = re.compile(
    "[\"\u201c-\u201f\u00ab\u00bb\u2033\u2036\u2039\u203a\u275d\u275e\u300a-\u300f\u301d-\u301f\uff02]|`+|''|\u2018\u2018|\u2019\u2019"
)
"""What begins or ends a quote, in any language; what is begun and not ended goes on to the end."""
_SINGLE: Final = re.compile(r"(?<!\w)['\u2018\u201a\u201b](?!\d0s\b)(?=\S)(.+?)(?:(?<=\S)['\u2019\u2018](?!\w)|$)")
"""The same between single marks. An apostrophe stands behind a letter, or is not followed by another mark."""
_WORD_BEFORE: Final = r"(?<!\w)(?<!\w['\u2019\u2010\u2011-])(?<!\d[.,])"
_WORD_AFTER: Final = r"(?!\w|[\u2010\u2011-]\w|['\u2019](?!s\b)\w|[.,]\d|\s?%)"
"""Where words begin and end: "we can" is not in "we can't", "violent" not in "non-violent", "5" not in "5.5", "5%"."""
_WORD: Final = re.compile(r"[^\W\d_]+")
_TITLES: Final = frozenset(
    {"A", "An", "Das", "Der", "Die", "Dr", "El", "Il", "La", "Le", "Los", "Mr", "Mrs", "Ms", "Prof", "The"}
)
"""What names of speakers begin with, and sentences too."""
_TELLING: Final = 5
"""Letters of a word that carries meaning, and how many of them must agree: "rents" and "rental" do."""
_UNITS: Final = re.findall(
    r"\S+",
    """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
    """,
)
_TENS: Final = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SPELLED: Final = (
    {"a": 1}
    | {word: number for number, word in enumerate(_UNITS)}
    | {word: 10 * number for number, word in enumerate(_TENS, 2)}
)
_SCALES: Final = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_FIGURE: Final = re.compile(
    r"(?:(?P<digits>\d+(?:[.,]\d+)*)"
    rf"|\b(?P<words>(?:{'|'.join(_TENS)})(?:[\s-]+(?:{'|'.join(_UNITS[1:10])}))?"
    rf"|{'|'.join(_UNITS)}|a(?=\s+(?:{'|'.join(_SCALES)})\b))\b)"
    rf"(?P<scales>(?:[\s-]*(?:{'|'.join(_SCALES)})\b)*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class DraftedStatement:
    """A statement as a model wrote it; nothing in it is checked."""

    text: str
    cites: list[int]
    quotes: list[str]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a model answers: the form that it is asked for."""

    statements: list[DraftedStatement]


@dataclass(frozen=True, slots=True)
class Citable:
    """What a statement may cite.

    Attributes:
        text: The words.
        speaker: Who said them; a statement may name them.
        beside: What stands beside the words, such as a title and a day: its figures may be named too.
    """

    text: str
    speaker: str | None = None
    beside: str = ""


def borne_out(drafted: DraftedStatement, shown: Mapping[int, Citable]) -> FoundedStatement | None:
    """The statement, with its quotes as they stand in what it cites; None if that does not bear it out.

    Args:
        drafted: What the model wrote.
        shown: What it was shown, by number: it may cite nothing else.
    """
    text = _seen(" ".join(drafted.text.split()), _JOINERS)
    cites = tuple(dict.fromkeys(number for number in drafted.cites if number in shown))
    if not text or len(text) > _LONGEST or not cites or len(cites) < len(set(drafted.cites)):
        return None
    if len(drafted.quotes) > _MOST_QUOTES or sum(map(len, drafted.quotes)) > _LONGEST:
        return None
    cited = [shown[number] for number in cites]
    texts = [each.text for each in cited]
    quotes = [verbatim(quote, texts) for quote in (*drafted.quotes, *_quoted(text)) if quote.strip()]
    figures = figures_in(unicodedata.normalize("NFKC", _seen(text)))
    if any(quote is None for quote in quotes) or not figures <= _known_figures(cited):
        return None
    said = " ".join(f"{each.text} {each.beside} {each.speaker or ''}" for each in cited)
    if _speakers(shown.values()) & _names(text) - _names(said):
        return None  # it gives somebody's words to another one
    if not stems(text) & stems(" ".join(f"{each.text} {each.speaker or ''}" for each in cited)):
        return None
    return FoundedStatement(text, cites, tuple(dict.fromkeys(quote for quote in quotes if quote)))


def quotes_found(draft: Draft, shown: Mapping[int, Citable]) -> tuple[int, int]:
    """How many quotes of a draft stand in what their statements cite, and how many it gives."""
    found = [
        verbatim(quote, [shown[number].text for number in drafted.cites if number in shown]) is not None
        for drafted in draft.statements
        for quote in drafted.quotes
        if quote.strip() and len(quote) <= _LONGEST
    ]
    return sum(found), len(found)


def _seen(text: str, beside: str = "") -> str:
    """A text without what nobody sees, which could stand within a figure and make it look like two."""
    return text if text.isprintable() else "".join(char for char in text if char.isprintable() or char in beside)


def _quoted(text: str) -> list[str]:
    """What stands between marks of quotation in a statement."""
    return [*_MARK.split(text)[1::2], *_SINGLE.findall(text)]


def verbatim(quote: str, texts: Iterable[str]) -> str | None:
    """The words of a text that a quote repeats, as they stand there; None if none does.

    Blanks, the form of quotation marks, and capitals may differ, and an ellipsis may end it; no word may, nor a part of
    one: not the apostrophe of a negation, the hyphen of a compound, the rest of a figure, its sign or its percent.
    """
    for text in texts:
        if (place := place_of(quote, text)) is not None:
            return text[place[0] : place[1]]
    return None


def place_of(quote: str, text: str) -> tuple[int, int] | None:
    """Where a text holds the words of a quote, as `verbatim` compares them: first character, behind the last."""
    words = quote.strip().strip("\"'\u201c\u201d\u2018\u2019\u00ab\u00bb.\u2026 ").split()
    if not words:
        return None
    pattern = r"\s+".join(re.sub("['\u2019]", "['\u2019]", re.escape(word)) for word in words)
    sign = r"(?<![\u2212-])" if words[0][0].isdigit() else ""
    whole = re.compile(f"{_WORD_BEFORE}{sign}{pattern}{_WORD_AFTER}", re.IGNORECASE)
    found = whole.search(text)
    return None if found is None else found.span()


def _known_figures(cited: Iterable[Citable]) -> set[str]:
    """The figures of what is cited, and those of what stands beside it."""
    known: set[str] = set()
    for each in cited:
        known |= figures_in(each.text, parts=True) | figures_in(f"{each.beside} {each.speaker or ''}", parts=True)
    return known


def figures_in(text: str, *, parts: bool = False) -> set[str]:
    """All figures of a text, in digits or in words: "12", "twelve", "twenty-five", "2.5 million".

    Args:
        text: The text.
        parts: Whether "5" counts too where "5 million" stands, and the word "one", which mostly means no figure.
    """
    found: set[str] = set()
    for match in _FIGURE.finditer(text):
        words, scales = match["words"], match["scales"].casefold().replace("-", " ").split()
        plain = _plain(match["digits"]) if words is None else str(_spelled(words))
        if parts or scales or (words or "").casefold() != "one":
            found.add(_times(plain, scales))
        if parts:
            found.add(plain)
    return found


def _spelled(words: str) -> int:
    return sum(_SPELLED[word] for word in words.casefold().replace("-", " ").split())


def _times(plain: str, scales: list[str]) -> str:
    if not scales:
        return plain
    try:
        return _plain(format(Decimal(plain) * prod(_SCALES[scale] for scale in scales), "f"))
    except InvalidOperation:  # "1.250.000"
        return " ".join([plain, *scales])


def _plain(number: str) -> str:
    """A figure without the commas between its thousands and the zeros around it."""
    whole = re.sub(r",(?=\d{3}(?!\d))", "", number).replace(",", ".")
    head, point, tail = whole.partition(".")
    tail = tail.rstrip("0") if "." not in tail else tail
    return f"{head.lstrip('0') or '0'}{point if tail else ''}{tail}"


def _speakers(shown: Iterable[Citable]) -> set[str]:
    return {name for each in shown for name in _names(each.speaker or "") - _TITLES}


def _names(text: str) -> set[str]:
    """Words with a capital: names, in most languages, among others."""
    return {word for word in _WORD.findall(text) if word[0].isupper()}


def stems(text: str) -> set[str]:
    """The beginnings of the words of a text that carry meaning."""
    return {word.casefold()[:_TELLING] for word in _WORD.findall(text) if len(word) >= _TELLING - 1}
