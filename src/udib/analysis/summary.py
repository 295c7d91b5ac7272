"""An extract: a few sentences, word for word, that cover the chapters without repeating each other."""

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Final

from udib.analysis.claims import check_worthiness, proper_names
from udib.analysis.sentences import Sentence
from udib.analysis.stated import REPORTED
from udib.analysis.text import Token, content_stems, plain, word_set
from udib.core.findings import Chapter
from udib.core.speech import Quote

FEWEST: Final = 3
MOST: Final = 6
SHORTEST: Final = 8
LONGEST: Final = 40
"""Words of a sentence that can stand alone in a summary."""

_MOST_ALIKE: Final = 0.4
_NOT_FOR_ITSELF: Final = re.compile(
    r"\b(?:suppose|imagine|pretend)\b|^(?:(?:and|but|so|now|well),? )*(?:if|unless)\b"
    r"|\b(?:am|'m|are|'re) not (?:saying|claiming|suggesting)\b|\bnever said\b"
    r"|\bi (?:once |always )?(?:thought|believed|used to|was for|was against|always said)\b|\bwe used to\b"
    r"|\bthat was before\b"
)
"""What is supposed, denied or thought before: by itself it would say what its speaker does not."""
_POINTING: Final = word_set("""he she it they this that these those him her them and but so or because which then""")
"""A sentence that opens with one of these leans on the one before it."""


def summarise(sentences: Sequence[Sentence], chapters: Sequence[Chapter]) -> tuple[Quote, ...]:
    """Three to six quotes in order of time, fewer where less was said: the most central sentences of the chapters.

    Central is a sentence whose words are frequent in its chapter; statements that stand alone and are worth checking
    are preferred. A sentence that shares most of its words with one already taken is left out.
    """
    words = [sentence.tokens for sentence in sentences]
    stems = [frozenset(content_stems(said)) for said in words]
    starts = [chapter.start_s for chapter in chapters] or [0.0]
    chapter_of = [max(bisect_right(starts, sentence.quote.start_s) - 1, 0) for sentence in sentences]
    inside: list[Counter[str]] = [Counter() for _ in starts]
    for said, at in zip(stems, chapter_of, strict=True):
        inside[at].update(said)
    names = proper_names(words)
    totals = [counts.total() for counts in inside]
    scores = [
        _score(sentence, said, names, inside[at], totals[at])
        for sentence, said, at in zip(sentences, words, chapter_of, strict=True)
    ]
    ranked = sorted(
        (number for number in range(len(sentences)) if scores[number] > 0), key=lambda number: -scores[number]
    )
    return tuple(sentences[number].quote for number in _choose(ranked, chapter_of, stems, len(starts)))


def _choose(
    ranked: Sequence[int], chapter_of: Sequence[int], stems: Sequence[frozenset[str]], chapters: int
) -> list[int]:
    """Rounds over the chapters, from the one with the best sentence on, until there are enough."""
    wanted = max(FEWEST, min(MOST, chapters))
    taken: list[int] = []
    used: Counter[int] = Counter()
    for most in range(1, wanted + 1):
        for number in ranked:
            if len(taken) == wanted:
                break
            if used[chapter_of[number]] < most and all(
                _alike(stems[number], stems[one]) <= _MOST_ALIKE for one in taken
            ):
                taken.append(number)
                used[chapter_of[number]] += 1
    return sorted(taken)


def _score(
    sentence: Sentence, words: Sequence[Token], names: frozenset[str], inside: Counter[str], total: int
) -> float:
    stems = content_stems(words)
    if not SHORTEST <= len(words) <= LONGEST or not stems or sentence.text.rstrip("\"'\u201d").endswith("?"):
        return 0.0
    low = plain(sentence.text)
    if _NOT_FOR_ITSELF.search(low) or REPORTED.search(low):
        return 0.0
    central = sum(inside[one] - 1 for one in set(stems)) / math.sqrt(len(set(stems)) * max(total, 1))
    worth, _ = check_worthiness(sentence.text, words, names)
    alone = 0.6 if words[0].low in _POINTING else 1.0
    return alone * (0.1 + central + 0.5 * worth)


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    least = min(len(one), len(other))
    return len(one & other) / least if least else 0.0
