"""Chapters: stretches on one subject, cut where meaning and words change, titled in the speakers' own words."""

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from udib.analysis.language import is_english
from udib.analysis.sentences import Sentence, sentences
from udib.analysis.text import MONTHS, Token, content_stems, is_content, plain, stem, word_set
from udib.core.computing import computed
from udib.core.findings import Chapter
from udib.core.speech import Transcript
from udib.core.vectors import Embedder

CHAPTERS_PER_ROOT_MINUTE: Final = 1.5
"""Chapters grow with the square root of the length: about 4 in 6 minutes, 12 in an hour, 20 in three hours."""
SHORTEST_S: Final = 40.0
LONGEST: Final = 4.0
"""Longest chapter, as a multiple of the mean length."""
FEWEST_SENTENCES: Final = 4

_LEXICAL_DIMENSION: Final = 256
_BLOCK: Final = 256  # ends of stretches in one matrix product
_MOST_ROWS: Final = 4000
"""Sentences, some three hours of speech, from which on several count as one: the costs of stretches are a matrix."""
_ROWS_AT_ONCE: Final = 512
_LEXICAL_SHARE: Final = 0.5
_CUE_BONUS: Final = 1.0
"""What an announcement is worth, in sentences that fit as badly as can be."""
_TURN_BONUS: Final = 0.15
_LONGEST_PHRASE: Final = 4
_BY_LENGTH: Final = (1.0, 2.2, 2.3, 2.2)
"""What a phrase of one, two, three, four words is worth: longer ones say more of what a chapter is about."""
_SAID_ONCE: Final = 0.6
_SECOND: Final = 0.7
"""Share of the weight of the best phrase from which a second one is named beside it."""

_BEFORE_NOUNS: Final = word_set(
    """the a an this that these those my your our his her their its of in on for from no any every with by about at per
    into some all each between than as many several most other two three four five six ten twenty fifty sixty hundred
    thousand million"""
)
_BEFORE_VERBS: Final = word_set(
    """i you he she we they it who to will would can could should must may might not did do does never always just
    let's please"""
)
_NOT_LAST: Final = ("ous", "ful", "ive", "able", "ible", "less", "est", "'s", "ing")
"""Endings of words that stand before a noun rather than being one."""

_ANNOUNCED = re.compile(
    r"^(?:(?:and|so|but|now|okay|ok|well|alright|all right|right|then|um|uh),? )*(?:(?:let's|let us|let me"
    r"|i(?:'d| would)? (?:want|like) to|i'll|we(?:'ll| can| should)?|can we) (?:now |just |all )?(?:turn|talk"
    r"|move|look at|go to|switch|start|begin|finish|close|end|get to|discuss|jump)|(?:moving|turning|going"
    r"|switching) (?:on|to|over)|next (?:up|question|topic|point|is|thing)|(?:my|the|our) (?:next|last|final"
    r"|second|third) (?:question|topic|point|thing|item)|finally|in closing|to (?:begin|start|close|conclude"
    r"|sum up)|another (?:topic|thing|question)|what about the|speaking of|on (?:another|a different) (?:note"
    r"|subject|topic)|the (?:next|other) (?:thing|topic))\b"
)
_NOT_IN_TITLES: Final = word_set(
    """people person thing time way lot year month week day today spring summer fall winter number percent million
    billion thousand hundred dollar okay yeah guy stuff bit kind sort talk turn finish start begin think say want
    need come look find call work good bad big small best better worse true fair honest frank straight thank
    actually basically probably typical different sister brother mother father friend case example point
    question answer place part side end life world money home truly simply mean um uh hey gonna wanna anymore anyway
    single full poor average weak early late recent latest main major proper total
    kept shut sold meant got took gave held left lost won told felt cost led ran saw sent spent stood thought brought
    bought built caught chose drew drove fell flew knew met paid put rose sat sells set sought taught threw went wore
    pretty whole able hard easy happen try show move feel help keep live ask hear leave alone add check click fix"""
)


async def chapters(transcript: Transcript, embedder: Embedder) -> tuple[Chapter, ...]:
    """Cut a transcript into chapters that cover it from its first to its last word.

    The number follows from the length. The cuts minimise, by dynamic programming, how far the sentences of a chapter
    are from its mean, in an embedding beside a projection of its words; announcements and changes of speaker are
    favoured. In a long item several sentences in a row count as one, so that time and memory grow with the number of
    sentences only. Empty for a transcript that is not English.

    Source: the objective is that of Alemi and Ginsparg, Text Segmentation based on Semantic Word Embeddings, 2015.
    """
    found = await computed(sentences, transcript)
    if not found or not is_english(transcript):
        return ()
    item = await computed(_Item.of, found)
    size = math.ceil(len(found) / _MOST_ROWS)
    rows = []
    for start in range(0, len(found), size * _ROWS_AT_ONCE):
        some = slice(start, start + size * _ROWS_AT_ONCE)
        vectors = await embedder.embed([sentence.text for sentence in found[some]])
        rows.append(await computed(item.rows, vectors, some, size))
    return await computed(_chapters, transcript, item, np.vstack(rows), size)


def wanted_chapters(duration_s: float, sentence_count: int) -> int:
    """How many chapters an item of that length gets."""
    by_length = round(CHAPTERS_PER_ROOT_MINUTE * math.sqrt(max(duration_s, 0.0) / 60))
    return max(1, min(by_length, int(duration_s / SHORTEST_S), sentence_count // FEWEST_SENTENCES))


def boundaries(vectors: NDArray[np.float64], bonus: NDArray[np.float64], count: int) -> list[int]:
    """The numbers of the sentences that open `count` chapters; the first is 0.

    Args:
        vectors: One row a sentence.
        bonus: For each sentence, what is gained when a chapter begins there, in units of squared distance.
        count: How many chapters.
    """
    total = len(vectors)
    longest = total if count == 1 else min(total, max(2 * FEWEST_SENTENCES, math.ceil(LONGEST * total / count)))
    costs = _costs(vectors, bonus, longest)
    costs[:, : min(FEWEST_SENTENCES, total // count) - 1] = np.inf
    best = np.full(total + 1, np.inf)
    best[0] = 0.0
    lengths = np.zeros((count, total + 1), dtype=np.intp)
    for number in range(count):
        # Row `end` of the windows, read backwards, holds the best sums before a last chapter of 1, 2, ... sentences.
        padded = np.concatenate([np.full(longest, np.inf), best[:-1]])
        sums = np.lib.stride_tricks.sliding_window_view(padded, longest)[1:, ::-1] + costs
        at = sums.argmin(axis=1)
        best[0], best[1:] = np.inf, sums[np.arange(total), at]
        lengths[number, 1:] = at + 1
    opened, end = [], total
    for number in reversed(range(count)):
        end -= int(lengths[number, end])
        opened.append(end)
    return opened[::-1]


def title_of(inside: Sequence[Sequence[Token]], frequency: Counter[str], total: int, verbs: frozenset[str]) -> str:
    """The noun phrase, or the two, whose words are frequent in a chapter and rare elsewhere, as it was said.

    Args:
        inside: The tokens of each sentence of the chapter.
        frequency: In how many sentences of the whole item a stem occurs.
        total: Number of sentences of the item.
        verbs: Stems that are used as verbs in the item; no phrase has one.
    """
    said: Counter[str] = Counter()
    spelling: dict[str, Counter[str]] = {}
    for words in inside:
        for phrase in _noun_phrases(words, verbs):
            stems = " ".join(stem(word.low) for word in phrase)
            said[stems] += 1
            spelling.setdefault(stems, Counter())[" ".join(word.text for word in phrase)] += 1
    if not said:
        return ""
    counts = Counter(one for words in inside for one in set(content_stems(words)))

    def weight(phrase: str) -> float:
        parts = phrase.split()
        central = sum(math.pow(counts[one], 0.8) * math.log((1 + total) / (1 + frequency[one])) for one in parts)
        repeated = 1.0 if any(counts[one] > 1 for one in parts) else _SAID_ONCE
        return repeated * central / len(parts) * math.pow(said[phrase], 0.3) * _BY_LENGTH[len(parts) - 1]

    ranked = sorted(said, key=lambda phrase: (-weight(phrase), phrase))
    best = ranked[0]
    others = (one for one in ranked[1:] if not set(one.split()) & set(best.split()))
    second = next((one for one in others if weight(one) >= _SECOND * weight(best)), None)
    chosen = [best] if second is None else [best, second]
    return " and ".join(spelling[phrase].most_common(1)[0][0] for phrase in chosen)


@dataclass(frozen=True, slots=True)
class _Item:
    """The sentences of an item with their tokens, and in how many of them each stem occurs."""

    found: Sequence[Sentence]
    words: Sequence[Sequence[Token]]
    frequency: Counter[str]

    @classmethod
    def of(cls, found: Sequence[Sentence]) -> "_Item":
        words = [sentence.tokens for sentence in found]
        return cls(found, words, Counter(one for said in words for one in set(content_stems(said))))

    def rows(self, vectors: Sequence[Sequence[float]], some: slice, size: int) -> NDArray[np.float64]:
        """One row for every `size` sentences: the mean of their embeddings beside that of their words."""
        rows = np.hstack([np.asarray(vectors, dtype=np.float64), _LEXICAL_SHARE * self._lexical(self.words[some])])
        starts = np.arange(0, len(rows), size)
        counts = np.diff([*starts, len(rows)])
        return np.add.reduceat(rows, starts, axis=0) / counts[:, None]

    def _lexical(self, words: Sequence[Sequence[Token]]) -> NDArray[np.float64]:
        """Signed hashes of the stems, weighted by rarity; one L2-normalised row a sentence."""
        rows = np.zeros((len(words), _LEXICAL_DIMENSION))
        for row, said in zip(rows, words, strict=True):
            for one in content_stems(said):
                if self.frequency[one] > 1:
                    digest = zlib.crc32(one.encode())
                    rarity = np.log(1 + len(self.found) / self.frequency[one])
                    row[digest % _LEXICAL_DIMENSION] += (1 - 2 * (digest >> 31)) * rarity
        sizes = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / np.where(sizes > 0, sizes, 1.0)


def _opened(bonus: NDArray[np.float64], rows: NDArray[np.float64], size: int, count: int) -> list[int]:
    """The numbers of the sentences that open chapters: of each row that does, the sentence with the largest bonus."""
    groups = [bonus[start : start + size] for start in range(0, len(bonus) - 1, size)]
    best = np.array([*(group.max() for group in groups), 0.0])
    opened = boundaries(_smoothed(rows), best, count)
    return [0, *(row * size + int(groups[row].argmax()) for row in opened[1:])]


def _chapters(transcript: Transcript, item: _Item, rows: NDArray[np.float64], size: int) -> tuple[Chapter, ...]:
    found, words, frequency = item.found, item.words, item.frequency
    opened = _opened(_bonus(found), rows, size, wanted_chapters(transcript.duration_s, len(found)))
    verbs = _verbs(words)
    ends = [*opened[1:], len(found)]
    result = []
    for first, last in zip(opened, ends, strict=True):
        opening = found[first].quote
        start_s = 0.0 if first == 0 else opening.start_s
        end_s = found[last].quote.start_s if last < len(found) else transcript.duration_s
        title = title_of(words[first:last], frequency, len(found), verbs) or _shortened(opening.text)
        result.append(Chapter(title, start_s, max(end_s, start_s), opening))
    return tuple(result)


def _costs(vectors: NDArray[np.float64], bonus: NDArray[np.float64], longest: int) -> NDArray[np.float64]:
    """costs[end - 1, length - 1]: squared distances of a stretch from its mean, less the bonus of its first row."""
    total = len(vectors)
    sums = np.vstack([np.zeros(vectors.shape[1]), np.cumsum(vectors, axis=0)])
    sizes = (sums**2).sum(axis=1)
    squares = np.concatenate([[0.0], np.cumsum((vectors**2).sum(axis=1))])
    gains = np.concatenate([[0.0], bonus[1:total]])
    costs = np.full((total, longest), np.inf)
    for first in range(0, total, _BLOCK):
        ends = np.arange(first + 1, min(first + _BLOCK, total) + 1)
        begins = np.arange(max(0, first + 1 - longest), ends[-1])
        lengths = ends[:, None] - begins
        between = sizes[ends, None] - 2 * sums[ends] @ sums[begins].T + sizes[begins]
        within = squares[ends, None] - squares[begins] - between / np.maximum(lengths, 1) - gains[begins]
        rows, columns = np.nonzero((lengths >= 1) & (lengths <= longest))
        costs[ends[rows] - 1, lengths[rows, columns] - 1] = within[rows, columns]
    return costs


def _smoothed(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row with a part of its neighbours: single sentences are too short to carry their subject."""
    padded = np.vstack([rows[:1], rows, rows[-1:]])
    return 0.25 * padded[:-2] + 0.5 * rows + 0.25 * padded[2:]


def _bonus(found: Sequence[Sentence]) -> NDArray[np.float64]:
    bonus = np.zeros(len(found) + 1)
    turn = -1
    for number, sentence in enumerate(found):
        if sentence.turn != turn:
            bonus[number] += _TURN_BONUS
        turn = sentence.turn
        if _ANNOUNCED.search(plain(sentence.text)):
            bonus[number] += _CUE_BONUS
    return bonus


def _verbs(words: Sequence[Sequence[Token]]) -> frozenset[str]:
    """Stems that follow a subject, "to" or an auxiliary more often than what stands before a noun."""
    nominal: Counter[str] = Counter()
    verbal: Counter[str] = Counter()
    for said in words:
        for before, word in pairwise(said):
            if before.low in _BEFORE_VERBS or before.low.endswith(("n't", "'ll", "'d")):
                verbal[stem(word.low)] += 1
            elif before.low in _BEFORE_NOUNS:
                nominal[stem(word.low)] += 1
    return frozenset(one for one, count in verbal.items() if count > nominal[one])


def _noun_phrases(words: Sequence[Token], verbs: frozenset[str]) -> Iterator[Sequence[Token]]:
    """The ends, of one to four words, of each run of words that look nominal behind what stands before a noun."""
    first = 0
    while first < len(words):
        end = first
        while end < len(words) and _titular(words[end], verbs) and (end == first or words[end].joined):
            end += 1
        led = first > 0 and words[first - 1].low in _BEFORE_NOUNS and words[first].joined
        if end > first and (led or all(word.text[0].isupper() for word in words[first + 1 : end])):
            run = words[first:end]
            # Between an adjective and a verb, "the dangerous", there is no noun; "whose" needs one after it.
            repeats = len({stem(word.low) for word in run}) < len(run)
            if not repeats and not run[-1].low.endswith(_NOT_LAST) and (led or len(run) > 1):
                yield from (run[-length:] for length in range(1, min(len(run), _LONGEST_PHRASE) + 1))
        first = max(end, first + 1)


def _titular(word: Token, verbs: frozenset[str]) -> bool:
    low = word.low
    return (
        is_content(low)
        and len(low) > 2
        and low.split("'", maxsplit=1)[0] not in _NOT_IN_TITLES
        and stem(low) not in _NOT_IN_TITLES
        and stem(low) not in verbs
        and low not in MONTHS
        and not low.endswith(("ly", "ed", "n't", "'re", "'ve", "'ll", "'d"))
    )


def _shortened(text: str) -> str:
    return " ".join(text.split()[:6]).rstrip(".,;:?!")
