import pytest
from analysis_talk import said

from udib.analysis.arguments import arguments
from udib.analysis.sentences import sentences
from udib.core.findings import Role
from udib.core.speech import Transcript


def parts(transcript: Transcript) -> list[tuple[Role, str]]:
    return [(part.role, part.quote.text) for part in arguments(transcript, sentences(transcript))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The bridge must close because the steel is rusting away.",
            [(Role.PREMISE, "because the steel is rusting away."), (Role.CONCLUSION, "The bridge must close")],
        ),
        (
            "Since the steel is rusting, nobody should cross it.",
            [(Role.PREMISE, "Since the steel is rusting, nobody should cross it.")],
        ),
        (
            "The main reason is that nobody paid for it.",
            [(Role.PREMISE, "The main reason is that nobody paid for it.")],
        ),
        ("Therefore the bridge is not safe.", [(Role.CONCLUSION, "Therefore the bridge is not safe.")]),
        ("So a new bridge is cheaper.", [(Role.CONCLUSION, "So a new bridge is cheaper.")]),
        ("I'll grant you that steel is dear.", [(Role.CONCESSION, "I'll grant you that steel is dear.")]),
        ("Ferries, for example, carry cars.", [(Role.EXAMPLE, "Ferries, for example, carry cars.")]),
        ("We have lived here since 2014.", []),
        ("It closed because of rust.", []),
        ("So what do you want?", []),
        ("So, um, yes.", []),
        ("The bridge is long.", []),
    ],
)
def test_cues_give_parts_and_their_absence_none(text: str, expected: list[tuple[Role, str]]) -> None:
    assert parts(said(("A", text))) == expected


@pytest.mark.parametrize(
    "answer",
    [
        "No, that is plain wrong.",
        "But ferries are slow.",
        "Sure, but ferries are slow.",
        "The ferry isn't any cheaper.",
    ],
)
def test_the_first_sentence_of_an_answer_can_be_a_rebuttal(answer: str) -> None:
    assert parts(said(("A", "A ferry is cheaper than that."), ("B", answer))) == [(Role.REBUTTAL, answer)]


def test_but_answers_only_what_it_takes_up() -> None:
    assert parts(said(("A", "A ferry is cheaper than that."), ("B", "But we have to finish at noon."))) == []


def test_the_same_words_later_in_a_turn_or_before_any_other_are_no_rebuttal() -> None:
    assert parts(said(("A", "But ferries are slow."), ("B", "Fares are low. But ferries are slow."))) == []
