"""What the router decided and what came of it, in numbers: enough to learn from and to replay, and no text."""

from dataclasses import dataclass
from enum import StrEnum

from udib.core.errors import BadRequestError
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
        propensity: The probability with which the model was chosen, in (0, 1]; 0 if it was not left to chance, as in
            a fallback or a calibration: the worth of another policy must not be estimated from it.
        decided_at: Seconds since 1970.
        cost_usd: What it cost; None: nothing was billed, as for an answer from a cache.
        reward: What it was worth, in [0, 1]; None: not known yet.
        calibration: Whether it was made to learn, so that no tenant's budget is paced by it.
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
    calibration: bool = False

    @property
    def teaches(self) -> tuple[LessonKind, ...]:
        """What is known of it already, each of which is a lesson."""
        known = ((LessonKind.COST, self.cost_usd), (LessonKind.REWARD, self.reward))
        return tuple(kind for kind, value in known if value is not None)


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


def not_rewarded(decision_id: str, *, known: bool) -> BadRequestError:
    """Why a decision cannot be rewarded."""
    fault = "was rewarded already" if known else "is not known, or too long ago to be learned from"
    return BadRequestError(f"The decision {decision_id!r} {fault}; give the decision id of a recent answer.")
