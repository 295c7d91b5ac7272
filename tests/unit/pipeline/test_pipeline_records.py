from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.findings import (
    REPORT_SCHEMA,
    Chapter,
    Claim,
    Contradiction,
    DebateMap,
    FactCheck,
    FactChecks,
    NotJudged,
    Outline,
    Report,
    TranscriptFacts,
)
from udib.core.speech import Origin, Segment, Transcript
from udib.core.types import Content, ContentId, Platform, RecordKind
from udib.memory.point_checks import checked_payload
from udib.pipeline.records import analysis_records, claim_records, transcript_records

CONTENT = Content(ContentId("file:1"), Platform.FILE, "file:///talk.txt", "Talk")


def said(*turns: tuple[str, str]) -> Transcript:
    segments = tuple(Segment(10.0 * at, 10.0 * at + 10, text, who) for at, (who, text) in enumerate(turns))
    return Transcript(segments, Origin.TRANSCRIPT, "captions")


def a_report(outline: Outline | None = None, debate: DebateMap | None = None) -> Report:
    facts = TranscriptFacts("transcript", "captions", "en", low_accuracy=False, timed=True, segments=1, words=1)
    return Report(REPORT_SCHEMA, CONTENT, "2026-01-01T00:00:00+00:00", 1, facts, outline, None, None, debate)


def test_a_piece_has_one_speaker_and_its_seconds() -> None:
    records = transcript_records(CONTENT, said(("A", "Rents rose."), ("A", "They fell later."), ("B", "No.")))
    assert [(record.speaker, record.text) for record in records] == [
        ("A", "Rents rose. They fell later."),
        ("B", "No."),
    ]
    assert (records[0].start_s, records[0].end_s, records[1].start_s) == (0.0, 20.0, 20.0)
    assert records[1].context == "Rents rose. They fell later."
    assert records[1].link == "file:///talk.txt#t=20"


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    sentence = "In the year 2021 the rents in this city rose by twelve percent again. "
    records = transcript_records(CONTENT, said(("A", sentence * 30)))
    assert len(records) >= 7
    assert all(record.text.endswith("again.") and len(record.text.split()) <= 80 for record in records)
    starts = [record.start_s for record in records]
    assert starts == sorted(set(starts)), "each piece has its own second"


def test_a_piece_does_not_reach_over_a_silence() -> None:
    segments = (Segment(0.0, 2.0, "what they mean", "A"), Segment(3600.0, 3602.0, "and that is all", "A"))
    records = transcript_records(CONTENT, Transcript(segments, Origin.TRANSCRIPT, "captions"))
    assert [(record.start_s, record.end_s) for record in records] == [(0.0, 2.0), (3600.0, 3602.0)]


def test_words_without_an_end_are_cut_all_the_same() -> None:
    records = transcript_records(CONTENT, said(("A", "word " * 200_000)))
    assert max(len(record.text.split()) for record in records) <= 80


@given(st.lists(st.tuples(st.sampled_from("AB"), st.text("ab .?!\n", min_size=1, max_size=400)), max_size=8))
def test_no_word_is_lost_or_doubled(turns: list[tuple[str, str]]) -> None:
    transcript = said(*turns)
    records = transcript_records(CONTENT, transcript)
    assert [word for record in records for word in record.text.split()] == [
        word for _, text in turns for word in text.split()
    ]


def test_chapters_and_contradictions_are_remembered_in_the_words_that_were_said() -> None:
    transcript = said(("A", "Rents rose by 4 percent."), ("B", "Now to buses."), ("A", "Rents rose by 9 percent."))
    first, second, third = (transcript.cut(at, 0, at, len(part.text)) for at, part in enumerate(transcript.segments))
    chapters = (Chapter("rents", 0.0, 10.0, first), Chapter("buses", 10.0, 30.0, second))
    here = Contradiction(first, third, "number", "rents", 0.9)
    elsewhere = Contradiction(first, third, "number", "rents", 0.9, earlier_source="An earlier talk")
    report = a_report(
        outline=Outline(30.0, 13, 26.0, ("A", "B"), "en", chapters),
        debate=DebateMap(contradictions=(here, elsewhere)),
    )
    records = analysis_records(CONTENT, report)
    assert [record.number for record in records] == [0, 1, 2, 3, 4]
    assert {record.kind for record in records} == {RecordKind.ANALYSIS}
    assert [(record.text, record.context, record.speaker) for record in records] == [
        (first.text, "rents", "A"),
        (second.text, "buses", "B"),
        (first.text, third.text, "A"),
        (third.text, first.text, "A"),
        (third.text, first.text, "A"),  # the earlier words are of another item, which remembers them itself
    ]
    assert analysis_records(CONTENT, a_report()) == []


HOSTILE = {
    "one word of 100 kB": ("A", "x" * 100_000),
    "100 kB without a space in another script": ("A", "\u8a9e" * 100_000),
    "control characters, which JSON writes in six": ("A", "\x01" * 50_000),
    "a speaker of 100 kB": ("S" * 100_000, "Rents rose."),
    "long words in a row": ("A", ("y" * 1990 + " ") * 100),
}


@pytest.mark.parametrize("turn", HOSTILE.values(), ids=HOSTILE)
def test_every_record_fits_into_the_index(turn: tuple[str, str]) -> None:
    content = replace(CONTENT, title="T" * 100_000, url=f"https://a.example/{'u' * 100_000}")
    transcript = said(turn, ("B", "They fell later."))
    quotes = [transcript.cut(at, 0, at, len(part.text)) for at, part in enumerate(transcript.segments)]
    checks = FactChecks(tuple(FactCheck(Claim(q, 0.9), not_judged=NotJudged("needs_llm")) for q in quotes[1:]), 2)
    records = [*transcript_records(content, transcript), *claim_records(content, checks)]
    for record in records:
        checked_payload(str(record.number), msgspec.to_builtins(record))
        assert len(record.text) <= 2000
    words = [record.text for record in records if record.kind is RecordKind.TRANSCRIPT and record.speaker != "B"]
    assert "".join("".join(words).split()) == "".join(turn[1].split())
