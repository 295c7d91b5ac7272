"""Whether words fit their recording, and what a reader of the report before would miss."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.errors import BadRequestError
from udib.core.findings import Report, TranscriptFacts
from udib.core.speech import Missing, Origin, Segment, Transcript
from udib.core.types import CaptionTrack, Content, ContentId, Media, Platform
from udib.pipeline.words import changes, decisive, uncovered

TALK = Content(ContentId("file:1"), Platform.FILE, "file:///a/talk.mp4", "talk")


def words(end_s: float, origin: Origin = Origin.CAPTIONS, *, timed: bool = True) -> Transcript:
    return Transcript((Segment(0.0, end_s, "Rents rose."),), origin, "test", timed=timed)


def report(content: Content, origin: Origin) -> Report:
    facts = TranscriptFacts(origin.value, "test", "en", low_accuracy=False, timed=True, segments=1, words=2)
    return Report("udib.report/1", content, "2026-01-02", 1, facts, None, None, None, None)


@pytest.mark.parametrize(
    ("end_s", "duration_s", "says"),
    [
        (3600.0, 3600.0, None),
        (3700.0, 3600.0, None),  # captions stay on the screen
        (90.0, 30.0, None),
        (2000.0, 3600.0, None),
        (100.0, 3600.0, "they end at 100 s of 3600 s"),
        (20.0, 70.0, None),  # a jingle of 50 s
        (3600.0, None, None),
    ],
)
def test_captions_that_end_early_are_told(end_s: float, duration_s: float | None, says: str | None) -> None:
    found = uncovered(words(end_s), duration_s)
    assert [gap.part for gap in found] == (["captions"] if says else [])
    assert all(gap.reason.startswith(says or "") for gap in found)


def test_captions_that_go_on_after_the_end_belong_to_another_recording() -> None:
    with pytest.raises(BadRequestError, match="go on until 5000 s, but the recording ends at 600 s"):
        uncovered(words(5000.0), 600.0)


def test_estimated_times_and_recognised_words_are_not_held_against_the_length() -> None:
    assert uncovered(words(5000.0, timed=False), 600.0) == ()
    assert uncovered(words(5000.0, Origin.ASR), 600.0) == ()


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_words_within_the_recording_are_never_refused(one: float, other: float) -> None:
    assert len(uncovered(words(min(one, other)), max(one, other))) <= 1


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (Origin.CAPTIONS, Origin.ASR, True),
        (Origin.TRANSCRIPT, Origin.AUTOMATIC_CAPTIONS, True),
        (Origin.ASR, Origin.CAPTIONS, False),
        (Origin.ASR, Origin.ASR, False),
    ],
)
def test_worse_words_than_before_are_told(before: Origin, now: Origin, *, told: bool) -> None:
    found = changes(report(TALK, before), TALK, words(9.0, now), revision=2)
    assert [gap.part for gap in found] == (["better words"] if told else [])


def test_the_first_report_changes_nothing() -> None:
    assert changes(None, TALK, words(9.0), revision=1) == ()


def test_a_resumed_run_says_again_what_its_stored_report_said() -> None:
    worse = words(9.0, Origin.ASR)
    [told] = changes(report(TALK, Origin.CAPTIONS), TALK, worse, revision=2)
    stored = replace(report(TALK, Origin.ASR), revision=2, missing=(told, Missing("verdicts", "needs_llm")))
    assert changes(stored, TALK, worse, revision=2) == (told,)
    assert changes(stored, TALK, worse, revision=3) == ()


@pytest.mark.parametrize(
    ("address", "title", "told"),
    [
        ("file:///a/copy.mp4", "copy", True),
        ("file:///b/talk.mp4", "talk", False),
        ("file:///a/talk.mp4", "The talk", False),  # its own tag
    ],
)
def test_another_name_of_the_same_file_is_told(address: str, title: str, *, told: bool) -> None:
    content = replace(TALK, address=address, title=title)
    found = changes(report(TALK, Origin.ASR), content, words(9.0, Origin.ASR), revision=2)
    assert [gap.part for gap in found] == (["former title"] if told else [])
    assert all("'talk' (file:///a/talk.mp4)" in gap.reason for gap in found)


def test_the_bytes_decide_the_words_and_not_where_they_lie() -> None:
    here = Media(path="/a/talk.mp4", digest="d1", reason="one")
    assert decisive(here) == decisive(replace(here, path="/b/copy.mp4", reason="other"))
    others = [
        replace(here, digest="d2"),
        replace(here, digest=""),
        replace(here, language="de"),
        replace(here, captions=CaptionTrack("a.vtt")),
        replace(here, captions=CaptionTrack("a.vtt", automatic=True)),
    ]
    assert all(decisive(here) != decisive(other) for other in others)
