"""Compaction: the points of a workspace that say the same become one, with all their places, and can be taken apart."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import numpy as np

from udib.core.errors import BadRequestError
from udib.core.tenancy import Scope
from udib.core.vectors import Filters, Point, VectorIndex
from udib.memory.dedup import Repeat, near_duplicates
from udib.memory.twins import Twins, age, pages, twin_of

DEDUPLICATION_THRESHOLD: Final = 0.98
"""Cosine from which two points say the same."""
UNDO_S: Final = 7 * 86_400.0
"""How long a compaction can be undone, in seconds."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A point that repeats a kept one. `exact`: the same words by the same speaker, whatever the vectors say."""

    dropped: str
    kept: str
    similarity: float
    exact: bool


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction did, or would do: how many points it looked at, and what repeats what."""

    looked_at: int
    pairs: tuple[Pair, ...]


async def compact_all(
    index: VectorIndex, twins: Twins, scope: Scope, collections: Sequence[str], *, threshold: float, now: float | None
) -> dict[str, object]:
    """Merge what repeats in each of some collections, as `compact` does, and strip twins that can be undone no more.

    Returns:
        The fields of `EnhancedVectorStore.compact_and_deduplicate`.
    """
    pairs: list[Pair] = []
    looked_at = 0
    for collection in collections:
        if now is not None:
            await twins.strip(scope, collection, now - UNDO_S)
        done = await compact(index, twins, scope, collection, threshold=threshold, now=now)
        pairs += done.pairs
        looked_at += done.looked_at
    return {
        "duplicates_found": len(pairs),
        "vectors_removed": 0 if now is None else len(pairs),
        "space_saved_percent": round(100 * len(pairs) / looked_at, 2) if looked_at else 0.0,
        "looked_at": looked_at,
        "pairs": pairs,
    }


async def compact(
    index: VectorIndex, twins: Twins, scope: Scope, collection: str, *, threshold: float, now: float | None
) -> Compaction:
    """Merge what repeats: of two near points the better one is kept, then the earlier published, then the smaller id.

    Args:
        index: Where the points lie.
        twins: Keeps what is merged away.
        scope: Whose points; nothing is ever compared across scopes.
        collection: The main collection.
        threshold: Cosine in (0, 1] from which two points say the same.
        now: Seconds since 1970; None: leave everything as it is.

    Raises:
        BadRequestError: The threshold is out of range.
    """
    if not 0 < threshold <= 1:
        raise BadRequestError(f"A similarity threshold is above 0 and at most 1, not {threshold:g}.")
    found = [point async for page in pages(index, scope, collection, Filters()) for point in page]
    pairs = await asyncio.to_thread(repeats, found, threshold)
    if pairs and now is not None:
        await twins.merge(scope, collection, await asyncio.to_thread(_merged, found, pairs, now))
    return Compaction(len(found), tuple(pairs))


def repeats(points: Iterable[Point], threshold: float) -> list[Pair]:
    """Which points repeat a better one: near to it, or with its very words. Nothing is dropped onto a dropped one."""
    points = sorted(points, key=_order)
    with_vector = [point for point in points if len(point.vector)]
    near: list[Repeat] = []
    if with_vector:
        matrix = np.array([np.asarray(point.vector, dtype=np.float32) for point in with_vector])
        near = near_duplicates(matrix, threshold=threshold)
    pairs = {
        (dropped := with_vector[one.dropped]).id: Pair(
            dropped.id, (kept := with_vector[one.kept]).id, one.similarity, exact=_same_words(dropped, kept)
        )
        for one in near
    }
    leading = Counter(pair.kept for pair in pairs.values())
    first: dict[object, Point] = {}
    for point in points:
        words = point.payload.get("content_hash")
        if words is None or point.id in pairs:
            continue
        kept = first.setdefault(words, point)
        # Copies whose surroundings make their vectors differ; one that leads others stays, so that theirs is kept.
        if kept is not point and not leading[point.id]:
            pairs[point.id] = Pair(point.id, kept.id, _cosine(point, kept), exact=True)
    return [pairs[point.id] for point in points if point.id in pairs]


def _merged(points: Iterable[Point], pairs: Iterable[Pair], now: float) -> list[Point]:
    """What is merged away, as twins of what is kept; all of one run, so that it can be undone as one."""
    by_id = {point.id: point for point in points}
    run = str(uuid4())
    return [
        twin_of(by_id[pair.dropped], pair.kept, by_id[pair.kept].payload.get("content_hash"), now, run)
        for pair in pairs
    ]


def _order(point: Point) -> tuple[bool, float, str]:
    """Best first: heard with certainty, then published early, then by id."""
    return (bool(point.payload.get("low_accuracy")), *age(point))


def _same_words(one: Point, other: Point) -> bool:
    return one.payload.get("content_hash") is not None and one.payload["content_hash"] == other.payload.get(
        "content_hash"
    )


def _cosine(one: Point, other: Point) -> float:
    if not len(one.vector) or not len(other.vector):
        return 0.0
    left, right = np.asarray(one.vector, dtype=np.float64), np.asarray(other.vector, dtype=np.float64)
    return min(float(left @ right / np.sqrt((left @ left) * (right @ right))), 1.0)
