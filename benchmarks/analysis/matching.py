"""Precision and recall of found items against an answer key, by overlap of their quotes. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Found = TypeVar("Found")
Wanted = TypeVar("Wanted")

SAME_FROM = 0.5
"""Share of the tokens of the shorter quote that both must have in common to be about the same words."""

_TOKEN = re.compile(r"\w+(?:[.,'\u2019]\w+)*|%")


@dataclass(frozen=True)
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
        """The harmonic mean of both."""
        total = self.found + self.wanted
        return 2 * self.right / total if total else 1.0

    def __add__(self, other: "Score") -> "Score":
        return Score(self.right + other.right, self.found + other.found, self.wanted + other.wanted)

    def __str__(self) -> str:
        """Both shares with their counts; "-" for a share of nothing."""
        precision = f"{self.precision:.2f}" if self.found else "-"
        recall = f"{self.recall:.2f}" if self.wanted else "-"
        return f"P {precision:4} ({self.right}/{self.found})  R {recall:4} ({self.right}/{self.wanted})"


def same_words(one: str, other: str) -> bool:
    """Whether at least half of the tokens of the shorter text stand, counted, in the longer one as well."""
    left, right = _TOKEN.findall(one.casefold()), _TOKEN.findall(other.casefold())
    if not left or not right:
        return False
    rest = list(right)
    common = 0
    for token in left:
        if token in rest:
            rest.remove(token)
            common += 1
    return common >= SAME_FROM * min(len(left), len(right))


def score(found: Sequence[Found], wanted: Sequence[Wanted], same: Callable[[Found, Wanted], bool]) -> Score:
    """The largest number of pairs that are the same, each side used once (augmenting paths)."""
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

    return Score(sum(assign(one, set()) for one in range(len(found))), len(found), len(wanted))
