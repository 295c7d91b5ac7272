"""The router: which model answers, learned from what its answers were worth and what they cost."""

import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from udib.core.chat import ChatModel, ChatRequest, Completion, Purpose
from udib.core.errors import BadRequestError, BudgetExceededError, MissingModelError, UdibError, UnavailableError
from udib.core.ports import DecisionLog
from udib.core.routing import Decision
from udib.core.tenancy import Scope
from udib.core.types import Health
from udib.llm.call_result import LLMCallResult
from udib.llm.cards import ModelCard
from udib.llm.decision_memory import MemoryDecisionLog
from udib.llm.features import Features
from udib.llm.learner import RoutingLearner
from udib.llm.policy import RouterCall, RoutingPolicy
from udib.llm.routing_cache import RoutingCache, routing_key
from udib.llm.routing_options import RoutingOptions
from udib.llm.routing_request import (
    Messages,
    Obstacle,
    Routed,
    RoutingContext,
    context_of,
    exhausted,
    last_words,
    nobody,
    obstacle,
    prompt_tokens,
    request_of,
)
from udib.llm.streams import read_through

_PASSED_OVER: Final = (UnavailableError, MissingModelError, BudgetExceededError)
"""What one model's failure says nothing of the others by: they are asked."""


class LLMRouter:
    """A `ChatModel` over many: it picks one for each request, falls back when that cannot be had, and learns.

    A request that names its model goes there and nothing is decided. Each client may be wrapped, such as in a cache or
    a budget; an answer from a cache bills nothing and teaches no cost. Decisions are written down with numbers only.
    """

    def __init__(
        self,
        clients: Mapping[str, ChatModel],
        cards: Iterable[ModelCard],
        *,
        features: Features | None = None,
        log: DecisionLog | None = None,
        options: RoutingOptions | None = None,
    ) -> None:
        """Begin; what was learned is read when the first request comes.

        Args:
            clients: By model.
            cards: Of the models; those without a client are left out.
            features: What a decision looks at; None: the length only.
            log: Where decisions are written down; None: in memory.
            options: How it decides.

        Raises:
            BadRequestError: A client has no card.
        """
        self._clients = dict(clients)
        self._cards = {card.name: card for card in cards if card.name in self._clients}
        if set(self._clients) - set(self._cards):
            [name, *_] = sorted(set(self._clients) - set(self._cards))
            raise BadRequestError(f"Nothing is known of the model {name!r}; add it to models.yaml.")
        self._options = options or RoutingOptions()
        self._features = features or Features((), None)
        policy = RoutingPolicy(
            self._cards.values(), self._features, learning=self._options.learning, budget=self._options.budget
        )
        self.learner = RoutingLearner(policy, log or MemoryDecisionLog(), self._features.layout)
        self._routing_cache_ttl = self._options.cached_for_s
        self._routing_cache = RoutingCache(self._options.cached_decisions, self._routing_cache_ttl, self._options.clock)

    @property
    def models(self) -> tuple[str, ...]:
        """The models that may be chosen."""
        return tuple(self._cards)

    async def ping(self) -> Health:
        """How its log and its clients are: well if at least one model is."""
        log = await self.learner.log.ping()
        found = {name: await client.ping() for name, client in self._clients.items()}
        well = [name for name, health in found.items() if health.ok]
        detail = f"{len(well)} of {len(found)} models can be asked; {self.learner.fault or log.detail}"
        return Health("router", ok=bool(well) and log.ok and self.learner.fault is None, detail=detail)

    def add_model(self, card: ModelCard, client: ChatModel) -> None:
        """Let a model take part from now on, or give one another card and client."""
        self._cards[card.name] = card
        self._clients[card.name] = client
        self.learner.policy.add(card)

    def remove_model(self, name: str) -> None:
        """Ask a model no more and forget what was learned of it.

        Raises:
            BadRequestError: It does not take part.
        """
        if name not in self._cards:
            raise BadRequestError(f"There is no model {name!r}; there are {', '.join(sorted(self._cards))}.")
        del self._cards[name], self._clients[name]
        self.learner.policy.remove(name)

    async def select_model(
        self,
        messages: Messages,
        context: Mapping[str, Any] | RoutingContext | None = None,
        use_cache: bool = True,
        *,
        scope: Scope,
    ) -> str:
        """The model that would be asked now. Nothing is asked, written down or learned.

        Args:
            messages: What would be asked.
            context: See `RoutingContext`; a mapping may have its fields.
            use_cache: Whether a kept decision will do, if any are kept.
            scope: For whom.

        Raises:
            BadRequestError: No model can answer it, or the context is not one.
            UnavailableError: All models that could are resting after failures.
            BudgetExceededError: All that could are expected to cost more than is left.
        """
        known = context_of(context)
        purpose = Purpose(scope, known.task, use_cache=use_cache)
        return (await self._perform_model_selection(request_of(messages), purpose, known)).choice.model

    async def chat(  # noqa: PLR0913 - the plan's signature
        self,
        messages: Messages,
        model: str | None = None,
        use_cache: bool = True,
        *,
        scope: Scope,
        task: str = "other",
        context: Mapping[str, Any] | RoutingContext | None = None,
        deadline_s: float | None = None,
        **options: Any,  # noqa: ANN401 - fields of a request body
    ) -> LLMCallResult:
        """Ask, and get what it came to as a value; only bugs and cancellation are raised.

        Args:
            messages: What to ask.
            model: Whom; None: the router decides.
            use_cache: Whether a kept answer, or a kept decision, will do.
            scope: Who asks.
            task: What for.
            context: See `RoutingContext`.
            deadline_s: Seconds that it may take, fallbacks included.
            **options: Fields of `ChatRequest`, such as temperature; others go into the request's body.
        """
        began = self._options.clock()
        try:
            request = request_of(messages, model, options)
            purpose = Purpose(scope, task, deadline_s, use_cache)
            name, answer = await self._complete(request, purpose, context_of(context, task))
        except UdibError as exc:
            latency_ms = 1000 * (self._options.clock() - began)
            return LLMCallResult(
                model or "", "", success=False, latency_ms=latency_ms, status=exc.status, error=str(exc)
            )
        return LLMCallResult(
            name,
            answer.text,
            success=True,
            cached=answer.cached,
            cost_usd=self.settled_usd(name, answer),
            latency_ms=1000 * (self._options.clock() - began),
            decision_id=answer.decision_id,
            instead_of=answer.instead_of,
            usage=answer.usage,
            completion=answer,
        )

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        """The whole answer, of the model named or of the one chosen.

        Raises:
            BadRequestError: No model can answer it, or a model refuses it as it is.
            ForbiddenError: A model refuses the key or the account.
            BudgetExceededError: A cap would be passed.
            UnavailableError: None of the models tried can be had.
        """
        _, answer = await self._complete(request, purpose, RoutingContext(purpose.task))
        return answer

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        """The answer in pieces, at last the whole. Another model is tried only as long as nothing was said."""
        if request.model is not None:
            async with read_through(self._client(request.model).stream(request, purpose)) as pieces:
                async for piece in pieces:
                    yield piece
            return
        routed = await self._perform_model_selection(request, purpose, RoutingContext(purpose.task))
        failed: dict[str, UdibError] = {}
        for name in self._tried(routed, failed):
            said = False
            sent = self._sent(routed, name)
            try:
                with self._watched(name):
                    async with read_through(self._client(name).stream(*sent)) as pieces:
                        async for piece in pieces:
                            said = True
                            yield piece if isinstance(piece, str) else await self._decided(routed, name, piece, failed)
            except _PASSED_OVER as exc:
                if said:
                    raise
                failed[name] = exc
            else:
                return
        raise exhausted(failed)

    async def feedback(self, decision_id: str, reward: float) -> None:
        """Learn what an answer was worth, at any later time.

        Args:
            decision_id: Of the answer.
            reward: From 0 (worthless) to 1; see `udib.llm.rewards`. The first word counts.

        Raises:
            BadRequestError: The decision is not known or was rewarded already, or the reward is not in [0, 1].
        """
        await self.learner.reward(decision_id, reward)

    async def examine(
        self, name: str, request: ChatRequest, purpose: Purpose, judge: Callable[[Completion], float]
    ) -> Completion:
        """Ask one model and learn at once what its answer was worth; no tenant's budget is paced by it.

        Raises:
            UdibError: As `complete`; then nothing is learned.
        """
        answer = await self._client(name).complete(replace(request, model=name), purpose)
        call = await self.call_of(request, RoutingContext(purpose.task))
        decision = self._decision(purpose, call, name, answer)
        await self.learner.record(replace(decision, reward=judge(answer), calibration=True))
        return replace(answer, decision_id=decision.id)

    async def expected_usd(self, name: str, request: ChatRequest, task: str) -> float:
        """What a request is expected to cost with a model."""
        policy = await self.learner.opened()
        _, cost_usd = policy.expected(await self.call_of(request, RoutingContext(task)))[name]
        return cost_usd

    def settled_usd(self, name: str, answer: Completion) -> float:
        """What a model's answer cost."""
        return 0.0 if answer.cached else self._cards[name].settled(answer.usage)

    async def call_of(self, request: ChatRequest, context: RoutingContext) -> RouterCall:
        """A request as numbers."""
        tokens = prompt_tokens(request, self._options.tokens)
        expected = min(context.answer_tokens, request.max_tokens or context.answer_tokens)
        numbers = await self._features.context(context.task, last_words(request), tokens)
        return RouterCall(numbers, self._features.task(context.task), tokens, expected)

    async def close(self) -> None:
        """Save what was learned."""
        await self.learner.save()

    async def _complete(
        self, request: ChatRequest, purpose: Purpose, context: RoutingContext
    ) -> tuple[str, Completion]:
        if request.model is not None:
            return request.model, await self._client(request.model).complete(request, purpose)
        routed = await self._perform_model_selection(request, purpose, context)
        failed: dict[str, UdibError] = {}
        for name in self._tried(routed, failed):
            sent = self._sent(routed, name)
            try:
                with self._watched(name):
                    answer = await self._client(name).complete(*sent)
            except _PASSED_OVER as exc:
                failed[name] = exc
            else:
                return name, await self._decided(routed, name, answer, failed)
        raise exhausted(failed)

    async def _perform_model_selection(self, request: ChatRequest, purpose: Purpose, context: RoutingContext) -> Routed:
        began = self._options.clock()
        policy = await self.learner.opened()
        call = await self.call_of(request, context)
        barred = self._barred(request, call.prompt_tokens)
        most_usd = await self._most_usd(purpose.scope, context.budget)
        key = self._generate_routing_cache_key(request, purpose, (context, sorted(barred), most_usd))
        kept = self._routing_cache.get(key) if key and purpose.use_cache else None
        choice = kept or policy.choose(
            str(purpose.scope.tenant), call, self._options.rng, barred=barred, most_usd=most_usd
        )
        if key and kept is None:
            self._routing_cache.put(key, choice)
        return Routed(request, purpose, call, barred, began, choice)

    def _generate_routing_cache_key(self, request: ChatRequest, purpose: Purpose, others: object) -> str:
        """Everything that a decision depends on, as a digest; empty if no decisions are kept."""
        if not self._options.cached_decisions:
            return ""
        return routing_key(request, purpose, self.learner.policy.version, others)

    def _barred(self, request: ChatRequest, tokens: int) -> frozenset[str]:
        """The models that cannot be asked.

        Raises:
            BadRequestError: None of all can.
            UnavailableError: None can now.
        """
        found: dict[str, Obstacle] = {}
        for name, card in self._cards.items():
            reason = obstacle(card, request, tokens, unpriced=self._options.allow_unpriced)
            if reason is None and not self._options.breakers.admits(name):
                reason = Obstacle("it failed several times and rests", passing=True)
            if reason is not None:
                found[name] = reason
        if len(found) == len(self._cards):
            raise nobody(found.items())
        return frozenset(found)

    async def _most_usd(self, scope: Scope, asked: float | None) -> float | None:
        left = await self._options.remaining_usd(scope) if self._options.remaining_usd is not None else None
        caps = [cap for cap in (left, asked) if cap is not None]
        return min(caps, default=None)

    def _tried(self, routed: Routed, failed: Mapping[str, UdibError]) -> Iterator[str]:
        """The models to ask, the best first, until enough have failed; one that is too dear was not asked at all."""
        for name in routed.choice.ranking:
            if sum(not isinstance(each, BudgetExceededError) for each in failed.values()) >= self._options.most_tried:
                return
            if self._options.breakers.admits(name):  # others may have found it failing since it was ranked
                yield name

    def _client(self, name: str) -> ChatModel:
        if name not in self._clients:
            raise BadRequestError(f"There is no model {name!r}; there are {', '.join(sorted(self._cards))}.")
        return self._clients[name]

    def _sent(self, routed: Routed, name: str) -> tuple[ChatRequest, Purpose]:
        """What a model is asked, with the time that is left of the deadline."""
        purpose = routed.purpose
        if purpose.deadline_s is not None:
            left = purpose.deadline_s - (self._options.clock() - routed.began)
            if left <= 0:
                raise UnavailableError(f"No answer in {purpose.deadline_s:g} s; ask again or allow more time.")
            purpose = replace(purpose, deadline_s=left)
        return replace(routed.request, model=name), purpose

    @contextmanager
    def _watched(self, name: str) -> Generator[None]:
        """Tell the circuit breaker how a call went."""
        breakers = self._options.breakers
        breakers.begin(name)
        try:
            yield
        except (UnavailableError, MissingModelError):
            breakers.failed(name)
            raise
        else:
            breakers.succeeded(name)
        finally:
            breakers.abandoned(name)

    async def _decided(
        self, routed: Routed, name: str, answer: Completion, failed: Mapping[str, UdibError]
    ) -> Completion:
        """Write down what was decided, and name it in the answer; if that cannot be done, `ping` says so."""
        decision = replace(
            self._decision(routed.purpose, routed.call, name, answer),
            barred=tuple(sorted(routed.barred)),
            # Who answers after a failure was not left to chance.
            propensity=0.0 if failed else routed.choice.draw.propensity,
        )
        written = await self.learner.recorded(decision)
        return replace(answer, decision_id=decision.id if written else "", instead_of=tuple(failed))

    def _decision(self, purpose: Purpose, call: RouterCall, name: str, answer: Completion) -> Decision:
        return Decision(
            uuid.uuid4().hex,
            purpose.scope,
            purpose.task,
            name,
            self._features.layout,
            tuple(call.context.tolist()),
            call.prompt_tokens,
            call.completion_tokens,
            barred=(),
            propensity=0.0,
            decided_at=self._options.wall_clock(),
            cost_usd=None if answer.cached else self._cards[name].settled(answer.usage),
        )
