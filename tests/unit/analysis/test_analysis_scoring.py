"""Scores of findings against a key: what they count, what chance reaches, how wide their intervals are."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.analysis.scoring import (
    Interval,
    Score,
    average_precision,
    bootstrap,
    chance,
    macro_f1,
    pairs,
    recall_at,
    same_words,
    score,
    share,
)


def test_a_score_counts_both_sides() -> None:
    counted = Score(right=2, found=4, wanted=3)
    assert (counted.precision, counted.false_alarms) == (0.5, 2)
    assert counted.recall == pytest.approx(2 / 3)
    assert counted.f1 == pytest.approx(4 / 7)
    assert counted + Score(1, 1, 1) == Score(3, 5, 4)
    assert str(counted) == "P 0.50 (2/4)  R 0.67 (2/3)"


def test_silence_is_precise_and_finds_nothing() -> None:
    silent = Score(0, 0, 5)
    assert (silent.precision, silent.recall, silent.f1) == (1.0, 0.0, 0.0)
    assert Score(0, 0, 0).f1 == 1.0
    assert str(silent) == "P -    (0/0)  R 0.00 (0/5)"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Rents fell by 4 percent.", "rents fell by 4 percent", True),
        ("Rents fell", "And I tell you that rents fell last year", True),
        ("a a a a", "a b c d", False),
        ("", "anything", False),
    ],
)
def test_quotes_are_the_same_by_their_words(one: str, other: str, same: bool) -> None:
    assert same_words(one, other) is same
    assert same_words(other, one) is same


def test_a_finding_that_could_match_two_leaves_the_other_its_only_match() -> None:
    fits = {("x", 1), ("x", 2), ("y", 1)}
    found, wanted = ["x", "y"], [1, 2]
    assert pairs(found, wanted, lambda one, other: (one, other) in fits) == [(0, 1), (1, 0)]
    assert score(found, wanted, lambda one, other: (one, other) in fits) == Score(2, 2, 2)


def test_average_precision_is_the_textbooks() -> None:
    assert average_precision([5, 4, 3, 2, 1], [True, False, True, False, False]) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision([1, 2], [False, False]) == 0.0


def test_a_constant_score_reaches_the_share_of_relevant_items_in_any_order() -> None:
    assert average_precision([1.0] * 4, [True, False, False, False]) == 0.25
    assert average_precision([1.0] * 4, [False, False, False, True]) == 0.25


def test_recall_at_k_and_macro_f1() -> None:
    assert recall_at([True, False, True], 4, k=2) == 0.25
    assert macro_f1(["a", "a", "b"], ["a", "b", "b"]) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert macro_f1(["a", "a"], ["b", "b"]) == 0.0


def test_chance_is_what_guessing_gets_right() -> None:
    assert chance(10, 20, 100) == Score(2, 10, 20)
    assert chance(0, 5, 0) == Score(0, 0, 5)


def test_a_share_of_few_has_a_wide_interval() -> None:
    none, half = share(0, 10), share(50, 100)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(0.2775, abs=1e-3)
    assert half.low == pytest.approx(0.4038, abs=1e-3)
    assert half.high == pytest.approx(0.5962, abs=1e-3)
    assert share(0, 0) == Interval(1.0, 0.0, 1.0)
    assert str(share(50, 100)) == "0.50 [0.40, 0.60]"


def test_a_bootstrap_is_reproduced_by_its_seed() -> None:
    items = [0.0, 1.0] * 20

    def mean(sample: object) -> float:
        assert isinstance(sample, list)
        return sum(sample) / len(sample)

    drawn = bootstrap(items, mean, rng=random.Random(7), rounds=200)
    assert drawn == bootstrap(items, mean, rng=random.Random(7), rounds=200)
    assert 0.3 < drawn.low < drawn.value == 0.5 < drawn.high < 0.7


def test_nothing_has_no_interval() -> None:
    assert bootstrap([], lambda _: 0.25, rng=random.Random(0)) == Interval(0.25, 0.25, 0.25)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=20))
def test_average_precision_is_a_share_and_1_for_a_perfect_ranking(ranked: list[tuple[float, bool]]) -> None:
    relevant = [is_relevant for _, is_relevant in ranked]
    assert 0.0 <= average_precision([value for value, _ in ranked], relevant) <= 1.0
    if any(relevant):
        assert average_precision([float(one) for one in relevant], relevant) == pytest.approx(1.0)


@given(st.integers(0, 50), st.integers(0, 50))
def test_an_interval_holds_its_value(right: int, wrong: int) -> None:
    interval = share(right, right + wrong)
    assert 0.0 <= interval.low <= interval.value <= interval.high <= 1.0
