"""Profile the router: what a decision, a whole call and what is learned from it spend their time on.

`python scripts/profile_routing.py` writes profiling/routing.prof (for snakeviz or pstats) and
profiling/routing_analysis.txt, and prints the summary. The router, its embedding and its log on disk are real; the
models are scripted and answer at once, each with bills of its own.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from profiling import Table, profiled, written
from udib.core.chat import ChatRequest, Completion, Message, Purpose, TokenUsage
from udib.core.tenancy import Scope
from udib.core.types import Health
from udib.llm.cards import ModelCard
from udib.llm.features import Features
from udib.llm.pacer import BudgetPacer
from udib.llm.router import LLMRouter
from udib.llm.routing_options import RoutingOptions
from udib.llm.routing_request import RoutingContext
from udib.memory.static import StaticEmbedder
from udib.storage.database import Database
from udib.storage.decisions import SCHEMA, SqliteDecisionLog

SCOPE = Scope.of("benchmark", "profiling")
CONTEXT = {"complexity": "medium", "budget": 1.0}
TASK = "answer"

CARDS = (
    ModelCard("gpt-4", 8_192, 30.0, 60.0, quality=0.85),
    ModelCard("claude-3-sonnet", 200_000, 3.0, 15.0, quality=0.8),
    ModelCard("gpt-3.5-turbo", 16_385, 0.5, 1.5, quality=0.6),
)


@dataclass(frozen=True, slots=True)
class Amounts:
    """How many decisions are made, and how many calls with a bill and a reward."""

    decisions: int = 100
    calls: int = 100


@dataclass(frozen=True, slots=True)
class _Scripted:
    """Answers at once, with as many tokens as the prompt has, times `wordy`."""

    card: ModelCard
    wordy: float

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:  # noqa: ARG002 - the port's
        """The answer."""
        tokens = sum(len(message.content) for message in request.messages) // 4
        written = int(self.wordy * tokens)
        cost_usd = self.card.cost_usd(tokens, written)
        return Completion("So.", self.card.name, usage=TokenUsage(tokens, written, cost_usd=cost_usd, billed=True))

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        """The answer, in one piece."""
        yield await self.complete(request, purpose)

    async def ping(self) -> Health:
        """Always well."""
        return Health(self.card.name, ok=True, detail="scripted")


async def profile_routing_decisions(folder: Path, amounts: Amounts | None = None) -> list[str]:
    """Decide, call and learn, with a log in `folder`; the summary, a finding a line."""
    amounts = amounts or Amounts()
    database = Database(folder / "decisions.db", SCHEMA)
    try:
        router = _router(database)
        return [
            await _deciding(router, amounts),
            await _embedding(router, amounts),
            await _sampling(router, amounts),
            await _calling(router, amounts),
            await _estimating(router, amounts),
            await _keeping(database, amounts),
        ]
    finally:
        await database.close()


def _router(database: Database, kept: int = 0) -> LLMRouter:
    clients = {card.name: _Scripted(card, wordy) for card, wordy in zip(CARDS, (0.5, 1.0, 2.0), strict=True)}
    options = RoutingOptions(
        budget=lambda _: BudgetPacer(1.0, 1_000), cached_decisions=kept, rng=np.random.default_rng(7)
    )
    features = Features([TASK, "summary"], StaticEmbedder.load())
    return LLMRouter(clients, CARDS, features=features, log=SqliteDecisionLog(database), options=options)


async def _deciding(router: LLMRouter, amounts: Amounts) -> str:
    first = await _microseconds(1, lambda _: router.select_model(_messages(-1), CONTEXT, scope=SCOPE))
    times = await _microseconds(
        amounts.decisions, lambda number: router.select_model(_messages(number), CONTEXT, scope=SCOPE)
    )
    return (
        f"A decision, from the messages to the model's name: {statistics.median(times):.0f} us (median of "
        f"{amounts.decisions} calls of select_model); the first, which opens the log and the embedding: "
        f"{first[0] / 1000:.0f} ms."
    )


async def _embedding(router: LLMRouter, amounts: Amounts) -> str:
    requests = [ChatRequest([_message(number + amounts.decisions)]) for number in range(amounts.decisions)]
    context = RoutingContext(TASK)
    new = await _microseconds(amounts.decisions, lambda number: router.call_of(requests[number], context))
    known = await _microseconds(amounts.decisions, lambda number: router.call_of(requests[number], context))
    return (
        f"Of which turning the call into numbers: {statistics.median(new):.0f} us for a new text, which is embedded, "
        f"{statistics.median(known):.0f} us for one that is remembered."
    )


async def _sampling(router: LLMRouter, amounts: Amounts) -> str:
    policy = await router.learner.opened()
    call, rng = await router.call_of(ChatRequest([_message(0)]), RoutingContext(TASK)), np.random.default_rng(1)
    tenant = str(SCOPE.tenant)
    chosen = await _microseconds(amounts.decisions, lambda _: _done(policy.choose(tenant, call, rng)))
    draw = policy.choose(tenant, call, rng).draw
    propensity = await _microseconds(amounts.decisions, lambda _: _done(draw.propensity))

    async def learn(_: int) -> None:
        policy.learn(call, CARDS[0].name, 0.5)

    learned = await _microseconds(amounts.decisions, learn)
    return (
        f"The bandit alone, {len(CARDS)} models of {len(call.context)} dimensions: {statistics.median(chosen):.1f} us "
        f"to choose, {statistics.median(propensity):.1f} us for the propensity that is written down after the answer, "
        f"{statistics.median(learned):.1f} us to learn from a reward."
    )


async def _calling(router: LLMRouter, amounts: Amounts) -> str:
    decided: list[str] = []

    async def call(number: int) -> None:
        result = await router.chat(_messages(number), scope=SCOPE, task=TASK, context=CONTEXT)
        decided.append(result.decision_id)

    calls = await _microseconds(amounts.calls, call)
    rewards = await _microseconds(amounts.calls, lambda number: router.feedback(decided[number], 0.8))
    return (
        f"What the router adds to a call: {statistics.median(calls):.0f} us, its decision written down on disk and its "
        f"bill learned from; a reward that comes later: {statistics.median(rewards):.0f} us."
    )


async def _estimating(router: LLMRouter, amounts: Amounts) -> str:
    policy = await router.learner.opened()
    call = await router.call_of(ChatRequest([_message(0)]), RoutingContext(TASK))
    times = await _microseconds(amounts.decisions, lambda _: _done(policy.expected(call)))
    listed, learned = [], []
    for decision in await router.learner.log.decisions(SCOPE, limit=amounts.calls):
        billed = decision.cost_usd or 0.0
        card = next(card for card in CARDS if card.name == decision.model)
        listed.append(abs(card.cost_usd(decision.prompt_tokens, decision.completion_tokens) / billed - 1))
        learned.append(abs(policy.expected(call)[decision.model][1] / billed - 1))
    return (
        f"An estimate of all costs and rewards takes {statistics.median(times):.1f} us; for the models that were asked "
        f"it is {100 * statistics.fmean(learned):.0f} % off what is billed, the list price alone "
        f"{100 * statistics.fmean(listed):.0f} %."
    )


async def _keeping(database: Database, amounts: Amounts) -> str:
    router = _router(database, kept=amounts.decisions)
    await router.select_model(_messages(0), CONTEXT, scope=SCOPE)
    kept = await _microseconds(amounts.decisions, lambda _: router.select_model(_messages(0), CONTEXT, scope=SCOPE))
    fresh = await _microseconds(
        amounts.decisions, lambda _: router.select_model(_messages(0), CONTEXT, use_cache=False, scope=SCOPE)
    )
    return (
        f"A decision that is kept is found in {statistics.median(kept):.0f} us, made anew in "
        f"{statistics.median(fresh):.0f} us (with its key): keeping them gains nothing, and teaches nothing; it is off."
    )


async def _done(_: object) -> None:
    """What was worked out before this was called."""


async def _microseconds(times: int, work: Callable[[int], Awaitable[object]]) -> list[float]:
    found = []
    for number in range(times):
        began = time.perf_counter()
        await work(number)
        found.append(1e6 * (time.perf_counter() - began))
    return found


def _message(number: int) -> Message:
    return Message("user", f"Question {number}: what was said about taxes, by whom, and is it true? " * 5)


def _messages(number: int) -> list[Message]:
    return [Message("system", "Answer from what was said."), _message(number)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Profile, write the two files, print the summary."""
    parser = argparse.ArgumentParser(description="Profile the router.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "profiling")
    parser.add_argument("--decisions", type=int, default=Amounts().decisions)
    parser.add_argument("--calls", type=int, default=Amounts().calls)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="udib-profile-") as folder:
        found, stats = profiled(lambda: profile_routing_decisions(Path(folder), Amounts(asked.decisions, asked.calls)))
    note = "Times are those under the profiler, which makes Python's calls slower."
    written("routing", asked.out, [*found, "", note], stats, [Table("Top 30 by Cumulative Time", "cumulative", 30)])


if __name__ == "__main__":
    main()
