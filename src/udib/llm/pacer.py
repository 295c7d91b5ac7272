"""What a dollar is worth in reward, so that what is billed keeps to a budget."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from udib.llm.bandit import Floats

REPRICED_EVERY: Final = 10
"""Billed calls after which the price is worked out anew."""

_DAY_S: Final = 86_400.0
_TRAFFIC_MEMORY_S: Final = 3 * 3_600.0

_RETURNED_OVER: Final = 300.0
_LEAST: Final = 0.05
_HALVINGS: Final = 24


class BudgetPacer:
    """Spreads a budget over a number of calls. To be asked for `price`, and told of every bill.

    A model is worth its expected reward less `price` times its expected cost: the Lagrangian of the best average reward
    at an average cost. The price is the lowest at which the recent calls, decided anew, would on average cost what a
    call may: the budget's share, plus what was saved or less what was overspent, returned over the next 300 calls or
    those that are left. So the price follows from bills and not from rewards, which may come late or never.

    After its last call a budget begins again, with what was saved or overspent.

    Sources: Badanidiyuru, Kleinberg and Slivkins, Bandits with Knapsacks, JACM 2018 (the price); Jasin and Kumar, A
    Re-Solving Heuristic with Bounded Revenue Loss, Math. of OR 2012 (working it out anew from what is left).

    Attributes:
        price: Reward per dollar, >= 0; 0 until it was worked out.
        spent_usd: Billed so far.
        calls: Bills so far.
    """

    def __init__(self, budget_usd: float, calls: float) -> None:
        """Begin to spend.

        Args:
            budget_usd: To be spent, > 0.
            calls: On how many calls, >= 1.
        """
        self.price = 0.0
        self.spent_usd = 0.0
        self.calls = 0
        self._per_call = budget_usd / calls
        self._period = calls
        self._saved = 0.0
        self._left = calls

    @property
    def target_usd(self) -> float:
        """What the next calls may cost on average; never less than a twentieth of the budget's share."""
        back = self._saved / max(1.0, min(self._left, _RETURNED_OVER))
        return max(self._per_call + back, _LEAST * self._per_call)

    def billed(self, usd: float, at_s: float = 0.0) -> bool:  # noqa: ARG002 - for a pacer that lives by the clock
        """Take in what a call cost, and when it was made; whether it is time for `reprice`."""
        self.spent_usd += usd
        self.calls += 1
        self._saved += self._per_call - usd
        self._left -= 1
        if self._left <= 0:
            self._left = self._period
        return self.calls % REPRICED_EVERY == 0

    def replan(self, budget_usd: float, calls: float) -> None:
        """Go on with another budget, which is all that is left, for another number of calls."""
        self._period = self._left = max(calls, 1.0)
        self._per_call = budget_usd / self._period
        self._saved = 0.0

    def reprice(self, rewards: Floats, costs: Floats) -> None:
        """Work out the price anew.

        Args:
            rewards: What recent calls would earn with each model, (n, models), -inf where it cannot be asked; n >= 1.
            costs: What they would cost, in dollars.
        """
        self.price = price_of_budget(rewards, costs, self.target_usd)

    def state(self) -> tuple[float, ...]:
        """All that it is made of, for `resume`."""
        return (self.price, self.spent_usd, self.calls, self._per_call, self._period, self._saved, self._left)

    def resume(self, state: Sequence[float]) -> None:
        """Go on from a state."""
        self.price, self.spent_usd, calls, self._per_call, self._period, self._saved, self._left = state
        self.calls = int(calls)


class DailyPacer(BudgetPacer):
    """A budget for each day (UTC), spread over as many calls as the traffic of the last hours lets expect.

    When traffic doubles, each call may cost half of it from then on; when a price changes, what is left of the day is
    spread anew. Times are those of the calls, so that the same calls always lead to the same price.
    """

    def __init__(self, usd_per_day: float, calls_per_day: float) -> None:
        """Begin to spend.

        Args:
            usd_per_day: To be spent, > 0.
            calls_per_day: What to expect until the traffic is known.
        """
        super().__init__(usd_per_day, calls_per_day)
        self._usd_per_day = usd_per_day
        self._calls_per_s = calls_per_day / _DAY_S
        self._day = -1.0
        self._today_usd = 0.0
        self._last_s = 0.0

    def billed(self, usd: float, at_s: float = 0.0) -> bool:
        """Take in what a call cost, and when it was made, in seconds since 1970; whether to `reprice`."""
        if self._day >= 0:
            kept = math.exp(-max(0.0, at_s - self._last_s) / _TRAFFIC_MEMORY_S)
            self._calls_per_s = self._calls_per_s * kept + 1 / _TRAFFIC_MEMORY_S
        day = at_s // _DAY_S
        if day != self._day:
            self._day, self._today_usd = day, 0.0
        self._today_usd += usd
        self._last_s = at_s
        due = super().billed(usd)
        if due:
            left_usd = max(self._usd_per_day - self._today_usd, _LEAST * self.target_usd)
            self.replan(left_usd, self._calls_per_s * ((day + 1) * _DAY_S - at_s))
        return due

    def state(self) -> tuple[float, ...]:
        """All that it is made of, for `resume`."""
        return (*super().state(), self._calls_per_s, self._day, self._today_usd, self._last_s)

    def resume(self, state: Sequence[float]) -> None:
        """Go on from a state."""
        *rest, self._calls_per_s, self._day, self._today_usd, self._last_s = state
        super().resume(rest)


def price_of_budget(rewards: Floats, costs: Floats, target_usd: float) -> float:
    """The lowest reward per dollar at which the best choices cost at most `target_usd` on average, by bisection.

    0 if the best choices without a price cost no more; if even the cheapest ones cost more, a price that takes those.
    """
    rows = np.arange(len(rewards))

    def cost(price: float) -> float:
        return float(costs[rows, (rewards - price * costs).argmax(axis=1)].mean())

    if cost(0.0) <= target_usd:
        return 0.0
    low, high = 1e-6 / target_usd, 1e6 / target_usd
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        if cost(middle) > target_usd:
            low = middle
        else:
            high = middle
    return high
