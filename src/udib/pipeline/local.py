"""The engine of one machine: jobs in the journal's file, claimed by the processes that share a data directory.

A worker is a process that holds a lock file of its own; the operating system drops it when the process dies, and what
the worker had in work is begun again by another one, from its finished steps. One process serves the directory at a
time, the others wait to take its place. A command that wants one job done has it done by whoever serves, follows what
the job tells, and does it itself if nobody serves or the server dies.
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from udib.core.errors import UdibError, UnavailableError
from udib.core.jobs import CANCELLED, Bounds, Job, JobEvent, JobState, Order, Outcome, is_due
from udib.core.ports import ProgressSink
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health
from udib.pipeline.engine import (
    DEADLY,
    MOST_DEATHS,
    Flows,
    Load,
    Work,
    came_to,
    cancel_once,
    is_to_be_tried_again,
    may_be_cancelled,
    may_go_on,
    ordered_again,
    state_after,
    the_one,
    wait_s,
    was_forgotten,
)
from udib.pipeline.tale import Tale, followed, passed_on
from udib.storage.jobs import SqliteJobStore
from udib.storage.locks import HeldError, is_held, locked

_LOOK_S: Final = 0.1
"""Seconds after which what other processes wrote is looked for."""
_BEAT_S: Final = 0.5
"""Seconds after which dead workers and orders that are due are looked for."""
_SERVING: Final = "serving.lock"

log: Any = structlog.get_logger()


class LocalEngine:
    """`Engine` over a job store and a directory of lock files.

    Args:
        store: Where the jobs are.
        locks: The directory.
        keep_days: How long ended jobs stay listed.
        bounds: How many may wait; None: as many as usual.
        clock: Seconds since 1970.
    """

    name = "jobs"

    def __init__(
        self,
        store: SqliteJobStore,
        locks: Path,
        *,
        keep_days: float = 30.0,
        bounds: Bounds | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bounds = bounds or Bounds()
        self._store = store
        self._locks = locks
        self._keep_s = keep_days * 86_400
        self._clock = clock
        self._worker = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._is_worker = False
        self._holding = ExitStack()
        self._busy: dict[str, asyncio.Future[Outcome] | None] = {}
        self._news = asyncio.Event()

    async def submit(self, order: Order) -> Job:
        """Take an order; see `Engine.submit`."""
        job, _ = await self._store.submit(order, self._clock(), self._bounds)
        self._news.set()
        return job

    async def find(self, scope: Scope, reference: str) -> Job:
        """The job of an id or its beginning; see `Engine.find`."""
        found = await self._store.find(scope, reference) if reference else []
        return the_one(found, reference)

    async def those(self, scope: Scope, job_ids: Collection[str]) -> list[Job]:
        """The jobs of these ids; see `Engine.those`."""
        return await self._store.those(scope, job_ids)

    async def jobs(
        self,
        scope: Scope,
        *,
        states: Collection[JobState] = frozenset(JobState),
        without: Collection[str] = frozenset(),
        limit: int,
    ) -> list[Job]:
        """The jobs of a scope; see `Engine.jobs`."""
        return await self._store.listed(scope, states, without, limit)

    async def cancel(self, job: Job) -> Job:
        """End a job; see `Engine.cancel`."""
        was = await self._store.cancel(job.id, self._clock(), self._lives)
        if was is None:
            raise was_forgotten(job)
        may_be_cancelled(job.id, was)
        self._news.set()
        return await self._now(job)

    async def again(self, job: Job) -> Job:
        """Let a job go on; see `Engine.again`."""
        job = await self._now(job)
        may_go_on(job)
        if not await self._store.again(job.id, self._clock()):
            raise ordered_again(job)
        self._news.set()
        return await self._now(job)

    def events(self, job: Job, *, after: int = 0, follow: bool = True) -> AsyncIterator[JobEvent]:
        """What a job tells; see `Engine.events`."""
        return followed(self._store, partial(self._now, job), after=after, look_s=_LOOK_S if follow else None)

    async def perform(self, order: Order, work: Work, progress: ProgressSink) -> Job:
        """Have an order done, and wait for it; see `Engine.perform`. Cancelled, it cancels an order of its own."""
        job, mine = await self._store.submit(order, self._clock(), self._bounds)
        self._news.set()
        try:
            return await self.attend(job, work, progress)
        except asyncio.CancelledError:
            if mine:
                await self._store.cancel(job.id, self._clock(), self._lives)
            raise

    async def attend(self, job: Job, work: Work, progress: ProgressSink) -> Job:
        """Have a job done that is ordered already; see `Engine.attend`."""
        told = 0
        job = await self._now(job)
        while not job.state.ended:
            told = await passed_on(self._store, job, told, progress)
            claimed = None if self._is_in_hands(job) else await self._claim(job)
            if claimed is None:
                await asyncio.sleep(_LOOK_S)
            else:
                told = await self._do_alone(claimed, work, progress)
            job = await self._now(job)
        await passed_on(self._store, job, told, progress)
        return job

    async def serve(self, flows: Flows, load: Load) -> None:
        """Do jobs until cancelled; see `Engine.serve`. Waits while another process serves."""
        async with self._serving(), asyncio.TaskGroup() as group:
            beat = 0.0
            while True:
                self._news.clear()
                try:
                    if self._clock() >= beat or beat > self._clock() + _BEAT_S:  # or the clock was set back
                        beat = self._clock() + _BEAT_S
                        await self._look_after()
                    for job in await self._claim_next(flows, load):
                        self._busy[job.id] = None
                        group.create_task(self._do(job, flows[job.order.flow]))
                    await self._stop_cancelled()
                except UnavailableError as exc:
                    log.warning("jobs.waiting", reason=str(exc))
                    await asyncio.sleep(_BEAT_S)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):  # `wait_for` loses a cancellation that comes with the news
                        await self._news.wait()

    async def every(self, name: str, seconds: float, order: Order) -> None:
        """Submit an order again and again; see `Engine.every`."""
        await self._store.schedule(name, seconds, order, self._clock())

    async def never(self, name: str) -> None:
        """Submit it no longer."""
        await self._store.unschedule(name)

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove the jobs of a content, with its address and what they told."""
        return await self._store.forget(scope, content_id)

    async def ping(self) -> Health:
        """Whether a job could be taken, and who serves."""
        health = await self._store.ping()
        return replace(
            health, detail=f"{health.detail}; {'a process serves' if self._is_served() else 'nobody serves'}"
        )

    async def close(self) -> None:
        """Be no worker any longer. Safe to repeat."""
        self._holding.close()

    async def _now(self, job: Job) -> Job:
        found = await self._store.by_id(job.id)
        if found is None:
            raise was_forgotten(job)
        return found

    def _is_served(self) -> bool:
        return is_held(self._locks / _SERVING)

    def _is_in_hands(self, job: Job) -> bool:
        """Whether there is a living process from which the job is to be expected, or its time has not come."""
        if job.state is JobState.RUNNING:
            return job.worker is not None and self._lives(job.worker)
        return not is_due(job, self._clock()) or self._is_served()

    def _lives(self, worker: str) -> bool:
        return is_held(self._lock_of(worker))

    def _lock_of(self, worker: str) -> Path:
        return self._locks / f"worker-{worker}.lock"

    def _be_worker(self) -> str:
        """This process as a worker, which others see to be alive."""
        if not self._is_worker:
            refusal = "The worker {} is there already; run the same command again.".format
            self._holding.enter_context(locked(self._lock_of(self._worker), refusal))
            self._is_worker = True
        return self._worker

    @asynccontextmanager
    async def _serving(self) -> AsyncGenerator[None]:
        """Be the one that serves, as soon as nobody else is."""
        path = self._locks / _SERVING
        async with AsyncExitStack() as stack:
            while True:
                try:
                    stack.enter_context(locked(path, "The data directory is served by {}.".format))
                except HeldError:  # for a moment also by a command that looks whether anybody serves
                    await asyncio.sleep(_BEAT_S)
                else:
                    break
            yield

    async def _look_after(self) -> None:
        """Let the jobs of dead workers wait again, submit what is due, and drop what ended long ago."""
        now = self._clock()
        for worker in await self._store.workers():
            if worker != self._worker and self._lives(worker):
                continue
            before = set(self._busy)  # one that ends during the look is in it, one that begins is in the other
            for job in await self._store.left_by(worker):
                if job.id in before or job.id in self._busy:
                    continue
                if job.attempt >= max(job.order.attempts, MOST_DEATHS):
                    await self._store.end(job, JobState.FAILED, DEADLY, now)
                else:
                    await self._store.postpone(job, None, now)
        for order in await self._store.due(now):
            await self._store.submit(order, now)
        await self._store.prune(now - self._keep_s)

    async def _claim_next(self, flows: Flows, load: Load) -> list[Job]:
        free = load.jobs - len(self._busy)
        if free <= 0:
            return []
        return await self._store.claim_next(
            self._be_worker(), flows, count=free, most=load.of_one_tenant, now=self._clock()
        )

    async def _claim(self, job: Job) -> Job | None:
        return await self._store.claim(job.id, self._be_worker(), dead=job.worker, now=self._clock())

    async def _stop_cancelled(self) -> None:
        if self._busy:
            for job_id in await self._store.to_cancel(self._worker):
                task = self._busy.get(job_id)
                if task is not None:
                    cancel_once(task)

    async def _do_alone(self, job: Job, work: Work, progress: ProgressSink) -> int:
        """Do one job while looking whether somebody cancels it. Returns the number of the last that it told."""
        self._busy[job.id] = None
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._do(job, work, progress))
            while not task.done():
                await self._stop_cancelled()
                await asyncio.wait([task], timeout=_LOOK_S)
        return task.result()

    async def _do(self, job: Job, work: Work, also: ProgressSink | None = None) -> int:
        """Do a job that is claimed, and enter what it came to."""
        tale = Tale(self._store, job, self._clock, also)
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(tale.write())
                outcome = await self._outcome(job, work, tale)
                writer.cancel()
            await tale.flush()
            await self._enter(job, outcome)
        except UdibError as exc:  # the journal cannot be written: the job is found again as nobody's, and begun anew
            log.warning("jobs.not_entered", job=job.id, reason=str(exc))
        finally:
            del self._busy[job.id]
            self._news.set()
        return tale.last

    async def _outcome(self, job: Job, work: Work, tale: Tale) -> Outcome | None:
        """What a job comes to; None: it was cancelled. A bug in it ends the job, and not who serves."""
        task = asyncio.ensure_future(work(job, tale))
        self._busy[job.id] = task
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancel_once(task)
            await asyncio.wait([task])
            await self._store.postpone(job, None, self._clock())
            raise
        return came_to(job, task)

    async def _enter(self, job: Job, outcome: Outcome | None) -> None:
        now = self._clock()
        if outcome is None:
            await self._store.end(job, JobState.CANCELLED, CANCELLED, now)
        elif is_to_be_tried_again(job, outcome):
            await self._store.postpone(job, outcome, now, wait_s(job.attempt))
        else:
            await self._store.end(job, state_after(outcome), outcome, now)
