"""The parts of the benchmark that judge, and the edits that it makes."""

import random
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.analysis import edits
from benchmarks.analysis.data import Motion
from benchmarks.analysis.keypoints import mean_precision
from benchmarks.analysis.scores import average_precision, boundary_f1, interval, mean, share_for


def test_average_precision_is_that_of_the_right_ones_in_their_places() -> None:
    assert average_precision([0.9, 0.8, 0.7, 0.1], [True, False, True, False]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([0.1, 0.9], [False, False]) == 0.0


def test_the_share_for_a_recall_counts_from_the_best_score_down() -> None:
    scores, right = np.array([0.1, 0.9, 0.5, 0.7]), np.array([False, True, True, False])
    assert share_for(0.5, scores, right) == 0.25
    assert share_for(1.0, scores, right) == 0.75


@pytest.mark.parametrize(
    ("found", "gold", "f1"),
    [((10, 20), (12, 40), 0.5), ((10, 11), (10,), 2 / 3), ((), (), 1.0), ((5,), (), 0.0), ((9, 14), (12, 11), 1.0)],
)
def test_a_boundary_counts_once_within_the_tolerance(found: tuple[int, ...], gold: tuple[int, ...], f1: float) -> None:
    assert boundary_f1(found, gold, 3) == pytest.approx(f1)


def test_an_interval_holds_the_mean_and_that_of_one_value_is_that_value() -> None:
    low, high = interval([0.0, 1.0] * 20, mean)
    assert low < 0.5 < high
    assert interval([0.25] * 9, mean) == (0.25, 0.25)


def test_an_undecided_pair_is_wrong_when_strict_and_right_when_relaxed() -> None:
    side = Motion("topic", ("a", "b", "c", "d"), ("p", "q"), {(0, 0): True})
    matrix = np.array([[0.9, 0.1], [0.8, 0.1], [0.2, 0.1], [0.1, 0.0]])
    assert mean_precision(side, matrix, strict=True) == 1.0
    assert mean_precision(side, matrix[[1, 0, 2, 3]], strict=True) == 0.5
    assert mean_precision(side, matrix[[1, 0, 2, 3]], strict=False) == 1.0


@pytest.mark.parametrize(
    ("edit", "text", "expected"),
    [
        (edits.fillers, "We uh built you know ten houses.", "We built ten houses."),
        (edits.contractions, "We don't build.", "We do not build."),
        (edits.figures, "We built ten houses.", "We built 10 houses."),
        (edits.figures, "We built 45 houses.", "We built forty-five houses."),
        (edits.fillers, "We built ten houses.", None),
        (edits.number, "We built houses.", None),
    ],
)
def test_edits(edit: edits.Edit, text: str, expected: str | None) -> None:
    assert edit(text, random.Random(1)) == expected


@pytest.mark.parametrize("edit", [edits.negation, edits.number, edits.quantifier, edits.unit])
def test_an_edit_that_changes_the_meaning_changes_the_words(edit: edits.Edit) -> None:
    text = "We have built 10 houses in all of the two years."
    for seed in range(20):
        assert (edit(text, random.Random(seed)) or "").casefold() != text.casefold()
