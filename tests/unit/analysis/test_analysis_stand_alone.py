"""Whom "he" or "she" means: told only where nobody else can be meant, and always in words that were said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.analysis.sentences import sentences
from udib.analysis.stand_alone import meant
from udib.core.speech import Origin, Segment, Transcript

CLAIM = "cut the budget by 12 percent in 2019."


def transcript(*lines: tuple[str, str]) -> Transcript:
    segments = [Segment(5.0 * at, 5.0 * at + 5, text, who) for at, (who, text) in enumerate(lines)]
    return Transcript(tuple(segments), Origin.TRANSCRIPT, "test")


def told(before: str, sentence: str, *, other: str = "ADA") -> str | None:
    talk = transcript((other, before), ("ADA", sentence))
    said = sentences(talk)
    name = meant(talk, said, len(said) - 1)
    return None if name is None else name.text


@pytest.mark.parametrize(
    ("before", "sentence", "name"),
    [
        ("I talked to Senator Doe last week.", f"He {CLAIM}", "Senator Doe"),
        ("We heard from Dr. Jane Doe on that.", f"And she {CLAIM}", "Dr. Jane Doe"),
        ("Last March Minister Doe said so.", f"But she {CLAIM}", "Minister Doe"),
    ],
)
def test_one_who_alone_can_be_meant_is_named(before: str, sentence: str, name: str) -> None:
    assert told(before, sentence) == name


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        ("Senator Doe met Senator Roe.", f"He {CLAIM}"),
        ("Senator Doe met Miller.", f"He {CLAIM}"),
        ("Miller met Senator Doe.", f"He {CLAIM}"),
        ("Senator Doe told him so.", f"He {CLAIM}"),
        ("Mrs. Doe was there.", f"He {CLAIM}"),
        ("Mr. Doe was there.", f"She {CLAIM}"),
        ("New York voted in May.", f"He {CLAIM}"),
        ("Jane Doe said so.", f"She {CLAIM}"),
        ("I talked to Senator Doe.", f"They {CLAIM}"),
        ("I talked to Senator Doe.", f"We {CLAIM}"),
        ("I talked to the senator.", f"He {CLAIM}"),
        ("i talked to senator doe.", f"he {CLAIM}"),
    ],
)
def test_nobody_is_named_where_it_is_not_certain(before: str, sentence: str) -> None:
    assert told(before, sentence) is None


def test_another_speaker_and_a_long_silence_cut_the_bond() -> None:
    assert told("I talked to Senator Doe.", f"He {CLAIM}", other="BEN") is None
    talk = Transcript(
        (Segment(0, 5, "I talked to Senator Doe.", "ADA"), Segment(60, 65, f"He {CLAIM}", "ADA")),
        Origin.TRANSCRIPT,
        "test",
    )
    assert meant(talk, sentences(talk), 1) is None


WORDS = ("He", "She", "Senator", "Doe", "Jane", "said", "met", "and", "the", "budget", ".", "I", "Mr", "Mrs", "who")


@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_a_name_is_always_cut_from_what_was_said(words: list[str]) -> None:
    talk = transcript(("ADA", " ".join(words) or "x"), ("ADA", f"He {CLAIM}"))
    said = sentences(talk)
    for at in range(len(said)):
        name = meant(talk, said, at)
        assert name is None or (talk.holds(name) and name.text in said[at - 1].text)
