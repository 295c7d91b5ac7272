"""The posterior: right numbers, right draws, and back from bytes."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from udib.core.errors import BadRequestError
from udib.llm.bandit import EPOCH, Learning, LinearBandit

REFERENCE = json.loads((Path(__file__).parent / "data/mabwiser.json").read_bytes())
STEADY = Learning(alpha=0.5, forgetting=1.0, notices_change=False)


def taught(learning: Learning = STEADY, prior: float = 0.0) -> LinearBandit:
    sequence = REFERENCE["sequence"]
    bandit = LinearBandit([1.0] * len(sequence["contexts"][0]), learning)
    for name in "abc":
        bandit.add(name, prior)
    for context, arm, reward in zip(sequence["contexts"], sequence["arms"], sequence["rewards"], strict=True):
        bandit.learn(bandit.names.index(arm), np.array(context), reward)
    return bandit


@pytest.mark.parametrize("policy", ["LinTS", "LinUCB"])
def test_what_is_learned_is_what_mabwiser_learns(policy: str) -> None:
    bandit = taught()
    assert bandit.rewards > EPOCH  # so that the matrices were inverted anew in between
    for arm, name in enumerate(bandit.names):
        expected = REFERENCE["learned"][policy][name]
        np.testing.assert_allclose(bandit.expected(np.eye(bandit.dimension))[:, arm], expected["mean"], rtol=1e-9)
        precision = np.array(expected["precision"])
        for context in np.eye(bandit.dimension):
            draw = bandit.draw(context, np.zeros(3), np.random.default_rng(0))
            spread = 0.5 * np.sqrt(context @ np.linalg.inv(precision) @ context)
            assert draw.spread[arm] == pytest.approx(spread, rel=1e-9)


def test_models_are_drawn_as_often_as_their_propensity_says() -> None:
    bandit, rng, context = taught(), np.random.default_rng(3), np.array([1.0, 0.4, -0.2, 0.1, 0.3])
    draws = [bandit.draw(context, np.zeros(3), rng) for _ in range(4_000)]
    drawn = Counter(draw.arm for draw in draws)
    propensity = {draw.arm: draw.propensity for draw in draws}
    assert sum(propensity.values()) == pytest.approx(1.0, abs=0.005)
    for arm, times in drawn.items():
        assert times / len(draws) == pytest.approx(propensity[arm], abs=0.03)


def test_a_penalty_of_infinity_bars_a_model() -> None:
    bandit = taught()
    penalty = np.array([0.0, np.inf, np.inf])
    draw = bandit.draw(np.ones(5), penalty, np.random.default_rng(1))
    assert (draw.ranking, draw.propensity) == ((0,), 1.0)


def test_an_unknown_model_is_expected_to_be_as_good_as_its_prior_everywhere() -> None:
    bandit = LinearBandit([1.0, 2.0, 3.0])
    bandit.add("a", 0.7)
    assert bandit.expected(np.array([1.0, 0.0, 0.0]))[0] == pytest.approx(0.7)


def test_what_is_forgotten_gives_way_to_the_prior() -> None:
    bandit = LinearBandit([1.0], Learning(forgetting=0.9, notices_change=False))
    bandit.add("a", 0.9)
    bandit.add("b", 0.5)
    for _ in range(EPOCH - 1):
        bandit.learn(0, np.ones(1), 0.1)
    learned = bandit.expected(np.ones(1))[0]
    for _ in range(4 * EPOCH + 1):
        bandit.learn(1, np.ones(1), 0.5)
    assert learned < 0.3
    assert bandit.expected(np.ones(1))[0] == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(("before", "after"), [(0.9, 0.45), (0.2, 0.6)])
def test_a_change_is_noticed_and_believed_soon(before: float, after: float) -> None:
    rng = np.random.default_rng(5)
    quick, slow = (LinearBandit([1.0], Learning(forgetting=1.0, notices_change=notices)) for notices in (True, False))
    for bandit in (quick, slow):
        bandit.add("a", 0.9)
    for success in [*(rng.random(500) < before), *(rng.random(80) < after)]:
        for bandit in (quick, slow):
            bandit.learn(0, np.ones(1), float(success))
    assert abs(quick.expected(np.ones(1))[0] - after) < 0.15
    assert abs(slow.expected(np.ones(1))[0] - before) < 0.1


def test_a_steady_model_raises_no_alarm() -> None:
    rng = np.random.default_rng(6)
    bandits = [LinearBandit([1.0], Learning(forgetting=1.0, notices_change=notices)) for notices in (True, False)]
    for bandit in bandits:
        bandit.add("a", 0.7)
    for success in rng.random(3_000) < 0.7:
        for bandit in bandits:
            bandit.learn(0, np.ones(1), float(success))
    assert bandits[0].expected(np.ones(1))[0] == pytest.approx(bandits[1].expected(np.ones(1))[0], abs=1e-9)


def test_a_removed_model_leaves_the_others_as_they_were() -> None:
    bandit, context = taught(), np.ones(5)
    before = bandit.expected(context)
    bandit.remove("b")
    assert bandit.names == ("a", "c")
    np.testing.assert_array_equal(bandit.expected(context), before[[0, 2]])


def test_bytes_bring_everything_back() -> None:
    bandit = taught(Learning())
    back = LinearBandit.from_bytes(bandit.to_bytes())
    assert (back.names, back.rewards) == (bandit.names, bandit.rewards)
    context = np.array([1.0, 0.1, 0.2, 0.3, 0.4])
    for _ in range(2):
        np.testing.assert_allclose(back.expected(context), bandit.expected(context), rtol=1e-9)
        for each in (bandit, back):
            each.learn(1, context, 0.9)


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-9], lambda data: b"\x93" + data[1:]])
def test_damaged_bytes_are_refused_in_one_sentence(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BadRequestError, match=r"cannot be read by this udib .*; let it learn again, or update udib\.$"):
        LinearBandit.from_bytes(damage(taught().to_bytes()))
