"""The product's store over made-up points, opened as the product opens it; and the children that measure peers."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers.data import BATCH, DIMENSION, WORKSPACE, Points
from udib.core.vectors import VectorIndex
from udib.memory.edge import EdgeIndex
from udib.memory.generations import Generations
from udib.memory.store import EnhancedVectorStore

ROOT = Path(__file__).parents[2]
PEERS = ROOT / ".bench"


class Given:
    """The embedder of vectors that are there already: it names them, and embeds nothing."""

    model_id = "given"
    dimension = DIMENSION

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Not for this."""
        raise NotImplementedError


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one measurement."""
    with tempfile.TemporaryDirectory(prefix="udib-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@asynccontextmanager
async def open_index(folder: Path, linger_s: float = 0.5) -> AsyncGenerator[EdgeIndex]:
    """The embedded index; its store process ends soon after."""
    index = EdgeIndex(folder / "vectors", folder / "run", linger_s=linger_s)
    try:
        yield index
    finally:
        await index.close()


def store_over(index: VectorIndex, folder: Path) -> EnhancedVectorStore:
    """The store as `open_app` makes it, with generations that all processes see."""
    return EnhancedVectorStore(index, Given(), Generations(folder / "generations"))


async def fill(store: EnhancedVectorStore, points: Points, numbers: range) -> float:
    """Write points tenant by tenant in calls of at most 256; returns the seconds, the start of the process aside."""
    await store.ping()
    mine: dict[int, list[int]] = {}
    for number in numbers:
        mine.setdefault(int(points.tenants[number]), []).append(number)
    calls = [
        (tenant, [points.vectors[each].tolist() for each in some], [points.payload(each) for each in some])
        for tenant, all_of_it in mine.items()
        for some in (all_of_it[start : start + BATCH] for start in range(0, len(all_of_it), BATCH))
    ]
    began = time.perf_counter()
    for tenant, vectors, payloads in calls:
        done = await store.batch_upsert(vectors, payloads, f"t{tenant}", WORKSPACE, batch_size=BATCH)
        done.unwrap()
    return time.perf_counter() - began


async def search_times(store: EnhancedVectorStore, points: Points, numbers: range) -> list[float]:
    """Seconds of each search for ten points of a tenant; no query is asked twice, nothing comes from a cache."""
    times = []
    for number in numbers:
        vector, tenant = points.queries[number].tolist(), f"t{points.query_tenants[number]}"
        began = time.perf_counter()
        found = await store.search_similar(vector, tenant=tenant, workspace=WORKSPACE, use_cache=False)
        times.append(time.perf_counter() - began)
        found.unwrap()
    return times


def child(python: Path | str, module: str, *arguments: object, threads: int | None = None) -> dict[str, Any]:
    """Run a script of `benchmarks.peers` to its end; what it printed."""
    limits = {} if threads is None else dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    done = subprocess.run(
        [str(python), "-m", f"benchmarks.peers.{module}", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, **limits}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"benchmarks.peers.{module} failed: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def peer_python(package: str) -> Path | None:
    """The interpreter of an environment that holds a peer and nothing of ours; None if it cannot be installed."""
    python = PEERS / package / "bin" / "python"
    uv = str(Path(sys.executable).with_name("uv"))
    marker = PEERS / package / ".installed"
    if marker.exists():
        return python
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(python.parents[1])],
        [uv, "pip", "install", "--quiet", "--python", str(python), package, "numpy"],
    ):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{package} cannot be installed, its figures are left out: {done.stderr.strip()[-300:]}")
            return None
    marker.touch()
    return python


def progress(text: str) -> None:
    """Say what is being measured."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
