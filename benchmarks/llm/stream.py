"""A replayed stream of questions: how many are answered from the cache, and how many of the answers are wrong.

Questions are made from templates, so that many differ in one number, name or negation only. Their frequency is Zipf's
with exponent 1.0 (the r-th most frequent is asked 1/r as often as the first), and each is written in one of three
spellings, 5 : 3 : 2. The model is made up: its answer depends on the meaning only, so that every answer given again is
known to be right or wrong, and its free text is the same for the same meaning, which real models do not promise.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, product
from typing import Final

import numpy as np

from benchmarks.llm.sizes import Measured, Sizes
from benchmarks.memory.stores import progress
from udib.core.chat import ChatRequest, Completion, Message, Purpose
from udib.core.tenancy import Scope
from udib.core.types import Health
from udib.llm.cache import LLMCache
from udib.llm.cache_policy import CachePolicy, SemanticPolicy
from udib.llm.cached_chat import CachedChatModel
from udib.llm.semantic_cache import SemanticCache
from udib.memory.static import StaticEmbedder
from udib.storage.kv import MemoryKeyValueStore

QUESTIONS: Final = 600
EXPONENT: Final = 1.0
SPELLINGS: Final = (5, 3, 2)
BOUND: Final = 0.01
CARELESS: Final = 0.9
"""The threshold of a cache that goes by similarity alone, for comparison."""

_TEMPLATES: Final = (
    ("What did {name} say about {topic} in {year}?", "what did {name} say in {year} about {topic}",
     "Please tell me what {name} said about {topic} in {year}"),
    ("Does {name} support {topic}?", "does {name} support {topic}", "Tell me: does {name} support {topic}?"),
    ("Does {name} not support {topic}?", "does {name} not support {topic}",
     "Tell me: does {name} not support {topic}?"),
    ("How many people are affected by {topic} after {year}?", "how many people are affected by {topic} after {year}",
     "By {topic}, how many people are affected after {year}?"),
    ("Did {topic} raise prices by {number} percent?", "did {topic} raise prices by {number} percent",
     "Did prices raise by {number} percent by {topic}?"),
)  # fmt: skip
_NAMES: Final = ("Alvarez", "Brandt", "Chen", "Dubois", "Eriksen", "Farouk", "Garcia", "Haddad")
_TOPICS: Final = ("rent control", "carbon taxes", "school vouchers", "bail reform", "free trade", "nuclear power")
_YEARS: Final = (2019, 2020, 2021, 2023)
_NUMBERS: Final = (3, 5, 8, 13, 21)
_SCOPE: Final = Scope.of("tenant", "main")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it is written, and the number of its meaning."""

    text: str
    meaning: int


class Oracle:
    """A model that answers by the meaning."""

    def __init__(self, meanings: Mapping[str, int]) -> None:
        self.meanings = meanings

    async def ping(self) -> Health:
        """Always well."""
        return Health("oracle", ok=True, detail="made up")

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        """The number of the meaning."""
        del purpose
        return Completion(f"Answer {self.meanings[request.messages[-1].content]}.", "oracle")

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        """The same in one piece."""
        yield await self.complete(request, purpose)


@dataclass(slots=True)
class Counts:
    """What became of a stream. `given_wrong` are answers from the cache that belong to another meaning."""

    asked: int = 0
    given: int = 0
    given_wrong: int = 0

    @property
    def hit_rate(self) -> float:
        """Percent of the questions."""
        return 100 * self.given / self.asked

    @property
    def wrong_rate(self) -> float:
        """Percent of the questions."""
        return 100 * self.given_wrong / self.asked


def questions(rng: random.Random) -> list[tuple[str, ...]]:
    """Different questions in random order, each in its spellings."""
    made = {
        tuple(spelling.format(name=name, topic=topic, year=year, number=number) for spelling in template)
        for template, name, topic, year, number in product(_TEMPLATES, _NAMES, _TOPICS, _YEARS, _NUMBERS)
    }
    chosen = sorted(made)
    rng.shuffle(chosen)
    return chosen[:QUESTIONS]


def stream(count: int, rng: random.Random) -> list[Asked]:
    """So many questions, by Zipf's law."""
    spellings = questions(rng)
    weights = list(accumulate(1 / (rank + 1) ** EXPONENT for rank in range(len(spellings))))
    meanings = rng.choices(range(len(spellings)), cum_weights=weights, k=count)
    return [Asked(rng.choices(spellings[meaning], SPELLINGS)[0], meaning) for meaning in meanings]


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    progress(f"a stream of {sizes.questions} questions, {sizes.seeds} seeds")
    exact, semantic, careless, tier = Counts(), Counts(), Counts(), Counts()
    for seed in range(sizes.seeds):
        asyncio.run(_replay(stream(sizes.questions, random.Random(seed)), seed, exact, None, tier))
        asyncio.run(_replay(stream(sizes.questions, random.Random(seed)), seed, semantic, BOUND, tier))
        asyncio.run(_careless(stream(sizes.questions, random.Random(seed)), careless))
    against = f"{sizes.seeds} x {sizes.questions} questions of {QUESTIONS} meanings, Zipf {EXPONENT:g}, 3 spellings"
    wrong = f"of all questions; bound {BOUND:.0%}; of {tier.given} answers by that tier {tier.given_wrong} were wrong"
    reckless = f"similarity >= {CARELESS:g} and nothing else: {careless.hit_rate:.0f} % hits"
    return [
        ("stream_exact_hits", exact.hit_rate, "%", against),
        ("stream_exact_wrong", exact.wrong_rate, "%", "of all questions"),
        ("stream_semantic_hits", semantic.hit_rate, "%", f"exact, then semantic with the bound {BOUND:.0%}"),
        ("stream_semantic_wrong", semantic.wrong_rate, "%", wrong),
        ("stream_threshold_wrong", careless.wrong_rate, "%", reckless),
    ]


async def _replay(asked: list[Asked], seed: int, counts: Counts, bound: float | None, tier: Counts) -> None:
    cache = LLMCache(MemoryKeyValueStore(), CachePolicy(memory_entries=len(asked)))
    semantic = None
    if bound is not None:
        policy = SemanticPolicy(tasks=frozenset({"answer"}), error_bound=bound)
        semantic = SemanticCache(policy, StaticEmbedder.load(), rng=random.Random(seed))
    oracle = Oracle({each.text: each.meaning for each in asked})
    model = CachedChatModel(oracle, cache, provider="oracle", semantic=semantic)
    purpose = Purpose(_SCOPE, "answer")
    for each in asked:
        given_before = 0 if semantic is None else semantic.given
        answer = await model.complete(_request(each), purpose)
        wrong = answer.text != f"Answer {each.meaning}."
        counts.asked += 1
        counts.given += answer.cached
        counts.given_wrong += wrong
        if semantic is not None and semantic.given > given_before:
            tier.given += 1
            tier.given_wrong += wrong


async def _careless(asked: list[Asked], counts: Counts) -> None:
    """What a cache would do that takes the nearest question for the same."""
    embedder = StaticEmbedder.load()
    vectors = np.asarray(await embedder.embed([each.text for each in asked]), np.float32)
    kept: list[int] = []
    for number, each in enumerate(asked):
        counts.asked += 1
        if kept:
            similarities = vectors[kept] @ vectors[number]
            nearest = int(np.argmax(similarities))
            if similarities[nearest] >= CARELESS:
                counts.given += 1
                counts.given_wrong += asked[kept[nearest]].meaning != each.meaning
                continue
        kept.append(number)


def _request(asked: Asked) -> ChatRequest:
    return replace(_EMPTY, messages=(_EMPTY.messages[0], Message("user", asked.text)))


_EMPTY: Final = ChatRequest((Message("system", "Answer in a sentence."),), model="oracle")
