"""Who speaks, and what is not speech."""

import pytest

from udib.transcripts.captions import parse


def said(*cues: str) -> list[tuple[str | None, str]]:
    blocks = [f"00:00:{n:02}.000 --> 00:00:{n + 1:02}.000\n{cue}\n" for n, cue in enumerate(cues)]
    return [(s.speaker, s.text) for s in parse(("WEBVTT\n\n" + "\n".join(blocks)).encode(), "a.vtt").segments]


@pytest.mark.parametrize(
    ("cues", "expected"),
    [
        (["MAYA: Hi.", "It is late.", "TOM: Yes."], [("MAYA", "Hi."), ("MAYA", "It is late."), ("TOM", "Yes.")]),
        (["Maya Lind: Hi.", "Dr. Tom van Dam: Yes."], [("Maya Lind", "Hi."), ("Dr. Tom van Dam", "Yes.")]),
        (["MAYA: Hi.", "Maya: Again."], [("MAYA", "Hi."), ("MAYA", "Again.")]),
        (["MAYA (host): Hi.", "MAYA: Again."], [("MAYA", "Hi."), ("MAYA", "Again.")]),
        (["Speaker 1: Hi.", "Speaker 2: Yes."], [("Speaker 1", "Hi."), ("Speaker 2", "Yes.")]),
        (["SPEAKER_00: Hi.", "SPEAKER_01: Yes."], [("SPEAKER_00", "Hi."), ("SPEAKER_01", "Yes.")]),
        (["[Maya]: Hi.", "[Tom:] Yes."], [("Maya", "Hi."), ("Tom", "Yes.")]),
        (["[Speaker 1] Hi.", "[Speaker 1] Yes."], [("Speaker 1", "Hi."), ("Speaker 1", "Yes.")]),
        ([">> MAYA: Hi.", ">> Yes."], [("MAYA", "Hi."), (None, "Yes.")]),
        (["&gt;&gt; Hi. &gt;&gt; Yes."], [(None, "Hi."), (None, "Yes.")]),
        (["MAYA: Hi.\nTOM: Yes."], [("MAYA", "Hi."), ("TOM", "Yes.")]),
        (["MAYA:\nHi.", "TOM:", "Yes."], [("MAYA", "Hi."), ("TOM", "Yes.")]),
        (["- Hi.\n- Yes."], [(None, "Hi."), (None, "Yes.")]),
        (
            ["MAYA: One.", "MAYA: Two.", "- Hi\n- Yes"],
            [("MAYA", "One."), ("MAYA", "Two."), (None, "Hi"), (None, "Yes")],
        ),
        (["- Hi\nthere."], [(None, "Hi there.")]),
        (["- Hi. - Yes."], [(None, "Hi."), (None, "Yes.")]),
        (["Hi.\n- Yes."], [(None, "Hi."), (None, "Yes.")]),
        (["MAYA: Hi. TOM: Yes."], [("MAYA", "Hi."), ("TOM", "Yes.")]),
        (["- Well - yes."], [(None, "Well - yes.")]),
        (["I was going\n- never mind."], [(None, "I was going never mind.")]),
        (["-5 degrees\n-6 at night"], [(None, "-5 degrees -6 at night")]),
        (["<v Maya>one\ntwo", "three"], [("Maya", "one two"), (None, "three")]),
    ],
)
def test_speakers(cues: list[str], expected: list[tuple[str | None, str]]) -> None:
    assert said(*cues) == expected


@pytest.mark.parametrize(
    "cue",
    [
        "Note: this is not a name.",
        "Remember: nothing is free.",
        "Here is the thing: nothing is free.",
        "We said: no.",
        "It is 12:30 now.",
        "https://example.org is down",
        "Maya: only once, in a file without names",
    ],
)
def test_a_colon_alone_makes_no_speaker(cue: str) -> None:
    assert said(cue, "And so on.", "And so forth.") == [(None, cue), (None, "And so on."), (None, "And so forth.")]


def test_words_that_open_sentences_are_no_speakers_however_often() -> None:
    assert {speaker for speaker, _ in said("First: buses.", "Second: rents.", "First: again.")} == {None}


@pytest.mark.parametrize(
    ("cue", "text"),
    [
        ("[Music] Hello", "Hello"),
        ("Hello (audience laughs) again", "Hello again"),
        ("(APPLAUSE) Hello [speaking\nSpanish] you", "Hello you"),
        ("The fund (about 4 million) is gone", "The fund (about 4 million) is gone"),
        ("what the [ __ ] is that", "what the __ is that"),
        ("\u266a la la \u266a", "la la"),
        ("zero\u200bwidth\xa0and  spaces", "zerowidth and spaces"),
    ],
)
def test_sounds_are_dropped_and_words_kept(cue: str, text: str) -> None:
    assert said(cue) == [(None, text)]


@pytest.mark.parametrize("hidden", ["\u200b", "\u202e", "\u2066", "\u200d", "\u200f", "\ufeff"])
def test_what_nobody_sees_neither_parts_words_nor_makes_two_of_one_speaker(hidden: str) -> None:
    assert said(f"<v An{hidden}n>In 20{hidden}19 rents rose.", "<v Ann>Yes.", f"<v {hidden}>No.") == [
        ("Ann", "In 2019 rents rose."), ("Ann", "Yes."), (None, "No.")
    ]  # fmt: skip


def test_letters_that_belong_together_stay_joined() -> None:
    assert (
        said("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f469\u200d\U0001f52c")[0][1].count("\u200d") == 1
    )


def test_pieces_of_a_cue_share_its_time_by_their_length() -> None:
    first, second = parse(b"WEBVTT\n\n00:00.000 --> 00:03.000\n- abcd\n- ab", "a.vtt").segments
    assert (first.start_s, first.end_s, second.start_s, second.end_s) == (0.0, 2.0, 2.0, 3.0)


def test_pieces_with_word_times_have_the_times_of_their_words() -> None:
    text = b"WEBVTT\n\n00:00.000 --> 00:09.000\nno<00:01.000> >><00:05.000> no<00:06.000> way"
    first, second = parse(text, "a.vtt").segments
    assert (first.start_s, first.end_s, first.text) == (0.0, 1.0, "no")
    assert (second.start_s, second.end_s, second.text) == (5.0, 9.0, "no way")
