"""Ctrl-C, `kill` and a terminal that is closed: told to end, udib ends in order, with exit code 128 + the signal.

Before a command runs, the process just leaves (`udib.app.start`). A running command is cancelled: child processes end,
and what was finished is kept. While a person is asked, the question is given up.
"""

import signal
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from udib.app.start import ENDING, leave

Handler = Callable[[int, FrameType | None], object]

CTRL_C = int(signal.SIGINT)
_PATIENCE_S = 10.0
"""How long an ending in order may take; then the process leaves as it is (every store survives a kill)."""


class Interrupted(KeyboardInterrupt):
    """The process was told to end, by the signal of this number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def run(work: Coroutine[Any, Any, int]) -> int:
    """Run a command to its exit code; a signal cancels it. Further signals change nothing, so that it ends in order.

    Raises:
        Interrupted: A signal came.
    """
    import asyncio

    told: list[int] = []
    limits: list[threading.Timer] = []

    async def cancellable() -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop(number: int, _: FrameType | None) -> None:
            if not told and task is not None:
                told.append(number)
                limits.append(_leave_later(number))
                loop.call_soon_threadsafe(task.cancel)

        with _handling(stop):
            return await work

    try:
        code = asyncio.run(cancellable())
    # A child that fails while its group is cancelled makes a group of errors of it.
    except (asyncio.CancelledError, ExceptionGroup):
        if told:
            raise Interrupted(told[0]) from None
        raise
    finally:
        for limit in limits:
            limit.cancel()
    if told and code:
        raise Interrupted(told[0])
    return code


@contextmanager
def given_up() -> Generator[None]:
    """While a person is asked: a signal raises `Interrupted` out of the block."""

    def give_up(number: int, _: FrameType | None) -> NoReturn:
        raise Interrupted(number)

    with _handling(give_up):
        yield


def _leave_later(number: int) -> threading.Timer:
    timer = threading.Timer(_PATIENCE_S, leave, (number,))
    timer.daemon = True
    timer.start()
    return timer


@contextmanager
def _handling(handler: Handler) -> Generator[None]:
    before = _set(handler)
    try:
        yield
    finally:
        for number, kept in before.items():
            signal.signal(number, kept)


def _set(handler: Handler) -> dict[signal.Signals, Any]:
    """Set a handler and return the ones before. What the caller ignores (nohup) stays so; other threads have none."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    heard = (number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN)
    return {number: signal.signal(number, handler) for number in heard}
