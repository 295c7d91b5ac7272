"""Whose words are meant: one name as it is spelt, and a sentence where it could be another's."""

import pytest

from udib.app.receipts_commands import settled_name
from udib.core.errors import BadRequestError

KNOWN = {"Maya Ortiz", "MAYA", "Maya", "Daniel"}


@pytest.mark.parametrize(
    ("given", "name"), [("Maya", "Maya"), ("MAYA", "MAYA"), ("daniel", "Daniel"), (" maya  ortiz", "Maya Ortiz")]
)
def test_a_name_means_who_is_spelt_so(given: str, name: str) -> None:
    assert settled_name(given, KNOWN) == name


@pytest.mark.parametrize(
    ("given", "known", "sentence"),
    [
        ("mAYA", KNOWN, "'mAYA' may be 'MAYA' or 'Maya'; give the name as it is spelt there."),
        ("Ortiz", KNOWN, "Nobody is called 'Ortiz'; did you mean 'Maya Ortiz'?"),
        ("Dan", KNOWN, "Nobody is called 'Dan'; did you mean 'Daniel'?"),
        (
            "Eve",
            KNOWN,
            "Nobody called 'Eve' speaks in what is stored; there is 'Daniel', 'MAYA', 'Maya' or 'Maya Ortiz'.",
        ),
        ("Dan", set(), "No speaker is known in what is stored"),
        ("x", {str(n) for n in range(12)}, "Nobody called 'x' speaks in what is stored; there is '0', '1', '10'"),
    ],
)
def test_a_name_is_never_guessed(given: str, known: set[str], sentence: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        settled_name(given, known)
    assert str(refused.value).startswith(sentence)
