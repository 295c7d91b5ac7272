"""What holds of every scale of confidences, whatever people said of the verdicts."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.analysis.calibration import GROUP, Rated, calibrated, fitted
from udib.core.findings import ByRule, Label, Tally, Verdict
from udib.core.types import ContentId

hundredths = st.integers(1, 90).map(lambda number: number / 100)


def _rated(item: int, confidence: float, *, right: bool) -> Rated:
    return Rated(ContentId(f"file:{item}"), confidence, 0.9, right)


verdicts = st.lists(st.builds(_rated, st.integers(0, 8), hundredths, right=st.booleans()), min_size=GROUP, max_size=80)


def shown(scale_of: str, confidence: float, most: float) -> Verdict:
    return Verdict(Label.SUPPORTED, confidence, "", by_rule=ByRule(confidence, most, scale_of))


@given(verdicts, st.lists(hundredths, max_size=20), hundredths)
def test_the_surer_the_rules_the_surer_the_scale_and_never_above_the_bound(
    some: list[Rated], asked: list[float], most: float
) -> None:
    scale = fitted("m", some, at="")
    given_ = [scale.applied(shown("m", each, most)).confidence for each in sorted(asked)]
    assert given_ == sorted(given_)
    assert all(0 <= each <= most for each in given_)
    shares = [step.share for step in scale.steps]
    assert shares == sorted(set(shares))
    assert sum(step.tally.of for step in scale.steps) == len(some)
    assert all(step.tally.of >= GROUP for step in scale.steps)


@given(verdicts, st.randoms())
def test_the_order_of_the_labels_changes_nothing(some: list[Rated], rng: Callable[[], float]) -> None:
    mixed = list(some)
    rng.shuffle(mixed)  # type: ignore[attr-defined]
    assert fitted("m", mixed, at="") == fitted("m", some, at="")


def test_neighbours_that_contradict_are_pooled() -> None:
    low = [_rated(0, 0.3, right=number < 6) for number in range(10)]
    high = [_rated(1, 0.6, right=number < 4) for number in range(10)]
    [step] = fitted("m", low + high, at="").steps
    assert (step.begins, step.tally) == (0.3, Tally(10, 20))


def test_verdicts_of_another_maker_and_those_that_say_nothing_stay_as_they_are() -> None:
    scale = fitted("m", [_rated(0, 0.5, right=True)] * 10, at="")
    other, silent = shown("another", 0.4, 0.9), Verdict(Label.NOT_ENOUGH_INFO, 0.0, "")
    assert scale.applied(other) == other
    assert scale.applied(silent) == silent
    assert scale.applied(shown("m", 0.4, 0.7)).checked == Tally(10, 10)


def test_what_a_scale_is_worth_is_measured_on_verdicts_that_it_did_not_see() -> None:
    """Where the rules are twice as sure as they are right, a scale helps; where all is chance, it cannot."""
    some = [_rated(number % 10, 0.8, right=number // 10 % 5 < 2) for number in range(100)]
    told = calibrated("m", some, at="")
    assert (told.verdicts, told.right, told.by_item) == (100, 40, True)
    assert told.by_rule.brier == pytest.approx(0.4 * 0.04 + 0.6 * 0.64)
    assert told.by_rule.ece == pytest.approx(0.4)
    assert told.calibrated == told.constant
    assert told.calibrated.brier < told.by_rule.brier
    learned = calibrated("m", [_rated(0, 0.2, right=False), _rated(0, 0.8, right=True)] * 30, at="")
    assert not learned.by_item
    assert learned.calibrated.brier == pytest.approx(0.005), "0.9 is the most: 1.0 would be too sure"
    assert learned.constant.brier == pytest.approx(0.25, abs=0.01)


def test_no_verdict_is_measured_by_a_scale_that_saw_its_item() -> None:
    some = [_rated(item, 0.5, right=item == 0) for item in range(5) for _ in range(10)]
    told = calibrated("m", some, at="")
    assert told.constant.brier == told.calibrated.brier == pytest.approx(0.25), "0 for the first item, 0.25 for others"
