"""Findings do not depend on how an item was cut into windows, nor on how many of them were heard."""

import asyncio
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from udib.analysis import readings
from udib.analysis.debate import map_debate
from udib.analysis.fallacies import HINTS_PER_HOUR, fallacy_hints
from udib.analysis.outline import describe
from udib.analysis.readings import EarlyEmbedder, debate_reading, fallacy_reading, outline_reading
from udib.core.speech import Origin, Segment, Transcript
from udib.memory.static import StaticEmbedder

EMBEDDER = StaticEmbedder.load()
SAID = [
    "Rents in Vienna rose by twelve percent", "in 2019.", "Rents in Vienna fell by twelve percent in 2019.", "No,",
    "that's not true, because nobody builds any houses here.", "You would say that, you are a landlord.",
    "Everybody knows that it has always been done this way here.", "Why did you vote against the rent cap?",
    "Let's talk about buses.", "First they cap rents, then they will take our houses away.", "the board has",
    "two members", "The board has eleven members now.", "",
]  # fmt: skip

segment = st.tuples(st.sampled_from(SAID), st.sampled_from(["Ann", "Ben", None]), st.sampled_from([0.0, 0.7, 12.0]))


@st.composite
def cut_items(draw: st.DrawFn) -> tuple[Transcript, list[int]]:
    """An item, and the numbers of the segments at which its windows begin and the last that is heard ends."""
    now_s, segments = 0.0, []
    for text, speaker, pause_s in draw(st.lists(segment, min_size=1, max_size=25)):
        segments.append(Segment(now_s, now_s + 4, text, speaker))
        now_s += 4 + pause_s
    cuts = draw(st.sets(st.integers(0, len(segments))))
    return Transcript(tuple(segments), Origin.ASR, "test"), sorted({0, *cuts})


@given(cut_items())
@settings(max_examples=60, deadline=None)
def test_findings_are_those_of_the_whole_however_it_was_cut(item: tuple[Transcript, list[int]]) -> None:
    transcript, cuts = item

    async def compared() -> None:
        debate, outline, fallacies = (
            debate_reading(EMBEDDER),
            outline_reading(EMBEDDER),
            fallacy_reading(HINTS_PER_HOUR),
        )
        for begin, end in pairwise(cuts):
            for reading in (debate, outline, fallacies):
                await reading.hear(transcript.segments[begin:end])
        assert await debate.find(transcript) == await map_debate(transcript, EMBEDDER)
        assert await outline.find(transcript) == await describe(transcript, EMBEDDER)
        assert await fallacies.find(transcript) == await fallacy_hints(transcript)

    asyncio.run(compared())


@given(st.lists(st.lists(st.sampled_from(SAID))), st.lists(st.sampled_from(SAID)), st.integers(0, 20))
def test_vectors_are_the_same_early_or_late(early: list[list[str]], asked: list[str], most: int) -> None:
    async def compared() -> None:
        embedder = EarlyEmbedder(EMBEDDER)
        for texts in early:
            await embedder.prepare(texts)
        assert await embedder.embed(asked) == await EMBEDDER.embed(asked)

    kept, readings.MOST_KEPT = readings.MOST_KEPT, most  # type: ignore[misc]
    try:
        asyncio.run(compared())
    finally:
        readings.MOST_KEPT = kept  # type: ignore[misc]
