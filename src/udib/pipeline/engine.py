"""The engine: what takes jobs, does them, and keeps them through crashes. One for a machine, one for a fleet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import structlog

from udib.core.checked import Checked
from udib.core.errors import BadRequestError, Status
from udib.core.jobs import LONGEST_RETRY_S, Job, JobEvent, JobState, Order, Outcome
from udib.core.ports import Forgettable, ProgressSink
from udib.core.tenancy import Scope

Work = Callable[[Job, ProgressSink], Awaitable[Outcome]]
"""What a flow does with a job. Intended failures are outcomes; it may be cancelled, and begun again after that."""

Flows = Mapping[str, Work]
"""The flows that a process can do, by name."""


@dataclass(frozen=True, slots=True)
class Load:
    """How much a process takes on.

    Attributes:
        jobs: Jobs at the same time.
        of_one_tenant: Jobs of one tenant at the same time; one less than `jobs` keeps a place free for the others.
    """

    jobs: int = 4
    of_one_tenant: int = 3


class Engine(Checked, Forgettable, Protocol):
    """Jobs, durable: what was submitted is done, or says why not, whatever happens to the processes meanwhile.

    Every call that names a job names the scope that it must belong to.
    """

    async def submit(self, order: Order) -> Job:
        """Take an order. The same order that is not ended yet is the same job."""
        ...

    async def find(self, scope: Scope, reference: str) -> Job:
        """The job whose id is, or begins with, `reference`.

        Raises:
            BadRequestError: There is none, or more than one.
        """
        ...

    async def those(self, scope: Scope, job_ids: Collection[str]) -> list[Job]:
        """The jobs of a scope with these ids, in no order; what is not there any more is left out."""
        ...

    async def jobs(
        self,
        scope: Scope,
        *,
        states: Collection[JobState] = frozenset(JobState),
        without: Collection[str] = frozenset(),
        limit: int,
    ) -> list[Job]:
        """The jobs of a scope in these states, newest first, without those of some flows."""
        ...

    async def cancel(self, job: Job) -> Job:
        """End a job. One in work ends as soon as its worker has stopped what it does; its finished steps are kept.

        Raises:
            BadRequestError: It has ended already.
        """
        ...

    async def again(self, job: Job) -> Job:
        """Let a job that was cancelled or has failed go on, from its finished steps.

        Raises:
            BadRequestError: It is done, or not ended.
        """
        ...

    def events(self, job: Job, *, after: int = 0, follow: bool = True) -> AsyncIterator[JobEvent]:
        """What a job told after the event of that number, and goes on to tell until it has ended."""
        ...

    async def perform(self, order: Order, work: Work, progress: ProgressSink) -> Job:
        """Have an order done, and wait: by whoever serves, and if nobody does, or no longer, by `work`, here."""
        ...

    async def attend(self, job: Job, work: Work, progress: ProgressSink) -> Job:
        """Have a job done that is ordered already, as `perform` has; one that has ended is only told of."""
        ...

    async def serve(self, flows: Flows, load: Load) -> None:
        """Do jobs until cancelled. What is in work then is begun again by the next who serves."""
        ...

    async def every(self, name: str, seconds: float, order: Order) -> None:
        """Submit an order again and again, while somebody serves; the same name replaces what it stood for.

        Of its jobs only the last is kept.
        """
        ...

    async def never(self, name: str) -> None:
        """Submit it no longer."""
        ...


MOST_DEATHS: Final = 5
"""How often a job may be begun by workers that died of it, before it is given up."""
DEADLY: Final = Outcome(
    Status.FAILED, f"The process that did it died {MOST_DEATHS} times; look into its log, then `udib jobs retry` it."
)

log: Any = structlog.get_logger()


def cancel_once(task: asyncio.Future[Outcome]) -> None:
    """Cancel work unless it is stopping already: a second cancellation would break its cleaning up."""
    if not (isinstance(task, asyncio.Task) and task.cancelling()):
        task.cancel()


def wait_s(attempt: int) -> float:
    """Seconds from a failed attempt, counted from 1, to the next: 2, 4, 8, ... 300."""
    return min(2.0**attempt, LONGEST_RETRY_S)


async def fork(engine: Engine, job: Job, stage: str) -> Job:
    """Order what a job was for once more, with everything anew from `stage` on; what is before it is used again."""
    order = job.order
    return await engine.submit(replace(order, payload={**order.payload, "from_stage": stage}, delay_s=0.0))


def is_to_be_tried_again(job: Job, outcome: Outcome) -> bool:
    """Whether a job that came to this has attempts left for it."""
    return outcome.status is Status.RETRYABLE and job.attempt < job.order.attempts


def state_after(outcome: Outcome) -> JobState:
    """How a job ended that came to this."""
    return JobState.DONE if outcome.status in {Status.OK, Status.SKIPPED} else JobState.FAILED


def came_to(job: Job, task: asyncio.Future[Outcome]) -> Outcome | None:
    """What the work on a job came to that is done; None: it was cancelled. A bug in it ends the job, and no more."""
    if task.cancelled():
        return None
    bug = task.exception()
    if bug is None:
        return task.result()
    log.error("jobs.bug", job=job.id, exc_info=bug)
    while isinstance(bug, BaseExceptionGroup):  # as a group of tasks raises it; which bug it is, only the bug says
        bug = bug.exceptions[0]
    return Outcome(Status.FAILED, f"This is a bug of udib ({type(bug).__name__}: {bug}); please report it.")


def the_one(found: Sequence[Job], reference: str) -> Job:
    """The only job that was found.

    Raises:
        BadRequestError: There is none, or more than one.
    """
    match found:
        case [job]:
            return job
        case []:
            raise BadRequestError(f"There is no job {reference!r} here; `udib jobs list` shows those there are.")
        case _:
            raise BadRequestError(f"More than one job begins with {reference!r}; give more of its id.")


def may_be_cancelled(job_id: str, state: JobState) -> None:
    """Refuse to cancel what has ended."""
    if state.ended:
        raise BadRequestError(f"The job {job_id} is {state.value} already; there is nothing to cancel.")


def may_go_on(job: Job) -> None:
    """Refuse to let a job go on that is done, or not ended."""
    if job.state not in {JobState.CANCELLED, JobState.FAILED}:
        raise BadRequestError(f"The job {job.id} is {job.state.value}; only a failed or cancelled one can go on.")


def ordered_again(job: Job) -> BadRequestError:
    """A job cannot go on beside a newer one for the same."""
    return BadRequestError(f"What the job {job.id} was for was ordered again meanwhile; see `udib jobs list`.")


def was_forgotten(job: Job) -> BadRequestError:
    """A job is no longer there."""
    return BadRequestError(f"The job {job.id} was forgotten.")
