"""Which arguments make the same point: words they share or that are near in meaning, weighted by how rare they are."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from udib.analysis.text import content_stems, is_content, stem, tokens
from udib.core.computing import computed
from udib.core.findings import Argument, KeyPoint, Role
from udib.core.speech import Quote
from udib.core.vectors import Embedder

Matrix = NDArray[np.float64]

_SHARPNESS: Final = 2.0
"""Power of the cosine of two words: far ones then count for little. All numbers here: ArgKP, training part."""
_MEANING: Final = 0.5
"""Weight of the cosine of whole texts beside that of covered words."""
SAME_POINT: Final = 0.58
"""Likeness from which two arguments make one point: 81 % of such pairs do, 45 % of any two on one side of a motion."""
MOST_COMPARED: Final = 500
"""Arguments that are compared with each other, those with most words of meaning first: each is, with each."""
_FEWEST_WORDS: Final = 3
_ROLES: Final = frozenset({Role.PREMISE, Role.CONCLUSION, Role.REBUTTAL, Role.CONCESSION})


async def key_points(arguments: Sequence[Argument], embedder: Embedder) -> tuple[KeyPoint, ...]:
    """The points that are made more than once, most often made first.

    A point is told by the argument that is like most of the others; they stand below it, in order of time.
    """
    quotes = _candidates(arguments)
    if len(quotes) < 2:
        return ()
    like = await likeness([quote.text for quote in quotes], [], embedder)
    return await computed(_grouped, quotes, like)


async def likeness(texts: Sequence[str], others: Sequence[str], embedder: Embedder) -> Matrix:
    """How far each text makes the point of each of the others, in [0, 1]: one row a text.

    Without others, of each of the texts themselves. The geometric mean of how much of either is covered by the other,
    word by word, beside the cosine of both. The rarity of a word is counted over all these texts.
    """
    both = [*texts, *others]
    rows, columns = slice(len(texts)), slice(len(texts) if others else 0, None)
    words = await computed(_Words.of, both)
    sentences = np.asarray(await embedder.embed(both), dtype=np.float64)
    meanings = np.asarray(await embedder.embed(words.known), dtype=np.float64).reshape(len(words.known), -1)
    return await computed(_likeness, words, sentences, meanings, (rows, columns))


@dataclass(frozen=True, slots=True)
class _Words:
    """The words that carry meaning: `known` once each, their stems and rarity, and those of each text by number."""

    known: list[str]
    stems: list[str]
    rarity: Matrix
    texts: list[list[int]]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "_Words":
        said = [list(dict.fromkeys(word.low for word in tokens(text) if is_content(word.low))) for text in texts]
        number = {word: at for at, word in enumerate(dict.fromkeys(word for words in said for word in words))}
        stems = [stem(word) for word in number]
        frequency = Counter(one for words in said for one in {stem(word) for word in words})
        rarity = np.array([math.log(len(texts) / frequency[one]) for one in stems])
        return cls(list(number), stems, rarity, [[number[word] for word in words] for words in said])

    def nearness(self, meanings: Matrix) -> Matrix:
        """Of each two words; forms of one word are as near as can be."""
        near = np.clip(meanings @ meanings.T, 0.0, 1.0) ** _SHARPNESS
        _, group = np.unique(self.stems, return_inverse=True)
        near[group[:, None] == group[None, :]] = 1.0
        return near

    def weights(self) -> Matrix:
        """One row a text: the rarity of its words as shares of 1."""
        rows = np.zeros((len(self.texts), len(self.known)))
        for row, words in zip(rows, self.texts, strict=True):
            row[words] = self.rarity[words]
        totals = rows.sum(axis=1, keepdims=True)
        return rows / np.where(totals > 0, totals, 1.0)


def _candidates(arguments: Sequence[Argument]) -> list[Quote]:
    """One argument a sentence, without examples and without what says too little by itself."""
    firsts = {(each.quote.first, each.quote.start_s): each.quote for each in reversed(arguments) if each.role in _ROLES}
    sizes = {quote: len(set(content_stems(tokens(quote.text)))) for quote in firsts.values()}
    full = sorted((quote for quote in sizes if sizes[quote] >= _FEWEST_WORDS), key=lambda quote: -sizes[quote])
    return sorted(full[:MOST_COMPARED], key=lambda quote: quote.start_s)


def _grouped(quotes: Sequence[Quote], like: Matrix) -> tuple[KeyPoint, ...]:
    """Groups around the argument with most others near it, again and again among those that are left."""
    near = like >= SAME_POINT
    np.fill_diagonal(near, val=False)
    found = []
    while near.any():
        at = int(near.sum(axis=1).argmax())
        others = np.flatnonzero(near[at])
        found.append(KeyPoint(quotes[at], tuple(quotes[int(one)] for one in others)))
        gone = [at, *others]
        near[gone, :] = False
        near[:, gone] = False
    return tuple(found)


def _likeness(words: _Words, sentences: Matrix, meanings: Matrix, part: tuple[slice, slice]) -> Matrix:
    rows, columns = part
    if not words.known:
        return np.zeros((len(sentences[rows]), len(sentences[columns])))
    near, weights = words.nearness(meanings), words.weights()
    # best[w, t]: how near the nearest word of text t is to word w.
    best = np.stack([near[:, said].max(axis=1) if said else np.zeros(len(near)) for said in words.texts], axis=1)
    covered = weights[rows] @ best[:, columns]
    covering = (weights[columns] @ best[:, rows]).T
    meaning = np.clip(sentences[rows] @ sentences[columns].T, 0.0, 1.0)
    found: Matrix = (np.sqrt(covered * covering) + _MEANING * meaning) / (1 + _MEANING)
    return found
