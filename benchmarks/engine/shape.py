"""A run of the pipeline's shape, nine stages in five levels, whose stages only wait: with a journal, and bare."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from udib.core.errors import Status
from udib.core.jobs import Job, Order, Outcome, RunKey
from udib.core.ports import ProgressSink
from udib.core.result import StepResult
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.pipeline.engine import Work
from udib.pipeline.journal import Journal, Watched
from udib.pipeline.local import LocalEngine
from udib.pipeline.step import Stage
from udib.storage.artifacts import DirectoryArtifactStore
from udib.storage.database import Database
from udib.storage.jobs import SqliteJobStore
from udib.storage.locks import FileLocks
from udib.storage.steps import JOURNAL_SCHEMA, SqliteStepStore

SCOPE: Final = Scope.of("bench", "main")
LEVELS: Final = (
    ("download",),
    ("transcribe", "metadata"),
    ("debate", "fact-check", "fallacies", "outline"),
    ("aggregate",),
    ("store",),
)
STAGES: Final = sum(map(len, LEVELS))

Step = Callable[[str, str], Awaitable[object]]
Did = Callable[[str, str], object]


@dataclass(frozen=True, slots=True)
class Shape:
    """How long each stage takes, and who is told that one was done."""

    stage_s: float
    did: Did = lambda *_: None

    @property
    def path_s(self) -> float:
        """The critical path: nothing that runs these stages in their order can be quicker."""
        return self.stage_s * len(LEVELS)

    async def work(self, run: str, stage: str) -> dict[str, str]:
        """One stage; its result is as long as that of a small analysis."""
        await asyncio.sleep(self.stage_s)
        self.did(run, stage)
        return {"stage": stage, "text": "x" * 2_000}

    async def bare(self, run: str) -> None:
        """All stages, with nothing kept."""
        await self._levels(run, self.work)

    def journalled(self, journal: Journal) -> Work:
        """All stages, in the journal."""

        async def work(job: Job, tell: ProgressSink) -> Outcome:
            name = str(job.order.payload["name"])
            await self.kept(journal, name, tell)
            return Outcome(Status.OK, content_id=ContentId(f"web:{name}"))

        return work

    async def kept(
        self, journal: Journal, name: str, tell: ProgressSink = lambda _: None, *, scope: Scope = SCOPE
    ) -> None:
        """All stages of one run, in the journal."""
        key = RunKey(scope, ContentId(f"web:{name}"), "")
        watched = Watched(tell, time.perf_counter())
        async with journal.run(key, next_revision=_first, watched=watched) as run:

            async def step(name: str, stage: str) -> StepResult[dict[str, str]]:
                result = await run.step(Stage(stage, self.work, dict[str, str], 60.0, small=True), name, stage)
                result.unwrap()
                return result

            await self._levels(name, step)

    async def _levels(self, run: str, step: Step) -> None:
        for level in LEVELS:
            async with asyncio.TaskGroup() as group:
                for stage in level:
                    group.create_task(_awaited(step(run, stage)))


@dataclass(frozen=True, slots=True)
class Place:
    """A data directory, open."""

    journal: Journal
    engine: LocalEngine
    database: Database


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """The engine of one machine on a directory, as the product has it."""
    database = Database(folder / "journal.db", JOURNAL_SCHEMA)
    journal = Journal(
        SqliteStepStore(database), FileLocks(folder / "locks"), DirectoryArtifactStore(folder / "artifacts")
    )
    engine = LocalEngine(SqliteJobStore(database), folder / "locks")
    try:
        yield Place(journal, engine, database)
    finally:
        await engine.close()
        await database.close()


def order(name: str) -> Order:
    """The order of a run of that name."""
    return Order(SCOPE, "bench", {"name": name})


async def _first() -> int:
    return 1


async def _awaited(work: Awaitable[object]) -> None:
    await work
