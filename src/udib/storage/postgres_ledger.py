"""What tenants spend, on a PostgreSQL server: one purse for all workers of a fleet."""

import asyncio
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
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_schema import Connection

# Any number that nothing else in the database locks. Tenants whose names have the same hash take turns, no more.
_LOCK: Final = "SELECT pg_advisory_xact_lock(7319220, hashtext(%(tenant)s))"
_HELD: Final = "SELECT coalesce(sum(amount_nano), 0) FROM reservations WHERE tenant = %(tenant)s AND day = %(day)s"
_SPENT: Final = f"""
    SELECT ((SELECT coalesce(sum(cost_nano), 0) FROM spendings WHERE tenant = %(tenant)s AND day = %(day)s)
        + ({_HELD}))::bigint
"""  # noqa: S608 - no text of a user, here and below
_RESERVE: Final = """
    INSERT INTO reservations (id, day, tenant, workspace, task, model, amount_nano)
    VALUES (%(id)s, %(day)s, %(tenant)s, %(workspace)s, %(task)s, %(model)s, %(amount_nano)s)
"""
_KNOWN: Final = "SELECT 1 FROM reservations WHERE id = %(id)s AND tenant = %(tenant)s"
_ADD: Final = """
    ON CONFLICT (tenant, day, workspace, task, model) DO UPDATE SET
        calls = spendings.calls + excluded.calls, cost_nano = spendings.cost_nano + excluded.cost_nano,
        unsettled = spendings.unsettled + excluded.unsettled
"""
_SETTLE: Final = f"""
    WITH taken AS (DELETE FROM reservations WHERE id = %(id)s RETURNING day, tenant, workspace, task, model)
    INSERT INTO spendings (day, tenant, workspace, task, model, calls, cost_nano, unsettled)
    SELECT day, tenant, workspace, task, model, 1, %(cost_nano)s, 0 FROM taken {_ADD}
"""  # noqa: S608
_RELEASE: Final = "DELETE FROM reservations WHERE id = %(id)s"
_KEEP_LEFT_OVER: Final = f"""
    WITH taken AS (
        DELETE FROM reservations WHERE tenant = %(tenant)s AND day < %(before)s
        RETURNING day, tenant, workspace, task, model, amount_nano
    )
    INSERT INTO spendings (day, tenant, workspace, task, model, calls, cost_nano, unsettled)
    SELECT day, tenant, workspace, task, model, count(*), sum(amount_nano), count(*) FROM taken
    GROUP BY day, tenant, workspace, task, model {_ADD}
"""  # noqa: S608
_ACCOUNT: Final = """
    SELECT day, tenant, workspace, task, model, sum(calls)::bigint, sum(cost_nano)::bigint, sum(unsettled)::bigint
    FROM (
        SELECT day, tenant, workspace, task, model, calls, cost_nano, unsettled FROM spendings
        UNION ALL SELECT day, tenant, workspace, task, model, 1, amount_nano, 1 FROM reservations
    ) AS account
    WHERE day >= %(since)s AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
    GROUP BY day, tenant, workspace, task, model ORDER BY day DESC, tenant, workspace, sum(cost_nano) DESC, task, model
"""


class PostgresLedger:
    """A `Ledger` in a `PostgresDatabase`. It holds names and numbers, and no word of anybody's.

    Those who reserve for one tenant take turns, on whatever machine they are, so that a cap holds for all together.
    Days, and what a worker that died had set aside, are counted as `SqliteLedger` counts them; the day is that of the
    worker's clock.

    Args:
        database: The server.
        clock: Seconds since 1970.
    """

    name = "spending"

    def __init__(self, database: PostgresDatabase, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def ping(self) -> Health:
        """Whether the tables can be written."""
        return await self._database.ping(self.name)

    async def reserve(self, purpose: Purpose, model: str, amount_usd: float, *, day_cap_usd: float) -> str:
        """Set aside what a call may cost at most, in one transaction with the look at what was spent."""
        scope, number, amount, cap = purpose.scope, uuid.uuid4().hex, nano(amount_usd), nano(day_cap_usd)
        call = {"id": number, "day": day(self._clock), "tenant": scope.tenant, "workspace": scope.workspace}
        call |= {"task": purpose.task, "model": model, "before": day(self._clock, TOO_LONG_AGO)}

        async def reserve(connection: Connection) -> None:
            await connection.execute(_LOCK, call)  # a statement of its own, so that the next one sees what others did
            if await (await connection.execute(_KNOWN, call)).fetchone():
                return  # the answer to an earlier COMMIT was lost
            await connection.execute(_KEEP_LEFT_OVER, call)
            [spent] = await (await connection.execute(_SPENT, call)).fetchone() or [0]
            if spent + amount > cap:
                raise over_cap(scope.tenant, spent, amount_usd, day_cap_usd)
            await connection.execute(_RESERVE, {**call, "amount_nano": amount})

        try:
            await self._database.run(reserve, repeatable=True)
        except asyncio.CancelledError:
            await self.release(number)  # the transaction may have ended, but nobody will make the call
            raise
        return number

    async def settle(self, reservation: str, cost_usd: float) -> None:
        """Put what was billed in the place of what was set aside, on the day on which it was."""
        values = {"id": reservation, "cost_nano": nano(cost_usd)}

        async def settle(connection: Connection) -> None:
            await connection.execute(_SETTLE, values)

        await self._database.run(settle, repeatable=True)

    async def release(self, reservation: str) -> None:
        """Give back what was set aside."""

        async def release(connection: Connection) -> None:
            await connection.execute(_RELEASE, {"id": reservation})

        await self._database.run(release, repeatable=True)

    async def spent_usd(self, tenant: TenantId) -> float:
        """What a tenant has spent today, with what is set aside."""
        [[spent]] = await self._database.rows(_SPENT, {"tenant": tenant, "day": day(self._clock)})
        return float(spent * USD)

    async def spendings(self, tenant: TenantId | None, *, days: int) -> list[Spending]:
        """What was spent in the last days, newest day first, the dearest first within a workspace."""
        wanted = {"tenant": tenant, "since": day(self._clock, timedelta(days=days - 1))}
        return [spending(row) for row in await self._database.rows(_ACCOUNT, wanted)]
