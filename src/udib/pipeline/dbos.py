"""The engine of a fleet: jobs in a queue of DBOS on PostgreSQL, done by as many workers on as many machines as wanted.

A job is a workflow of DBOS with one step, which is doing it. DBOS keeps the order, gives each job to one worker at a
time, and takes an outcome from nobody but the worker that has it. The stages inside are not steps of DBOS: it counts
steps in the order of their calls, which the tasks of a group do not keep, and looks each up in threads at 3 to 5 ms of
processor time. They are in the journal, whose `StepStore` and `Locks` are on PostgreSQL too, so that whoever does a job
next goes on where it was, as on one machine.

A worker holds a lease, which it renews each second. When it runs out, whoever sweeps at that moment cuts the worker's
sessions off, by which it loses the locks of the contents that it has in work, and lets its jobs wait again. So a worker
that was only frozen finds its locks lost and its runs taken over: it can neither keep a step nor end a job.

Fair share: no worker has more than `Load.of_one_tenant` jobs of a tenant in work, so that while one tenant alone has a
backlog, a job of another is begun as soon as it is seen (0.2 s). While the places are filled by several, DBOS offers a
free place to the waiting tenants in random order: with T tenants waiting the chance at each is 1/T, whatever the length
of their backlogs. `Load` is the same for all workers of a fleet: that of the worker that was started last.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from udib.core.errors import BadRequestError, Status, UnavailableError
from udib.core.jobs import CANCELLED, Bounds, Job, JobEvent, JobState, Order, Outcome, is_due
from udib.core.ports import ProgressSink
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health
from udib.pipeline.dbos_worker import LEASE_S, LOOK_S, DbosWorker
from udib.pipeline.engine import (
    Flows,
    Load,
    Work,
    may_be_cancelled,
    may_go_on,
    ordered_again,
    the_one,
    was_forgotten,
)
from udib.pipeline.tale import followed, passed_on
from udib.storage.postgres_jobs import JobRecord, PostgresJobStore

if TYPE_CHECKING:
    from udib.pipeline.dbos_queue import DbosQueue, QueuedJob

_PAGE: Final = 200


class DbosEngine:
    """`Engine` over a queue of DBOS.

    Args:
        store: What is kept of jobs beside the queue.
        open_queue: Gives the queue; called once, when it is first needed, since its library takes seconds to import.
        worker: The name of this process; its locks bear it too.
        keep_days: How long ended jobs stay listed.
        bounds: How many may wait; None: as many as usual.
        clock: Seconds since 1970.
    """

    name = "jobs"

    def __init__(
        self,
        store: PostgresJobStore,
        open_queue: "Callable[[], DbosQueue]",
        worker: str,
        *,
        keep_days: float = 30.0,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._open_queue = open_queue
        self._opened_queue: DbosQueue | None = None
        self._opened_worker: DbosWorker | None = None
        self._name = worker
        self._keep_s = keep_days * 86_400
        self._bounds = bounds or Bounds()
        self._clock = clock

    async def submit(self, order: Order) -> Job:
        """Take an order; see `Engine.submit`."""
        job, _ = await self._submit(order, self._bounds)
        return job

    async def find(self, scope: Scope, reference: str) -> Job:
        """The job of an id or its beginning; see `Engine.find`."""
        return the_one(await self._jobs(await self._store.find(scope, reference)) if reference else [], reference)

    async def those(self, scope: Scope, job_ids: Collection[str]) -> list[Job]:
        """The jobs of these ids; see `Engine.those`."""
        return [job for job in await self._jobs_of(sorted(job_ids)) if job.order.scope == scope]

    async def jobs(
        self,
        scope: Scope,
        *,
        states: Collection[JobState] = frozenset(JobState),
        without: Collection[str] = frozenset(),
        limit: int,
    ) -> list[Job]:
        """The jobs of a scope; see `Engine.jobs`."""
        found: list[Job] = []
        below: int | None = None
        while len(found) < limit and (records := await self._store.listed(scope, below=below, limit=_PAGE)):
            below = records[-1].number
            jobs = await self._jobs(records)
            found += [job for job in jobs if job.state in states and job.order.flow not in without]
        return found[:limit]

    async def cancel(self, job: Job) -> Job:
        """End a job; see `Engine.cancel`."""
        was = await self._now(job)
        may_be_cancelled(job.id, was.state)
        await self._expect_now(was)
        await self._queue.cancel([job.id])
        if was.state is JobState.RUNNING and not await self._store.is_served(LEASE_S):
            await self._store.alone(self._sweep)  # its worker is dead perhaps, and nobody else sees to that
        return await self._now(job)

    async def again(self, job: Job) -> Job:
        """Let a job go on; see `Engine.again`."""
        job = await self._now(job)
        may_go_on(job)
        newest = await self._store.newest(job.order, self._clock())
        if newest != job.id and any(not other.state.ended for other in await self._jobs_of([newest])):
            raise ordered_again(job)
        await self._store.make_newest(job.id)
        await self._store.renew(job.id)
        if job.state is JobState.CANCELLED:
            await self._queue.resume([job.id])
        else:
            await self._queue.repeat(job.id, job.order.scope)
        return await self._now(job)

    def events(self, job: Job, *, after: int = 0, follow: bool = True) -> AsyncIterator[JobEvent]:
        """What a job tells; see `Engine.events`."""
        return followed(self._store, partial(self._now, job), after=after, look_s=LOOK_S if follow else None)

    async def perform(self, order: Order, work: Work, progress: ProgressSink) -> Job:
        """Have an order done, and wait for it; see `Engine.perform`. Cancelled, it cancels an order of its own."""
        job, mine = await self._submit(order, self._bounds)
        try:
            return await self.attend(job, work, progress)
        except asyncio.CancelledError:
            if mine:
                await self._queue.cancel([job.id])
            raise

    async def attend(self, job: Job, work: Work, progress: ProgressSink) -> Job:
        """Have a job done that is ordered already; see `Engine.attend`."""
        told = 0
        job = await self._now(job)
        while not job.state.ended:
            told = await passed_on(self._store, job, told, progress)
            if await self._is_in_hands(job):
                await asyncio.sleep(LOOK_S)
            else:
                await self._do_alone(job, work, progress)
                told = await self._last_told(job, told)
            job = await self._now(job)
        await passed_on(self._store, job, told, progress)
        return job

    async def serve(self, flows: Flows, load: Load) -> None:
        """Do jobs until cancelled, beside all others who do; see `Engine.serve`."""
        async with self._worker.working(flows, load):
            await asyncio.Event().wait()

    async def every(self, name: str, seconds: float, order: Order) -> None:
        """Submit an order again and again; see `Engine.every`."""
        await self._store.schedule(name, seconds, order, self._clock())

    async def never(self, name: str) -> None:
        """Submit it no longer."""
        await self._store.unschedule(name)

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove the jobs of a content, with its address and what they told."""
        removed = await self._remove(await self._store.about(scope, content_id))
        await self._store.vacuum()
        return removed

    async def ping(self) -> Health:
        """Whether a job could be taken, how many wait, and who serves."""
        health = await self._store.ping()
        if not health.ok:
            return health
        waiting, running = await self._queue.count()
        living = sum((await self._store.workers(LEASE_S)).values())
        return replace(health, detail=f"{health.detail}; {waiting} waiting, {running} in work, {living} workers alive")

    async def close(self) -> None:
        """Give the queue's connections back. Safe to repeat."""
        if self._opened_queue is not None:
            await self._opened_queue.close()

    @property
    def _queue(self) -> "DbosQueue":
        if self._opened_queue is None:
            self._opened_queue = self._open_queue()
        return self._opened_queue

    @property
    def _worker(self) -> DbosWorker:
        if self._opened_worker is None:
            self._opened_worker = DbosWorker(self._store, self._queue, self._name, self._sweep, self._clock)
        return self._opened_worker

    async def _submit(self, order: Order, bounds: Bounds | None) -> tuple[Job, bool]:
        """The job of an order, and whether it is a new one."""
        while True:
            # The id is reserved first: who dies between the two leaves an id under which the next one puts the job.
            now = self._clock()
            job_id = await self._store.newest(order, now)
            found = await self._jobs_of([job_id])
            if not found:
                if bounds is not None:
                    await self._check(bounds, order, job_id)
                await self._queue.enqueue(job_id, order)
                return Job(job_id, order, JobState.WAITING, now, not_before=now + order.delay_s), True
            if not found[0].state.ended:
                return found[0], False
            await self._store.supersede(order, job_id)

    async def _check(self, bounds: Bounds, order: Order, job_id: str) -> None:
        """See that one more may wait. Of an order that is refused nothing is left, not even its id."""
        tenant = order.scope.tenant
        waiting = await self._store.waiting(self._queue.schema, tenant)
        try:
            bounds.check(tenant, *waiting)
        except UnavailableError:
            await self._store.remove([job_id])
            raise

    async def _now(self, job: Job) -> Job:
        for found in await self._jobs_of([job.id]):
            return found
        raise was_forgotten(job)

    async def _jobs_of(self, job_ids: list[str]) -> list[Job]:
        return await self._jobs(await self._store.kept(job_ids))

    async def _jobs(self, records: list[JobRecord]) -> list[Job]:
        entries = await self._queue.entries([record.id for record in records]) if records else {}
        return [_job(record, entries[record.id]) for record in records if record.id in entries]

    async def _remove(self, job_ids: list[str]) -> int:
        if job_ids:
            await self._queue.cancel(job_ids)
            await self._queue.delete(job_ids)
            await self._store.remove(job_ids)
        return len(job_ids)

    async def _expect_now(self, job: Job) -> None:
        """Let a job that is to be tried again wait for nothing but a worker. It has ended for the queue."""
        if _is_to_come_again(job):
            await self._queue.repeat(job.id, job.order.scope)
            await self._store.wait_no_longer([job.id])

    async def _last_told(self, job: Job, after: int) -> int:
        return max([after, *(event.number for event in await self._store.told(job.id, after))])

    async def _is_in_hands(self, job: Job) -> bool:
        """Whether somebody lives from whom the job is to be expected, or its time has not come."""
        if await self._store.is_served(LEASE_S):
            return True
        if job.state is JobState.RUNNING:
            await self._store.alone(self._sweep)  # nobody else does it
            return True
        return not is_due(job, self._clock())

    async def _do_alone(self, job: Job, work: Work, progress: ProgressSink) -> None:
        """Do one job that nobody else does; no other one is taken."""
        async with self._worker.working({job.order.flow: work}, None, progress):
            found = await self._now(job)
            if found.state is JobState.WAITING:
                await self._expect_now(found)
                await self._queue.resume([job.id], self._queue.own)
                found = await self._now(job)
            while not (found.state.ended or _is_to_come_again(found)):
                await asyncio.sleep(LOOK_S)
                found = await self._now(job)

    async def _sweep(self) -> None:
        """Hand back what dead workers had, let wait what is to be tried again, order what is due, drop what is old."""
        now = self._clock()
        await self._worker.hand_back()
        for job_id in await self._store.to_do_again(now):
            for job in await self._jobs_of([job_id]):
                await self._expect_now(job)
        for name, order in await self._store.due(now):
            await self._submit(order, None)
            await self._store.ordered(name, now)
            await self._remove(await self._store.superseded(order))  # of what comes again and again the last is kept
        old = await self._store.before(now - self._keep_s, _PAGE)
        if old:
            there = {job.id: job.state.ended for job in await self._jobs_of(old)}
            await self._remove([job_id for job_id, is_over in there.items() if is_over])
            # Ids that were reserved for nothing go too, or they would be the oldest for ever, and stand before all.
            await self._store.remove([job_id for job_id in old if job_id not in there])


def _is_to_come_again(job: Job) -> bool:
    """Whether a job waits because it has failed in a way that may pass."""
    return job.state is JobState.WAITING and job.outcome is not None and job.outcome.status is Status.RETRYABLE


def _job(record: JobRecord, entry: "QueuedJob") -> Job:
    """A job as the queue and what is kept beside it show it."""
    state, outcome = entry.state, entry.outcome
    if state is JobState.CANCELLED:
        outcome = CANCELLED
        state = JobState.RUNNING if record.worker is not None else state  # not yet stopped
    elif record.again_at is not None and state is JobState.FAILED:
        state = JobState.WAITING
    if outcome is not None and outcome.content_id is None:
        outcome = replace(outcome, content_id=record.content_id)
    elif outcome is None and record.content_id is not None:
        outcome = Outcome(Status.SKIPPED, None, record.content_id)
    if entry.order is None:
        raise BadRequestError(f"What the job {record.id} is for cannot be read.")
    return Job(
        record.id,
        entry.order,
        state,
        record.submitted_at,
        record.attempt,
        max(entry.not_before, record.again_at or 0.0),
        entry.started_at,
        entry.ended_at if state.ended else None,
        outcome,
        record.worker,
    )
