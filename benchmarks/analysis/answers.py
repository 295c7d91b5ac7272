"""Is an answer among the first five turns that a question brings up? QMSum, validation part, the shipped embedder.

This is the way of `udib ask`. The subject `memory` cross-validates the weights of its order by meeting; here the answer
stands beside what costs nothing: turns at random, the first ones, the longest ones.
"""

import asyncio
from collections.abc import Sequence
from math import comb

from benchmarks.analysis.data import data
from benchmarks.analysis.scores import interval, mean
from benchmarks.analysis.sizes import Measured, Sizes
from benchmarks.memory import retrieval
from benchmarks.memory.stores import open_index, scratch
from udib.core.tenancy import Scope
from udib.core.types import RecordKind
from udib.core.vectors import Filters
from udib.memory.service import MemoryService
from udib.memory.static import StaticEmbedder
from udib.memory.store import EnhancedVectorStore

_TOP = 5


def measure(sizes: Sizes) -> Measured:
    """All figures of this part; none without the data."""
    path = data("retrieval/qmsum-val.jsonl.gz")
    if path is None:
        return []
    meetings = retrieval.load(path)[: sizes.items]
    hits = asyncio.run(_hits(meetings))
    low, high = interval(hits, _recall)
    asked = sum(map(len, hits))
    against = f"{asked} questions on {len(meetings)} meetings, bootstrap over meetings"
    ways = {
        "random": ([[_chance(len(each.turns), gold) for _, gold in each.questions] for each in meetings], "expected"),
        "lead": (
            [[float(not gold.isdisjoint(range(_TOP))) for _, gold in each.questions] for each in meetings],
            "first turns",
        ),
        "longest": (
            [[float(not gold.isdisjoint(_longest(each))) for _, gold in each.questions] for each in meetings],
            "most words",
        ),
    }
    return [
        ("answers_recall_at_5", _recall(hits), "", f"95 % from {low:.3f} to {high:.3f}; {against}"),
        *((f"answers_recall_at_5_{name}", _recall(found), "", note) for name, (found, note) in ways.items()),
    ]


async def _hits(meetings: Sequence[retrieval.Meeting]) -> list[list[float]]:
    """For each meeting and question, 1.0 if a turn that answers it is among the first five."""
    found = []
    with scratch() as folder:
        async with open_index(folder, linger_s=5) as index:
            memory = MemoryService(EnhancedVectorStore(index, StaticEmbedder.load()))
            for meeting in meetings:
                scope = Scope.of("bench", meeting.name)
                await memory.remember(scope, retrieval.records(meeting))
                given = await memory.recall(
                    scope,
                    RecordKind.TRANSCRIPT,
                    [query for query, _ in meeting.questions],
                    limit=_TOP,
                    filters=Filters(),
                )
                turns = [{passage.record.number for passage in passages} for passages in given]
                found.append(
                    [float(not gold.isdisjoint(some)) for (_, gold), some in zip(meeting.questions, turns, strict=True)]
                )
    return found


def _recall(hits: Sequence[Sequence[float]]) -> float:
    return mean([hit for meeting in hits for hit in meeting])


def _chance(turns: int, gold: frozenset[int]) -> float:
    return 1 - comb(turns - len(gold), _TOP) / comb(turns, _TOP)


def _longest(meeting: retrieval.Meeting) -> list[int]:
    return sorted(range(len(meeting.turns)), key=lambda at: -len(meeting.turns[at][1].split()))[:_TOP]
