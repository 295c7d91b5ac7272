"""What an answer was worth, found without asking anybody. All rewards are from 0 (worthless) to 1."""

from dataclasses import dataclass
from typing import Final

from udib.core.findings import Label

_DECIDED: Final = frozenset({Label.SUPPORTED, Label.REFUTED})


@dataclass(frozen=True, slots=True)
class Signals:
    """What was noticed about an answer; None: it does not apply, and does not count.

    Attributes:
        complete: Whether the model said all that it meant to say (`Completion.complete`).
        schema: See `schema_reward`.
        quotes: See `quotes_reward`.
        agreement: See `agreement_reward`.
        latency: See `latency_reward`.
    """

    complete: bool = True
    schema: float | None = None
    quotes: float | None = None
    agreement: float | None = None
    latency: float | None = None


def schema_reward(*, valid_at_first: bool, valid_after_repair: bool = False) -> float:
    """1 for an answer of the right form, 1/2 if it had to be sent back once, 0 if that did not help either."""
    if valid_at_first:
        return 1.0
    return 0.5 if valid_after_repair else 0.0


def quotes_reward(*, verbatim: int, given: int) -> float | None:
    """The share of the quotes that are in the source word for word; None if none was given."""
    return verbatim / given if given else None


def agreement_reward(label: Label, later: Label) -> float:
    """How a verdict stands up to a later, better one: 1 for the same, 0 for its opposite, else 1/2."""
    if label is later:
        return 1.0
    return 0.0 if {label, later} == _DECIDED else 0.5


def latency_reward(latency_ms: float, budget_ms: float) -> float:
    """1 within the time that was allowed, falling to 0 at twice that time."""
    return min(1.0, max(0.0, 2.0 - latency_ms / budget_ms))


def combined_reward(signals: Signals) -> float | None:
    """The weighted mean of what was noticed: form, quotes and agreement 3 parts each, time 1 part.

    0 for an answer that is not complete, whatever else; None if there is nothing to judge it by.
    """
    if not signals.complete:
        return 0.0
    parts = ((signals.schema, 3.0), (signals.quotes, 3.0), (signals.agreement, 3.0), (signals.latency, 1.0))
    counted = [(value, weight) for value, weight in parts if value is not None]
    if not counted:
        return None
    return sum(value * weight for value, weight in counted) / sum(weight for _, weight in counted)
