"""A PostgreSQL server that several machines share: connections, transactions, and what to do when one is lost."""

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, LiteralString, TypeVar

import psycopg
import structlog
from psycopg import AsyncConnection, errors, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from udib.core.errors import UdibError, UnavailableError
from udib.core.postgres import DatabasePlace
from udib.core.types import Health
from udib.storage.faults import unhealthy
from udib.storage.postgres_schema import MIGRATIONS, Connection, migrate, search_path

T = TypeVar("T")
Values = Sequence[object] | Mapping[str, object]

SCHEMA: Final = "udib_records"
MOST_CONNECTIONS: Final = 8
CONNECTION_TIMEOUT_S: Final = 10.0
STATEMENT_TIMEOUT_S: Final = 30.0
TRANSACTION_TIMEOUT_S: Final = 120.0
_TRIES: Final = 4
_LONGEST_WAIT_S: Final = 5.0
"""After a long outage the library asks for the server less and less often; not less often than this."""
_IDLE_S: Final = 10
"""A worker that was frozen amid a transaction does not hold its locks longer than this."""
# A machine that is gone answers nothing at all; without these TCP waits for it for a quarter of an hour.
_WATCHED: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}

_log = structlog.get_logger(__name__)
# Without a handler of its own Python would print on standard error what our errors say anyway.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


class PostgresDatabase:
    """The records' tables in one schema of a database, made and migrated when they are first needed.

    A connection that is lost, as by a restart of the server, is replaced, and what was under way is done once more
    where that cannot do it twice: a transaction whose end was not yet asked for was undone by the server.

    Args:
        url: A connection string of libpq, such as postgresql://user:password@host:5432/database.
        schema: Where the tables lie; made if it is missing.
        connections: Most connections of this process; further calls wait for one.
        wait_s: Longest wait for a connection.
        longest_s: Longest time of one transaction with all that is waited for, also where the server is frozen and
            answers nothing; the library may take ten seconds more to let go of it.
        setting: What the settings that name it begin with.

    Raises:
        BadRequestError: The connection string cannot be read.
    """

    __slots__ = ("_longest_s", "_opening", "_parameters", "_pool", "_size", "_wait_s", "login", "place", "schema")

    def __init__(
        self,
        url: str,
        schema: str = SCHEMA,
        *,
        connections: int = MOST_CONNECTIONS,
        wait_s: float = CONNECTION_TIMEOUT_S,
        longest_s: float = TRANSACTION_TIMEOUT_S,
        setting: str = "storage.postgres",
    ) -> None:
        given: dict[str, str] | None = None
        with suppress(psycopg.ProgrammingError):
            given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
        self.place = DatabasePlace.of(given, setting, "the records")
        usual: dict[str, Any] = {"connect_timeout": math.ceil(wait_s), "application_name": "udib", **_WATCHED}
        self._parameters: dict[str, Any] = usual | (given or {}) | {"client_encoding": "utf8"}
        self.login = {name: str(value) for name, value in self._parameters.items()}
        self.schema = schema
        self._size = connections
        self._wait_s = wait_s
        self._longest_s = longest_s
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._opening = asyncio.Lock()

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, repeatable: bool = False) -> T:
        """Do something in one transaction, which is undone if `work` raises.

        Args:
            work: What to do; it may be called again, after what it did was undone.
            repeatable: Whether doing it again changes nothing, so that it may be done once more also when the answer to
                its COMMIT was lost, and nobody knows whether it was done.

        Raises:
            UnavailableError: The server is not to be had, or cannot do it now.
            ForbiddenError: The server refuses the login or the statement.
            BadRequestError: The database is missing or of no use, or the tables are of a newer udib.
        """
        try:
            async with asyncio.timeout(self._longest_s):
                return await self._repeated(work, repeatable=repeatable)
        except TimeoutError as exc:
            raise self.place.silence() from exc

    async def _repeated(self, work: Callable[[Connection], Awaitable[T]], *, repeatable: bool) -> T:
        pool = self._pool or await self._opened()
        with self._faults():
            for left in reversed(range(_TRIES)):
                held: Connection | None = None
                undone = True
                try:
                    async with self._taken(pool) as held, held.transaction():
                        result = await work(held)
                        undone = repeatable
                except (errors.SerializationFailure, errors.DeadlockDetected):
                    if not left:
                        raise
                except (psycopg.OperationalError, psycopg.InterfaceError):
                    if not (left and undone and held is not None and held.closed):
                        raise
                else:
                    return result
        raise AssertionError("the last try returns or raises")

    async def rows(self, query: LiteralString, values: Values) -> list[tuple[Any, ...]]:
        """What one reading statement answers. Raises as `run` does."""

        async def read(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(query, values)).fetchall()

        return await self.run(read, repeatable=True)

    @asynccontextmanager
    async def session(self, name: str) -> AsyncGenerator[Connection]:
        """A connection that is not the pool's, called `name` on the server; it ends with the block. Raises as `run`."""
        await self._opened()
        with self._faults():
            async with await self._connect(application_name=name) as connection:
                yield connection

    @staticmethod
    async def ended(session: Connection) -> None:
        """Wait until a session that nobody uses meanwhile is ended by the server, or cut off from it."""
        loop = asyncio.get_running_loop()
        descriptor = session.fileno()
        while True:
            told = asyncio.Event()
            loop.add_reader(descriptor, told.set)
            try:
                await told.wait()
            finally:
                loop.remove_reader(descriptor)
            try:
                await session.execute("SELECT 1")  # it may also have told of a setting that was changed
            except psycopg.OperationalError:
                return

    async def vacuum(self, *tables: LiteralString) -> None:
        """Let the server reuse the room of deleted rows. What keeps it from that is logged: the deletion stands."""
        refused: list[str] = []

        def note(diagnostic: errors.Diagnostic) -> None:
            refused.append(diagnostic.message_primary or "")

        names = sql.SQL(", ").join(map(sql.Identifier, tables))
        try:
            pool = self._pool or await self._opened()
            with self._faults():
                async with self._taken(pool) as connection:
                    connection.add_notice_handler(note)
                    try:
                        await connection.execute(sql.SQL("VACUUM {}").format(names))
                    finally:
                        connection.remove_notice_handler(note)
        except UnavailableError as exc:
            refused.append(str(exc))
        if refused:
            _log.warning("records.not_vacuumed", reason="; ".join(refused))

    async def ping(self, name: str) -> Health:
        """Whether the tables can be written now, as the health of the adapter `name`."""

        async def touch(connection: Connection) -> int:
            await connection.execute("UPDATE records_schema_version SET version = version")
            return connection.info.server_version // 10_000

        try:
            version = await self.run(touch, repeatable=True)
        except UdibError as exc:
            return unhealthy(name, exc)
        where = f"PostgreSQL {version} at {self.place.where}"
        return Health(name, ok=True, detail=f"{where}, schema {self.schema} {len(MIGRATIONS)}")

    async def close(self) -> None:
        """Give the connections back. Safe to repeat; the next call opens them again."""
        async with self._opening:
            pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def _opened(self) -> AsyncConnectionPool[Connection]:
        async with self._opening:
            if self._pool is None:
                with self._faults():
                    # Not from the pool, which hides why a connection cannot be made.
                    async with await self._connect() as connection:
                        await migrate(connection, self.schema, self.place)
                self._pool = AsyncConnectionPool(
                    kwargs={**self._parameters, "autocommit": True},
                    min_size=0,
                    max_size=self._size,
                    open=False,
                    configure=self._configure,
                    timeout=self._wait_s,
                    reconnect_timeout=min(self._wait_s, _LONGEST_WAIT_S),
                    check=AsyncConnectionPool.check_connection,  # the server may have been started anew
                )
                await self._pool.open()
            return self._pool

    async def _connect(self, **more: str) -> Connection:
        return await AsyncConnection.connect(**self._parameters | more, autocommit=True)

    async def _configure(self, connection: Connection) -> None:
        await connection.execute(search_path(self.schema))
        await connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S:.0f}s'")
        await connection.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_S}s'")

    @asynccontextmanager
    async def _taken(self, pool: AsyncConnectionPool[Connection]) -> AsyncGenerator[Connection]:
        """A connection of the pool; where it has none to give, why that is, as the server says it."""
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        try:
            connection = await pool.getconn()
        except PoolTimeout:
            await (await self._connect()).close()
            raise
        try:
            # The pool swallows a cancellation that comes at the moment at which it has found a connection.
            if task and task.cancelling() > before:
                raise asyncio.CancelledError
            yield connection
        finally:
            await pool.putconn(connection)

    @contextmanager
    def _faults(self) -> Generator[None]:
        """Say what the server could not do; errors in our SQL or its values pass as bugs."""
        try:
            yield
        except PoolTimeout as exc:
            raise self.place.silence() from exc
        except psycopg.Error as exc:
            message = exc.diag.message_primary or " ".join(str(exc).partition("\n")[0].split())
            outage = isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError)
            found = self.place.refusal(exc.sqlstate or "", message, outage=outage)
            if found is None:
                raise
            raise found from exc
