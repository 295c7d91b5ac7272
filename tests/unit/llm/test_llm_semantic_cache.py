"""The tier for questions in other words: when it is asked, what it never does, how it learns."""

import hashlib
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from answering import FOR_A, A, Answering, B, question

from udib.core.chat import ChatRequest, Completion, Message, Purpose, Tool
from udib.core.errors import UnavailableError
from udib.core.types import ContentId
from udib.llm.cache import LLMCache
from udib.llm.cache_entry import Kept
from udib.llm.cache_policy import CachePolicy, SemanticPolicy
from udib.llm.cached_chat import CachedChatModel
from udib.llm.semantic_cache import SemanticCache, same_answer
from udib.storage.kv import MemoryKeyValueStore

POLICY = SemanticPolicy(tasks=frozenset({"answer"}), error_bound=0.2, entries=4, scopes=2)
SITE = "https://a.example/v1"


class BagOfWords:
    """An embedder in which texts of the same words are near."""

    model_id = "bag"
    dimension = 64
    error: UnavailableError | None = None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.error is not None:
            raise self.error
        made = []
        for text in texts:
            vector = np.zeros(self.dimension)
            for word in re.findall(r"\w+", text.lower()):
                vector[hashlib.blake2b(word.encode()).digest()[0] % self.dimension] += 1
            made.append((vector / (np.linalg.norm(vector) or 1)).tolist())
        return made


class Sure(random.Random):
    """Gives the kept answer whenever that is allowed at all."""

    def random(self) -> float:
        return 0.999999


class Knowing(Answering):
    """Says what a function of the question says."""

    def __init__(self, say: Callable[[str], str] = lambda _: "yes") -> None:
        super().__init__()
        self.say = say

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        answer = await super().complete(request, purpose)
        return replace(answer, text=self.say(request.messages[-1].content))


def tier(**changed: Any) -> SemanticCache:
    return SemanticCache(POLICY, BagOfWords(), **{"rng": Sure(), **changed})


def model_over(inner: Answering, semantic: SemanticCache, **policy: Any) -> CachedChatModel:
    cache = LLMCache(MemoryKeyValueStore(), CachePolicy(**policy))
    return CachedChatModel(inner, cache, provider=SITE, semantic=semantic)


def spelling(number: int) -> str:
    return f"What did Smith say about rent control{'?' * number}"


async def learned(model: CachedChatModel, inner: Answering, purpose: Purpose = FOR_A, count: int = 80) -> None:
    for number in range(count):
        await model.complete(question(spelling(number)), purpose)
    inner.calls = 0


async def test_other_spellings_are_answered_once_enough_was_seen() -> None:
    inner, semantic = Knowing(), tier()
    model = model_over(inner, semantic)
    await learned(model, inner)
    answer = await model.complete(question(spelling(99)), FOR_A)
    assert (answer.text, answer.cached, answer.usage.cost_usd, inner.calls) == ("yes", True, 0.0, 0)
    told = semantic.to_dict()
    assert told["given"] > 0
    assert told["labels_wrong"] == 0
    assert len(semantic._shelves[A].entries) == 1
    # One that is less like them than any that was seen is asked.
    assert not (await model.complete(question("Tell me, what did Smith say about rent control"), FOR_A)).cached


async def test_nothing_is_given_before_answers_were_compared_often_enough() -> None:
    inner, semantic = Knowing(), tier()
    model = model_over(inner, semantic)
    for number in range(20):
        await model.complete(question(spelling(number)), FOR_A)
    assert (inner.calls, semantic.given) == (20, 0)


@pytest.mark.parametrize(
    ("request_", "purpose"),
    [
        (question("What did Jones say about rent control"), FOR_A),
        (question("What did Smith not say about rent control"), FOR_A),
        (question("What did Smith say about rent control in 2019"), FOR_A),
        (question("What did Smith say about rent"), FOR_A),
        (question(spelling(99)), replace(FOR_A, scope=B)),
        (question(spelling(99)), replace(FOR_A, task="fact_check")),
        (question(spelling(99), model="gpt-4o"), FOR_A),
        (question(spelling(99), max_tokens=5), FOR_A),
        (question(spelling(99), schema={"type": "string"}), FOR_A),
        (question(spelling(99), tools=(Tool("f", "F.", {}),)), FOR_A),
        (ChatRequest((Message("system", "Be long."), Message("user", spelling(99))), model="gpt-4"), FOR_A),
        (ChatRequest((*question("Earlier?").messages, Message("user", spelling(99))), model="gpt-4"), FOR_A),
        (ChatRequest((*question(spelling(99)).messages, Message("assistant", "So")), model="gpt-4"), FOR_A),
    ],
)
async def test_nobody_elses_answer_is_given(request_: ChatRequest, purpose: Purpose) -> None:
    inner, semantic = Knowing(), tier()
    model = model_over(inner, semantic)
    await learned(model, inner)
    assert not (await model.complete(request_, purpose)).cached
    assert inner.calls == 1


async def test_an_answer_of_another_corpus_or_generation_is_not_given() -> None:
    corpus = ["one"]
    inner, semantic = Knowing(), tier(corpus=lambda _: corpus[0])
    model = model_over(inner, semantic)
    await learned(model, inner)
    corpus[0] = "two"
    assert not (await model.complete(question(spelling(98)), FOR_A)).cached
    corpus[0] = "one"
    assert (await model.complete(question(spelling(97)), FOR_A)).cached
    await model._cache.invalidate_pattern("task:answer", scope=A)
    assert not (await model.complete(question(spelling(96)), FOR_A)).cached


async def test_what_the_tier_gave_is_not_kept_as_the_exact_answer() -> None:
    inner, semantic = Knowing(), tier()
    model = model_over(inner, semantic)
    await learned(model, inner)
    asked = question(spelling(99))
    assert (await model.complete(asked, FOR_A)).cached
    assert await model._cache.get(asked, FOR_A, provider=SITE) is None


async def test_an_answer_that_does_not_serve_others_is_not_given() -> None:
    inner, semantic = Knowing(lambda text: text), tier()  # every spelling has an answer of its own
    inner.say = lambda text: f"answer {len(text)}"
    model = model_over(inner, semantic)
    await learned(model, inner)
    assert not (await model.complete(question(spelling(99)), FOR_A)).cached
    assert semantic.given == 0
    assert semantic.labels_wrong == semantic.labels > 0


@pytest.mark.parametrize("seed", range(3))
async def test_errors_stay_below_the_bound_when_some_answers_serve_nobody_else(seed: int) -> None:
    def say(text: str) -> str:
        topic = int(re.sub(r"\D", "", text))
        return f"{topic}, {text.count('?') if topic % 25 == 0 else 'yes'}"

    inner, policy = Knowing(say), SemanticPolicy(tasks=frozenset({"answer"}), error_bound=0.05)
    semantic = SemanticCache(policy, BagOfWords(), rng=random.Random(seed))
    model = model_over(inner, semantic)
    texts = [f"What of topic {topic}{'?' * marks}" for topic in range(200) for marks in range(8)]
    random.Random(seed).shuffle(texts)
    wrong = 0
    for text in texts:
        wrong += (await model.complete(question(text), FOR_A)).text != say(text)
    assert wrong / len(texts) <= 0.05
    assert semantic.given > 0


async def test_the_tier_is_bounded_in_entries_and_scopes_and_forgets() -> None:
    inner, semantic = Knowing(lambda text: text), tier()
    model = model_over(inner, semantic)
    for number in range(10):
        await model.complete(question(f"Question {number}"), FOR_A)
    assert len(semantic._shelves[A].entries) == 4
    for tenant in (B, replace(B, tenant=A.tenant, workspace=B.workspace), replace(B, workspace=A.workspace)):
        await model.complete(question("Q"), replace(FOR_A, scope=tenant))
    for name in "xyz":
        await model.complete(question("Q"), replace(FOR_A, scope=replace(A, tenant=name)))  # type: ignore[arg-type]
    assert len(semantic._shelves) == 2
    assert await semantic.forget(replace(A, tenant="z"), ContentId("web:1")) == 1  # type: ignore[arg-type]
    assert await semantic.forget(replace(A, tenant="z"), ContentId("web:1")) == 0  # type: ignore[arg-type]


async def test_what_is_learned_after_its_scope_was_forgotten_is_held_nowhere() -> None:
    semantic, cache = tier(), LLMCache(MemoryKeyValueStore(), CachePolicy())
    spot = await cache.spot(question(), FOR_A, SITE, "gpt-4")
    assert spot is not None
    asked = await semantic.consult(spot, question(), FOR_A)
    assert asked is not None
    await semantic.forget(A, ContentId("web:1"))
    await semantic.learn(asked, Kept("yes", ttl_s=60))
    assert await semantic.forget(A, ContentId("web:1")) == 0


async def test_an_entry_grows_old() -> None:
    now = [0.0]
    inner, semantic = Knowing(), tier(clock=lambda: now[0])
    model = model_over(inner, semantic, default_ttl=100)
    await learned(model, inner)
    now[0] = 100.0
    assert not (await model.complete(question(spelling(99)), FOR_A)).cached


async def test_a_text_without_words_or_an_embedder_that_is_away_costs_a_call_and_nothing_else() -> None:
    embedder = BagOfWords()
    inner, semantic = Knowing(), SemanticCache(POLICY, embedder, rng=Sure())
    model = model_over(inner, semantic)
    assert (await model.complete(question("???"), FOR_A)).text == "yes"
    embedder.error = UnavailableError("It is away; wait.")
    assert (await model.complete(question("What?"), FOR_A)).text == "yes"
    assert inner.calls == 2


async def test_who_wants_no_kept_answer_gets_none_from_the_tier() -> None:
    inner, semantic = Knowing(), tier()
    model = model_over(inner, semantic)
    await learned(model, inner)
    assert not (await model.complete(question(spelling(99)), replace(FOR_A, use_cache=False))).cached


def test_the_tier_is_off_unless_a_task_is_listed() -> None:
    assert not SemanticCache(SemanticPolicy(), BagOfWords()).takes(question(), FOR_A)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Yes, it is.", "yes it is", True),
        ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', True),
        ('{"a": 1}', '{"a": 2}', False),
        ("Yes", "No", False),
        ("5 percent", "6 percent", False),
    ],
)
async def test_same_answer(one: str, other: str, *, same: bool) -> None:
    assert await same_answer(one, other) is same
