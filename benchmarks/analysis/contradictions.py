"""Candidates of contradictions in ordinary talk, where there are next to none: how often somebody would be accused.

Ordinary talk are the turns of QMSum meetings, at 150 words a minute. Some of what is found may be a contradiction; here
all of it counts as a false alarm.
"""

import asyncio

from benchmarks.analysis.data import data
from benchmarks.analysis.fallacies import WORDS_AN_HOUR
from benchmarks.analysis.scores import interval
from benchmarks.analysis.sizes import Measured, Sizes
from benchmarks.memory import retrieval
from udib.analysis.debate import map_debate
from udib.core.speech import Origin, Segment, Transcript
from udib.memory.static import StaticEmbedder


def measure(sizes: Sizes) -> Measured:
    """The rate an hour, of the set if it is there."""
    path = data("retrieval/qmsum-val.jsonl.gz")
    if path is None:
        return []
    meetings = retrieval.load(path)[: sizes.items]
    counted = asyncio.run(_counted(meetings))
    count, hours = sum(found for found, _ in counted), sum(length for _, length in counted)
    low, high = interval(counted, lambda some: sum(found for found, _ in some) / sum(length for _, length in some))
    note = f"{count} in {hours:.1f} h; 95 % from {low:.2f} to {high:.2f}, over {len(meetings)} meetings; silent: 0"
    return [("contradictions_an_hour", count / hours, "1/h", note)]


async def _counted(meetings: list[retrieval.Meeting]) -> list[tuple[int, float]]:
    """Of each meeting, how many candidates it has and how many hours it took."""
    embedder = StaticEmbedder.load()
    counted = []
    for meeting in meetings:
        segments = tuple(Segment(10.0 * at, 10.0 * at + 9, text, who) for at, (who, text) in enumerate(meeting.turns))
        debate = await map_debate(Transcript(segments, Origin.TRANSCRIPT, "data"), embedder)
        counted.append(
            (len(debate.contradictions), sum(len(text.split()) for _, text in meeting.turns) / WORDS_AN_HOUR)
        )
    return counted
