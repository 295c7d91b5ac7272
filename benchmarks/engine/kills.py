"""Workers that are killed while they are at work: what is lost, what is done twice, and how soon it goes on.

All runs are ordered at once; a worker of its own process does them and is killed at random moments, with `kill -9`, and
another is started. Then each stage must have been done at least once, and each run must have posted exactly one message
to a channel that takes whatever it is sent.
"""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

from aiohttp import web

from benchmarks.engine.shape import SCOPE, STAGES, order, place
from benchmarks.engine.sizes import Measured, Sizes
from benchmarks.engine.worker import stage_log
from benchmarks.memory.stores import progress, scratch
from udib.core.jobs import JobState

_STAGE_S: Final = 0.02
_AT_ONCE: Final = 16
_LIVED_S: Final = (0.3, 1.2)
"""How long a worker lives after its first stage."""
_PATIENCE_S: Final = 120.0

_Found = tuple[int, int, int, list[float]]
"""Stages lost, effects lost or doubled, stages repeated, and seconds from a start to the first stage."""


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    progress(f"{sizes.kills} kills of workers with {sizes.runs} runs each")
    rounds = [asyncio.run(_round(number, sizes)) for number in range(sizes.rounds)]
    lost, doubled, repeated, delays = (
        sum((each[at] for each in rounds), start=type(rounds[0][at])()) for at in range(4)
    )
    kills = sizes.rounds * sizes.kills
    about = f"{kills} kills, {sizes.rounds} times {sizes.runs} runs of {STAGES} stages"
    return [
        ("kill_lost_stages", float(lost), "", about),
        ("kill_lost_or_doubled_effects", float(doubled), "", about),
        ("kill_repeated_stages_each", repeated / kills, "", f"{_AT_ONCE} runs in work"),
        ("restart_to_first_stage_s", statistics.median(delays), "s",
         f"longest {max(delays):.2f} s, interpreter included"),
    ]  # fmt: skip


async def _round(number: int, sizes: Sizes) -> _Found:
    rng = Random(number)
    posted: list[str] = []
    with scratch() as folder:
        async with place(folder) as here:
            for run in range(sizes.runs):
                await here.engine.submit(order(f"run{run}"))
        async with _Channel(posted) as address:
            delays = [await _killed(folder, address, rng) for _ in range(sizes.kills)]
            delays.append(await _finished(folder, address))
        done = Counter(stage_log(folder)[1].read_text(encoding="utf-8").splitlines())
    posts = Counter(line.partition(" ")[0] for line in posted)
    lost = sizes.runs * STAGES - len(done)
    wrong = sum(posts[f"run{run}"] != 1 for run in range(sizes.runs))
    return lost, wrong, sum(done.values()) - len(done), delays


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


def _started(folder: Path, address: str) -> subprocess.Popen[bytes]:
    arguments = [str(folder), str(_STAGE_S), str(_AT_ONCE), address]
    return subprocess.Popen([sys.executable, "-m", "benchmarks.engine.worker", *arguments], start_new_session=True)


async def _first_stage(folder: Path) -> float:
    """Wait for a stage more than there are; returns how long that took."""
    log, path = stage_log(folder)
    os.close(log)
    size, began = path.stat().st_size, time.perf_counter()
    while path.stat().st_size == size and time.perf_counter() - began < _PATIENCE_S:
        await asyncio.sleep(0.002)
    return time.perf_counter() - began


async def _killed(folder: Path, address: str, rng: Random) -> float:
    worker = _started(folder, address)
    delay = await _first_stage(folder)
    await asyncio.sleep(rng.uniform(*_LIVED_S))
    worker.send_signal(signal.SIGKILL)
    await asyncio.to_thread(worker.wait)
    return delay


async def _finished(folder: Path, address: str) -> float:
    worker = _started(folder, address)
    delay = await _first_stage(folder)
    async with place(folder) as here:
        until = time.perf_counter() + _PATIENCE_S
        while await here.engine.jobs(SCOPE, states={JobState.WAITING, JobState.RUNNING}, limit=1):
            if time.perf_counter() > until:
                raise RuntimeError("the runs are not done")
            await asyncio.sleep(0.05)
    worker.terminate()
    await asyncio.to_thread(worker.wait)
    return delay
