"""What tenants spend, in an SQLite file that all processes share."""

import asyncio
import sqlite3
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from udib.core.chat import Purpose
from udib.core.spending import Spending
from udib.core.tenancy import TenantId
from udib.core.types import Health
from udib.storage.accounts import TOO_LONG_AGO, USD, day, nano, over_cap, spending
from udib.storage.database import Database

SCHEMA: Final = (
    """
    CREATE TABLE reservations (
        id TEXT PRIMARY KEY,
        day TEXT NOT NULL,
        tenant TEXT NOT NULL,
        workspace TEXT NOT NULL,
        task TEXT NOT NULL,
        model TEXT NOT NULL,
        amount_nano INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX reservations_by_day ON reservations (tenant, day);
    CREATE TABLE spendings (
        day TEXT NOT NULL,
        tenant TEXT NOT NULL,
        workspace TEXT NOT NULL,
        task TEXT NOT NULL,
        model TEXT NOT NULL,
        calls INTEGER NOT NULL,
        cost_nano INTEGER NOT NULL,
        unsettled INTEGER NOT NULL,
        PRIMARY KEY (tenant, day, workspace, task, model)
    ) WITHOUT ROWID;
    """,
)
"""The schema of the `Database` that a `SqliteLedger` is given."""

_SPENT: Final = """
    SELECT (SELECT coalesce(sum(cost_nano), 0) FROM spendings WHERE tenant = :tenant AND day = :day)
        + (SELECT coalesce(sum(amount_nano), 0) FROM reservations WHERE tenant = :tenant AND day = :day)
"""
_RESERVE: Final = """
    INSERT INTO reservations (id, day, tenant, workspace, task, model, amount_nano)
    VALUES (:id, :day, :tenant, :workspace, :task, :model, :amount_nano)
"""
_TAKE: Final = "DELETE FROM reservations WHERE id = :id RETURNING day, tenant, workspace, task, model"
_SPEND: Final = """
    INSERT INTO spendings (day, tenant, workspace, task, model, calls, cost_nano, unsettled)
    VALUES (:day, :tenant, :workspace, :task, :model, 1, :cost_nano, :unsettled)
    ON CONFLICT DO UPDATE SET
        calls = calls + 1, cost_nano = cost_nano + excluded.cost_nano, unsettled = unsettled + excluded.unsettled
"""
_LEFT_OVER: Final = """
    DELETE FROM reservations WHERE day < :day RETURNING day, tenant, workspace, task, model, amount_nano
"""
_ACCOUNT: Final = """
    SELECT day, tenant, workspace, task, model, sum(calls), sum(cost_nano), sum(unsettled) FROM (
        SELECT day, tenant, workspace, task, model, calls, cost_nano, unsettled FROM spendings
        UNION ALL SELECT day, tenant, workspace, task, model, 1, amount_nano, 1 FROM reservations
    ) WHERE day >= :since AND (:tenant IS NULL OR tenant = :tenant)
    GROUP BY day, tenant, workspace, task, model ORDER BY day DESC, tenant, workspace, sum(cost_nano) DESC, task, model
"""


class SqliteLedger:
    """A `Ledger` in a `Database` with `SCHEMA`. It holds names and numbers, and no word of anybody's.

    A day is a day in UTC by the clock. A clock that jumps makes another day of it, with a cap and sums of its own; no
    day's sums ever shrink, so that one that jumps back finds what was spent.

    What a process that died had set aside counts to the end of its day, and stays in the account as unsettled: the call
    may have been billed, and on the next day it is in nobody's way.

    Args:
        database: The file.
        clock: Seconds since 1970.
    """

    name = "spending"

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def ping(self) -> Health:
        """Whether the file can be written."""
        return await self._database.ping(self.name)

    async def reserve(self, purpose: Purpose, model: str, amount_usd: float, *, day_cap_usd: float) -> str:
        """Set aside what a call may cost at most, in one transaction with the look at what was spent."""
        scope, number, amount = purpose.scope, uuid.uuid4().hex, nano(amount_usd)
        call = {"id": number, "day": self._day(), "tenant": scope.tenant, "workspace": scope.workspace}
        call |= {"task": purpose.task, "model": model}

        def reserve(connection: sqlite3.Connection) -> None:
            _keep_left_over(connection, self._day(TOO_LONG_AGO))
            [spent] = connection.execute(_SPENT, call).fetchone()
            if spent + amount > nano(day_cap_usd):
                raise over_cap(scope.tenant, spent, amount_usd, day_cap_usd)
            connection.execute(_RESERVE, {**call, "amount_nano": amount})

        try:
            await self._database.run(reserve)
        except asyncio.CancelledError:
            # The transaction may go on, but nobody will make the call. The file's one thread does this after it.
            await self.release(number)
            raise
        return number

    async def settle(self, reservation: str, cost_usd: float) -> None:
        """Put what was billed in the place of what was set aside, on the day on which it was."""
        cost = nano(cost_usd)

        def settle(connection: sqlite3.Connection) -> None:
            for row in connection.execute(_TAKE, {"id": reservation}).fetchall():
                _spend(connection, row, cost, unsettled=0)

        await self._database.run(settle)

    async def release(self, reservation: str) -> None:
        """Give back what was set aside."""
        await self._database.run(lambda connection: connection.execute(_TAKE, {"id": reservation}).fetchall())

    async def spent_usd(self, tenant: TenantId) -> float:
        """What a tenant has spent today, with what is set aside."""
        today = {"tenant": tenant, "day": self._day()}
        [spent] = await self._database.read(lambda connection: connection.execute(_SPENT, today).fetchone())
        return float(spent * USD)

    async def spendings(self, tenant: TenantId | None, *, days: int) -> list[Spending]:
        """What was spent in the last days, newest day first, the dearest first within a workspace."""
        wanted = {"tenant": tenant, "since": self._day(timedelta(days=days - 1))}
        rows = await self._database.read(lambda connection: connection.execute(_ACCOUNT, wanted).fetchall())
        return [spending(row) for row in rows]

    def _day(self, ago: timedelta = timedelta()) -> str:
        return day(self._clock, ago)


def _keep_left_over(connection: sqlite3.Connection, before: str) -> None:
    for *row, amount in connection.execute(_LEFT_OVER, {"day": before}).fetchall():
        _spend(connection, row, amount, unsettled=1)


def _spend(connection: sqlite3.Connection, row: list[str], cost: int, *, unsettled: int) -> None:
    named = dict(zip(("day", "tenant", "workspace", "task", "model"), row, strict=True))
    connection.execute(_SPEND, {**named, "cost_nano": cost, "unsettled": unsettled})
