"""Jobs in the journal's file: who waits, who is at work, what they told, and what is ordered again and again."""

import json
import secrets
import sqlite3
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import msgspec

from udib.core.errors import Status
from udib.core.jobs import CANCELLED, LONGEST_RETRY_S, Bounds, Job, JobEvent, JobState, Order, Outcome
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health, Progress
from udib.storage.database import Database

_COLUMNS: Final = (
    "id, tenant, workspace, flow, payload, priority, attempts, state, submitted_at, attempt, not_before, started_at,"
    " ended_at, status, error, content_id, worker"
)
# Of each tenant the job that is its next; first the tenant that has the least in work, then the one that was served
# longest ago. So a backlog of one tenant delays a single order of another by nothing but the work that is under way.
_NEXT: Final = """
    WITH RECURSIVE waiting (tenant) AS (  -- each tenant that waits, by one look into the index for each
        SELECT min(tenant) FROM jobs WHERE state = 'waiting'
        UNION ALL SELECT (SELECT min(tenant) FROM jobs WHERE state = 'waiting' AND tenant > waiting.tenant)
        FROM waiting WHERE waiting.tenant IS NOT NULL
    )
    SELECT head.id FROM (
        SELECT tenant, (SELECT count(*) FROM jobs INDEXED BY jobs_running  -- left to itself it reads all of the tenant
                WHERE state = 'running' AND tenant = waiting.tenant) AS running,
            (SELECT max(turn) FROM jobs WHERE tenant = waiting.tenant) AS served,
            (SELECT number FROM jobs WHERE state = 'waiting' AND tenant = waiting.tenant AND (not_before <= :now
                OR submitted_at > :now OR (attempt > 0 AND not_before > :now + :longest))  -- see `is_due`
             AND flow IN (SELECT value FROM json_each(:flows)) ORDER BY priority DESC, number LIMIT 1) AS number
        FROM waiting WHERE waiting.tenant IS NOT NULL
    ) AS turn JOIN jobs AS head ON head.number = turn.number
    WHERE running < :most ORDER BY running, served, turn.number LIMIT 1
"""


# Whoever finds a worker dead may come late: another may have the job already, and somebody may have cancelled it.
_GIVE_BACK: Final = """
    UPDATE jobs SET worker = NULL, to_cancel = 0, not_before = :now + :wait_s,
        state = iif(to_cancel, 'cancelled', 'waiting'), ended_at = iif(to_cancel, :now, NULL),
        status = iif(to_cancel, :cancelled, :status), error = iif(to_cancel, :why_cancelled, :error)
    WHERE id = :id AND worker = :worker AND state = 'running'
"""
_WAITING: Final = "SELECT count(*), count(*) FILTER (WHERE tenant = ?) FROM jobs WHERE state = 'waiting'"
ENDED_OF_KEY: Final = "DELETE FROM jobs WHERE tenant = ? AND workspace = ? AND key = ? AND ended_at IS NOT NULL"
_DUE: Final = "schedules WHERE next_at <= :now OR next_at > :now + every_s"


class SqliteJobStore:
    """Jobs and what they told, in the journal's file. Times are seconds since 1970, given by the caller."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def submit(self, order: Order, now: float, bounds: Bounds | None = None) -> tuple[Job, bool]:
        """Take an order; the same one that is not ended yet is the job already, and the second value False.

        Raises:
            UnavailableError: As many wait as may.
        """

        def insert(db: sqlite3.Connection) -> tuple[Job, bool]:
            scope = order.scope
            same = f"SELECT {_COLUMNS} FROM jobs WHERE tenant = ? AND workspace = ? AND key = ?"  # noqa: S608
            live = f"{same} AND state IN ('waiting', 'running')"
            found = db.execute(live, (scope.tenant, scope.workspace, order.key)).fetchone()
            if found is not None:
                return _job(found), False
            if bounds is not None:
                bounds.check(scope.tenant, *db.execute(_WAITING, (scope.tenant,)).fetchone())
            payload = json.dumps(dict(order.payload), ensure_ascii=False)
            job = Job(secrets.token_hex(6), order, JobState.WAITING, now, not_before=now + order.delay_s)
            what = (order.flow, order.key, payload, order.priority, order.attempts)
            db.execute(
                "INSERT INTO jobs (id, tenant, workspace, flow, key, payload, priority, attempts, state, submitted_at,"
                " not_before) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?)",
                (job.id, scope.tenant, scope.workspace, *what, now, job.not_before),
            )
            return job, True

        return await self._database.run(insert)

    async def find(self, scope: Scope, beginning: str) -> list[Job]:
        """The jobs of a scope whose id begins so; at most two."""
        query = f"SELECT {_COLUMNS} FROM jobs WHERE tenant = ? AND workspace = ? AND substr(id, 1, ?) = ? LIMIT 2"  # noqa: S608
        return await self._jobs(query, (scope.tenant, scope.workspace, len(beginning), beginning))

    async def those(self, scope: Scope, job_ids: Collection[str]) -> list[Job]:
        """The jobs of a scope with these ids."""
        query = (
            f"SELECT {_COLUMNS} FROM jobs WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608
            " AND tenant = ? AND workspace = ?"
        )
        return await self._jobs(query, (json.dumps(sorted(job_ids)), scope.tenant, scope.workspace))

    async def listed(
        self, scope: Scope, states: Collection[JobState], without: Collection[str], limit: int
    ) -> list[Job]:
        """The jobs of a scope in these states, without those of some flows, newest first."""
        query = (
            f"SELECT {_COLUMNS} FROM jobs WHERE tenant = ? AND workspace = ?"  # noqa: S608
            " AND state IN (SELECT value FROM json_each(?)) AND flow NOT IN (SELECT value FROM json_each(?))"
            " ORDER BY number DESC LIMIT ?"
        )
        chosen = (json.dumps(sorted(states)), json.dumps(sorted(without)))
        return await self._jobs(query, (scope.tenant, scope.workspace, *chosen, limit))

    async def by_id(self, job_id: str) -> Job | None:
        """The job of that id."""
        found = await self._jobs(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job_id,))  # noqa: S608
        return found[0] if found else None

    async def claim_next(self, worker: str, flows: Collection[str], *, count: int, most: int, now: float) -> list[Job]:
        """Begin up to `count` jobs, each when it is its turn, of no tenant more than `most` at a time."""

        def claim(db: sqlite3.Connection) -> list[Job]:
            values = {"now": now, "flows": json.dumps(sorted(flows)), "most": most, "longest": LONGEST_RETRY_S}
            begun: list[Job] = []
            while len(begun) < count and (found := db.execute(_NEXT, values).fetchone()) is not None:
                begun.append(_begin(db, found[0], worker, now))
            return begun

        # Looked at first, since a look does not keep others from writing.
        if await self._database.read(lambda db: db.execute("SELECT 1 FROM jobs WHERE state = 'waiting'").fetchone()):
            return await self._database.run(claim)
        return []

    async def claim(self, job_id: str, worker: str, *, dead: str | None, now: float) -> Job | None:
        """Begin this job if it waits, or if it is the one that the worker `dead` left behind, unless it is to end."""

        def begin(db: sqlite3.Connection) -> Job | None:
            if dead is not None:
                db.execute(_GIVE_BACK, _given_back(job_id, dead, now))
            found = db.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()
            return _begin(db, job_id, worker, now) if found == ("waiting",) else None

        return await self._database.run(begin)

    async def end(self, job: Job, state: JobState, outcome: Outcome, now: float) -> None:
        """A job has ended that is still its worker's."""
        await self._database.execute(
            "UPDATE jobs SET state = ?, ended_at = ?, status = ?, error = ?, content_id = coalesce(?, content_id),"
            " worker = NULL, to_cancel = 0 WHERE id = ? AND worker = ?",
            (state.value, now, outcome.status.value, outcome.error, outcome.content_id, job.id, job.worker),
        )

    async def postpone(self, job: Job, outcome: Outcome | None, now: float, wait_s: float = 0.0) -> None:
        """A job that is still its worker's is to be begun again after a while; one that somebody cancelled ends."""
        values = _given_back(job.id, job.worker, now, wait_s, outcome)
        await self._database.run(lambda db: db.execute(_GIVE_BACK, values))

    async def again(self, job_id: str, now: float) -> bool:
        """Let a job that has ended wait anew, and drop what it told; False if it or the same was ordered meanwhile."""

        def wait(db: sqlite3.Connection) -> bool:
            try:
                changed = db.execute(
                    "UPDATE jobs SET state = 'waiting', attempt = 0, not_before = ?, ended_at = NULL, status = NULL,"
                    " error = NULL WHERE id = ? AND state IN ('failed', 'cancelled')",
                    (now, job_id),
                ).rowcount
            except sqlite3.IntegrityError:  # of the live ones each is there once
                return False
            if not changed:  # who ordered it first has it in work perhaps: it must not begin a second time beside that
                return False
            db.execute("DELETE FROM events WHERE job = (SELECT number FROM jobs WHERE id = ?)", (job_id,))
            return True

        return await self._database.run(wait)

    async def cancel(self, job_id: str, now: float, lives: Callable[[str], bool]) -> JobState | None:
        """End a job that waits or whose worker is dead; a living worker is told. Returns the state that it had.

        Args:
            job_id: The job; None is returned if it is there no longer.
            now: The time.
            lives: Whether a worker does.
        """

        def stop(db: sqlite3.Connection) -> JobState | None:
            found = db.execute("SELECT state, worker FROM jobs WHERE id = ?", (job_id,)).fetchone()
            if found is None:
                return None
            state, worker = JobState(found[0]), found[1]
            if state is JobState.RUNNING:
                db.execute("UPDATE jobs SET to_cancel = 1 WHERE id = ?", (job_id,))
                if not lives(worker):
                    db.execute(_GIVE_BACK, _given_back(job_id, worker, now))
            elif not state.ended:
                db.execute(
                    "UPDATE jobs SET state = 'cancelled', ended_at = ?, status = ?, error = ? WHERE id = ?",
                    (now, CANCELLED.status.value, CANCELLED.error, job_id),
                )
            return state

        return await self._database.run(stop)

    async def to_cancel(self, worker: str) -> list[str]:
        """The jobs of a worker that somebody wants ended."""
        query = "SELECT id FROM jobs WHERE state = 'running' AND worker = ? AND to_cancel"
        return await self._database.read(lambda db: [row[0] for row in db.execute(query, (worker,))])

    async def workers(self) -> list[str]:
        """Who has jobs in work, or had when they died."""
        query = "SELECT DISTINCT worker FROM jobs WHERE state = 'running'"
        return await self._database.read(lambda db: [row[0] for row in db.execute(query)])

    async def left_by(self, worker: str) -> list[Job]:
        """The jobs that a worker has in work."""
        return await self._jobs(f"SELECT {_COLUMNS} FROM jobs WHERE state = 'running' AND worker = ?", (worker,))  # noqa: S608

    async def tell(self, job_id: str, first: int, events: Sequence[tuple[float, Progress]]) -> None:
        """Keep what a job told, numbered from `first`."""
        if not events:
            return
        told = [JobEvent(number, at, event) for number, (at, event) in enumerate(events, first)]
        text = msgspec.json.encode(told).decode()
        content = next((event.content_id for _, event in events if event.content_id is not None), None)

        def write(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO events SELECT number, ?, ? FROM jobs WHERE id = ?", (told[-1].number, text, job_id))
            if content is not None:
                db.execute("UPDATE jobs SET content_id = ? WHERE id = ?", (content, job_id))

        await self._database.run(write)

    async def told(self, job_id: str, after: int) -> list[JobEvent]:
        """What a job told after the event of that number."""
        query = "SELECT event FROM events JOIN jobs ON jobs.number = job WHERE id = ? AND last > ? ORDER BY last"
        rows = await self._database.read(lambda db: db.execute(query, (job_id, after)).fetchall())
        told = (event for (text,) in rows for event in msgspec.json.decode(text, type=list[JobEvent]))
        return [event for event in told if event.number > after]

    async def schedule(self, name: str, every_s: float, order: Order, now: float) -> None:
        """Order something every so many seconds, from now on; the same name replaces what it stood for."""
        row = (name, order.scope.tenant, order.scope.workspace, order.flow, json.dumps(dict(order.payload)))
        await self._database.execute(
            "INSERT INTO schedules VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
            " tenant = excluded.tenant, workspace = excluded.workspace, flow = excluded.flow,"
            " payload = excluded.payload, attempts = excluded.attempts, every_s = excluded.every_s",
            (*row, order.attempts, every_s, now),
        )

    async def unschedule(self, name: str) -> None:
        """Order it no longer."""
        await self._database.execute("DELETE FROM schedules WHERE name = ?", (name,))

    async def due(self, now: float) -> list[Order]:
        """The orders whose time has come; each comes again after its interval, also if the clock was set back.

        Of what is ordered again and again only the last job that has ended is kept, and only until then.
        """

        def take(db: sqlite3.Connection) -> list[Order]:
            rows = db.execute(f"SELECT tenant, workspace, flow, payload, attempts FROM {_DUE}", {"now": now}).fetchall()  # noqa: S608
            db.execute(f"UPDATE {_DUE.replace('WHERE', 'SET next_at = :now + every_s WHERE')}", {"now": now})
            orders = [Order(Scope.of(*row[:2]), row[2], json.loads(row[3]), attempts=row[4]) for row in rows]
            db.executemany(
                ENDED_OF_KEY,
                [(order.scope.tenant, order.scope.workspace, order.key) for order in orders],
            )
            return orders

        if await self._database.read(lambda db: db.execute(f"SELECT 1 FROM {_DUE}", {"now": now}).fetchone()):  # noqa: S608
            return await self._database.run(take)
        return []

    async def prune(self, before: float) -> int:
        """Remove the jobs that ended before that time; returns how many."""
        old = "FROM jobs WHERE ended_at < ?"
        if not await self._database.read(lambda db: db.execute(f"SELECT 1 {old} LIMIT 1", (before,)).fetchone()):
            return 0
        return await self._database.run(lambda db: db.execute(f"DELETE {old}", (before,)).rowcount)

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove the jobs of a content, and others for the same address."""
        where = (scope.tenant, scope.workspace)

        def remove(db: sqlite3.Connection) -> int:
            return db.execute(
                "DELETE FROM jobs WHERE tenant = ? AND workspace = ? AND payload ->> 'address' IN (SELECT payload ->>"
                " 'address' FROM jobs WHERE tenant = ? AND workspace = ? AND content_id = ?)",
                (*where, *where, content_id),
            ).rowcount

        removed = await self._database.run(remove)
        await self._database.vacuum()
        return removed

    async def ping(self) -> Health:
        """Whether the file can be written, and how many jobs wait and are in work."""
        health = await self._database.ping("jobs")
        if not health.ok:
            return health
        query = "SELECT count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'running') FROM jobs"
        waiting, running = await self._database.read(lambda db: db.execute(query).fetchone())
        return Health("jobs", ok=True, detail=f"{waiting} waiting, {running} in work")

    async def _jobs(self, query: str, values: Sequence[object]) -> list[Job]:
        return await self._database.read(lambda db: [_job(row) for row in db.execute(query, values)])


def _given_back(
    job_id: str, worker: str | None, now: float, wait_s: float = 0.0, outcome: Outcome | None = None
) -> dict[str, str | float | None]:
    """The values of `_GIVE_BACK`."""
    return {
        "id": job_id,
        "worker": worker,
        "now": now,
        "wait_s": wait_s,
        "cancelled": CANCELLED.status.value,
        "why_cancelled": CANCELLED.error,
        "status": None if outcome is None else outcome.status.value,
        "error": None if outcome is None else outcome.error,
    }


def _begin(db: sqlite3.Connection, job_id: str, worker: str, now: float) -> Job:
    db.execute(
        "UPDATE jobs SET state = 'running', attempt = attempt + 1, worker = ?, started_at = ?, ended_at = NULL,"
        " to_cancel = 0, turn = (SELECT max(turn) + 1 FROM jobs) WHERE id = ?",
        (worker, now, job_id),
    )
    return _job(db.execute(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job_id,)).fetchone())  # noqa: S608


def _job(row: Sequence[Any]) -> Job:
    job_id, tenant, workspace, flow, payload, priority, attempts, state, submitted_at, attempt, *rest = row
    not_before, started_at, ended_at, status, error, content_id, worker = rest
    order = Order(Scope.of(tenant, workspace), flow, json.loads(payload), priority, attempts)
    outcome = None if status is None else Outcome(Status(status), error, content_id)
    if outcome is None and content_id is not None:
        outcome = Outcome(Status.SKIPPED, None, content_id)
    return Job(job_id, order, JobState(state), submitted_at, attempt, not_before, started_at, ended_at, outcome, worker)
