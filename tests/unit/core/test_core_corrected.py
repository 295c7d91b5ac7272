"""What readers corrected finds its place in any later report, or says that it has none."""

from dataclasses import replace

import pytest

from udib.core.corrected import quotes_in, quotes_of, with_corrections
from udib.core.corrections import UNFAIR, Correction, CorrectionKind
from udib.core.findings import (
    REPORT_SCHEMA,
    Agreement,
    Chapter,
    Claim,
    Clash,
    Contradiction,
    DebateMap,
    FactCheck,
    FactChecks,
    Fallacies,
    Fallacy,
    FallacyKind,
    Interruption,
    InterruptionSign,
    NotJudged,
    Outline,
    Report,
    SpeakerShare,
    TranscriptFacts,
)
from udib.core.judging import DebateLedger, DebateOutcome, DebatePoint, Dimension, Grade, SpeechGrade
from udib.core.speech import Origin, Quote, Segment, Transcript
from udib.core.types import Content, ContentId, Platform

SAID = Transcript(
    (
        Segment(0.0, 5.0, "Rents rose by 12 percent last year.", "Speaker 1"),
        Segment(5.0, 9.0, "They fell, and you know it.", "Speaker 2"),
        Segment(60.0, 65.0, "Rents rose by 12 percent last year.", "Speaker 1"),
    ),
    Origin.ASR,
    "x",
)
ITEM = ContentId("file:1")


def said(text: str, near_s: float = 0.0) -> Quote:
    quote = SAID.quote(text, near_s=near_s)
    assert quote is not None
    return quote


ROSE, FELL, AGAIN = said("Rents rose by 12 percent last year"), said("They fell"), said("Rents rose", 60)
SHARES = (SpeakerShare("Speaker 1", 10.0, 0.6, 14, 2, 0), SpeakerShare("Speaker 2", 4.0, 0.4, 6, 1, 1))
REPORT = Report(
    schema=REPORT_SCHEMA,
    content=Content(ITEM, Platform.FILE, "/talk.opus", "A talk"),
    created_at="2026-01-01T00:00:00Z",
    revision=1,
    transcript=TranscriptFacts("asr", "x", "en", low_accuracy=False, timed=True, segments=3, words=20),
    outline=Outline(65.0, 20, 100.0, ("Speaker 1", "Speaker 2"), "en", (Chapter("rents", 0.0, 65.0, ROSE),)),
    fact_checks=FactChecks((FactCheck(Claim(ROSE, 0.9), not_judged=NotJudged("needs_llm")),), 3),
    fallacies=Fallacies((Fallacy(FELL, FallacyKind.AD_HOMINEM, "you", "may be plain", 0.5),)),
    debate=DebateMap(
        speakers=SHARES, contradictions=(Contradiction(ROSE, AGAIN, "number", "rents", 0.9, "Another talk"),)
    ),
    summary=(AGAIN,),
)


def correction(kind: CorrectionKind, about: Quote, right: str, **more: object) -> Correction:
    made = Correction("1", ITEM, kind, about.text, about.start_s, right, "Eve", "2026-02-01T00:00:00Z")
    return replace(made, **more)  # type: ignore[arg-type]


def test_a_verdict_and_a_hint_are_not_changed_but_stand_beside_their_corrections() -> None:
    given = [
        correction(CorrectionKind.VERDICT, ROSE, "refuted"),
        correction(CorrectionKind.HINT, FELL, UNFAIR),
    ]
    corrected = with_corrections(REPORT, given)
    assert corrected == replace(REPORT, corrections=tuple(given))


@pytest.mark.parametrize(
    ("quote", "start_s", "applies"),
    [
        ("Rents rose by 12 percent last year.", 0.0, True),
        ("rents ROSE by 12 percent, last year", 9.0, True),
        ("Rents rose by 12 percent", 1.5, True),
        ("Rents rose by 12 percent", 9.0, False),
        ("Rents rose by 12 percent last year.", 60.0, False),
        ("Rents rose by 120 percent last year.", 0.0, False),
        ("rent", 0.0, False),
    ],
)
def test_a_correction_is_found_again_by_words_and_second(quote: str, start_s: float, applies: bool) -> None:
    given = correction(CorrectionKind.VERDICT, ROSE, "refuted", quote=quote, start_s=start_s)
    assert [each.applies for each in with_corrections(REPORT, [given]).corrections] == [applies]


def test_a_correction_is_about_its_own_kind_only() -> None:
    assert not with_corrections(REPORT, [correction(CorrectionKind.HINT, ROSE, UNFAIR)]).corrections[0].applies
    assert [quote.text for quote in quotes_of(REPORT, CorrectionKind.HINT)] == ["They fell"]


def test_a_name_stands_wherever_its_speaker_does() -> None:
    corrected = with_corrections(REPORT, [correction(CorrectionKind.SPEAKER, ROSE, "Ada", speaker="Speaker 1")])
    assert corrected.outline is not None
    assert corrected.debate is not None
    assert corrected.outline.speakers == ("Ada", "Speaker 2")
    assert [each.speaker for each in corrected.debate.speakers] == ["Ada", "Speaker 2"]
    assert {quote.speaker for quote in quotes_in(corrected)} == {"Ada", "Speaker 2"}
    assert [quote.text for quote in quotes_in(corrected)] == [quote.text for quote in quotes_in(REPORT)]
    # The earlier statement is of another item, whose speaker is nobody of this one.
    assert corrected.debate.contradictions[0].earlier.speaker == "Speaker 1"


def test_two_labels_of_one_person_become_one_speaker() -> None:
    names = [
        correction(CorrectionKind.SPEAKER, ROSE, "Ada", speaker="Speaker 1"),
        correction(CorrectionKind.SPEAKER, FELL, "Ada", speaker="Speaker 2", id="2"),
    ]
    corrected = with_corrections(REPORT, names)
    assert corrected.outline is not None
    assert corrected.debate is not None
    assert corrected.outline.speakers == ("Ada",)
    assert corrected.debate.speakers == (SpeakerShare("Ada", 14.0, 1.0, 20, 3, 1),)


LEDGER = DebateLedger(
    points=(DebatePoint(ROSE, (FELL,)),),
    grades=tuple(SpeechGrade(f"Speaker {n}", Dimension.CLASH, Grade.FAIR) for n in (1, 2)),
    outcome=DebateOutcome("Speaker 1", ("Speaker 1", None)),
)


def test_a_ledger_has_the_right_names_too() -> None:
    given = correction(CorrectionKind.SPEAKER, ROSE, "Ada", speaker="Speaker 1")
    ledger = with_corrections(replace(REPORT, ledger=LEDGER), [given]).ledger
    assert ledger is not None
    assert [each.speaker for each in ledger.grades] == ["Ada", "Speaker 2"]
    assert ledger.outcome == DebateOutcome("Ada", ("Ada", None))


def test_whom_a_model_took_for_two_is_not_graded_and_gives_himself_no_answer() -> None:
    names = [
        correction(CorrectionKind.SPEAKER, ROSE, "Ada", speaker="Speaker 1"),
        correction(CorrectionKind.SPEAKER, FELL, "Ada", speaker="Speaker 2", id="2"),
    ]
    ledger = with_corrections(replace(REPORT, ledger=LEDGER), names).ledger
    assert ledger is not None
    assert (ledger.grades, ledger.outcome, ledger.points[0].answers) == ((), None, ())


def test_two_names_are_exchanged() -> None:
    names = [
        correction(CorrectionKind.SPEAKER, ROSE, "Speaker 2", speaker="Speaker 1"),
        correction(CorrectionKind.SPEAKER, FELL, "Speaker 1", speaker="Speaker 2", id="2"),
    ]
    corrected = with_corrections(REPORT, names)
    assert corrected.debate is not None
    assert [(each.speaker, each.words) for each in corrected.debate.speakers] == [("Speaker 2", 14), ("Speaker 1", 6)]


def test_a_name_follows_the_words_when_the_next_analysis_numbers_otherwise() -> None:
    """The words, not the number, say who was meant."""
    given = correction(CorrectionKind.SPEAKER, ROSE, "Ada", speaker="Speaker 7")
    assert with_corrections(REPORT, [given]).corrections[0].speaker == "Speaker 1"
    lost = correction(CorrectionKind.SPEAKER, ROSE, "Ada", speaker="Speaker 1", quote="Something else was said.")
    assert with_corrections(REPORT, [lost]) == replace(REPORT, corrections=(replace(lost, applies=False),))


def test_a_contradiction_that_is_now_of_two_persons_is_none_and_what_is_between_one_and_himself_neither() -> None:
    debate = DebateMap(
        contradictions=(Contradiction(ROSE, AGAIN, "number", "rents", 0.9),),
        clashes=(Clash(FELL, AGAIN, "rents"),),
        agreements=(Agreement(FELL, AGAIN, "exactly"),),
        interruptions=(Interruption(FELL, AGAIN, InterruptionSign.OVERLAP),),
    )
    debated = replace(REPORT, debate=debate)
    corrected = with_corrections(debated, [correction(CorrectionKind.ATTRIBUTION, AGAIN, "Speaker 2")])
    assert corrected.debate is not None
    assert corrected.debate == DebateMap(interruptions=())


def test_single_words_are_given_to_another_speaker() -> None:
    corrected = with_corrections(REPORT, [correction(CorrectionKind.ATTRIBUTION, AGAIN, "Bob")])
    assert [quote.speaker for quote in corrected.summary] == ["Bob"]
    again = [correction(CorrectionKind.ATTRIBUTION, AGAIN, name, id=name) for name in ("Bob", "Cy")]
    assert [quote.speaker for quote in with_corrections(REPORT, again).summary] == ["Cy"]
    assert corrected.fact_checks is not None
    assert corrected.fact_checks.checks[0].claim.quote.speaker == "Speaker 1"


def test_corrections_of_before_are_replaced() -> None:
    old = replace(REPORT, corrections=(correction(CorrectionKind.VERDICT, ROSE, "refuted"),))
    assert with_corrections(old, []) == REPORT
