"""One stage of a run, and the only place where an intended error becomes a `StepResult`."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from udib.core.clock import on_the_clock
from udib.core.errors import Status, UdibError
from udib.core.findings import StageTiming
from udib.core.result import StepResult

T = TypeVar("T")
P = TypeVar("P")

_LATE: Final = (
    "The stage {!r} gave no result in {:g} s and was stopped; try again, or give it more time in engine.deadlines."
)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds that a stage may take, and a whole run."""

    download_s: float = 3600.0
    transcribe_s: float = 6 * 3600.0
    analyse_s: float = 900.0
    store_s: float = 900.0
    notify_s: float = 60.0
    run_s: float = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Stage(Generic[T]):
    """A named piece of work whose result the journal can keep.

    `returns` is the type of the result, by which a kept result is read back. A stage whose code changes what it returns
    for the same input gets another `version`; `key` gives what of the inputs decides it, None: all. The result of a
    `reusable` stage serves later revisions of the same content too, if its input is the same; that of any other stage
    serves only the run that was interrupted. A result that refers to something outside the journal is used again only
    while it is `intact`. `small`: its inputs and its result are written as JSON in less time than it takes to give
    that to another thread.

    With `part`, a type, `work` gets `Parts` of it after its inputs: what it keeps there, piece by piece, is there again
    when an interrupted run does the stage once more, with the same input and version. It may hold words of the content
    that is run, but not of others: forgetting those does not look there.
    """

    name: str
    work: Callable[..., Awaitable[T]]
    returns: type[T]
    deadline_s: float
    version: int = 1
    reusable: bool = False
    key: Callable[..., object] | None = None
    intact: Callable[[T], Awaitable[bool]] | None = None
    small: bool = False
    part: type[Any] | None = None


class Parts(Protocol[P]):
    """What a stage that takes long has got done so far."""

    kept: tuple[P, ...]
    """What the run kept before it was interrupted, in order."""

    def keep(self, part: P) -> None:
        """Have the next part kept, which is done while the work goes on.

        Raises:
            UdibError: One before it could not be kept.
        """
        ...


class Run(Protocol):
    """One passage of one content through the pipeline; all that pipeline code sees of an engine."""

    revision: int

    def note(self, timing: StageTiming) -> None:
        """Enter a stage that was done outside the journal."""
        ...

    async def step(self, stage: Stage[T], *inputs: object) -> StepResult[T]:
        """Do a stage, or hand back what it gave before for the same inputs. Inputs must be JSON or core values."""
        ...

    async def keeps(self, stage: Stage[T], *inputs: object) -> bool:
        """Whether `step` would hand back what the stage gave before for these inputs, whole and unaltered."""
        ...

    @property
    def timings(self) -> tuple[StageTiming, ...]:
        """The stages so far, in order of their start."""
        ...


@asynccontextmanager
async def beside(*works: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Let works go on while the block lasts, and no longer. A bug in one of them ends the block."""
    failed: UdibError | None = None
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        try:
            yield
        except UdibError as exc:
            failed = exc  # the group would wrap it
        finally:
            for task in tasks:
                task.cancel()
    if failed is not None:
        raise failed


async def run_step(work: Awaitable[T], *, name: str, deadline_s: float) -> StepResult[T]:
    """Await `work`: intended errors and the deadline become failures, cancellation and bugs pass through.

    What `work` spends `off_the_clock` does not count.
    """
    try:
        async with asyncio.timeout(deadline_s) as limit:
            with on_the_clock(limit):
                return StepResult.ok(await work)
    except UdibError as exc:
        return StepResult.fail(str(exc), exc.status)
    except TimeoutError:
        if not limit.expired():
            raise
        return StepResult.fail(_LATE.format(name, deadline_s), Status.RETRYABLE)
