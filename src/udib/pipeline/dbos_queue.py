"""The door to DBOS Transact: a durable queue of jobs in a PostgreSQL database. Only its open core (MIT) is used.

What DBOS offers beyond that is off: no Conductor, no telemetry, no server of its own. All that leaves the process goes
to PostgreSQL. What is kept there is JSON, never pickled, so that whoever can write the database can run no code here.
"""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from dbos import (
    DBOS,
    DBOSClient,
    DBOSConfig,
    DBOSPortableJSONSerializer,
    EnqueueOptions,
    WorkflowSerializationFormat,
    WorkflowStatus,
)
from sqlalchemy import URL
from sqlalchemy import exc as sqlalchemy_errors

from udib.core.errors import Status, UnavailableError
from udib.core.jobs import JobState, Order, Outcome
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.pipeline.engine import Load, state_after
from udib.storage.postgres import PostgresDatabase

P = ParamSpec("P")
T = TypeVar("T")
Do = Callable[[str, Order], Awaitable[Outcome]]
"""Does the job of that id."""

_APP: Final = "udib"
_JOB: Final = "udib.job"
_COMMON: Final = "udib"
_FORMAT: Final = "1"
"""Workers of the same format do each other's jobs, whatever their version: what a stage's version changes, the journal
sees to."""
_POLL_S: Final = 0.2
_THREADS: Final = 32
_CLAIMING: Final = "queue-worker-"
"""What the names of DBOS's threads begin with that claim jobs."""
_PATIENCE_S: Final = 10.0
_MOST_IDS: Final = 10_000
_LONGEST_NAME: Final = 63 - len("_queue")
_STATES: Final = {
    "DELAYED": JobState.WAITING,
    "ENQUEUED": JobState.WAITING,
    "PENDING": JobState.RUNNING,
    "CANCELLED": JobState.CANCELLED,
}
_IN_PROCESS: Final = threading.Lock()
# Without a handler of its own DBOS would write on standard error; what goes wrong is told by our errors.
logging.getLogger("dbos").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job as the queue knows it. All times are seconds since 1970.

    Attributes:
        id: Of the job.
        state: Where it stands.
        order: What is wanted; None if it was not asked for.
        outcome: What the last attempt came to.
        executor: Which worker has it, or had it last.
        not_before: When it may be begun.
        started_at: When it was last begun.
        ended_at: When it ended.
    """

    id: str
    state: JobState
    order: Order | None
    outcome: Outcome | None
    executor: str | None
    not_before: float
    started_at: float | None
    ended_at: float | None


class DbosQueue:
    """Jobs in DBOS, each of which is a workflow of one step: doing it.

    Args:
        database: Which server; it must name a database, in which DBOS has a schema beside the one of our tables.
        worker: The name of this process; new at each start, since DBOS hands back what a process of that name had.
        lease_s: How long a frozen process may keep rows locked.
    """

    def __init__(self, database: PostgresDatabase, worker: str, *, lease_s: float) -> None:
        self._place = database.place
        self._url = _url(database.login)
        self.schema = f"{database.schema[:_LONGEST_NAME]}_queue"
        self._worker = worker
        self._lease_s = lease_s
        self._client: DBOSClient | None = None
        self._opening = asyncio.Lock()
        self._launched: DBOS | None = None

    @property
    def own(self) -> str:
        """The name of a queue from which only this worker takes jobs."""
        return _own(self._worker)

    async def enqueue(self, job_id: str, order: Order) -> None:
        """Put a job into the queue, unless one of that id is there."""
        options: EnqueueOptions = {
            "workflow_name": _JOB,
            "queue_name": _COMMON,
            "workflow_id": job_id,
            "queue_partition_key": order.scope.tenant,
            "priority": 101 - order.priority,
            "serialization_type": WorkflowSerializationFormat.PORTABLE,
        }
        if order.delay_s > 0:
            options["delay_seconds"] = order.delay_s
        client = await self._opened()
        await self._asked(client.enqueue, options, _encoded(order))

    async def entries(self, job_ids: Sequence[str]) -> dict[str, QueuedJob]:
        """Where jobs stand, with their orders; those that are not there are missing."""
        return {entry.id: entry for entry in await self._listed(workflow_ids=list(job_ids))}

    async def in_work(self, executor: str | None = None) -> list[QueuedJob]:
        """What is in work, by that worker or by any."""
        return await self._listed(status="PENDING", executor_id=executor, load_input=False, load_output=False)

    async def left_in_own(self, worker: str) -> list[str]:
        """What waits in the queue from which only that worker takes jobs."""
        found = await self._listed(status="ENQUEUED", queue_name=_own(worker), load_input=False, load_output=False)
        return [entry.id for entry in found]

    async def count(self) -> tuple[int, int]:
        """How many jobs wait and are in work, as far as they can be counted at a reasonable price."""
        states = ["ENQUEUED", "DELAYED", "PENDING"]
        found = await self._listed(status=states, limit=_MOST_IDS, load_input=False, load_output=False)
        running = sum(entry.state is JobState.RUNNING for entry in found)
        return len(found) - running, running

    async def cancel(self, job_ids: Sequence[str]) -> None:
        """End jobs that have not ended; who has one in work looks for that."""
        client = await self._opened()
        await self._asked(client.cancel_workflows, list(job_ids))

    async def resume(self, job_ids: Collection[str], queue: str = _COMMON) -> None:
        """Let jobs wait again that wait, are in work or were cancelled. Who has one in work has lost it by that."""
        if job_ids:
            client = await self._opened()
            await self._asked(client.resume_workflows, sorted(job_ids), queue_name=queue)

    async def repeat(self, job_id: str, scope: Scope) -> None:
        """Let a job wait again that has ended."""
        client = await self._opened()
        await self._asked(client.rewind_workflow, job_id, queue_name=_COMMON, queue_partition_key=scope.tenant)

    async def delete(self, job_ids: Sequence[str]) -> None:
        """Remove jobs with all that is known of them."""
        client = await self._opened()
        await self._asked(client.delete_workflows, list(job_ids))

    @asynccontextmanager
    async def worked(self, do: Do, load: Load | None) -> AsyncGenerator[None]:
        """Take jobs and do them on this event loop, until the block ends; DBOS itself runs in threads of its own.

        What is in work then is cancelled, and back in the queue afterwards. DBOS is one in a process: who comes second
        waits. `load`: how much of the common queue is taken on, None: nothing, only what is put into `own`.
        """
        client = await self._opened()
        while not _IN_PROCESS.acquire(blocking=False):  # noqa: ASYNC110 - a lock between event loops
            await asyncio.sleep(_POLL_S)
        try:
            if load is None:
                await self._asked(client.register_queue, self.own, polling_interval_sec=_POLL_S)
            else:
                await self._asked(
                    client.register_queue,
                    _COMMON,
                    worker_concurrency=load.jobs,
                    partition_worker_concurrency=min(load.of_one_tenant, load.jobs),
                    polling_interval_sec=_POLL_S,
                )
            queue, loop = self.own if load is None else _COMMON, asyncio.get_running_loop()
            launching = asyncio.ensure_future(self._asked(self._launch, do, loop, queue))
            try:
                await asyncio.shield(launching)
                yield
            finally:
                await asyncio.wait([launching])
                await asyncio.to_thread(self._stop)
        finally:
            _IN_PROCESS.release()
            if load is None:
                with suppress(UnavailableError):  # an empty queue more
                    await self._asked(client.delete_queue, self.own)

    async def close(self) -> None:
        """Give the connections back. Safe to repeat."""
        client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.destroy)

    def _launch(self, do: Do, loop: asyncio.AbstractEventLoop, queue: str) -> None:
        """Begin to take jobs; in a thread without an event loop, so that DBOS makes one of its own."""
        self._launched = DBOS(config=self._config())

        async def job(order: str) -> dict[str, str | None]:
            work = do(str(DBOS.workflow_id), _decoded(order))
            outcome = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaited(work), loop))
            return {"status": outcome.status.value, "error": outcome.error, "content_id": outcome.content_id}

        DBOS.workflow(name=_JOB, serialization_type=WorkflowSerializationFormat.PORTABLE, max_recovery_attempts=None)(
            job
        )
        DBOS.listen_queues([queue])
        DBOS.launch()

    def _stop(self) -> None:
        """End DBOS: first what claims jobs, so that none is claimed that cannot be begun any more."""
        for event in self._launched.background_thread_stop_events if self._launched else ():
            event.set()
        for thread in threading.enumerate():
            if thread.name.startswith(_CLAIMING):
                thread.join(_PATIENCE_S)
        DBOS.destroy(destroy_registry=True)
        self._launched = None

    def _config(self) -> DBOSConfig:
        return {
            "name": _APP,
            "system_database_url": self._url,
            "dbos_system_schema": self.schema,
            "application_version": _FORMAT,
            "executor_id": self._worker,
            "serializer": DBOSPortableJSONSerializer(),
            "max_executor_threads": _THREADS,
            "sys_db_pool_size": 8,
            "sys_db_idle_transaction_timeout_sec": self._lease_s,
            "enable_otlp": False,
            "run_migrations": False,
        }

    async def _opened(self) -> DBOSClient:
        async with self._opening:
            if self._client is None:
                await self._asked(DBOS.migrate, self._url, schema=self.schema)
                self._client = await self._asked(
                    partial(
                        DBOSClient,
                        system_database_url=self._url,
                        dbos_system_schema=self.schema,
                        serializer=DBOSPortableJSONSerializer(),
                        application_name=_APP,
                        retry_connection_errors=False,
                        sys_db_idle_transaction_timeout_sec=self._lease_s,
                    )
                )
            return self._client

    async def _listed(self, **wanted: Any) -> list[QueuedJob]:  # noqa: ANN401 - what the library takes
        client = await self._opened()
        return [_entry(status) for status in await self._asked(partial(client.list_workflows, name=_JOB, **wanted))]

    async def _asked(self, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._faults():
            return await asyncio.to_thread(ask, *args, **kwargs)

    @contextmanager
    def _faults(self) -> Generator[None]:
        """Say what the server could not do; anything else is a bug."""
        try:
            yield
        except sqlalchemy_errors.TimeoutError as exc:
            raise self._place.silence() from exc
        except sqlalchemy_errors.DBAPIError as exc:
            message = " ".join(str(exc.orig).partition("\n")[0].split())
            outage = isinstance(exc, sqlalchemy_errors.OperationalError | sqlalchemy_errors.InterfaceError)
            found = self._place.refusal(getattr(exc.orig, "sqlstate", None) or "", message, outage=outage)
            if found is None:
                raise
            raise found from exc


def _own(worker: str) -> str:
    """The name of the queue from which only that worker takes jobs."""
    return f"udib-{worker}"


async def _awaited(work: Awaitable[T]) -> T:
    return await work


def _url(login: Mapping[str, str]) -> str:
    """A connection string as DBOS wants it, with hosts and ports among the options, since there may be several."""
    rest = dict(login)
    user, password, database = (rest.pop(name, None) for name in ("user", "password", "dbname"))
    url = URL.create("postgresql", username=user, password=password, database=database, query=rest)
    return url.render_as_string(hide_password=False)


def _encoded(order: Order) -> str:
    scope = [order.scope.tenant, order.scope.workspace]
    return json.dumps([scope, order.flow, dict(order.payload), order.priority, order.attempts])


def _decoded(text: str) -> Order:
    scope, flow, payload, priority, attempts = json.loads(text)
    return Order(Scope.of(*scope), flow, payload, priority, attempts)


def _entry(status: WorkflowStatus) -> QueuedJob:
    order = None if not status.input else _decoded(status.input["args"][0])
    outcome = None
    state = _STATES.get(status.status)
    if state is None:
        outcome = _outcome(status)
        state = state_after(outcome)
    return QueuedJob(
        status.workflow_id,
        state,
        order,
        outcome,
        status.executor_id,
        _seconds(status.delay_until_epoch_ms) or 0.0,
        _seconds(status.dequeued_at),
        _seconds(status.completed_at),
    )


def _outcome(status: WorkflowStatus) -> Outcome:
    """What a job that has ended came to. DBOS ends one itself only if it cannot read its order."""
    if status.status != "SUCCESS" or not isinstance(status.output, dict):
        return Outcome(Status.FAILED, f"The job could not be begun ({status.error}); update udib on all machines.")
    content_id = status.output["content_id"]
    about = None if content_id is None else ContentId(content_id)
    return Outcome(Status(status.output["status"]), status.output["error"], about)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
