"""SQLite files that several processes share: opened lazily, migrated forward, never held on the event loop."""

import asyncio
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeVar

import structlog

from udib.core.errors import BadRequestError, UdibError, UnavailableError
from udib.core.types import Health
from udib.storage.disk import TO_OPEN, disk_faults, free_bytes, need_room, unusable
from udib.storage.faults import DamagedError, busy, damaged, sqlite_faults, unhealthy
from udib.storage.glance import LoopReader

T = TypeVar("T")

_Call = tuple[Callable[[sqlite3.Connection], Any], "asyncio.Future[Any]"]
"""What is to be called in a transaction, and who waits for it."""

log: Any = structlog.get_logger()

_RETRY_S = 0.02
_OWED = 0x75646962
"""The file's `application_id` from the beginning of a rewriting until its end: if that is interrupted, or there is no
room for it, deleted words may still be in the file, and it is rewritten when it is next opened."""
_PAGE_BYTES = 16_384
"""Results of a few KB then lie in few pages, which a COMMIT writes at a quarter of the cost of SQLite's 4,096."""
_VACUUM_IN_MEMORY_BYTES = 256_000_000


class Database:
    """One SQLite file behind one connection on one thread of its own.

    The file is made on first use with mode 0600, in WAL mode, with deleted text overwritten by zeros. Its schema
    version is the number of migrations that were run. An error of the file closes it; the next call opens it again.

    Args:
        path: The file; its folder is made with mode 0700 if missing.
        migrations: SQL scripts; number n brings a file of version n to n + 1. Entries are only ever appended.
        synchronous: NORMAL survives the death of the process, FULL also loses nothing in a power cut.
        busy_timeout_s: How long to wait for another process's transaction.
        disposable: What is in the file can be lost: if it is damaged, it is moved aside, which is logged and told by
            `ping`, and begun anew.
    """

    def __init__(
        self,
        path: Path,
        migrations: Sequence[str],
        *,
        synchronous: Literal["NORMAL", "FULL"] = "NORMAL",
        busy_timeout_s: float = 10.0,
        disposable: bool = False,
    ) -> None:
        self.path = path
        self._migrations = tuple(migrations)
        self._synchronous = synchronous
        self._busy_timeout_s = busy_timeout_s
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=path.name)
        self._connection: sqlite3.Connection | None = None
        self._reader = LoopReader(path)
        self._disposable = disposable
        self._inode = 0
        self._waiting: deque[_Call] = deque()
        self._awaited = False  # whether the thread has yet to come to what waits
        self._set_aside = False
        self._closed = False

    async def run(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Call `fn` in a writing transaction, which is undone if `fn` raises.

        Calls that come while another transaction is written share the next one, so that a hundred callers at once pay
        for a few; if it fails, each is made again in one of its own. So `fn` may be called twice, and must leave no
        trace outside the file. A caller that is cancelled does not stop a transaction that has begun.

        Raises:
            UnavailableError: The file is busy, damaged, or cannot be written.
            BadRequestError: The file was written by a newer udib.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((fn, done))
        if not self._awaited:
            self._awaited = True
            # At the end of this round of the loop, so that what comes in the same round is in the same transaction.
            asyncio.get_running_loop().call_soon(self._write, [])
        return await done

    async def execute(self, statement: str, values: Sequence[object]) -> int:
        """Run one writing statement as `run` does; returns how many rows it changed."""
        return await self.run(lambda connection: connection.execute(statement, values).rowcount)

    async def read(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Call `fn` on one consistent state of the file; what it writes is undone. Raises as `run` does."""
        return await self._on_worker(lambda connection: self._transact(connection, fn, "DEFERRED", "ROLLBACK"))

    async def glance(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """Call `fn`, one SELECT of a row or two, on the event loop itself where that does not hold it up.

        Nothing is waited for there: while the file is locked, not yet open, or slow to read, this is `read`. A schema
        newer than ours is not looked for; if the SELECT still works on it, its row is good.
        """
        owner = self._connection
        if owner is not None and not self._closed and self._reader.may_read():
            with suppress(sqlite3.Error):  # whatever it is: the thread meets it too, and says it
                return self._reader.read(owner, fn)
        return await self.read(fn)

    async def vacuum(self) -> None:
        """Make what was deleted unrecoverable from disk.

        The file is rewritten, its WAL emptied, and the copies made before migrations, which still hold the deleted
        rows, are removed, as is a damaged file that was moved aside. All of it is done again by a repeated call, and by
        the next opening if it was not finished.

        Raises:
            UnavailableError: Another process is reading, so that the WAL cannot be emptied yet, or there is no room to
                rewrite the file; then the space of what was deleted is given back all the same.
        """
        await self._on_worker(self._rewrite)

    async def ping(self, name: str) -> Health:
        """Whether the file is whole and can be written now, as the health of the adapter `name`."""
        try:
            size_bytes = await self.run(lambda _: self.path.stat().st_size)
            found, *_ = await self.read(lambda connection: connection.execute("PRAGMA quick_check(1)").fetchone())
            if found != "ok":
                raise damaged(self.path, " ".join(found.split()))
            if await self.read(_is_owed):
                raise self._no_room()
        except UdibError as exc:
            return unhealthy(name, exc)
        aside = f"; a damaged one was moved aside to {self._damaged.name}" if self._set_aside else ""
        detail = f"{self.path}, schema {len(self._migrations)}, {size_bytes / 1e6:.1f} MB{aside}"
        return Health(name, ok=True, detail=detail)

    async def close(self) -> None:
        """Close the file and end the thread. Safe to repeat; the database cannot be used afterwards."""
        if self._closed:
            return
        self._closed = True
        self._reader.close()
        try:
            await asyncio.get_running_loop().run_in_executor(self._worker, self._disconnect)
        finally:
            self._worker.shutdown(wait=False)

    def _write(self, calls: list["_Call"]) -> None:
        """Have calls made in one transaction; without any, those that wait when the thread comes to it."""
        loop = asyncio.get_running_loop()

        def tell(end: Future[list[Any]]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._settle, calls, end)

        self._worker.submit(self._transact_all, calls).add_done_callback(tell)

    def _transact_all(self, calls: list["_Call"]) -> list[Any]:
        if not calls:
            self._awaited = False  # who comes after this line is either taken below or leads the next transaction
            while self._waiting:
                calls.append(self._waiting.popleft())
        calls[:] = [call for call in calls if not call[1].done()]
        if not calls:
            return []
        do_all = lambda connection: [fn(connection) for fn, _ in calls]  # noqa: E731
        return self._guarded(lambda connection: self._transact(connection, do_all, "IMMEDIATE", "COMMIT"))

    def _settle(self, calls: list["_Call"], end: Future[list[Any]]) -> None:
        """Tell those who wait what came of it."""
        error = end.exception()
        if error is not None and len(calls) > 1:
            for call in calls:
                self._write([call])
            return
        for number, (_, done) in enumerate(calls):
            if done.done():
                continue
            if error is None:
                done.set_result(end.result()[number])
            else:
                done.set_exception(error)

    async def _on_worker(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._guarded, work)

    def _guarded(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._attempt(work)
        except DamagedError as exc:
            if not self._disposable:
                raise
            self._move_aside(exc)
            return self._attempt(work)

    def _attempt(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with disk_faults(self.path), sqlite_faults(self.path):
                if self._connection is not None and not self._is_in_place():
                    self._disconnect()  # SQLite leaves the -wal and -shm of the file that is there now alone
                if self._connection is None:
                    self._connection = self._open()
                return work(self._connection)
        except UnavailableError:
            self._disconnect()
            raise

    def _is_in_place(self) -> bool:
        """Whether the open file still has the name; else what is written to it is seen by no other process."""
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    @property
    def _damaged(self) -> Path:
        return self.path.with_name(f"{self.path.name}.damaged")

    def _move_aside(self, reason: DamagedError) -> None:
        with disk_faults(self.path):
            # Another process may have done it before: then the file there is a new one, and good.
            if self._is_in_place():
                for end in ("-shm", "-wal", ""):
                    with suppress(FileNotFoundError):
                        self.path.with_name(self.path.name + end).replace(f"{self._damaged}{end}")
        self._set_aside = True
        log.warning("database.moved_aside", path=str(self.path), to=str(self._damaged), reason=str(reason))

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        need_room(self.path, TO_OPEN)
        if self.path.is_dir():
            raise unusable(self.path, "it is a directory")
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private_file(self.path)
        self._inode = self.path.stat().st_ino
        with ExitStack() as undo:
            connection = sqlite3.connect(self.path, timeout=self._busy_timeout_s, isolation_level=None)
            undo.callback(connection.close)
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            # No words in the directory for temporary files, and no failure when that is full.
            connection.execute("PRAGMA temp_store = MEMORY")
            version = self._version(connection)
            if version == 0:
                # These have an effect on a new file only.
                connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._use_wal(connection)
            if version < len(self._migrations):
                self._migrate(connection)
            connection.execute("PRAGMA foreign_keys = ON")
            if _is_owed(connection):
                self._pay(connection)
            undo.pop_all()
        return connection

    def _transact(
        self, connection: sqlite3.Connection, fn: Callable[[sqlite3.Connection], T], kind: str, end: str
    ) -> T:
        with _transaction(connection, kind, end):
            # Looked at every time: a newer udib may have migrated the file while it was open here.
            self._version(connection)
            return fn(connection)

    def _version(self, connection: sqlite3.Connection) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(self._migrations):
            raise BadRequestError(
                f"{self.path} was written by a newer udib (schema {version}, this one knows {len(self._migrations)}); "
                "update udib."
            )
        return version

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        # SQLite does not wait when two processes turn the same new file to WAL at once.
        for _ in range(int(self._busy_timeout_s / _RETRY_S)):
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                time.sleep(_RETRY_S)
            else:
                return
        raise busy(self.path)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        with _transaction(connection, "IMMEDIATE", "COMMIT"):
            # Another process may have migrated before this one got the lock.
            version = self._version(connection)
            if 0 < version < len(self._migrations):
                self._back_up(version)
            for script in self._migrations[version:]:
                for statement in _statements(script):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(self._migrations)}")

    def _back_up(self, version: int) -> None:
        copy = self._backup(version)
        _make_private_file(copy)
        # A second connection, since SQLite does not copy from one that is writing; it sees the state before.
        with closing(sqlite3.connect(self.path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)

    def _backup(self, version: int) -> Path:
        return self.path.with_name(f"{self.path.name}.schema-{version}.bak")

    def _rewrite(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA application_id = {_OWED}")
        for version in range(1, len(self._migrations)):
            self._backup(version).unlink(missing_ok=True)
        for end in ("", "-wal", "-shm"):
            Path(f"{self._damaged}{end}").unlink(missing_ok=True)
        size_bytes = self.path.stat().st_size
        # The copy in the log, and the file that grows by it before the log is emptied.
        if free_bytes(self.path) < 2 * size_bytes + TO_OPEN:
            self._shrink(connection)
            raise self._no_room()
        if size_bytes > _VACUUM_IN_MEMORY_BYTES:
            connection.execute("PRAGMA temp_store = FILE")
        connection.execute("VACUUM")
        self._empty_wal(connection)
        connection.execute("PRAGMA application_id = 0")

    def _shrink(self, connection: sqlite3.Connection) -> None:
        """Give back the pages that are free, which needs little room. They are overwritten (`secure_delete`)."""
        self._empty_wal(connection)
        connection.executescript("PRAGMA incremental_vacuum")  # `execute` takes one step of it, a page
        self._empty_wal(connection)

    def _empty_wal(self, connection: sqlite3.Connection) -> None:
        [blocked, _, _] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if blocked:
            raise busy(self.path)

    def _pay(self, connection: sqlite3.Connection) -> None:
        """Do the rewriting that is owed, if it can be done at once; if not, `ping` says so and it is tried again."""
        connection.execute("PRAGMA busy_timeout = 0")
        with suppress(UnavailableError), sqlite_faults(self.path):
            self._rewrite(connection)
        connection.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout_s * 1000)}")

    def _no_room(self) -> UnavailableError:
        needed = (2 * self.path.stat().st_size + TO_OPEN) / 1e6
        return UnavailableError(
            f"{self.path} may still hold bytes of deleted words, because {needed:.1f} MB must be free to rewrite it; "
            "free some space, and the next udib command does it."
        )


def _make_private_file(path: Path) -> None:
    """Make an empty file with mode 0600 if there is none; one that exists is left alone.

    An existing SQLite file must not even be opened and closed: POSIX would drop the locks this process holds on it.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return


def _is_owed(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA application_id").fetchone()[0] == _OWED)


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str, end: str) -> Generator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute(end)
    finally:
        if connection.in_transaction:  # SQLite itself undoes a transaction on some errors, such as a full disk
            connection.execute("ROLLBACK")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one, because `executescript` would commit the transaction around it."""
    pending = ""
    for part in script.split(";"):
        pending += f"{part};"
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
