"""Do arguments stand under the key points that judges matched them with? ArgKP, development part, never trained on.

Scored as the shared task of 2021 did: each argument is given its best point; of each side of a motion the half of the
arguments whose best point is surest is kept; mean over the sides of their average precision. A pair that judges did not
decide on counts as wrong ("strict") or as right ("relaxed").
"""

import asyncio
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.analysis.data import Motion, data, motions
from benchmarks.analysis.scores import SEED, average_precision, bounds, mean
from benchmarks.analysis.sizes import Measured, Sizes
from udib.analysis.key_points import likeness
from udib.analysis.text import content_stems, tokens
from udib.memory.static import StaticEmbedder

_KEPT = 0.5
_SHUFFLES = 200
Way = Callable[[Motion], NDArray[np.float64]]


def measure(sizes: Sizes) -> Measured:
    """All figures of this part; none without the data."""
    path = data("analysis/keypoints/arguments_dev.csv.gz")
    if path is None:
        return []
    sides = motions(path.parent, "dev")[: sizes.items]
    rng = np.random.default_rng(SEED)
    embedder = StaticEmbedder.load()
    ways: dict[str, tuple[Way, str]] = {
        "": (lambda side: asyncio.run(likeness(side.arguments, side.points, embedder)), "words and their meaning"),
        "tfidf": (tfidf, "plain TF-IDF of stems, nothing else"),
        "lead": (_first, "always the first point"),
    }
    measured: Measured = []
    for name, (way, note) in ways.items():
        for mode in ("strict", "relaxed"):
            scores = [mean_precision(side, way(side), strict=mode == "strict") for side in sides]
            measured.append(
                (
                    f"keypoints_{name}{'_' if name else ''}{mode}",
                    mean(scores),
                    "",
                    f"{note}; {bounds(scores)}, {len(sides)} sides",
                )
            )
    for mode in ("strict", "relaxed"):
        scores = [
            mean([mean_precision(side, _random(side, rng), strict=mode == "strict") for _ in range(_SHUFFLES)])
            for side in sides
        ]
        measured.append((f"keypoints_random_{mode}", mean(scores), "", f"mean of {_SHUFFLES} draws"))
    return measured


def mean_precision(side: Motion, matrix: NDArray[np.float64], *, strict: bool) -> float:
    """Average precision of the surer half of the arguments; `matrix` is arguments by points."""
    best = matrix.argmax(axis=1)
    sure = matrix.max(axis=1)
    kept = np.argsort(-sure, kind="stable")[: int(_KEPT * len(sure))]
    right = [side.labels.get((int(one), int(best[one])), not strict) for one in kept]
    return average_precision(sure[kept].tolist(), right)


def tfidf(side: Motion) -> NDArray[np.float64]:
    """The baseline: cosine of TF-IDF vectors over the arguments and points of the side."""
    texts = [content_stems(tokens(text)) for text in (*side.arguments, *side.points)]
    frequency = Counter(one for text in texts for one in set(text))
    columns = {one: at for at, one in enumerate(frequency)}
    rows = np.zeros((len(texts), len(columns)))
    for row, text in zip(rows, texts, strict=True):
        for one, count in Counter(text).items():
            row[columns[one]] = (1 + math.log(count)) * math.log(len(texts) / frequency[one])
    sizes = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(sizes > 0, sizes, 1.0)
    return rows[: len(side.arguments)] @ rows[len(side.arguments) :].T


def _first(side: Motion) -> NDArray[np.float64]:
    matrix = np.zeros((len(side.arguments), len(side.points)))
    matrix[:, 0] = -np.arange(len(side.arguments))
    matrix[:, 1:] = -np.inf
    return matrix


def _random(side: Motion, rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.random((len(side.arguments), len(side.points)))
