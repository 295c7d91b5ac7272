"""What is watched, in the catalogue's SQLite file."""

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import msgspec

from udib.core.tenancy import Scope
from udib.core.watches import Watch
from udib.storage.catalogue_rows import keys
from udib.storage.database import Database

_ITS: Final = "tenant = :tenant AND workspace = :workspace AND id = :id"
_ADD: Final = """
    INSERT INTO watches (tenant, workspace, id, next_at, watch) VALUES (:tenant, :workspace, :id, :next_at, :watch)
    ON CONFLICT (tenant, workspace, id) DO NOTHING
"""
_GET: Final = f"SELECT next_at, watch FROM watches WHERE {_ITS}"  # noqa: S608 - no text of a user, here and below
_LISTING: Final = "SELECT next_at, watch FROM watches WHERE tenant = :tenant AND workspace = :workspace"
_SAVE: Final = f"UPDATE watches SET next_at = :next_at, watch = :watch WHERE {_ITS}"  # noqa: S608
_WAKE: Final = f"UPDATE watches SET next_at = 0 WHERE {_ITS}"  # noqa: S608
_REMOVE: Final = f"DELETE FROM watches WHERE {_ITS}"  # noqa: S608


class SqliteWatches:
    """`Watches` in a `Database` with the catalogue's schema."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, scope: Scope, watch: Watch) -> bool:
        """Begin to watch; see `Watches.add`."""
        return await self._change(_ADD, watch_row(scope, watch))

    async def get(self, scope: Scope, watch_id: str) -> Watch | None:
        """The watch of that id."""
        found = await self._read(_GET, keys(scope, id=watch_id))
        return found[0] if found else None

    async def listing(self, scope: Scope) -> list[Watch]:
        """All watches, in order of their addition."""
        return await self._read(_LISTING, keys(scope))

    async def save(self, scope: Scope, watch: Watch) -> bool:
        """Keep what is known now; see `Watches.save`."""
        return await self._change(_SAVE, watch_row(scope, watch))

    async def wake(self, scope: Scope, watch_id: str) -> bool:
        """Let the next look not wait; see `Watches.wake`."""
        return await self._change(_WAKE, keys(scope, id=watch_id))

    async def remove(self, scope: Scope, watch_id: str) -> bool:
        """Watch it no longer."""
        return await self._change(_REMOVE, keys(scope, id=watch_id))

    async def _read(self, query: str, values: dict[str, str]) -> list[Watch]:
        def read(connection: sqlite3.Connection) -> list[Watch]:
            return read_watches(connection.execute(query, values))

        return await self._database.read(read)

    async def _change(self, statement: str, values: dict[str, str] | dict[str, str | float | bytes]) -> bool:
        return await self._database.run(lambda connection: connection.execute(statement, values).rowcount) > 0


def watch_row(scope: Scope, watch: Watch) -> dict[str, str | float | bytes]:
    """A watch as it lies in a table, of whichever database."""
    return {**keys(scope, id=watch.id), "next_at": watch.next_at, "watch": msgspec.json.encode(watch)}


def read_watches(rows: Iterable[tuple[float, bytes]]) -> list[Watch]:
    """Watches as they were stored, in order of their addition. When the next look may be, the column says."""
    found = [replace(msgspec.json.decode(raw, type=Watch), next_at=next_at) for next_at, raw in rows]
    return sorted(found, key=lambda watch: (watch.added_at, watch.id))
