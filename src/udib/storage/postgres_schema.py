"""The tables of the records on PostgreSQL, and how they are brought to this version."""

from typing import Any, Final, LiteralString

from psycopg import AsyncConnection, sql

from udib.core.errors import BadRequestError
from udib.core.postgres import DatabasePlace

Connection = AsyncConnection[tuple[Any, ...]]

_OLDEST_SERVER: Final = 130000
_MIGRATION_LOCK: Final = 7_319_220_402  # any number that nothing else in the database locks

# Names compare byte by byte (COLLATE "C"), as they do in SQLite. Reports and contents are bytes: they come back as they
# were, NUL characters too, which no text of PostgreSQL can hold; for columns that are searched see `storable`.
MIGRATIONS: Final[tuple[LiteralString, ...]] = (
    """
    CREATE TABLE contents (
        tenant text COLLATE "C" NOT NULL CHECK (tenant <> ''),
        workspace text COLLATE "C" NOT NULL CHECK (workspace <> ''),
        content_id text COLLATE "C" NOT NULL,
        native_id text COLLATE "C" NOT NULL,
        address text COLLATE "C" NOT NULL,
        url text COLLATE "C",
        folded_title text COLLATE "C" NOT NULL,
        content bytea NOT NULL,
        PRIMARY KEY (tenant, workspace, content_id)
    );
    CREATE INDEX contents_by_native_id ON contents (tenant, workspace, native_id);
    CREATE TABLE reports (
        tenant text COLLATE "C" NOT NULL,
        workspace text COLLATE "C" NOT NULL,
        content_id text COLLATE "C" NOT NULL,
        revision integer NOT NULL,
        created_at text COLLATE "C" NOT NULL,
        words integer NOT NULL,
        claims integer NOT NULL,
        duration_s double precision,
        remembered boolean NOT NULL,
        speakers bytea NOT NULL,
        report bytea NOT NULL,
        PRIMARY KEY (tenant, workspace, content_id, revision, created_at),
        FOREIGN KEY (tenant, workspace, content_id) REFERENCES contents
    );
    CREATE TABLE effects (
        tenant text COLLATE "C" NOT NULL CHECK (tenant <> ''),
        workspace text COLLATE "C" NOT NULL CHECK (workspace <> ''),
        key text COLLATE "C" NOT NULL,
        content_id text COLLATE "C" NOT NULL,
        reference text,
        PRIMARY KEY (tenant, workspace, key)
    );
    CREATE INDEX effects_by_content ON effects (tenant, workspace, content_id);

    CREATE TABLE reservations (
        id text COLLATE "C" PRIMARY KEY,
        day text COLLATE "C" NOT NULL,
        tenant text COLLATE "C" NOT NULL CHECK (tenant <> ''),
        workspace text COLLATE "C" NOT NULL CHECK (workspace <> ''),
        task text COLLATE "C" NOT NULL,
        model text COLLATE "C" NOT NULL,
        amount_nano bigint NOT NULL CHECK (amount_nano >= 0)
    );
    CREATE INDEX reservations_by_day ON reservations (tenant, day);
    CREATE TABLE spendings (
        day text COLLATE "C" NOT NULL,
        tenant text COLLATE "C" NOT NULL CHECK (tenant <> ''),
        workspace text COLLATE "C" NOT NULL CHECK (workspace <> ''),
        task text COLLATE "C" NOT NULL,
        model text COLLATE "C" NOT NULL,
        calls bigint NOT NULL,
        cost_nano bigint NOT NULL CHECK (cost_nano >= 0),
        unsettled bigint NOT NULL,
        PRIMARY KEY (tenant, day, workspace, task, model)
    );

    CREATE TABLE decisions (
        id text COLLATE "C" PRIMARY KEY,
        tenant text COLLATE "C" NOT NULL CHECK (tenant <> ''),
        workspace text COLLATE "C" NOT NULL CHECK (workspace <> ''),
        task text NOT NULL,
        model text NOT NULL,
        layout text COLLATE "C" NOT NULL,
        context double precision[] NOT NULL,
        prompt_tokens bigint NOT NULL,
        completion_tokens bigint NOT NULL,
        barred text[] NOT NULL,
        propensity double precision NOT NULL,
        decided_at double precision NOT NULL,
        cost_usd double precision,
        reward double precision,
        calibration boolean NOT NULL
    );
    CREATE INDEX decisions_by_scope ON decisions (tenant, workspace, decided_at);
    CREATE INDEX decisions_by_age ON decisions (decided_at);
    CREATE TABLE lessons (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        decision_id text COLLATE "C" NOT NULL REFERENCES decisions ON DELETE CASCADE,
        kind text NOT NULL
    );
    CREATE INDEX lessons_by_decision ON lessons (decision_id);
    CREATE TABLE learned (
        layout text COLLATE "C" PRIMARY KEY,
        upto bigint NOT NULL,
        data bytea NOT NULL
    );
    """,
    """
    CREATE TABLE runs (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant text COLLATE "C" NOT NULL CHECK (tenant <> ''),
        workspace text COLLATE "C" NOT NULL CHECK (workspace <> ''),
        content_id bytea NOT NULL,
        key text COLLATE "C" NOT NULL,
        revision integer NOT NULL,
        holder bigint NOT NULL DEFAULT 1,
        finished boolean NOT NULL DEFAULT false
    );
    CREATE INDEX runs_by_content ON runs (tenant, workspace, content_id);
    CREATE TABLE steps (
        run_id bigint NOT NULL REFERENCES runs ON DELETE CASCADE,
        stage text COLLATE "C" NOT NULL,
        version integer NOT NULL,
        input_hash text COLLATE "C" NOT NULL,
        output bytea,
        artifact text COLLATE "C",
        reusable boolean NOT NULL,
        PRIMARY KEY (run_id, stage, version, input_hash)
    );

    CREATE TABLE jobs (
        number bigint GENERATED ALWAYS AS IDENTITY,
        id text COLLATE "C" PRIMARY KEY,
        tenant text COLLATE "C" NOT NULL CHECK (tenant <> ''),
        workspace text COLLATE "C" NOT NULL CHECK (workspace <> ''),
        key text COLLATE "C" NOT NULL,
        address_digest text COLLATE "C",
        newest boolean NOT NULL DEFAULT true,
        submitted_at double precision NOT NULL,
        attempt integer NOT NULL DEFAULT 0,
        deaths integer NOT NULL DEFAULT 0,
        again_at double precision,
        content_id bytea,
        worker text COLLATE "C"
    );
    CREATE UNIQUE INDEX jobs_newest ON jobs (tenant, workspace, key) WHERE newest;
    CREATE INDEX jobs_by_scope ON jobs (tenant, workspace, number);
    CREATE INDEX jobs_by_address ON jobs (tenant, workspace, address_digest);
    CREATE INDEX jobs_by_age ON jobs (submitted_at);
    CREATE INDEX jobs_again ON jobs (again_at) WHERE again_at IS NOT NULL;
    CREATE INDEX jobs_in_work ON jobs (worker) WHERE worker IS NOT NULL;
    CREATE TABLE events (
        job text COLLATE "C" NOT NULL REFERENCES jobs ON DELETE CASCADE,
        number bigint NOT NULL,
        at double precision NOT NULL,
        event bytea NOT NULL,
        PRIMARY KEY (job, number)
    );
    CREATE TABLE workers (
        id text COLLATE "C" PRIMARY KEY,
        serves boolean NOT NULL,
        seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE TABLE schedules (
        name text PRIMARY KEY,
        tenant text COLLATE "C" NOT NULL CHECK (tenant <> ''),
        workspace text COLLATE "C" NOT NULL CHECK (workspace <> ''),
        flow text NOT NULL,
        payload text NOT NULL,
        attempts integer NOT NULL,
        every_s double precision NOT NULL,
        next_at double precision NOT NULL
    );
    """,
    """
    CREATE TABLE parts (
        run_id bigint NOT NULL REFERENCES runs ON DELETE CASCADE,
        stage text COLLATE "C" NOT NULL,
        version integer NOT NULL,
        input_hash text COLLATE "C" NOT NULL,
        number integer NOT NULL,
        part bytea NOT NULL,
        PRIMARY KEY (run_id, stage, version, input_hash, number)
    );
    """,
    """
    CREATE UNLOGGED TABLE gates (  -- who waits and is in counts only while its process lives
        name text COLLATE "C" PRIMARY KEY,
        state bytea NOT NULL
    );
    """,
    """
    CREATE TABLE watches (
        tenant text COLLATE "C" NOT NULL CHECK (tenant <> ''),
        workspace text COLLATE "C" NOT NULL CHECK (workspace <> ''),
        id text COLLATE "C" NOT NULL,
        next_at double precision NOT NULL,
        watch bytea NOT NULL,
        PRIMARY KEY (tenant, workspace, id)
    );
    """,
    "ALTER TABLE runs ADD COLUMN started_at timestamptz NOT NULL DEFAULT clock_timestamp()",
    """
    CREATE TABLE corrections (
        tenant text COLLATE "C" NOT NULL,
        workspace text COLLATE "C" NOT NULL,
        content_id text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        made_at text COLLATE "C" NOT NULL,
        correction bytea NOT NULL,
        PRIMARY KEY (tenant, workspace, content_id, id),
        FOREIGN KEY (tenant, workspace, content_id) REFERENCES contents
    );
    """,
    """
    CREATE TABLE scales (
        tenant text COLLATE "C" NOT NULL CHECK (tenant <> ''),
        workspace text COLLATE "C" NOT NULL CHECK (workspace <> ''),
        made_by text COLLATE "C" NOT NULL,
        scale bytea NOT NULL,
        PRIMARY KEY (tenant, workspace, made_by)
    );
    """,
    """
    CREATE TABLE evidence_changes (
        tenant text COLLATE "C" NOT NULL,
        workspace text COLLATE "C" NOT NULL,
        content_id text COLLATE "C" NOT NULL,
        kind text NOT NULL,
        at text NOT NULL,
        PRIMARY KEY (tenant, workspace, content_id),
        FOREIGN KEY (tenant, workspace, content_id) REFERENCES contents ON DELETE CASCADE
    );
    """,
)
"""What each version of the tables adds to the one before; an entry is never changed once it is released."""


async def migrate(connection: Connection, schema: str, place: DatabasePlace) -> None:
    """Bring the tables in `schema` to this version, forward only and all or nothing; see them from now on.

    Raises:
        BadRequestError: The server is too old or stores no UTF-8, or the tables are of a newer udib.
    """
    _check_server(connection, place)
    async with connection.transaction():
        # Two workers that start at the same time: the second waits and finds everything done.
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_MIGRATION_LOCK])
        # Not IF NOT EXISTS, which asks for the right to make one also where it is there.
        if await _value(connection, "SELECT to_regnamespace(%s)::text", [f'"{schema}"']) is None:
            await connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        await connection.execute(search_path(schema))
        await _bring_forward(connection, schema, place)


def search_path(schema: str) -> sql.Composed:
    """The statement that makes the tables visible to a connection."""
    return sql.SQL("SET search_path = {}").format(sql.Identifier(schema))


def storable(text: str) -> str:
    """A text in which no NUL is left, and no two texts become one; its beginnings stay its beginnings."""
    return text.replace("\u2400", "\u2400\u2400").replace("\0", "\u2400\u2401")


async def _bring_forward(connection: Connection, schema: str, place: DatabasePlace) -> None:
    version = 0
    if await _value(connection, "SELECT to_regclass(%s)::text", [f'"{schema}".records_schema_version']) is None:
        await connection.execute("CREATE TABLE records_schema_version (version integer NOT NULL)")
        await connection.execute("INSERT INTO records_schema_version VALUES (0)")
    else:
        version = int(await _value(connection, "SELECT version FROM records_schema_version", []) or 0)
    if version > len(MIGRATIONS):
        raise BadRequestError(
            f"The records in the schema {schema} of PostgreSQL at {place.where} belong to a newer udib (their version "
            f"is {version}, this udib knows {len(MIGRATIONS)}); update udib."
        )
    for step in MIGRATIONS[version:]:
        await connection.execute(step)
    if version < len(MIGRATIONS):
        await connection.execute("UPDATE records_schema_version SET version = %s", [len(MIGRATIONS)])


def _check_server(connection: Connection, place: DatabasePlace) -> None:
    if connection.info.server_version < _OLDEST_SERVER:
        raise BadRequestError(
            f"PostgreSQL {connection.info.server_version // 10_000} at {place.where} is too old; use 13 or newer."
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise BadRequestError(
            f"The database of PostgreSQL at {place.where} stores {encoding}, not UTF8, so that some words would be "
            "refused; create one with ENCODING 'UTF8'."
        )


async def _value(connection: Connection, query: LiteralString, values: list[object]) -> str | int | None:
    found = await (await connection.execute(query, values)).fetchone()
    return found[0] if found else None
