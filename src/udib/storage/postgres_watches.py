"""What is watched, on the PostgreSQL server of the records, so that every worker of a fleet can look."""

from typing import Final, LiteralString

from udib.core.tenancy import Scope
from udib.core.watches import Watch
from udib.storage.catalogue_rows import keys
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_schema import Connection
from udib.storage.watches import read_watches, watch_row

_ITS: Final = "tenant = %(tenant)s AND workspace = %(workspace)s AND id = %(id)s"
_ADD: Final = """
    INSERT INTO watches (tenant, workspace, id, next_at, watch)
    VALUES (%(tenant)s, %(workspace)s, %(id)s, %(next_at)s, %(watch)s)
    ON CONFLICT (tenant, workspace, id) DO NOTHING
"""
_GET: Final = f"SELECT next_at, watch FROM watches WHERE {_ITS}"  # noqa: S608 - no text of a user, here and below
_LISTING: Final = "SELECT next_at, watch FROM watches WHERE tenant = %(tenant)s AND workspace = %(workspace)s"
_SAVE: Final = f"UPDATE watches SET next_at = %(next_at)s, watch = %(watch)s WHERE {_ITS}"  # noqa: S608
_WAKE: Final = f"UPDATE watches SET next_at = 0 WHERE {_ITS}"  # noqa: S608
_REMOVE: Final = f"DELETE FROM watches WHERE {_ITS}"  # noqa: S608


class PostgresWatches:
    """`Watches` in a `PostgresDatabase`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def add(self, scope: Scope, watch: Watch) -> bool:
        """Begin to watch; see `Watches.add`."""
        return await self._change(_ADD, watch_row(scope, watch))

    async def get(self, scope: Scope, watch_id: str) -> Watch | None:
        """The watch of that id."""
        found = read_watches(await self._database.rows(_GET, keys(scope, id=watch_id)))
        return found[0] if found else None

    async def listing(self, scope: Scope) -> list[Watch]:
        """All watches, in order of their addition."""
        return read_watches(await self._database.rows(_LISTING, keys(scope)))

    async def save(self, scope: Scope, watch: Watch) -> bool:
        """Keep what is known now; see `Watches.save`."""
        return await self._change(_SAVE, watch_row(scope, watch), repeatable=True)

    async def wake(self, scope: Scope, watch_id: str) -> bool:
        """Let the next look not wait; see `Watches.wake`."""
        return await self._change(_WAKE, keys(scope, id=watch_id), repeatable=True)

    async def remove(self, scope: Scope, watch_id: str) -> bool:
        """Watch it no longer."""
        return await self._change(_REMOVE, keys(scope, id=watch_id))

    async def _change(
        self,
        statement: LiteralString,
        values: dict[str, str] | dict[str, str | float | bytes],
        *,
        repeatable: bool = False,
    ) -> bool:
        async def change(connection: Connection) -> bool:
            return (await connection.execute(statement, values)).rowcount > 0

        return await self._database.run(change, repeatable=repeatable)
