"""What each model is worth on which prompt: a Bayesian linear posterior a model, and Thompson sampling over them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from udib.llm.state import readable_state

Floats = NDArray[np.float64]

EPOCH: Final = 32
"""Rewards after which all models forget a little and are inverted anew, so that no rounding adds up."""

SMALLEST_PROPENSITY: Final = 1e-6

_ALARM: Final = 10.0
_KEPT: Final = 0.2
_HALF: Final = math.log(0.5)

_GRID: Final = np.linspace(-6.0, 6.0, 49)
_WEIGHTS: Final = np.exp(-0.5 * _GRID**2) / np.exp(-0.5 * _GRID**2).sum()


@dataclass(frozen=True, slots=True)
class Learning:
    """How fast is learned and forgotten.

    Attributes:
        alpha: Standard deviation of a sample along a direction of unit precision; 0: always what looks best.
        forgetting: The share of what was learned that one reward leaves of the rest, in (0, 1].
        notices_change: Whether a model that has become much worse or better is tested for (see `LinearBandit`).
    """

    alpha: float = 0.02
    forgetting: float = 0.9998
    notices_change: bool = True


LEARNING: Final = Learning()


@dataclass(frozen=True, slots=True)
class Draw:
    """Models in the order of their samples.

    Attributes:
        ranking: The arms that could have been drawn, from the best sample to the worst.
        mean: Of each arm's sample.
        spread: Its standard deviation.
    """

    ranking: tuple[int, ...]
    mean: Floats
    spread: Floats

    @property
    def arm(self) -> int:
        """The arm that was drawn."""
        return self.ranking[0]

    @property
    def propensity(self) -> float:
        """The probability with which it was drawn, in (0, 1].

        The integral over the arm's own normal density of the product of the others' distribution functions, by the
        trapezoidal rule in steps of a quarter standard deviation: within 0.001 where spreads are alike, within 0.05
        even if another arm is known exactly. The distribution functions are logistic approximations, off by at most
        0.00014: Bowling et al., A Logistic Approximation to the Cumulative Normal Distribution, 2009.
        """
        own = self.mean[self.arm] + self.spread[self.arm] * _GRID
        others = self.mean.copy()
        others[self.arm] = -np.inf
        z = (own - others[:, None]) / (self.spread[:, None] + 1e-12)
        below = np.tanh(z * (0.7988 + 0.03528 * (z * z)))
        below += 1.0
        below *= 0.5
        return min(1.0, max(SMALLEST_PROPENSITY, float(np.multiply.reduce(below) @ _WEIGHTS)))


class _BanditBytes(msgspec.Struct, frozen=True, array_like=True, tag="bandit/1"):
    """What a bandit is made of. Arrays are little-endian float64, models in the order of `names`."""

    names: tuple[str, ...]
    rewards: int
    certainty: bytes
    prior: bytes
    precision: bytes
    moment: bytes
    drift: bytes


class LinearBandit:
    """Rewards as linear functions of the context, one for each model, learned from the models that were drawn.

    The posterior of a model is N(theta, alpha^2 A^-1) with theta = A^-1 b. It starts at the prior; a reward r adds x x'
    to A, whose inverse follows by Sherman and Morrison, and r x to b. What all models learned decays towards their
    priors with every reward, whoever earned it, so that one that is never drawn becomes uncertain and is tried again.
    A change of a model is noticed by two CUSUM tests, of the hypotheses that its successes or its failures have halved:
    the one that raises the alarm is believed at once, with a fifth of the certainty there was.

    Sources: Agrawal and Goyal, Thompson Sampling for Contextual Bandits with Linear Payoffs, ICML 2013; Russac,
    Vernade and Cappe, Weighted Linear Bandits for Non-Stationary Environments, NeurIPS 2019; Liu, Lee and Shroff, A
    Change-Detection Based Framework for Piecewise-Stationary Multi-Armed Bandit Problems, AAAI 2018.

    Attributes:
        names: The models; an arm is the number of one.
        rewards: How many rewards were learned from.
    """

    def __init__(self, certainty: Sequence[float], learning: Learning = LEARNING) -> None:
        """Know no model yet.

        Args:
            certainty: For each coordinate of a context, how many rewards a prior is worth along it, > 0. Coordinate 0
                of every context is 1.
            learning: Speeds.
        """
        self.names: tuple[str, ...] = ()
        self.rewards = 0
        self._learning = learning
        self._certainty = np.asarray(certainty, dtype=np.float64)
        size = len(certainty)
        self._prior = np.empty((0, size))
        self._precision = np.empty((0, size, size))
        self._covariance = np.empty((0, size, size))
        self._moment = np.empty((0, size))
        self._theta = np.empty((0, size))
        self._drift = np.empty((0, 2))

    @property
    def dimension(self) -> int:
        """The length of a context."""
        return len(self._certainty)

    def add(self, name: str, expected: float) -> None:
        """Let a model take part whose reward is `expected` on any prompt until something was learned."""
        size = self.dimension
        prior = np.zeros(size)
        prior[0] = expected
        self.names = (*self.names, name)
        self._prior = np.vstack([self._prior, prior])
        self._precision = np.concatenate([self._precision, np.diag(self._certainty)[None]])
        self._covariance = np.concatenate([self._covariance, np.diag(1 / self._certainty)[None]])
        self._moment = np.vstack([self._moment, self._certainty * prior])
        self._theta = np.vstack([self._theta, prior])
        self._drift = np.vstack([self._drift, np.zeros(2)])

    def remove(self, name: str) -> None:
        """Forget a model; the arms behind it move up."""
        arm = self.names.index(name)
        self.names = self.names[:arm] + self.names[arm + 1 :]
        for each in ("_prior", "_precision", "_covariance", "_moment", "_theta", "_drift"):
            setattr(self, each, np.delete(getattr(self, each), arm, axis=0))

    def expected(self, contexts: Floats) -> Floats:
        """The mean rewards of all models: (models,) for one context, (n, models) for n of them."""
        means: Floats = contexts @ self._theta.T
        return means

    def draw(self, context: Floats, penalty: Floats, rng: np.random.Generator) -> Draw:
        """Sample every model's reward at a context, and take the best after its penalty.

        Samples of different models are independent given the context, so each is drawn from its own marginal, which is
        the same in distribution as drawing whole parameter vectors.

        Args:
            context: Of length `dimension`.
            penalty: What to take off each model's reward, such as the price of its call; infinite for a model that must
                not be drawn; at least one is finite.
            rng: The randomness.
        """
        mean = self._theta @ context - penalty
        # One product for all models is twice as fast as one a model.
        seen = (self._covariance.reshape(-1, len(context)) @ context).reshape(self._theta.shape)
        spread = self._learning.alpha * np.sqrt(seen @ context)
        sample = mean + spread * rng.standard_normal(len(mean))
        ranking = (-sample).argsort().tolist()
        while sample[ranking[-1]] == -np.inf:
            ranking.pop()
        return Draw(tuple(ranking), mean, spread)

    def learn(self, arm: int, context: Floats, reward: float) -> None:
        """Take in what a model earned, in [0, 1], at a context."""
        error = reward - float(self._theta[arm] @ context)
        covariance = self._covariance[arm]
        gain = covariance @ context
        gain /= 1.0 + gain @ context
        covariance -= np.outer(gain, covariance @ context)
        self._precision[arm] += np.outer(context, context)
        self._moment[arm] += reward * context
        self._theta[arm] += error * gain
        self.rewards += 1
        if self._learning.notices_change:
            self._watch(arm, reward - error, reward)
        if self.rewards % EPOCH == 0:
            self._forget(slice(None), self._learning.forgetting**EPOCH)

    def _watch(self, arm: int, expected: float, reward: float) -> None:
        """Add up how much likelier each reward is had the successes, or the failures, halved; forget at the alarm."""
        success = min(0.95, max(0.05, expected))
        worse, better = self._drift[arm].tolist()
        worse += reward * _HALF + (1 - reward) * math.log((1 - success / 2) / (1 - success))
        better += reward * math.log((1 + success) / (2 * success)) + (1 - reward) * _HALF
        worse, better = max(0.0, worse), max(0.0, better)
        if max(worse, better) > _ALARM:
            self._believe_change(arm, improved=better > worse)
            worse = better = 0.0
        self._drift[arm] = worse, better

    def _believe_change(self, arm: int, *, improved: bool) -> None:
        """Halve the successes, or the failures, that are expected of a model, and be much less sure of it."""
        start = np.diag(self._certainty)
        self._precision[arm] = start + _KEPT * (self._precision[arm] - start)
        self._theta[arm] /= 2
        if improved:
            self._theta[arm, 0] += 0.5
        self._moment[arm] = self._precision[arm] @ self._theta[arm]
        self._covariance[arm] = np.linalg.inv(self._precision[arm])

    def _forget(self, arms: slice, kept: float) -> None:
        """Keep a share of what was learned, on top of the prior."""
        start = np.diag(self._certainty)
        self._precision[arms] = start + kept * (self._precision[arms] - start)
        moment = self._certainty * self._prior[arms]
        self._moment[arms] = moment + kept * (self._moment[arms] - moment)
        self._invert(arms)

    def _invert(self, arms: slice = slice(None)) -> None:
        self._covariance[arms] = np.linalg.inv(self._precision[arms])
        self._theta[arms] = (self._covariance[arms] @ self._moment[arms][:, :, None])[:, :, 0]

    def to_bytes(self) -> bytes:
        """All that was learned, for `from_bytes`: version, names, and arrays; nothing of any prompt."""
        arrays = (self._certainty, self._prior, self._precision, self._moment, self._drift)
        data = (each.astype("<f8").tobytes() for each in arrays)
        return msgspec.msgpack.encode(_BanditBytes(self.names, self.rewards, *data))

    @classmethod
    def from_bytes(cls, data: bytes, learning: Learning = LEARNING) -> "LinearBandit":
        """The bandit whose bytes these are.

        Raises:
            BadRequestError: They are damaged, or of another version.
        """
        with readable_state():
            kept = msgspec.msgpack.decode(data, type=_BanditBytes)
            made = cls(np.frombuffer(kept.certainty, "<f8").tolist(), learning)
            models, size = len(kept.names), made.dimension
            made.names, made.rewards = kept.names, kept.rewards
            made._prior = _array(kept.prior, models, size)
            made._precision = _array(kept.precision, models, size, size)
            made._covariance = np.empty_like(made._precision)
            made._moment = _array(kept.moment, models, size)
            made._theta = np.empty_like(made._moment)
            made._drift = _array(kept.drift, models, 2)
            made._invert()
        return made


def _array(data: bytes, *shape: int) -> Floats:
    return np.frombuffer(data, "<f8").reshape(shape).astype(np.float64)
