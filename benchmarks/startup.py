"""What a user waits for: the demo, a three-hour item, the help page, the imports, the embedder, the install.

Whole processes are timed from outside with the operating system's own accounting (`os.wait4`): wall and CPU seconds and
peak resident memory, children included where they are waited for. The store process is a process of its own and is
counted in wall time only; the peak adds its resident size at the end of the run.
"""

import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
Measured = list[tuple[str, float, str, str]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process took. `peak_mib` is the largest resident size of it or one of its waited-for children."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def run(command: Sequence[str], *, environment: dict[str, str] | None = None) -> Cost:
    """Run a command to its end; it must succeed."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            # What a user runs has its byte code from the second time on; an environment that forbids it would be
            # measured compiling.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=complaints,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            complaints.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed: {complaints.read().decode(errors='replace')[-2000:]}")
    return Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def median_cpu(command: Sequence[str], *, runs: int = 9) -> float:
    """Median CPU seconds after one warm-up."""
    run(command)
    return statistics.median(run(command).cpu_s for _ in range(runs))


@contextmanager
def data_directory() -> Iterator[Path]:
    """A fresh data directory with no settings of the user's."""
    with tempfile.TemporaryDirectory(prefix="udib-bench-") as name:
        yield Path(name)


def long_captions(path: Path, *, words: int) -> None:
    """Write captions of two speakers at 10,000 words an hour, in paragraphs that differ, drawn from the example."""
    spoken = sentences()
    rng = random.Random(7)
    subjects = ["rent", "water", "buses", "schools", "parks", "energy", "housing", "roads", "health", "noise"]
    cues, said, at = ["WEBVTT\n"], 0, 0.0
    while said < words:
        speaker = ("MAYA", "DANIEL")[(said // 400) % 2]
        text = rng.choice(spoken).replace("rent", subjects[(said // 2500) % len(subjects)])
        text = f"{text} That was item {rng.randrange(10_000)}."
        length = len(text.split()) * 0.36
        cues.append(f"{_clock(at)} --> {_clock(at + length)}\n<v {speaker}>{text}\n")
        at += length
        said += len(text.split())
    path.write_text("\n".join(cues), encoding="utf-8")


def sentences() -> list[str]:
    """The sentences of the example debate."""
    lines = (ROOT / "examples/rent-control/debate.txt").read_text(encoding="utf-8").splitlines()
    spoken = [line.split(": ", 1)[1] for line in lines if ": " in line]
    return [s.strip() for turn in spoken for s in turn.replace("?", "?|").replace(". ", ".|").split("|") if s.strip()]


def measure() -> Measured:
    """All figures of the subject `startup`."""
    return [*_demo(), *_long_items(), *_imports(), *_embedder(), *_install()]


def udib(*arguments: str) -> list[str]:
    """The command line of a udib command."""
    return [str(Path(sys.executable).with_name("udib")), *arguments]


def _demo() -> Measured:
    with data_directory() as folder:
        isolated = {"UDIB_DATA_DIR": str(folder / "data"), "UDIB_CONFIG_DIR": str(folder)}
        captions = "examples/rent-control/debate.vtt"
        run(udib("analyze", captions, "--quiet"), environment=isolated)
        walls = [run(udib("analyze", captions, "--quiet"), environment=isolated).wall_s for _ in range(5)]
        asked = [run(udib("ask", "rent control"), environment=isolated).wall_s for _ in range(5)]
    return [
        ("demo_warm_wall_s", statistics.median(walls), "s", "whole process, captions of 5:46, median of 5"),
        ("ask_warm_wall_s", statistics.median(asked), "s", "whole process, median of 5"),
    ]


def _long_items() -> Measured:
    costs = {}
    for hours in (1, 3):
        with data_directory() as folder:
            long_captions(folder / "talk.vtt", words=10_000 * hours)
            isolated = {"UDIB_DATA_DIR": str(folder / "data"), "UDIB_CONFIG_DIR": str(folder)}
            cost = run(udib("analyze", str(folder / "talk.vtt"), "--quiet"), environment=isolated)
            costs[hours] = (cost, store_mib(folder))
    three, store = costs[3]
    return [
        ("three_hours_wall_s", three.wall_s, "s", "captions, 30,000 words, fresh data directory"),
        (
            "three_hours_peak_mib",
            three.peak_mib + store,
            "MiB",
            f"udib {three.peak_mib:.0f} + store process {store:.0f}",
        ),
        ("one_hour_wall_s", costs[1][0].wall_s, "s", "captions, 10,000 words, fresh data directory"),
        ("three_hours_over_one_hour", three.wall_s / costs[1][0].wall_s, "ratio", "wall, same run"),
    ]


def store_mib(folder: Path, line: str = "VmHWM") -> float:
    """Resident size of the store process that serves a data directory, from the system's process table.

    Args:
        folder: The data directory, or one above it.
        line: "VmHWM" for the largest size so far, "VmRSS" for that of now.
    """
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command = status.with_name("cmdline").read_bytes().decode(errors="replace")
            if "store_process" in command and str(folder) in command:
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
                return int(lines[line].split()[0]) / 1024
        except (FileNotFoundError, ProcessLookupError):
            continue
    raise RuntimeError("the store process was not found: its memory cannot be counted")


def _imports() -> Measured:
    count = (
        "import sys,io,contextlib\nfrom udib.app.cli import app\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    app(['--help'], exit_on_error=False, result_action='return_value')\n"
        "print(len(sys.modules))"
    )
    modules = subprocess.run([sys.executable, "-c", count], capture_output=True, text=True, check=True, cwd=ROOT)
    ours, floor = [], []
    for _ in range(9):  # in turn, so that both see the same machine
        ours.append(run(udib("--help")).cpu_s)
        floor.append(run([sys.executable, "-c", "import cyclopts, rich.console"]).cpu_s)
    ratio = statistics.median(ours) / statistics.median(floor)
    return [
        ("help_modules", float(modules.stdout), "modules", "sys.modules after udib --help"),
        ("help_cpu_ratio", ratio, "ratio", f"import of cyclopts and rich.console: {statistics.median(floor):.3f} s"),
        ("import_udib_cpu_s", median_cpu([sys.executable, "-c", "import udib"]), "s", "whole process, median of 9"),
    ]


def _embedder() -> Measured:
    """One core, in a process of its own: 12 to 18 words a sentence, each batch new to the word cache once."""
    code = """
import os, random, sys, time
os.sched_setaffinity(0, {0}) if hasattr(os, "sched_setaffinity") else None
began = time.perf_counter()
import numpy
imported = time.perf_counter()
from udib.memory.static import StaticEmbedder
embedder = StaticEmbedder.load()
embedder.encode(["ready"])
loaded = time.perf_counter() - imported
words = open("examples/rent-control/debate.txt", encoding="utf-8").read().split()
rng = random.Random(7)
sentences = [" ".join(rng.choices(words, k=rng.randrange(12, 19))) for _ in range(20000)]
began = time.perf_counter()
embedder.encode(sentences)
rate = len(sentences) / (time.perf_counter() - began)
print(loaded, rate, sum(name.partition(".")[0] == "torch" for name in sys.modules))
"""
    limits = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, **limits}
    )
    loaded, rate, torch = (float(part) for part in done.stdout.split())
    files = (ROOT / "src/udib/memory/static_embedding").iterdir()
    return [
        ("embedder_sentences_per_s", rate, "1/s", "one core, 20,000 sentences of 12 to 18 words"),
        ("embedder_load_s", loaded, "s", "first encoded text included, numpy imported before"),
        (
            "embedder_size_mb",
            sum(file.stat().st_size for file in files) / 1e6,
            "MB",
            "shipped files, card and licence too",
        ),
        ("embedder_torch_modules", torch, "modules", "sys.modules after encoding"),
    ]


def _install() -> Measured:
    """Install the locked runtime into an empty environment and weigh it."""
    with tempfile.TemporaryDirectory(prefix="udib-install-") as name:
        target = Path(name) / "site"
        uv = Path(sys.executable).with_name("uv")
        subprocess.run(
            [str(uv), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(target),
             "--require-hashes", "--requirement", "requirements/runtime.lock"],
            check=True, cwd=ROOT,
        )  # fmt: skip
        subprocess.run(
            [str(uv), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(target), "--no-deps",
             "--no-build-isolation", "."],
            check=True, cwd=ROOT,
        )  # fmt: skip
        packages = len(list(target.glob("*.dist-info")))
        size = sum(file.lstat().st_size for file in target.rglob("*") if file.is_file()) / 1e6
        shutil.rmtree(target)
    return [
        ("install_packages", packages, "packages", "udib and all it needs, without extras"),
        ("install_mb", size, "MB", "files on disk, without byte code"),
    ]


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole % 3600 // 60:02}:{whole % 60:02}.{int(seconds * 1000) % 1000:03}"
