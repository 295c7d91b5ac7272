"""Reads of a row or two on the event loop itself, where a hop to a thread would take longer than the read."""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

LONGEST_S: Final = 0.005
"""A read that held the loop longer than this, say on a cold disk, is the last one for a while."""
REST_S: Final = 10.0


class LoopReader:
    """A second connection to a file, for its loop's thread, that reads only and never waits.

    It belongs to the connection that made and checked the file (`owner`): when that is replaced, so is this one.
    """

    __slots__ = ("_connection", "_owner", "_path", "_rests_until", "_thread")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._owner: sqlite3.Connection | None = None
        self._thread = 0
        self._rests_until = 0.0

    def may_read(self) -> bool:
        """Whether this thread may read now."""
        mine = self._connection is None or self._thread == threading.get_ident()
        return mine and time.monotonic() >= self._rests_until

    def read(self, owner: sqlite3.Connection, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Call `fn`, which reads a row or two.

        Raises:
            sqlite3.Error: The file is locked, damaged or gone.
        """
        began = time.monotonic()
        try:
            if self._connection is None or self._owner is not owner:
                self._open(owner)
            assert self._connection is not None  # noqa: S101 - for the type checker
            return fn(self._connection)
        finally:
            ended = time.monotonic()
            if ended - began > LONGEST_S:
                self._rests_until = ended + REST_S

    def close(self) -> None:
        """Close the connection; the next read opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = self._owner = None

    def _open(self, owner: sqlite3.Connection) -> None:
        self.close()
        # Closed by whoever closes the database, from any thread; read by one.
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
        self._connection, self._owner, self._thread = connection, owner, threading.get_ident()
