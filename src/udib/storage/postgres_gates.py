"""The books of the gates of a fleet: rows of a PostgreSQL server, for all workers and commands."""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Final

from udib.core.errors import UnavailableError
from udib.core.gates import Change, Look
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_schema import Connection

_OPEN: Final = "INSERT INTO gates VALUES (%s, '') ON CONFLICT DO NOTHING"
_STATE: Final = "SELECT state, extract(epoch FROM clock_timestamp())::float8 FROM gates WHERE name = %s FOR UPDATE"
_ALIVE: Final = """
    SELECT application_name FROM pg_stat_activity
    WHERE datname = current_database() AND application_name <> '' AND backend_type = 'client backend'
"""


class PostgresGateBook:
    """`GateBook` on a PostgreSQL server. A process is alive while it has a session there that bears its name.

    Whoever ends a dead worker's sessions frees its places; a worker that was only frozen opens a new one, and those of
    its tickets that still wait come again.

    Args:
        database: Which server and schema.
        worker: The name of this process among the server's sessions.
    """

    look_s = 0.25

    def __init__(self, database: PostgresDatabase, worker: str) -> None:
        self._database = database
        self._worker = worker
        self._session: Connection | None = None
        self._holding = AsyncExitStack()
        self._opening = asyncio.Lock()

    async def process(self) -> str:
        """This process's name; see `GateBook.process`."""
        async with self._opening:
            if self._session is None:
                self._session = await self._holding.enter_async_context(self._database.session(self._worker))
        return self._worker

    async def change(self, gate: str, change: Change) -> bytes:
        """What is written of a gate from now on; see `GateBook.change`."""
        await self.process()
        alive = frozenset[str]()

        async def turn(connection: Connection) -> bytes:
            nonlocal alive
            await connection.execute(_OPEN, [gate])
            [[old, now_s]] = await (await connection.execute(_STATE, [gate])).fetchall()
            alive = frozenset(row[0] for row in await (await connection.execute(_ALIVE)).fetchall())
            new = change(bytes(old), Look(now_s, alive.__contains__))
            if new != old:
                await connection.execute("UPDATE gates SET state = %s WHERE name = %s", [new, gate])
            return new

        # Repeatable: who comes or goes twice has come or gone once.
        written = await self._database.run(turn, repeatable=True)
        if self._worker in alive:
            return written
        await self.close()  # the session was ended: what this process had counts no longer, and it is there again
        await self.process()
        return await self._database.run(turn, repeatable=True)

    async def close(self) -> None:
        """Count as alive no longer; see `GateBook.close`."""
        async with self._opening:
            self._session = None
            with suppress(UnavailableError):  # the server has ended it already
                await self._holding.aclose()
