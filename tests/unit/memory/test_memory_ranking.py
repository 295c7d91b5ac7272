"""Fusion and order of hits."""

import pytest

from udib.core.vectors import Hit
from udib.memory.ranking import best_first, candidates, cosine, fused


def test_fusion_adds_the_reciprocal_ranks_of_each_leg() -> None:
    assert fused([["a", "b"], ["b", "c"]]) == {"a": 1 / 2, "b": 1 / 3 + 1 / 2, "c": 1 / 3}
    assert fused([]) == {}


def test_of_equal_scores_the_nearer_comes_first_then_the_smaller_id() -> None:
    hits = [Hit("b", 1.0, 0.5, {}), Hit("c", 1.0, 0.9, {}), Hit("a", 1.0, 0.5, {}), Hit("d", 2.0, -1.0, {})]
    assert [hit.id for hit in best_first(hits)] == ["d", "c", "a", "b"]


@pytest.mark.parametrize(("limit", "most"), [(1, 50), (12, 50), (13, 52), (1000, 4000)])
def test_each_leg_gives_enough_to_the_fusion(limit: int, most: int) -> None:
    assert candidates(limit) == most


@pytest.mark.parametrize(("given", "told"), [(None, 0.0), (1.0000001, 1.0), (-1.1, -1.0), (0.25, 0.25)])
def test_a_similarity_is_a_cosine(given: float | None, told: float) -> None:
    assert cosine(given) == told
