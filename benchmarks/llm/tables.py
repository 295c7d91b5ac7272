"""Public routing tables, replayed through the product's policy: every answer of every model is known in advance."""

import asyncio
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory.stores import child, peer_python, progress
from udib.llm.cards import ModelCard
from udib.llm.features import Features
from udib.llm.pacer import BudgetPacer
from udib.llm.policy import Bill, Choice, RouterCall, RoutingPolicy
from udib.llm.routing_cache import RoutingCache
from udib.memory.static import StaticEmbedder

CALIBRATED = 200
"""Rows that every model answers first, in each replay; they are not scored."""

TENANT = "benchmark"
_CONTEXT_TOKENS = 1_000_000

# List prices, dollars per million tokens of prompt and of answer, at the time of each table.
_PRICES: dict[str, dict[str, tuple[float, float]]] = {
    "paretobandit_k4": {
        "meta-llama/llama-3.1-8b-instruct": (0.02, 0.03), "mistralai/mistral-large-2512": (0.5, 1.5),
        "google/gemini-2.5-pro": (1.25, 10.0), "google/gemini-2.5-flash": (0.3, 2.5),
    },
    "routerbench_slice": {
        "gpt-3.5-turbo-1106": (1.0, 2.0), "claude-instant-v1": (0.8, 2.4), "claude-v1": (8.0, 24.0),
        "claude-v2": (8.0, 24.0), "gpt-4-1106-preview": (10.0, 30.0), "meta/llama-2-70b-chat": (0.9, 0.9),
        "mistralai/mixtral-8x7b-chat": (0.6, 0.6), "zero-one-ai/Yi-34B-Chat": (0.8, 0.8),
        "WizardLM/WizardLM-13B-V1.2": (0.3, 0.3), "meta/code-llama-instruct-34b-chat": (0.776, 0.776),
        "mistralai/mistral-7b-chat": (0.2, 0.2),
    },
    "llmrouter_9": {
        "llama3-chatqa-1.5-8b": (0.2, 0.2), "qwen2.5-7b-instruct": (0.2, 0.2), "llama3-chatqa-1.5-70b": (0.9, 0.9),
        "llama-3.1-nemotron-51b-instruct": (0.9, 0.9), "mistral-7b-instruct-v0.3": (0.2, 0.2),
        "gemma-2-9b-it": (0.1, 0.1), "llama-3.1-8b-instruct": (0.2, 0.2), "codegemma-7b": (0.2, 0.2),
        "llama-3.3-nemotron-super-49b-v1": (0.9, 0.9),
    },
    "routellm_2": {"mistralai/Mixtral-8x7B-Instruct-v0.1": (0.6, 0.6), "gpt-4-1106-preview": (10.0, 30.0)},
}  # fmt: skip

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """A routing table with the context of each row. Rows x models: `quality` in 0..1, `cost` in dollars."""

    name: str
    quality: Floats
    cost: Floats
    cards: tuple[ModelCard, ...]
    calls: tuple[RouterCall, ...]
    features: Features

    @property
    def best_usd(self) -> float:
        """What a call to the best single model costs on average."""
        return float(self.cost[:, self.quality.mean(axis=0).argmax()].mean())


@dataclass(frozen=True, slots=True)
class Replay:
    """How a replay is made.

    Attributes:
        share: The budget: a share of what the best single model costs.
        calls: Most calls.
        seed: Of the order of rows and of the router's samples.
        told: Share of the calls whose reward is told.
        late: Calls after which a reward arrives.
        halves: Number of a model whose quality halves after half of the calls; None: nothing changes.
        halved: Whether it had halved before the calibration already: the router that knows.
        cheaper: What the prices of all calls are multiplied by after half of them.
        prompts: Distinct prompts, which recur by Zipf's law; None: each call has one of its own.
        kept: Whether decisions are kept: "" not, "full" by the product's routing cache, "plan" by the length of the
            prompt alone, as first planned.
    """

    share: float
    calls: int
    seed: int
    told: float = 1.0
    late: int = 0
    halves: int | None = None
    halved: bool = False
    cheaper: float = 1.0
    prompts: int | None = None
    kept: Literal["", "full", "plan"] = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A replay, call by call: the model chosen, what it earned, what it cost; and the best mix at that spend."""

    chosen: NDArray[np.int64]
    earned: Floats
    spent: Floats
    budget_usd: float
    mix: float

    @property
    def quality(self) -> float:
        """Mean quality."""
        return float(self.earned.mean())

    @property
    def budget_error(self) -> float:
        """By what share the budget was missed."""
        return abs(float(self.spent.sum()) / self.budget_usd - 1.0)

    @property
    def afterwards(self) -> float:
        """Mean quality of the second half."""
        return float(self.earned[len(self.earned) // 2 :].mean())

    @property
    def main(self) -> int:
        """The model chosen most in the first half."""
        return int(np.bincount(self.chosen[: len(self.chosen) // 2]).argmax())


def load_tables() -> dict[str, Table]:
    """The tables below EVAL_DATA_DIR/routing; empty if there are none or pyarrow cannot be installed."""
    folder = Path(os.environ.get("EVAL_DATA_DIR", "")) / "routing"
    if not os.environ.get("EVAL_DATA_DIR") or not folder.is_dir():
        progress("no routing tables: set EVAL_DATA_DIR to a folder that has them in routing/")
        return {}
    python = peer_python("pyarrow")
    if python is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="udib-bench-") as scratch:
        found = child(python, "routing_tables", folder, scratch)
        return {name: asyncio.run(_load(name, Path(scratch) / f"{name}.npz")) for name in found["rows"]}


async def _load(name: str, path: Path) -> Table:
    with np.load(path) as arrays:
        tasks = arrays["source"].tolist()
        features = Features(sorted(set(tasks)), StaticEmbedder.load())
        calls = []
        for task, prompt in zip(tasks, arrays["prompt"].tolist(), strict=True):
            tokens = -(-len(prompt) // 4)
            calls.append(RouterCall(await features.context(task, prompt, tokens), features.task(task), tokens))
        prices = _PRICES[name]
        cards = tuple(ModelCard(model, _CONTEXT_TOKENS, *prices[model]) for model in arrays["models"].tolist())
        return Table(name, arrays["quality"], arrays["cost"], cards, tuple(calls), features)


def replayed(table: Table, replay: Replay) -> Outcome:
    """Calibrate a new policy and let it decide call by call, told only of the answers that it asked for."""
    rng, chosen = np.random.default_rng(replay.seed), list[int]()
    order = rng.permutation(len(table.calls))
    rows = _stream(order[CALIBRATED:], replay, rng)
    cache = RoutingCache(clock=lambda: float(len(chosen)))  # a call a second
    budget_usd = replay.share * table.best_usd * len(rows)
    policy = RoutingPolicy(table.cards, table.features, budget=lambda _: BudgetPacer(budget_usd, len(rows)))
    _calibrate(policy, table, order[:CALIBRATED], replay)
    earned, spent, told = [], [], []
    for number, row in enumerate(rows.tolist()):
        call = table.calls[row]
        model = policy.models.index(_choice(policy, call, _key(replay, policy, row, call), cache, rng).model)
        changed = replay.halved or number >= len(rows) // 2
        reward = table.quality[row, model] * (0.5 if changed and model == replay.halves else 1.0)
        usd = table.cost[row, model] * (replay.cheaper if changed else 1.0)
        policy.billed(call, policy.models[model], Bill(TENANT, usd))
        if rng.random() < replay.told:
            told.append((number + replay.late, call, policy.models[model], reward))
        while told and told[0][0] <= number:
            policy.learn(*told.pop(0)[1:])
        chosen.append(model)
        earned.append(reward)
        spent.append(usd)
    mean_usd = float(np.mean(spent))
    mix = best_mix(table.quality[rows].mean(axis=0), table.cost[rows].mean(axis=0), mean_usd)
    return Outcome(np.array(chosen), np.array(earned), np.array(spent), budget_usd, mix)


def _stream(rows: NDArray[np.int64], replay: Replay, rng: np.random.Generator) -> NDArray[np.int64]:
    if replay.prompts is None:
        return rows[: replay.calls]
    shares = 1 / np.arange(1, replay.prompts + 1)
    return rng.choice(rows[: replay.prompts], size=replay.calls, p=shares / shares.sum())


def _key(replay: Replay, policy: RoutingPolicy, row: int, call: RouterCall) -> str:
    match replay.kept:
        case "full":
            return f"{policy.version}:{row}"
        case "plan":
            return f"medium:{4 * call.prompt_tokens // 500}:1.0"
        case _:
            return ""


def _choice(policy: RoutingPolicy, call: RouterCall, key: str, cache: RoutingCache, rng: np.random.Generator) -> Choice:
    kept = cache.get(key) if key else None
    choice = kept or policy.choose(TENANT, call, rng)
    if key and kept is None:
        cache.put(key, choice)
    return choice


def _calibrate(policy: RoutingPolicy, table: Table, rows: NDArray[np.int64], replay: Replay) -> None:
    for row in rows.tolist():
        for model, name in enumerate(policy.models):
            policy.billed(table.calls[row], name, Bill(None, table.cost[row, model]))
            reward = table.quality[row, model] * (0.5 if replay.halved and model == replay.halves else 1.0)
            policy.learn(table.calls[row], name, reward)


def best_mix(quality: Floats, cost: Floats, usd: float) -> float:
    """The best mean quality of a fixed lottery between two models whose mean cost is at most `usd`."""
    best = max((q for q, c in zip(quality, cost, strict=True) if c <= usd), default=0.0)
    for cheap in np.flatnonzero(cost <= usd).tolist():
        for dear in np.flatnonzero(cost > usd).tolist():
            share = (usd - cost[cheap]) / (cost[dear] - cost[cheap])
            best = max(best, quality[cheap] + share * (quality[dear] - quality[cheap]))
    return float(best)


def drift_outcomes(table: Table, replay: Replay) -> tuple[Outcome, Outcome, Outcome]:
    """The same stream undisturbed, with its main model halving in the middle, and for a router that knew of it."""
    before = replayed(table, replay)
    halving = replayed(table, replace(replay, halves=before.main))
    return before, halving, replayed(table, replace(replay, halves=before.main, halved=True))
