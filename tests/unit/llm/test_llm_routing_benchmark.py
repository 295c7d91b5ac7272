"""The parts of the router's benchmark that judge: the mix to be beaten, and a replay of a table made up here."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from benchmarks.llm.tables import CALIBRATED, Replay, Table, best_mix, replayed

from udib.llm.cards import ModelCard
from udib.llm.features import Features
from udib.llm.policy import RouterCall

COST = (0.001, 0.01)


async def table(rows: int) -> Table:
    """Two tasks: one that the cheap model can do as well as the dear one, and one that it cannot do."""
    rng = np.random.default_rng(3)
    features = Features(["easy", "hard"], None)
    tasks = rng.integers(2, size=rows)
    right = np.column_stack([np.where(tasks == 0, 0.9, 0.2), np.full(rows, 0.9)])
    calls = [RouterCall(await features.context(["easy", "hard"][task], "", 100), int(task), 100) for task in tasks]
    cards = tuple(ModelCard(name, 9_000, 1.0, 1.0) for name in ("cheap", "dear"))
    quality = (rng.random((rows, 2)) < right).astype(float)
    return Table("made up", quality, np.tile(COST, (rows, 1)), cards, tuple(calls), features)


@pytest.mark.parametrize(
    ("usd", "quality"), [(0.0005, 0.0), (1.0, 0.5), (1.5, 0.6), (2.0, 0.7), (3.0, 0.7), (9.0, 0.75)]
)
def test_the_best_mix_is_a_lottery_between_two_models(usd: float, quality: float) -> None:
    assert best_mix(np.array([0.5, 0.7, 0.75]), np.array([1.0, 2.0, 9.0]), usd) == pytest.approx(quality, abs=0.0101)


async def test_a_replay_learns_which_task_needs_the_dear_model_and_keeps_its_budget() -> None:
    outcome = replayed(await table(CALIBRATED + 600), Replay(share=0.55, calls=600, seed=1))
    assert outcome.quality > outcome.mix + 0.05
    assert outcome.budget_error < 0.03


async def test_a_replay_sees_a_change_in_the_middle_only() -> None:
    made = await table(CALIBRATED + 600)
    steady, changed = (replayed(made, Replay(0.55, 600, seed=1, halves=halves)) for halves in (None, 1))
    np.testing.assert_array_equal(steady.chosen[:300], changed.chosen[:300])
    assert changed.afterwards < steady.afterwards
