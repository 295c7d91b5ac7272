"""Bytes by key, with expiry: in the memory of one process, or in an SQLite file that several share."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from udib.core.errors import BadRequestError
from udib.core.types import Health
from udib.storage.database import Database

_NAME = "key-value store"
_SWEEP_EVERY_S = 60.0

SCHEMA = (
    """
    CREATE TABLE entries (
        namespace TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        expires_at REAL,
        PRIMARY KEY (namespace, key)
    ) WITHOUT ROWID;
    CREATE INDEX entries_by_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
    """,
)
"""The schema of the `Database` that a `SqliteKeyValueStore` is given."""


def nested(namespace: str, name: str) -> str:
    """The namespace `name` below another one. Each name carries its length, so different paths never meet."""
    return f"{namespace}{len(name)}:{name}"


@dataclass(slots=True)
class _Shelf:
    """The entries that all views of one memory store share: (namespace, key) -> (value, second of expiry)."""

    entries: dict[tuple[str, str], tuple[bytes, float | None]] = field(default_factory=dict)
    swept_at: float = 0.0

    def sweep(self, now: float) -> None:
        """Drop expired entries that nobody asks for any more."""
        if now - self.swept_at >= _SWEEP_EVERY_S:
            self.entries = {key: entry for key, entry in self.entries.items() if _alive(entry[1], now)}
            self.swept_at = now


@dataclass(frozen=True, slots=True)
class MemoryKeyValueStore:
    """A `KeyValueStore` that lives and dies with the process. To be used from one event loop."""

    clock: Callable[[], float] = time.time
    namespace: str = ""
    _shelf: _Shelf = field(default_factory=_Shelf, repr=False)

    async def ping(self) -> Health:
        """Always well."""
        return Health(_NAME, ok=True, detail=f"in memory, {len(self._shelf.entries)} entries")

    async def get(self, key: str) -> bytes | None:
        """The value, or None if it is absent or expired."""
        value, _ = self._live(key)
        return value

    async def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        """Store a value; `ttl_s` in seconds, None for ever."""
        self._put(key, value, _expiry(self.clock(), ttl_s))

    async def set_if_absent(self, key: str, value: bytes, *, ttl_s: float | None = None) -> bool:
        """Store a value unless one is there; returns whether it was stored."""
        present, _ = self._live(key)
        if present is None:
            self._put(key, value, _expiry(self.clock(), ttl_s))
        return present is None

    async def increment(self, key: str, by: int = 1, *, ttl_s: float | None = None) -> int:
        """Add to a counter, kept as decimal digits; `ttl_s` counts from its first use.

        Raises:
            BadRequestError: The key holds something else than a whole number.
        """
        value, expires_at = self._live(key)
        total = whole_number(key, value) + by
        self._put(key, b"%d" % total, _expiry(self.clock(), ttl_s) if value is None else expires_at)
        return total

    async def delete(self, key: str) -> bool:
        """Remove a key; returns whether it was there."""
        value, _ = self._live(key)
        self._shelf.entries.pop((self.namespace, key), None)
        return value is not None

    def with_namespace(self, name: str) -> "MemoryKeyValueStore":
        """A view in which every key is below `name`."""
        return replace(self, namespace=nested(self.namespace, name))

    async def clear(self) -> int:
        """Remove all keys of this view and of the views below it; returns how many there were."""
        found = [entry for entry in self._shelf.entries if entry[0].startswith(self.namespace)]
        for entry in found:
            del self._shelf.entries[entry]
        return len(found)

    def _live(self, key: str) -> tuple[bytes | None, float | None]:
        value, expires_at = self._shelf.entries.get((self.namespace, key), (None, None))
        return (value, expires_at) if _alive(expires_at, self.clock()) else (None, None)

    def _put(self, key: str, value: bytes, expires_at: float | None) -> None:
        self._shelf.sweep(self.clock())
        self._shelf.entries[self.namespace, key] = (value, expires_at)


@dataclass(frozen=True, slots=True)
class SqliteKeyValueStore:
    """A `KeyValueStore` in a `Database` with `SCHEMA`. Expired entries are removed by the next write."""

    database: Database
    clock: Callable[[], float] = time.time
    namespace: str = ""

    async def ping(self) -> Health:
        """Whether the file can be written."""
        return await self.database.ping(_NAME)

    async def get(self, key: str) -> bytes | None:
        """The value, or None if it is absent or expired."""
        now = self.clock()

        def select(connection: sqlite3.Connection) -> bytes | None:
            value, expires_at = self._entry(connection, key)
            return value if _alive(expires_at, now) else None

        return await self.database.glance(select)

    async def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        """Store a value; `ttl_s` in seconds, None for ever."""
        now = self.clock()

        def put(connection: sqlite3.Connection) -> None:
            _purge(connection, now)
            self._put(connection, key, value, _expiry(now, ttl_s))

        await self.database.run(put)

    async def set_if_absent(self, key: str, value: bytes, *, ttl_s: float | None = None) -> bool:
        """Store a value unless one is there; returns whether it was stored. Atomic across processes."""
        now = self.clock()

        def put(connection: sqlite3.Connection) -> bool:
            _purge(connection, now)
            present, _ = self._entry(connection, key)
            if present is None:
                self._put(connection, key, value, _expiry(now, ttl_s))
            return present is None

        return await self.database.run(put)

    async def increment(self, key: str, by: int = 1, *, ttl_s: float | None = None) -> int:
        """Add to a counter, kept as decimal digits; `ttl_s` counts from its first use. Atomic across processes.

        Raises:
            BadRequestError: The key holds something else than a whole number.
        """
        now = self.clock()

        def add(connection: sqlite3.Connection) -> int:
            _purge(connection, now)
            value, expires_at = self._entry(connection, key)
            total = whole_number(key, value) + by
            self._put(connection, key, b"%d" % total, _expiry(now, ttl_s) if value is None else expires_at)
            return total

        return await self.database.run(add)

    async def delete(self, key: str) -> bool:
        """Remove a key; returns whether it was there."""
        now = self.clock()

        def remove(connection: sqlite3.Connection) -> bool:
            _purge(connection, now)
            statement = "DELETE FROM entries WHERE namespace = ? AND key = ?"
            return connection.execute(statement, (self.namespace, key)).rowcount > 0

        return await self.database.run(remove)

    def with_namespace(self, name: str) -> "SqliteKeyValueStore":
        """A view in which every key is below `name`."""
        return replace(self, namespace=nested(self.namespace, name))

    async def clear(self) -> int:
        """Remove all keys of this view and of the views below it, and rewrite the file without their bytes.

        Raises:
            UnavailableError: Another process is reading the file, so that it cannot be rewritten now.
        """
        prefix = self.namespace.encode()

        def remove(connection: sqlite3.Connection) -> int:
            # In bytes: SQLite takes a text to end where it has a NUL.
            statement = "DELETE FROM entries WHERE substr(CAST(namespace AS BLOB), 1, ?) = ?"
            return connection.execute(statement, (len(prefix), prefix)).rowcount

        removed = await self.database.run(remove)
        await self.database.vacuum()
        return removed

    def _entry(self, connection: sqlite3.Connection, key: str) -> tuple[bytes | None, float | None]:
        statement = "SELECT value, expires_at FROM entries WHERE namespace = ? AND key = ?"
        row: tuple[bytes, float | None] | None = connection.execute(statement, (self.namespace, key)).fetchone()
        return row or (None, None)

    def _put(self, connection: sqlite3.Connection, key: str, value: bytes, expires_at: float | None) -> None:
        statement = "INSERT OR REPLACE INTO entries (namespace, key, value, expires_at) VALUES (?, ?, ?, ?)"
        connection.execute(statement, (self.namespace, key, value, expires_at))


def _purge(connection: sqlite3.Connection, now: float) -> None:
    connection.execute("DELETE FROM entries WHERE expires_at <= ?", (now,))


def _alive(expires_at: float | None, now: float) -> bool:
    return expires_at is None or expires_at > now


def _expiry(now: float, ttl_s: float | None) -> float | None:
    return None if ttl_s is None else now + ttl_s


def whole_number(key: str, value: bytes | None) -> int:
    """A counter's value, 0 if there is none.

    Raises:
        BadRequestError: It is something else than a whole number.
    """
    try:
        return int(value or b"0")
    except ValueError as exc:
        raise BadRequestError(f"The entry {key!r} holds no whole number; delete it before counting with it.") from exc
