"""The need for a purse: what may be spent, what was, and on what. Nothing is paid that was not set aside before."""

from dataclasses import dataclass
from typing import Final, Protocol

from udib.core.chat import Purpose
from udib.core.checked import Checked
from udib.core.tenancy import Scope, TenantId

LARGEST_USD: Final = 1e6
"""More than this is no amount that a ledger takes."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that may be spent, in USD: on one request, and by one tenant on one day (UTC)."""

    request_usd: float = 0.10
    day_usd: float = 1.00


@dataclass(frozen=True, slots=True)
class Spending:
    """What one kind of call cost on one day.

    Attributes:
        day: As YYYY-MM-DD, UTC.
        scope: Who paid.
        task: What for.
        model: Which model.
        calls: How many calls.
        cost_usd: What they cost together; of unsettled ones, what was set aside.
        unsettled: Of the calls, those whose end was never seen: they may have been billed, so they count as such.
    """

    day: str
    scope: Scope
    task: str
    model: str
    calls: int
    cost_usd: float
    unsettled: int = 0


class Ledger(Checked, Protocol):
    """What tenants spend. All processes that share it share the caps."""

    async def reserve(self, purpose: Purpose, model: str, amount_usd: float, *, day_cap_usd: float) -> str:
        """Set aside what a call may cost at most, before it is made.

        What is set aside counts as spent on its day until it is settled or released, also if the process dies: no cap
        is ever passed by calls that nobody has seen the end of.

        Returns:
            The reservation's id.

        Raises:
            BudgetExceededError: It would pass the tenant's cap for today; nothing was set aside.
            UnavailableError: The ledger is not to be had; then nothing may be spent.
        """
        ...

    async def settle(self, reservation: str, cost_usd: float) -> None:
        """Put what was billed in the place of what was set aside. Doing it again changes nothing."""
        ...

    async def release(self, reservation: str) -> None:
        """Give back what was set aside for a call that cost nothing. Doing it again changes nothing."""
        ...

    async def spent_usd(self, tenant: TenantId) -> float:
        """What a tenant has spent today, with what is set aside."""
        ...

    async def spendings(self, tenant: TenantId | None, *, days: int) -> list[Spending]:
        """What was spent in the last days, today included, newest day first; None: by all tenants."""
        ...
