"""Items in groups, of a size that is given or that follows from the time that a group takes."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from udib.memory.store_protocol import WirePoint

T = TypeVar("T")

POINTS_PER_CALL: Final = 256

_GROWN: Final = 1024
_LEAST: Final = 16
_QUICK_S: Final = 0.05
_SLOW_S: Final = 0.25


class BatchSize:
    """How large the next batch is to be, `size`: twice as large after a quick full one, half after a slow one."""

    __slots__ = ("size",)

    def __init__(self, first: int) -> None:
        self.size = first

    def fit(self, size: int, took_s: float) -> None:
        """Learn from a batch of `size` that took so many seconds."""
        if size == self.size and took_s < _QUICK_S:
            self.size = min(2 * size, _GROWN)
        elif took_s > _SLOW_S:
            self.size = max(self.size // 2, _LEAST)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`, the last one shorter; Python itself has this from 3.12 on."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def parts(
    points: Iterable[WirePoint], *, most_bytes: int, weight: Callable[[WirePoint], int]
) -> Iterator[list[WirePoint]]:
    """The points in parts of at most 256 and about `most_bytes`, as `weight` counts them."""
    part: list[WirePoint] = []
    size = 0
    for point in points:
        bytes_more = weight(point)
        if part and (len(part) == POINTS_PER_CALL or size + bytes_more > most_bytes):
            yield part
            part, size = [], 0
        part.append(point)
        size += bytes_more
    if part:
        yield part
