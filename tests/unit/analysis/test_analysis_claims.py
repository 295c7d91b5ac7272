import pytest
from analysis_talk import said

from udib.analysis.claims import (
    CEILING,
    WORTH_CHECKING,
    check_worthiness,
    claim_candidates,
    proper_names,
    ranked,
    share_of_claims,
)
from udib.analysis.sentences import sentences
from udib.analysis.text import tokens


def worth(text: str) -> float:
    return check_worthiness(text, tokens(text), frozenset({"chicago", "harvard", "ohio"}))[0]


@pytest.mark.parametrize(
    "text",
    [
        "In 2019 the unemployment rate in Ohio fell to 4 percent.",
        "According to a Harvard study, about 40 million people are in debt.",
        "The program cost taxpayers 12 million dollars a year.",
        "She voted against the bill in 2003, and the senate rejected it.",
        "Ohio banned them in the schools.",
        "Most of the fishermen there don't even own a boat.",
        "Harvard has more books than Chicago.",
        "Researchers found that swimmers sleep better.",
        "Parliament banned smoking in the harbor offices.",
    ],
)
def test_statements_with_figures_and_records_are_worth_checking(text: str) -> None:
    assert worth(text) >= WORTH_CHECKING


@pytest.mark.parametrize(
    "text",
    [
        "Thank you very much.",
        "I think that is a disgrace.",
        "So what would you do about it?",
        "Let's talk about something else now.",
        "My sister was so proud of her garden.",
        "We should be honest about what we want.",
        "You could bring your own lunch if you like.",
        "I get up at three to bake your bread.",
    ],
)
def test_thanks_questions_opinions_and_feelings_are_not(text: str) -> None:
    assert worth(text) < WORTH_CHECKING


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ("Rents rose by 5 percent in Chicago.", "Rents rose in Chicago."),
        ("Rents rose by 5 percent in Chicago.", "Did rents rise by 5 percent in Chicago?"),
        ("Rents rose by 5 percent in Chicago.", "I think rents will rise by 5 percent in Chicago."),
        ("The new bridge cost 9 million dollars.", "Maybe the new bridge would cost 9 million dollars."),
    ],
)
def test_a_check_needs_something_said_as_a_fact(more: str, less: str) -> None:
    assert worth(more) > worth(less)


def test_a_claim_in_one_clause_makes_its_sentence_worth_checking() -> None:
    claim = "Half of the boats in Ohio have no license"
    assert worth(f"{claim}, and I think you should be ashamed of it.") == pytest.approx(worth(f"{claim}."), abs=0.06)


def test_a_name_that_opens_a_sentence_is_one_before_a_verb() -> None:
    assert proper_names([tokens("Norway has ferries."), tokens("Ferries are slow, says the captain.")]) == {"norway"}
    assert proper_names([tokens("Ferries have bars."), tokens("We took ferries.")]) == frozenset()


def test_candidates_come_most_worthy_first_with_their_reasons() -> None:
    found = claim_candidates(
        sentences(said(("A", "We lost 20 percent of our members in 2015. It was sad. Taxes fell by 3 percent there.")))
    )
    assert [claim.quote.text for claim in found] == [
        "We lost 20 percent of our members in 2015.",
        "Taxes fell by 3 percent there.",
    ]
    assert {"percentage", "date", "change"} <= set(found[0].reasons)
    assert found[0].check_worthiness > found[1].check_worthiness


def test_a_word_that_the_whole_item_is_about_is_no_reason() -> None:
    rare = "The hospital opened a second wing for patients."
    talk = said(("A", f"{rare} " + " ".join(f"The rent of house {n} is what it was." for n in range(9))))
    reasons = [why for _, why in ranked(sentences(talk))]
    assert "public matter" in reasons[0]
    assert all("public matter" not in why for why in reasons[1:])


def test_what_the_next_speaker_denies_and_what_no_moderator_says_is_worth_more() -> None:
    claim = "She voted against the water bill."
    other = "Nice to see you here tonight again."
    denied, plain = (
        ranked(sentences(said(("A", claim), ("B", answer)))) for answer in ("That's not true, I never did.", other)
    )
    assert denied[0][0] > plain[0][0]
    assert "disputed" in denied[0][1]
    asked = " ".join(["What do you say?"] * 9)
    led, unled = (ranked(sentences(said(("M", f"{claim} {text}"), ("B", other)))) for text in (asked, other))
    assert led[0][0] < unled[0][0]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I voted against that bridge.", "own record"),
        ("He promised us a second bridge.", "attribution"),
        ("The murders in that town went up.", "public matter"),
    ],
)
def test_records_and_promises_are_reasons(text: str, reason: str) -> None:
    assert reason in check_worthiness(text, tokens(text), frozenset())[1]


def test_names_are_found_only_where_capitals_mean_something() -> None:
    assert proper_names([tokens("We went to Berlin in May."), tokens("I like tea.")]) == {"berlin"}
    assert proper_names([tokens("WE WENT TO BERLIN")]) == frozenset()


def test_rhetoric_without_anything_to_check_is_no_claim() -> None:
    text = (
        "The people of this town were always patient and they listened and hoped and waited and in the end they were "
        "left with nothing but the same old speech and the same old smile."
    )
    assert worth(text) >= WORTH_CHECKING
    assert claim_candidates(sentences(said(("A", text)))) == ()


def test_a_share_grows_with_the_weights_and_is_never_surer_than_what_it_was_fitted_on() -> None:
    shares = [share_of_claims(total / 4) for total in range(-20, 21)]
    assert shares == sorted(set(shares))
    assert 0 < shares[0] < 0.01
    assert share_of_claims(0.0) < WORTH_CHECKING < share_of_claims(0.2)
    assert share_of_claims(100.0) == CEILING
