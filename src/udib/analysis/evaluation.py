"""Reports held against what people labelled: each score beside what trivial answers reach on the same labels. Pure.

An item that has a label of a kind counts as labelled in full for that kind: what a report finds there and no label
names is a false alarm.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from udib.analysis.scoring import Interval, Score, average_precision, bootstrap, chance, pairs, same_words, score, share
from udib.core.findings import Contradiction, FactCheck, Fallacy, Label, Report
from udib.core.speech import Quote
from udib.core.types import ContentId

NONE: Final = "none"
"""The value of a label that says: this item has nothing of the kind."""
BOUNDARY_S: Final = 15.0
"""Seconds by which the beginning of a chapter may be off."""
_MARGIN_S: Final = 1.5
_SAME_S: Final = 15.0
_SEED: Final = 20190


class LabelKind(StrEnum):
    """What a label is about. `unfair_hint` names a hint that should not be given."""

    CLAIM = "claim"
    VERDICT = "verdict"
    HINT = "hint"
    UNFAIR_HINT = "unfair_hint"
    CONTRADICTION = "contradiction"
    CHAPTER = "chapter"


@dataclass(frozen=True, slots=True)
class Labelled:
    """What somebody says is in an item.

    Attributes:
        kind: What it is.
        at_s: When it was said; None where `quote` says which words are meant.
        quote: The words; at least half of the shorter text must be in the other.
        value: The verdict, the kind of fallacy, or `NONE`.
        other: The later words of a contradiction.
    """

    kind: LabelKind
    at_s: float | None = None
    quote: str = ""
    value: str = ""
    other: str = ""

    def means(self, quote: Quote) -> bool:
        """Whether it is about these words."""
        if self.quote and not same_words(self.quote, quote.text):
            return False
        margin_s = _SAME_S if self.quote else _MARGIN_S
        return self.at_s is None or quote.start_s - margin_s <= self.at_s <= quote.end_s + margin_s


@dataclass(frozen=True, slots=True)
class Measured:
    """One score over all items that have such labels, beside the baselines by name.

    `f1_interval` needs two items; `ranked` is the average precision in the order of the report, where it has one.
    """

    subject: str
    items: int
    score: Score
    precision: Interval
    recall: Interval
    f1: float
    f1_interval: Interval | None
    false_alarms_per_hour: float
    baselines: Mapping[str, Score]
    ranked: float | None = None
    ranked_by_chance: float | None = None


@dataclass(frozen=True, slots=True)
class _ItemScore:
    """One item's part of a score. `ranked` are the report's own weights and whether each finding is right."""

    score: Score
    hours: float
    baselines: Mapping[str, Score] = field(default_factory=dict)
    ranked: tuple[tuple[float, bool], ...] = ()
    of: int = 0


Scorer = Callable[[Report, Sequence[Labelled]], _ItemScore | None]


def evaluate(reports: Mapping[ContentId, Report], labels: Mapping[ContentId, Sequence[Labelled]]) -> list[Measured]:
    """The scores of all subjects that have labels, in a fixed order."""
    scorers: dict[str, Scorer] = {
        "claims": _claims,
        "verdicts": _verdicts,
        "hints": _hints,
        "hints by kind": _hints_by_kind,
        "unfair hints not given": _unfair,
        "contradictions": _contradictions,
        "chapters": _chapters,
    }
    measured = []
    for subject, scorer in scorers.items():
        found = [scorer(reports[content_id], labels[content_id]) for content_id in sorted(labels)]
        if items := [each for each in found if each is not None]:
            measured.append(_pooled(subject, items))
    return measured


def _pooled(subject: str, items: Sequence[_ItemScore]) -> Measured:
    total = _sum([item.score for item in items])
    names = dict.fromkeys(name for item in items for name in item.baselines)
    baselines = {name: _sum([item.baselines[name] for item in items if name in item.baselines]) for name in names}
    hours = sum(item.hours for item in items)
    ranked = [pair for item in items for pair in item.ranked]
    of = sum(item.of for item in items)
    interval = None
    if len(items) > 1:
        rng = random.Random(_SEED)  # noqa: S311 - draws samples, keeps no secret
        interval = bootstrap([item.score for item in items], lambda drawn: _sum(drawn).f1, rng=rng)
    return Measured(
        subject=subject,
        items=len(items),
        score=total,
        precision=share(total.right, total.found),
        recall=share(total.right, total.wanted),
        f1=total.f1,
        f1_interval=interval,
        false_alarms_per_hour=round(total.false_alarms / hours, 3) if hours else 0.0,
        baselines=baselines,
        ranked=_ranked(ranked, total.wanted) if ranked else None,
        ranked_by_chance=total.wanted / of if ranked and of else None,
    )


def _sum(scores: Sequence[Score]) -> Score:
    return sum(scores, start=Score(0, 0, 0))


def _ranked(ranked: Sequence[tuple[float, bool]], wanted: int) -> float:
    """Average precision in which what was not found counts as found last of all."""
    right = sum(is_right for _, is_right in ranked)
    found = average_precision([weight for weight, _ in ranked], [is_right for _, is_right in ranked])
    return found * right / wanted if wanted else 0.0


def _of(labels: Sequence[Labelled], kind: LabelKind) -> list[Labelled] | None:
    """The labels of a kind without the one that says there are none; None if nobody looked."""
    given = [label for label in labels if label.kind is kind]
    return [label for label in given if label.value != NONE] if given else None


def _hours(report: Report) -> float:
    return (report.content.duration_s or (report.outline.duration_s if report.outline else 0.0)) / 3600


def _considered(report: Report) -> int:
    return report.fact_checks.considered if report.fact_checks else 0


def _of_sentences(total: Score, of: int) -> dict[str, Score]:
    """What trivial answers reach where each of `of` sentences may be meant."""
    guessed = {"random": chance(total.found, total.wanted, of), "every sentence": Score(total.wanted, of, total.wanted)}
    return {"silent": Score(0, 0, total.wanted), **(guessed if of else {})}


def _claims(report: Report, labels: Sequence[Labelled]) -> _ItemScore | None:
    wanted = _of(labels, LabelKind.CLAIM)
    if wanted is None:
        return None
    checks = report.fact_checks.checks if report.fact_checks else ()
    right = {one for one, _ in pairs(checks, wanted, _is_claim)}
    total, of = Score(len(right), len(checks), len(wanted)), _considered(report)
    ranked = tuple((check.claim.check_worthiness, number in right) for number, check in enumerate(checks))
    return _ItemScore(total, _hours(report), _of_sentences(total, of), ranked, of)


def _is_claim(check: FactCheck, label: Labelled) -> bool:
    return any(label.means(quote) for quote in (check.claim.quote, *check.repeats))


def _verdicts(report: Report, labels: Sequence[Labelled]) -> _ItemScore | None:
    """Of the claims that were labelled: `found` are those with a verdict, so that abstaining costs recall alone."""
    wanted = _of(labels, LabelKind.VERDICT)
    if wanted is None:
        return None
    met = verdicts_met(report, wanted)
    judged = [(check.verdict.label.value, label.value) for check, label in met if check.verdict]
    total = Score(sum(one == other for one, other in judged), len(judged), len(wanted))
    counts = Counter(label.value for label in wanted)
    constant = {f"always {label}": Score(counts[label], len(wanted), len(wanted)) for label in Label}
    return _ItemScore(total, _hours(report), {"silent": Score(0, 0, len(wanted)), **constant})


def verdicts_met(report: Report, labels: Sequence[Labelled]) -> list[tuple[FactCheck, Labelled]]:
    """The claims of a report that were labelled, each with its label."""
    checks = report.fact_checks.checks if report.fact_checks else ()
    return [(checks[one], labels[other]) for one, other in pairs(checks, labels, _is_claim)]


def _hints(report: Report, labels: Sequence[Labelled]) -> _ItemScore | None:
    return _hinted(report, labels, lambda hint, label: label.means(hint.quote))


def _hints_by_kind(report: Report, labels: Sequence[Labelled]) -> _ItemScore | None:
    named = [label for label in labels if label.value or label.kind is not LabelKind.HINT]
    return _hinted(report, named, lambda hint, label: label.value == hint.kind and label.means(hint.quote))


def _hinted(report: Report, labels: Sequence[Labelled], same: Callable[[Fallacy, Labelled], bool]) -> _ItemScore | None:
    wanted = _of(labels, LabelKind.HINT)
    if wanted is None:
        return None
    total = score(report.fallacies.hints if report.fallacies else (), wanted, same)
    return _ItemScore(total, _hours(report), _of_sentences(total, _considered(report)))


def _unfair(report: Report, labels: Sequence[Labelled]) -> _ItemScore | None:
    unfair = _of(labels, LabelKind.UNFAIR_HINT)
    if not unfair:
        return None
    hints = report.fallacies.hints if report.fallacies else ()
    gone = sum(not any(label.means(hint.quote) for hint in hints) for label in unfair)
    return _ItemScore(Score(gone, len(unfair), len(unfair)), _hours(report), {"silent": Score(*[len(unfair)] * 3)})


def _contradictions(report: Report, labels: Sequence[Labelled]) -> _ItemScore | None:
    wanted = _of(labels, LabelKind.CONTRADICTION)
    if wanted is None:
        return None
    found = [pair for pair in (report.debate.contradictions if report.debate else ()) if pair.earlier_source is None]
    total = score(found, wanted, _is_pair)
    return _ItemScore(total, _hours(report), {"silent": Score(0, 0, len(wanted))})


def _is_pair(pair: Contradiction, label: Labelled) -> bool:
    return label.means(pair.earlier) and same_words(label.other, pair.later.text)


def _chapters(report: Report, labels: Sequence[Labelled]) -> _ItemScore | None:
    """Where chapters begin, but for the first, which begins with the item."""
    wanted = _of(labels, LabelKind.CHAPTER)
    if wanted is None:
        return None
    begins = [label.at_s for label in wanted if label.at_s]
    found = [chapter.start_s for chapter in report.outline.chapters if chapter.start_s] if report.outline else []
    step_s = _hours(report) * 3600 / (len(found) + 1)
    even = [step_s * number for number in range(1, len(found) + 1)]
    baselines = {"silent": Score(0, 0, len(begins)), "even spacing": score(even, begins, _near)}
    return _ItemScore(score(found, begins, _near), _hours(report), baselines)


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= BOUNDARY_S
