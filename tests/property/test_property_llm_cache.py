"""Rules of the answer cache that hold for all questions: what may share an answer, and how sure one must be of it."""

import random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from udib.core.chat import ChatRequest, Message, Purpose
from udib.core.tenancy import Scope
from udib.llm.acceptance import AT_LEAST, Acceptance
from udib.llm.cache_key import spot_of
from udib.llm.question_guard import Question, may_share

WORDS = "rent control housing taxes debate immigration claim said about the a is of effect city"
words = st.sampled_from(WORDS.split())
sentences = st.lists(words, min_size=3, max_size=9).map(" ".join)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def share(one: str, other: str) -> bool:
    return may_share(Question.of(one), Question.of(other))


@given(st.text(max_size=60), st.text(max_size=60))
def test_sharing_is_mutual_and_with_oneself(one: str, other: str) -> None:
    assert share(one, one)
    assert share(one, other) == share(other, one)


@given(sentences, st.integers(0, 999), st.integers(0, 999))
def test_another_number_is_another_question(sentence: str, one: int, other: int) -> None:
    assume(one != other)
    assert not share(f"{sentence} in {one}", f"{sentence} in {other}")
    assert not share(f"{sentence} in {one}", sentence)


@given(sentences, st.sampled_from(["not", "never", "no", "without", "more", "less", "before", "after", "against"]))
def test_a_negation_or_a_turn_more_is_another_question(sentence: str, turn: str) -> None:
    first, rest = sentence.split(" ", 1)
    assert not share(sentence, f"{first} {turn} {rest}")


@given(sentences, st.data())
def test_another_name_is_another_question(sentence: str, data: st.DataObject) -> None:
    names = st.sampled_from(["Smith", "Jones", "NATO", "Texas", "OpenAI"])
    one, other = data.draw(names), data.draw(names)
    assume(one != other)
    for template in ("did {} talk of {}", "{}: {}", "what of {1} and {0}"):
        assert not share(template.format(one, sentence), template.format(other, sentence))
        lower = template.format(one.lower(), sentence), template.format(other.lower(), sentence)
        assert not share(*lower)


@given(sentences, st.integers(0, 8))
def test_one_word_exchanged_or_added_is_another_question(sentence: str, place: int) -> None:
    parts = sentence.split()
    place %= len(parts)
    assume(parts[place] not in {"said", "about", "the", "a", "is", "of"})
    assert not share(sentence, " ".join([*parts[:place], "unicorns", *parts[place + 1 :]]))
    assert not share(sentence, " ".join([*parts[:place], "unicorns", *parts[place:]]))


@given(sentences)
def test_marks_case_of_the_first_word_and_fillers_make_no_difference(sentence: str) -> None:
    for other in (f"{sentence}?", f"please tell me, {sentence}", sentence.capitalize(), sentence.replace(" ", "  ")):
        assert share(sentence, other)


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        ("What did Smith say about rent control?", "Tell me what Smith said about rent control", True),
        ("Did taxes rise by five percent?", "Did taxes rise by 5 percent?", True),
        ("Did taxes rise by 5%?", "Did taxes rise by 5?", False),
        ("Did she say it's legal?", "Did she say it isn't legal?", False),
        ("Did she say it isn't legal?", "Did she say it is not legal?", True),
        ("Why can\u2019t it be done?", "why cannot it be done", True),
        ("Why can it be done?", "why can't it be done", False),
        ("Did Smith beat Jones?", "Did Jones beat Smith?", False),
        ("Is it 1,000 or more?", "Is it 1000 or more?", True),
        ("Who won in 2019?", "Who lost in 2019?", False),
        ("does smith like nato", "does jones like nato", False),
        ("rent control", "rent control in texas", False),
        ("effect of rent control on housing", "on housing, the effect of rent control", True),
    ],
)
def test_pairs_that_people_write(one: str, other: str, *, may: bool) -> None:
    assert share(one, other) is may


@given(jsons, jsons)
def test_different_options_have_different_keys(one: Any, other: Any) -> None:
    purpose = Purpose(Scope.of("a", "b"), "answer")
    spots = [
        spot_of(ChatRequest((Message("user", "Q"),), options={"x": value}), purpose, "p", "m", b"")
        for value in (one, other)
    ]
    assert None not in spots
    # repr tells 1 from 1.0 and True, as the key does; 0.0 and -0.0 too.
    assert (spots[0] == spots[1]) == (canonical(one) == canonical(other))


def canonical(value: Any) -> str:
    if isinstance(value, dict):
        return f"map {sorted((key, canonical(each)) for key, each in value.items())}"
    return repr([canonical(each) for each in value]) if isinstance(value, list) else repr(value)


similarities = st.floats(0.5, 1.0)


@given(st.lists(st.tuples(similarities, st.booleans()), max_size=40), similarities, st.floats(0.001, 0.5))
def test_the_chance_to_ask_is_a_chance_and_falls_with_similarity(
    labels: list[tuple[float, bool]], similarity: float, bound: float
) -> None:
    learned = Acceptance()
    for seen, correct in labels:
        learned.learn(seen, correct=correct)
    chance = learned.chance_to_ask(similarity, error_bound=bound)
    assert 0 < chance <= 1
    assert learned.chance_to_ask(min(1.0, similarity + 0.1), error_bound=bound) <= chance + 1e-12
    assert 0 <= learned.lower_bound(similarity) <= 1
    assert chance == 1 or learned.lower_bound(similarity) >= AT_LEAST


@given(st.lists(st.tuples(similarities, st.booleans()), min_size=1, max_size=40), similarities)
def test_a_wrong_label_makes_nobody_surer(labels: list[tuple[float, bool]], similarity: float) -> None:
    learned, warned = Acceptance(), Acceptance()
    for seen, correct in labels:
        learned.learn(seen, correct=correct)
        warned.learn(seen, correct=correct)
    learned.learn(similarity, correct=True)
    warned.learn(similarity, correct=False)
    assert warned.lower_bound(similarity) <= learned.lower_bound(similarity) + 1e-9


@pytest.mark.parametrize("bound", [0.01, 0.05])
@pytest.mark.parametrize(("threshold", "slope"), [(0.8, 40.0), (0.7, 10.0), (0.95, 100.0), (0.4, 5.0)])
def test_errors_stay_below_the_bound(threshold: float, slope: float, bound: float) -> None:
    """Questions of random similarity, right by a model that the tier does not know; 40 entries, 400 questions each."""
    rng = random.Random(7)
    wrong = asked = 0
    for _ in range(40):
        learned = Acceptance()
        for _ in range(400):
            similarity = rng.uniform(0.6, 1.0)
            correct = rng.random() < 1 / (1 + 2.718281828 ** (-slope * (similarity - threshold)))
            if rng.random() < learned.chance_to_ask(similarity, error_bound=bound):
                asked += 1
                learned.learn(similarity, correct=correct)
            else:
                wrong += not correct
    assert wrong / 16_000 <= bound
    assert asked < 16_000


def test_an_answer_that_always_serves_is_given_more_and_more() -> None:
    rng = random.Random(7)
    learned = Acceptance()
    asked = 0
    for _ in range(2000):
        if rng.random() < learned.chance_to_ask(0.9, error_bound=0.01):
            asked += 1
            learned.learn(0.9, correct=True)
    assert 40 < asked < 1000  # a bound of 1 % is dear
