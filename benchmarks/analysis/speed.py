"""How long the embedded tier takes on one core, and how much memory, for hours of a made-up debate.

Each length in a process of its own: captions are parsed and the embedder loaded before the clock starts; then claims,
hints, the debate, the outline and the report are made, one after the other. The peak is the whole process's.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.analysis.sizes import Measured, Sizes
from benchmarks.startup import long_captions

_WORDS_AN_HOUR = 10_000
_ROOT = Path(__file__).resolve().parents[2]


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    short, long = sizes.hours
    seconds, _ = _hours(short)
    longer, peak = _hours(long)
    return [
        (
            "speed_one_hour_s",
            seconds,
            "s",
            f"{_WORDS_AN_HOUR * short:,} words, CPU time on one core, best of 3, without the embedder's load",
        ),
        ("speed_three_hours_s", longer, "s", f"{_WORDS_AN_HOUR * long:,} words, the same"),
        ("speed_three_hours_peak_mib", peak, "MiB", "whole process, the embedder included"),
    ]


def _hours(hours: int) -> tuple[float, float]:
    """Seconds of the fastest of three runs, and the peak of its process in MiB."""
    with tempfile.TemporaryDirectory(prefix="udib-bench-") as name:
        captions = Path(name) / "talk.vtt"
        long_captions(captions, words=_WORDS_AN_HOUR * hours)
        command = [sys.executable, "-m", "benchmarks.analysis.hour", str(captions)]
        one_core = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        done = subprocess.run(
            command, cwd=_ROOT, env={**os.environ, **one_core}, check=True, capture_output=True, text=True
        )
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)
