"""Words as search terms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.memory.lexical import content_words, coverage, query_terms, stem, stems, term_id, terms, tokenise


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Rents ROSE, again!", ("rents", "rose", "again")),
        ("the landlord\u2019s house", ("the", "landlord", "house")),
        ("it's don't", ("it's", "don't")),
        ("12,500 or 1.5%", ("12500", "or", "1.5")),
        ("well-known 2020s", ("well", "known", "2020", "s")),
        ("\u00dcml\u00e4ut \u4e2d\u6587", ("\u00fcml\u00e4ut", "\u4e2d\u6587")),
        ("-- ... \U0001f600", ()),
        ("", ()),
    ],
)
def test_tokens(text: str, words: tuple[str, ...]) -> None:
    assert tokenise(text) == words


@pytest.mark.parametrize(
    "family",
    [
        "argue argues argued arguing",
        "hope hopes hoped hoping",
        "hop hops hopped hopping",
        "rent rents rented renting",
        "policy policies",
        "city cities",
        "tie ties tied",
        "create creates created creating",
        "size sizes sized",
        "fall falls falling",
        "class classes",
        "price prices priced pricing",
        "need needs needed needing",
        "agree agrees agreed agreeing",
        "house houses housed housing",
        "try tries tried",
        "proceed proceeds proceeded proceeding",
    ],
)
def test_inflections_share_a_stem(family: str) -> None:
    assert len({stem(word) for word in family.split()}) == 1, {word: stem(word) for word in family.split()}


@pytest.mark.parametrize(
    ("one", "other"), [("hop", "hope"), ("bus", "bust"), ("new", "news"), ("sing", "s"), ("bed", "b"), ("king", "k")]
)
def test_different_words_stay_different(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What was said about quantum chromodynamics?", ("quantum", "chromodynamics")),
        ("What did they say about that, and why?", ()),
        ("Rent, rents and renting", ("rent",)),
        ("", ()),
    ],
)
def test_the_content_words_of_a_question(question: str, words: tuple[str, ...]) -> None:
    assert content_words(question) == words


def test_a_common_word_covers_little() -> None:
    question = content_words("What is the boiling point of mercury?")
    assert coverage(question, stems("Good point, that is a point.")) < 0.2
    assert coverage(content_words("Which points have numbers?"), stems("point")) == 0.5
    assert coverage(content_words("numbers of penguins"), stems("a number")) == 0.2
    assert coverage(question, stems("Mercury is a metal.")) > 0.4
    assert coverage(content_words("the main point"), stems("my main point")) == 1.0
    assert coverage((), stems("anything")) == 0.0


def test_a_word_said_more_often_and_in_a_shorter_text_weighs_more() -> None:
    rent = term_id("rent")
    once, twice = terms("rent control"), terms("rent and rent control")
    assert once[rent] < twice[rent] < 2 * once[rent]
    assert once[rent] > terms("rent control " + "something different every single line " * 20)[rent]


def test_term_numbers_never_change() -> None:
    # They are stored: another number would silently lose what was remembered.
    assert (term_id("rent"), term_id("\u00fcml\u00e4ut")) == (41438668, 568307811)


@given(st.text(max_size=300))
def test_every_text_has_valid_terms(text: str) -> None:
    weights = terms(text)
    assert all(0 <= term < 2**32 for term in weights)
    assert all(0 < weight < math.inf for weight in weights.values())
    assert weights.keys() == {term_id(word) for word in stems(text)}


@given(st.text(max_size=300))
def test_a_text_answers_its_own_question(text: str) -> None:
    assert query_terms(text).keys() <= terms(text).keys()
    assert all(weight == 1.0 for weight in query_terms(text).values())


@given(st.text(alphabet=st.characters(categories=["Ll"]), max_size=30))
def test_a_stem_is_never_longer_or_empty(word: str) -> None:
    assert len(stem(word)) <= len(word) + 1
    assert bool(stem(word)) == bool(word)


@given(st.text(max_size=200))
def test_case_does_not_matter(text: str) -> None:
    assert tokenise(text.casefold()) == tokenise(text.casefold().casefold())
