"""Long and hostile transcripts: bounded sentences, patterns, matrices and lists."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from time import process_time

import numpy as np
import pytest
from analysis_talk import WordCounts, said

from udib.analysis import chapters
from udib.analysis import text as words
from udib.analysis.aggregate import aggregate
from udib.analysis.chapters import chapters as chapters_of
from udib.analysis.debate import MOST_OF_A_KIND, map_debate, speaker_shares
from udib.analysis.fact_check import check_claims
from udib.analysis.fallacies import fallacy_hints
from udib.analysis.sentences import LONGEST_CHARACTERS, sentences
from udib.core.findings import Argument, DebateMap, Evidence, Findings, Role
from udib.core.speech import Origin, Segment, Transcript
from udib.core.types import Content, ContentId, Platform

CONTENT = Content(ContentId("file:1"), Platform.FILE, "x", "x")


@pytest.mark.parametrize("text", ["x" * 100_000, "word " * 50_000, "rents,rose," * 10_000, "a. " * 3000, "9" * 100_000])
async def test_a_sentence_has_a_greatest_length_and_loses_nothing(text: str) -> None:
    transcript = said(("ANN", text))
    found = sentences(transcript)
    assert max(len(sentence.text) for sentence in found) <= LONGEST_CHARACTERS
    assert "".join(sentence.text for sentence in found).replace(" ", "") == "".join(text.split())
    assert all(transcript.holds(sentence.quote) for sentence in found[:3])
    await map_debate(transcript, WordCounts())
    await fallacy_hints(transcript)


async def _nothing(statements: Sequence[str]) -> list[list[Evidence]]:
    return [[] for _ in statements]


async def test_a_number_beyond_any_float_is_no_figure() -> None:
    huge = "9" * 400
    transcript = said(
        ("ANN", f"The rents rose by {huge} dollars in 2019."), ("BEN", "The rents rose by 4 dollars in 2019.")
    )
    assert words.figures(words.tokens(f"{huge} million dollars")) == []
    await map_debate(transcript, WordCounts())
    await check_claims(transcript, _nothing, limit=60)


class Noise:
    """An embedder to which every text means something else."""

    model_id = "noise"
    dimension = 4

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        rows = np.random.default_rng(len(texts)).normal(size=(len(texts), self.dimension))
        made: list[list[float]] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).tolist()
        return made


async def test_chapters_of_an_item_of_a_day_cover_it_and_open_at_sentences() -> None:
    spoken = tuple(
        Segment(7.0 * n, 7.0 * n + 7, f"The {'rent' if n // 600 % 2 else 'bus'} in the city is number {n}.", "ANN")
        for n in range(chapters._MOST_ROWS * 3 // 2)
    )
    transcript = Transcript(spoken, Origin.CAPTIONS, "test")
    found = await chapters_of(transcript, Noise())
    assert len(found) == 40
    assert (found[0].start_s, found[-1].end_s) == (0.0, transcript.duration_s)
    assert all(one.end_s == other.start_s for one, other in pairwise(found))


async def test_an_announcement_opens_its_chapter_also_where_sentences_are_taken_together() -> None:
    total = chapters._MOST_ROWS + 500
    texts = [f"The {'rent' if n > 2001 else 'bus'} in the city is a thing of number {n % 7}." for n in range(total)]
    texts[2001] = "Let's move on to rent in the city."
    transcript = Transcript(
        tuple(Segment(n / 4, n / 4 + 0.25, text, "ANN") for n, text in enumerate(texts)), Origin.CAPTIONS, "test"
    )
    assert 2001 / 4 in {chapter.start_s for chapter in await chapters_of(transcript, WordCounts())}


def test_the_shares_of_twenty_thousand_speakers_take_a_moment() -> None:
    transcript = said(*((f"P{n}", "Why do rents rise?") for n in range(20_000)))
    found = sentences(transcript)
    began = process_time()
    shares = speaker_shares(transcript, found)
    assert process_time() - began < 1
    assert {(share.turns, share.words, share.questions) for share in shares} == {(1, 4, 1)}


def test_what_a_report_cannot_hold_is_named() -> None:
    transcript = said(("ANN", "Rents rose because nobody builds."))
    argument = Argument(transcript.cut(0, 0, 0, 10), Role.PREMISE, "because")
    many = DebateMap(arguments=(argument,) * (MOST_OF_A_KIND + 1))
    findings = Findings(transcript, None, many, None, None)
    report = aggregate(findings, CONTENT, created_at="2026-01-01T00:00:00+00:00", revision=1)
    assert report.debate is not None
    assert len(report.debate.arguments) == MOST_OF_A_KIND
    [gap] = report.missing
    assert (gap.part, gap.reason) == ("more arguments", "there are more than 5,000; the first 5,000 are kept")
    fewer = replace(findings, debate=replace(many, arguments=many.arguments[1:]))
    assert aggregate(fewer, CONTENT, created_at="2026-01-01T00:00:00+00:00", revision=1).missing == ()


async def test_a_debate_gives_one_more_than_a_report_holds_so_that_it_can_say_so() -> None:
    turns = [
        ("ANN", f"Rents rose in year {n} because nobody builds any houses.") for n in range(MOST_OF_A_KIND // 2 + 9)
    ]
    found = await map_debate(said(*turns), Noise())
    assert len(found.arguments) == MOST_OF_A_KIND + 1
