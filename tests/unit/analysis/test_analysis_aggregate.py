import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from analysis_talk import WordCounts, said

from udib.analysis.aggregate import aggregate
from udib.analysis.debate import map_debate
from udib.analysis.fact_check import check_claims
from udib.analysis.fallacies import fallacy_hints
from udib.analysis.outline import describe
from udib.core.findings import REPORT_SCHEMA, Evidence, Findings, Label, NotJudged, Report, Verdict
from udib.core.judging import Judgement, Stance, Strength
from udib.core.speech import Missing, Transcript
from udib.core.types import Content, ContentId, Platform

CONTENT = Content(ContentId("file:1"), Platform.FILE, "debate.vtt", "A debate")
TALK = (
    ("ANN", "A night bus would cost us 2 million dollars a year. That's the way it has always been done in this town."),
    (
        "BEN",
        "The night bus doesn't help nurses at all. Fares rose by 20 percent in 2015, according to the council.",
    ),
    (
        "ANN",
        "We'd spend 9 million dollars a year on a night bus. About 40 percent of the nurses in town work at night.",
    ),
)


async def nothing_known(statements: Sequence[str]) -> list[list[Evidence]]:
    return [[] for _ in statements]


async def findings_on(transcript: Transcript) -> Findings:
    embedder = WordCounts()
    return Findings(
        transcript,
        outline=await describe(transcript, embedder),
        debate=await map_debate(transcript, embedder),
        fact_checks=await check_claims(transcript, nothing_known, limit=60),
        fallacies=await fallacy_hints(transcript),
    )


def report_on(findings: Findings) -> Report:
    return aggregate(findings, CONTENT, created_at="2026-01-01T00:00:00+00:00", revision=2)


@pytest.fixture
def findings() -> Findings:
    return asyncio.run(findings_on(said(*TALK)))


def test_a_report_holds_all_findings_and_counts_their_quotes(findings: Findings) -> None:
    report = report_on(findings)
    assert (report.schema, report.revision, report.content) == (REPORT_SCHEMA, 2, CONTENT)
    assert (report.fact_checks, report.fallacies, report.debate) == (
        findings.fact_checks,
        findings.fallacies,
        findings.debate,
    )
    assert report.fact_checks is not None
    assert report.debate is not None
    assert report.debate.contradictions
    assert report.quotes_dropped == 0
    assert report.quotes_verified >= len(report.fact_checks.checks) + 2 * len(report.debate.contradictions)
    assert report.transcript.words == findings.transcript.word_count


def test_a_finding_with_words_that_nobody_said_is_dropped_and_counted(findings: Findings) -> None:
    other = said(("ANN", "A night bus would cost us 7 million dollars a year."))
    false_quote = other.quote("A night bus would cost us 7 million dollars a year.")
    assert findings.fact_checks is not None
    assert false_quote is not None
    check = findings.fact_checks.checks[0]
    forged = replace(check, claim=replace(check.claim, quote=false_quote))
    report = report_on(replace(findings, fact_checks=replace(findings.fact_checks, checks=(forged, check))))
    assert report.fact_checks is not None
    assert report.fact_checks.checks == (check,)
    assert report.quotes_dropped == 1


def test_a_verdict_by_words_that_do_not_stand_in_its_evidence_is_withdrawn(findings: Findings) -> None:
    assert findings.fact_checks is not None
    evidence = Evidence("It cost 40 million.", "Budget", "https://council.example/budget", 0.9)
    told = (Judgement(0, Stance.REFUTES, Strength.STRONG, ("It cost 50 million.",)),)
    verdict = Verdict(Label.REFUTED, 0.4, "one source")
    check = replace(
        findings.fact_checks.checks[0], evidence=(evidence,), verdict=verdict, not_judged=None, judgements=told
    )
    report = report_on(replace(findings, fact_checks=replace(findings.fact_checks, checks=(check,))))
    assert report.fact_checks is not None
    [kept] = report.fact_checks.checks
    assert (kept.verdict, kept.not_judged, kept.judgements) == (None, NotJudged("model_unusable"), ())


def test_what_needs_a_model_is_named_as_missing(findings: Findings) -> None:
    assert report_on(findings).missing == (Missing("verdicts", "needs_llm"),)


def test_parts_that_failed_stay_named_and_are_none(findings: Findings) -> None:
    failed = replace(
        findings, debate=None, outline=None, fact_checks=None, missing=(Missing("debate", "no result in 9 s"),)
    )
    report = report_on(failed)
    assert (report.debate, report.outline, report.fact_checks) == (None, None, None)
    assert report.missing == (Missing("debate", "no result in 9 s"),)
    assert report.summary


async def test_a_report_on_another_language_says_what_it_lacks() -> None:
    text = "Die Mieten sind seit 2015 um 30 Prozent gestiegen, und das ist viel. Wir wohnten dort 20 Jahre, er nicht."
    report = report_on(await findings_on(said(("ANN", text))))
    assert {missing.part for missing in report.missing} >= {"claims", "fallacies", "summary"}
    assert {missing.reason for missing in report.missing} == {"these rules are for English, and this is German"}
    assert report.summary == ()
    assert report.outline is not None
    assert report.outline.language == "de"


def test_the_summary_is_a_few_sentences_in_order_that_do_not_repeat_each_other() -> None:
    repeated = [("AB"[n % 2], "The night bus costs 2 million dollars a year in this town.") for n in range(5)]
    report = report_on(Findings(said(*repeated, *TALK), None, None, None, None))
    texts = [quote.text for quote in report.summary]
    assert 1 <= len(texts) <= 6
    assert len(set(texts)) == len(texts)
    assert [quote.start_s for quote in report.summary] == sorted(quote.start_s for quote in report.summary)
