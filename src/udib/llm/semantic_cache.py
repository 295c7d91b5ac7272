"""Kept answers for questions that were put in other words; off unless a task is listed.

Never across tenants, workspaces, models, system prompts, earlier turns, options or generations; never where numbers,
negations or names differ; and else with a bound on the share of wrong answers, learned from answers to the same
questions. In this process's memory only.
"""

import json
import random
import time
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from udib.core.chat import ChatRequest, Purpose
from udib.core.errors import UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.core.vectors import Embedder
from udib.llm.acceptance import Acceptance
from udib.llm.cache_entry import Kept
from udib.llm.cache_key import Spot, spot_of
from udib.llm.cache_policy import SemanticPolicy
from udib.llm.question_guard import Question, may_share

log: Any = structlog.get_logger()

_NEAREST: Final = 8
_SAME_TEXT: Final = str.maketrans("", "", ".,;:!?\"'`*_()[]")


@dataclass(slots=True)
class _Neighbour:
    frame: bytes
    question: Question
    kept: Kept
    until: float
    acceptance: Acceptance


class _Neighbours:
    """The entries of one scope, their vectors in one matrix, and what was learned of all of them by task.

    The oldest entry makes room for a new one.
    """

    __slots__ = ("entries", "learned", "next", "vectors")

    def __init__(self, most: int, dimension: int) -> None:
        self.entries: list[_Neighbour] = []
        self.vectors = np.zeros((most, dimension), np.float32)
        self.next = 0
        self.learned: defaultdict[str, Acceptance] = defaultdict(Acceptance)

    def add(self, entry: _Neighbour, vector: NDArray[np.float32]) -> None:
        if len(self.entries) < len(self.vectors):
            self.entries.append(entry)
        else:
            self.entries[self.next] = entry
        self.vectors[self.next] = vector
        self.next = (self.next + 1) % len(self.vectors)

    def nearest(self, asked: "Consulted", now: float) -> tuple[_Neighbour | None, float]:
        similarities = self.vectors[: len(self.entries)] @ asked.vector
        possible = np.fromiter((each.frame == asked.frame and now < each.until for each in self.entries), bool)
        similarities[~possible] = -2.0
        for place in np.argsort(-similarities)[:_NEAREST]:
            if similarities[place] > -2.0 and may_share(asked.question, self.entries[place].question):
                return self.entries[place], float(min(1.0, similarities[place]))
        return None, 0.0


@dataclass(frozen=True, slots=True)
class Consulted:
    """What the tier knows of a question.

    Attributes:
        shelf: The entries of its scope; no longer looked into once the scope was forgotten.
        frame: The digest of all that is asked but the question itself.
        question: The question, taken apart.
        vector: And its vector.
        task: What it is asked for.
        entry: The nearest entry whose answer might serve.
        similarity: How near it is.
        kept: Its answer, if it is to be given; None: the model is to be asked, and its answer to be shown to `learn`.
    """

    shelf: _Neighbours
    frame: bytes
    question: Question
    vector: NDArray[np.float32]
    task: str
    entry: _Neighbour | None = None
    similarity: float = 0.0
    kept: Kept | None = None


async def same_answer(one: str, other: str) -> bool:
    """Whether two answers are the same but for case, spaces and marks; JSON is compared by its values."""
    try:
        return bool(json.loads(one) == json.loads(other))
    except (ValueError, RecursionError):
        plain = [text.casefold().translate(_SAME_TEXT).split() for text in (one, other)]
        return plain[0] == plain[1]


class SemanticCache:
    """The tier. Every question that is asked anew teaches it, so that labels cost no further call.

    An answer that did not serve some question is judged by its own labels alone, as in the paper. The others are judged
    by all labels of their scope and task: behind an exact cache few answers ever meet enough questions of their own.

    Args:
        policy: For which tasks, with which bound, and how many entries.
        embedder: Makes vectors of questions.
        same: Whether two answers say the same. The plain comparison takes other words for another answer, so that free
            text is hardly ever given again; a judge that knows better makes more of the tier.
        corpus: A name of what the scope's answers are founded on, such as the memory's generation; answers founded on
            something else are not given.
        rng: Decides when to ask anew.
        clock: Seconds, only ever growing.
    """

    name = "answers in other words"

    def __init__(
        self,
        policy: SemanticPolicy,
        embedder: Embedder,
        *,
        same: Callable[[str, str], Awaitable[bool]] = same_answer,
        corpus: Callable[[Scope], str] = lambda _: "",
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._embedder = embedder
        self._same = same
        self._corpus = corpus
        self._rng = rng or random.Random()  # noqa: S311 - nothing secret
        self._clock = clock
        self._shelves: OrderedDict[Scope, _Neighbours] = OrderedDict()
        self.compared = 0
        self.given = 0
        self.labels = 0
        self.labels_wrong = 0

    def takes(self, request: ChatRequest, purpose: Purpose) -> bool:
        """Whether the task is listed and the request is a question: a user's turn at its end, and no tools."""
        return purpose.task in self._policy.tasks and request.messages[-1].role == "user" and not request.tools

    async def consult(self, spot: Spot, request: ChatRequest, purpose: Purpose) -> Consulted | None:
        """Look for an answer to the question in other words; None if the request is not for this tier."""
        if not self.takes(request, purpose):
            return None
        *before, last = request.messages
        empty = replace(request, messages=(*before, replace(last, content="")))
        founded = spot.generation + self._corpus(purpose.scope).encode()
        frame = spot_of(empty, purpose, spot.provider, spot.model, founded)
        vector = await self._vector(last.content)
        if frame is None or vector is None:
            return None
        shelf = self._shelf(purpose.scope)
        asked = Consulted(shelf, frame.digest, Question.of(last.content), vector, purpose.task)
        entry, similarity = shelf.nearest(asked, self._clock())
        if entry is None:
            return asked
        self.compared += 1
        judge = entry.acceptance if entry.acceptance.was_wrong else shelf.learned[purpose.task]
        chance = judge.chance_to_ask(similarity, error_bound=self._policy.error_bound)
        given = self._rng.random() >= chance
        self.given += given
        return replace(asked, entry=entry, similarity=similarity, kept=entry.kept if given else None)

    async def learn(self, asked: Consulted, kept: Kept) -> bool | None:
        """Note what the model said: whether the entry's answer would have served; if not, this is a new entry.

        Returns:
            Whether it would have; None: there was no entry to compare.
        """
        shelf = asked.shelf
        correct = None
        if asked.entry is not None:
            correct = await self._same(asked.entry.kept.text, kept.text)
            for learner in (asked.entry.acceptance, shelf.learned[asked.task]):
                learner.learn(asked.similarity, correct=correct)
            self.labels += 1
            self.labels_wrong += not correct
            if correct:
                return True
        entry = _Neighbour(asked.frame, asked.question, kept, self._clock() + kept.ttl_s, Acceptance())
        shelf.add(entry, asked.vector)
        return correct

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Drop all entries of a scope; returns how many there were."""
        del content_id
        shelf = self._shelves.pop(scope, None)
        return 0 if shelf is None else len(shelf.entries)

    def to_dict(self) -> dict[str, int]:
        """Counts, for reports: questions compared, answers given, labels and how many of them said wrong."""
        return {
            "compared": self.compared,
            "given": self.given,
            "labels": self.labels,
            "labels_wrong": self.labels_wrong,
        }

    async def _vector(self, text: str) -> NDArray[np.float32] | None:
        try:
            [made] = await self._embedder.embed([text])
        except UnavailableError as exc:
            log.warning("semantic_cache.no_vector", reason=str(exc))
            return None
        vector = np.asarray(made, np.float32)
        return vector if vector.any() else None

    def _shelf(self, scope: Scope) -> _Neighbours:
        shelf = self._shelves.get(scope)
        if shelf is None:
            shelf = self._shelves[scope] = _Neighbours(self._policy.entries, self._embedder.dimension)
            if len(self._shelves) > self._policy.scopes:
                self._shelves.popitem(last=False)
        self._shelves.move_to_end(scope)
        return shelf
