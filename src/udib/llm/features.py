"""A call as numbers: its task, its length, and a little of what it is about."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import numpy as np

from udib.core.vectors import Embedder
from udib.llm.bandit import Floats

OTHER: Final = "other"
TOPICS: Final = 8
KEPT: Final = 4_096
EMBEDDED_CHARACTERS: Final = 4_000

_SEED: Final = 384
_TYPICAL_LOG_TOKENS: Final = 4.6


class Features:
    """Contexts of 1 (constant), a coordinate a task, the length, and 8 coordinates of the text's embedding.

    The embedding is projected by a fixed Gaussian matrix, so that it takes no fitting and is the same everywhere. Its
    coordinates are kept by the digest of the text, never with it.

    Attributes:
        certainty: For each coordinate, how many rewards the prior is worth along it. A model's common level is learned
            first, then how it differs by task; topics have to prove that they matter.
    """

    def __init__(self, tasks: Sequence[str], embedder: Embedder | None, *, kept: int = KEPT) -> None:
        """Know the tasks.

        Args:
            tasks: Their names; any other one counts as "other".
            embedder: Turns the last message into a vector; None: contexts have no topics.
            kept: Most texts whose topics are remembered.
        """
        names = [*dict.fromkeys([*tasks, OTHER])]
        self._tasks = {name: number for number, name in enumerate(names)}
        self._embedder = embedder
        self._kept = kept
        self._topics: OrderedDict[bytes, Floats] = OrderedDict()
        topics = 0 if embedder is None else TOPICS
        self.certainty = (1.0, *(5.0 for _ in names), 0.3, *(10.0 for _ in range(topics)))
        size = 0 if embedder is None else embedder.dimension
        self._projection = np.random.default_rng(_SEED).standard_normal((topics, size)) / np.sqrt(max(topics, 1))

    @property
    def tasks(self) -> int:
        """How many tasks are told apart."""
        return len(self._tasks)

    @property
    def layout(self) -> str:
        """A digest of what the coordinates mean: what was learned under another layout means nothing under this one."""
        embedding = "" if self._embedder is None else f"{self._embedder.model_id}/{self._embedder.dimension}"
        parts = "\n".join([*self._tasks, embedding, str(TOPICS), str(_SEED)])
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def task(self, name: str) -> int:
        """The number of a task."""
        return self._tasks.get(name, self._tasks[OTHER])

    async def context(self, task: str, text: str, tokens: int) -> Floats:
        """The context of a call.

        Args:
            task: Its name.
            text: What it is about, such as the last message; only its beginning is embedded.
            tokens: Length of the whole prompt.
        """
        context = np.zeros(len(self.certainty))
        context[0] = 1.0
        context[1 + self.task(task)] = 1.0
        context[1 + self.tasks] = (np.log1p(tokens) - _TYPICAL_LOG_TOKENS) / 2
        if self._embedder is not None:
            context[2 + self.tasks :] = await self._topics_of(self._embedder, text[:EMBEDDED_CHARACTERS])
        return context

    async def _topics_of(self, embedder: Embedder, text: str) -> Floats:
        key = hashlib.sha256(text.encode()).digest()
        topics = self._topics.get(key)
        if topics is None:
            [vector] = await embedder.embed([text])
            topics = self._projection @ np.asarray(vector)
            self._topics[key] = topics
            if len(self._topics) > self._kept:
                self._topics.popitem(last=False)
        else:
            self._topics.move_to_end(key)
        return topics
