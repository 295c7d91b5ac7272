"""What is asked of the router, in the forms in which it may be asked, and which models can do it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from udib.core.chat import ChatRequest, Message, Purpose
from udib.core.errors import BadRequestError, UdibError, UnavailableError
from udib.llm.cards import ModelCard
from udib.llm.policy import COMPLETION_TOKENS, Choice, RouterCall
from udib.llm.tokens import PER_MESSAGE

_ANSWER_TOKENS: Final = {"low": 64, "medium": COMPLETION_TOKENS, "high": 1_024}
_FIELDS: Final = frozenset(field.name for field in fields(ChatRequest)) - {"messages", "model", "options"}

Messages = Sequence[Message | Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class RoutingContext:
    """What the caller knows of a call beyond its words.

    Attributes:
        task: One of the tasks of `models.yaml`; any other one is taken together with all others.
        complexity: "low", "medium" or "high": how long an answer to expect.
        budget: Most dollars that this call may cost; None: as the tenant's cap allows.
    """

    task: str = "other"
    complexity: str = "medium"
    budget: float | None = None

    @property
    def answer_tokens(self) -> int:
        """How long an answer to expect.

        Raises:
            BadRequestError: There is no such complexity.
        """
        if self.complexity not in _ANSWER_TOKENS:
            raise BadRequestError(f"The complexity is low, medium or high, not {self.complexity!r}.")
        return _ANSWER_TOKENS[self.complexity]


def context_of(given: Mapping[str, Any] | RoutingContext | None, task: str | None = None) -> RoutingContext:
    """The context that was given as a mapping.

    Raises:
        BadRequestError: It names something that a context does not have.
    """
    if isinstance(given, RoutingContext):
        return given
    named = dict(given or {}) | ({} if task is None else {"task": task})
    unknown = sorted(set(named) - {"task", "complexity", "budget"})
    if unknown:
        raise BadRequestError(f"A routing context has task, complexity and budget, but no {unknown[0]!r}.")
    budget = named.get("budget")
    if budget is not None and not (isinstance(budget, int | float) and budget >= 0):
        raise BadRequestError(f"The budget of a call is a number of dollars, not {budget!r}.")
    return RoutingContext(**named)


def request_of(messages: Messages, model: str | None = None, options: Mapping[str, Any] | None = None) -> ChatRequest:
    """A request of messages (also as `{"role": ..., "content": ...}`) and options.

    An option that a `ChatRequest` has goes there, such as `temperature`; the rest goes into the body as it is.

    Raises:
        BadRequestError: There are no messages, or one has no role or no content.
    """
    if not messages:
        raise BadRequestError("There is nothing to ask; give at least one message.")
    given = dict(options or {})
    own = {name: given.pop(name) for name in _FIELDS & set(given)}
    return ChatRequest([_message(each) for each in messages], model, **own, options=given)


def _message(given: Message | Mapping[str, str]) -> Message:
    if isinstance(given, Message):
        return given
    role, content = given.get("role"), given.get("content")
    if role not in {"system", "user", "assistant", "tool"} or not isinstance(content, str):
        raise BadRequestError(
            'A message is {"role": "user", "content": "..."}; the role may also be system or assistant.'
        )
    return Message(role, content)  # type: ignore[arg-type]  # checked above


def prompt_tokens(request: ChatRequest, tokens: Callable[[str], int]) -> int:
    """How long a prompt is: its messages, and what frames each of them."""
    return sum(tokens(message.content) + PER_MESSAGE for message in request.messages)


def last_words(request: ChatRequest) -> str:
    """What a request is about: the last message of the user, else the last of all."""
    said = [message.content for message in request.messages if message.role == "user"]
    return said[-1] if said else request.messages[-1].content


@dataclass(frozen=True, slots=True)
class Routed:
    """A request on its way, and what was decided. `began` is when, on the router's clock."""

    request: ChatRequest
    purpose: Purpose
    call: RouterCall
    barred: frozenset[str]
    began: float
    choice: Choice


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a model cannot be asked. `passing` if it may be later."""

    reason: str
    passing: bool = False


def obstacle(card: ModelCard, request: ChatRequest, tokens: int, *, unpriced: bool) -> Obstacle | None:
    """What keeps a model from answering a request, or None.

    Args:
        card: The model.
        request: The request.
        tokens: Length of the prompt.
        unpriced: Whether a model of unknown price may be asked.
    """
    answer = request.max_tokens or 0
    if not (card.priced or unpriced):
        return Obstacle("its price is not known")
    if request.schema is not None and not card.json_schema:
        return Obstacle("it takes no JSON schema")
    if request.tools and not card.tools:
        return Obstacle("it takes no tools")
    if tokens + answer > card.context_tokens:
        return Obstacle(f"{tokens + answer} tokens do not fit into its {card.context_tokens}")
    if card.max_output_tokens is not None and answer > card.max_output_tokens:
        return Obstacle(f"it writes at most {card.max_output_tokens} tokens")
    return None


def nobody(obstacles: Iterable[tuple[str, Obstacle]]) -> UdibError:
    """Why no model can be asked, as one sentence: retryable if one of them may be asked later."""
    found = sorted(obstacles, key=lambda each: not each[1].passing)
    told = "; ".join(f"{name}: {each.reason}" for name, each in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    if found and found[0][1].passing:
        return UnavailableError(f"No model can be asked right now ({told}{more}); try again in a minute.")
    return BadRequestError(f"No model can answer this ({told}{more}); ask for less or add a model to models.yaml.")


def exhausted(failed: Mapping[str, UdibError]) -> UdibError:
    """Why none of the models that were asked gave an answer, as one sentence: retryable if waiting may help."""
    if not failed:
        return UnavailableError("All models that could answer rest after failures; try again in a minute.")
    reasons = list(failed.values())
    if len(reasons) == 1 or not any(isinstance(each, UnavailableError) for each in reasons):
        return reasons[-1]
    told = "; ".join(f"{name}: {str(exc).rstrip('.')}" for name, exc in failed.items())
    return UnavailableError(f"None of the models tried can be had ({told}); try again in a minute.")
