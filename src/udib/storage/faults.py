"""What the refusals of SQLite mean to the user: `what is wrong; what to do` in one sentence."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from udib.core.errors import UdibError, UnavailableError
from udib.core.types import Health
from udib.storage.disk import full, is_full, unusable, unwritable


@contextmanager
def sqlite_faults(path: Path) -> Generator[None]:
    """Raise `UnavailableError` for what SQLite says of the file itself; errors in SQL or its values pass as bugs."""
    try:
        yield
    except sqlite3.DatabaseError as exc:
        # The low byte is the error's family. Errors of the Python module itself have no code.
        match getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                raise busy(path) from exc
            case sqlite3.SQLITE_FULL:
                raise full(path) from exc
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR if is_full(path):
                raise full(path) from exc  # SQLite calls it so when a file beside the database finds no room
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                raise unwritable(path) from exc
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                raise damaged(path, str(exc)) from exc
            case sqlite3.SQLITE_IOERR:
                raise unusable(path, f"{exc}, {exc.sqlite_errorname}") from exc
            case _:
                raise


def busy(path: Path) -> UnavailableError:
    """Another process holds the file."""
    return UnavailableError(f"{path} is in use by another udib process; try again in a moment.")


def unhealthy(name: str, exc: UdibError) -> Health:
    """The health of an adapter whose probe failed: the sentence's first half is the detail, its second the remedy."""
    detail, _, remedy = str(exc).rpartition("; ")
    return Health(name, ok=False, detail=detail, remedy=remedy)


class DamagedError(UnavailableError):
    """A file is no longer what SQLite wrote."""


def damaged(path: Path, reason: str) -> DamagedError:
    """The file is no longer what SQLite wrote."""
    return DamagedError(
        f"{path} is damaged ({reason}); move it aside together with its -wal and -shm files "
        f"(mv {path.name} {path.name}.damaged), and udib starts a new one, or put a backup in its place."
    )
