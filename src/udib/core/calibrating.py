"""How often verdicts of one maker were right, by their confidence: what turns a weight into a frequency."""

from dataclasses import dataclass, replace

from udib.core.findings import Tally, Verdict


@dataclass(frozen=True, slots=True)
class ConfidenceStep:
    """The verdicts from one confidence of the rules on, up to the next step, and how many of them were right."""

    begins: float
    tally: Tally

    @property
    def share(self) -> float:
        """The share that was right."""
        return self.tally.right / self.tally.of


@dataclass(frozen=True, slots=True)
class ConfidenceScale:
    """The steps of one maker's verdicts, by rising confidence and share, as `udib.analysis.calibration` fits them.

    What is below the first step belongs to it.
    """

    made_by: str
    steps: tuple[ConfidenceStep, ...]
    fitted_at: str = ""

    def applied(self, verdict: Verdict) -> Verdict:
        """A verdict with the confidence that such verdicts deserved, never above its bounds; of another maker, as is.

        One that says nothing has no confidence, and keeps that.
        """
        rule = verdict.by_rule
        if rule is None or rule.made_by != self.made_by or not rule.confidence:
            return verdict
        step = self.step(rule.confidence)
        return replace(verdict, confidence=round(min(step.share, rule.most), 2), checked=step.tally)

    def step(self, confidence: float) -> ConfidenceStep:
        """Where a confidence of the rules belongs."""
        return ([each for each in self.steps if each.begins <= confidence] or list(self.steps[:1]))[-1]
