"""What the cache did and saved, in all and by tenant, task and model."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

_MOST_LABELS: Final = 1000
_OTHER: Final = ("other", "other", "other")

Label = tuple[str, str, str]
"""Tenant, task, model."""


@dataclass(slots=True)
class CacheMetrics:
    """Counts since the start. What is saved is what the kept answers had cost and taken when they were made.

    Attributes:
        hits: Questions answered without asking a model, those included that shared the answer of another caller.
        misses: Questions for which a model was asked.
        evictions: Answers that left this process's memory for want of room.
        total_saved_cost: In USD.
        total_saved_latency_ms: In milliseconds.
        compared: Questions for which an answer to the same in other words was at hand.
        reworded: Of these, the ones that were given it.
        checked: Of the others, the ones whose new answer was held against it.
        checked_wrong: And said something else.
    """

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    total_saved_cost: float = 0.0
    total_saved_latency_ms: float = 0.0
    compared: int = 0
    reworded: int = 0
    checked: int = 0
    checked_wrong: int = 0

    @property
    def hit_rate(self) -> float:
        """Share of the questions that were answered without asking a model, in [0, 1]."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0

    def hit(self, cost_usd: float, took_ms: float) -> None:
        """Count a question that was answered."""
        self.hits += 1
        self.total_saved_cost += cost_usd
        self.total_saved_latency_ms += took_ms

    def since(self, before: "CacheMetrics") -> "CacheMetrics":
        """What was counted after an earlier state of these metrics."""
        return CacheMetrics(
            self.hits - before.hits,
            self.misses - before.misses,
            self.evictions - before.evictions,
            self.total_saved_cost - before.total_saved_cost,
            self.total_saved_latency_ms - before.total_saved_latency_ms,
            self.compared - before.compared,
            self.reworded - before.reworded,
            self.checked - before.checked,
            self.checked_wrong - before.checked_wrong,
        )

    def to_dict(self) -> dict[str, float]:
        """All of it, for reports."""
        return {
            "hits": self.hits,
            "misses": self.misses,
            "evictions": self.evictions,
            "hit_rate": self.hit_rate,
            "total_saved_cost_usd": self.total_saved_cost,
            "total_saved_latency_ms": self.total_saved_latency_ms,
            "compared": self.compared,
            "reworded": self.reworded,
            "checked": self.checked,
            "checked_wrong": self.checked_wrong,
        }


@dataclass(slots=True)
class MetricsByLabel:
    """The metrics in all, and those of each label; labels beyond the first thousand are counted as one, `other`."""

    total: CacheMetrics = field(default_factory=CacheMetrics)
    by_label: dict[Label, CacheMetrics] = field(default_factory=dict)

    def of(self, label: Label) -> CacheMetrics:
        """The metrics of a label."""
        found = self.by_label.get(label)
        if found is None:
            kept = label if len(self.by_label) < _MOST_LABELS else _OTHER
            found = self.by_label.setdefault(kept, CacheMetrics())
        return found

    def to_dict(self) -> dict[str, Any]:
        """The totals under the plan's names, and under `by` one row for each label."""
        return {**self.total.to_dict(), "by": rows(sorted(self.by_label.items()))}


def rows(metrics: Iterable[tuple[Label, CacheMetrics]]) -> list[dict[str, Any]]:
    """Metrics of labels, for reports."""
    return [
        {"tenant": tenant, "task": task, "model": model, **each.to_dict()} for (tenant, task, model), each in metrics
    ]
