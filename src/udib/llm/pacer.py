"""What a dollar is worth in reward, so that what is billed keeps to a budget."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from udib.llm.bandit import Floats

REPRICED_EVERY: Final = 20
"""Billed calls after which the price is worked out anew."""

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

    def billed(self, usd: float) -> bool:
        """Take in what a call cost; whether it is time for `reprice`."""
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
        """All that it is made of, for `resumed`."""
        return (self.price, self.spent_usd, self.calls, self._per_call, self._period, self._saved, self._left)

    @classmethod
    def resumed(cls, state: Sequence[float]) -> "BudgetPacer":
        """The pacer that was in a state."""
        price, spent, calls, per_call, period, saved, left = state
        pacer = cls(per_call * period, period)
        pacer.price, pacer.spent_usd, pacer.calls = price, spent, int(calls)
        pacer._saved, pacer._left = saved, left
        return pacer


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
