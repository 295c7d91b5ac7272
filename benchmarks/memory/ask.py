"""`udib ask` with 20,000 records in the memory: whole processes, the store process running already."""

import asyncio
import os
import statistics
from pathlib import Path

from benchmarks.memory.sizes import Measured, Sizes
from benchmarks.memory.stores import progress
from benchmarks.memory.words import records
from benchmarks.startup import data_directory, run, udib
from udib.app.bootstrap import open_app
from udib.app.settings import load_settings

_RECORDS_PER_ITEM = 1_000
_RUNS = 7


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    progress(f"udib ask on {sizes.points} records")
    with data_directory() as folder:
        isolated = {"UDIB_DATA_DIR": str(folder / "data"), "UDIB_CONFIG_DIR": str(folder)}
        run(udib("analyze", "examples/rent-control/debate.vtt", "--quiet"), environment=isolated)
        walls, seconds = asyncio.run(_asked(sizes.points, folder, isolated))
    return [
        ("ask_large_warm_wall_s", statistics.median(walls), "s", f"whole process, {sizes.points} records, median of 7"),
        (
            "remember_per_s",
            sizes.points / seconds,
            "1/s",
            f"{sizes.points} records through MemoryService, embedded too",
        ),
    ]


async def _asked(count: int, folder: Path, isolated: dict[str, str]) -> tuple[list[float], float]:
    os.environ["UDIB_CONFIG_DIR"] = isolated["UDIB_CONFIG_DIR"]
    async with open_app(load_settings(data_dir=folder / "data")) as app:
        loop = asyncio.get_running_loop()
        items = [records(_RECORDS_PER_ITEM, content=f"talk-{number}") for number in range(count // _RECORDS_PER_ITEM)]
        began = loop.time()
        for item in items:
            await app.memory.remember(app.scope, item)
        seconds = loop.time() - began
        command = udib("ask", "what was said about rent control?")
        costs = [await asyncio.to_thread(run, command, environment=isolated) for _ in range(_RUNS + 1)]
    return [cost.wall_s for cost in costs[1:]], seconds
