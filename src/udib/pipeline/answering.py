"""Answers in a model's words: every statement cites a passage that says it, or it is left out.

What can be checked without another model is checked: that a passage is cited, that quotes are in it word for word, that
every figure is in it, and that the two have a word of substance in common. Whether a paraphrase is fair is not: the
passages stand beside it, each with its second.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from udib.core.errors import UdibError
from udib.core.types import Answer, FoundedStatement, Passage

_MOST_STATEMENTS: Final = 12
_LONGEST: Final = 1000
_QUOTED: Final = re.compile(r'["\u201c\u201e\u00ab]([^"\u201c\u201d\u201e\u00ab\u00bb]{3,})["\u201d\u201c\u00bb]')
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
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
_SPELLED: Final = {word: number for number, word in enumerate(_UNITS)} | {
    word: 10 * number for number, word in enumerate(_TENS, 2)
}


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
    cited = [passages[number - 1] for number in cites]
    quotes = [verbatim(quote, cited) for quote in (*drafted.quotes, *_QUOTED.findall(text)) if quote.strip()]
    if any(quote is None for quote in quotes) or not _numbers(text) <= _known_numbers(cited):
        return None
    said = _stems(" ".join(f"{each.record.text} {each.record.speaker or ''}" for each in cited))
    if not _stems(text) & said:
        return None
    return FoundedStatement(text, cites, tuple(dict.fromkeys(quote for quote in quotes if quote)))


def verbatim(quote: str, cited: Iterable[Passage]) -> str | None:
    """The words of a passage that a quote repeats, as they stand there; None if none does.

    Blanks, the form of quotation marks, and capitals may differ, and an ellipsis may end it; no word may.
    """
    words = quote.strip().strip("\"'\u201c\u201d\u2018\u2019\u00ab\u00bb.\u2026 ").split()
    if not words:
        return None
    pattern = r"\s+".join(re.escape(word).replace("'", "['\u2019]").replace("\u2019", "['\u2019]") for word in words)
    for passage in cited:
        if found := re.search(rf"(?<!\w){pattern}(?!\w)", passage.record.text, re.IGNORECASE):
            return found[0]
    return None


def _known_numbers(cited: Iterable[Passage]) -> set[str]:
    """The figures of passages, those in words too, and those of what stands beside them: titles and days."""
    known: set[str] = set()
    for passage in cited:
        record = passage.record
        known |= _numbers(f"{record.text} {record.title} {record.published_at or ''} {record.speaker or ''}")
        known |= _spelled(record.text)
    return known


def _numbers(text: str) -> set[str]:
    return {_plain(number) for number in _NUMBER.findall(text)}


def _plain(number: str) -> str:
    """A figure without the commas between its thousands and the zeros around it."""
    whole = re.sub(r",(?=\d{3}(?!\d))", "", number).replace(",", ".")
    head, point, tail = whole.partition(".")
    tail = tail.rstrip("0") if "." not in tail else tail
    return f"{head.lstrip('0') or '0'}{point if tail else ''}{tail}"


def _spelled(text: str) -> set[str]:
    """Figures that are written in words, up to 99: "twelve", "twenty-five"."""
    words = [word.casefold() for word in _WORD.findall(text)]
    found = {str(_SPELLED[word]) for word in words if word in _SPELLED}
    for tens, units in pairwise(words):
        if tens in _TENS and 0 < _SPELLED.get(units, 0) < 10:
            found.add(str(_SPELLED[tens] + _SPELLED[units]))
    return found


def _stems(text: str) -> set[str]:
    return {word.casefold()[:_TELLING] for word in _WORD.findall(text) if len(word) >= _TELLING - 1}
