"""What holds of every verdict, whatever was found and whatever a model says of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from udib.analysis.verdicts import (
    FRESH,
    LONG_AFTER,
    LONG_BEFORE,
    MOST_CONFIDENT,
    NO_EVIDENCE,
    ONE_SOURCE,
    OWN_WORDS,
    REFUTED_WITHOUT_FIRST_TIER,
    TALKS_ALONE,
    UNDATED_STATEMENT,
    Moment,
    verdict_on,
)
from udib.core.findings import Claim, Evidence, EvidenceKind, Label, NotJudged, Verdict
from udib.core.judging import Judgement, Stance, Strength
from udib.core.speech import Origin, Segment, Transcript

SAID_AT = datetime(2024, 6, 1, 12, tzinfo=UTC)
JUDGED_AT = SAID_AT + timedelta(days=90)
MOMENT = Moment(SAID_AT, JUDGED_AT)


def claim_of(speaker: str | None) -> Claim:
    said = Transcript((Segment(0.0, 3.0, "Rents rose by 12 percent.", speaker),), Origin.CAPTIONS, "test")
    return Claim(said.cut(0, 0, 0, 25), 0.9)


CLAIM = claim_of("Maya")
kinds = st.sampled_from([EvidenceKind.FILE, EvidenceKind.REVIEW, EvidenceKind.WEB, EvidenceKind.MEMORY])
dates = st.sampled_from([None, "2019-01-01", "2024-05-01", "2024-06-20T08:00:00+00:00", "2027-01-01", "last week"])
ratings = st.sampled_from([None, "False", "True", "Half true", "Unproven", "7/10"])


@st.composite
def found(draw: st.DrawFn, least: int = 0) -> tuple[list[Evidence], list[Judgement]]:
    evidence = [
        Evidence(
            "Rents rose.",
            f"source {number}",
            f"https://{number}.example/a",
            0.5,
            published_at=draw(dates),
            kind=draw(kinds),
            tier=draw(st.sampled_from([1, 2, 3, 9])),
            rating=draw(ratings),
        )
        for number in range(draw(st.integers(least, 5)))
    ]
    judgements = [
        Judgement(number, draw(st.sampled_from(Stance)), draw(st.sampled_from(Strength)))
        for number in range(len(evidence))
    ]
    return evidence, judgements


def judged(evidence: list[Evidence], judgements: list[Judgement], moment: Moment = MOMENT) -> Verdict:
    verdict = verdict_on(CLAIM, evidence, judgements, moment)
    assert isinstance(verdict, Verdict)
    return verdict


def deciding(evidence: list[Evidence], judgements: list[Judgement], stance: Stance) -> list[Evidence]:
    return [evidence[each.evidence] for each in judgements if each.stance is stance]


@given(found())
def test_nothing_found_is_no_verdict_and_confidence_is_bounded(case: tuple[list[Evidence], list[Judgement]]) -> None:
    verdict = verdict_on(CLAIM, *case, MOMENT)
    if isinstance(verdict, NotJudged):
        assert verdict.reason == NO_EVIDENCE
        assert not case[0]
        return
    assert 0.0 <= verdict.confidence <= MOST_CONFIDENT
    assert (verdict.confidence == 0.0) == (verdict.label is Label.NOT_ENOUGH_INFO)
    assert verdict.basis


@given(found(1))
def test_what_says_nothing_decides_nothing(case: tuple[list[Evidence], list[Judgement]]) -> None:
    evidence, judgements = case
    silent = [replace(each, stance=Stance.NEITHER) for each in judgements]
    assert judged(evidence, silent).label is Label.NOT_ENOUGH_INFO


@given(found(1))
def test_refuted_without_a_first_tier_that_contradicts_is_bounded(case: tuple[list[Evidence], list[Judgement]]) -> None:
    evidence, judgements = case
    verdict = judged(evidence, judgements)
    against = [
        each
        for each in (*deciding(evidence, judgements, Stance.REFUTES), *deciding(evidence, judgements, Stance.SUPPORTS))
        if each.kind is EvidenceKind.REVIEW or each.tier == 1
    ]
    if verdict.label is Label.REFUTED and not against:
        assert verdict.confidence <= REFUTED_WITHOUT_FIRST_TIER


@given(found(1))
def test_only_who_says_the_opposite_refutes(case: tuple[list[Evidence], list[Judgement]]) -> None:
    evidence, judgements = case
    plain = [replace(each, kind=EvidenceKind.WEB) for each in evidence]
    verdict = judged(plain, judgements)
    stances = {each.stance for each in judgements}
    if verdict.label is Label.REFUTED:
        assert Stance.REFUTES in stances
    if verdict.label is Label.SUPPORTED:
        assert Stance.SUPPORTS in stances
    if verdict.label is Label.CONFLICTING:
        assert {Stance.REFUTES, Stance.SUPPORTS} <= stances


@given(found(1), st.integers(-48, 100))
def test_a_fresh_statement_has_no_sure_verdict(case: tuple[list[Evidence], list[Judgement]], hours: int) -> None:
    verdict = judged(*case, Moment(SAID_AT, SAID_AT + timedelta(hours=hours)))
    for age, most, _ in FRESH:
        assert timedelta(hours=hours) >= age or verdict.confidence <= most


@given(found(1), st.integers(-48, 23))
def test_one_age_of_a_statement_is_one_reason(case: tuple[list[Evidence], list[Judgement]], hours: int) -> None:
    verdict = judged(*case, Moment(SAID_AT, SAID_AT + timedelta(hours=hours)))
    assert verdict.basis.count("said less than") <= 1


@given(found(1))
def test_bounds_of_dates_and_sources_hold(case: tuple[list[Evidence], list[Judgement]]) -> None:
    evidence, judgements = case
    assert judged(evidence, judgements, Moment(None, JUDGED_AT)).confidence <= UNDATED_STATEMENT
    old = [replace(each, published_at="2001-01-01") for each in evidence]
    assert judged(old, judgements).confidence <= LONG_BEFORE
    late = [replace(each, published_at="2030-01-01") for each in evidence]
    assert judged(late, judgements).confidence <= LONG_AFTER
    talks = [replace(each, kind=EvidenceKind.MEMORY) for each in evidence]
    assert judged(talks, judgements).confidence <= TALKS_ALONE
    one = [replace(each, publisher="The Herald") for each in evidence]
    assert judged(one, judgements).confidence <= ONE_SOURCE


@given(found(1))
def test_the_same_source_again_changes_nothing(case: tuple[list[Evidence], list[Judgement]]) -> None:
    evidence, judgements = case
    again = [replace(each, evidence=each.evidence + len(evidence)) for each in judgements]
    once, twice = judged(evidence, judgements), judged([*evidence, *evidence], [*judgements, *again])
    assert (once.label, once.confidence) == (twice.label, twice.confidence)


@given(found(1))
def test_order_does_not_matter(case: tuple[list[Evidence], list[Judgement]]) -> None:
    evidence, judgements = case
    last = len(evidence) - 1
    turned = [replace(each, evidence=last - each.evidence) for each in judgements]
    assert judged(evidence, judgements) == judged(evidence[::-1], turned[::-1])


@given(found(1))
def test_the_opposite_of_every_stance_gives_the_opposite_verdict(case: tuple[list[Evidence], list[Judgement]]) -> None:
    evidence, judgements = case
    opposite = {Stance.SUPPORTS: Stance.REFUTES, Stance.REFUTES: Stance.SUPPORTS, Stance.NEITHER: Stance.NEITHER}
    labels = {Label.SUPPORTED: Label.REFUTED, Label.REFUTED: Label.SUPPORTED}
    one = judged(evidence, judgements)
    other = judged(evidence, [replace(each, stance=opposite[each.stance]) for each in judgements])
    assert other.label is labels.get(one.label, one.label)


@given(found(1))
def test_one_more_that_agrees_never_turns_a_verdict(case: tuple[list[Evidence], list[Judgement]]) -> None:
    evidence, judgements = case
    more = Evidence("Rents rose.", "more", "https://more.example", 0.5, kind=EvidenceKind.WEB, tier=1)
    agreeing = Judgement(len(evidence), Stance.SUPPORTS, Strength.STRONG)
    before = judged(evidence, judgements)
    after = judged([*evidence, more], [*judgements, agreeing])
    if before.label is Label.SUPPORTED:
        assert after.label is Label.SUPPORTED
    if before.label is not Label.REFUTED:
        assert after.label is not Label.REFUTED


@given(found(1))
def test_numbers_of_evidence_that_was_not_shown_count_for_nothing(case: tuple[list[Evidence], list[Judgement]]) -> None:
    evidence, judgements = case
    strange = [Judgement(number, Stance.REFUTES, Strength.STRONG) for number in (-1, len(evidence), 10**9)]
    assert judged(evidence, [*judgements, *strange]) == judged(evidence, judgements)


def test_what_the_same_speaker_says_elsewhere_proves_nothing() -> None:
    own = Evidence("I said it.", "a talk", "https://a.example", 0.5, speaker="Maya")
    yes = [Judgement(0, Stance.SUPPORTS, Strength.STRONG)]
    assert verdict_on(CLAIM, [own], yes, MOMENT) == NotJudged(OWN_WORDS)
    numbered = verdict_on(claim_of("Speaker 1"), [replace(own, speaker="Speaker 1")], yes, MOMENT)
    assert isinstance(numbered, Verdict), "every item numbers its speakers anew"


def test_a_published_review_counts_by_its_rating() -> None:
    review = Evidence(
        "Rents rose by 12 percent.", "r", "https://r.example", 0.9, published_at="2024-06-10", kind=EvidenceKind.REVIEW,
        publisher="Facts", rating="Mostly false",
    )  # fmt: skip
    same = [Judgement(0, Stance.SUPPORTS, Strength.STRONG)]
    assert judged([review], same).label is Label.REFUTED
    assert judged([review], same).confidence > REFUTED_WITHOUT_FIRST_TIER
    opposite = [Judgement(0, Stance.REFUTES, Strength.STRONG)]
    assert judged([review], opposite).label is Label.SUPPORTED, "it reviews the opposite claim"
    assert judged([replace(review, rating="Half true")], same).label is Label.CONFLICTING
    assert judged([replace(review, rating="7/10")], same).label is Label.NOT_ENOUGH_INFO


def test_a_first_tier_source_refutes_and_the_basis_says_what_bounds_it() -> None:
    office = Evidence(
        "Rents fell.",
        "Office",
        "https://office.example",
        0.9,
        published_at="2024-05-30",
        kind=EvidenceKind.FILE,
        tier=1,
    )
    against = [Judgement(0, Stance.REFUTES, Strength.STRONG)]
    verdict = judged([office], against)
    assert (verdict.label, verdict.confidence) == (Label.REFUTED, ONE_SOURCE)
    assert verdict.basis == "1 piece of evidence judged, 1 against it; it rests on one source"
    page = judged([replace(office, tier=3, kind=EvidenceKind.WEB)], against)
    assert page.confidence <= REFUTED_WITHOUT_FIRST_TIER


def test_who_made_the_reviewed_claim_does_not_make_the_review_his_own_words() -> None:
    review = Evidence("Rents rose.", "Checked", "https://a.example", 0.5, kind=EvidenceKind.REVIEW, rating="False")
    verdict = judged([replace(review, speaker="Maya")], [Judgement(0, Stance.SUPPORTS, Strength.STRONG)])
    assert verdict.label is Label.REFUTED
