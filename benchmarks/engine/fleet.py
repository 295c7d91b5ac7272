"""What the fleet's engine adds: DBOS on PostgreSQL, with the journal's steps and locks there, beside bare TaskGroups.

A job is a run of `Shape`. It counts from its begin to its end; what it waited for in the queue is a figure of its own.
`python -m benchmarks.engine.fleet ADDRESS SCHEMA FOLDER` is a worker.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final
from uuid import uuid4

from benchmarks.engine.shape import Shape
from benchmarks.engine.sizes import Measured, Sizes
from benchmarks.memory.stores import progress, scratch
from udib.core.errors import Status
from udib.core.jobs import Job, JobState, Order, Outcome
from udib.core.ports import ProgressSink
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.pipeline.dbos import DbosEngine
from udib.pipeline.dbos_queue import DbosQueue
from udib.pipeline.dbos_worker import LEASE_S, worker_name
from udib.pipeline.engine import Load
from udib.pipeline.journal import Journal
from udib.storage.artifacts import DirectoryArtifactStore
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_jobs import PostgresJobStore
from udib.storage.postgres_locks import PostgresLocks
from udib.storage.postgres_steps import PostgresStepStore
from udib.testing import postgres_process

_SCOPE: Final = Scope.of("benchmark", "fleet")
_RIVAL: Final = Scope.of("rival", "fleet")
_HOLDS: Final = 8
"""Jobs that a worker has in work at least when it is killed: one that is idle recovers too easily."""
_LOOK_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Machine:
    """A process of the fleet, and when each of its runs began and ended."""

    engine: DbosEngine
    journal: Journal
    runs: list[tuple[float, float]] = field(default_factory=list)

    async def work(self, job: Job, tell: ProgressSink) -> Outcome:
        """Do the stages that a job names by their duration."""
        began = time.perf_counter()
        seconds = float(str(job.order.payload["seconds"]))
        await Shape(seconds).kept(self.journal, job.id, tell, scope=job.order.scope)
        self.runs.append((began, time.perf_counter()))
        return Outcome(Status.OK, content_id=ContentId(f"web:{job.id}"))


def measure(sizes: Sizes) -> Measured:
    """All figures of this part; none without PostgreSQL."""
    if not postgres_process.is_installed():
        print("PostgreSQL is not installed: the fleet was skipped, and its targets count as short")
        return []
    progress(f"fleet: {sizes.together} of 1 s stages, {sizes.idle} without work, a backlog of {sizes.backlog}")
    # Durable as in production, unlike in tests.
    with postgres_process.running(fsync="on") as server, scratch() as folder:
        return asyncio.run(_all(server.url, folder, sizes))


async def _all(url: str, folder: Path, sizes: Sizes) -> Measured:
    figures = await _overhead(url, folder, sizes.together)
    figures += await _throughput(url, folder, sizes.idle)
    figures += await _fairness(url, folder, sizes.backlog)
    return figures + await _death(url, folder, sizes.together)


async def _overhead(url: str, folder: Path, count: int) -> Measured:
    bare = await _bare(count, 1.0)
    async with machine_at(url, new_schema(), folder) as machine, _serving(machine, Load(count, count)):
        await asyncio.sleep(3.0)  # until it looks for work
        for number in range(count):
            await machine.engine.submit(_order(number, 1.0))
        await _until(lambda: len(machine.runs) == count)
        jobs = await machine.engine.jobs(_SCOPE, limit=count)
    ratio = median(ended - began for began, ended in machine.runs) / bare
    waited = median(job.started_at - job.submitted_at for job in jobs if job.started_at is not None)
    return [
        ("fleet_1s_stages_over_bare", ratio, "ratio", f"bare TaskGroup, {count} at once: {bare:.2f} s"),
        ("fleet_begun_after_s", waited, "s", f"from the order to its begin, {count} at once"),
    ]


async def _throughput(url: str, folder: Path, count: int) -> Measured:
    async with machine_at(url, new_schema(), folder) as machine:
        for number in range(count):
            await machine.engine.submit(_order(number, 0.0))
        async with _serving(machine, Load(32, 32)):
            await _until(lambda: len(machine.runs) == count)
    took_s = max(ended for _, ended in machine.runs) - min(began for began, _ in machine.runs)
    return [("fleet_0ms_stages_runs_per_s", count / took_s, "runs/s", f"{count} waiting, 32 at once, one process")]


async def _fairness(url: str, folder: Path, count: int) -> Measured:
    async with machine_at(url, new_schema(), folder) as machine:
        for number in range(count):
            await machine.engine.submit(_order(number, 0.1))
        async with _serving(machine, Load(4, 3)):
            await _until(lambda: bool(machine.runs))
            order = Order(_RIVAL, "stages", {"name": "single", "seconds": "0.1"})
            job = await machine.engine.submit(order)
            while job.started_at is None:
                await asyncio.sleep(_LOOK_S)
                job = await machine.engine.find(_RIVAL, job.id)
    waited = job.started_at - job.submitted_at
    return [("fleet_single_begun_after_s", waited, "s", f"behind another tenant's backlog of {count}")]


async def _death(url: str, folder: Path, count: int) -> Measured:
    schema = new_schema()
    async with machine_at(url, schema, folder) as machine:
        with _workers(url, schema, folder, 2) as processes:
            for number in range(count):
                await machine.engine.submit(_order(number, 0.2))
            victim, held = await _victim(machine, processes)
            victim.kill()
            killed = time.perf_counter()
            left = set(held)
            while left:
                await asyncio.sleep(_LOOK_S)
                jobs = await machine.engine.jobs(_SCOPE, limit=count)
                left = {job.id for job in jobs if job.id in held and job.worker == held[job.id]}
            handed_back = time.perf_counter() - killed
            while not all(job.state.ended for job in jobs):
                await asyncio.sleep(_LOOK_S)
                jobs = await machine.engine.jobs(_SCOPE, limit=count)
            done = time.perf_counter() - killed
    note = f"a worker killed that had {len(held)} of {count} runs of 1 s, lease {LEASE_S:g} s"
    return [
        ("fleet_dead_worker_to_hand_back_s", handed_back, "s", note),
        ("fleet_dead_worker_to_done_s", done, "s", note),
    ]


async def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        await asyncio.sleep(_LOOK_S)


async def _victim(
    machine: Machine, processes: list[subprocess.Popen[bytes]]
) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    """A worker that has enough in work, and what that is."""
    while True:
        running = await machine.engine.jobs(_SCOPE, states={JobState.RUNNING}, limit=1000)
        for process in processes:
            held = {job.id: job.worker for job in running if job.worker and f"-{process.pid}-" in job.worker}
            if len(held) >= _HOLDS:
                return process, held
        await asyncio.sleep(_LOOK_S)


@asynccontextmanager
async def _serving(machine: Machine, load: Load) -> AsyncGenerator[None]:
    server = asyncio.create_task(machine.engine.serve({"stages": machine.work}, load))
    try:
        yield
    finally:
        server.cancel()
        with suppress(asyncio.CancelledError):
            await server


async def _bare(count: int, seconds: float) -> float:
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(Shape(seconds).bare(str(number)))
    return time.perf_counter() - began


def _order(number: int, seconds: float) -> Order:
    return Order(_SCOPE, "stages", {"name": str(number), "seconds": str(seconds)})


def new_schema() -> str:
    """A schema that nobody uses."""
    return f"fleet_{uuid4().hex}"


@asynccontextmanager
async def machine_at(url: str, schema: str, folder: Path) -> AsyncGenerator[Machine]:
    """A process of the fleet whose queue lies in that schema of a server."""
    database = PostgresDatabase(url, schema)
    worker = worker_name()
    engine = DbosEngine(PostgresJobStore(database), lambda: DbosQueue(database, worker, lease_s=LEASE_S), worker)
    artifacts = DirectoryArtifactStore(folder / "artifacts")
    try:
        yield Machine(engine, Journal(PostgresStepStore(database), PostgresLocks(database, worker), artifacts))
    finally:
        await engine.close()
        await database.close()


@contextmanager
def _workers(url: str, schema: str, folder: Path, count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, "-m", "benchmarks.engine.fleet", url, schema, str(folder)]
    running = [subprocess.Popen(command, env=os.environ) for _ in range(count)]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()


async def _serve(url: str, schema: str, folder: Path) -> None:
    async with machine_at(url, schema, folder) as machine:
        await machine.engine.serve({"stages": machine.work}, Load(16, 16))


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
