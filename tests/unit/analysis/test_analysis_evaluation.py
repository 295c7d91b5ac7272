"""Reports held against labels: what counts as right, what as a false alarm, and what trivial answers reach."""

from dataclasses import replace

import pytest

from udib.analysis.evaluation import NONE, LabelKind, Labelled, Measured, evaluate
from udib.analysis.scoring import Score
from udib.core.findings import (
    REPORT_SCHEMA,
    Chapter,
    Claim,
    Contradiction,
    DebateMap,
    Evidence,
    FactCheck,
    FactChecks,
    Fallacies,
    Fallacy,
    FallacyKind,
    Label,
    NotJudged,
    Outline,
    Report,
    TranscriptFacts,
    Verdict,
)
from udib.core.speech import Origin, Quote, Segment, Transcript
from udib.core.types import Content, ContentId, Platform

LINES = (
    "Rents rose by 12 percent last year.",
    "The rent board costs 4 million dollars.",
    "You only say that because you own houses.",
    "The rent board costs 12 million dollars.",
)
SAID = Transcript(
    tuple(Segment(10.0 * n, 10.0 * n + 8, line, "Ada") for n, line in enumerate(LINES)), Origin.CAPTIONS, "vtt"
)
ITEM, OTHER = ContentId("file:1"), ContentId("file:2")


def said(number: int) -> Quote:
    quote = SAID.quote(LINES[number])
    assert quote is not None
    return quote


REPORT = Report(
    schema=REPORT_SCHEMA,
    content=Content(ITEM, Platform.FILE, "/talk.vtt", "A talk", duration_s=1800),
    created_at="2026-01-01T00:00:00Z",
    revision=1,
    transcript=TranscriptFacts("captions", "vtt", "en", low_accuracy=False, timed=True, segments=4, words=30),
    outline=Outline(1800.0, 30, 100.0, ("Ada",), "en", tuple(Chapter("x", n, n + 600, said(0)) for n in (0.0, 600.0))),
    fact_checks=FactChecks(
        (
            FactCheck(Claim(said(0), 0.9), (Evidence("x", "y", "", 0.5),), Verdict(Label.REFUTED, 0.7, "")),
            FactCheck(Claim(said(1), 0.8), not_judged=NotJudged("needs_llm")),
            FactCheck(Claim(said(3), 0.7), (Evidence("x", "y", "", 0.5),), Verdict(Label.SUPPORTED, 0.7, "")),
        ),
        considered=40,
    ),
    fallacies=Fallacies((Fallacy(said(2), FallacyKind.AD_HOMINEM, "because you", "it may matter", 0.6),)),
    debate=DebateMap(contradictions=(Contradiction(said(1), said(3), "number", "rent board", 0.9),)),
)


def measured(*labels: Labelled, report: Report = REPORT) -> dict[str, Measured]:
    return {each.subject: each for each in evaluate({ITEM: report}, {ITEM: labels})}


def test_claims_are_found_by_words_or_by_second_beside_what_chance_reaches() -> None:
    found = measured(Labelled(LabelKind.CLAIM, quote="rents rose by 12 percent"), Labelled(LabelKind.CLAIM, at_s=31.0))
    assert list(found) == ["claims"]
    claims = found["claims"]
    assert claims.score == Score(2, 3, 2)
    assert claims.false_alarms_per_hour == 2.0
    assert dict(claims.baselines) == {
        "silent": Score(0, 0, 2),
        "random": Score(0, 3, 2),
        "every sentence": Score(2, 40, 2),
    }
    assert claims.ranked == pytest.approx((1 + 2 / 3) / 2)
    assert claims.ranked_by_chance == 0.05
    assert claims.f1_interval is None


def test_what_was_not_found_lowers_the_average_precision() -> None:
    wanted = (Labelled(LabelKind.CLAIM, at_s=1.0), Labelled(LabelKind.CLAIM, at_s=900.0))
    assert measured(*wanted)["claims"].ranked == 0.5


def test_a_verdict_counts_only_with_its_label_and_abstaining_costs_recall_alone() -> None:
    wanted = [Labelled(LabelKind.VERDICT, at_s=at, value="refuted") for at in (1.0, 11.0, 31.0)]
    verdicts = measured(*wanted)["verdicts"]
    assert verdicts.score == Score(1, 2, 3)
    assert verdicts.baselines["always refuted"] == Score(3, 3, 3)
    assert verdicts.baselines["always supported"] == Score(0, 3, 3)


def test_a_hint_may_be_right_in_its_place_and_wrong_in_its_kind() -> None:
    found = measured(Labelled(LabelKind.HINT, at_s=21.0, value="straw_man"))
    assert found["hints"].score == Score(1, 1, 1)
    assert found["hints by kind"].score == Score(0, 1, 1)


def test_an_item_without_any_hint_makes_each_a_false_alarm() -> None:
    hints = measured(Labelled(LabelKind.HINT, value=NONE))["hints"]
    assert hints.score == Score(0, 1, 0)
    assert hints.false_alarms_per_hour == 2.0
    assert hints.baselines["silent"].f1 == 1.0


def test_an_unfair_hint_is_to_be_gone() -> None:
    unfair = Labelled(LabelKind.UNFAIR_HINT, quote=LINES[2])
    assert measured(unfair)["unfair hints not given"].score == Score(0, 1, 1)
    assert measured(unfair, report=replace(REPORT, fallacies=None))["unfair hints not given"].score == Score(1, 1, 1)
    assert "hints" not in measured(unfair)


def test_a_contradiction_needs_both_sides_within_the_item() -> None:
    wanted = Labelled(LabelKind.CONTRADICTION, quote=LINES[1], other=LINES[3])
    assert measured(wanted)["contradictions"].score == Score(1, 1, 1)
    assert measured(replace(wanted, other="Something else was said"))["contradictions"].score == Score(0, 1, 1)


@pytest.mark.parametrize(("at_s", "right"), [(600.0, 1), (614.0, 1), (616.0, 0)])
def test_a_chapter_may_be_off_by_fifteen_seconds(at_s: float, right: int) -> None:
    chapters = measured(Labelled(LabelKind.CHAPTER, at_s=0.0), Labelled(LabelKind.CHAPTER, at_s=at_s))["chapters"]
    assert chapters.score == Score(right, 1, 1)
    assert chapters.baselines["even spacing"] == Score(0, 1, 1)


def test_two_items_are_pooled_with_an_interval() -> None:
    wanted = [Labelled(LabelKind.CLAIM, at_s=1.0)]
    silent = replace(REPORT, fact_checks=None, content=replace(REPORT.content, id=OTHER))
    [claims] = evaluate({ITEM: REPORT, OTHER: silent}, {ITEM: wanted, OTHER: wanted})
    assert (claims.items, claims.score) == (2, Score(1, 3, 2))
    assert claims.f1_interval is not None
    assert claims.f1_interval.low <= claims.f1 <= claims.f1_interval.high
    assert [claims] == evaluate({ITEM: REPORT, OTHER: silent}, {ITEM: wanted, OTHER: wanted})


def test_without_labels_there_is_nothing_to_score() -> None:
    assert evaluate({}, {}) == []
    assert measured() == {}
