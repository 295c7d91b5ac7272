"""The router on public routing tables, and how long it takes to decide and to learn.

One set of constants, the product's own, for all tables. They were chosen on three of them, partly with the seeds that
are scored here, so these figures are somewhat too good; the fourth table (routellm_2) had no part in the choice.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.llm.sizes import TRIAL, Measured, Sizes
from benchmarks.llm.tables import CALIBRATED, TENANT, Outcome, Replay, Table, drift_outcomes, load_tables, replayed
from benchmarks.memory.stores import progress
from udib.llm.cards import ModelCard
from udib.llm.features import Features
from udib.llm.pacer import BudgetPacer
from udib.llm.policy import Bill, RouterCall, RoutingPolicy

_POINTS = (
    ("paretobandit_k4", 0.10), ("paretobandit_k4", 0.25), ("routerbench_slice", 0.10), ("routerbench_slice", 0.25),
    ("llmrouter_9", 0.25), ("routellm_2", 0.10), ("routellm_2", 0.25),
)  # fmt: skip
_CHANGING = (("paretobandit_k4", 0.10), ("routerbench_slice", 0.25), ("llmrouter_9", 0.25))
_CALLS = 3_000
_REPEATED = 300
_TASKS = 5
_MODELS = 8
_LATE = 200


def measure(sizes: Sizes) -> Measured:
    """All figures of this part; those of the tables only where the tables are."""
    figures = _timed(sizes)
    tables = load_tables()
    calls = min(sizes.rows or _CALLS, _CALLS)
    points = [(tables[name], share) for name, share in _POINTS if name in tables]
    above = []
    for table, share in points:
        outcomes = _seeds(f"{table.name} at {share:.0%}", table, Replay(share, calls, 0), sizes.seeds)
        figures += _quality(table, share, outcomes)
        above += [outcome.quality - outcome.mix for outcome in outcomes]
    if above:
        against = f"{len(above)} replays of {len(points)} tables and budgets; least gain {100 * min(above):.2f} points"
        figures.append(("routing_below_mix", float(sum(gain <= 0 for gain in above)), "replays", against))
    for name, share in _CHANGING:
        if name in tables:
            figures += _feedback(tables[name], share, calls, sizes.seeds)
            figures += _drift(tables[name], share, calls, sizes.seeds)
    if "routerbench_slice" in tables:
        figures += _price_change(tables["routerbench_slice"], calls, sizes.seeds)
        figures += _cache(tables["routerbench_slice"], calls, sizes.seeds)
    return figures


def _seeds(what: str, table: Table, replay: Replay, seeds: int) -> list[Outcome]:
    progress(what)
    return [replayed(table, replace(replay, seed=seed)) for seed in range(seeds)]


def _quality(table: Table, share: float, outcomes: Sequence[Outcome]) -> Measured:
    name = f"routing_{table.name}_{share:.0%}".replace("%", "")
    found = [outcome.quality for outcome in outcomes]
    mix = statistics.fmean(outcome.mix for outcome in outcomes)
    best = float(table.quality.mean(axis=0).max())
    against = (
        f"mean of {len(found)} seeds, spread {np.std(found):.4f}; best mix at the same spend {mix:.4f}, best model "
        f"{best:.4f}; after {CALIBRATED} calibration rows, which are not scored"
    )
    error = max(outcome.budget_error for outcome in outcomes)
    return [
        (name, statistics.fmean(found), "", against),
        (f"{name}_budget_error", 100 * error, "%", f"worst of {len(found)} seeds, {len(outcomes[0].spent)} calls"),
    ]


def _feedback(table: Table, share: float, calls: int, seeds: int) -> Measured:
    replay = Replay(share, calls, 0, told=0.05, late=_LATE)
    outcomes = _seeds(f"{table.name}: rewards of 5 % of the calls", table, replay, seeds)
    quality = statistics.fmean(outcome.quality for outcome in outcomes)
    against = f"worst of {seeds} seeds; rewards of 5 % of the calls, {_LATE} calls late; quality {quality:.4f}"
    error = 100 * max(outcome.budget_error for outcome in outcomes)
    return [(f"routing_{table.name}_sparse_budget_error", error, "%", against)]


def _drift(table: Table, share: float, calls: int, seeds: int) -> Measured:
    progress(f"{table.name}: the main model halves")
    runs = [drift_outcomes(table, Replay(share, calls, seed)) for seed in range(seeds)]
    undisturbed, after, informed = (statistics.fmean(run[number].afterwards for run in runs) for number in range(3))
    before = statistics.fmean(float(run[1].earned[: calls // 2].mean()) for run in runs)
    about = f"quality {before:.4f} before and {after:.4f} in the half-stream after it"
    return [
        (f"routing_{table.name}_drift_loss", 100 * (informed - after), "points",
         f"{about}; a router calibrated after the change earns {informed:.4f}"),
        (f"routing_{table.name}_drift_drop", 100 * (before - after), "points",
         f"{about}; undisturbed {undisturbed:.4f}, of which {100 * (undisturbed - informed):.1f} points are gone"),
    ]  # fmt: skip


def _price_change(table: Table, calls: int, seeds: int) -> Measured:
    figures: Measured = []
    for factor, word in ((0.5, "halved"), (2.0, "doubled")):
        outcomes = _seeds(f"prices {word}", table, Replay(0.25, calls, 0, cheaper=factor), seeds)
        error = 100 * max(outcome.budget_error for outcome in outcomes)
        figures.append((f"routing_prices_{word}_budget_error", error, "%", "all prices, after half of the calls"))
    return figures


def _cache(table: Table, calls: int, seeds: int) -> Measured:
    base = Replay(0.25, calls, 0, prompts=_REPEATED)
    off, full, plan = (
        _seeds(f"decisions kept: {kept or 'none'}", table, Replay(0.25, calls, 0, prompts=_REPEATED, kept=kept), seeds)
        for kept in ("", "full", "plan")
    )
    quality = statistics.fmean(outcome.quality for outcome in off)
    stream = f"{base.prompts} prompts recurring by Zipf's law, a call a second; without it quality {quality:.4f}"
    return [
        (name, 100 * (quality - statistics.fmean(outcome.quality for outcome in outcomes)), "points",
         f"{stream}; worst budget error {100 * max(outcome.budget_error for outcome in outcomes):.1f} %")
        for name, outcomes in (("routing_cache_loss", full), ("routing_cache_loss_plan", plan))
    ]  # fmt: skip


def _timed(sizes: Sizes) -> Measured:
    progress(f"{sizes.decisions} decisions of {_MODELS} models")
    rng = np.random.default_rng(1)
    features = Features([f"task {number}" for number in range(_TASKS)], _Given())
    cards = [ModelCard(f"model {number}", 100_000, 1.0 + number, 2.0 + number) for number in range(_MODELS)]
    policy = RoutingPolicy(cards, features, budget=lambda _: BudgetPacer(1.0, 1_000))
    size = len(features.certainty)
    contexts = rng.standard_normal((sizes.decisions, size))
    contexts[:, 0] = 1.0
    calls = [RouterCall(context, number % _TASKS, 500) for number, context in enumerate(contexts)]
    names = [policy.models[number % _MODELS] for number in range(len(calls))]
    rewards = rng.random(len(calls)).tolist()
    against = f"p50 of {len(calls)}, {_MODELS} models, {size} dimensions, without the embedding"

    def figure(name: str, work: Callable[[int], object]) -> tuple[str, float, str, str]:
        found = _microseconds(work, len(calls))
        return name, statistics.median(found), "us", f"{against}; mean {statistics.fmean(found):.1f} us"

    figures = [
        figure("routing_update_us", lambda n: policy.learn(calls[n], names[n], rewards[n])),
        figure("routing_bill_us", lambda n: policy.billed(calls[n], names[n], Bill(TENANT, 0.001))),
        figure("routing_decision_us", lambda n: policy.choose(TENANT, calls[n], rng)),
    ]
    choices = [policy.choose(TENANT, call, rng) for call in calls]
    figures.append(figure("routing_propensity_us", lambda n: choices[n].draw.propensity))
    return figures


def _microseconds(work: Callable[[int], object], times: int) -> list[float]:
    found = []
    for number in range(times):
        began = time.perf_counter()
        work(number)
        found.append(1e6 * (time.perf_counter() - began))
    return found


class _Given:
    """The embedder of contexts that are there already."""

    model_id = "given"
    dimension = 384

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Not for this."""
        raise NotImplementedError


if __name__ == "__main__":
    for name, value, unit, against in measure(TRIAL if "--trial" in sys.argv else Sizes()):
        print(f"{name:<44} {value:>10.4f} {unit:<8} {against}")
