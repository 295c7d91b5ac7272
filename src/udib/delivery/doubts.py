"""Words that the recogniser did not hear clearly, marked where they are quoted. The words stay as they are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from udib.core.findings import Critical, TranscriptFacts, Unclear
from udib.core.speech import Quote
from udib.delivery.text import clean

MARK: Final = "[?]"
"""Stands behind each such word where there is no typography."""
_CALLED: Final = {Critical.NUMBER: "the number", Critical.NEGATION: "the word", Critical.NAME: "the name"}


@dataclass(frozen=True, slots=True)
class MarkedRun:
    """Words in a row that were heard clearly, or that were not, ready to be escaped."""

    text: str
    doubtful: bool


def runs(quote: Quote) -> list[MarkedRun]:
    """The words of a quote, in runs that a blank parts."""
    if not quote.doubtful:
        return [MarkedRun(clean(quote.text), doubtful=False)]
    doubtful = set(quote.doubtful)
    numbered = groupby(enumerate(quote.text.split()), key=lambda pair: pair[0] in doubtful)
    found = [MarkedRun(clean(" ".join(word for _, word in run)), doubtful=is_doubtful) for is_doubtful, run in numbered]
    return [run for run in found if run.text]


def marked(text: str, doubtful: Collection[int]) -> str:
    """The text, not yet escaped, with MARK behind its words of these numbers."""
    if not doubtful:
        return text
    return " ".join(f"{word}{MARK}" if number in doubtful else word for number, word in enumerate(text.split()))


def said(quote: Quote) -> str:
    """The words of a quote, `marked`."""
    return marked(quote.text, quote.doubtful)


def caution(unclear: Sequence[Unclear]) -> str:
    """Which words of a finding that could turn it were not heard clearly, in one sentence; empty if none."""
    if not unclear:
        return ""
    words = ", ".join(f"{_CALLED[each.kind]} \u201c{clean(each.word)}\u201d" for each in unclear)
    return f"Not heard clearly: {words}. Listen before you rely on it."


def warnings(facts: TranscriptFacts) -> list[str]:
    """What a reader has to know before believing a word that was recognised."""
    found = []
    if facts.low_accuracy:
        found.append("Low-accuracy transcript: a fallback recogniser heard these words. Listen before you quote them.")
    if facts.doubtful:
        heard = f"{facts.doubtful:,} of {facts.words:,} words"
        found.append(f"Not heard clearly: {heard}. They are marked where they are quoted; others may be wrong, too.")
    return found
