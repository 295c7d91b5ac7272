"""Scores of findings against an answer key: precision, recall, average precision, with intervals and chance. Pure.

A score says little alone. `chance` gives what guessing reaches on the same key, `Interval` how far the score would move
on another sample of the same size.
"""

import itertools
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

Found = TypeVar("Found")
Wanted = TypeVar("Wanted")
Item = TypeVar("Item")

SAME_FROM: Final = 0.5
"""Share of the tokens of the shorter quote that both must have in common to be about the same words."""

_TOKEN = re.compile(r"\w+(?:[.,'\u2019]\w+)*|%")
_Z_95: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Score:
    """Counts of one comparison. `found` and `wanted` are the sizes of both sides, `right` the pairs that match.

    The sum of two scores is the score of both taken together.
    """

    right: int
    found: int
    wanted: int

    @property
    def precision(self) -> float:
        """1.0 when nothing was found: silence says nothing wrong."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """1.0 when nothing was wanted."""
        return self.right / self.wanted if self.wanted else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0.0 when nothing was found although something was wanted."""
        total = self.found + self.wanted
        return 2 * self.right / total if total else 1.0

    @property
    def false_alarms(self) -> int:
        """What was found and is not in the key."""
        return self.found - self.right

    def __add__(self, other: "Score") -> "Score":
        return Score(self.right + other.right, self.found + other.found, self.wanted + other.wanted)

    def __str__(self) -> str:
        """Both shares with their counts; "-" for a share of nothing."""
        precision = f"{self.precision:.2f}" if self.found else "-"
        recall = f"{self.recall:.2f}" if self.wanted else "-"
        return f"P {precision:4} ({self.right}/{self.found})  R {recall:4} ({self.right}/{self.wanted})"


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the bounds between which it lies in 95 of 100 samples."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def same_words(one: str, other: str) -> bool:
    """Whether at least half of the tokens of the shorter text stand, counted, in the longer one as well."""
    left, right = _TOKEN.findall(one.casefold()), _TOKEN.findall(other.casefold())
    if not left or not right:
        return False
    common = (Counter(left) & Counter(right)).total()
    return common >= SAME_FROM * min(len(left), len(right))


def pairs(
    found: Sequence[Found], wanted: Sequence[Wanted], same: Callable[[Found, Wanted], bool]
) -> list[tuple[int, int]]:
    """The largest set of pairs (index of found, index of wanted) that are the same, each side used once.

    Source: augmenting paths, Kuhn, "The Hungarian method for the assignment problem", 1955.
    """
    partner: dict[int, int] = {}

    def assign(one: int, tried: set[int]) -> bool:
        for other in range(len(wanted)):
            if other in tried or not same(found[one], wanted[other]):
                continue
            tried.add(other)
            if other not in partner or assign(partner[other], tried):
                partner[other] = one
                return True
        return False

    for one in range(len(found)):
        assign(one, set())
    return sorted((one, other) for other, one in partner.items())


def score(found: Sequence[Found], wanted: Sequence[Wanted], same: Callable[[Found, Wanted], bool]) -> Score:
    """How many of both sides are the same, each used once."""
    return Score(len(pairs(found, wanted, same)), len(found), len(wanted))


def chance(found: int, wanted: int, of: int) -> Score:
    """What picking `found` of `of` things at random gets right on average, rounded: the baseline of any finder."""
    return Score(round(found * wanted / of) if of else 0, found, wanted)


def average_precision(scores: Sequence[float], relevant: Sequence[bool]) -> float:
    """Mean of the precision at every relevant item, in order of falling score; 0.0 when none is relevant.

    Items of equal score share one rank, so that a ranker that does not tell them apart gains nothing from their order:
    a constant score reaches the share of relevant items. To score a plain ranking, pass falling numbers.
    """
    wanted = sum(relevant)
    if not wanted:
        return 0.0
    order = sorted(zip(scores, relevant, strict=True), key=lambda pair: -pair[0])
    total = 0.0
    hits = seen = 0
    for _, tied in itertools.groupby(order, key=lambda pair: pair[0]):
        group = [is_relevant for _, is_relevant in tied]
        hits += sum(group)
        seen += len(group)
        total += sum(group) * hits / seen
    return total / wanted


def recall_at(ranked: Sequence[bool], wanted: int, *, k: int) -> float:
    """Share of the `wanted` relevant items among the first `k`; `ranked` tells of each whether it is relevant."""
    return sum(ranked[:k]) / wanted if wanted else 1.0


def macro_f1(predicted: Sequence[Hashable], actual: Sequence[Hashable]) -> float:
    """Mean of the F1 of every label that stands on either side, each label weighing the same."""
    both = list(zip(predicted, actual, strict=True))
    labels = {label for pair in both for label in pair}
    scores = [
        Score(
            sum(one == label == other for one, other in both),
            sum(one == label for one, _ in both),
            sum(other == label for _, other in both),
        ).f1
        for label in labels
    ]
    return sum(scores) / len(scores) if scores else 1.0


def share(right: int, of: int) -> Interval:
    """A share with its 95 % interval, honest for small counts too; of nothing it may be anything.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    if not of:
        return Interval(1.0, 0.0, 1.0)
    value, z2 = right / of, _Z_95**2
    middle = (value + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z_95 * math.sqrt(value * (1 - value) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return Interval(value, max(0.0, min(value, middle - half)), min(1.0, max(value, middle + half)))


def bootstrap(
    items: Sequence[Item], statistic: Callable[[Sequence[Item]], float], *, rng: random.Random, rounds: int = 1000
) -> Interval:
    """A figure of a sample with its 95 % interval, by drawing the items anew with replacement.

    Args:
        items: What was drawn independently: talks or debates, not the sentences within one.
        statistic: The figure of a sample.
        rng: Seed it, so that the interval can be reproduced.
        rounds: How often to draw.

    Source: Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 1979 (percentiles).
    """
    value = statistic(items)
    if not items:
        return Interval(value, value, value)
    drawn = sorted(statistic(rng.choices(items, k=len(items))) for _ in range(rounds))
    return Interval(value, drawn[int(0.025 * rounds)], drawn[min(rounds - 1, int(0.975 * rounds))])
