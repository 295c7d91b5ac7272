"""The wire of chat completions: a request as canonical bytes, an answer or a piece of one as structs.

Providers depart from the common form, so the structs take what is missing, null or a list of parts, and leave out what
is not used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from udib.core.chat import ChatRequest, Message, Tool
from udib.core.errors import BadRequestError
from udib.llm.schemas import is_closed

_OWN_FIELDS: Final = frozenset({"messages", "model", "n", "stream", "stream_options"})
_CHOICES: Final = frozenset({"auto", "none", "required"})
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON of the form."""
_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where an endpoint departs from the common form.

    Attributes:
        max_tokens: The field that bounds an answer's length; OpenAI's newer models refuse the older name.
        billed_cost: Whether it says what a call cost when it is asked to.
    """

    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    billed_cost: bool = False


def chat_body(request: ChatRequest, model: str, dialect: Dialect, *, stream: bool) -> bytes:
    """The body of a request, in one form: equal requests are equal bytes, whatever the order of their mappings.

    An option replaces a field of the same name; one of None takes it out.

    Raises:
        BadRequestError: There is no message, an option is the client's own business, or something is no JSON value.
    """
    if not request.messages:
        raise BadRequestError("A chat needs at least one message.")
    if own := _OWN_FIELDS & request.options.keys():
        raise BadRequestError(f"The option {min(own)!r} of a chat cannot be set; the client sets it.")
    fields: dict[str, Any] = {
        "model": model,
        "messages": [_message(each) for each in request.messages],
        "temperature": float(request.temperature),
        dialect.max_tokens: request.max_tokens,
        "seed": request.seed,
        "stop": request.stop or None,
        "response_format": None if request.schema is None else _response_format(request.schema),
        "tools": [_tool(each) for each in request.tools] or None,
        "tool_choice": _tool_choice(request.tool_choice),
        "usage": {"include": True} if dialect.billed_cost else None,
        "stream": True if stream else None,
        "stream_options": {"include_usage": True} if stream else None,
        **request.options,
    }
    try:
        return _encode({name: value for name, value in fields.items() if value is not None})
    except (TypeError, ValueError, RecursionError) as exc:
        raise BadRequestError(f"The chat holds something that is no JSON value: {exc}.") from exc


def _message(message: Message) -> dict[str, Any]:
    fields: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        fields["content"] = message.content or None
        fields["tool_calls"] = [
            {"id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
            for each in message.tool_calls
        ]
    if message.tool_call_id is not None:
        fields["tool_call_id"] = message.tool_call_id
    return fields


def _response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {"name": "answer", "schema": schema, "strict": is_closed(schema)}
    return {"type": "json_schema", "json_schema": wanted}


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _tool_choice(choice: str | None) -> object:
    if choice is None or choice in _CHOICES:
        return choice
    return {"type": "function", "function": {"name": choice}}


class WireFunction(msgspec.Struct):
    """The function of a tool call, or a part of it. Some servers write the arguments as an object, not as text."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None

    @property
    def arguments_text(self) -> str:
        """The arguments as JSON text."""
        if isinstance(self.arguments, dict):
            return _encode(self.arguments).decode()
        return self.arguments or ""


class WireToolCall(msgspec.Struct):
    """A tool call, or a part of it: then only the first part names it, and `index` says which one it belongs to."""

    index: int | None = None
    id: str | None = None
    function: WireFunction | None = None


class WirePart(msgspec.Struct):
    """A part of a content that is a list."""

    text: str | None = None


class WireMessage(msgspec.Struct):
    """What the model says, or a part of it. `refusal` is what some models say in place of a content."""

    content: str | list[WirePart] | None = None
    refusal: str | None = None
    tool_calls: list[WireToolCall] | None = None

    @property
    def text(self) -> str:
        """The content in one piece."""
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content or ""


class WireChoice(msgspec.Struct):
    """One answer: `message` if it is whole, `delta` if it comes in pieces."""

    message: WireMessage | None = None
    delta: WireMessage | None = None
    finish_reason: str | None = None
    error: Any = None


class WirePromptDetails(msgspec.Struct):
    """Of the prompt's tokens, those that the provider had kept."""

    cached_tokens: int | None = None


class WireCostDetails(msgspec.Struct):
    """What a provider behind OpenRouter billed to the user's own key there."""

    upstream_inference_cost: float | None = None


class WireTokens(msgspec.Struct):
    """What a call consumed; `cost` and what follows it are OpenRouter's, in USD."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: WirePromptDetails | None = None
    cost: float | None = None
    is_byok: bool | None = None
    cost_details: WireCostDetails | None = None


class WireAnswer(msgspec.Struct):
    """A chat completion or a chunk of one; or, with status 200 all the same, an error."""

    id: str | None = None
    model: str | None = None
    choices: list[WireChoice] | None = None
    usage: Any = None
    error: Any = None


def read_usage(said: Any) -> WireTokens:  # noqa: ANN401 - any JSON value
    """What a call consumed; nothing, if what is said of it has another form: the answer beside it is good, and paid."""
    try:
        return msgspec.convert(said, WireTokens, strict=False)
    except msgspec.ValidationError:
        return WireTokens()


decode_answer = msgspec.json.Decoder(WireAnswer, strict=False).decode
