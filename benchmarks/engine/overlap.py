"""How near the pipeline comes to the least time that its stages allow, in four cases, beside the plan's two patterns.

Level by level an item comes in one window, as captions do; with windows it comes in ten, and each analysis does a
window's share as soon as it is there. The patterns of the plan keep nothing and only wait or compute; ours is the
product's pipeline, with its journal on disk. Of each the best of several runs is taken, in turns.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.engine.cases import WINDOWS, Case, Cores, OneAtATime, Resource, Waiting, burn
from benchmarks.engine.scripted import Bench, bench_in
from benchmarks.engine.sizes import Measured, Sizes
from benchmarks.memory.stores import progress, scratch

_LONG_S = 3.0
"""Seconds of transcription where it dominates: ten times the plan's."""
_CROWDED_S = 0.5
"""The same where many items wait for one recogniser."""


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    with _cores() as cores:
        cases = [
            Case("io", Waiting(), Waiting()),
            Case("transcription", OneAtATime(), Waiting(), transcribe=_LONG_S),
            Case("provider", Waiting(), OneAtATime()),
            Case("cpu", Waiting(), cores),
        ]
        found: Measured = []
        for case in cases:
            turns = max(2, round(sizes.turns / max(1.0, case.transcribe)))
            progress(f"overlap, {case.name}: {turns} turns, then {sizes.crowd} items at once")
            found += asyncio.run(_case(case, turns, sizes.crowd))
        return found


async def _case(case: Case, turns: int, crowd: int) -> Measured:
    return [*await _alone(case, turns), *await _crowd(case, crowd)]


async def _alone(case: Case, turns: int) -> Measured:
    times: dict[str, list[float]] = {
        name: [] for name in ("sequential", "draft", "levels", "ratio", "windows", "after")
    }
    with scratch() as folder:
        async with bench_in(folder) as bench:
            await bench.run(replace(case, transcribe=0.01, download=0.01), "warm")
            for turn in range(turns):
                times["sequential"].append(await _timed(case.sequential))
                times["draft"].append(await _timed(case.draft))
                case.analyst.use.clear()
                took = await _timed(lambda: bench.run(case, f"levels{turn}", windows=1))  # noqa: B023 - awaited here
                times["levels"].append(took)
                times["ratio"].append(took / case.levels_path_s(_analyses_of(case)))
                began = time.perf_counter()
                times["after"].append(await bench.run(case, f"windows{turn}"))
                times["windows"].append(time.perf_counter() - began)
    return _figures(case, {name: min(taken) for name, taken in times.items()})


def _analyses_of(case: Case) -> list[float]:
    """What the analyses of the last run took by themselves: who computes may have to share the processors."""
    if isinstance(case.analyst, Cores):
        return [ended - began for began, ended in case.analyst.use]
    return case.analyses


def _figures(case: Case, best: dict[str, float]) -> Measured:
    path = f"critical path {case.levels_path_s(case.analyses):.3f} s"
    sequential = f"sequential {best['sequential']:.3f} s"
    name = f"overlap_{case.name}"

    def below(taken: float) -> float:
        return 100 * (1 - taken / best["sequential"])

    found: Measured = [
        (f"{name}_levels_ratio", best["ratio"], "x", f"{best['levels']:.3f} s; {path}"),
        (f"{name}_levels_below_sequential", below(best["levels"]), "%", f"{best['levels']:.3f} s; {sequential}"),
        (
            f"{name}_draft_below_sequential",
            below(best["draft"]),
            "%",
            f"{best['draft']:.3f} s; announces before storing",
        ),
        (
            f"{name}_windows_below_sequential",
            below(best["windows"]),
            "%",
            f"{best['windows']:.3f} s; {WINDOWS} windows, critical path {case.windows_path_s:.3f} s; {sequential}",
        ),
    ]
    if case.name == "transcription":
        share = 100 * best["after"] / case.transcribe
        about = f"{best['after']:.3f} s after the last window, of {case.transcribe:g} s; notice included"
        found.append((f"{name}_report_after_last_window", share, "%", about))
    return found


async def _crowd(case: Case, items: int) -> Measured:
    """Many items at once: how much of the time from its first use to its last the scarce resource is in use."""
    case = replace(case, transcribe=min(case.transcribe, _CROWDED_S))
    if (scarce := case.scarce) is None:
        return []
    scarce.use.clear()
    with scratch() as folder:
        async with bench_in(folder) as bench:
            took = await _timed(lambda: _all(bench, case, items))
    busy = sum(ended - began for began, ended in scarce.use) / scarce.width
    span = max(ended for _, ended in scarce.use) - min(began for began, _ in scarce.use)
    about = f"{items} items in {took:.2f} s; in use {busy:.2f} s of {span:.2f} s from the first use to the last"
    return [(f"overlap_{case.name}_utilisation", 100 * busy / span, "%", about)]


async def _all(bench: Bench, case: Case, items: int) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(items):
            group.create_task(bench.run(case, f"item{number}"))


@contextmanager
def _cores() -> Iterator[Resource]:
    """A process a processor, each of which has begun."""
    width = os.cpu_count() or 1
    with ProcessPoolExecutor(width, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(burn, [0.1] * width))
        yield Cores(pool, width)


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began
