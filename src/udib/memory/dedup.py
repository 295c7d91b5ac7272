"""Which of many vectors repeat an earlier one: exact, blocked, and never without a kept twin. Pure.

The rule is that of a leader: in a given order, a vector is dropped only if it is near to one that is *kept*, so that
no chain of small steps carries a vector away. The pairs are found by matrix products in the leading directions of the
data; what lies outside them is bounded by Cauchy and Schwarz. Every pair that the bound lets through is decided in
64-bit floats and a fixed order, so that the result does not depend on the processor's threads.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

BLOCK: Final = 1024
"""Vectors a side of one product: what it needs stays in the processor's cache."""
LEADING: Final = 64
"""Directions in which the product is taken; the rest goes into the bound."""
_SAMPLE: Final = 8192
_SMALL: Final = 2048
"""Below this many vectors the directions cost more than they save."""
_PAIRS_AT_ONCE: Final = 8192
_SLACK: Final = 1e-4
"""What 32-bit sums may err, here and there; such pairs are decided in 64 bits."""

Floats = NDArray[np.float32]
Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A vector that repeats a kept one: their numbers, and their cosine in [-1, 1]."""

    dropped: int
    kept: int
    similarity: float


def near_duplicates(vectors: Floats, *, threshold: float) -> list[Repeat]:
    """Find the vectors that repeat an earlier one.

    Args:
        vectors: n x d, in the order in which the first of two is to be kept; rows need not be normalised, none is zero.
        threshold: Cosine in (0, 1] from which two count as the same.

    Returns:
        One entry for each repeated vector, in order; `kept` is the first kept vector that is near to it.

    Raises:
        ValueError: The threshold is out of range, or a row has no direction.
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"a threshold is above 0 and at most 1, not {threshold}")
    search = _Search(_normalised(vectors), threshold)
    return [repeat for begin in range(0, len(vectors), BLOCK) for repeat in search.block(begin)]


class _Search:
    """The state of one pass: the kept vectors so far, in full and in short form."""

    def __init__(self, unit: Floats, threshold: float) -> None:
        self._unit = unit
        self._short = _short_form(unit)
        self._threshold = threshold
        # 1 itself would be missed by a rounding; so would an exact copy.
        self._least = threshold - 1e-6
        self._kept = np.empty(len(unit), dtype=np.intp)
        self._kept_short = np.empty_like(self._short)
        self._count = 0
        self._product = np.empty((BLOCK, BLOCK), dtype=np.float32)

    def block(self, begin: int) -> list[Repeat]:
        """The repeats among the vectors from `begin` on, up to BLOCK of them."""
        rows = np.arange(begin, min(begin + BLOCK, len(self._unit)))
        found: list[Repeat] = []
        for start in range(0, self._count, BLOCK):
            kept = self._kept[start : min(start + BLOCK, self._count)]
            at, other, cosines = self._near(rows, kept, self._kept_short[start : start + len(kept)])
            places, first = np.unique(at, return_index=True)
            found += map(Repeat, rows[places].tolist(), other[first].tolist(), cosines[first].tolist())
            rows = np.delete(rows, places)
        within = self._within(rows)
        fresh = np.setdiff1d(rows, [repeat.dropped for repeat in within], assume_unique=True)
        self._kept[self._count : self._count + len(fresh)] = fresh
        self._kept_short[self._count : self._count + len(fresh)] = self._short[fresh]
        self._count += len(fresh)
        return sorted([*found, *within], key=lambda repeat: repeat.dropped)

    def _within(self, rows: Numbers) -> list[Repeat]:
        """The repeats among rows none of which is near to a vector kept before: each asks those before it."""
        at, other, cosines = self._near(rows, rows, self._short[rows])
        pairs = zip(rows[at].tolist(), other.tolist(), cosines.tolist(), strict=True)
        leaders: dict[int, Repeat] = {}
        for row, earlier, cosine in pairs:
            if row not in leaders and earlier not in leaders:
                leaders[row] = Repeat(row, earlier, cosine)
        return list(leaders.values())

    def _near(
        self, rows: Numbers, others: Numbers, other_short: Floats
    ) -> tuple[Numbers, Numbers, NDArray[np.float64]]:
        """The near pairs, by row and then by other: place of the row, number of the other, cosine."""
        bound = np.matmul(self._short[rows], other_short.T, out=self._product[: len(rows), : len(others)])
        flat = np.flatnonzero(bound >= self._least - _SLACK)
        if len(flat) > bound.size // 20:
            # The bound lets too much through to look at pair by pair: the full product sorts most of it out.
            flat = np.flatnonzero(self._unit[rows] @ self._unit[others].T >= self._least - _SLACK)
        at, other = np.divmod(flat, max(len(others), 1))
        if rows is others:
            at, other = at[other < at], other[other < at]
        cosines = self._cosines(rows[at], others[other])
        near = cosines >= self._least
        return at[near], others[other[near]], np.minimum(cosines[near], 1.0)

    def _cosines(self, left: Numbers, right: Numbers) -> NDArray[np.float64]:
        """Cosines of pairs in 64-bit floats, summed in one order."""
        parts = [np.empty(0)]
        for start in range(0, len(left), _PAIRS_AT_ONCE):
            some = slice(start, start + _PAIRS_AT_ONCE)
            pairs = self._unit[left[some]].astype(np.float64) * self._unit[right[some]]
            parts.append(pairs.sum(axis=1))
        return np.concatenate(parts)


def _normalised(vectors: Floats) -> Floats:
    sizes = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    if not np.all(np.isfinite(sizes) & (sizes > 0)):
        raise ValueError("a vector has no direction")
    unit: Floats = np.ascontiguousarray(vectors / sizes[:, None], dtype=np.float32)
    return unit


def _short_form(unit: Floats) -> Floats:
    """Each vector in its leading directions, and the length of its rest: their product bounds the cosine from above."""
    count, dimension = unit.shape
    if count < _SMALL or dimension <= 2 * LEADING:
        return unit
    sample = unit[:: max(count // _SAMPLE, 1)].astype(np.float64)
    _, directions = np.linalg.eigh(sample.T @ sample)
    leading = unit @ np.ascontiguousarray(directions[:, -LEADING:], dtype=np.float32)
    rest = np.sqrt(np.maximum(1 - np.einsum("ij,ij->i", leading, leading, dtype=np.float64), 0))
    short: Floats = np.concatenate([leading, rest[:, None].astype(np.float32)], axis=1)
    return short
