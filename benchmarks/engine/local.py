"""What the engine of one machine adds: to the critical path of runs, to memory and to the disk.

Every run is nine stages in five levels that only wait. Beside each figure stands what the same stages take bare.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from benchmarks.engine.shape import SCOPE, Place, Shape, order, place
from benchmarks.engine.sizes import Measured, Sizes
from benchmarks.memory.stores import progress, scratch
from udib.app.jobs_commands import keep_loaded
from udib.core.jobs import JobState
from udib.pipeline.engine import Load

_TOGETHER: Final = 32
_CROWD: Final = 256
_ALONE: Final = 5


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    keep_loaded()  # as `udib worker` does
    progress(f"{sizes.quick} runs without work, {_TOGETHER} of {sizes.stage_s:g} s stages, {_ALONE} alone")
    return [
        *asyncio.run(_together(sizes)),
        *asyncio.run(_alone()),
        *asyncio.run(_quick(sizes)),
        *_queued(sizes),
    ]


async def _together(sizes: Sizes) -> Measured:
    shape = Shape(sizes.stage_s)
    bare = await _timed(lambda: _all(shape.bare, _TOGETHER))
    with scratch() as folder:
        async with place(folder) as here:
            kept = await _timed(lambda: _served(here, shape, "run", _TOGETHER, _TOGETHER))
    about = f"critical path {shape.path_s:g} s, bare {bare / shape.path_s:.4f}"
    return [("local_ratio_32", kept / shape.path_s, "x", about)]


async def _alone() -> Measured:
    shape = Shape(0.05)
    bare, kept = [], []
    with scratch() as folder:
        async with place(folder) as here:
            await shape.kept(here.journal, "warm")
            for number in range(_ALONE):
                bare.append(await _timed(lambda: shape.bare("bare")))
                kept.append(await _timed(lambda: shape.kept(here.journal, f"run{number}")))  # noqa: B023 - awaited
    best = min(kept) / shape.path_s
    return [("local_ratio_1", best, "x", f"stages of 50 ms, best of {_ALONE}; bare {min(bare) / shape.path_s:.4f}")]


async def _quick(sizes: Sizes) -> Measured:
    shape, runs = Shape(0.0), sizes.quick
    bare = await _timed(lambda: _all(shape.bare, runs))
    with scratch() as folder:
        async with place(folder) as here:
            await _served(here, shape, "warm", 50, _CROWD)
            before = await _bytes(here)
            took = await _timed(lambda: _served(here, shape, "run", runs, _CROWD))
            grown = await _bytes(here) - before
    about = f"{_CROWD} at once, submission included; bare {runs / bare:.0f}/s"
    return [
        ("local_runs_per_s", runs / took, "/s", about),
        ("growth_per_job_kib", grown / runs / 1024, "KiB", "of the journal's file, with what the job told"),
    ]


def _queued(sizes: Sizes) -> Measured:
    """The memory of a process that has taken many orders and serves, measured in a process of its own."""
    with scratch() as folder:
        code = (
            "import asyncio, sys; from pathlib import Path; from benchmarks.engine.local import queue_up;"
            " asyncio.run(queue_up(Path(sys.argv[1]), int(sys.argv[2])))"
        )
        command = [sys.executable, "-c", code, str(folder), str(sizes.queued)]
        mib = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return [("queued_mib", mib, "MiB", f"resident, {sizes.queued} jobs queued of which 4 are in work")]


async def queue_up(folder: "os.PathLike[str]", jobs: int) -> None:
    """Take many orders, serve, and print the resident memory in MiB."""
    from pathlib import Path  # noqa: PLC0415 - of the child process

    async with place(Path(folder)) as here:
        async with asyncio.TaskGroup() as group:
            for number in range(jobs):
                group.create_task(here.engine.submit(order(f"job{number}")))
        server = asyncio.create_task(here.engine.serve({"bench": Shape(60.0).journalled(here.journal)}, Load(4, 4)))
        await asyncio.sleep(1.0)
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        print(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
        server.cancel()
        with suppress(asyncio.CancelledError):
            await server


async def _served(here: Place, shape: Shape, name: str, runs: int, at_once: int) -> None:
    """Order runs and serve until all are done."""
    flows = {"bench": shape.journalled(here.journal)}
    server = asyncio.create_task(here.engine.serve(flows, Load(at_once, at_once)))
    async with asyncio.TaskGroup() as group:
        for number in range(runs):
            group.create_task(here.engine.submit(order(f"{name}{number}")))
    while await here.engine.jobs(SCOPE, states={JobState.WAITING, JobState.RUNNING}, limit=1):
        await asyncio.wait([server], timeout=0.005)
        if server.done():
            server.result()
    server.cancel()
    with suppress(asyncio.CancelledError):
        await server


async def _all(run: Callable[[str], Awaitable[None]], count: int) -> None:
    async def one(name: str) -> None:
        await run(name)

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(f"run{number}"))


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _bytes(here: Place) -> int:
    return await here.database.read(
        lambda db: int(
            db.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()[0]
        )
    )
