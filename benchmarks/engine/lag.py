"""How late the event loop is while everything runs in one process at once.

A recording is recognised, an hour of captions is read, analysed and embedded, and the memory looks for near-duplicates,
all through the product's own composition. A task sleeps 1 ms again and again and notes how late it wakes.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.engine.items import clips, hour_of_captions
from benchmarks.engine.sizes import Measured, Sizes
from benchmarks.memory.stores import progress, scratch
from udib.app.bootstrap import App, open_app
from udib.app.settings import load_settings
from udib.app.start import SWITCH_S

_CLIP_S: Final = 30
_BEAT_S: Final = 0.001
_ALIKE: Final = 0.95


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    del sizes
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)  # as the command `udib` does
    progress("lag: recognition, captions, analyses, embedding and deduplication in one process")
    try:
        with scratch() as folder:
            return asyncio.run(_lag(folder))
    finally:
        sys.setswitchinterval(usual)


async def _lag(folder: Path) -> Measured:
    (folder / "config").mkdir()
    before, hour = (hour_of_captions(folder, number) for number in range(2))
    [clip] = clips(folder, 1, _CLIP_S)
    async with open_app(load_settings(str(folder / "config"), data_dir=folder / "data")) as app:
        (await app.pipeline.process_video(str(before))).unwrap()
        idle = await _late(lambda: asyncio.sleep(1.0))
        busy = await _late(lambda: _all_at_once(app, [clip, hour]))
    about = f"{len(busy)} beats, longest {max(busy):.0f} ms; idle p99 {np.quantile(idle, 0.99):.2f} ms"
    return [("loop_lag_p99_ms", float(np.quantile(busy, 0.99)), "ms", about)]


async def _all_at_once(app: App, items: list[Path]) -> None:
    async with asyncio.TaskGroup() as group:
        work = [group.create_task(_done(app, item)) for item in items]
        while not all(task.done() for task in work):
            found = await app.vectors.compact_and_deduplicate(
                app.scope.tenant, app.scope.workspace, _ALIKE, dry_run=True
            )
            found.unwrap()
            await asyncio.wait(work, timeout=0.5)


async def _done(app: App, item: Path) -> None:
    (await app.pipeline.process_video(str(item))).unwrap()


async def _late(work: Callable[[], Awaitable[object]]) -> list[float]:
    """By how many milliseconds each wakening was late while something was done."""
    late: list[float] = []

    async def beat() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_BEAT_S)
            late.append(1000 * (time.perf_counter() - began - _BEAT_S))

    async with asyncio.TaskGroup() as group:
        heart = group.create_task(beat())
        await work()
        heart.cancel()
    return late
