"""How hits of several searches become one list, the same for every adapter. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol, TypeVar

DENSE: Final = "dense"
TERMS: Final = "terms"
"""The two ways of finding a point, and their names in Qdrant's engine."""
FUSION_K: Final = 2  # 60, the usual constant, loses 6 points of recall@10 when one leg is weak
FEWEST_CANDIDATES: Final = 50  # per leg, before fusion


class Ranked(Protocol):
    """What a hit must tell to be ranked."""

    @property
    def id(self) -> str:
        """The point's id."""
        ...

    @property
    def score(self) -> float:
        """What ranks it within one search."""
        ...

    @property
    def similarity(self) -> float:
        """The cosine with the query."""
        ...


Found = TypeVar("Found", bound=Ranked)


def candidates(limit: int) -> int:
    """How many points each leg gives to the fusion for `limit` hits."""
    return max(FEWEST_CANDIDATES, 4 * limit)


def fused(legs: Iterable[Sequence[str]]) -> dict[str, float]:
    """The scores of reciprocal rank fusion for the ids of each leg, which are in order, best first.

    Source: Cormack, Clarke and Buettcher, Reciprocal Rank Fusion outperforms Condorcet, SIGIR 2009; ranks count from 0,
    as in Qdrant.
    """
    scores: dict[str, float] = {}
    for leg in legs:
        for rank, number in enumerate(leg):
            scores[number] = scores.get(number, 0.0) + 1 / (FUSION_K + rank)
    return scores


def best_first(hits: Iterable[Found]) -> list[Found]:
    """The hits, best first. Fused scores are often equal: then the nearer one, then the smaller id."""
    return sorted(hits, key=lambda hit: (-hit.score, -hit.similarity, hit.id))


def cosine(similarity: float | None) -> float:
    """A similarity without the last bit that an engine's rounding adds; 0 where a point has no vector."""
    return 0.0 if similarity is None else max(-1.0, min(1.0, similarity))
