"""Whatever tenants, processes and clocks do in whatever order: no cap is passed, and nothing spent is forgotten."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.chat import Purpose
from udib.core.errors import BudgetExceededError
from udib.core.tenancy import Scope, TenantId
from udib.storage.database import Database
from udib.storage.ledger import SCHEMA, SqliteLedger

CAP_NANO = 100_000_000
_USD = 1e-9
_TENANTS, _PROCESSES = "ab", 2
Step = tuple[str, str, int, int, int]

steps = st.tuples(
    st.sampled_from(["reserve", "reserve", "settle", "release", "reopen", "jump"]),
    st.sampled_from(_TENANTS),
    st.integers(0, _PROCESSES - 1),
    st.integers(0, CAP_NANO),
    st.integers(0, 9),
)


@dataclass(frozen=True)
class Held:
    """What is set aside for a call."""

    number: str
    tenant: str
    day: int
    amount: int


@dataclass
class World:
    """The ledger as lists: what is set aside, what was kept since nobody asked for it, what was spent on which day."""

    day: int = 0
    held: list[Held] = field(default_factory=list)
    kept: list[Held] = field(default_factory=list)
    spent: Counter[tuple[str, int]] = field(default_factory=Counter)

    def now(self) -> float:
        return 1_700_000_000.0 + 86_400 * self.day

    def counted(self, tenant: str) -> int:
        held = sum(each.amount for each in self.held if (each.tenant, each.day) == (tenant, self.day))
        return self.spent[tenant, self.day] + held

    def keep_left_over(self) -> None:
        for each in [each for each in self.held if each.day < self.day - 2]:
            self.spent[each.tenant, each.day] += each.amount
            self.held.remove(each)
            self.kept.append(each)


@given(st.lists(steps, max_size=25))
def test_no_order_of_events_passes_a_cap(tmp_path_factory: pytest.TempPathFactory, events: list[Step]) -> None:
    asyncio.run(_live(tmp_path_factory.mktemp("ledger") / "spending.db", events))


async def _live(path: Path, events: list[Step]) -> None:
    world = World()
    databases = [Database(path, SCHEMA) for _ in range(_PROCESSES)]
    for what, tenant, process, amount, which in events:
        ledger = SqliteLedger(databases[process], clock=world.now)
        if what == "jump":
            world.day = which
        elif what == "reopen":
            await databases[process].close()
            databases[process] = Database(path, SCHEMA)
            ledger = SqliteLedger(databases[process], clock=world.now)
        elif what == "reserve":
            await _reserve(ledger, world, tenant, amount)
        elif calls := [*world.held, *world.kept]:
            await _end(ledger, world, calls[which % len(calls)], None if what == "release" else amount)
        for each in _TENANTS:
            counted = await ledger.spent_usd(TenantId(each))
            assert round(counted / _USD) == world.counted(each) <= CAP_NANO
    account = await SqliteLedger(databases[0], clock=world.now).spendings(None, days=60)
    everything = sum(world.spent.values()) + sum(each.amount for each in world.held)
    assert round(sum(row.cost_usd for row in account) / _USD) == everything
    for database in databases:
        await database.close()


async def _reserve(ledger: SqliteLedger, world: World, tenant: str, amount: int) -> None:
    fits = world.counted(tenant) + amount <= CAP_NANO
    purpose = Purpose(Scope.of(tenant, "main"), "answer")
    try:
        number = await ledger.reserve(purpose, "m", amount * _USD, day_cap_usd=CAP_NANO * _USD)
    except BudgetExceededError:
        assert not fits
    else:
        assert fits
        world.keep_left_over()
        world.held.append(Held(number, tenant, world.day, amount))


async def _end(ledger: SqliteLedger, world: World, call: Held, bill: int | None) -> None:
    """Settle a call at no more than was set aside; None: release it. One that was kept already stays as it is."""
    cost = None if bill is None else min(bill, call.amount)
    if cost is None:
        await ledger.release(call.number)
    else:
        await ledger.settle(call.number, cost * _USD)
    if call in world.held:
        world.held.remove(call)
        world.spent[call.tenant, call.day] += cost or 0
