"""What a job tells while it is done: gathered for a moment, written in its order, and read by whoever follows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import structlog

from udib.core.errors import UdibError
from udib.core.jobs import Job, JobEvent
from udib.core.ports import ProgressSink
from udib.core.types import Progress

_TELL_S: Final = 0.1
"""Seconds over which what a job tells is gathered; whoever follows it looks as often."""
_EVENTS_OF_AN_ATTEMPT: Final = 1_000_000

log: Any = structlog.get_logger()


class Listener(Protocol):
    """Who keeps what jobs tell."""

    async def tell(self, job_id: str, first: int, events: Sequence[tuple[float, Progress]]) -> None:
        """Keep what a job told, numbered from `first`."""
        ...

    async def told(self, job_id: str, after: int) -> list[JobEvent]:
        """What a job told after the event of that number."""
        ...


class Tale:
    """What a job tells, gathered for a moment and written in its order."""

    def __init__(self, store: Listener, job: Job, clock: Callable[[], float], also: ProgressSink | None) -> None:
        self._store = store
        self._job = job
        self._clock = clock
        self._also = also
        self._told: list[tuple[float, Progress]] = []
        self._news = asyncio.Event()
        self.last = job.attempt * _EVENTS_OF_AN_ATTEMPT

    def __call__(self, event: Progress) -> None:
        """Tell something."""
        self._told.append((self._clock(), event))
        self._news.set()
        if self._also is not None:
            self._also(event)

    async def write(self) -> None:
        """Write what is told, until cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(_TELL_S)
            try:
                await self.flush()
            except UdibError as exc:  # what is told is lost, the work is not
                log.warning("jobs.not_told", job=self._job.id, reason=str(exc))

    async def flush(self) -> None:
        """Write what was told so far."""
        self._news.clear()
        told, self._told = self._told, []
        first = self.last + 1
        self.last += len(told)
        await self._store.tell(self._job.id, first, told)


async def followed(
    store: Listener, now: Callable[[], Awaitable[Job]], *, after: int, look_s: float | None
) -> AsyncIterator[JobEvent]:
    """What a job told after the event of that number, and goes on to tell until it has ended.

    Args:
        store: Where it is kept.
        now: Gives the job as it stands.
        after: The number.
        look_s: Seconds after which more is looked for; None: once is enough.
    """
    while True:
        job = await now()  # before the look, so that nothing is missed of one that has ended
        for event in await store.told(job.id, after):
            after = event.number
            yield event
        if job.state.ended or look_s is None:
            return
        await asyncio.sleep(look_s)


async def passed_on(store: Listener, job: Job, after: int, progress: ProgressSink) -> int:
    """Tell what a job told after the event of that number; returns the number of the last."""
    for event in await store.told(job.id, after):
        after = event.number
        progress(event.progress)
    return after
