"""The parts of the subject `llm`, in the order in which they run."""

from collections.abc import Callable, Sequence

from benchmarks.llm import budget, cache, client, prompts, routing, stream, wire
from benchmarks.llm.sizes import FULL, Measured, Sizes

PARTS: dict[str, Callable[[Sizes], Measured]] = {
    "client": client.measure,
    "wire": wire.measure,
    "cache": cache.measure,
    "stream": stream.measure,
    "budget": budget.measure,
    "routing": routing.measure,
    "prompts": prompts.measure,
}


def measure(sizes: Sizes = FULL, parts: Sequence[str] = tuple(PARTS)) -> Measured:
    """All figures of the parts named."""
    return [figure for part in parts for figure in PARTS[part](sizes)]
