"""From weights that are set by hand to frequencies: how often verdicts were right, by their confidence. Pure.

The confidences are put into groups of `GROUP` verdicts or more, those of one confidence together, and neighbours are
pooled where the surer group was right less often. Sources: pooled adjacent violators, Ayer et al., "An empirical
distribution function for sampling with incomplete information", 1955; for probabilities, Zadrozny and Elkan,
"Transforming classifier scores into accurate multiclass probability estimates", KDD 2002.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from udib.analysis.evaluation import NONE, LabelKind, Labelled, verdicts_met
from udib.core.calibrating import ConfidenceScale, ConfidenceStep
from udib.core.findings import Label, Report, Tally
from udib.core.types import ContentId

FEWEST: Final = 30
"""Verdicts of one maker that must be labelled before a scale is fitted."""
GROUP: Final = 10
_FOLDS: Final = 5
_BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Rated:
    """A verdict's confidence by rule, and whether people say that the verdict is right."""

    content_id: ContentId
    confidence: float
    most: float
    right: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """How far confidences are from what came true: the mean squared error, and the expected calibration error.

    Sources: Brier, "Verification of forecasts expressed in terms of probability", 1950; Guo et al., "On calibration of
    modern neural networks", ICML 2017, in ten bins of equal width.
    """

    brier: float
    ece: float


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A scale with its figures; of what a scale gives, each verdict is measured by one that was fitted without it.

    `constant` gives each verdict the share that was right among the others. `by_item`: items, not verdicts, were held
    out together.
    """

    made_by: str
    verdicts: int
    right: int
    by_item: bool
    by_rule: Fit
    calibrated: Fit
    constant: Fit
    scale: ConfidenceScale


def rated(
    reports: Mapping[ContentId, Report], labels: Mapping[ContentId, Sequence[Labelled]]
) -> dict[str, list[Rated]]:
    """The labelled verdicts by who made them. One that says nothing has no confidence to be measured."""
    found: dict[str, list[Rated]] = {}
    for content_id in sorted(labels):
        wanted = [each for each in labels[content_id] if each.kind is LabelKind.VERDICT and each.value != NONE]
        for check, label in verdicts_met(reports[content_id], wanted):
            verdict = check.verdict
            if verdict is None or verdict.by_rule is None or verdict.label is Label.NOT_ENOUGH_INFO:
                continue
            rule, right = verdict.by_rule, verdict.label.value == label.value
            found.setdefault(rule.made_by, []).append(Rated(content_id, rule.confidence, rule.most, right))
    return found


def fitted(made_by: str, verdicts: Sequence[Rated], *, at: str) -> ConfidenceScale:
    """The scale of some verdicts, at least one: shares that never fall while the confidence rises."""
    pooled: list[ConfidenceStep] = []
    for step in _groups(sorted(verdicts, key=lambda each: each.confidence)):
        pooled.append(step)
        while len(pooled) > 1 and pooled[-2].share >= pooled[-1].share:
            later, earlier = pooled.pop(), pooled.pop()
            tally = Tally(earlier.tally.right + later.tally.right, earlier.tally.of + later.tally.of)
            pooled.append(ConfidenceStep(earlier.begins, tally))
    return ConfidenceScale(made_by, tuple(pooled), at)


def calibrated(made_by: str, verdicts: Sequence[Rated], *, at: str) -> Calibrated:
    """Fit a scale, and measure it on verdicts that it did not see."""
    items = sorted({each.content_id for each in verdicts})
    by_item = len(items) >= _FOLDS
    fold = {each: number % _FOLDS for number, each in enumerate(items)}
    folds = [fold[each.content_id] if by_item else number % _FOLDS for number, each in enumerate(verdicts)]
    by_scale, by_share = [], []
    for each, mine in zip(verdicts, folds, strict=True):
        others = [other for other, its in zip(verdicts, folds, strict=True) if its != mine]
        by_scale.append(min(fitted(made_by, others, at=at).step(each.confidence).share, each.most))
        by_share.append(sum(other.right for other in others) / len(others))
    came_true = [each.right for each in verdicts]
    fit = _measured(came_true)
    return Calibrated(
        made_by,
        len(verdicts),
        sum(came_true),
        by_item,
        by_rule=fit([each.confidence for each in verdicts]),
        calibrated=fit(by_scale),
        constant=fit(by_share),
        scale=fitted(made_by, verdicts, at=at),
    )


def _groups(verdicts: Sequence[Rated]) -> list[ConfidenceStep]:
    """Groups of verdicts in order; what is left over at the end joins the last."""
    groups: list[list[Rated]] = []
    for _, some in itertools.groupby(verdicts, key=lambda each: each.confidence):
        if not groups or len(groups[-1]) >= GROUP:
            groups.append([])
        groups[-1] += some
    if len(groups) > 1 and len(groups[-1]) < GROUP:
        last = groups.pop()
        groups[-1] += last
    return [
        ConfidenceStep(group[0].confidence, Tally(sum(each.right for each in group), len(group))) for group in groups
    ]


def _measured(came_true: Sequence[bool]) -> Callable[[Sequence[float]], Fit]:
    def fit(confidences: Sequence[float]) -> Fit:
        both = list(zip(confidences, came_true, strict=True))
        bins: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
        for confidence, right in both:
            bins[min(int(confidence * _BINS), _BINS - 1)].append((confidence, right))
        gaps = (abs(sum(confidence - right for confidence, right in some)) for some in bins)
        brier = sum((confidence - right) ** 2 for confidence, right in both) / len(both)
        return Fit(round(brier, 4), round(sum(gaps) / len(both), 4))

    return fit
