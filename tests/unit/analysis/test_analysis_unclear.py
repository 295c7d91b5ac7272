"""What is made of words that a recogniser did not hear clearly."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest
from analysis_talk import WordCounts

from udib.analysis.aggregate import aggregate
from udib.analysis.debate import map_debate
from udib.analysis.fact_check import check_claims
from udib.analysis.unclear import MOST_SURE, unclear_words, weakened
from udib.core.findings import ByRule, Claim, Evidence, FactCheck, Findings, Label, Report, Verdict
from udib.core.speech import Origin, Quote, Segment, Transcript, Word
from udib.core.types import Content, ContentId, Platform

CONTENT = Content(ContentId("file:1"), Platform.FILE, "talk.wav", "A talk")
EVIDENCE = Evidence("It cost 40 million.", "Budget", "https://council.example/budget", 0.9)


def heard(*lines: str, unclear: Collection[str] = ()) -> Transcript:
    """Lines of one speaker, of which each word of `unclear` was not heard clearly."""
    segments = []
    for number, line in enumerate(lines):
        step = 9.0 / len(line.split())
        words = tuple(
            Word(
                word,
                10 * number + step * at,
                10 * number + step * (at + 1),
                *((0.2, True) if word in unclear else (0.9, False)),
            )
            for at, word in enumerate(line.split())
        )
        segments.append(Segment(10.0 * number, 10.0 * number + 9, line, "ANN", words))
    return Transcript(tuple(segments), Origin.ASR, "test")


def whole(transcript: Transcript) -> Quote:
    return transcript.cut(0, 0, 0, len(transcript.segments[0].text))


@pytest.mark.parametrize(
    ("line", "unclear", "found"),
    [
        ("It didn't cost $40 million, Ortiz said", ["didn't", "$40", "Ortiz"], ["negation", "number", "name"]),
        ("It cost forty million", ["million"], ["number"]),
        ("It cost forty million", ["cost"], []),
        ("It cost forty million", [], []),
    ],
)
def test_only_words_that_turn_a_statement_are_named(line: str, unclear: Sequence[str], found: list[str]) -> None:
    told = unclear_words(whole(heard(line, unclear=unclear)), frozenset({"ortiz"}))
    assert [each.kind.value for each in told] == found
    assert [each.word.strip(",") for each in told] == list(unclear)[: len(found)]


@pytest.mark.parametrize(
    ("unclear", "confidence"), [(["forty"], MOST_SURE), (["not"], MOST_SURE), (["bus"], 0.8), ([], 0.8)]
)
def test_no_verdict_is_sure_of_a_number_or_a_negation_that_may_be_misheard(
    unclear: Sequence[str], confidence: float
) -> None:
    claim = Claim(whole(heard("the bus did not cost forty million", unclear=unclear)), 0.9)
    made = Verdict(Label.REFUTED, 0.8, "one source", by_rule=ByRule(0.7, 0.9))
    check = weakened(FactCheck(claim, (EVIDENCE,), made), frozenset())
    assert check.verdict is not None
    assert check.verdict.confidence == confidence
    assert check.verdict.by_rule == ByRule(0.7, 0.9 if confidence == 0.8 else MOST_SURE), "no scale may raise it"
    assert check.verdict.label is Label.REFUTED
    assert ("not heard clearly" in check.verdict.basis) is (confidence < 0.8)


def report_on(transcript: Transcript) -> Report:
    async def nothing_known(statements: Sequence[str]) -> list[list[Evidence]]:
        return [[] for _ in statements]

    async def found() -> Findings:
        debate = await map_debate(transcript, WordCounts())
        checks = await check_claims(transcript, nothing_known, limit=60)
        return Findings(transcript, outline=None, debate=debate, fact_checks=checks, fallacies=None)

    return aggregate(asyncio.run(found()), CONTENT, created_at="2026-01-01T00:00:00+00:00", revision=1)


LINES = (
    "A night bus would cost this town 2 million dollars a year.",
    "I like walking home with my friends when the weather is good.",
    "A night bus would cost this town 9 million dollars a year.",
)


@pytest.mark.parametrize(("unclear", "kept"), [([], 1), (["friends"], 1), (["9"], 0), (["2"], 0)])
def test_no_contradiction_rests_on_a_number_that_was_not_heard_clearly(unclear: Sequence[str], kept: int) -> None:
    report = report_on(heard(*LINES, unclear=unclear))
    assert report.debate is not None
    assert len(report.debate.contradictions) == kept
    assert any("1 left out" in gap.reason for gap in report.missing) is (kept == 0)
    assert report.transcript.doubtful == len(unclear)


def test_a_claim_names_its_number_that_was_not_heard_clearly() -> None:
    report = report_on(heard(*LINES, unclear=["9"]))
    assert report.fact_checks is not None
    named = {each.word for check in report.fact_checks.checks for each in check.claim.unclear}
    assert named == {"9"}


def test_a_recogniser_that_says_nothing_leaves_the_count_open() -> None:
    plain = heard(*LINES)
    silent = replace(plain, segments=tuple(replace(each, words=()) for each in plain.segments))
    assert report_on(silent).transcript.doubtful is None
