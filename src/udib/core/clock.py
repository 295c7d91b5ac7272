"""Deadlines that stand still while somebody waits for a turn, or for what others do."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import Final, Protocol


class Clock(Protocol):
    """Time that somebody has. It stands still while any part of the work is off it."""

    def stop(self) -> None:
        """A part of the work is off the clock."""
        ...

    def go_on(self) -> None:
        """It is on it again."""
        ...


_CLOCK: Final[ContextVar[Clock | None]] = ContextVar("clock", default=None)


class DeadlineClock:
    """The time until a deadline, and that of the work around it, which stands still with it."""

    def __init__(self, limit: asyncio.Timeout, around: Clock | None) -> None:
        self._limit = limit
        self._around = around
        self._off = 0
        self._left_s = 0.0

    @property
    def left_s(self) -> float:
        """Seconds until the deadline, if nobody is off the clock any more."""
        due = self._limit.when()
        return self._left_s if due is None else due - asyncio.get_running_loop().time()

    def stop(self) -> None:
        """A part of the work is off the clock."""
        self._off += 1
        due = self._limit.when()
        if self._off == 1 and due is not None and not self._limit.expired():
            self._left_s = due - asyncio.get_running_loop().time()
            self._limit.reschedule(None)
        if self._around is not None:
            self._around.stop()

    def go_on(self) -> None:
        """It is on it again."""
        self._off -= 1
        if self._off == 0 and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time() + self._left_s)
        if self._around is not None:
            self._around.go_on()


class SharedClock:
    """The clocks of all who wait for one piece of work, which may outlive any of them."""

    def __init__(self) -> None:
        self._waiting: list[Clock] = []
        self._off = 0
        self._since = 0.0
        self._stood_s = 0.0

    @property
    def stood_s(self) -> float:
        """Seconds that it has stood still so far."""
        return self._stood_s + (asyncio.get_running_loop().time() - self._since if self._off else 0.0)

    def context(self) -> Context:
        """Where the work is to be done."""
        context = copy_context()
        context.run(_CLOCK.set, self)
        return context

    def stop(self) -> None:
        """A part of the work is off the clock."""
        self._off += 1
        if self._off == 1:
            self._since = asyncio.get_running_loop().time()
            for clock in self._waiting:
                clock.stop()

    def go_on(self) -> None:
        """It is on it again."""
        self._off -= 1
        if self._off == 0:
            self._stood_s += asyncio.get_running_loop().time() - self._since
            for clock in self._waiting:
                clock.go_on()

    @contextmanager
    def waited_for(self, limit: asyncio.Timeout) -> Iterator[None]:
        """Wait for the work until a deadline, which stands still with it, as that of whoever waits does."""
        clock = DeadlineClock(limit, _CLOCK.get())
        self._waiting.append(clock)
        if self._off:
            clock.stop()
        try:
            yield
        finally:
            self._waiting.remove(clock)
            if self._off:
                clock.go_on()


@contextmanager
def on_the_clock(limit: asyncio.Timeout) -> Iterator[None]:
    """Let a deadline, and those around it, stand still while what is done here is `off_the_clock`."""
    around = _CLOCK.set(DeadlineClock(limit, _CLOCK.get()))
    try:
        yield
    finally:
        _CLOCK.reset(around)


@contextmanager
def off_the_clock() -> Iterator[None]:
    """Time spent here counts against no deadline."""
    clock = _CLOCK.get()
    if clock is None:
        yield
        return
    clock.stop()
    try:
        yield
    finally:
        clock.go_on()


def time_left_s() -> float:
    """Seconds until the nearest deadline, without what is spent `off_the_clock` until then."""
    clock = _CLOCK.get()
    return clock.left_s if isinstance(clock, DeadlineClock) else float("inf")
