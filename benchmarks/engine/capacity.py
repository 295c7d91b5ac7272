"""What an item costs, and whether the simulation of a fleet foretells what two real workers do.

An item's cost is the CPU time of everything that works for it: the worker, its recognisers, the store process and the
PostgreSQL server, all of which are children of this process. Each `udib worker` has one core to itself, so that the
fleet is one of two machines with one core; the server shares these. Recognition is limited for each machine, and both
workers are on this one: so they may hear as many recordings as two machines may.
"""

import asyncio
import ctypes
import os
import resource
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.engine.items import clips, hour_of_captions, short_captions
from benchmarks.engine.sizes import Measured, Sizes
from benchmarks.memory.stores import progress, scratch
from udib.app.bootstrap import App, open_app
from udib.app.settings import load_settings
from udib.core.jobs import Job, JobState
from udib.core.types import RecordKind
from udib.pipeline.flows import analyze_order
from udib.testing import postgres_process

_SIMULATION: Final = Path(__file__).parents[2] / "scripts" / "simulate_fleet.py"
_JOBS: Final = 2
"""Jobs of a worker at the same time, of which each recognises with one process."""
_CLIP_S: Final = 60
_PATIENCE_S: Final = 900.0
_SET_CHILD_SUBREAPER: Final = 36  # of prctl: processes that their parents leave are ours
_SETTINGS: Final = """
engine: {{kind: dbos, jobs: {jobs}, of_one_tenant: {jobs}, limits: {{recognition: {recognitions}}}}}
storage: {{catalogue: postgres, postgres_url: "{url}"}}
transcripts: {{processes: 1}}
memory: {{linger_s: 1}}
"""
_WORKER: Final = (
    "import os, runpy, sys; os.sched_setaffinity(0, {int(sys.argv.pop(1))});"
    " runpy.run_module('udib.app.start', run_name='__main__', alter_sys=True)"
)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What lies on the PostgreSQL server and in the memory."""

    postgres_bytes: float
    points: float


@dataclass(frozen=True, slots=True)
class _Day:
    """What a fleet did: the CPU time of all of its processes, its jobs, and by what the server and the memory grew."""

    cpu_s: float
    jobs: Sequence[Job]
    grown: "_Stored"

    @property
    def took_s(self) -> float:
        """From the first order to the last end."""
        return max(job.ended_at or 0.0 for job in self.jobs) - min(job.submitted_at for job in self.jobs)

    @property
    def latency_s(self) -> float:
        """From an order to its report, on average."""
        return sum((job.ended_at or 0.0) - job.submitted_at for job in self.jobs) / len(self.jobs)


def measure(sizes: Sizes) -> Measured:
    """All figures of this part; none without PostgreSQL."""
    if not postgres_process.is_installed():
        print("PostgreSQL is not installed: the capacity was skipped, and its targets count as short")
        return []
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1)
    progress(
        f"capacity: what {sizes.captioned} hours of captions and {sizes.clips} clips cost, then both by two workers"
    )
    with scratch() as folder:
        hours = [hour_of_captions(folder, number) for number in range(sizes.captioned + 1)]
        spoken = clips(folder, sizes.clips, _CLIP_S)
        first = _fleet(folder / "first", hours[:1], 1)
        read = _fleet(folder / "read", hours, 1)
        heard = _fleet(folder / "heard", [*hours[:1], *spoken], 1)
        # The long ones are spread over the queue, as they come in life.
        mixed = sorted([*hours[1:], *spoken], key=lambda path: path.name.split()[1])
        both = _fleet(folder / "both", mixed, 2)
    captions = (read.cpu_s - first.cpu_s) / sizes.captioned
    speech = (heard.cpu_s - first.cpu_s) / sizes.clips / _CLIP_S * 3600
    foretold = _foretold(mixed, captions, speech)
    about = f"{len(mixed)} items, 2 workers: foretold {foretold.finished_s:.1f} s, took {both.took_s:.1f} s"
    about += f", {both.cpu_s:.0f} core-s with start-up"
    waiting = f"foretold {sum(foretold.latencies) / len(mixed):.1f} s on average, was {both.latency_s:.1f} s"
    return [
        ("item_captions_core_s", captions, "s", "an hour of captions, all processes"),
        ("item_speech_core_s_per_hour", speech, "s", f"clips of {_CLIP_S} s, pocketsphinx, analysis included"),
        ("item_postgres_kib", read.grown.postgres_bytes / len(hours) / 1024, "KiB", "an hour of captions: all tables"),
        ("item_points", read.grown.points / len(hours), "", "an hour of captions: records in the memory"),
        ("simulation_error_percent", _error(foretold.finished_s, both.took_s), "%", about),
        (
            "simulation_latency_error_percent",
            _error(sum(foretold.latencies) / len(mixed), both.latency_s),
            "%",
            waiting,
        ),
    ]


def _error(foretold: float, was: float) -> float:
    return 100 * abs(foretold - was) / was


def _foretold(items: Sequence[Path], captions: float, speech: float) -> Any:  # noqa: ANN401 - of a script
    script = runpy.run_path(str(_SIMULATION))
    kind, demand = script["Kind"], script["Demand"]
    read = kind("captions", (demand("core", captions),), "measured")
    heard = kind("clip", (demand("recogniser", speech * _CLIP_S / 3600),), "measured")
    fleet = script["Fleet"](workers=2, cores=1, jobs=_JOBS, recognisers=_JOBS)
    return script["simulate"](fleet, [(0.0, read if path.suffix == ".vtt" else heard) for path in items])


def _fleet(folder: Path, items: Sequence[Path], workers: int) -> _Day:
    """Have items done by so many workers on a fresh server."""
    (folder / "config").mkdir(parents=True)
    before, others = resource.getrusage(resource.RUSAGE_CHILDREN), _children()
    with postgres_process.running(fsync="on") as server:
        settings = _SETTINGS.format(jobs=_JOBS, recognitions=2 * _JOBS, url=server.url)
        (folder / "config" / "settings.yaml").write_text(settings, encoding="utf-8")
        with _workers(folder, workers):
            jobs, grown = asyncio.run(_ordered(folder, items, workers, server.url))
    _reap(others)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return _Day(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, jobs, grown)


@contextmanager
def _workers(folder: Path, count: int) -> Iterator[None]:
    cores = sorted(os.sched_getaffinity(0))
    place = ["worker", "--data-dir", str(folder / "data"), "--config", str(folder / "config"), "--quiet"]
    with (folder / "workers.log").open("w", encoding="utf-8") as log:
        running = [
            subprocess.Popen([sys.executable, "-c", _WORKER, str(cores[number % len(cores)]), *place], stderr=log)
            for number in range(count)
        ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(60)


async def _ordered(folder: Path, items: Sequence[Path], workers: int, url: str) -> tuple[list[Job], _Stored]:
    """Order all items at once when the workers are there, and wait for the last."""
    settings = load_settings(str(folder / "config"), data_dir=folder / "data")
    async with open_app(settings) as app, asyncio.timeout(_PATIENCE_S):
        while f"{workers} workers alive" not in (await app.jobs.ping()).detail or not await _is_quiet(app):
            await asyncio.sleep(0.2)
        # A worker loads its models with its first items, which is no cost of an item.
        await _all_done(app, [short_captions(folder, number) for number in range(workers * _JOBS)])
        before = await _stored(app, url)
        jobs = await _all_done(app, items)
        after = await _stored(app, url)
    failed = [job for job in jobs if job.state is not JobState.DONE]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(jobs)} items failed: {failed[0].outcome}")
    return jobs, _Stored(after.postgres_bytes - before.postgres_bytes, after.points - before.points)


async def _stored(app: App, url: str) -> _Stored:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        found = await (await connection.execute("SELECT pg_database_size(current_database())")).fetchone()
    points = [await app.memory.count(app.scope, kind) for kind in RecordKind]
    return _Stored(float(found[0]) if found else 0.0, float(sum(points)))


async def _all_done(app: App, items: Sequence[Path]) -> list[Job]:
    wanted = {(await app.jobs.submit(analyze_order(app.scope, str(path)))).id for path in items}
    while True:
        jobs = [job for job in await app.jobs.jobs(app.scope, limit=2 * len(items) + 20) if job.id in wanted]
        if all(job.state.ended for job in jobs):
            return jobs
        await asyncio.sleep(0.2)


async def _is_quiet(app: App) -> bool:
    """Whether nothing is in work: a worker sweeps when it begins."""
    jobs = await app.jobs.jobs(app.scope, limit=10)
    return bool(jobs) and all(job.state.ended for job in jobs)


def _children() -> set[int]:
    return {int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}


def _reap(others: set[int]) -> None:
    """Wait for what the processes left behind, such as the store process, which stays a moment; not for `others`."""
    deadline = time.monotonic() + 60
    while ours := _children() - others:
        for pid in ours:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            raise RuntimeError(f"Processes of the fleet do not end: {sorted(ours)}.")
        time.sleep(0.1)
