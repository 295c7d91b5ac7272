"""Profile the pipeline: what one item spends its time on, from its address to its report.

`python scripts/profile_orchestrator.py [ADDRESS]` writes profiling/orchestrator.prof (for snakeviz or pstats) and
profiling/orchestrator_analysis.txt, and prints the summary. Everything is real, in a data directory of its own that is
removed after; without an address it is the example debate with its captions, so that no network is needed.
"""

import argparse
import asyncio
import pstats
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from profiling import Table, profiled, written
from udib.app.bootstrap import open_app
from udib.app.settings import load_settings
from udib.core.findings import Report

ROOT: Final = Path(__file__).parents[1]
EXAMPLE: Final = ROOT / "examples/rent-control/debate.opus"
QUALITY: Final = "720p"
LEAST_SHARE: Final = 0.05
"""Of the time of all, from which a function is named."""
TABLES: Final = (
    Table("Top 30 by Cumulative Time", "cumulative", 30),
    Table("Top 20 by Total Time", "tottime", 20),
    Table("Most Called Functions", "ncalls", 20),
)
KINDS: Final = {
    "network": ("_socket", "socket.", "_ssl", "ssl.py", "aiohttp"),
    "file I/O": ("posix.", "io.open", "sqlite3", "_io.", "fsync", "pathlib.py"),
    "serialization": ("msgspec", "json", "pickle"),
    "waiting": ("select.epoll", "_thread.lock", "SimpleQueue", "time.sleep"),
}
"""Parts of the names of functions whose own time is of a kind."""


async def profile_pipeline(folder: Path, address: str, captions: str | None) -> list[str]:
    """Analyse an item with its data in `folder`; the summary, a finding a line."""
    settings = load_settings(data_dir=folder)
    late_s: list[float] = []
    began, used = time.perf_counter(), _processor_s()
    async with open_app(settings) as app:
        pipeline = app.pipeline  # imports what analyses, once a process
        watch = asyncio.create_task(_watch(late_s))
        report = (await pipeline.process_video(address, quality=QUALITY, captions=captions)).unwrap()
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
    took = time.perf_counter() - began
    own, children = (after - before for after, before in zip(_processor_s(), used, strict=True))
    bound = "the processor" if own + children > took / 2 else "waiting for others"
    return [
        f"{report.content.title}: {report.transcript.words:,} words in {took:.2f} s, of which this process computed "
        f"for {own:.2f} s and its children for {children:.2f} s: bound by {bound}.",
        *_stages(report),
        f"The event loop was late by {1000 * statistics.quantiles(late_s, n=100)[98]:.1f} ms (99 %) and "
        f"{1000 * max(late_s):.1f} ms (most): longer than 20 ms is something that blocks it.",
    ]


def where_it_goes(stats: pstats.Stats) -> list[str]:
    """The kinds of work, by the functions' own time, and udib's functions with more than a twentieth of it all."""
    entries = stats.stats  # type: ignore[attr-defined]
    own = {_name(place): values[2] for place, values in entries.items()}
    kinds = {
        kind: sum(seconds for name, seconds in own.items() if any(part in name for part in parts))
        for kind, parts in KINDS.items()
    }
    working = sum(own.values()) - kinds["waiting"]
    kinds["computing"] = working - sum(seconds for kind, seconds in kinds.items() if kind != "waiting")
    of_udib = [(values[3], place) for place, values in entries.items() if "/udib/" in place[0]]
    heavy = sorted((entry for entry in of_udib if entry[0] > LEAST_SHARE * working), reverse=True)
    lines = [f"Own time of all threads: {', '.join(f'{kind} {seconds:.2f} s' for kind, seconds in kinds.items())}."]
    if heavy:
        named = "; ".join(f"{Path(p[0]).name}:{p[1]} {p[2]} {seconds:.2f} s" for seconds, p in heavy[:12])
        lines.append(f"Functions of udib above {LEAST_SHARE:.0%} of it, with what they call: {named}.")
    return lines


def _name(place: tuple[str, int, str]) -> str:
    return f"{place[0]}:{place[2]}"


def _stages(report: Report) -> list[str]:
    total_s = max(stage.end_s for stage in report.stages)
    sum_s = sum(stage.end_s - stage.start_s for stage in report.stages)
    spans = ", ".join(f"{stage.stage} {stage.end_s - stage.start_s:.2f} s" for stage in report.stages)
    return [
        f"Stages: {spans}.",
        f"One after another they would take {sum_s:.2f} s; side by side they took {total_s:.2f} s.",
    ]


async def _watch(late_s: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        late_s.append(time.perf_counter() - began - 0.001)


def _processor_s() -> tuple[float, float]:
    """Seconds that this process has computed, and its children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    """Profile, write the two files, print the summary."""
    parser = argparse.ArgumentParser(description="Profile the pipeline.")
    parser.add_argument("address", nargs="?", help="what to analyse; the example debate if it is left out")
    parser.add_argument("--captions", help="a caption file to take the words from")
    parser.add_argument("--recognise", action="store_true", help="the example without its captions")
    parser.add_argument("--out", type=Path, default=ROOT / "profiling")
    asked = parser.parse_args(arguments)
    address, captions = asked.address, asked.captions
    if address is None:
        address, captions = str(EXAMPLE), captions or str(EXAMPLE.with_suffix(".vtt"))
    if asked.recognise:
        captions = None
    with tempfile.TemporaryDirectory(prefix="udib-profile-") as folder:
        found, stats = profiled(lambda: profile_pipeline(Path(folder), address, captions))
    note = "Times are those under the profiler, which makes Python's calls slower; child processes are not in it."
    written("orchestrator", asked.out, [*found, *where_it_goes(stats), "", note], stats, TABLES)


if __name__ == "__main__":
    main()
