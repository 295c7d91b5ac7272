"""The finished steps of runs on a PostgreSQL server that the workers of a fleet share.

A run has one holder: whoever began it last. A process that was frozen while another one took its run over is told so at
its next write, and writes nothing.
"""

from typing import Any, Final

from udib.core.errors import UnavailableError
from udib.core.jobs import Began, KeptStep, RunKey, StepName
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_schema import Connection

_OWNED: Final = "tenant = %(tenant)s AND workspace = %(workspace)s"
_ITS: Final = f"{_OWNED} AND content_id = %(content_id)s"
# Two processes cannot begin or finish runs of the same content at the same moment.
_ALONE: Final = """
    SELECT pg_advisory_xact_lock(hashtextextended(%(tenant)s || '/' || encode(%(content_id)s, 'hex'), 6))
"""
_TAKE_OVER: Final = f"""
    UPDATE runs SET holder = holder + 1 WHERE id = (
        SELECT max(id) FROM runs WHERE {_ITS} AND key = %(key)s AND NOT finished
    ) RETURNING id, revision, holder
"""  # noqa: S608 - no text of a user
_NEW: Final = """
    INSERT INTO runs (tenant, workspace, content_id, key, revision)
    VALUES (%(tenant)s, %(workspace)s, %(content_id)s, %(key)s, %(revision)s) RETURNING id, revision, holder
"""
_NAMES: Final = f"""
    SELECT run_id, stage, version, input_hash FROM steps JOIN runs ON runs.id = run_id
    WHERE {_ITS} AND (run_id = %(run)s OR reusable)
"""  # noqa: S608 - no text of a user
_OUTPUT: Final = f"""
    SELECT output, artifact, reusable FROM steps JOIN runs ON runs.id = run_id
    WHERE {_ITS} AND stage = %(stage)s AND version = %(version)s AND input_hash = %(input_hash)s
        AND (run_id = %(run)s OR reusable)
    ORDER BY run_id = %(run)s DESC, run_id DESC LIMIT 1
"""  # noqa: S608 - no text of a user
_KEEP: Final = """
    INSERT INTO steps SELECT id, %(stage)s, %(version)s, %(input_hash)s, %(output)s, %(artifact)s, %(reusable)s
    FROM runs WHERE id = %(run)s AND holder = %(holder)s FOR SHARE
    ON CONFLICT (run_id, stage, version, input_hash) DO UPDATE
    SET output = excluded.output, artifact = excluded.artifact, reusable = excluded.reusable
"""
_OF_STEP: Final = "run_id = %(run)s AND stage = %(stage)s AND version = %(version)s AND input_hash = %(input_hash)s"
_PARTS: Final = f"SELECT part FROM parts WHERE {_OF_STEP} ORDER BY number"  # noqa: S608 - no text of a user
_DROP_LATER: Final = f"DELETE FROM parts WHERE {_OF_STEP} AND number >= %(number)s"  # noqa: S608 - no text of a user
_KEEP_PART: Final = """
    INSERT INTO parts VALUES (%(run)s, %(stage)s, %(version)s, %(input_hash)s, %(number)s, %(part)s)
"""
_HOLDS: Final = "SELECT 1 FROM runs WHERE id = %(run)s AND holder = %(holder)s FOR UPDATE"
_EARLIER: Final = f"id <= %(run)s AND {_ITS}"
_CLOSE: Final = f"UPDATE runs SET finished = true WHERE {_EARLIER}"  # noqa: S608 - no text of a user, here and below
_CLEAR_PARTS: Final = f"DELETE FROM parts USING runs WHERE runs.id = run_id AND {_EARLIER}"  # noqa: S608
_CLEAR: Final = f"DELETE FROM runs WHERE {_EARLIER} AND NOT EXISTS (SELECT 1 FROM steps WHERE run_id = runs.id)"  # noqa: S608
_FORGET: Final = f"DELETE FROM runs WHERE {_ITS}"  # noqa: S608
_DROP: Final = f"""
    DELETE FROM steps USING runs WHERE runs.id = run_id AND NOT reusable AND {_OWNED}
        AND (%(run)s::bigint IS NULL OR (run_id <= %(run)s AND content_id = %(content_id)s))
    RETURNING content_id, artifact
"""  # noqa: S608
_IDLE: Final = """
    SELECT tenant, workspace, content_id, extract(epoch FROM clock_timestamp() - max(started_at))::float8 FROM runs
    GROUP BY tenant, workspace, content_id
    HAVING bool_and(finished) AND max(started_at) <= clock_timestamp() - make_interval(secs => %(older)s)
"""
_HELD: Final = f"""
    SELECT DISTINCT artifact FROM steps JOIN runs ON runs.id = run_id WHERE artifact IS NOT NULL AND finished AND {_ITS}
"""  # noqa: S608
_STILL: Final = f"""
    SELECT artifact FROM steps JOIN runs ON runs.id = run_id WHERE {_ITS} AND artifact = ANY(%(artifacts)s)
"""  # noqa: S608


class PostgresStepStore:
    """`StepStore` in PostgreSQL."""

    name = "journal"

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._holders: dict[int, int] = {}

    async def begin(self, key: RunKey, revision: int) -> Began:
        """A new run, or the interrupted one, which nobody else may write from now on; see `StepStore.begin`."""
        values = {**_keys(key.scope, key.content_id), "key": key.options, "revision": revision}

        async def begin(connection: Connection) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
            await connection.execute(_ALONE, values)
            found = await (await connection.execute(_TAKE_OVER, values)).fetchone()
            if found is None:
                found = await (await connection.execute(_NEW, values)).fetchone()
            run = found or ()
            return run, await (await connection.execute(_NAMES, {**values, "run": run[0]})).fetchall()

        (run_id, revision, holder), rows = await self._database.run(begin, repeatable=True)
        self._holders[run_id] = holder
        return Began.of(run_id, revision, rows)

    async def output(self, run_id: int, key: RunKey, name: StepName) -> KeptStep | None:
        """A finished step; see `StepStore.output`."""
        rows = await self._database.rows(_OUTPUT, {**_keys(key.scope, key.content_id), **_named(name), "run": run_id})
        return KeptStep(name, *rows[0]) if rows else None

    async def keep(self, run_id: int, step: KeptStep) -> None:
        """Keep a finished step; see `StepStore.keep`.

        Raises:
            UnavailableError: Another process has taken the run over, or the content was forgotten.
        """
        values = {
            **self._held(run_id),
            **_named(step.name),
            "output": step.output,
            "artifact": step.artifact,
            "reusable": step.reusable,
        }

        async def keep(connection: Connection) -> int:
            return (await connection.execute(_KEEP, values)).rowcount

        if not await self._database.run(keep, repeatable=True):
            raise _superseded()

    async def parts(self, run_id: int, name: StepName) -> list[bytes]:
        """The parts of a step that is not finished; see `StepStore.parts`."""
        rows = await self._database.rows(_PARTS, {**_named(name), "run": run_id})
        return [bytes(row[0]) for row in rows]

    async def keep_part(self, run_id: int, name: StepName, number: int, part: bytes) -> None:
        """Keep a part of a step; see `StepStore.keep_part`.

        Raises:
            UnavailableError: Another process has taken the run over, or the content was forgotten.
        """
        values = {**self._held(run_id), **_named(name), "number": number, "part": part}

        async def keep(connection: Connection) -> None:
            # First, so that nothing is removed by who holds the run no longer.
            if await (await connection.execute(_HOLDS, values)).fetchone() is None:
                raise _superseded()
            await connection.execute(_DROP_LATER, values)
            await connection.execute(_KEEP_PART, values)

        await self._database.run(keep, repeatable=True)

    async def finish(self, run_id: int, key: RunKey) -> list[tuple[ContentId, str]]:
        """Close a run; see `StepStore.finish`.

        Raises:
            UnavailableError: Another process has taken the run over, or the content was forgotten.
        """
        values = {**_keys(key.scope, key.content_id), **self._held(run_id)}

        async def finish(connection: Connection) -> list[tuple[ContentId, str]]:
            await connection.execute(_ALONE, values)
            if await (await connection.execute(_HOLDS, values)).fetchone() is None:
                raise _superseded()
            await connection.execute(_CLOSE, values)
            dropped = await _drop(connection, values)
            await connection.execute(_CLEAR_PARTS, values)
            await connection.execute(_CLEAR, values)
            return dropped

        # Not repeatable: what a first COMMIT removed is named once. What is left then goes with the next run.
        dropped = await self._database.run(finish)
        del self._holders[run_id]
        return dropped

    async def idle(self, older_than_s: float) -> list[tuple[Scope, ContentId, float]]:
        """The contents whose runs are all finished; see `StepStore.idle`."""
        rows = await self._database.rows(_IDLE, {"older": older_than_s})
        return [(Scope.of(tenant, space), ContentId(content.decode()), age) for tenant, space, content, age in rows]

    async def drop(self, scope: Scope, content_id: ContentId, *, dry_run: bool = False) -> list[str]:
        """Remove what is kept of finished runs; see `StepStore.drop`."""
        values = _keys(scope, content_id)

        async def remove(connection: Connection) -> list[str]:
            artifacts = [row[0] for row in await (await connection.execute(_HELD, values)).fetchall()]
            if not dry_run:
                await connection.execute(f"{_FORGET} AND finished", values)
            return artifacts

        # Not repeatable: what a first COMMIT removed is named once.
        return await self._database.run(remove)

    async def forget(self, scope: Scope, content_id: ContentId) -> tuple[int, list[tuple[ContentId, str]]]:
        """Remove the runs of a content; see `StepStore.forget`."""
        values = {**_keys(scope, content_id), "run": None}

        async def remove(connection: Connection) -> tuple[int, list[tuple[ContentId, str]]]:
            found = await connection.execute(_FORGET, values)
            return found.rowcount, await _drop(connection, values)

        removed = await self._database.run(remove)
        await self._database.vacuum("runs", "steps", "parts")
        return removed

    async def ping(self) -> Health:
        """Whether the tables can be written."""
        return await self._database.ping(self.name)

    def _held(self, run_id: int) -> dict[str, object]:
        return {"run": run_id, "holder": self._holders.get(run_id)}


def _keys(scope: Scope, content_id: ContentId) -> dict[str, object]:
    return {"tenant": scope.tenant, "workspace": scope.workspace, "content_id": content_id.encode()}


def _named(name: StepName) -> dict[str, object]:
    return {"stage": name.stage, "version": name.version, "input_hash": name.input_hash}


async def _drop(connection: Connection, values: dict[str, object]) -> list[tuple[ContentId, str]]:
    """Remove the steps of some runs that no later revision may reuse; gives the artifacts that are free now."""
    rows = set(await (await connection.execute(_DROP, values)).fetchall())
    freed = []
    for content_id in sorted({row[0] for row in rows}):
        artifacts = sorted(row[1] for row in rows if row[0] == content_id and row[1] is not None)
        asked = {**values, "content_id": content_id, "artifacts": artifacts}
        still = {row[0] for row in await (await connection.execute(_STILL, asked)).fetchall()}
        freed += [(ContentId(content_id.decode()), artifact) for artifact in artifacts if artifact not in still]
    return freed


def _superseded() -> UnavailableError:
    return UnavailableError(
        "Another udib process has taken this analysis over, or the item was forgotten; wait for it, or ask again."
    )
