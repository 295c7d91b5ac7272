"""The parts of the memory's benchmark that judge: what was planted, how sure a gain is, which vectors differ."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.memory.cache import _alike
from benchmarks.memory.dedup import THRESHOLD, _quality, planted
from benchmarks.memory.retrieval import interval
from benchmarks.peers.data import points


def test_planted_copies_are_near_to_something_before_them() -> None:
    made = planted(600)
    cosines = made.vectors @ made.vectors.T
    for copy in made.copies:
        assert cosines[copy, :copy].max() >= THRESHOLD
    plain = sorted(set(range(600)) - made.copies - made.chained)
    among_plain = cosines[np.ix_(plain, plain)] - np.eye(len(plain))
    assert among_plain.max() < THRESHOLD


def test_a_vector_dropped_onto_a_dropped_one_is_counted() -> None:
    made = planted(600)
    first, second = sorted(made.copies)[:2]
    measured = {name: value for name, value, _, _ in _quality(made, np.array([[first, second, 1.0], [second, 0, 1.0]]))}
    assert measured["dedup_without_kept_twin"] == 2
    assert measured["dedup_precision"] == 1


def test_the_interval_of_a_sure_gain_is_above_zero_and_that_of_none_is_not() -> None:
    assert interval([True] * 90 + [False] * 10, [True] * 50 + [False] * 50)[0] > 0
    assert interval([True, False] * 50, [False, True] * 50)[0] < 0


def test_near_identical_vectors_all_differ_and_share_their_ends() -> None:
    vectors = [tuple(vector) for vector in _alike(2_000)]
    assert len(set(vectors)) == 2_000
    assert len({vector[:8] + vector[-8:] for vector in vectors}) == 1


@pytest.mark.parametrize(("largest", "share"), [(None, 0.15), (400, 0.40)])
def test_tenants_have_the_sizes_that_were_asked_for(largest: int | None, share: float) -> None:
    made = points(1_000, queries=5, largest=largest)
    sizes = Counter(made.tenants.tolist())
    assert len(made.vectors) == 1_000
    assert sizes[0] == pytest.approx(1_000 * share, abs=20)
    assert len(sizes) == 50
