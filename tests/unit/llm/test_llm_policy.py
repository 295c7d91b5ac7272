"""What is decided from: costs, contexts, and the policy over them."""

import asyncio

import numpy as np
import pytest
from routed_models import HashEmbedder

from udib.core.errors import BadRequestError, BudgetExceededError
from udib.llm.cards import ModelCard
from udib.llm.costs import CostBook
from udib.llm.features import TOPICS, Features
from udib.llm.pacer import BudgetPacer
from udib.llm.policy import Bill, RouterCall, RoutingPolicy

CHEAP = ModelCard("cheap", 8_000, 0.1, 0.2, quality=0.5)
DEAR = ModelCard("dear", 8_000, 10.0, 20.0, quality=0.9)
PLAIN = Features(["answer", "summary"], None)


def call(task: str = "answer", tokens: int = 1_000) -> RouterCall:
    return RouterCall(asyncio.run(PLAIN.context(task, "", tokens)), PLAIN.task(task), tokens, 500)


def policy(usd: float | None = None) -> RoutingPolicy:
    return RoutingPolicy([CHEAP, DEAR], PLAIN, budget=lambda _: None if usd is None else BudgetPacer(100 * usd, 100))


async def test_a_context_tells_task_length_and_topic() -> None:
    embedder = HashEmbedder()
    features = Features(["answer", "summary"], embedder)
    first, second = await features.context("answer", "taxes", 100), await features.context("summary", "taxes", 9_000)
    assert first[:4].tolist() == [1, 1, 0, 0]
    assert second[:4].tolist() == [1, 0, 1, 0]
    assert len(first) == len(features.certainty) == 5 + TOPICS
    assert first[4] < second[4]
    np.testing.assert_array_equal(first[5:], second[5:])
    assert embedder.embedded == ["taxes"]
    assert (await features.context("never heard of", "taxes", 1))[3] == 1


async def test_topics_are_remembered_up_to_a_number() -> None:
    embedder = HashEmbedder()
    features = Features([], embedder, kept=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await features.context("x", text, 1)
    assert embedder.embedded == ["a", "b", "c", "b"]


def test_a_layout_differs_with_tasks_and_embedding() -> None:
    others = [Features(["answer"], None), Features(["answer", "summary"], HashEmbedder())]
    assert len({PLAIN.layout, *(each.layout for each in others)}) == 3
    assert Features(["answer", "summary"], None).layout == PLAIN.layout


def test_costs_follow_the_bills_of_task_and_model() -> None:
    book = CostBook(2)
    book.add(CHEAP)
    book.add(DEAR)
    listed = book.listed(1_000, 500)
    np.testing.assert_allclose(listed, [0.0002, 0.02])
    for _ in range(300):
        book.billed(0, 1, 0.02, 0.06)
    answer, summary = book.expected(0, listed), book.expected(1, listed)
    assert answer[1] == pytest.approx(0.06, rel=0.01)
    assert summary[1] == pytest.approx(0.06, rel=0.01)  # what is known of the model holds where nothing better is known
    assert answer[0] == pytest.approx(0.0002)
    for _ in range(300):
        book.billed(0, 1, 0.02, 0.01)
    assert book.expected(0, listed)[1] == pytest.approx(0.01, rel=0.3)


def test_a_model_of_unknown_price_counts_as_dear_until_it_is_billed() -> None:
    book = CostBook(1)
    book.add(ModelCard("secret", 8_000))
    assert book.listed(1_000, 500)[0] > 0.01
    book.billed(0, 0, float(book.listed(1_000, 500)[0]), 0.0)
    assert book.expected(0, book.listed(1_000, 500))[0] == 0.0


def test_without_a_budget_the_better_model_is_chosen_and_with_one_the_cheaper() -> None:
    rng = np.random.default_rng(1)
    free, tight = policy(), policy(usd=0.001)
    for each in (free, tight):
        for _ in range(20):
            each.billed(call(), "cheap", Bill(None, 0.0002))
            each.learn(call(), "cheap", 0.6)
            each.learn(call(), "dear", 0.95)
    assert free.choose("t", call(), rng).model == "dear"
    assert tight.choose("t", call(), rng).model == "cheap"


def test_a_tenant_s_spending_does_not_change_another_s_price() -> None:
    shared = policy(usd=0.005)
    for _ in range(40):
        shared.billed(call(), "dear", Bill("lavish", 0.02))
    lavish, modest = shared.pacer("lavish"), shared.pacer("modest")
    assert lavish is not None
    assert modest is not None
    assert lavish.spent_usd == pytest.approx(0.8)
    assert modest.spent_usd == 0.0


def test_a_cap_leaves_out_what_is_dearer_and_refuses_when_all_is() -> None:
    rng = np.random.default_rng(1)
    choice = policy().choose("t", call(), rng, most_usd=0.001)
    assert choice.ranking == ("cheap",)
    with pytest.raises(BudgetExceededError, match=r"raise llm\.cap_day_usd"):
        policy().choose("t", call(), rng, most_usd=0.0001)


def test_models_come_and_go_while_the_rest_is_remembered() -> None:
    policy_ = policy(usd=0.005)
    for _ in range(20):
        policy_.billed(call(), "dear", Bill("t", 0.02, barred=frozenset({"cheap"})))
        policy_.learn(call(), "dear", 0.3)
    known = policy_.expected(call())["dear"]
    version = policy_.version
    policy_.remove("cheap")
    policy_.add(ModelCard("new", 8_000, 1.0, 1.0))
    assert policy_.models == ("dear", "new")
    assert policy_.expected(call())["dear"] == pytest.approx(known)
    assert policy_.version != version
    policy_.learn(call(), "cheap", 1.0)  # a late reward for a model that is gone
    for _ in range(20):
        policy_.billed(call(), "cheap", Bill("t", 0.0002))


def test_what_was_learned_is_taken_up_by_a_policy_with_other_models() -> None:
    before = policy(usd=0.005)
    for _ in range(30):
        before.billed(call(), "dear", Bill("t", 0.06))
        before.learn(call(), "dear", 0.3)
    after = RoutingPolicy([ModelCard("new", 8_000, 1.0, 1.0), DEAR], PLAIN, budget=lambda _: BudgetPacer(0.5, 100))
    after.restore(before.to_bytes())
    assert set(after.models) == {"dear", "new"}
    assert after.expected(call())["dear"] == pytest.approx(before.expected(call())["dear"])
    old, new = before.pacer("t"), after.pacer("t")
    assert old is not None
    assert new is not None
    assert new.state() == old.state()
    with pytest.raises(BadRequestError, match="cannot be read"):
        after.restore(b"\xc1")
