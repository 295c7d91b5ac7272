"""The price of a dollar: found by bisection, fed by bills, right by the day."""

from collections.abc import Callable

import numpy as np
import pytest

from udib.llm.pacer import REPRICED_EVERY, BudgetPacer, DailyPacer, price_of_budget

CHEAP, DEAR = 0.001, 0.010
DAY_S = 86_400.0


def spent(pacer: BudgetPacer, calls: int, *, seed: int = 1, times: float = 1.0, gap_s: float = 0.0) -> float:
    """Spend through a pacer: two models, of which the dear one is better by another amount in each call."""
    rng, total, start_s = np.random.default_rng(seed), 0.0, 10 * DAY_S
    gains = rng.random(calls) * 0.2
    costs = np.tile([CHEAP, DEAR], (256, 1))
    for number, gain in enumerate(gains):
        usd = DEAR if gain - pacer.price * (DEAR - CHEAP) > 0 else CHEAP
        total += usd * times
        if pacer.billed(usd * times, start_s + number * gap_s):
            recent = np.array([[0.5, 0.5 + each] for each in rng.choice(gains, 256)])
            pacer.reprice(recent, costs * times)
    return total


@pytest.mark.parametrize("share", [0.15, 0.4, 0.8])
def test_a_budget_is_spent_within_one_percent(share: float) -> None:
    budget = 3_000 * share * DEAR
    assert spent(BudgetPacer(budget, 3_000), 3_000) == pytest.approx(budget, rel=0.01)


def test_dearer_bills_are_made_up_for_before_the_end() -> None:
    pacer = BudgetPacer(3_000 * 0.005, 3_000)
    first = spent(pacer, 1_500)
    assert first + spent(pacer, 1_500, seed=2, times=1.5) == pytest.approx(3_000 * 0.005, rel=0.01)


def test_a_budget_that_buys_the_best_has_no_price() -> None:
    assert price_of_budget(np.array([[0.5, 0.9]]), np.array([[CHEAP, DEAR]]), DEAR) == 0.0


def test_a_budget_that_buys_nothing_takes_the_cheapest() -> None:
    price = price_of_budget(np.array([[0.5, 0.9]]), np.array([[CHEAP, DEAR]]), CHEAP / 10)
    assert 0.5 - price * CHEAP > 0.9 - price * DEAR


def test_a_day_s_budget_lasts_for_the_day_also_when_the_traffic_is_ten_times_what_was_expected() -> None:
    pacer = DailyPacer(usd_per_day=10.0, calls_per_day=200)
    calls = 2_000
    assert spent(pacer, calls, gap_s=DAY_S / calls) == pytest.approx(10.0, rel=0.12)


def test_the_next_day_has_a_budget_of_its_own() -> None:
    pacer = DailyPacer(usd_per_day=1.0, calls_per_day=100)
    for number in range(REPRICED_EVERY):
        pacer.billed(0.1, 5 * DAY_S + number)
    overspent = pacer.target_usd
    for number in range(REPRICED_EVERY):
        pacer.billed(0.0, 6 * DAY_S + number)
    assert overspent < 0.001 < pacer.target_usd


@pytest.mark.parametrize("made", [lambda: BudgetPacer(5.0, 100), lambda: DailyPacer(5.0, 100)])
def test_a_state_is_taken_up_where_it_was_left(made: Callable[[], BudgetPacer]) -> None:
    pacer, other = made(), made()
    spent(pacer, 95, gap_s=60)
    other.resume(pacer.state())
    assert other.state() == pacer.state()
    assert (other.price, other.target_usd) == (pacer.price, pacer.target_usd)
