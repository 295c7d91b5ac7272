"""Items whose stages only wait, or burn a processor, and the two patterns of the plan for them, which keep nothing.

The plan's eight stages and its seconds: download 0.20, transcribe 0.30, metadata 0.05, debate 0.10, fact-check 0.15,
fallacies 0.08, store 0.06, notice 0.04. "Sequential" is one after another; its "TaskGroup draft" runs download,
{transcribe, metadata}, {debate, fact-check, fallacies}, {store, notice}: the notice goes out beside the storage, also
for what is not stored.
"""

import asyncio
import time
from collections.abc import Awaitable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol

WINDOWS: Final = 10
"""Windows of an item."""


class Resource(Protocol):
    """What a piece of work needs: `width` of it can be used at once. `use` has the begin and end of each use."""

    width: int
    use: list[tuple[float, float]]

    async def do(self, seconds: float) -> None:
        """Work for that long."""
        ...

    def path_s(self, works: list[float]) -> float:
        """The least time in which several works can be done that may be done at once."""
        ...


@dataclass
class Waiting:
    """A network that takes any number of calls."""

    width: int = 1
    use: list[tuple[float, float]] = field(default_factory=list)

    async def do(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def path_s(self, works: list[float]) -> float:
        """That of the longest."""
        return max(works)


@dataclass
class OneAtATime:
    """A provider, or a recogniser, that takes one call at a time."""

    width: int = 1
    use: list[tuple[float, float]] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def do(self, seconds: float) -> None:
        """Wait for one's turn, and then for the answer."""
        async with self._turn:
            began = time.perf_counter()
            await asyncio.sleep(seconds)
            self.use.append((began, time.perf_counter()))

    def path_s(self, works: list[float]) -> float:
        """All of them, one after another."""
        return sum(works)


@dataclass
class Cores:
    """Processors, each with a process that computes and does not wait."""

    pool: ProcessPoolExecutor
    width: int
    use: list[tuple[float, float]] = field(default_factory=list)

    async def do(self, seconds: float) -> None:
        """Compute, in one of the processes."""
        self.use.append(await asyncio.get_running_loop().run_in_executor(self.pool, burn, seconds))

    def path_s(self, works: list[float]) -> float:
        """Each on the processor that is free first, the longest first."""
        free = [0.0] * self.width
        for work in sorted(works, reverse=True):
            free[free.index(min(free))] += work
        return max(free)


def burn(seconds: float) -> tuple[float, float]:
    """Compute for that many seconds of this process's own time; returns when it began and ended."""
    began, until = time.perf_counter(), time.process_time() + seconds
    while time.process_time() < until:
        sum(range(500))
    return began, time.perf_counter()


@dataclass(frozen=True)
class Case:
    """How long each stage takes, and what transcription and the analyses need for it."""

    name: str
    recogniser: Resource
    analyst: Resource
    download: float = 0.20
    transcribe: float = 0.30
    metadata: float = 0.05
    debate: float = 0.10
    fact_check: float = 0.15
    fallacies: float = 0.08
    store: float = 0.06
    notice: float = 0.04

    @property
    def analyses(self) -> list[float]:
        """The seconds of the three analyses."""
        return [self.debate, self.fact_check, self.fallacies]

    @property
    def scarce(self) -> Resource | None:
        """What many items at once wait for."""
        return next((each for each in (self.recogniser, self.analyst) if not isinstance(each, Waiting)), None)

    def levels_path_s(self, analyses: list[float]) -> float:
        """The critical path level by level: nothing that runs these stages in that order can be quicker."""
        heard = max(self.transcribe, self.metadata)
        return self.download + heard + self.analyst.path_s(analyses) + self.store + self.notice

    @property
    def windows_path_s(self) -> float:
        """The critical path if each analysis can do a window's share of its work once the window is there."""
        analyses = self.analyst.path_s(self.analyses)
        heard = max(self.transcribe + analyses / WINDOWS, self.transcribe / WINDOWS + analyses)
        return self.download + max(heard, self.metadata) + self.store + self.notice

    async def sequential(self) -> None:
        """One stage after another."""
        await asyncio.sleep(self.download)
        await self.recogniser.do(self.transcribe)
        await asyncio.sleep(self.metadata)
        for analysis in self.analyses:
            await self.analyst.do(analysis)
        await asyncio.sleep(self.store)
        await asyncio.sleep(self.notice)

    async def draft(self) -> None:
        """The plan's TaskGroups."""
        await asyncio.sleep(self.download)
        await _together(self.recogniser.do(self.transcribe), asyncio.sleep(self.metadata))
        await _together(*map(self.analyst.do, self.analyses))
        await _together(asyncio.sleep(self.store), asyncio.sleep(self.notice))


async def _together(*works: Awaitable[None]) -> None:
    async def one(work: Awaitable[None]) -> None:
        await work

    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(one(work))
