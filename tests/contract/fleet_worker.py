"""A worker of a fleet for the tests: `python fleet_worker.py URL SCHEMA LOG`.

Its jobs have nine stages, in levels as the pipeline's, whose tasks begin in another order each time. What it does it
appends to LOG, a line `JOB STAGE began|kept WORKER` each; a kill takes nothing from that.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from udib.core.errors import Status, UdibError
from udib.core.jobs import Job, Order, Outcome, RunKey
from udib.core.ports import ProgressSink
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.pipeline.dbos import DbosEngine
from udib.pipeline.dbos_queue import DbosQueue
from udib.pipeline.dbos_worker import LEASE_S, worker_name
from udib.pipeline.engine import Load
from udib.pipeline.journal import Journal, Watched
from udib.pipeline.step import Run, Stage
from udib.storage.artifacts import DirectoryArtifactStore
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_jobs import PostgresJobStore
from udib.storage.postgres_locks import PostgresLocks
from udib.storage.postgres_steps import PostgresStepStore

SCOPE = Scope.of("acme", "main")
LEVELS = (
    ("download",),
    ("transcribe", "metadata"),
    ("debate", "facts", "fallacies", "outline"),
    ("store",),
    ("notice",),
)
STAGES = [stage for level in LEVELS for stage in level]


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a process of the fleet has."""

    engine: DbosEngine
    journal: Journal
    worker: str


def order(name: str, seconds: float, attempts: int = 1) -> Order:
    return Order(SCOPE, "stages", {"name": name, "seconds": str(seconds)}, attempts=attempts)


@asynccontextmanager
async def fleet(url: str, schema: str, folder: Path) -> AsyncIterator[Fleet]:
    database = PostgresDatabase(url, schema)
    worker = worker_name()
    engine = DbosEngine(PostgresJobStore(database), lambda: DbosQueue(database, worker, lease_s=LEASE_S), worker)
    artifacts = DirectoryArtifactStore(folder / "artifacts")
    journal = Journal(PostgresStepStore(database), PostgresLocks(database, worker), artifacts)
    try:
        yield Fleet(engine, journal, worker)
    finally:
        await engine.close()
        await database.close()


async def _work(mine: Fleet, log: Path, job: Job, tell: ProgressSink) -> Outcome:
    name, seconds = str(job.order.payload["name"]), float(str(job.order.payload["seconds"]))

    def note(stage: str, what: str) -> None:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{name} {stage} {what} {os.getpid()}\n".encode())
        os.close(descriptor)

    async def do(stage: str) -> str:
        note(stage, "began")
        await asyncio.sleep(seconds)
        return stage

    async def step(run: Run, stage: str) -> None:
        (await run.step(Stage(stage, do, str, 60.0), stage)).unwrap()
        note(stage, "kept")

    async def first() -> int:
        return 1

    key = RunKey(SCOPE, ContentId(f"web:{name}"), "[]")
    try:
        async with mine.journal.run(key, next_revision=first, watched=Watched(tell, 0.0)) as run:
            for level in LEVELS:
                async with asyncio.TaskGroup() as group:
                    for stage in Random().sample(level, len(level)):
                        group.create_task(step(run, stage))
    except UdibError as exc:
        return Outcome(exc.status, str(exc))
    except BaseExceptionGroup as several:  # of a level's tasks
        lost, _ = several.split(UdibError)
        if lost is None:
            raise
        return Outcome(Status.RETRYABLE, str(lost.exceptions[0]))
    return Outcome(Status.OK, None, key.content_id)


async def main(url: str, schema: str, log: Path) -> None:
    async with fleet(url, schema, log.parent) as mine:
        await mine.engine.serve({"stages": partial(_work, mine, log)}, Load(16, 16))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
