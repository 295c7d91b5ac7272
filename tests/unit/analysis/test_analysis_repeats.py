import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.analysis.repeats import grouped, is_again
from udib.core.findings import Claim
from udib.core.speech import Origin, Segment, Transcript

FELL = "Rents in Berlin fell by 9 percent after the cap."


def claim(text: str, at: int, speaker: str | None = "A") -> Claim:
    transcript = Transcript((Segment(float(at), at + 1.0, text, speaker),), Origin.TRANSCRIPT, "test")
    return Claim(transcript.cut(0, 0, 0, len(text)), 0.9)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FELL, "rents in Berlin fell by nine percent after the cap"),
        (FELL, "Well, as I said, the rents in Berlin fell by 9 % after the cap."),
        ("The harbor tunnel cost 40 million dollars.", "The harbor tunnel has cost us $40 million."),
    ],
)
def test_a_claim_is_the_same_in_nearly_the_same_words(one: str, other: str) -> None:
    assert is_again(one, "A", other, "A")


@pytest.mark.parametrize(
    "other",
    [
        "Rents in Berlin fell by 8 percent after the cap.",
        "Rents in Berlin rose by 9 percent after the cap.",
        "Rents in Hamburg fell by 9 percent after the cap.",
        "Rents in Berlin never fell by 9 percent after the cap.",
        "Rents in Berlin fell by almost 9 percent after the cap.",
        "Rents in Berlin fell by 9 percent before the cap.",
        "Rents in Berlin fell by 9 percent after the strike.",
        "Did rents in Berlin fall by 9 percent after the cap?",
        "If rents in Berlin fell by 9 percent after the cap, good.",
    ],
)
def test_another_number_name_time_or_word_is_another_claim(other: str) -> None:
    assert not is_again(FELL, "A", other, "A")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("He voted for the harbor tunnel act.", "He voted for the harbor tunnel act."),
        ("Germany sold more weapons to France.", "France sold more weapons to Germany."),
        ("Landlords sued forty tenants.", "Tenants sued forty landlords."),
        ("The tunnel is safe.", "The tunnel is safe."),
    ],
)
def test_what_may_be_of_somebody_else_is_not_the_same(one: str, other: str) -> None:
    assert not is_again(one, "A", other, "A")


def test_what_a_speaker_says_of_himself_is_another_claim_of_another_speaker() -> None:
    text = "We closed forty harbor stations in 2019."
    assert is_again(text, "A", text, "A")
    assert not is_again(text, "A", text, "B")
    assert not is_again(text, None, text, None)


def test_repeats_stand_in_order_of_time_and_keep_their_speakers() -> None:
    [(first, repeats)] = grouped([claim(FELL, 50), claim(FELL, 90, "B"), claim(FELL, 10)])
    assert first.quote.start_s == 50
    assert [(quote.start_s, quote.speaker) for quote in repeats] == [(10, "A"), (90, "B")]


SAID = ("rents", "Berlin", "fell", "rose", "9", "8", "percent", "cap", "tunnel", "the", "not", "he", "I", "cost")
WORDS = st.lists(st.sampled_from(SAID), min_size=1, max_size=9)


@given(st.lists(WORDS.map(" ".join), max_size=8))
def test_no_claim_is_lost_or_doubled(texts: list[str]) -> None:
    claims = [claim(text, at) for at, text in enumerate(texts)]
    found = [quote for first, repeats in grouped(claims) for quote in (first.quote, *repeats)]
    assert sorted(found, key=lambda quote: quote.start_s) == [each.quote for each in claims]


@given(WORDS.map(" ".join), WORDS.map(" ".join))
def test_being_the_same_claim_does_not_depend_on_the_order(one: str, other: str) -> None:
    assert is_again(one, "A", other, "A") == is_again(other, "A", one, "A")
