"""Workers that are killed while they are at work: what is lost, what is done twice, and how soon it goes on.

All runs are ordered at once; a worker of its own process does them and is killed at random moments, with `kill -9`, and
another is started. Then each stage must have been done at least once, and each run must have posted exactly one message
to a channel that takes whatever it is sent. First with the engine of one machine, then with that of a fleet.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from aiohttp import web

from benchmarks.engine.fleet import new_schema
from benchmarks.engine.shape import SCOPE, STAGES, order
from benchmarks.engine.sizes import Measured, Sizes
from benchmarks.engine.worker import opened, stage_log
from benchmarks.memory.stores import progress, scratch
from udib.core.jobs import JobState
from udib.testing import postgres_process

_STAGE_S: Final = 0.05
_AT_ONCE: Final = 8
_LIVED_S: Final = (0.1, 0.8)
"""How long a worker lives after its first stage."""
_PATIENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class _Found:
    """Of one round: stages lost, effects lost or doubled, stages repeated, seconds from a start to the first stage."""

    lost: int
    wrong: int
    repeated: int
    delays: list[float]


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    progress(f"{sizes.kills} kills of workers with {sizes.runs} runs each, {sizes.rounds} times")
    rounds = [asyncio.run(_round(number, sizes, "")) for number in range(sizes.rounds)]
    delays = [delay for found in rounds for delay in found.delays]
    figures = [
        *_found("kill", rounds, sizes),
        ("restart_to_first_stage_s", statistics.median(delays), "s",
         f"longest {max(delays):.2f} s, interpreter included"),
    ]  # fmt: skip
    if not postgres_process.is_installed():
        print("PostgreSQL is not installed: the fleet's kills were skipped, and their targets count as short")
        return figures
    progress("the same with a fleet on PostgreSQL")
    with postgres_process.running(fsync="on") as server:
        places = [f"{server.url} {new_schema()}" for _ in range(sizes.rounds)]
        rounds = [asyncio.run(_round(number, sizes, fleet)) for number, fleet in enumerate(places)]
    return [*figures, *_found("fleet_kill", rounds, sizes)]


def _found(name: str, rounds: Sequence[_Found], sizes: Sizes) -> Measured:
    kills = sizes.rounds * sizes.kills
    about = f"{kills} kills, {sizes.rounds} times {sizes.runs} runs of {STAGES} stages"
    return [
        (f"{name}_lost_stages", float(sum(found.lost for found in rounds)), "", about),
        (f"{name}_lost_or_doubled_effects", float(sum(found.wrong for found in rounds)), "", about),
        (f"{name}_repeated_stages_each", sum(each.repeated for each in rounds) / kills, "", f"{_AT_ONCE} runs in work"),
    ]


async def _round(number: int, sizes: Sizes, fleet: str) -> _Found:
    rng = Random(number)
    posted: list[str] = []
    with scratch() as folder:
        async with opened(folder, fleet) as (engine, _):
            for run in range(sizes.runs):
                await engine.submit(order(f"run{run}"))
        async with _Channel(posted) as address:
            arguments = [str(folder), str(_STAGE_S), str(_AT_ONCE), address, *([fleet] if fleet else [])]
            delays = [await _killed(folder, arguments, rng) for _ in range(sizes.kills)]
            delays.append(await _finished(folder, arguments, fleet))
        done = Counter(stage_log(folder).read_text(encoding="utf-8").splitlines())
    posts = Counter(line.partition(" ")[0] for line in posted)
    lost = sizes.runs * STAGES - len(done)
    wrong = sum(posts[f"run{run}"] != 1 for run in range(sizes.runs))
    return _Found(lost, wrong, sum(done.values()) - len(done), delays)


class _Channel:
    """A server that keeps what it is sent."""

    def __init__(self, posted: list[str]) -> None:
        app = web.Application()
        app.router.add_post("/", self._post)
        app.router.add_get("/", self._history)
        self._runner = web.AppRunner(app)
        self._posted = posted

    async def __aenter__(self) -> str:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _post(self, request: web.Request) -> web.Response:
        self._posted.append(await request.text())
        await asyncio.sleep(0.002)  # so that a kill can come between the post and its answer
        return web.Response(text=str(len(self._posted)))

    async def _history(self, _: web.Request) -> web.Response:
        return web.Response(text="".join(f"{each}\n" for each in self._posted))


async def _first_stage(folder: Path) -> float:
    """Wait for a stage more than there are; returns how long that took."""
    path = stage_log(folder)
    size, began = path.stat().st_size, time.perf_counter()
    while path.stat().st_size == size and time.perf_counter() - began < _PATIENCE_S:
        await asyncio.sleep(0.002)
    return time.perf_counter() - began


@asynccontextmanager
async def _worker(folder: Path, arguments: list[str]) -> AsyncIterator[float]:
    """A worker that does its first stage after so many seconds, and is killed at the end of the block."""
    worker = subprocess.Popen([sys.executable, "-m", "benchmarks.engine.worker", *arguments])
    try:
        yield await _first_stage(folder)
    finally:
        worker.kill()
        await asyncio.to_thread(worker.wait)


async def _killed(folder: Path, arguments: list[str], rng: Random) -> float:
    async with _worker(folder, arguments) as delay:
        await asyncio.sleep(rng.uniform(*_LIVED_S))
    return delay


async def _finished(folder: Path, arguments: list[str], fleet: str) -> float:
    async with _worker(folder, arguments) as delay, opened(folder, fleet) as (engine, _):
        until = time.perf_counter() + _PATIENCE_S
        while await engine.jobs(SCOPE, states={JobState.WAITING, JobState.RUNNING}, limit=1):
            if time.perf_counter() > until:
                raise RuntimeError("the runs are not done")
            await asyncio.sleep(0.05)
    return delay
