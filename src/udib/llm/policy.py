"""Which model for which call: what was learned of rewards and costs, weighed at the price of the tenant's budget.

Nothing here waits, reads a clock or knows a text: a call is a handful of numbers.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from udib.core.errors import BudgetExceededError
from udib.llm.bandit import EPOCH, LEARNING, Draw, Floats, Learning, LinearBandit
from udib.llm.cards import ModelCard
from udib.llm.costs import CostBook
from udib.llm.features import Features
from udib.llm.pacer import BudgetPacer
from udib.llm.state import readable_state

OPTIMISM: Final = 0.6
"""How far above its card's quality, on the way to 1, a model begins: what is expected too high is tried and corrected,
what is expected too low is never seen again."""

RECENT: Final = 256
TENANTS: Final = 512
COMPLETION_TOKENS: Final = 256
"""Length of an answer before any was billed; the costs learned make up for it."""


@dataclass(frozen=True, slots=True)
class RouterCall:
    """What the policy sees of a call.

    Attributes:
        context: See `Features`.
        task: Number of the task.
        prompt_tokens: Estimated.
        completion_tokens: What the answer is taken to be long at most.
    """

    context: Floats
    task: int
    prompt_tokens: int
    completion_tokens: int = COMPLETION_TOKENS


@dataclass(frozen=True, slots=True)
class Bill:
    """What a call cost.

    Attributes:
        tenant: Whose budget is paced by it; None: nobody's, as in a calibration.
        usd: Dollars.
        at_s: When it was made, in seconds since 1970.
        barred: Models that could not be asked.
    """

    tenant: str | None
    usd: float
    at_s: float = 0.0
    barred: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Choice:
    """The models for a call.

    Attributes:
        ranking: Their names, from the best to the worst; those after the first are what to fall back on.
        draw: How it came about.
    """

    ranking: tuple[str, ...]
    draw: Draw

    @property
    def model(self) -> str:
        """The first."""
        return self.ranking[0]


class _PolicyBytes(msgspec.Struct, frozen=True, array_like=True, tag="policy/1"):
    """What a policy is made of; `recent` holds context, task, tokens and barred models of each recent call."""

    bandit: bytes
    costs: bytes
    pacers: dict[str, tuple[float, ...]]
    recent: list[tuple[list[float], int, int, int, list[str]]]


class RoutingPolicy:
    """Thompson sampling over expected reward less the priced expected cost.

    What is learned is shared by all tenants of an installation: sums and numbers in which no text can be found again.
    A budget, with the price that follows from it, is a tenant's own.

    Attributes:
        features: What its contexts consist of.
        bandit: What is known of rewards.
    """

    def __init__(
        self,
        cards: Iterable[ModelCard],
        features: Features,
        *,
        learning: Learning = LEARNING,
        budget: Callable[[str], BudgetPacer | None] = lambda _: None,
    ) -> None:
        """Begin with what the cards say.

        Args:
            cards: The models.
            features: What contexts consist of.
            learning: Speeds.
            budget: Makes the pacer of a tenant; None: its costs do not count.
        """
        self.features = features
        self._learning = learning
        self._budget = budget
        self._cards: dict[str, ModelCard] = {}
        self.bandit = LinearBandit(features.certainty, learning)
        self._costs = CostBook(features.tasks)
        self._pacers: OrderedDict[str, BudgetPacer | None] = OrderedDict()
        self._recent: deque[tuple[RouterCall, frozenset[str]]] = deque(maxlen=RECENT)
        self._changes = 0
        for card in cards:
            self.add(card)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models."""
        return self.bandit.names

    @property
    def version(self) -> tuple[int, int]:
        """Differs when the models changed, or enough was learned to decide otherwise."""
        return self._changes, self.bandit.rewards // EPOCH

    def add(self, card: ModelCard) -> None:
        """Let a model take part from now on; one of that name that takes part already gets the card's prices."""
        self._changes += 1
        self._cards[card.name] = card
        if card.name in self.models:
            self._costs.reprice(self.models.index(card.name), card)
            return
        self.bandit.add(card.name, card.quality + OPTIMISM * (1.0 - card.quality))
        self._costs.add(card)

    def remove(self, name: str) -> None:
        """Forget a model."""
        self._changes += 1
        self._costs.remove(self.models.index(name))
        self.bandit.remove(name)
        del self._cards[name]

    def pacer(self, tenant: str) -> BudgetPacer | None:
        """The budget of a tenant, begun when it is first asked for; the longest unused is given up beyond 512."""
        if tenant in self._pacers:
            self._pacers.move_to_end(tenant)
            return self._pacers[tenant]
        pacer = self._pacers[tenant] = self._budget(tenant)
        if len(self._pacers) > TENANTS:
            self._pacers.popitem(last=False)
        if pacer is not None:
            self._reprice(pacer)
        return pacer

    def choose(
        self,
        tenant: str,
        call: RouterCall,
        rng: np.random.Generator,
        *,
        barred: Collection[str] = (),
        most_usd: float | None = None,
    ) -> Choice:
        """Rank the models for a call.

        Args:
            tenant: Whose budget sets the price.
            call: The call.
            rng: The randomness.
            barred: Models that cannot be asked; at least one is left.
            most_usd: What the call may cost at most; None: no cap.

        Raises:
            BudgetExceededError: Every model that can be asked is expected to cost more.
        """
        pacer = self.pacer(tenant)
        costs = self._costs.expected(call.task, self._costs.listed(call.prompt_tokens, call.completion_tokens))
        penalty = costs * (pacer.price if pacer is not None else 0.0)
        if barred:
            penalty[[name in barred for name in self.models]] = np.inf
        if most_usd is not None:
            _cap(penalty, costs, most_usd)
        draw = self.bandit.draw(call.context, penalty, rng)
        names = self.models
        return Choice(tuple(names[arm] for arm in draw.ranking), draw)

    def billed(self, call: RouterCall, model: str, bill: Bill) -> None:
        """Take in what a call cost."""
        self._recent.append((call, bill.barred))
        if model in self.models:
            arm = self.models.index(model)
            listed = self._costs.listed(call.prompt_tokens, call.completion_tokens)
            self._costs.billed(call.task, arm, float(listed[arm]), bill.usd)
        pacer = self.pacer(bill.tenant) if bill.tenant is not None else None
        if pacer is not None and pacer.billed(bill.usd, bill.at_s):
            self._reprice(pacer)

    def learn(self, call: RouterCall, model: str, reward: float) -> None:
        """Take in what a model's answer was worth, in [0, 1]; of a model that is gone nothing is learned."""
        if model in self.models:
            self.bandit.learn(self.models.index(model), call.context, reward)

    def expected(self, call: RouterCall) -> dict[str, tuple[float, float]]:
        """For each model the reward and the cost in dollars that are expected of it."""
        listed = self._costs.listed(call.prompt_tokens, call.completion_tokens)
        costs = self._costs.expected(call.task, listed).tolist()
        return dict(zip(self.models, zip(self.bandit.expected(call.context).tolist(), costs, strict=True), strict=True))

    def _reprice(self, pacer: BudgetPacer) -> None:
        if not self._recent or not self.models:
            return
        calls = [call for call, _ in self._recent]
        rewards = self.bandit.expected(np.array([call.context for call in calls]))
        for row, (_, barred) in enumerate(self._recent):
            if barred:
                rewards[row, [name in barred for name in self.models]] = -np.inf
        tokens = np.array([(call.prompt_tokens, call.completion_tokens) for call in calls])
        listed = self._costs.listed(tokens[:, :1], tokens[:, 1:])
        pacer.reprice(rewards, self._costs.expected(np.array([call.task for call in calls]), listed))

    def to_bytes(self) -> bytes:
        """All that was learned and spent, for `restore`; no text is in it."""
        pacers = {tenant: pacer.state() for tenant, pacer in self._pacers.items() if pacer is not None}
        recent = [
            (call.context.tolist(), call.task, call.prompt_tokens, call.completion_tokens, sorted(barred))
            for call, barred in self._recent
        ]
        return msgspec.msgpack.encode(_PolicyBytes(self.bandit.to_bytes(), self._costs.to_bytes(), pacers, recent))

    def restore(self, data: bytes) -> None:
        """Go on from what was learned before, with the models of now: new ones begin as their cards say.

        Raises:
            BadRequestError: The bytes are damaged, or of another version.
        """
        with readable_state():
            kept = msgspec.msgpack.decode(data, type=_PolicyBytes)
            bandit = LinearBandit.from_bytes(kept.bandit, self._learning)
            known = [self._cards.get(name, ModelCard(name, 0)) for name in bandit.names]
            costs = CostBook.from_bytes(kept.costs, known)
            recent = [
                (RouterCall(np.array(context), *rest), frozenset(barred)) for context, *rest, barred in kept.recent
            ]
            pacers = {tenant: self._budget(tenant) for tenant in kept.pacers}
            for tenant, state in kept.pacers.items():
                pacer = pacers[tenant]
                if pacer is not None:
                    pacer.resume(state)
        self.bandit, self._costs = bandit, costs
        self._recent.extend(recent)
        self._pacers.update(pacers)
        cards = dict(self._cards)
        for name in set(bandit.names) - set(cards):
            self._cards[name] = ModelCard(name, 0)
            self.remove(name)
        for card in cards.values():
            self.add(card)


def _cap(penalty: Floats, costs: Floats, most_usd: float) -> None:
    penalty[costs > most_usd] = np.inf
    if np.isinf(penalty).all():
        raise BudgetExceededError(
            f"The cheapest model for this call is expected to cost {costs.min():.4f} USD and {most_usd:.4f} USD are "
            "left for it; raise llm.cap_day_usd, wait until tomorrow (UTC), or ask for less."
        )
