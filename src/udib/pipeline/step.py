"""One stage of a run, and the only place where an intended error becomes a `StepResult`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from udib.core.errors import Status, UdibError
from udib.core.findings import StageTiming
from udib.core.result import StepResult

T = TypeVar("T")


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


class Run(Protocol):
    """One passage of one content through the pipeline; all that pipeline code sees of an engine."""

    revision: int

    def note(self, timing: StageTiming) -> None:
        """Enter a stage that was done outside the journal."""
        ...

    async def step(self, stage: Stage[T], *inputs: object) -> StepResult[T]:
        """Do a stage, or hand back what it gave before for the same inputs. Inputs must be JSON or core values."""
        ...

    @property
    def timings(self) -> tuple[StageTiming, ...]:
        """The stages so far, in order of their start."""
        ...


async def run_step(work: Awaitable[T], *, name: str, deadline_s: float) -> StepResult[T]:
    """Await `work`: intended errors and the deadline become failures, cancellation and bugs pass through."""
    try:
        async with asyncio.timeout(deadline_s) as limit:
            return StepResult.ok(await work)
    except UdibError as exc:
        return StepResult.fail(str(exc), exc.status)
    except TimeoutError:
        if not limit.expired():
            raise
        return StepResult.fail(f"The stage {name!r} gave no result in {deadline_s:g} s.", Status.RETRYABLE)
