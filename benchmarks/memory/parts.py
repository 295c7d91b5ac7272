"""The parts of the subject `memory`, in the order in which they run."""

from collections.abc import Callable, Sequence

from benchmarks.memory import ask, cache, dedup, peers, retrieval, scale, server, shards, stalls
from benchmarks.memory.sizes import FULL, Measured, Sizes

PARTS: dict[str, Callable[[Sizes], Measured]] = {
    "peers": peers.measure,
    "server": server.measure,
    "scale": scale.measure,
    "stalls": stalls.measure,
    "ask": ask.measure,
    "shards": shards.measure,
    "cache": cache.measure,
    "dedup": dedup.measure,
    "retrieval": retrieval.measure,
}


def measure(sizes: Sizes = FULL, parts: Sequence[str] = tuple(PARTS)) -> Measured:
    """All figures of the parts named."""
    return [figure for part in parts for figure in PARTS[part](sizes)]
