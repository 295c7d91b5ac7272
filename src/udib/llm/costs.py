"""What a call will cost: its list price, times what such calls were billed for each dollar of list price."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from udib.llm.bandit import Floats
from udib.llm.cards import ModelCard
from udib.llm.state import readable_state

UNPRICED_USD_PER_MILLION: Final = 10.0
"""What a model of unknown price is taken to cost until it is billed: better too much than too little."""

_KEPT: Final = 0.99
_PRIOR_CALLS: Final = 2.0
_LEAST_USD: Final = 1e-9

Tokens = NDArray[np.int64]


class _CostBytes(msgspec.Struct, frozen=True, array_like=True, tag="costs/1"):
    tasks: int
    sums: bytes


class CostBook:
    """Expected costs by task and model. Reacts to a changed price within about 100 calls of the model.

    The ratio of billed to listed dollars carries what a list price does not say: how long a model's answers to a task
    are, whether it thinks first, what a provider adds. For a task that a model has not had, its ratio over all tasks
    counts; for a model that was never billed, 1.
    """

    def __init__(self, tasks: int) -> None:
        """Know no model yet; `tasks` is how many kinds of call there are."""
        self._prices = np.empty((2, 0))
        self._sums = np.empty((3, tasks, 0))  # billed USD, listed USD, calls
        self._ratio = np.empty((tasks, 0))

    def add(self, card: ModelCard) -> None:
        """Take in a model, as the last."""
        self._prices = np.column_stack([self._prices, _prices(card)])
        tasks = self._ratio.shape[0]
        self._sums = np.concatenate([self._sums, np.zeros((3, tasks, 1))], axis=2)
        self._ratio = np.column_stack([self._ratio, np.ones(tasks)])

    def reprice(self, model: int, card: ModelCard) -> None:
        """Take in new list prices of a model."""
        self._prices[:, model] = _prices(card)

    def remove(self, model: int) -> None:
        """Forget a model; those behind it move up."""
        self._prices = np.delete(self._prices, model, axis=1)
        self._sums = np.delete(self._sums, model, axis=2)
        self._ratio = np.delete(self._ratio, model, axis=1)

    def listed(self, prompt_tokens: int | Tokens, completion_tokens: int | Tokens) -> Floats:
        """The list prices of so many tokens in dollars, one a model; of tokens (n, 1), (n, models)."""
        prices: Floats = self._prices[0] * prompt_tokens + self._prices[1] * completion_tokens
        return prices

    def expected(self, tasks: int | Tokens, listed: Floats) -> Floats:
        """What calls are expected to cost in dollars: of one task, (models,), or of n, (n, models)."""
        costs: Floats = listed * self._ratio[tasks]
        return costs

    def billed(self, task: int, model: int, listed_usd: float, billed_usd: float) -> None:
        """Take in what a call cost beside its list price."""
        sums = self._sums[:, :, model]
        sums[:, task] = sums[:, task] * _KEPT + np.array((billed_usd, max(listed_usd, _LEAST_USD), 1.0))
        self._weigh(model)

    def _weigh(self, model: int) -> None:
        sums = self._sums[:, :, model]
        billed, listed, calls = sums.sum(axis=1)
        prior = _PRIOR_CALLS * listed / calls
        self._ratio[:, model] = (sums[0] + prior * billed / listed) / (sums[1] + prior)

    def to_bytes(self) -> bytes:
        """What was learned, for `from_bytes`; prices are not in it."""
        tasks = self._ratio.shape[0]
        return msgspec.msgpack.encode(_CostBytes(tasks, self._sums.astype("<f8").tobytes()))

    @classmethod
    def from_bytes(cls, data: bytes, cards: Sequence[ModelCard]) -> "CostBook":
        """The book whose bytes these are, at today's list prices of its models, which are given in its order.

        Raises:
            BadRequestError: The bytes are damaged, of another version, or of another number of models.
        """
        with readable_state():
            kept = msgspec.msgpack.decode(data, type=_CostBytes)
            sums = np.frombuffer(kept.sums, "<f8").reshape(3, kept.tasks, len(cards)).astype(np.float64)
        book = cls(kept.tasks)
        for card in cards:
            book.add(card)
        book._sums = sums
        for model in np.flatnonzero(sums[2].sum(axis=0)).tolist():
            book._weigh(model)
        return book


def _prices(card: ModelCard) -> Floats:
    listed = (card.input_usd_per_million, card.output_usd_per_million)
    return np.array([UNPRICED_USD_PER_MILLION if price is None else price for price in listed]) / 1e6
