"""What passes for a quote: tidied words do, changed ones do not, and what is shown is what was said."""

import pytest
from analysis_talk import said
from hypothesis import given
from hypothesis import strategies as st

from udib.analysis.quoting import QuoteGate
from udib.core.speech import Origin, Segment, Transcript

TALK = said(
    ("ANN", "Well, um, I don't think that, you know, all twenty-five bridges in Norway cost 3 million dollars."),
    ("BEN", "It 's been 20 percent since nineteen ninety-nine, and we we can't, uh, wait for the second one."),
    ("ANN", "He did not say so. Not counting Oslo, we'd never been poor."),
)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("I don't think that all 25 bridges", "I don't think that, you know, all twenty-five bridges"),
        ("I do not think that", "I don't think that"),
        ("ALL TWENTY FIVE BRIDGES IN NORWAY!", "all twenty-five bridges in Norway"),
        ("cost $3 million", "cost 3 million dollars"),
        ("cost three million dollars", "cost 3 million dollars"),
        ("it's been 20% since 1999", "It 's been 20 percent since nineteen ninety-nine"),
        ("It has been twenty per cent", "It 's been 20 percent"),
        ("we cannot wait for the 2nd one", "we we can't, uh, wait for the second one"),
        ("we had never been poor", "we'd never been poor"),
        ("\u201cHe didn\u2019t say so\u2026\u201d", "He did not say so"),
        ("you know, all twenty-five bridges", "all twenty-five bridges"),
        ("know, all twenty-five bridges", "all twenty-five bridges"),
    ],
)
def test_a_tidied_quote_is_shown_as_it_was_said(given: str, shown: str) -> None:
    quote = QuoteGate(TALK).find(given)
    assert quote is not None
    assert quote.text == shown or quote.text == shown.replace("we we can't", "we can't")
    assert TALK.holds(quote)


@pytest.mark.parametrize(
    "changed",
    [
        "I think that all twenty-five bridges",
        "all twenty-six bridges in Norway",
        "all 25 bridges in Sweden",
        "most twenty-five bridges in Norway",
        "cost 3 million euros",
        "cost 3 billion dollars",
        "it's been 20 points since 1999",
        "we can wait for the second one",
        "He did say so",
        "He did not not say so",
        "counting Oslo, we'd never been poor",  # behind a "not"
        "we'd been poor",
        "He did",  # before a "not"
        "bridges in Norway cost dollars",
        "3 million dollars. It 's been 20 percent",  # two speakers
        "um, you know",
        "",
        "...",
        "Nobody ever said this.",
    ],
)
def test_a_changed_quote_is_refused(changed: str) -> None:
    assert QuoteGate(TALK).find(changed) is None


def test_a_quote_goes_over_segments_but_stays_within_those_that_are_named() -> None:
    cues = (Segment(0, 2, "The rents rose by twenty", "ANN"), Segment(2, 4, "five percent last year.", "ANN"))
    gate = QuoteGate(Transcript(cues, Origin.CAPTIONS, "test"))
    quote = gate.find("rents rose by 25 percent")
    assert quote is not None
    assert (quote.text, quote.first, quote.last) == ("rents rose by twenty five percent", 0, 1)
    assert gate.find("rents rose by 25 percent", within=(0, 0)) is None
    assert gate.find("last year", within=(1, 1)) is not None


def test_the_occurrence_within_the_segments_is_taken() -> None:
    talk = said(("ANN", "We will build."), ("BEN", "No."), ("ANN", "We will build."))
    gate = QuoteGate(talk)
    [first, second] = [gate.find("we will build"), gate.find("we'll build", within=(2, 2))]
    assert first is not None and second is not None  # noqa: PT018 - for the type checker
    assert (first.first, second.first) == (0, 2)


SPOKEN = ("rents", "rose", "um", "not", "don't", "20", "twenty", "five", "we", "you", "know", "I've", "Oslo,", ".", "%")
turns_of_words = st.lists(st.lists(st.sampled_from(SPOKEN), max_size=12), min_size=1, max_size=4)


@given(turns_of_words, st.lists(st.sampled_from(SPOKEN), max_size=6))
def test_what_is_found_stands_in_the_transcript(turns: list[list[str]], asked: list[str]) -> None:
    talk = said(*(("AB"[at % 2], " ".join(turn)) for at, turn in enumerate(turns)))
    quote = QuoteGate(talk).find(" ".join(asked))
    assert quote is None or talk.holds(quote)


@given(turns_of_words)
def test_a_whole_turn_is_found_if_it_says_anything(turns: list[list[str]]) -> None:
    talk = said(*(("AB"[at % 2], " ".join(turn)) for at, turn in enumerate(turns)))
    gate = QuoteGate(talk)
    for turn in turns:
        if {"rents", "rose", "20", "Oslo,"} & set(turn):
            assert gate.find(" ".join(turn)) is not None


def test_scripts_without_case_or_blanks_do_no_harm() -> None:
    talk = said(("ANN", "السلام عليكم ورحمة الله"), ("BEN", "我们不建房子"))
    gate = QuoteGate(talk)
    quote = gate.find("عليكم ورحمة")
    assert quote is not None
    assert quote.text == "عليكم ورحمة"
    assert gate.find("我们建房子") is None
