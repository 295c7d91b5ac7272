"""What holds for any transcript, however strange."""

import asyncio
from collections.abc import Iterable, Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from udib.analysis.aggregate import aggregate
from udib.analysis.chapters import boundaries
from udib.analysis.claims import claim_candidates
from udib.analysis.debate import map_debate
from udib.analysis.fact_check import check_claims
from udib.analysis.fallacies import fallacy_hints
from udib.analysis.outline import describe
from udib.analysis.sentences import NOISE, sentences
from udib.analysis.text import figures, tokens
from udib.core.findings import Evidence, Findings
from udib.core.speech import Origin, Segment, Transcript
from udib.core.types import Content, ContentId, Platform

WORDS = [
    "the", "rent", "cap", "city", "because", "so", "no", "not", "but", "everybody", "knows", "that", "always", "never",
    "4", "million", "dollars", "a", "year", "20", "percent", "2019", "Dr.", "U.S.", "e.g.", "St.", "what", "about",
    "you?", "Ann", "Ben:", "I'll", "grant,", "\u201cquoted\u201d", "don\u2019t", "3.5", "...", "\u2014",
    "\u0130stanbul", "\u05e9\u05dc\u05d5\u05dd", "\ufb01n", "[Applause]", "first", "then", "next.", "WRONG!",
    "is", "was", "study",
]  # fmt: skip

text = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join) | st.text(max_size=40)
segment = st.tuples(text, st.sampled_from(["Ann", "Ben", None]), st.floats(0, 3), st.floats(0, 2))


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    now_s, segments = 0.0, []
    for said, speaker, length_s, gap_s in draw(st.lists(segment, max_size=12)):
        segments.append(Segment(now_s, now_s + length_s, said, speaker))
        now_s += length_s + gap_s
    return Transcript(tuple(segments), Origin.CAPTIONS, "test")


class Flat:
    """An embedder to which everything is alike."""

    model_id = "flat"
    dimension = 2

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, 0.0] for _ in texts]


async def nothing_known(statements: Sequence[str]) -> list[list[Evidence]]:
    return [[] for _ in statements]


def letters(texts: Iterable[str]) -> str:
    """All letters and digits, without the marks of noise, which are no sentences by themselves."""
    return "".join(one for text in texts for one in NOISE.sub("", text) if one.isalnum())


@given(transcripts())
def test_sentences_are_the_words_of_the_transcript_in_order(transcript: Transcript) -> None:
    found = sentences(transcript)
    assert all(transcript.holds(sentence.quote) for sentence in found)
    assert [sentence.number for sentence in found] == list(range(len(found)))
    assert [sentence.turn for sentence in found] == sorted(sentence.turn for sentence in found)
    assert letters(sentence.text for sentence in found) == letters(part.text for part in transcript.segments)


@given(transcripts(), st.data())
def test_a_part_of_a_sentence_is_in_the_transcript(transcript: Transcript, data: st.DataObject) -> None:
    for sentence in sentences(transcript):
        begin = data.draw(st.integers(0, len(sentence.text) - 1))
        end = data.draw(st.integers(begin + 1, len(sentence.text)))
        if sentence.text[begin:end].strip():
            quote = sentence.part(transcript, begin, end)
            assert transcript.holds(quote)
            assert quote.text == sentence.text[begin:end].strip()


@given(text)
def test_figures_are_finite_and_inside_the_sentence(said: str) -> None:
    words = tokens(said)
    for figure in figures(words):
        assert 0 <= figure.at < figure.end <= len(words)
        assert np.isfinite(figure.value)


@given(transcripts())
def test_claims_are_ranked_and_within_bounds(transcript: Transcript) -> None:
    found = claim_candidates(sentences(transcript), threshold=0.0)
    worth = [claim.check_worthiness for claim in found]
    assert worth == sorted(worth, reverse=True)
    assert all(0 <= value <= 1 for value in worth)


@given(st.integers(1, 40), st.integers(1, 10), st.randoms(use_true_random=False))
def test_cuts_open_that_many_chapters_in_order(total: int, count: int, random: object) -> None:
    count = min(count, total)
    rows = np.random.default_rng(hash(str(random)) % 2**32).normal(size=(total, 3))
    opened = boundaries(rows, np.zeros(total + 1), count)
    assert opened[0] == 0
    assert len(opened) == count
    assert opened == sorted(set(opened))


@settings(max_examples=60, deadline=None)
@given(transcripts())
def test_no_report_holds_words_that_were_not_said(transcript: Transcript) -> None:
    async def report_on() -> None:
        embedder = Flat()
        findings = Findings(
            transcript,
            outline=await describe(transcript, embedder),
            debate=await map_debate(transcript, embedder),
            fact_checks=await check_claims(transcript, nothing_known, limit=60),
            fallacies=await fallacy_hints(transcript),
        )
        content = Content(ContentId("file:1"), Platform.FILE, "x", "x")
        report = aggregate(findings, content, created_at="2026-01-01T00:00:00+00:00", revision=1)
        assert report.quotes_dropped == 0

    asyncio.run(report_on())
