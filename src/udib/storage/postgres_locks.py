"""Locks between the workers of a fleet: sessions of a PostgreSQL server, which ends them when their holder dies."""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, LiteralString

from udib.core.errors import UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_schema import Connection

_PATIENCE_S = 20.0
_POLL_S: Final = 0.1
_EXCLUSIVE: Final = "SELECT pg_try_advisory_lock(%s)"
_SHARED: Final = "SELECT pg_try_advisory_lock_shared(%s)"
_UNLOCK: Final = "SELECT pg_advisory_unlock(%s)"
_UNLOCK_SHARED: Final = "SELECT pg_advisory_unlock_shared(%s)"
_HOLDER: Final = """
    SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pg_locks.database =
        (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32) | objid::bigint = %s
"""


class PostgresLocks:
    """`Locks` on a PostgreSQL server. Each is held by a connection of its own, which bears the worker's name.

    Whoever loses that connection has lost the lock: what it does under it is stopped at once, with `UnavailableError`.
    So a worker that was frozen for longer than one waits for it does not go on beside the one that took its place.

    Args:
        database: On which server, and in which schema: those of different schemas do not meet.
        worker: The name of this process among the server's sessions, by which the others can end them.
    """

    def __init__(self, database: PostgresDatabase, worker: str) -> None:
        self._database = database
        self._worker = worker

    def exclusive(self, scope: Scope, content_id: ContentId) -> AbstractAsyncContextManager[None]:
        """Keep every other run of a content away, and its forgetting; see `Locks.exclusive`."""
        refusal = "{} is being analysed by another udib process ({}); wait until it is done, then ask again."
        return self._held(
            f"{scope.digest()}{content_id}",
            _EXCLUSIVE,
            wait_s=0.0,
            refusal=lambda holder: refusal.format(content_id, holder),
        )

    def citing(self, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Held by a run that carries words of other contents; see `Locks.citing`."""
        refusal = f"An item of {scope} is being forgotten; run the same command again in a moment."
        way = _SHARED, _UNLOCK_SHARED
        return self._held(scope.digest(), *way, wait_s=_PATIENCE_S, refusal=lambda _: refusal)

    def uncited(self, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Held while a content is forgotten; see `Locks.uncited`."""
        refusal = (
            f"Items of {scope} are being analysed that may cite this one; wait until they are done, then forget it."
        )
        way = _EXCLUSIVE, _UNLOCK
        return self._held(scope.digest(), *way, wait_s=_PATIENCE_S, refusal=lambda _: refusal)

    @asynccontextmanager
    async def _held(
        self,
        name: str,
        lock: LiteralString,
        pass_on: LiteralString | None = None,
        *,
        wait_s: float,
        refusal: Callable[[str], str],
    ) -> AsyncGenerator[None]:
        """Hold a lock. If the turn can be passed on, it is held in the same way while one waits; see `FileLocks`."""
        key, gate = (_key(f"{self._database.schema}/{each}") for each in (name, f"{name}/turn"))
        lost = asyncio.timeout(None)
        async with self._database.session(self._worker) as session:
            if pass_on is not None:
                await _take(session, lock, gate, wait_s, refusal)
            await _take(session, lock, key, wait_s, refusal)
            if pass_on is not None:
                await session.execute(pass_on, [gate])
            watch = asyncio.create_task(_watch(session, lost))
            try:
                async with lost:
                    yield
            except TimeoutError as exc:
                if not lost.expired():
                    raise
                raise UnavailableError(
                    "The lock of this analysis was lost with the connection to PostgreSQL; the same call goes on where "
                    "it was."
                ) from exc
            finally:
                watch.cancel()
                await asyncio.wait([watch])


async def _take(
    session: Connection, lock: LiteralString, key: int, wait_s: float, refusal: Callable[[str], str]
) -> None:
    deadline = time.monotonic() + wait_s
    while not (await (await session.execute(lock, [key])).fetchone() or [False])[0]:
        if time.monotonic() >= deadline:
            found = await (await session.execute(_HOLDER, [key])).fetchone()
            raise UnavailableError(refusal(found[0] if found else "one that has just ended"))
        await asyncio.sleep(_POLL_S)


async def _watch(session: Connection, lost: asyncio.Timeout) -> None:
    """Wait for the end of a session, and end what is done under its lock."""
    await PostgresDatabase.ended(session)
    lost.reschedule(asyncio.get_running_loop().time())


def _key(name: str) -> int:
    """What a name is called among the server's locks: a number of 64 bits, with a sign."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
