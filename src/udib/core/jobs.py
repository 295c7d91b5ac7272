"""Jobs and runs: an order to the pipeline that outlives the process that took it, and what of it is done."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from udib.core.errors import Status, UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Progress


@dataclass(frozen=True, slots=True)
class RunKey:
    """What makes two requests the same run: the content of a scope and the options that change the result."""

    scope: Scope
    content_id: ContentId
    options: str


@dataclass(frozen=True, slots=True)
class StepName:
    """What makes two steps of a content the same: the stage, its version, and a digest of its inputs."""

    stage: str
    version: int
    input_hash: str


@dataclass(frozen=True, slots=True)
class KeptStep:
    """A finished step. Its output is JSON, here or as an artifact of the content (a digest)."""

    name: StepName
    output: bytes | None
    artifact: str | None
    reusable: bool


@dataclass(frozen=True, slots=True)
class Began:
    """A run that begins or goes on. `mine` are its own finished steps, `earlier` those of other runs to be reused."""

    run_id: int
    revision: int
    mine: frozenset[StepName]
    earlier: frozenset[StepName]

    @classmethod
    def of(cls, run_id: int, revision: int, steps: Iterable[tuple[int, str, int, str]]) -> "Began":
        """A run with the steps that are kept: the run of each, its stage, version and input hash."""
        mine, earlier = set[StepName](), set[StepName]()
        for of_run, stage, version, input_hash in steps:
            (mine if of_run == run_id else earlier).add(StepName(stage, version, input_hash))
        return cls(run_id, revision, frozenset(mine), frozenset(earlier))


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many jobs may wait, in all and of one tenant. Who has none may have one, whatever others have piled up."""

    waiting: int = 10_000
    of_one_tenant: int = 2000

    def check(self, tenant: str, waiting: int, of_tenant: int) -> None:
        """See that one more may wait beside so many.

        Raises:
            UnavailableError: It may not.
        """
        if of_tenant >= self.of_one_tenant:
            whose, bound = f" of {tenant}", f"{self.of_one_tenant}, engine.limits.waiting_of_one_tenant"
        elif waiting >= self.waiting and of_tenant:
            whose, bound = "", f"{self.waiting}, engine.limits.waiting"
        else:
            return
        raise UnavailableError(
            f"As many jobs{whose} wait as may ({bound}); order again when some are done, or cancel some with "
            "`udib jobs cancel`."
        )


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens unless somebody asks for it."""
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted. Two orders of a scope with the same flow and payload are the same while one is not ended.

    Attributes:
        scope: Whose.
        flow: What is done, such as "analyze".
        payload: What the flow needs to know.
        priority: -100 to 100; of one tenant's orders the greater goes first. It takes nothing from another tenant.
        attempts: How often it is tried in all, if it fails in a way that may pass.
        delay_s: Seconds that it waits at least.
    """

    scope: Scope
    flow: str
    payload: Mapping[str, str | None]
    priority: int = 0
    attempts: int = 1
    delay_s: float = 0.0

    @property
    def key(self) -> str:
        """The same for the same orders of a scope: 32 hex digits."""
        wanted = json.dumps([self.flow, dict(self.payload)], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(wanted.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job came to. `error` is one sentence; `content_id` is known once the address was looked at."""

    status: Status
    error: str | None = None
    content_id: ContentId | None = None


CANCELLED: Final = Outcome(Status.SKIPPED, "It was cancelled.")


@dataclass(frozen=True, slots=True)
class Job:
    """An order and where it stands. All times are seconds since 1970; None: not yet.

    Attributes:
        id: 12 hex digits.
        order: What is wanted.
        state: Where it stands.
        submitted_at: When it was ordered.
        attempt: How often it was begun.
        not_before: When it may be begun.
        started_at: When it was last begun.
        ended_at: When it ended.
        outcome: What the last attempt came to.
        worker: Who has it in work.
    """

    id: str
    order: Order
    state: JobState
    submitted_at: float
    attempt: int = 0
    not_before: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    outcome: Outcome | None = None
    worker: str | None = field(default=None, compare=False)


LONGEST_RETRY_S: Final = 300.0
"""Most seconds from a failed attempt of a job to the next."""


def is_due(job: Job, now: float) -> bool:
    """Whether the time of a job that waits has come, also if the clock was set back meanwhile."""
    was_set_back = job.submitted_at > now or (job.attempt > 0 and job.not_before > now + LONGEST_RETRY_S)
    return job.not_before <= now or was_set_back


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that a job told, in order of `number`."""

    number: int
    at: float
    progress: Progress
