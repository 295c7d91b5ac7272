"""What every index does with points before it sends them, and with hits before it gives them out."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Protocol, TypeVar

from udib.core.ports import Point
from udib.memory.point_checks import checked_point
from udib.memory.store_protocol import WirePoint

DENSE: Final = "dense"
TERMS: Final = "terms"
"""The names of a point's vector and of its terms in Qdrant's engine."""
FUSION_K: Final = 2  # 60, the usual constant, loses 6 points of recall@10 when one leg is weak
FEWEST_CANDIDATES: Final = 50  # per leg, before fusion
POINTS_PER_CALL: Final = 256
_CHECKED_AT_ONCE: Final = 64  # about 2 ms, then the event loop gets its turn


class _Ranked(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def similarity(self) -> float: ...


RankedT = TypeVar("RankedT", bound=_Ranked)


def best_first(hits: Iterable[RankedT]) -> list[RankedT]:
    """Hits in their order. Fused scores are often equal: then the nearer one, then the smaller id."""
    return sorted(hits, key=lambda hit: (-hit.score, -hit.similarity, hit.id))


async def checked_points(points: Sequence[Point], dimension: int) -> list[WirePoint]:
    """All points as they are sent; of one id twice, the last.

    Raises:
        BadRequestError: One of them cannot be used.
    """
    ready: dict[str, WirePoint] = {}
    rest = iter(points)
    while some := list(islice(rest, _CHECKED_AT_ONCE)):
        ready |= {point.id: point for point in (checked_point(point, dimension) for point in some)}
        await asyncio.sleep(0)
    return list(ready.values())


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
