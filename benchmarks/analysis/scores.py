"""Average precision, shares that hold most of what counts, boundary F1, and 95 % intervals by the bootstrap. Pure."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
SEED = 7

Item = TypeVar("Item")


def average_precision(scores: Sequence[float], right: Sequence[bool]) -> float:
    """The mean of the precisions at each right item, best score first; of equal scores the earlier item is first."""
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    hits = np.asarray(right, dtype=np.float64)[order]
    precisions = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float((precisions * hits).sum() / max(hits.sum(), 1.0))


def share_for(recall: float, scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The share of all items, best score first, that holds this share of the right ones."""
    held = np.cumsum(right[np.argsort(-scores, kind="stable")])
    return float(np.searchsorted(held, recall * held[-1] - 1e-9) + 1) / len(held)


def interval(items: Sequence[Item], figure: Callable[[Sequence[Item]], float]) -> tuple[float, float]:
    """The 95 % bounds of a figure of items, by drawing as many of them again and again."""
    rng = np.random.default_rng(SEED)
    drawn = [figure([items[at] for at in rng.integers(len(items), size=len(items))]) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def mean(values: Sequence[float]) -> float:
    """0.0 for none."""
    return float(np.mean(values)) if values else 0.0


def bounds(values: Sequence[float]) -> str:
    """The interval of the mean, as a note."""
    low, high = interval(values, mean)
    return f"95 % from {low:.3f} to {high:.3f}"


def matched(found: Sequence[int], gold: Sequence[int], tolerance: int) -> int:
    """How many of the positions found lie within the tolerance of one of gold, each used once; both in order."""
    pairs, at = 0, 0
    for position in sorted(gold):
        while at < len(found) and found[at] < position - tolerance:
            at += 1
        if at < len(found) and found[at] <= position + tolerance:
            pairs, at = pairs + 1, at + 1
    return pairs


def boundary_f1(found: Sequence[int], gold: Sequence[int], tolerance: int) -> float:
    """F1 of boundaries."""
    total = len(found) + len(gold)
    return 2 * matched(sorted(found), gold, tolerance) / total if total else 1.0
