"""Answers in a model's words: every statement cites a passage that says it, or it is left out.

What can be checked without another model is checked: that a passage is cited, that quotes are in it word for word, that
every figure is in it (in digits or in English words), and that the two have a word of substance in common. Whether a
paraphrase is fair is not: the passages stand beside it, each with its second.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from math import prod
from typing import Final

from udib.core.errors import UdibError
from udib.core.types import Answer, FoundedStatement, Passage

_MOST_STATEMENTS: Final = 12
_LONGEST: Final = 1000
_MOST_QUOTES: Final = 16
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
class Drafted:
    """A draft, who wrote it, what it cost, and the numbers of passages that did not fit into the prompt."""

    draft: Draft
    model: str
    cost_usd: float
    left_out: tuple[int, ...] = ()


Write = Callable[[str, Sequence[Passage]], Awaitable[Drafted]]
"""Asks a model: a question and the passages in; raises `UdibError` if there is no answer."""


async def in_words(answer: Answer, write: Write) -> Answer:
    """The answer with a model's statements above its passages. Without a model's help the passages remain, and why.

    Args:
        answer: What memory found.
        write: Asks the model.
    """
    if not answer.passages:
        return answer
    try:
        drafted = await write(answer.question, answer.passages)
    except UdibError as exc:
        return replace(answer, note=f"No model put this into words: {exc}")
    unseen = set(drafted.left_out)
    statements, dropped = founded(drafted.draft, answer.passages, unseen)
    notes = []
    if unseen:
        notes.append(f"{len(unseen)} of {len(answer.passages)} passages did not fit into the model's prompt.")
    if dropped:
        notes.append(f"{dropped} of {dropped + len(statements)} statements were left out: no passage says them.")
    elif not statements:
        notes.append("The model finds no answer in these passages.")
    return replace(
        answer,
        note=" ".join(notes),
        statements=statements,
        dropped=dropped,
        model=drafted.model,
        cost_usd=drafted.cost_usd,
    )


def founded(
    draft: Draft, passages: Sequence[Passage], unseen: Iterable[int] = ()
) -> tuple[tuple[FoundedStatement, ...], int]:
    """The statements of a draft that their passages bear out, and how many were dropped.

    Args:
        draft: What the model wrote.
        passages: What it may cite, from number 1.
        unseen: Numbers that it was not shown.
    """
    citable = set(range(1, len(passages) + 1)) - set(unseen)
    kept = [
        statement
        for drafted in draft.statements[:_MOST_STATEMENTS]
        if (statement := _founded(drafted, passages, citable)) is not None
    ]
    return tuple(kept), len(draft.statements) - len(kept)


def _founded(drafted: DraftedStatement, passages: Sequence[Passage], citable: set[int]) -> FoundedStatement | None:
    text = " ".join(drafted.text.split())
    cites = tuple(dict.fromkeys(number for number in drafted.cites if number in citable))
    if not text or len(text) > _LONGEST or not cites or len(cites) < len(set(drafted.cites)):
        return None
    if len(drafted.quotes) > _MOST_QUOTES or sum(map(len, drafted.quotes)) > _LONGEST:
        return None
    cited = [passages[number - 1] for number in cites]
    quotes = [verbatim(quote, cited) for quote in (*drafted.quotes, *_quoted(text)) if quote.strip()]
    if any(quote is None for quote in quotes) or not _figures(text) <= _known_figures(cited):
        return None
    said = _stems(" ".join(f"{each.record.text} {each.record.speaker or ''}" for each in cited))
    if not _stems(text) & said:
        return None
    return FoundedStatement(text, cites, tuple(dict.fromkeys(quote for quote in quotes if quote)))


def _quoted(text: str) -> list[str]:
    """What stands between marks of quotation in a statement."""
    return [*_MARK.split(text)[1::2], *_SINGLE.findall(text)]


def verbatim(quote: str, cited: Iterable[Passage]) -> str | None:
    """The words of a passage that a quote repeats, as they stand there; None if none does.

    Blanks, the form of quotation marks, and capitals may differ, and an ellipsis may end it; no word may, nor a part of
    one: not the apostrophe of a negation, the hyphen of a compound, the rest of a figure, its sign or its percent.
    """
    words = quote.strip().strip("\"'\u201c\u201d\u2018\u2019\u00ab\u00bb.\u2026 ").split()
    if not words:
        return None
    pattern = r"\s+".join(re.sub("['\u2019]", "['\u2019]", re.escape(word)) for word in words)
    sign = r"(?<![\u2212-])" if words[0][0].isdigit() else ""
    whole = re.compile(f"{_WORD_BEFORE}{sign}{pattern}{_WORD_AFTER}", re.IGNORECASE)
    for passage in cited:
        if found := whole.search(passage.record.text):
            return found[0]
    return None


def _known_figures(cited: Iterable[Passage]) -> set[str]:
    """The figures of passages, and those of what stands beside them: titles and days."""
    known: set[str] = set()
    for passage in cited:
        record = passage.record
        beside = f"{record.title} {record.published_at or ''} {record.speaker or ''}"
        known |= _figures(record.text, parts=True) | _figures(beside, parts=True)
    return known


def _figures(text: str, *, parts: bool = False) -> set[str]:
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


def _stems(text: str) -> set[str]:
    return {word.casefold()[:_TELLING] for word in _WORD.findall(text) if len(word) >= _TELLING - 1}
