"""The journal's file: finished steps of runs, and the jobs that they belong to."""

import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from udib.core.errors import UnavailableError
from udib.core.jobs import Began, KeptStep, RunKey, StepName
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health
from udib.storage.database import Database
from udib.storage.disk import TO_STORE, need_room

JOURNAL_SCHEMA: Final = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, workspace TEXT NOT NULL, content_id TEXT NOT NULL,
        key TEXT NOT NULL, revision INTEGER NOT NULL, finished INTEGER NOT NULL DEFAULT 0, started_at REAL NOT NULL
    );
    CREATE INDEX runs_by_content ON runs (tenant, workspace, content_id);
    CREATE TABLE steps (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, stage TEXT NOT NULL, version INTEGER NOT NULL,
        input_hash TEXT NOT NULL, output BLOB, artifact TEXT, reusable INTEGER NOT NULL,
        PRIMARY KEY (run_id, stage, version, input_hash)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, workspace TEXT NOT NULL,
        flow TEXT NOT NULL, key TEXT NOT NULL, payload TEXT NOT NULL, priority INTEGER NOT NULL,
        attempts INTEGER NOT NULL, state TEXT NOT NULL, submitted_at REAL NOT NULL, attempt INTEGER NOT NULL DEFAULT 0,
        not_before REAL NOT NULL DEFAULT 0, started_at REAL, ended_at REAL, status TEXT, error TEXT, content_id TEXT,
        worker TEXT, to_cancel INTEGER NOT NULL DEFAULT 0, turn INTEGER NOT NULL DEFAULT 0
    );
    CREATE UNIQUE INDEX jobs_live ON jobs (tenant, workspace, key) WHERE state IN ('waiting', 'running');
    CREATE INDEX jobs_waiting ON jobs (tenant, priority DESC, number) WHERE state = 'waiting';
    CREATE INDEX jobs_running ON jobs (tenant, worker) WHERE state = 'running';
    CREATE INDEX jobs_served ON jobs (tenant, turn);
    CREATE INDEX jobs_turns ON jobs (turn);
    CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;
    CREATE TABLE events (
        job INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE, last INTEGER NOT NULL, event TEXT NOT NULL,
        PRIMARY KEY (job, last)
    ) WITHOUT ROWID;
    CREATE TABLE schedules (
        name TEXT PRIMARY KEY, tenant TEXT NOT NULL, workspace TEXT NOT NULL, flow TEXT NOT NULL, payload TEXT NOT NULL,
        attempts INTEGER NOT NULL, every_s REAL NOT NULL, next_at REAL NOT NULL
    );
    """,
    """
    CREATE TABLE parts (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, stage TEXT NOT NULL, version INTEGER NOT NULL,
        input_hash TEXT NOT NULL, number INTEGER NOT NULL, part BLOB NOT NULL,
        PRIMARY KEY (run_id, stage, version, input_hash, number)
    ) WITHOUT ROWID;
    """,
    # What comes again and again is looked for among the ended jobs too.
    "CREATE INDEX jobs_by_key ON jobs (tenant, workspace, key);",
)
_OF_SCOPE: Final = "SELECT id FROM runs WHERE tenant = ? AND workspace = ?"
_OF_CONTENT: Final = "tenant = ? AND workspace = ? AND content_id = ?"
# The run is one of the content: looked for beside those, all steps of all contents would be read.
OUTPUT: Final = f"""
    SELECT output, artifact, reusable FROM steps JOIN runs ON runs.id = run_id
    WHERE {_OF_CONTENT} AND stage = ? AND version = ? AND input_hash = ? AND (run_id = ? OR reusable)
    ORDER BY run_id = ? DESC, run_id DESC LIMIT 1
"""  # noqa: S608 - no text of a user
_OF_STEP: Final = "run_id = ? AND stage = ? AND version = ? AND input_hash = ?"


class SqliteStepStore:
    """`StepStore` in a SQLite file."""

    name = "journal"

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, key: RunKey, revision: int) -> Began:
        """A new run, or the interrupted one; see `StepStore.begin`."""
        need_room(self._database.path.parent, TO_STORE)
        return await self._database.run(lambda db: _begin(db, key, revision, self._clock()))

    async def output(self, run_id: int, key: RunKey, name: StepName) -> KeptStep | None:
        """A finished step; see `StepStore.output`."""
        return await self._database.read(lambda db: _output(db, run_id, key, name))

    async def keep(self, run_id: int, step: KeptStep) -> None:
        """Keep a finished step."""
        name = step.name
        row = (run_id, name.stage, name.version, name.input_hash, step.output, step.artifact, step.reusable)
        with self._of_a_run():
            await self._database.execute("INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    async def parts(self, run_id: int, name: StepName) -> list[bytes]:
        """The parts of a step that is not finished; see `StepStore.parts`."""
        query = f"SELECT part FROM parts WHERE {_OF_STEP} ORDER BY number"  # noqa: S608 - no text of a user
        where = (run_id, name.stage, name.version, name.input_hash)
        return await self._database.read(lambda db: [row[0] for row in db.execute(query, where)])

    async def keep_part(self, run_id: int, name: StepName, number: int, part: bytes) -> None:
        """Keep a part of a step; see `StepStore.keep_part`."""
        place = (run_id, name.stage, name.version, name.input_hash, number)

        def keep(db: sqlite3.Connection) -> None:
            db.execute(f"DELETE FROM parts WHERE {_OF_STEP} AND number >= ?", place)  # noqa: S608 - no text of a user
            db.execute("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?)", (*place, part))

        with self._of_a_run():
            await self._database.run(keep)

    @contextmanager
    def _of_a_run(self) -> Generator[None]:
        """A step belongs to a run; without one the file is not that in which the run began."""
        try:
            yield
        except sqlite3.IntegrityError as exc:
            where = self._database.path
            raise UnavailableError(f"{where} was replaced while the item was in work; order it again.") from exc

    async def finish(self, run_id: int, key: RunKey) -> list[tuple[ContentId, str]]:
        """Close a run; see `StepStore.finish`."""
        return await self._database.run(lambda db: _finish(db, run_id, key))

    async def idle(self, older_than_s: float) -> list[tuple[Scope, ContentId, float]]:
        """The contents whose runs are all finished; see `StepStore.idle`."""
        now = self._clock()
        query = (
            "SELECT tenant, workspace, content_id, max(started_at) AS newest FROM runs"
            " GROUP BY tenant, workspace, content_id HAVING min(finished) AND newest <= ?"
        )
        rows = await self._database.read(lambda db: db.execute(query, (now - older_than_s,)).fetchall())
        return [(Scope.of(tenant, space), ContentId(content), now - at) for tenant, space, content, at in rows]

    async def drop(self, scope: Scope, content_id: ContentId, *, dry_run: bool = False) -> list[str]:
        """Remove what is kept of finished runs; see `StepStore.drop`."""
        where = (scope.tenant, scope.workspace, content_id)
        runs = f"FROM runs WHERE {_OF_CONTENT} AND finished"
        held = f"SELECT DISTINCT artifact FROM steps WHERE artifact IS NOT NULL AND run_id IN (SELECT id {runs})"  # noqa: S608

        def remove(db: sqlite3.Connection) -> list[str]:
            artifacts = [row[0] for row in db.execute(held, where)]
            if not dry_run:
                db.execute(f"DELETE {runs}", where)
            return artifacts

        return await (self._database.read(remove) if dry_run else self._database.run(remove))

    async def forget(self, scope: Scope, content_id: ContentId) -> tuple[int, list[tuple[ContentId, str]]]:
        """Remove the runs of a content, and rewrite the file; see `StepStore.forget`."""
        where = (scope.tenant, scope.workspace, content_id)

        def remove(db: sqlite3.Connection) -> tuple[int, list[tuple[ContentId, str]]]:
            found = db.execute(f"DELETE FROM runs WHERE {_OF_CONTENT}", where)  # noqa: S608 - no text of a user
            return found.rowcount, _drop_steps(db, scope, _OF_SCOPE, where[:2])

        removed = await self._database.run(remove)
        await self._database.vacuum()
        return removed

    async def ping(self) -> Health:
        """Whether the file is whole and can be written."""
        return await self._database.ping(self.name)


def _begin(db: sqlite3.Connection, key: RunKey, revision: int, now: float) -> Began:
    where = (key.scope.tenant, key.scope.workspace, key.content_id)
    interrupted = f"SELECT id, revision FROM runs WHERE {_OF_CONTENT} AND key = ? AND NOT finished ORDER BY id DESC"  # noqa: S608
    found = db.execute(interrupted, (*where, key.options)).fetchone()
    if found is None:
        made = db.execute(
            "INSERT INTO runs (tenant, workspace, content_id, key, revision, started_at) VALUES (?, ?, ?, ?, ?, ?)",
            (*where, key.options, revision, now),
        )
        found = made.lastrowid, revision
    run_id, revision = found
    steps = f"SELECT run_id, stage, version, input_hash FROM steps JOIN runs ON runs.id = run_id WHERE {_OF_CONTENT}"  # noqa: S608
    rows = db.execute(f"{steps} AND (run_id = ? OR reusable)", (*where, run_id)).fetchall()
    return Began.of(run_id, revision, rows)


def _output(db: sqlite3.Connection, run_id: int, key: RunKey, name: StepName) -> KeptStep | None:
    where = (key.scope.tenant, key.scope.workspace, key.content_id)
    found = db.execute(OUTPUT, (*where, name.stage, name.version, name.input_hash, run_id, run_id)).fetchone()
    return None if found is None else KeptStep(name, found[0], found[1], bool(found[2]))


def _finish(db: sqlite3.Connection, run_id: int, key: RunKey) -> list[tuple[ContentId, str]]:
    where = (run_id, key.scope.tenant, key.scope.workspace, key.content_id)
    mine = f"SELECT id FROM runs WHERE id <= ? AND {_OF_CONTENT}"  # noqa: S608
    db.execute(f"UPDATE runs SET finished = 1 WHERE id IN ({mine})", where)  # noqa: S608
    dropped = _drop_steps(db, key.scope, mine, where)
    db.execute(f"DELETE FROM parts WHERE run_id IN ({mine})", where)  # noqa: S608
    empty = "NOT EXISTS (SELECT 1 FROM steps WHERE run_id = runs.id)"
    db.execute(f"DELETE FROM runs WHERE id <= ? AND {_OF_CONTENT} AND {empty}", where)  # noqa: S608
    return dropped


def _drop_steps(
    db: sqlite3.Connection, scope: Scope, runs: str, where: tuple[object, ...]
) -> list[tuple[ContentId, str]]:
    """Remove the steps of some runs that no later revision may reuse; gives the artifacts that are free now."""
    steps = f"NOT reusable AND run_id IN ({runs})"
    held = f"SELECT DISTINCT content_id, artifact FROM steps JOIN runs ON runs.id = run_id WHERE {steps}"  # noqa: S608
    artifacts = [row for row in db.execute(held, where) if row[1] is not None]
    db.execute(f"DELETE FROM steps WHERE {steps}", where)  # noqa: S608 - no text of a user
    still = f"SELECT 1 FROM steps JOIN runs ON runs.id = run_id WHERE {_OF_CONTENT} AND artifact = ?"  # noqa: S608
    return [row for row in artifacts if db.execute(still, (scope.tenant, scope.workspace, *row)).fetchone() is None]
