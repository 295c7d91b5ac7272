"""What every ledger counts with: whole nanodollars, and days of UTC. Pure."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from udib.core.errors import BudgetExceededError
from udib.core.spending import LARGEST_USD, Spending
from udib.core.tenancy import Scope, TenantId

USD: Final = 1e-9
"""What a nanodollar is in USD."""
TOO_LONG_AGO: Final = timedelta(days=2)
"""A call that was begun before that has ended: its reservation is kept as a spending."""


def nano(usd: float) -> int:
    """An amount in whole nanodollars, of which any number add up exactly."""
    if not 0 <= usd <= LARGEST_USD:
        raise ValueError(f"{usd} USD is no amount to spend")
    return round(usd / USD)


def day(clock: Callable[[], float], ago: timedelta = timedelta()) -> str:
    """The day so long ago, as YYYY-MM-DD."""
    return (datetime.fromtimestamp(clock(), UTC) - ago).date().isoformat()


def over_cap(tenant: TenantId, spent_nano: int, amount_usd: float, day_cap_usd: float) -> BudgetExceededError:
    """Why a call may not be made."""
    return BudgetExceededError(
        f"The tenant {tenant!r} has spent {spent_nano * USD:.4f} of {day_cap_usd:g} USD for today, and this call may "
        f"cost {amount_usd:.4f}; wait until tomorrow (UTC) or raise llm.cap_day_usd."
    )


def spending(row: Sequence[Any]) -> Spending:
    """A line of the account."""
    on, tenant, workspace, task, model, calls, cost_nano, unsettled = row
    return Spending(on, Scope.of(tenant, workspace), task, model, calls, cost_nano * USD, unsettled)
