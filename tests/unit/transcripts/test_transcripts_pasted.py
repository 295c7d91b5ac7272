"""Texts as people paste them: chats, video transcripts, Markdown, tables."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from udib.core.errors import BadRequestError
from udib.core.speech import Origin
from udib.core.types import CaptionTrack, Media
from udib.transcripts.captions import CaptionTranscriber, ParsedCaptions, parse

Said = Sequence[tuple[float, str | None, str]]


def read(text: str, name: str = "pasted.txt") -> ParsedCaptions:
    return parse(text.encode(), name)


def said(text: str, name: str = "pasted.txt") -> Said:
    return [(segment.start_s, segment.speaker, segment.text) for segment in read(text, name).segments]


KATE_AND_BOB = [(0.0, "mod_kate", "we banned 43 people"), (60.0, "bob99", "really? I did not know.")]


@pytest.mark.parametrize(
    "text",
    [
        "[11/24/2026 8:05 PM] mod_kate: we banned 43 people\n[11/24/2026 8:06 PM] bob99: really? I did not know.",
        "[24.11.2026 20:05] mod_kate: we banned 43 people\n[24.11.2026 20:06] bob99: really? I did not know.",
        "[11/24/2026 11:59 PM] mod_kate: we banned 43 people\n[11/25/2026 12:00 AM] bob99: really? I did not know.",
        "mod_kate \u2014 11/24/2026 8:05 PM\nwe banned\n43 people\n"
        "bob99 \u2014 11/24/2026 8:06 PM\nreally? I did not know.",
        "mod_kate\n \u2014 Today at 8:05 PM\nwe banned 43 people\n"
        "bob99\n \u2014 Today at 8:06 PM\nreally? I did not know.",
        "[8:05 PM] mod_kate: we banned 43 people\n[8:06 PM] bob99: really?\nI did not know.",
        "[24-Nov-26 08:05 PM] mod_kate\nwe banned 43 people\n\n[24-Nov-26 08:06 PM] bob99\nreally? I did not know.\n",
        "24/11/2026, 20:05 - mod_kate: we banned 43 people\n24/11/2026, 20:06 - bob99: really? I did not know.",
        "[2026-11-24 20:05:00] <mod_kate> we banned 43 people\n[2026-11-24 20:06:00] <bob99> really? I did not know.",
    ],
)
def test_a_pasted_chat_keeps_its_people_and_times(text: str) -> None:
    assert said(text) == KATE_AND_BOB
    assert read(text).kind == "chat"


def test_a_chat_of_more_than_a_hundred_hours_keeps_its_people_and_says_that_times_are_estimates() -> None:
    found = read("[11/24/2026 8:05 PM] kate: we banned 43 people\n[12/24/2026 8:05 PM] bob: I did not know.")
    assert not found.timed
    assert [(segment.speaker, segment.start_s) for segment in found.segments] == [("kate", 0.0), ("bob", 1.6)]


def test_words_before_the_first_message_and_messages_without_words() -> None:
    text = "the log\n[11/24/2026 8:05 PM] kate:\n[11/24/2026 8:06 PM] bob: hello\n[99/99/2026 8:06 PM] bob: again"
    assert [(who, words) for _, who, words in said(text)] == [(None, "the log"), ("bob", "hello"), ("bob", "again")]


def test_speech_with_times_and_dates_is_no_chat() -> None:
    assert read("Anna: We met on 11/24/2026 8:05 PM.\nBen: No.\nAnna: Yes.").kind == "text"
    assert said("[20:05] Anna: We met.\n[20:30] Ben: No.") == [(1205.0, "Anna", "We met."), (1230.0, "Ben", "No.")]


@pytest.mark.parametrize(
    "text",
    [
        "**Anna:** Hello.\n\n**Ben:** No *way*.",
        "__Anna__: Hello.\n\n__Ben__: No _way_.",
        "*Anna:* Hello.\n*Ben:* No way.",
    ],
)
def test_emphasis_in_markdown_hides_no_name(text: str) -> None:
    assert [(who, words) for _, who, words in said(text)] == [("Anna", "Hello."), ("Ben", "No way.")]


@pytest.mark.parametrize(
    "text", ["It costs 2 * 3 * 4 euros.", "some_snake_case f***ing f***ing", "[ __ ] you", "* a\n* b"]
)
def test_other_stars_and_underscores_stay(text: str) -> None:
    marks = [sign for sign in text if sign in "*_"]
    assert [sign for _, _, words in said(text) for sign in words if sign in "*_"] == marks


TALK = [(0.0, "Anna", "The event was good."), (3.0, "Ben", "Yes, it was.")]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('start,end,speaker,text\n0,3,Anna,The event was good.\n3,6,Ben,"Yes, it was."', "talk.csv"),
        ("Text;Speaker;Start\nThe event was good.;Anna;0:00\nYes, it was.;Ben;0:03", "talk.txt"),
        ("start\tend\tspeaker\ttext\n0\t3000\tAnna\tThe event was good.\n3000\t6000\tBen\tYes, it was.\n", "talk.tsv"),
    ],
)
def test_a_table_is_read_by_its_columns(text: str, name: str) -> None:
    assert said(text, name) == TALK
    assert read(text, name).kind == "table"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("0,3,The event was good.\n3,6,Yes.", "without columns named start and text"),
        ('start,text\n0,"The event', "cannot be read as a table"),
        ("start,text\n", "no spoken words"),
        ("start,text\nnever,The event\n", "No time"),
    ],
)
def test_another_table_is_refused_with_a_sentence(text: str, part: str) -> None:
    with pytest.raises(BadRequestError, match=part):
        read(text, "talk.csv")


def test_a_long_silence_is_nobodys_talk_time_and_the_report_says_that_ends_are_estimates() -> None:
    words = "We talk a lot here. " * 18
    found = read(f"[00:03:00] Ben: {words}\n[01:10:05] Anna: I disagree with all that.\n[01:10:08] Ben: No.")
    ben = [segment for segment in found.segments if segment.speaker == "Ben"]
    assert sum(segment.end_s - segment.start_s for segment in ben) == pytest.approx(90 / 2.5 + 1, abs=1)
    assert found.timed
    assert "does not say when 1 of" in found.estimates
    assert read("[0:03] Ben: We talk a lot here.\n[0:05] Anna: I disagree.").estimates == ""


async def test_what_is_estimated_and_the_language_of_the_file_are_told_with_the_words(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    said = [{"start": 0, "text": "Guten Tag"}, {"start": 60, "end": 61, "text": "Danke"}]
    path.write_text(json.dumps({"language": "de", "segments": said}), encoding="utf-8")
    media = Media(captions=CaptionTrack(str(path)))
    transcriber = CaptionTranscriber()
    [window] = [window async for window in transcriber.windows(media)]
    assert window.language == "de"
    assert [gap.part for gap in window.missing] == ["talk times"]
    assert transcriber.origin(media) is Origin.TRANSCRIPT


@pytest.mark.parametrize("language", ["<b>", "", None])
def test_what_is_no_language_tag_is_none(language: str | None) -> None:
    said = [{"start": 0, "end": 2, "text": "Hello"}]
    assert read(json.dumps({"language": language, "segments": said})).language is None
    assert read(json.dumps(said)).language is None
