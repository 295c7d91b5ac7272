"""Transcripts that are not what the rules expect: each has one clear outcome."""

from collections.abc import Sequence

import pytest
from analysis_talk import WordCounts, said

from udib.analysis.aggregate import NO_SPEECH, aggregate
from udib.analysis.debate import map_debate
from udib.analysis.fact_check import NEEDS_MODEL, check_claims
from udib.analysis.fallacies import fallacy_hints
from udib.analysis.language import language_of
from udib.analysis.outline import describe
from udib.core.findings import Evidence, Findings, Report
from udib.core.speech import Missing, Origin, Segment, Transcript
from udib.core.types import Content, ContentId, Platform

CONTENT = Content(ContentId("file:1"), Platform.FILE, "x", "x")
CLAIM = "The unemployment rate in Ohio fell to 4 percent in 2019."


async def nothing_known(statements: Sequence[str]) -> list[list[Evidence]]:
    return [[] for _ in statements]


async def report_on(transcript: Transcript) -> Report:
    embedder = WordCounts()
    findings = Findings(
        transcript,
        await describe(transcript, embedder),
        await map_debate(transcript, embedder),
        await check_claims(transcript, nothing_known, limit=60),
        await fallacy_hints(transcript),
    )
    report = aggregate(findings, CONTENT, created_at="2026-01-01T00:00:00+00:00", revision=1)
    assert report.quotes_dropped == 0
    return report


def claims_of(report: Report) -> list[str]:
    assert report.fact_checks is not None
    return [check.claim.quote.text for check in report.fact_checks.checks]


async def test_words_without_punctuation_or_capitals_have_sentences_and_claims() -> None:
    talk = "so you know we all care about it and um the unemployment rate in ohio fell to 4 percent in 2019 and then"
    cues = tuple(Segment(4.0 * at, 4.0 * at + 3.9, f"{talk} well okay", None) for at in range(12))
    report = await report_on(Transcript(cues, Origin.ASR, "test"))
    claims = claims_of(report)
    assert claims
    assert all("unemployment rate in ohio fell to 4 percent" in claim and len(claim.split()) <= 30 for claim in claims)


async def test_one_speaker_has_the_whole_time_and_no_clash() -> None:
    report = await report_on(said(("ANN", f"{CLAIM} The unemployment rate in Ohio did not fall to 4 percent in 2019.")))
    assert report.debate is not None
    assert [share.share for share in report.debate.speakers] == [1.0]
    assert (report.debate.clashes, report.debate.unanswered) == ((), ())


async def test_forty_speakers_have_a_share_each() -> None:
    report = await report_on(said(*((f"P{at % 40}", f"Boat {at} of the harbor has a hole.") for at in range(120))))
    assert report.debate is not None
    assert len(report.debate.speakers) == 40
    assert sum(share.share for share in report.debate.speakers) == pytest.approx(1.0, abs=0.01)


async def test_capitals_everywhere_mean_no_names_but_the_claim_is_found() -> None:
    report = await report_on(said(("ANN", f"{CLAIM.upper()} WE SHOULD BE PROUD OF THAT.")))
    assert claims_of(report) == [CLAIM.upper()]
    assert report.fact_checks is not None
    assert "named entity" not in report.fact_checks.checks[0].claim.reasons


FOREIGN = {
    "German": "Die Mieten in Wien sind um zwölf Prozent gestiegen und das ist nicht gut für uns und die Leute da.",
    "French": "Les loyers de la ville ont augmenté et ce n'est pas bon pour les gens qui vivent ici avec nous.",
    "Spanish": "El precio de los pisos en la ciudad sube y no es bueno para la gente que vive en el centro de todo.",
    "Italian": "Gli affitti della città sono saliti e questo non è un bene per la gente che vive in centro da anni.",
    "Portuguese": "Os preços da cidade não são bons para as pessoas que vivem no centro e isso não é uma boa notícia.",
    "Dutch": "De huur in de stad is gestegen en dat is niet goed voor de mensen die er wonen en naar het werk gaan.",
    "Japanese": "家賃は去年十パーセント上がりました。",
    "in Arabic letters": "ارتفعت الإيجارات في المدينة بنسبة عشرة في المئة في العام الماضي",
    "in Cyrillic letters": "Арендная плата в городе выросла на десять процентов за последний год",
}


@pytest.mark.parametrize(("name", "text"), FOREIGN.items())
@pytest.mark.parametrize("said_to_be", ["und", "en"])
async def test_another_language_is_named_with_what_is_off(name: str, text: str, said_to_be: str) -> None:
    report = await report_on(said(("ANN", text), language=said_to_be))
    why = f"these rules are for English, and this is {name}"
    assert set(report.missing) == {
        Missing(part, why) for part in ("claims", "fallacies", "arguments", "chapters", "summary")
    }
    assert report.debate is not None
    assert len(report.debate.speakers) == 1


async def test_a_language_that_nobody_can_tell_is_another_one() -> None:
    text = "Tra la dum hey nonny hopla zim bam " * 4
    report = await report_on(said(("ANN", text), language="und"))
    assert report.missing[0].reason == "these rules are for English, and this is in another language"
    assert language_of(said(("ANN", text), language="fi")) == "fi"


@pytest.mark.parametrize(
    "cues", [["[Music]"], ["\u266a", "[Applause]"], ["\u266a la la rents rose \u266a", "(laughter)"], []]
)
async def test_music_only_is_said_to_be_no_speech(cues: list[str]) -> None:
    report = await report_on(said(*((None, cue) for cue in cues)))
    assert report.missing == (NO_SPEECH,)
    assert report.outline is not None
    assert report.outline.chapters == ()


async def test_three_words_are_one_chapter_and_nothing_else() -> None:
    report = await report_on(said(("ANN", "Rents rose fast.")))
    assert report.outline is not None
    assert [chapter.title for chapter in report.outline.chapters] == ["Rents rose fast"]
    assert (claims_of(report), report.summary, report.missing) == ([], (), ())


async def test_speech_over_speech_is_counted_for_both() -> None:
    cues = (Segment(0, 6, CLAIM, "ANN"), Segment(2, 8, "That is not true at all, it rose.", "BEN"))
    report = await report_on(Transcript(cues, Origin.CAPTIONS, "test"))
    assert report.debate is not None
    assert [(share.talk_s, share.share) for share in report.debate.speakers] == [(6.0, 0.5), (6.0, 0.5)]
    assert claims_of(report) == [CLAIM]
    assert report.fact_checks is not None
    assert "disputed" in report.fact_checks.checks[0].claim.reasons


async def test_profanity_is_quoted_as_it_was_said() -> None:
    text = "The fucking unemployment rate in Ohio fell to 4 percent in 2019."
    assert claims_of(await report_on(said(("ANN", text)))) == [text]


async def test_a_quote_in_another_direction_stays_as_it_is_in_an_english_talk() -> None:
    text = f"{CLAIM} They call it \u0627\u0644\u0633\u0644\u0627\u0645 and say so."
    report = await report_on(said(("ANN", text)))
    assert claims_of(report) == [CLAIM]
    assert {gap.part for gap in report.missing} == {"verdicts"}
    assert report.missing[0].reason == NEEDS_MODEL


async def test_twelve_hours_are_covered_to_their_end() -> None:
    spoken = (
        Segment(72.0 * at, 72.0 * at + 5, f"The harbor of town {at} cost {at % 90 + 5} million dollars.", "AB"[at % 2])
        for at in range(600)
    )
    far = Transcript(tuple(spoken), Origin.CAPTIONS, "test")
    report = await report_on(far)
    assert report.outline is not None
    assert report.outline.chapters[-1].end_s == far.duration_s > 11.9 * 3600
    assert report.fact_checks is not None
    assert report.fact_checks.considered == 600
    assert {check.claim.quote.start_s > 6 * 3600 for check in report.fact_checks.checks} == {True, False}
