"""The parts of the subject `engine`, in the order in which they run."""

from collections.abc import Callable, Sequence

from benchmarks.engine import capacity, fleet, kills, lag, local, overlap
from benchmarks.engine.sizes import FULL, Measured, Sizes

PARTS: dict[str, Callable[[Sizes], Measured]] = {
    "local": local.measure,
    "overlap": overlap.measure,
    "kills": kills.measure,
    "fleet": fleet.measure,
    "capacity": capacity.measure,
    "lag": lag.measure,
}


def measure(sizes: Sizes = FULL, parts: Sequence[str] = tuple(PARTS)) -> Measured:
    """All figures of the parts named."""
    return [figure for part in parts for figure in PARTS[part](sizes)]
