"""Every http(s) address that yt-dlp can read, in child processes that can be killed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from udib.core.errors import Status, UnavailableError, error_for
from udib.core.types import Content, Health, Media
from udib.core.watches import FeedItem
from udib.net.guard import AddressGuard, check_address
from udib.sources.ytdlp_choice import format_for
from udib.sources.ytdlp_health import runtimes_found, ytdlp_age
from udib.sources.ytdlp_process import WorkerProcess
from udib.sources.ytdlp_protocol import Fetched, FetchOrder, Setup


@dataclass(frozen=True, slots=True)
class Limits:
    """What one download may use. `deadline_s` is wall time, `describe_s` the same for a look at an address.

    `memory_bytes` is enforced on Linux only.
    """

    max_bytes: int = 4096 * 10**6
    deadline_s: float = 3600.0
    describe_s: float = 120.0
    cpu_s: int = 600
    memory_bytes: int = 1536 * 2**20


class YtDlpSource:
    """Takes any http(s) address. Children are started when needed, stay warm, and end with `close`.

    Args:
        guard: Decides which addresses may be connected to.
        limits: What one download may use; None: the defaults.
        language: Wanted caption language, such as "en".
        processes: Most children, and so most downloads, at the same time.
    """

    def __init__(
        self,
        guard: AddressGuard,
        limits: Limits | None = None,
        *,
        language: str = "en",
        processes: int = 2,
    ) -> None:
        self._guard = guard
        self._language = language
        self._limits = limits or Limits()
        self._free = asyncio.Semaphore(processes)
        # The child that was used last is used first: it remembers the item that it described.
        self._idle: list[WorkerProcess] = []

    def accepts(self, address: str) -> bool:
        """Whether it is a web address; whether a site can be read shows when it is asked."""
        return address.lower().startswith(("http://", "https://"))

    async def describe(self, address: str) -> Content:
        """Ask the site what the address stands for.

        Raises:
            BadRequestError: No item is there, or it is a list of items.
            ForbiddenError: The site or the address guard refuses.
            UnavailableError: The site does not answer, or the item has not ended yet.
        """
        check_address(address)
        outcome = await self._ask(self._job(address), self._limits.describe_s)
        assert outcome.content is not None  # noqa: S101 - the protocol's promise
        return outcome.content

    async def fetch(self, content: Content, folder: Path, *, quality: str | None) -> Media:
        """One caption track if there is any, else the sound; with a quality the video too. Media is checked for sound.

        Raises:
            BadRequestError: As `describe`; also: a limit was reached, or the file is no media with sound.
            ForbiddenError: As `describe`.
            UnavailableError: As `describe`; also: the deadline passed.
        """
        check_address(content.address)
        format_for(quality)  # a wrong quality is told before anything is started
        job = self._job(content.address, folder=str(folder), quality=quality)
        outcome = await self._ask(job, self._limits.deadline_s)
        assert outcome.media is not None  # noqa: S101 - the protocol's promise
        return outcome.media

    async def listed(self, address: str, limit: int) -> tuple[str, tuple[FeedItem, ...]]:
        """The title of a channel or playlist, and its first items; of none of them the page is asked.

        Raises:
            BadRequestError: It is no list.
            ForbiddenError: As `describe`.
            UnavailableError: As `describe`.
        """
        check_address(address)
        outcome = await self._ask(replace(self._job(address), listed=limit), self._limits.describe_s)
        return outcome.title, outcome.items

    async def ping(self) -> Health:
        """How old yt-dlp is; nothing is started."""
        return await asyncio.to_thread(ytdlp_age)

    async def close(self) -> None:
        """End the idle children. Busy ones end with the calls that use them."""
        while self._idle:
            await self._idle.pop().kill()

    def _job(self, address: str, *, folder: str | None = None, quality: str | None = None) -> FetchOrder:
        limits = self._limits
        return FetchOrder(address, self._language, limits.max_bytes, limits.cpu_s, folder, quality)

    async def _ask(self, job: FetchOrder, deadline_s: float) -> Fetched:
        async with self._free, self._worker() as worker:
            try:
                async with asyncio.timeout(deadline_s):
                    outcome = await worker.ask(job)
            except TimeoutError as exc:
                raise UnavailableError(
                    f"The site took longer than {deadline_s:g} s; the download was stopped."
                ) from exc
            self._idle.append(worker)
        if outcome.status is not Status.OK:
            raise error_for(outcome.status, outcome.error)
        return outcome

    @asynccontextmanager
    async def _worker(self) -> AsyncGenerator[WorkerProcess]:
        """A child for one job, killed on failure and cancellation: unless it was put back among the idle ones."""
        worker = await self._take()
        try:
            yield worker
        finally:
            if worker not in self._idle:
                await worker.kill()

    async def _take(self) -> WorkerProcess:
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            await worker.kill()
        setup = Setup(tuple(sorted(self._guard.allowed)), self._limits.memory_bytes, runtimes_found())
        return await WorkerProcess.start(setup)
