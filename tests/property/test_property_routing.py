"""Rules of the router that hold for any numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from udib.llm.bandit import Draw, Learning, LinearBandit
from udib.llm.pacer import price_of_budget
from udib.llm.rewards import Signals, combined_reward

unit = st.floats(0, 1)
weights = st.lists(unit, min_size=2, max_size=6)


@given(
    arrays(float, (20, 3), elements=st.floats(-2, 2)),
    st.lists(unit, min_size=20, max_size=20),
    st.floats(0.5, 5),
)
def test_one_reward_at_a_time_gives_the_ridge_regression_of_all(
    contexts: NDArray[np.float64], rewards: list[float], certainty: float
) -> None:
    bandit = LinearBandit([certainty] * 3, Learning(forgetting=1.0, notices_change=False))
    bandit.add("a", 0.0)
    for context, reward in zip(contexts, rewards, strict=True):
        bandit.learn(0, context, reward)
    ridge = np.linalg.solve(certainty * np.eye(3) + contexts.T @ contexts, contexts.T @ np.array(rewards))
    np.testing.assert_allclose(bandit.expected(np.eye(3))[:, 0], ridge, atol=1e-8)


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0.01, 1)), min_size=1, max_size=8))
def test_propensities_are_probabilities_that_add_up(arms: list[tuple[float, float]]) -> None:
    mean, spread = np.array([arm[0] for arm in arms]), np.array([arm[1] for arm in arms])
    found = [Draw((arm,), mean, spread).propensity for arm in range(len(arms))]
    assert all(0 < each <= 1 for each in found)
    assert 0.9 < sum(found) < 1.1


@given(
    arrays(float, (30, 4), elements=unit),
    arrays(float, (30, 4), elements=st.floats(0.001, 1)),
    st.floats(0.001, 1),
)
def test_at_the_price_of_a_budget_no_more_is_spent_than_it_or_the_least_possible(
    rewards: NDArray[np.float64], costs: NDArray[np.float64], target: float
) -> None:
    price = price_of_budget(rewards, costs, target)
    chosen = costs[np.arange(30), (rewards - price * costs).argmax(axis=1)].mean()
    assert price >= 0
    assert chosen <= max(target, costs.min(axis=1).mean()) + 1e-6


@given(unit | st.none(), unit | st.none(), unit | st.none(), unit | st.none())
def test_a_combined_reward_lies_between_its_parts(
    schema: float | None, quotes: float | None, agreement: float | None, latency: float | None
) -> None:
    found = combined_reward(Signals(schema=schema, quotes=quotes, agreement=agreement, latency=latency))
    parts = [each for each in (schema, quotes, agreement, latency) if each is not None]
    if not parts:
        assert found is None
    else:
        assert found is not None
        assert min(parts) - 1e-9 <= found <= max(parts) + 1e-9
