"""A worker of a fleet: a process with a lease, the jobs that it has in work, and what becomes of those of dead ones."""

import asyncio
import os
import platform
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from udib.core.errors import Status, UdibError, UnavailableError
from udib.core.jobs import CANCELLED, Job, JobState, Order, Outcome
from udib.core.ports import ProgressSink
from udib.pipeline.engine import (
    DEADLY,
    MOST_DEATHS,
    Flows,
    Load,
    came_to,
    cancel_once,
    is_to_be_tried_again,
    wait_s,
)
from udib.pipeline.tale import Tale
from udib.storage.postgres_jobs import Begun, PostgresJobStore

if TYPE_CHECKING:
    from udib.pipeline.dbos_queue import DbosQueue

T = TypeVar("T")

LEASE_S: Final = 5.0
"""Seconds after its last sign of life from which a worker counts as dead."""
LOOK_S: Final = 0.2
"""Seconds after which what other processes did is looked for."""
_BEAT_S: Final = 1.0
_OTHERS_S: Final = 5.0
"""Seconds after which a job that a worker cannot do is offered to all again."""

log: Any = structlog.get_logger()


def worker_name() -> str:
    """A name for this process that no other of the fleet has, nor had."""
    return f"udib {platform.node()[:24]}-{os.getpid()}-{secrets.token_hex(4)}"


class DbosWorker:
    """This process as one that does jobs.

    Args:
        store: What is kept of jobs beside the queue.
        queue: Where they come from.
        name: Of this process.
        sweep: What one process of the fleet does each second.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        store: PostgresJobStore,
        queue: "DbosQueue",
        name: str,
        sweep: Callable[[], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._queue = queue
        self._worker = name
        self._sweep = sweep
        self._clock = clock
        self._flows: Flows = {}
        self._also: ProgressSink | None = None
        self._busy: dict[str, asyncio.Task[Outcome]] = {}

    @asynccontextmanager
    async def working(self, flows: Flows, load: Load | None, also: ProgressSink | None = None) -> AsyncGenerator[None]:
        """Be a worker with a lease until the block ends. What is in work then waits for the next one.

        Args:
            flows: What it can do.
            load: How much of the fleet's jobs it takes on; None: only what is put into its own queue.
            also: Who is told what the jobs tell, beside those who follow them.
        """
        self._flows, self._also = flows, also
        serves = load is not None
        await self._store.beat(self._worker, serves=serves)
        try:
            async with self._queue.worked(self._do, load), asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._live(serves)), group.create_task(self._watch())]
                try:
                    yield
                finally:
                    for task in tasks:
                        task.cancel()
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None  # what the block raised, or the first bug of ours
        finally:
            await self._stop()

    async def _stop(self) -> None:
        """Leave what is still in work to the others."""
        for task in self._busy.values():
            cancel_once(task)
        if self._busy:
            await asyncio.wait(self._busy.values())
        with suppress(UnavailableError):  # then the lease runs out
            left = {entry.id for entry in await self._queue.in_work(self._worker)}
            await self._queue.resume(left | set(await self._queue.left_in_own(self._worker)))
            await self._store.bury([self._worker], living=await self._living())

    async def _living(self) -> set[str]:
        workers = await self._store.workers(LEASE_S)
        return {worker for worker, lives in workers.items() if lives and worker != self._worker}

    async def _live(self, serves: bool) -> None:
        """Renew the lease, and look after what nobody else looks after."""
        while True:
            try:
                await self._store.beat(self._worker, serves=serves)
                await self._store.alone(self._sweep)
            except UdibError as exc:
                log.warning("jobs.waiting", reason=str(exc))
            await asyncio.sleep(_BEAT_S)

    async def _watch(self) -> None:
        """Stop what was cancelled, or handed to another worker because this one seemed dead.

        What the queue believes to be in work here, and is not for a while, is let wait again: DBOS begins nothing when
        the answer to its claim was lost with the connection.
        """
        adrift: dict[str, float] = {}
        while True:
            await asyncio.sleep(LOOK_S)
            busy = dict(self._busy)  # of these it is known that they were ours
            with suppress(UnavailableError):
                mine = {entry.id for entry in await self._queue.in_work(self._worker)}
                for job_id in busy.keys() - mine:
                    cancel_once(busy[job_id])
                now = time.monotonic()
                adrift = {job_id: adrift.get(job_id, now) for job_id in mine - self._busy.keys()}
                await self._queue.resume([job_id for job_id, since in adrift.items() if since < now - 2 * LEASE_S])

    async def hand_back(self) -> None:
        """Let the jobs of dead workers wait again, after their sessions and so their locks are ended."""
        workers = await self._store.workers(LEASE_S)
        living = {worker for worker, lives in workers.items() if lives}
        lost = [entry for entry in await self._queue.in_work() if entry.executor not in living]
        dead = workers.keys() - living
        if not (dead or lost):
            return
        await self._store.cut_off(dead | {entry.executor for entry in lost if entry.executor})
        await self._store.died([entry.id for entry in lost])
        left = {entry.id for entry in lost}
        for worker in dead:
            left |= set(await self._queue.left_in_own(worker))
        await self._queue.resume(left)
        await self._store.bury(dead, living=living)
        log.warning("jobs.handed_back", workers=sorted(dead), jobs=len(left))

    async def _do(self, job_id: str, order: Order) -> Outcome:
        """Do a job that the queue gave to this worker. What is returned counts only if it still has it."""
        while (before := self._busy.get(job_id)) is not None:  # this worker had it already, and has yet to stop
            await asyncio.wait([before])
        task = asyncio.create_task(self._done(job_id, order))
        self._busy[job_id] = task
        try:
            return await task
        finally:
            del self._busy[job_id]

    async def _done(self, job_id: str, order: Order) -> Outcome:
        if order.flow not in self._flows:  # ordered by a newer udib: a worker that knows it does it, sooner or later
            await _insist(partial(self._store.put_off, job_id, self._clock() + _OTHERS_S))
            return Outcome(
                Status.RETRYABLE, f"The worker {self._worker} does not know {order.flow!r}; update udib there."
            )
        while True:
            begun = await _insist(partial(self._store.begin, job_id, self._worker))
            if begun is None:
                return CANCELLED
            record = begun.record
            job = Job(job_id, order, JobState.RUNNING, record.submitted_at, record.attempt, worker=self._worker)
            again_at = None
            try:
                outcome = await self._outcome(job, begun)
                if is_to_be_tried_again(job, outcome):
                    again_at = self._clock() + wait_s(job.attempt)
            finally:
                await self._left(job_id, again_at)
            # What fails because the database was started anew has not failed.
            if outcome.status is not Status.RETRYABLE:
                return outcome
            if await _insist(self._store.server_start) == begun.server_start:
                return outcome

    async def _left(self, job_id: str, again_at: float | None) -> None:
        with suppress(UnavailableError):  # who sweeps sees that nobody has it
            await self._store.leave(job_id, self._worker, again_at)

    async def _outcome(self, job: Job, begun: Begun) -> Outcome:
        """What a job comes to. A bug in it ends the job, and not who serves."""
        work = self._flows[job.order.flow]
        if begun.deaths >= MOST_DEATHS:
            return DEADLY
        tale = Tale(self._store, job, self._clock, self._also)
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(tale.write())
            task = asyncio.ensure_future(work(job, tale))
            try:
                await asyncio.wait([task])
            finally:
                task.cancel()
                await asyncio.wait([task])
                writer.cancel()
        with suppress(UnavailableError):  # what is told is lost, the work is not
            await tale.flush()
        return came_to(job, task) or CANCELLED


async def _insist(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the server answers: a job is not to end because it could not be asked."""
    while True:
        try:
            return await ask()
        except UnavailableError as exc:
            log.warning("jobs.waiting", reason=str(exc))
            await asyncio.sleep(_BEAT_S)
