"""What a statement of a model rests on: it shares words with its quote and charges nobody with more."""

import pytest

from udib.core.charges import founding_quotes

NAMES = ("NADIA", "Tobin")


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("NADIA says that she loves telescopes.", "I love telescopes!"),
        ("Tobin prefers sending people every time.", "People, every time: sending them is worth it"),
        ("NASA gets 10 percent of the budget, says Nadia.", "NASA swallows about 10 percent of the federal budget"),
        ("Tobin calls the 10 percent budget figure a lie.", "That 10 percent figure is a lie"),
        ("Nadia agrees with Tobin on robots and moons.", "I agree on the robots and the moons"),
        ("Tobin doesn't think rockets are cheap.", "I do not think that rockets are cheap"),
        ("Nadia wants to cap the rents.", "We should cap the rents, because families cannot pay them"),
        ("Tobin knows how rockets are built.", "I know how rockets are built"),
    ],
)
def test_a_fair_statement_stands_on_its_quote(text: str, quote: str) -> None:
    assert founding_quotes(text, [quote], NAMES) == (quote,)


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("NADIA is wrong and knows it.", "Hello again, this is Nadia, and"),
        ("NADIA said NASA swallows 10 percent, which is a lie.", "NASA swallows about 10 percent"),
        ("Tobin agrees with Nadia that robots should go instead of people.", "People, every time"),
        ("NADIA lied: NASA gets 10 percent of the budget.", "NASA swallows about 10 percent of the budget"),
        ("Nadia hates telescopes.", "I love telescopes!"),
        ("TOBIN proved that rockets make kids better at maths.", "rockets make kids better at maths"),
        ("Tobin admits that rockets are cheap.", "rockets are cheap"),
        ("Nadia falsely says that rockets are cheap.", "rockets are cheap"),
        ("Tobin debunked the cheap rockets.", "rockets are cheap"),
        ("Nadia's stupid rockets are cheap.", "rockets are cheap"),
        ("Tobin says that rockets are not cheap.", "rockets are cheap"),
        ("Tobin says that rockets are cheap.", "rockets aren\u2019t cheap"),
        ("Nadia and Tobin speak of rockets.", "Nadia and Tobin, hello"),
        ("Nadia speaks of rockets.", "rockets"),
    ],
)
def test_a_statement_that_charges_or_inverts_stands_on_nothing(text: str, quote: str) -> None:
    assert founding_quotes(text, [quote], NAMES) == ()


def test_only_the_quotes_that_found_it_count() -> None:
    quotes = ("rockets are cheap", "it is a lie")
    assert founding_quotes("Rockets are cheap, says Tobin.", quotes, NAMES) == quotes[:1]
    assert founding_quotes("That rockets are cheap is a lie.", quotes, NAMES) == ()
