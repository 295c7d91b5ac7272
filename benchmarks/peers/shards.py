"""What opening costs: `python -m benchmarks.peers.shards fill|open|plain FOLDER SHARDS POINTS`.

SHARDS shards of POINTS points each in FOLDER, made with the product's own settings of the engine; opened as the product
opens one, or as the engine does it by itself, which is what a shard for each workspace would be.
"""

import os
import sys
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from uuid import UUID

import msgspec
import numpy as np
import qdrant_edge

from benchmarks.peers.data import BATCH, DIMENSION, say, unit
from udib.memory.qdrant_edge_shard import EdgeShard
from udib.memory.store_protocol import WirePoint


class Closed(Protocol):
    """What can be closed."""

    def close(self) -> None:
        """Let go of it."""
        ...


def fill(folder: Path, shards: int, count: int, spaces: int) -> None:
    """Make the shards; the points of each belong to `spaces` workspaces."""
    rng = np.random.default_rng(7)
    began = time.perf_counter()
    for number in range(shards):
        shard = EdgeShard.create(folder / str(number), DIMENSION)
        vectors = unit(rng.standard_normal((count, DIMENSION), dtype=np.float32))
        for space in range(spaces):
            mine = range(space * count // spaces, (space + 1) * count // spaces)
            for start in range(mine.start, mine.stop, BATCH):
                some = range(start, min(start + BATCH, mine.stop))
                shard.upsert(f"t{number}", f"w{space}", [_point(vectors[each].tolist(), each) for each in some])
        shard.close()
    say(seconds=time.perf_counter() - began)


def open_all(folder: Path, shards: int, opened: Callable[[Path], Closed]) -> None:
    """Open all, keep them open, and weigh the process."""
    before = _resident_mib()
    began = time.perf_counter()
    kept = [opened(folder / str(number)) for number in range(shards)]
    seconds = time.perf_counter() - began
    say(seconds=seconds, grown_mib=_resident_mib() - before, whole_mib=_resident_mib())
    for shard in kept:
        shard.close()


def _point(vector: list[float], number: int) -> WirePoint:
    payload = msgspec.json.encode({"text": f"{number} ".ljust(200, "x")})
    return WirePoint(str(UUID(int=number)), array("f", vector).tobytes(), b"", b"", payload)


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    do, where, how_many, each = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    if do == "fill":
        fill(where, how_many, each, int(sys.argv[5]))
    elif do == "open":
        open_all(where, how_many, lambda folder: EdgeShard.open(folder, DIMENSION))
    else:
        open_all(where, how_many, lambda folder: qdrant_edge.EdgeShard.load(str(folder)))
