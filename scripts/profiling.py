"""What the profiling scripts share: a run under the profiler, in all threads, and the two files that come of it."""

import asyncio
import cProfile
import io
import pstats
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the analysis: its title, what pstats sorts it by, and its rows."""

    title: str
    sorted_by: str
    rows: int


def profiled(work: Callable[[], Coroutine[Any, Any, T]]) -> tuple[T, pstats.Stats]:
    """Run something on an event loop; the profile is that of the loop's thread and of all threads begun meanwhile.

    An idle thread waits in a lock: that is its time in `acquire` and `get`.
    """
    profiles = [cProfile.Profile()]

    def begin(_: FrameType, __: str, ___: object) -> None:
        # The first call of a new thread: from now on it has a profiler of its own, which is the quicker kind.
        sys.setprofile(None)
        profiles.append(cProfile.Profile())
        profiles[-1].enable()

    threading.setprofile(begin)
    profiles[0].enable()
    try:
        result = asyncio.run(work())
    finally:
        profiles[0].disable()
        threading.setprofile(None)
    stats = pstats.Stats(profiles[0])
    stats.add(*[each for each in profiles[1:] if each.getstats()])
    return result, stats


def written(name: str, out: Path, findings: Sequence[str], stats: pstats.Stats, tables: Sequence[Table]) -> None:
    """Print the findings, and write `out`/NAME.prof, for snakeviz or pstats, and `out`/NAME_analysis.txt."""
    out.mkdir(parents=True, exist_ok=True)
    profile, analysis = out / f"{name}.prof", out / f"{name}_analysis.txt"
    stats.dump_stats(profile)
    stats.strip_dirs()
    text = "\n".join(findings)
    for table in tables:
        rows = io.StringIO()
        stats.stream = rows  # type: ignore[attr-defined]
        stats.sort_stats(table.sorted_by).print_stats(table.rows)
        text += f"\n\n=== {table.title} ===\n{rows.getvalue()}"
    analysis.write_text(text, encoding="utf-8")
    print("\n".join(findings))
    print(f"written: {profile}, {analysis}")
