from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample import empty_report, local_sample, sample

from udib.core.errors import Status
from udib.core.findings import (
    DebateMap,
    Evidence,
    EvidenceKind,
    Fallacies,
    NotJudged,
    Report,
    SpeakerShare,
    StageTiming,
)
from udib.core.speech import Missing
from udib.core.types import Content, ContentId, Platform
from udib.delivery import judged, shares, view
from udib.delivery.tally import gaps, tally

REPORT = sample().report


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (247.9, "4:07"), (59.999, "0:59"), (3723, "1:02:03"), (43200, "12:00:00"), (-3, "0:00")],
)
def test_clock(seconds: float, text: str) -> None:
    assert view.clock(seconds) == text


@given(st.floats(0, 1e6))
def test_a_clock_can_be_read_back_to_its_second(seconds: float) -> None:
    parts = [int(part) for part in view.clock(seconds).split(":")]
    assert sum(part * 60**power for power, part in enumerate(reversed(parts))) == int(seconds)
    assert all(part < 60 for part in parts[1:])


@pytest.mark.parametrize(
    ("date", "text"),
    [
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T10:05:00+02:00", "2026-01-31 08:05 UTC"),
        ("last week", "last week"),
    ],
)
def test_dates_are_utc(date: str, text: str) -> None:
    assert view.when(date) == text


@pytest.mark.parametrize(
    ("why", "text"),
    [
        (NotJudged("needs_llm", 0.021), "No verdict: needs a language model; about 0.02 USD if one is set up"),
        (NotJudged("needs_llm", 0.0004), "No verdict: needs a language model; less than 0.01 USD if one is set up"),
        (NotJudged("needs_llm"), "No verdict: needs a language model"),
        (NotJudged("too_recent"), "No verdict: too recent"),
    ],
)
def test_a_claim_without_verdict_says_why_and_what_one_costs(why: NotJudged, text: str) -> None:
    check = next(check for check in view.checks(REPORT) if check.not_judged)
    assert view.outcome(replace(check, not_judged=why)) == text


def test_what_all_claims_lack_for_one_reason_is_said_once_with_its_whole_cost() -> None:
    assert view.shared_reason(REPORT) == (
        "No verdict on 7 of 8 claims: needs a language model; about 0.14 USD if one is set up."
    )
    assert [bool(view.own_outcome(check, "said")) for check in view.checks(REPORT)] == [False, True, *[False] * 6]
    assert view.shared_reason(empty_report()) == ""


def test_a_verdict_carries_its_confidence_and_basis() -> None:
    assert view.outcome(view.checks(REPORT)[1]) == "Supported: confidence 0.71 (not calibrated), two sources agree"


def test_a_fallacy_is_worded_as_a_possibility() -> None:
    assert [view.possibility(hint) for hint in view.hints(REPORT)] == [
        "Possibly a straw man",
        "Possibly a slippery slope",
    ]


def test_claims_come_by_worth() -> None:
    worth = [check.claim.check_worthiness for check in view.checks(REPORT)]
    assert worth == sorted(worth, reverse=True)


def test_a_missing_part_is_a_sentence() -> None:
    assert gaps([Missing("fact_checks", "needs_llm")]) == ["Fact checks: needs a language model"]


def test_parts_that_are_missing_for_one_reason_share_a_sentence() -> None:
    off = [Missing(part, "this is German") for part in ("claims", "summary")]
    assert gaps([*off, Missing("captions", "none")]) == ["Claims, summary: this is German", "Captions: none"]


@pytest.mark.parametrize(
    ("missing", "unsought"),
    [
        ("captions", set()),
        ("claims", {"claims", "with a verdict", "contradictions", "clashes", "agreements"}),
        ("fact-check", {"claims", "with a verdict", "contradictions", "clashes", "agreements"}),
        ("who said what", {"contradictions", "clashes", "agreements", "speakers"}),
        (
            "speech",
            {"claims", "with a verdict", "contradictions", "possible fallacies", "clashes", "agreements", "speakers"},
        ),
    ],
)
def test_none_found_and_nobody_looked_are_told_apart(missing: str, unsought: set[str]) -> None:
    report = replace(empty_report(), missing=(Missing(missing, "why"),))
    assert {name for name, number, _ in tally(report) if number is None} == unsought


def test_hints_that_are_off_are_not_none_found() -> None:
    off = replace(empty_report(), missing=(), fallacies=Fallacies((), off=True))
    assert {name for name, number, _ in tally(off) if number is None} == {"possible fallacies"}


def test_a_low_accuracy_transcript_without_times_is_announced() -> None:
    assert len(view.warnings(empty_report())) == 2
    assert view.warnings(REPORT) == []


def test_the_run_knows_its_speed_up_and_its_longest_chain() -> None:
    run = view.run_of(REPORT.stages)
    assert run is not None
    assert str(run) == (
        "6.50 s of work done in 5.30 s, 1.2 times as fast as one stage after another. "
        "Longest chain: resolve \u2192 download \u2192 "
        "transcribe \u2192 fact check \u2192 aggregate \u2192 store (5.30 s)."
    )


def test_no_stages_no_run() -> None:
    assert view.run_of(()) is None


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50)), min_size=1, max_size=12))
def test_the_longest_chain_is_no_longer_than_the_run_and_never_overlaps(times: list[tuple[float, float]]) -> None:
    run = view.run_of([StageTiming(str(n), start, start + took, Status.OK) for n, (start, took) in enumerate(times)])
    assert run is not None
    assert sum(stage.end_s - stage.start_s for stage in run.chain) <= run.wall_s + 1e-6
    assert all(before.end_s <= after.start_s for before, after in zip(run.chain, run.chain[1:], strict=False))
    assert max(took for _, took in times) <= sum(stage.end_s - stage.start_s for stage in run.chain) + 1e-6


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/talks/rent #1?.opus", "rent #1?.opus"),
        ("file:///talks/rent%20%231%3F.opus", "rent #1?.opus"),
        ("/talks/100%25.txt", "100%25.txt"),
    ],
)
def test_of_a_local_file_a_report_tells_the_name_alone(address: str, name: str) -> None:
    content = Content(ContentId("file:1"), Platform.FILE, address, "x")
    assert view.link(content, 61.7) is None
    assert view.about(replace(REPORT, content=content))[0] == f"Local file {name}"


def test_only_local_media_can_be_played() -> None:
    assert view.recording(local_sample().report.content) == Path("/media/talks/rent control.opus")
    assert view.recording(local_sample("/talks/debate.txt").report.content) is None
    assert view.recording(REPORT.content) is None


def test_an_earlier_statement_of_another_item_links_there() -> None:
    within, across = view.contradictions(REPORT)
    assert view.earlier_link(REPORT.content, within) == "https://www.youtube.com/watch?v=rentdebate1&t=25s"
    assert view.earlier_link(REPORT.content, across) == "https://www.youtube.com/watch?v=older1&t=10s"


def _shares(*shares: float) -> Report:
    debate = DebateMap(
        speakers=tuple(SpeakerShare(f"S{n}", share * 200, share, 10, 2, 1) for n, share in enumerate(shares))
    )
    return replace(REPORT, debate=debate, transcript=replace(REPORT.transcript, words=100))


def test_talk_without_a_name_has_a_row_of_its_own() -> None:
    first, rest = shares.rows(_shares(0.5))
    assert (first.name, first.percent, first.numbers) == ("S0", 50, ("1:40", "10", "2", "1"))
    assert (rest.name, rest.percent, rest.numbers) == ("not named", 50, ("1:40", "90", "", ""))
    assert [row.name for row in shares.rows(_shares(0.5, 0.498))] == ["S0", "S1"]
    assert shares.rows(_shares()) == []


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=20))
def test_percents_make_a_hundred(weights: list[float]) -> None:
    rows = shares.rows(_shares(*(round(weight / sum(weights), 4) for weight in weights)))
    assert sum(row.percent for row in rows) == 100
    assert all(abs(row.percent - row.share * 100) <= 1 for row in rows)


@pytest.mark.parametrize(
    ("evidence", "name"),
    [
        (
            Evidence("They said so.", "Talk", "", 0.5, speaker="Ann", start_s=61.0, published_at="2022-03-01"),
            "Talk, Ann, 1:01, 2022-03-01",
        ),
        (
            Evidence(
                "Rents doubled", "Did rents double?", "https://a.example/", 0.5, kind=EvidenceKind.REVIEW,
                publisher="Checkers", rating="False\u202e", speaker="B. Speaker",
                retrieved_at="2026-05-01T12:00:00+00:00",
            ),
            "claim of B. Speaker, rated \u201cFalse\u201d by Checkers (its page is not quoted), Did rents "
            "double?, read 2026-05-01 12:00 UTC",
        ),
        (
            Evidence("x", "T", "", 0.5, kind=EvidenceKind.REVIEW, publisher="P", rating="False", explained="It fell."),
            "claim, rated \u201cFalse\u201d by P: \u201cIt fell.\u201d, T",
        ),
        (
            Evidence("x", "Report", "", 0.5, kind=EvidenceKind.FILE, publisher="Office"),
            "document added here as one of Office, Report",
        ),
        (Evidence("x", "Report", "", 0.5, kind=EvidenceKind.FILE), "document added here, Report"),
        (
            Evidence("x", "News", "https://a.example/", 0.5, kind=EvidenceKind.WEB, publisher="Paper"),
            "Paper (a.example), News",
        ),
        (Evidence("x", "News", "https://a.example/", 0.5, kind=EvidenceKind.WEB), "a.example, News"),
    ],
)  # fmt: skip
def test_evidence_says_what_it_is(evidence: Evidence, name: str) -> None:
    assert view.source_name(evidence) == name


def test_a_model_that_gave_nothing_usable_was_asked_all_the_same() -> None:
    timed = StageTiming("verdicts", 0.0, 1.0, Status.OK)
    assert "no language model was asked" in judged.method(empty_report())
    told = judged.method(replace(empty_report(), stages=(timed,)))
    assert "no language model was asked" not in told
    assert "was not usable" in told
