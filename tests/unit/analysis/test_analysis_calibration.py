import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.analysis.calibration import Judged, brier, calibration_error, development, fit, share

from udib.analysis.claims import OFFSET, SLOPE, share_of_claims


def test_the_shipped_numbers_are_what_the_talks_give() -> None:
    assert fit(development()) == pytest.approx((SLOPE, OFFSET), abs=0.01)


def test_a_fit_finds_the_curve_its_talks_were_drawn_from() -> None:
    rng = np.random.default_rng(1)
    totals = rng.normal(size=20_000)
    claims = rng.random(20_000) < share(totals, 2.0, -1.0)
    assert fit([Judged(totals, claims)]) == pytest.approx((2.0, -1.0), abs=0.1)


def test_sums_that_part_the_claims_without_a_fault_have_a_curve() -> None:
    slope, _ = fit([Judged(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([False, False, True, True]))])
    assert 0 < slope < 10


def test_the_benchmark_says_the_shares_of_the_product() -> None:
    totals = np.linspace(-3, 3, 7)
    assert share(totals, SLOPE, OFFSET) == pytest.approx([share_of_claims(total) for total in totals], abs=1e-6)


def test_what_is_said_as_often_as_it_is_so_has_no_error() -> None:
    right = np.array([True, False, False, False, False] * 20)
    said = np.full(100, 0.2)
    assert calibration_error(said, right) == pytest.approx(0.0)
    assert brier(said, right) == pytest.approx(0.16)
    assert calibration_error(np.full(100, 0.9), right) == pytest.approx(0.7)
