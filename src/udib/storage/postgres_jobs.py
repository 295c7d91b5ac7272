"""What a fleet keeps of its jobs beside the queue that does them: which there are, what they told, and who is alive.

The queue says where a job stands. Here is what it does not know: which job of an order is the newest, how often it was
begun, when it is to be tried again, what content it turned out to be about, and whose lease on the work still runs.
"""

import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import msgspec

from udib.core.jobs import LONGEST_RETRY_S, JobEvent, Order
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health, Progress
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_schema import Connection

_COLUMNS: Final = "id, number, submitted_at, attempt, again_at, content_id, worker"
_KEY: Final = "tenant = %(tenant)s AND workspace = %(workspace)s AND key = %(key)s"
_RESERVE: Final = """
    INSERT INTO jobs (id, tenant, workspace, key, address_digest, submitted_at)
    VALUES (%(id)s, %(tenant)s, %(workspace)s, %(key)s, %(address)s, %(now)s)
    ON CONFLICT (tenant, workspace, key) WHERE newest DO NOTHING
"""
# Of DBOS's tables, which its reference describes; its own calls would hand over each of the jobs to be counted.
_WAITING: Final = (
    "SELECT count(*), count(*) FILTER (WHERE queue_partition_key = %s) FROM workflow_status"
    " WHERE status IN ('ENQUEUED', 'DELAYED')"
)
_SWEEP: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '/sweep', 6))"
_ALIVE: Final = "seen_at >= clock_timestamp() - make_interval(secs => %(lease)s)"


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What is kept of a job. `worker`: who has it in work, or has not yet stopped."""

    id: str
    number: int
    submitted_at: float
    attempt: int
    again_at: float | None
    content_id: ContentId | None
    worker: str | None


@dataclass(frozen=True, slots=True)
class Begun:
    """A job that is begun: how often it was, how many workers died of it, and when the server was started."""

    record: JobRecord
    deaths: int
    server_start: float


class PostgresJobStore:
    """What a fleet keeps of its jobs. Times are seconds since 1970, given by the caller; leases go by the server."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def newest(self, order: Order, now: float) -> str:
        """The id of the newest job of an order; if there is none, of the one that is to be made."""
        values = _order(order) | {"id": secrets.token_hex(6), "now": now}

        async def reserve(connection: Connection) -> str:
            await connection.execute(_RESERVE, values)
            query = f"SELECT id FROM jobs WHERE {_KEY} AND newest"  # noqa: S608 - no text of a user, here and below
            return str((await (await connection.execute(query, values)).fetchone() or [""])[0])

        return await self._database.run(reserve, repeatable=True)

    async def waiting(self, queue: str, tenant: str) -> tuple[int, int]:
        """How many jobs wait in the queue of that schema: all, and those of a tenant."""

        async def count(connection: Connection) -> tuple[int, int]:
            await connection.execute("SELECT set_config('search_path', %s, true)", [f'"{queue}"'])
            [[waiting, of_tenant]] = await (await connection.execute(_WAITING, [tenant])).fetchall()
            return waiting, of_tenant

        return await self._database.run(count, repeatable=True)

    async def supersede(self, order: Order, old: str) -> None:
        """Let another job than the one that has ended be the newest of an order, if it still is."""
        query: LiteralString = f"UPDATE jobs SET newest = false WHERE {_KEY} AND id = %(old)s"  # noqa: S608
        await self._write(query, _order(order) | {"old": old})

    async def make_newest(self, job_id: str) -> None:
        """Let this job be the newest of its order again."""
        values = {"id": job_id}

        async def swap(connection: Connection) -> None:
            others = "SELECT 1 FROM jobs AS j WHERE j.id = %(id)s AND (j.tenant, j.workspace, j.key) = "
            others += "(jobs.tenant, jobs.workspace, jobs.key)"
            await connection.execute(f"UPDATE jobs SET newest = false WHERE newest AND EXISTS ({others})", values)  # noqa: S608
            await connection.execute("UPDATE jobs SET newest = true WHERE id = %(id)s", values)

        await self._database.run(swap, repeatable=True)

    async def kept(self, job_ids: Sequence[str]) -> list[JobRecord]:
        """What is kept of these jobs."""
        return await self._records(f"SELECT {_COLUMNS} FROM jobs WHERE id = ANY(%(ids)s)", {"ids": list(job_ids)})  # noqa: S608

    async def find(self, scope: Scope, beginning: str) -> list[JobRecord]:
        """The jobs of a scope whose id begins so; at most two."""
        query: LiteralString = f"SELECT {_COLUMNS} FROM jobs WHERE tenant = %(tenant)s AND workspace = %(workspace)s"  # noqa: S608
        return await self._records(
            f"{query} AND starts_with(id, %(beginning)s) LIMIT 2", {**_scope(scope), "beginning": beginning}
        )

    async def listed(self, scope: Scope, *, below: int | None, limit: int) -> list[JobRecord]:
        """The jobs of a scope, newest first, from the one before number `below` on."""
        query: LiteralString = f"SELECT {_COLUMNS} FROM jobs WHERE tenant = %(tenant)s AND workspace = %(workspace)s"  # noqa: S608
        return await self._records(
            f"{query} AND (%(below)s::bigint IS NULL OR number < %(below)s) ORDER BY number DESC LIMIT %(limit)s",
            {**_scope(scope), "below": below, "limit": limit},
        )

    async def begin(self, job_id: str, worker: str) -> Begun | None:
        """Note that a worker begins a job; None: it was forgotten."""
        query: LiteralString = (
            "UPDATE jobs SET attempt = attempt + 1, again_at = NULL, worker = %(worker)s WHERE id = %(id)s"  # noqa: S608
            f" RETURNING {_COLUMNS}, deaths, extract(epoch FROM pg_postmaster_start_time())::float8"
        )
        # Not repeatable, for it counts; what is lost of a doubtful COMMIT is the job's begin, which comes again.
        rows = await self._changed(query, {"id": job_id, "worker": worker})
        return Begun(_record(rows[0][:-2]), rows[0][-2], rows[0][-1]) if rows else None

    async def leave(self, job_id: str, worker: str, again_at: float | None) -> None:
        """Note that a worker has stopped, and when the job is to be tried again."""
        query: LiteralString = (
            "UPDATE jobs SET worker = NULL, again_at = %(at)s WHERE id = %(id)s AND worker = %(worker)s"
        )
        await self._write(query, {"id": job_id, "worker": worker, "at": again_at})

    async def put_off(self, job_id: str, again_at: float) -> None:
        """Note when a job is to be offered again that nobody began."""
        await self._write("UPDATE jobs SET again_at = %(at)s WHERE id = %(id)s", {"id": job_id, "at": again_at})

    async def renew(self, job_id: str) -> None:
        """Let a job be begun as if it never was."""
        query: LiteralString = (
            "UPDATE jobs SET attempt = 0, deaths = 0, again_at = NULL, worker = NULL WHERE id = %(id)s"
        )
        await self._write(query, {"id": job_id})

    async def to_do_again(self, now: float) -> list[str]:
        """The jobs whose time to be tried again has come, also if the clock was set back meanwhile; see `is_due`."""
        query: LiteralString = "SELECT id FROM jobs WHERE again_at <= %(now)s OR again_at > %(now)s + %(longest)s"
        rows = await self._database.rows(query, {"now": now, "longest": LONGEST_RETRY_S})
        return [row[0] for row in rows]

    async def wait_no_longer(self, job_ids: Sequence[str]) -> None:
        """Jobs that were to be tried again are not, or are by now."""
        await self._write("UPDATE jobs SET again_at = NULL WHERE id = ANY(%(ids)s)", {"ids": list(job_ids)})

    async def server_start(self) -> float:
        """When the server was started."""
        [[at]] = await self._database.rows("SELECT extract(epoch FROM pg_postmaster_start_time())::float8", {})
        return float(at)

    async def tell(self, job_id: str, first: int, events: Sequence[tuple[float, Progress]]) -> None:
        """Keep what a job told, numbered from `first`."""
        rows = [(job_id, number, at, msgspec.json.encode(event)) for number, (at, event) in enumerate(events, first)]
        contents = [event.content_id for _, event in events if event.content_id is not None]

        async def write(connection: Connection) -> None:
            query = (
                "INSERT INTO events SELECT id, %s, %s, %s FROM jobs WHERE id = %s ON CONFLICT (job, number) DO UPDATE"
                " SET at = excluded.at, event = excluded.event"
            )
            async with connection.cursor() as cursor:
                await cursor.executemany(query, [(number, at, event, job) for job, number, at, event in rows])
            if contents:
                about = (contents[-1].encode(), job_id)
                await connection.execute("UPDATE jobs SET content_id = %s WHERE id = %s", about)

        await self._database.run(write, repeatable=True)

    async def told(self, job_id: str, after: int) -> list[JobEvent]:
        """What a job told after the event of that number."""
        query: LiteralString = "SELECT number, at, event FROM events WHERE job = %s AND number > %s ORDER BY number"
        rows = await self._database.rows(query, (job_id, after))
        return [JobEvent(number, at, msgspec.json.decode(event, type=Progress)) for number, at, event in rows]

    async def beat(self, worker: str, *, serves: bool) -> None:
        """Say that a worker lives."""
        await self._write(
            "INSERT INTO workers VALUES (%(worker)s, %(serves)s) ON CONFLICT (id) DO UPDATE"
            " SET serves = excluded.serves, seen_at = clock_timestamp()",
            {"worker": worker, "serves": serves},
        )

    async def workers(self, lease_s: float) -> dict[str, bool]:
        """The workers of whom something is known, and whether they live."""
        rows = await self._database.rows(f"SELECT id, {_ALIVE} FROM workers", {"lease": lease_s})  # noqa: S608
        return dict(rows)

    async def is_served(self, lease_s: float) -> bool:
        """Whether a living worker takes jobs."""
        query: LiteralString = f"SELECT 1 FROM workers WHERE serves AND {_ALIVE} LIMIT 1"  # noqa: S608
        return bool(await self._database.rows(query, {"lease": lease_s}))

    async def cut_off(self, workers: Collection[str]) -> None:
        """End the sessions of workers, and so their locks: one that was only frozen finds that it has lost them."""
        query: LiteralString = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ANY(%(names)s)"
        )
        await self._database.rows(query, {"names": sorted(workers)})

    async def died(self, job_ids: Sequence[str]) -> None:
        """Note that who had these jobs in work has died."""
        await self._write("UPDATE jobs SET deaths = deaths + 1 WHERE id = ANY(%(ids)s)", {"ids": list(job_ids)})

    async def bury(self, workers: Collection[str], *, living: Collection[str]) -> None:
        """Nothing is expected from these workers any longer, nor from any that is not among the living."""
        values = {"dead": sorted(workers), "living": sorted(living)}
        await self._write("UPDATE jobs SET worker = NULL WHERE worker <> ALL(%(living)s)", values)
        await self._write("DELETE FROM workers WHERE id = ANY(%(dead)s)", values)

    async def alone(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something unless another process of the fleet does it at this moment."""

        async def do(connection: Connection) -> None:
            if (await (await connection.execute(_SWEEP)).fetchone() or [False])[0]:
                await work()

        await self._database.run(do, repeatable=True)

    async def schedule(self, name: str, every_s: float, order: Order, now: float) -> None:
        """Order something every so many seconds, from now on; the same name replaces what it stood for."""
        values = (name, order.scope.tenant, order.scope.workspace, order.flow, json.dumps(dict(order.payload)))
        await self._write(
            "INSERT INTO schedules VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (name) DO UPDATE SET"
            " tenant = excluded.tenant, workspace = excluded.workspace, flow = excluded.flow,"
            " payload = excluded.payload, attempts = excluded.attempts, every_s = excluded.every_s",
            (*values, order.attempts, every_s, now),
        )

    async def unschedule(self, name: str) -> None:
        """Order it no longer."""
        await self._write("DELETE FROM schedules WHERE name = %s", (name,))

    async def due(self, now: float) -> list[tuple[str, Order]]:
        """The orders whose time has come, or lies too far ahead because a clock was set back, with their names."""
        query: LiteralString = (
            "SELECT name, tenant, workspace, flow, payload, attempts FROM schedules"
            " WHERE next_at <= %(now)s OR next_at > %(now)s + every_s"
        )
        rows = await self._database.rows(query, {"now": now})
        return [
            (name, Order(Scope.of(tenant, workspace), flow, json.loads(payload), attempts=attempts))
            for name, tenant, workspace, flow, payload, attempts in rows
        ]

    async def superseded(self, order: Order) -> list[str]:
        """The jobs of an order that have ended and after which it was ordered again."""
        query: LiteralString = f"SELECT id FROM jobs WHERE {_KEY} AND NOT newest"  # noqa: S608
        return [row[0] for row in await self._database.rows(query, _order(order))]

    async def ordered(self, name: str, now: float) -> None:
        """What was due was ordered; its time comes again."""
        await self._write("UPDATE schedules SET next_at = %s + every_s WHERE name = %s", (now, name))

    async def about(self, scope: Scope, content_id: ContentId) -> list[str]:
        """The jobs of a content, and others for the same address."""
        query: LiteralString = (
            "SELECT id FROM jobs WHERE tenant = %(tenant)s AND workspace = %(workspace)s AND (content_id = %(content)s"
            " OR address_digest IN (SELECT address_digest FROM jobs WHERE tenant = %(tenant)s"
            " AND workspace = %(workspace)s AND content_id = %(content)s))"
        )
        rows = await self._database.rows(query, {**_scope(scope), "content": content_id.encode()})
        return [row[0] for row in rows]

    async def before(self, submitted_before: float, limit: int) -> list[str]:
        """The oldest jobs that were ordered before that time."""
        query: LiteralString = "SELECT id FROM jobs WHERE submitted_at < %s ORDER BY submitted_at LIMIT %s"
        return [row[0] for row in await self._database.rows(query, (submitted_before, limit))]

    async def remove(self, job_ids: Sequence[str]) -> None:
        """Keep nothing of these jobs any longer, nor of what they told."""
        await self._write("DELETE FROM jobs WHERE id = ANY(%(ids)s)", {"ids": list(job_ids)})

    async def vacuum(self) -> None:
        """Let the server reuse the room of what was removed."""
        await self._database.vacuum("jobs", "events")

    async def ping(self) -> Health:
        """Whether the tables can be written."""
        return await self._database.ping("jobs")

    async def _records(self, query: LiteralString, values: dict[str, Any]) -> list[JobRecord]:
        return [_record(row) for row in await self._database.rows(query, values)]

    async def _write(self, query: LiteralString, values: Sequence[object] | dict[str, Any]) -> None:
        async def write(connection: Connection) -> None:
            await connection.execute(query, values)

        await self._database.run(write, repeatable=True)

    async def _changed(self, query: LiteralString, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        async def change(connection: Connection) -> list[tuple[Any, ...]]:
            return await (await connection.execute(query, values)).fetchall()

        return await self._database.run(change)


def _record(row: Sequence[Any]) -> JobRecord:
    job_id, number, submitted_at, attempt, again_at, content_id, worker = row
    about = None if content_id is None else ContentId(content_id.decode())
    return JobRecord(job_id, number, submitted_at, attempt, again_at, about, worker)


def _scope(scope: Scope) -> dict[str, Any]:
    return {"tenant": scope.tenant, "workspace": scope.workspace}


def _order(order: Order) -> dict[str, Any]:
    """What an order is found by. Of its address a digest is kept, for it may tell what an item is about."""
    address = order.payload.get("address")
    digest = None if address is None else hashlib.sha256(address.encode(errors="surrogatepass")).hexdigest()
    return {**_scope(order.scope), "key": order.key, "address": digest}
