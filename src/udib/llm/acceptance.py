"""When an answer serves a question in other words: learned online, with a bound on the share of wrong ones.

Source: Schroeder et al., "vCache: Verified Semantic Prompt Caching", arXiv 2502.03771: for each kept answer, a logistic
model of being right over similarity, and a chance to ask anew that keeps the share of errors below the user's bound.
Confidence regions are by likelihood ratio over a grid here: of two parameters, those whose log-likelihood is within
ln(1/e) of the best one's are a region of confidence 1 - e (Wilks).
"""

from typing import Final

import numpy as np

AT_LEAST: Final = 0.9
"""No answer is given that may be right less often, though a bound on the share of all questions would allow a few."""
LEAST: Final = 0.02
"""The chance to ask anew never falls below it, so that an answer that has become wrong is found out."""

_T, _SLOPE = (each.ravel() for each in np.meshgrid(np.linspace(0.3, 1.1, 41), np.geomspace(2.0, 200.0, 14)))
"""The models: right with a chance of 1 / (1 + exp(-slope (similarity - t)))."""


class Acceptance:
    """What is known of the questions that an answer, or several, were compared for."""

    __slots__ = ("_likelihood", "was_wrong")

    def __init__(self) -> None:
        self.was_wrong = False
        self._likelihood = np.zeros_like(_T)

    def learn(self, similarity: float, *, correct: bool) -> None:
        """Note whether an answer served a question of this similarity too."""
        margin = _SLOPE * (similarity - _T)
        self._likelihood -= np.logaddexp(0.0, -margin if correct else margin)
        self.was_wrong = self.was_wrong or not correct

    def chance_to_ask(self, similarity: float, *, error_bound: float) -> float:
        """How likely the model has to be asked, so that at most `error_bound` of such questions are answered wrongly.

        A question that is asked is answered rightly; one that is given the answer is, with a chance of at least p. So
        the chance c to ask must have c + (1 - c) p >= 1 - error_bound.

        Args:
            similarity: Of the question, cosine in [-1, 1].
            error_bound: Share of all questions that are compared, asked anew or not; in (0, 1).

        Returns:
            A chance in [0, 1].
        """
        right = self.lower_bound(similarity)
        if right < AT_LEAST:
            return 1.0
        return max(LEAST, 1.0 - error_bound / max(1.0 - right, 1e-12))

    def lower_bound(self, similarity: float) -> float:
        """The least chance that the answer is right, all doubts about the model included; in [0, 1]."""
        order = np.argsort(-self._likelihood)
        ratio = np.exp(self._likelihood[order] - self._likelihood[order[0]])
        right = 1.0 / (1.0 + np.exp(-_SLOPE[order] * (similarity - _T[order])))
        # A region that ends before the k-th model has a confidence of 1 - ratio[k].
        worst = np.minimum.accumulate(right)
        return float(np.max((1.0 - ratio[1:]) * worst[:-1]))
