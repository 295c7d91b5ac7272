"""The stretches of a document that bear on statements, found by their words (BM25 over the document itself). Pure."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from udib.core.evidence import TextExcerpt
from udib.memory.lexical import K1, STOP_WORDS, B, content_words, coverage, stem, tokenise

_WORDS: Final = 60
"""A stretch is closed before it would exceed this many ..."""
_SHORT: Final = 12
"""... and takes in the next line where both have fewer than this many and no full stop: rows of tables, lists."""
_MOST_CHARACTERS: Final = 800
_SENTENCE: Final = re.compile(r"\S.*?(?:[.?!][\"'\u201d)\]]*(?=\s|$)|$)", re.MULTILINE)


@dataclass(slots=True)
class _Stretch:
    start: int
    end: int
    words: int
    last: int
    terms: Counter[str] = field(default_factory=Counter)


def excerpts(text: str, statements: Sequence[str], *, most: int = 2) -> list[list[TextExcerpt]]:
    """For each statement the stretches of a text that share the most of its words with it, best first.

    Args:
        text: A document, a paragraph a line.
        statements: What is looked for.
        most: Stretches for a statement.
    """
    stretches = list(_stretches(text))
    for each in stretches:
        each.terms = Counter(stem(word) for word in tokenise(text[each.start : each.end]) if word not in STOP_WORDS)
    holding: dict[str, list[int]] = {}
    for number, each in enumerate(stretches):
        for term in each.terms:
            holding.setdefault(term, []).append(number)
    average = sum(each.terms.total() for each in stretches) / len(stretches) if stretches else 1.0
    found = []
    for statement in statements:
        words = content_words(statement)
        best = _best(words, stretches, holding, average or 1.0)[:most]
        found.append([_excerpt(text, stretches[number], words) for number in best])
    return found


def pieces_of(text: str) -> list[str]:
    """A document from start to end, in the stretches that are found in it."""
    return [text[each.start : each.end] for each in _stretches(text)]


def _best(
    words: Sequence[str], stretches: Sequence[_Stretch], holding: dict[str, list[int]], average: float
) -> list[int]:
    weights: dict[int, float] = {}
    for term in map(stem, words):
        numbers = holding.get(term, [])
        rarity = math.log(1 + (len(stretches) - len(numbers) + 0.5) / (len(numbers) + 0.5))
        for number in numbers:
            often, length = stretches[number].terms[term], stretches[number].terms.total() / average
            weights[number] = weights.get(number, 0.0) + rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * length))
    return sorted(weights, key=lambda number: (-weights[number], number))


def _excerpt(text: str, stretch: _Stretch, words: Sequence[str]) -> TextExcerpt:
    matched = tuple(word for word in words if stem(word) in stretch.terms)
    share = coverage(words, stretch.terms.keys())
    return TextExcerpt(text[stretch.start : stretch.end], stretch.start, stretch.end, matched, round(share, 3))


def _stretches(text: str) -> Iterator[_Stretch]:
    """The text from start to end: sentences of one paragraph together, and short lines with what follows them."""
    current: _Stretch | None = None
    for start, end in _sentences(text):
        words = len(text[start:end].split())
        if current is not None:
            same = "\n" not in text[current.end : start]
            fits = current.words + words <= _WORDS and end - current.start <= _MOST_CHARACTERS
            rows = words < _SHORT and text[current.end - 1] not in ".?!" and current.last < _SHORT
            if fits and (same or rows):
                current.end, current.words, current.last = end, current.words + words, words
                continue
            yield current
        current = _Stretch(start, end, words, words)
    if current is not None:
        yield current


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence begins and ends; one that is too long is cut between words."""
    for found in _SENTENCE.finditer(text):
        start, end = found.span()
        while end - start > _MOST_CHARACTERS:
            blank = text.rfind(" ", start + 1, start + _MOST_CHARACTERS)
            cut = blank if blank > 0 else start + _MOST_CHARACTERS
            yield start, cut
            start = cut + (text[cut] == " ")
        yield start, end
