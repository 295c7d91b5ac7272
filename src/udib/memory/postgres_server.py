"""A PostgreSQL server: connections, the tables of the memory, and what the server's refusals mean to the user."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, LiteralString, TypeVar

import psycopg
import structlog
from psycopg import AsyncConnection, errors, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from udib.core.errors import BadRequestError, ForbiddenError, UnavailableError
from udib.core.postgres import DatabasePlace
from udib.memory.postgres_sql import Binary, BinaryDumper

Row = tuple[Any, ...]
Connection = AsyncConnection[Row]
Statement = LiteralString | sql.SQL | sql.Composed
T = TypeVar("T")

MOST_CONNECTIONS: Final = 8
CONNECTION_TIMEOUT_S: Final = 10
_OLDEST_SERVER: Final = 130000
_MIGRATION_LOCK: Final = 7_319_220_401  # any number that nothing else in the database locks

# A scope is a number, so that a posting is small and every index begins with it. Vectors stay in the row (MAIN), and
# long payloads leave it, so that an exact scan reads vectors and nothing else. A content id may have 64 KiB, more than
# an index takes: so its hash is indexed. Payloads are json, not jsonb: they come back as they were, NUL characters too.
MIGRATIONS: Final = (
    """
    CREATE TABLE collections (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text COLLATE "C" NOT NULL UNIQUE,
        model_id text NOT NULL,
        dimension integer NOT NULL
    );
    CREATE TABLE scopes (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        collection bigint NOT NULL REFERENCES collections ON DELETE CASCADE,
        tenant text COLLATE "C" NOT NULL CHECK (tenant <> ''),
        workspace text COLLATE "C" NOT NULL CHECK (workspace <> ''),
        UNIQUE (collection, tenant, workspace)
    );
    CREATE TABLE points (
        scope bigint NOT NULL REFERENCES scopes ON DELETE CASCADE,
        id uuid NOT NULL,
        vector vector,
        term_ids bigint[] NOT NULL,
        weights real[] NOT NULL,
        payload json NOT NULL,
        content_id text COLLATE "C",
        speaker text COLLATE "C",
        platform text COLLATE "C",
        verdict text COLLATE "C",
        content_hash text COLLATE "C",
        twin_of text COLLATE "C",
        number double precision,
        published_ts double precision,
        start_s double precision,
        expires_at double precision,
        PRIMARY KEY (scope, id)
    );
    ALTER TABLE points ALTER COLUMN vector SET STORAGE MAIN;
    CREATE INDEX points_content ON points (scope, hashtextextended(content_id, 0));
    CREATE INDEX points_words ON points (scope, content_hash) WHERE content_hash IS NOT NULL;
    CREATE INDEX points_twins ON points (scope, twin_of) WHERE twin_of IS NOT NULL;
    CREATE INDEX points_expiry ON points (scope, expires_at) WHERE expires_at IS NOT NULL;
    CREATE INDEX points_with_terms ON points (scope) WHERE term_ids <> '{}';
    CREATE TABLE postings (
        scope bigint NOT NULL,
        term bigint NOT NULL,
        id uuid NOT NULL,
        weight real NOT NULL,
        PRIMARY KEY (scope, term, id) INCLUDE (weight)
    );
    """,
)
"""What each version of the tables adds to the one before; an entry is never changed once it is released."""


_log = structlog.get_logger(__name__)
# Without a handler of its own Python would print on standard error what our errors say anyway.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


class PostgresServer:
    """Connections to one schema of one database, made when they are first needed.

    Args:
        url: A connection string of libpq, such as postgresql://user:password@host:5432/database.
        schema: Where the tables lie; made if it is missing.
        timeout_s: Most seconds of one statement.

    Raises:
        BadRequestError: The connection string cannot be read.
    """

    __slots__ = (
        "_opening",
        "_parameters",
        "_pool",
        "_schema",
        "_timeout_s",
        "_vacuuming",
        "_vacuums_done",
        "_vacuums_wanted",
        "place",
    )

    def __init__(self, url: str, schema: str, timeout_s: float) -> None:
        given, self.place = _read(url)
        usual: dict[str, Any] = {"connect_timeout": CONNECTION_TIMEOUT_S, "application_name": "udib"}
        self._parameters: dict[str, Any] = usual | given | {"client_encoding": "utf8"}
        self._schema = schema
        self._timeout_s = timeout_s
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._opening = asyncio.Lock()
        self._vacuuming = asyncio.Lock()
        self._vacuums_wanted = self._vacuums_done = 0

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """A connection in which each statement is a transaction of its own.

        Raises:
            UnavailableError: The server is not to be had, or cannot do it now.
            ForbiddenError: The server refuses the login or the statement.
            BadRequestError: The server has no pgvector, or the tables are of a newer udib.
        """
        pool = self._pool or await self._opened()
        with server_errors(self.place):
            async with pool.connection() as connection:
                yield connection

    async def write(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do something in one transaction; once more if it got in the way of another one."""
        async with self.connection() as connection:
            try:
                return await _in_transaction(connection, work)
            except (errors.SerializationFailure, errors.DeadlockDetected):
                return await _in_transaction(connection, work)

    async def vacuum(self) -> None:
        """Clear what was deleted out of the tables. What keeps the server from it is logged: the deletion stands.

        Of calls that come while another is at work, one works for all: it begins after each of them was made.
        """
        self._vacuums_wanted = mine = self._vacuums_wanted + 1
        async with self._vacuuming:
            if self._vacuums_done < mine:
                self._vacuums_done = self._vacuums_wanted
                reason = await self._vacuum()
                if reason:
                    _log.warning("memory.not_vacuumed", reason=reason)

    async def _vacuum(self) -> str:
        """Vacuum; returns why it was not done, or nothing."""
        refused: list[str] = []

        def note(diagnostic: errors.Diagnostic) -> None:
            refused.append(diagnostic.message_primary or "")

        try:
            async with self.connection() as connection:
                connection.add_notice_handler(note)
                try:
                    await connection.execute("VACUUM points, postings")
                finally:
                    connection.remove_notice_handler(note)
        except UnavailableError as exc:
            refused.append(str(exc))
        return "; ".join(refused)

    async def close(self) -> None:
        """Give the connections back."""
        async with self._opening:
            pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def _opened(self) -> AsyncConnectionPool[Connection]:
        async with self._opening:
            if self._pool is None:
                with server_errors(self.place):
                    # Not from the pool, which hides why a connection cannot be made.
                    async with await AsyncConnection.connect(**self._parameters, autocommit=True) as connection:
                        path = await migrated(connection, self._schema)
                self._pool = AsyncConnectionPool(
                    kwargs={**self._parameters, "autocommit": True},
                    min_size=1,
                    max_size=MOST_CONNECTIONS,
                    open=False,
                    configure=self._configurer(path),
                    timeout=CONNECTION_TIMEOUT_S,
                    check=AsyncConnectionPool.check_connection,  # the server may have been started anew
                )
                await self._pool.open()
            return self._pool

    def _configurer(self, path: sql.Composed) -> Callable[[Connection], Awaitable[None]]:
        timeout = sql.SQL("SET statement_timeout = {}").format(sql.Literal(int(self._timeout_s * 1000)))

        async def configure(connection: Connection) -> None:
            await connection.execute(path)
            await connection.execute(timeout)
            connection.adapters.register_dumper(Binary, BinaryDumper)
            await connection.execute("SET jit = off")  # compiling takes longer than an exact scan of a scope

        return configure


def _read(url: str) -> tuple[dict[str, str], DatabasePlace]:
    """The parts of a connection string, and how sentences name what it leads to."""
    given = None
    with suppress(psycopg.ProgrammingError):
        given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    return given or {}, DatabasePlace.of(given, "memory.postgres", "the memory")


async def migrated(connection: Connection, schema: str) -> sql.Composed:
    """Bring the tables in `schema` to this version, forward only; returns the statement that makes them visible.

    Raises:
        BadRequestError: The server is too old, stores no UTF-8 or has no pgvector, or the tables are of a newer udib.
    """
    await _check_server(connection)
    async with connection.transaction():
        # Two processes that start at the same time: the second waits and finds everything done.
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
        extension = await _extension_schema(connection)
        if await _value(connection, "SELECT to_regnamespace(%s)::text", [f'"{schema}"']) is None:
            await connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        path = sql.SQL("SET search_path = {}, {}").format(sql.Identifier(schema), sql.Identifier(extension))
        await connection.execute(path)
        await _migrate(connection, schema)
    return path


async def _migrate(connection: Connection, schema: str) -> None:
    version = 0
    if await _value(connection, "SELECT to_regclass(%s)::text", [f'"{schema}".udib_schema_version']) is None:
        await connection.execute("CREATE TABLE udib_schema_version (version integer NOT NULL)")
        await connection.execute("INSERT INTO udib_schema_version VALUES (0)")
    else:
        version = int(await _value(connection, "SELECT version FROM udib_schema_version", []) or 0)
    if version > len(MIGRATIONS):
        raise BadRequestError(
            f"The memory in the schema {schema} belongs to a newer udib (its version is {version}, this udib knows "
            f"{len(MIGRATIONS)}); update udib."
        )
    for step in MIGRATIONS[version:]:
        await connection.execute(step)
    if version < len(MIGRATIONS):
        await connection.execute("UPDATE udib_schema_version SET version = %s", [len(MIGRATIONS)])


async def _check_server(connection: Connection) -> None:
    if connection.info.server_version < _OLDEST_SERVER:
        raise BadRequestError(
            f"PostgreSQL {connection.info.server_version // 10_000} is too old for the memory; use 13 or newer."
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise BadRequestError(
            f"The database stores {encoding}, not UTF8, so that some words would be refused; create one with "
            "ENCODING 'UTF8'."
        )


async def _extension_schema(connection: Connection) -> str:
    """Where the types of pgvector lie; it is set up if the server has it."""
    query = """SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
               WHERE e.extname = 'vector'"""
    found = await _value(connection, query, [])
    if found is None:
        try:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        except (errors.FeatureNotSupported, errors.UndefinedFile) as exc:
            raise BadRequestError(
                "The PostgreSQL server has no pgvector; install it there (on Debian: apt install "
                f"postgresql-{connection.info.server_version // 10_000}-pgvector)."
            ) from exc
        except errors.InsufficientPrivilege as exc:
            raise ForbiddenError(
                "The role in memory.postgres_url may not set up pgvector; let an administrator run CREATE EXTENSION "
                "vector in its database."
            ) from exc
        found = await _value(connection, query, [])
    return str(found)


async def rows(connection: Connection, query: Statement, values: Sequence[object] | Mapping[str, object]) -> list[Row]:
    """What a statement answers."""
    return await (await connection.execute(query, values, binary=True)).fetchall()


async def _value(connection: Connection, query: Statement, values: Sequence[object]) -> str | int | None:
    found = await rows(connection, query, values)
    return found[0][0] if found else None


async def _in_transaction(connection: Connection, work: Callable[[Connection], Awaitable[T]]) -> T:
    async with connection.transaction():
        return await work(connection)


@contextmanager
def server_errors(place: DatabasePlace) -> Generator[None]:
    """Say what the server could not do; errors in our SQL or its values pass as bugs."""
    try:
        yield
    except PoolTimeout as exc:
        raise place.silence() from exc
    except psycopg.Error as exc:
        message = exc.diag.message_primary or " ".join(str(exc).partition("\n")[0].split())
        outage = isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError)
        found = place.refusal(exc.sqlstate or "", message, outage=outage)
        if found is None:
            raise
        raise found from exc
