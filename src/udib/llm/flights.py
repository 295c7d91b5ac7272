"""One call to a model that several callers wait for, each for the whole answer or for its pieces."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any

from udib.core.chat import Completion
from udib.core.clock import SharedClock
from udib.core.errors import UnavailableError


class Flight:
    """A call under way. It ends by itself: a caller that goes does not end it for the others, nor its cost.

    While the call waits for its turn, no deadline of those who wait for it runs.

    Args:
        fly: The call; it is given the flight, to tell its pieces as they come.
        ends_at: When the caller that began it gives up, by the loop's clock.
    """

    def __init__(self, fly: Callable[["Flight"], Coroutine[Any, Any, Completion]], ends_at: float) -> None:
        self.ends_at = ends_at
        self._pieces: list[str] = []
        self._news = asyncio.Event()
        self._clock = SharedClock()
        self._task = asyncio.get_running_loop().create_task(fly(self), context=self._clock.context())
        self._task.add_done_callback(self._landed)

    @property
    def has_landed(self) -> bool:
        """Whether the call is over."""
        return self._task.done()

    @property
    def told(self) -> bool:
        """Whether any piece has come."""
        return bool(self._pieces)

    def tell(self, piece: str) -> None:
        """Hand a piece to all who wait for pieces."""
        self._pieces.append(piece)
        self._wake()

    async def answer(self, ends_at: float) -> Completion:
        """The whole answer, or the error of the call.

        Raises:
            UnavailableError: It did not come in time, or the app closes.
        """
        if not self._task.done():
            with _in_time():
                async with asyncio.timeout_at(_finite(ends_at)) as limit:
                    with self._clock.waited_for(limit):
                        await asyncio.wait([self._task])
        if self._task.cancelled():
            raise UnavailableError("The question was given up because udib is closing; ask again.")
        return self._task.result()

    async def pieces(self, ends_at: float) -> AsyncIterator[str]:
        """All pieces from the first, as they come; ends with the call, whether it fails or not.

        Raises:
            UnavailableError: The next one did not come in time.
        """
        position, stood_before_s = 0, self._clock.stood_s
        while True:
            while position < len(self._pieces):
                yield self._pieces[position]
                position += 1
            if self._task.done():
                return
            with _in_time():
                async with asyncio.timeout_at(_finite(ends_at + self._clock.stood_s - stood_before_s)) as limit:
                    with self._clock.waited_for(limit):
                        await self._news.wait()

    async def abort(self) -> None:
        """End the call now."""
        self._task.cancel()
        await asyncio.wait([self._task])

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _landed(self, task: "asyncio.Future[Completion]") -> None:
        self._wake()
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains when all who waited have gone


@contextmanager
def _in_time() -> Generator[None]:
    try:
        yield
    except TimeoutError as exc:
        raise UnavailableError("The model did not answer within the time for this call; try again.") from exc


def _finite(ends_at: float) -> float | None:
    return None if ends_at == float("inf") else ends_at
