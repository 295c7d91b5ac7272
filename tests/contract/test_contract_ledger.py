"""What every `Ledger` promises."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from records_place import in_folder, in_new_schema, ledger_at

from udib.core.chat import Purpose
from udib.core.errors import BudgetExceededError
from udib.core.spending import Ledger, Spending
from udib.core.tenancy import Scope, TenantId

A, B = Purpose(Scope.of("a", "main"), "answer"), Purpose(Scope.of("b", "main"), "answer")
ON_SERVER = [pytest.mark.server, pytest.mark.xdist_group("records")]
DAY_S = 86_400.0
CAP_USD = 1.0


class Clock:
    """Seconds since 1970 that pass when the test says so."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=ON_SERVER)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the ledger lies."""
    if request.param == "sqlite":
        return in_folder(tmp_path)
    return in_new_schema(request.getfixturevalue("shared_postgres").url)


@pytest.fixture
async def both(address: str, clock: Clock) -> AsyncIterator[tuple[Ledger, Ledger]]:
    """The same ledger as two processes open it."""
    async with ledger_at(address, clock) as one, ledger_at(address, clock) as other:
        yield one, other


@pytest.fixture
def ledger(both: tuple[Ledger, Ledger]) -> Ledger:
    return both[0]


async def spent(ledger: Ledger, purpose: Purpose = A) -> float:
    return round(await ledger.spent_usd(purpose.scope.tenant), 9)


async def reserve(ledger: Ledger, amount_usd: float, purpose: Purpose = A) -> str:
    return await ledger.reserve(purpose, "m", amount_usd, day_cap_usd=CAP_USD)


async def test_what_is_set_aside_counts_until_it_is_settled_or_released(ledger: Ledger) -> None:
    first, second = await reserve(ledger, 0.5), await reserve(ledger, 0.5)
    assert await spent(ledger) == 1.0
    await ledger.settle(first, 0.2)
    assert await spent(ledger) == 0.7
    await ledger.release(second)
    assert await spent(ledger) == 0.2


async def test_settling_and_releasing_again_change_nothing(ledger: Ledger) -> None:
    number = await reserve(ledger, 0.05)
    await ledger.settle(number, 0.01)
    await ledger.settle(number, 0.02)
    await ledger.release(number)
    await ledger.settle("nobody's", 0.02)
    assert await spent(ledger) == 0.01
    assert (await ledger.ping()).ok


async def test_a_cap_can_be_spent_to_the_last_cent(ledger: Ledger) -> None:
    """0.1 + 0.1 + 0.1 is more than 0.3 to a computer that counts in halves."""
    for _ in range(10):
        await reserve(ledger, 0.1)
    with pytest.raises(
        BudgetExceededError, match=r"'a' has spent 1\.0000 of 1 USD for today, and this call may cost 0\.0000"
    ):
        await reserve(ledger, 1e-9)
    assert await spent(ledger) == 1.0


async def test_a_refused_call_leaves_no_trace(ledger: Ledger) -> None:
    with pytest.raises(BudgetExceededError, match=r"wait until tomorrow \(UTC\) or raise llm\.cap_day_usd"):
        await reserve(ledger, 1.01)
    assert await ledger.spendings(None, days=1) == []
    await reserve(ledger, 1.0)


async def test_tenants_do_not_pay_for_each_other_and_workspaces_of_one_do(ledger: Ledger) -> None:
    await reserve(ledger, 0.9)
    await reserve(ledger, 0.9, B)
    with pytest.raises(BudgetExceededError):
        await reserve(ledger, 0.2, Purpose(Scope.of("a", "other"), "answer"))


@pytest.mark.parametrize("amount", [-0.01, float("nan"), float("inf")])
async def test_what_is_no_amount_is_a_bug(ledger: Ledger, amount: float) -> None:
    with pytest.raises(ValueError, match="no amount"):
        await reserve(ledger, amount)
    number = await reserve(ledger, 0.1)
    with pytest.raises(ValueError, match="no amount"):
        await ledger.settle(number, amount)
    assert await spent(ledger) == 0.1


async def test_a_clock_that_jumps_finds_every_day_as_it_was(ledger: Ledger, clock: Clock) -> None:
    await reserve(ledger, 1.0)
    clock.now += DAY_S
    assert await spent(ledger) == 0.0
    late = await reserve(ledger, 0.4)
    clock.now -= DAY_S
    await ledger.settle(late, 0.3)
    with pytest.raises(BudgetExceededError):
        await reserve(ledger, 0.01)
    clock.now += DAY_S
    assert await spent(ledger) == 0.3, "settled on the day on which it was set aside"


async def test_the_account_is_by_day_workspace_task_and_model(ledger: Ledger, clock: Clock) -> None:
    for cost_usd in (0.01, 0.02):
        await ledger.settle(await reserve(ledger, 0.05), cost_usd)
    clock.now += DAY_S
    await ledger.settle(await reserve(ledger, 0.05, Purpose(B.scope, "summary")), 0.03)
    await reserve(ledger, 0.05, B)
    old, new = "2023-11-14", "2023-11-15"
    b, a = B.scope, A.scope
    account = await ledger.spendings(None, days=2)
    assert [_rounded(each) for each in account] == [
        Spending(new, b, "answer", "m", 1, 0.05, unsettled=1),
        Spending(new, b, "summary", "m", 1, 0.03),
        Spending(old, a, "answer", "m", 2, 0.03),
    ]
    assert await ledger.spendings(None, days=1) == account[:2]
    assert await ledger.spendings(TenantId("a"), days=2) == account[2:]


async def test_a_hundred_at_once_from_two_processes_stay_below_the_cap(both: tuple[Ledger, Ledger]) -> None:
    async def one(number: int) -> bool:
        try:
            await reserve(both[number % 2], 0.03)
        except BudgetExceededError:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number)) for number in range(100)]
    assert sum(task.result() for task in tasks) == 33
    assert await spent(both[0]) == 0.99


CHILD = """
import asyncio, os, signal, sys
from records_place import ledger_at
from udib.core.chat import Purpose
from udib.core.errors import BudgetExceededError
from udib.core.tenancy import Scope

async def main(address, amount_usd, calls):
    async with ledger_at(address, lambda: 1_700_000_000.0) as ledger:
        await spend(ledger, amount_usd, calls)

async def spend(ledger, amount_usd, calls):
    made = 0
    for _ in range(int(calls)):
        try:
            await ledger.reserve(Purpose(Scope.of("a", "main"), "answer"), "m", float(amount_usd), day_cap_usd=1.0)
        except BudgetExceededError:
            break
        made += 1
    print(made, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(*sys.argv[1:]))
"""


async def child(address: str, amount_usd: float, calls: int) -> int:
    """How often a process set something aside before it was killed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", CHILD, address, str(amount_usd), str(calls)]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert process.returncode == -signal.SIGKILL
    return int(said)


async def test_what_a_killed_process_had_set_aside_counts_on_its_day(
    ledger: Ledger, address: str, clock: Clock
) -> None:
    assert await child(address, 0.7, calls=1) == 1
    assert await spent(ledger) == 0.7
    with pytest.raises(BudgetExceededError):
        await reserve(ledger, 0.4)
    clock.now += 5 * DAY_S
    await reserve(ledger, 1.0)
    [_, old] = await ledger.spendings(None, days=6)
    assert _rounded(old) == Spending("2023-11-14", A.scope, "answer", "m", 1, 0.7, unsettled=1)


async def test_processes_that_are_killed_at_work_never_pass_the_cap(ledger: Ledger, address: str) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(child(address, 0.011, calls=60)) for _ in range(8)]
    assert sum(task.result() for task in tasks) == 90
    assert await spent(ledger) == 0.99


def _rounded(spending: Spending) -> Spending:
    day, scope, task, model = spending.day, spending.scope, spending.task, spending.model
    return Spending(day, scope, task, model, spending.calls, round(spending.cost_usd, 9), spending.unsettled)
