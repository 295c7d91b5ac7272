"""The need for a language model: what is asked, what comes back, who pays, and what it cost."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from udib.core.checked import Checked
from udib.core.tenancy import Scope

Role = Literal["system", "user", "assistant", "tool"]


class Finish(StrEnum):
    """Why a model stopped."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model wants called; `arguments` is JSON text as the model wrote it, not checked."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat. `tool_call_id` says which call a message of role "tool" answers."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask for; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a model is asked. Equal requests may be answered from a cache if `temperature` is 0.

    Attributes:
        messages: At least one.
        model: Which model; None leaves the choice to the router.
        temperature: 0 to 2.
        max_tokens: Longest answer; None: the model's own limit.
        seed: For models that take one.
        stop: Texts at which the answer ends.
        schema: The JSON schema that the answer must have; None: free text.
        tools: What the model may ask for.
        tool_choice: "auto", "none", "required", or a tool's name.
        options: Further fields of the request body, such as OpenRouter's `provider`; JSON values. One of None takes the
            field of that name out of the body: `{"temperature": None}` for models that refuse it.
    """

    messages: Sequence[Message]
    model: str | None = None
    temperature: float = 0.0
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Purpose:
    """Who a call is made for and what for: nothing is asked, stored or paid without it.

    Attributes:
        scope: Whose call it is; answers are shared within it only.
        task: One of the tasks of `config/models.yaml`, such as "answer" or "fact_check".
        deadline_s: Seconds that the whole call may take, retries included; None: the client's own limit.
        use_cache: Whether a kept answer will do; False asks anew, and the new answer is kept in place of the old.
    """

    scope: Scope
    task: str
    deadline_s: float | None = None
    use_cache: bool = True


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """What a call consumed. `cost_usd` is what was billed, or computed from list prices (`billed` says which).

    `estimated`: the provider did not count the tokens, so that they were estimated from the texts' lengths.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    billed: bool = False
    estimated: bool = False

    def __add__(self, other: "TokenUsage") -> "TokenUsage":
        """What two calls consumed together."""
        return TokenUsage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.cost_usd + other.cost_usd,
            billed=self.billed and other.billed,
            estimated=self.estimated or other.estimated,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's whole answer.

    Attributes:
        text: As the model wrote it; empty if it only calls tools.
        model: The model that answered, as the provider names it.
        finish: Why it stopped; anything but STOP and TOOL_CALLS is no complete answer.
        tool_calls: What it wants called.
        usage: What it consumed; all zero for an answer from the cache.
        latency_ms: From the request to the last byte; of a cached answer, of the look-up.
        cached: Whether a cache gave it.
        decision_id: The router's decision behind it, for `feedback`; empty if none was made.
        id: The provider's id of the answer; empty if it gave none.
        attempts: How often the request was sent until this came of it.
        instead_of: Models that the router had chosen before this one and that could not be had, in that order.
        lost: Of the attempts, those whose answer was lost on the way: they may be billed beside `usage`.
    """

    text: str
    model: str
    finish: Finish = Finish.STOP
    tool_calls: tuple[ToolCall, ...] = ()
    usage: TokenUsage = TokenUsage()
    latency_ms: float = 0.0
    cached: bool = False
    decision_id: str = ""
    id: str = ""
    attempts: int = 1
    instead_of: tuple[str, ...] = ()
    lost: int = 0

    @property
    def complete(self) -> bool:
        """Whether the model said all that it meant to say."""
        return self.finish in {Finish.STOP, Finish.TOOL_CALLS} and bool(self.text.strip() or self.tool_calls)


class ChatModel(Checked, Protocol):
    """Something that answers chats: an endpoint, or what wraps one (cache, budget, router)."""

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        """The whole answer.

        Raises:
            BadRequestError: The provider refuses the request as it is (400, 404, 413, 422).
            ForbiddenError: It refuses the key or the account (401, 402, 403).
            BudgetExceededError: A cap would be passed; nothing was sent.
            UnavailableError: It cannot be reached, is too busy, too slow, or its answer cannot be read.
        """
        ...

    def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        """The answer's text in pieces as they come, at last the whole `Completion`. Errors are those of `complete`."""
        ...
