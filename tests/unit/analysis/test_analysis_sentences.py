import time

import pytest

from udib.analysis.sentences import LONGEST_SPOKEN, sentences
from udib.core.speech import Origin, Segment, Transcript, Word


def cues(*texts: str, speaker: str | None = "A", gap_s: float = 0.0, length_s: float = 2.0) -> Transcript:
    step = length_s + gap_s
    segments = tuple(Segment(n * step, n * step + length_s, text, speaker) for n, text in enumerate(texts))
    return Transcript(segments, Origin.CAPTIONS, "test")


def texts(transcript: Transcript) -> list[str]:
    return [sentence.text for sentence in sentences(transcript)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It rained. We stayed in.", ["It rained.", "We stayed in."]),
        ("It costs 3.5 million. Really?", ["It costs 3.5 million.", "Really?"]),
        ("Dr. Smith met Mrs. Jones. They spoke.", ["Dr. Smith met Mrs. Jones.", "They spoke."]),
        ("J. R. Smith wrote it. I read it.", ["J. R. Smith wrote it.", "I read it."]),
        ("The U.S. economy grew. So did ours.", ["The U.S. economy grew.", "So did ours."]),
        ("We lived in the U.S. The rest is known.", ["We lived in the U.S.", "The rest is known."]),
        ("St. Paul voted. It passed.", ["St. Paul voted.", "It passed."]),
        ("He lives on Main St. The house is red.", ["He lives on Main St.", "The house is red."]),
        ("Well... maybe not. Fine!", ["Well... maybe not.", "Fine!"]),
        ('She said "stop." He did.', ['She said "stop."', "He did."]),
        ("No. That is wrong. See No. 5 there.", ["No.", "That is wrong.", "See No. 5 there."]),
        ("That was me and I. Then he left.", ["That was me and I.", "Then he left."]),
        ("So it was e.g. apples. Good.", ["So it was e.g. apples.", "Good."]),
        ("no capitals here. still two sentences", ["no capitals here.", "still two sentences"]),
        ("--- ...", []),
        ("", []),
    ],
)
def test_sentences_end_at_punctuation_that_ends_them(text: str, expected: list[str]) -> None:
    assert texts(cues(text)) == expected


def test_a_sentence_goes_on_over_caption_cues() -> None:
    found = sentences(cues("People can't plan", "a life. And", "rents rise."))
    assert [sentence.text for sentence in found] == ["People can't plan a life.", "And rents rise."]
    assert [(sentence.quote.first, sentence.quote.last) for sentence in found] == [(0, 1), (1, 2)]


def test_a_sentence_never_goes_on_over_a_change_of_speaker() -> None:
    transcript = Transcript(
        (Segment(0, 1, "I think that", "A"), Segment(1, 2, "no you don't", "B"), Segment(2, 3, "we should", "A")),
        Origin.CAPTIONS,
        "test",
    )
    found = sentences(transcript)
    assert [(sentence.turn, sentence.quote.speaker) for sentence in found] == [(0, "A"), (1, "B"), (2, "A")]


def test_speech_without_punctuation_is_cut_at_pauses() -> None:
    said = [f"word{n}" for n in range(40)]
    words = tuple(Word(text, n * 0.5 + (n >= 18), n * 0.5 + 0.4 + (n >= 18)) for n, text in enumerate(said))
    transcript = Transcript((Segment(0, 21, " ".join(said), None, words),), Origin.ASR, "test")
    assert [len(text.split()) for text in texts(transcript)] == [18, 22]


def test_speech_without_punctuation_or_pauses_is_cut_at_segment_ends_before_it_gets_too_long() -> None:
    transcript = cues(*(" ".join(f"w{n}x{m}" for m in range(7)) for n in range(12)))
    lengths = [len(text.split()) for text in texts(transcript)]
    assert max(lengths) <= LONGEST_SPOKEN
    assert all(length % 7 == 0 for length in lengths)
    assert sum(lengths) == 84


def test_a_flood_of_words_in_one_segment_is_cut_at_the_longest_length() -> None:
    assert {len(text.split()) for text in texts(cues("word " * 300))} == {LONGEST_SPOKEN}


def test_a_part_of_a_sentence_is_a_quote_of_its_own() -> None:
    transcript = cues("We act  now, because", "it\nis late.")
    [sentence] = sentences(transcript)
    begin = sentence.text.index("because")
    quote = sentence.part(transcript, begin, len(sentence.text))
    assert quote.text == "because it is late."
    assert transcript.holds(quote)
    assert sentence.part(transcript, 0, begin).text == "We act now,"


def test_thirty_thousand_words_take_less_than_half_a_second() -> None:
    transcript = cues(*(["The rent went up by 5 percent", "in March, and Dr. Smith said so. Then"] * 2200))
    began = time.process_time()
    assert len(sentences(transcript)) > 2000
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("first", ["what they mean", "What they mean, and"])
def test_no_sentence_goes_on_over_a_long_silence(first: str) -> None:
    assert texts(cues(first, "that is all. Bye.", gap_s=11.0)) == [first, "that is all.", "Bye."]
    assert texts(cues(first, "that is all. Bye.", gap_s=9.0)) == [f"{first} that is all.", "Bye."]


def test_no_sentence_goes_on_over_a_long_silence_between_two_words() -> None:
    words = (Word("It", 0.0, 0.5), Word("was", 0.5, 1.0), Word("late.", 20.0, 20.5))
    assert texts(Transcript((Segment(0.0, 20.5, "It was late.", "A", words),), Origin.CAPTIONS, "test")) == [
        "It was",
        "late.",
    ]
