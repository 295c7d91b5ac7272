"""Items in groups; `itertools.batched` has it from Python 3.12 on."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`, the last one shorter; nothing of no items."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
