"""What fact-checkers write, and what it means."""

import pytest

from udib.analysis.ratings import rating_label
from udib.core.findings import Label


@pytest.mark.parametrize(
    ("rating", "label"),
    [
        ("False", Label.REFUTED),
        ("Mostly False", Label.REFUTED),
        ("Pants on Fire!", Label.REFUTED),
        ("Four Pinocchios", Label.REFUTED),
        ("This is not true.", Label.REFUTED),
        ("Altered photo", Label.REFUTED),
        ("FAKE", Label.REFUTED),
        ("Falsch", Label.REFUTED),
        ("Faux", Label.REFUTED),
        ("No.", Label.REFUTED),
        ("True", Label.SUPPORTED),
        ("Mostly True", Label.SUPPORTED),
        ("Correct", Label.SUPPORTED),
        ("Richtig", Label.SUPPORTED),
        ("Half True", Label.CONFLICTING),
        ("Not quite true", Label.CONFLICTING),
        ("Partly false", Label.CONFLICTING),
        ("Misleading", Label.CONFLICTING),
        ("True, but missing context", Label.CONFLICTING),
        ("Mixture", Label.CONFLICTING),
        ("Unproven", Label.NOT_ENOUGH_INFO),
        ("No evidence that this is true", Label.NOT_ENOUGH_INFO),
        ("Not proven", Label.NOT_ENOUGH_INFO),
        ("Needs more context", Label.NOT_ENOUGH_INFO),
        ("Not false", None),
        ("3 of 5", None),
        ("", None),
        (None, None),
    ],
)
def test_a_rating_means(rating: str | None, label: Label | None) -> None:
    assert rating_label(rating) is label
