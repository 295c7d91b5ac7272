"""What a call through the router came to."""

from dataclasses import dataclass, field

from udib.core.chat import Completion, TokenUsage
from udib.core.errors import Status


@dataclass(frozen=True, slots=True)
class LLMCallResult:
    """A model's answer with what it cost, or the reason why there is none.

    Attributes:
        model: The model that answered; the one that was asked for, or empty, if none did.
        response: The answer's text.
        success: Whether there is an answer.
        cached: Whether a cache gave it.
        cost_usd: What was billed, or the list price of what was consumed; 0 from a cache.
        latency_ms: From the call to its end, fallbacks included.
        decision_id: For `LLMRouter.feedback`; empty if the model was given.
        instead_of: Models chosen before this one that could not be had.
        usage: Tokens consumed.
        status: What the caller may do about a failure.
        error: One sentence about a failure; None on success.
        completion: The whole answer with tool calls and finish reason; None on failure.
    """

    model: str
    response: str
    success: bool
    cached: bool = False
    cost_usd: float = 0.0
    latency_ms: float = 0.0
    decision_id: str = ""
    instead_of: tuple[str, ...] = ()
    usage: TokenUsage = field(default_factory=TokenUsage)
    status: Status = Status.OK
    error: str | None = None
    completion: Completion | None = None
