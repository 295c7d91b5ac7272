"""What the router decided and what came of it, in numbers: enough to learn from and to replay, and no text."""

from dataclasses import dataclass
from enum import StrEnum

from udib.core.tenancy import Scope


class LessonKind(StrEnum):
    """What became known of a decision."""

    COST = "cost"
    REWARD = "reward"


@dataclass(frozen=True, slots=True)
class Decision:
    """A model chosen for a call.

    Attributes:
        id: Its name, for the reward that comes later.
        scope: Whose call it was.
        task: Its task.
        model: The model that answered.
        layout: What the coordinates of `context` mean; see `udib.llm.features`.
        context: The call as numbers.
        prompt_tokens: Estimated before the call.
        completion_tokens: Assumed before the call.
        barred: Models that could not be asked.
        propensity: The probability with which the model was chosen, in (0, 1]; 0 for a fallback or a calibration, from
            which the worth of other policies must not be estimated.
        decided_at: Seconds since 1970.
        cost_usd: What it cost; None: nothing was billed, as for an answer from a cache.
        reward: What it was worth, in [0, 1]; None: not known yet.
    """

    id: str
    scope: Scope
    task: str
    model: str
    layout: str
    context: tuple[float, ...]
    prompt_tokens: int
    completion_tokens: int
    barred: tuple[str, ...]
    propensity: float
    decided_at: float
    cost_usd: float | None = None
    reward: float | None = None


@dataclass(frozen=True, slots=True)
class Lesson:
    """A cost or a reward, with the decision that it belongs to. `number` grows in the order of their arrival."""

    number: int
    kind: LessonKind
    decision: Decision


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned from all lessons up to a number, as bytes."""

    upto: int
    data: bytes
