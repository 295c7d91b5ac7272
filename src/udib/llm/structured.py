"""Answers of a form: asked for with a JSON schema, read into a dataclass or a pydantic model, and repaired once."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from json import JSONDecodeError, JSONDecoder
from typing import Any, Final, Generic, Protocol, TypeVar, cast, runtime_checkable

import msgspec

from udib.core.chat import ChatModel, ChatRequest, Completion, Finish, Message, Purpose, TokenUsage
from udib.core.errors import BadRequestError, UdibError
from udib.llm.schemas import closed

T = TypeVar("T")

_FENCED: Final = re.compile(r"```[a-zA-Z]{0,10}\n(.*?)```", re.DOTALL)
_THOUGHT: Final = "</think>"
_MOST_BEGINNINGS: Final = 50
"""Places in a text where a JSON value is looked for; each may cost a look at all of the rest."""
_MOST_SHOWN: Final = 20_000
"""Characters of a wrong answer that the model is shown again, and that are paid again."""
_MOST_LOOKED_AT: Final = 200_000
"""Characters of all those looks; an answer is shorter, and the event loop waits meanwhile."""


class InvalidAnswerError(UdibError):
    """A model's answer does not have the form that was asked for, or says nothing.

    `usage` is what was spent on it, `decisions` are the router's decisions behind it.
    """

    def __init__(self, message: str, usage: TokenUsage, decisions: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.usage = usage
        self.decisions = decisions


@dataclass(frozen=True, slots=True)
class StructuredAnswer(Generic[T]):
    """A model's answer, read.

    Attributes:
        value: What it says.
        completion: The answer that it was read from.
        usage: What was consumed, the first try included.
        first_try: Whether no repair was needed: a reward for the router.
        decisions: The router's decisions behind the tries; none for one from a cache.
    """

    value: T
    completion: Completion
    usage: TokenUsage
    first_try: bool
    decisions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerForm(Generic[T]):
    """The form of an answer: its JSON schema, and what reads it, or raises a ValueError that says what is wrong."""

    schema: Mapping[str, Any]
    parse: Callable[[bytes], T]


@runtime_checkable
class _PydanticModel(Protocol):
    """What is used of a pydantic model, so that pydantic is loaded by those only who use it."""

    @classmethod
    def model_json_schema(cls) -> dict[str, Any]: ...
    @classmethod
    def model_validate_json(cls, json_data: bytes) -> Any: ...  # noqa: ANN401


def answer_form(answer: type[T]) -> AnswerForm[T]:
    """The form that a dataclass, a msgspec struct or a pydantic model has: an object, which all endpoints take.

    Raises:
        TypeError: The type has no JSON form.
    """
    if isinstance(answer, _PydanticModel):
        return AnswerForm(closed(answer.model_json_schema()), cast("Callable[[bytes], T]", answer.model_validate_json))
    return AnswerForm(closed(msgspec.json.schema(answer)), msgspec.json.Decoder(answer).decode)


async def ask_structured(
    model: ChatModel, request: ChatRequest, purpose: Purpose, form: AnswerForm[T], *, native: bool
) -> StructuredAnswer[T]:
    """Ask for an answer of a form; if it has another, show the model what is wrong and ask once more.

    Args:
        model: Who is asked.
        request: What; its schema is replaced.
        purpose: For whom; its deadline holds for both calls together.
        form: What the answer must be.
        native: Whether the model takes a JSON schema (`ModelCard.json_schema`); else the schema is put in the prompt.

    Raises:
        InvalidAnswerError: The second answer has not the form either, or the first cannot be repaired: it was cut off,
            or the model refuses.
        UdibError: As of `ChatModel.complete`; if the second call fails so, what the first has cost is in no sum.
    """
    first = replace(request, schema=form.schema) if native else _with_schema_in_prompt(request, form.schema)
    completion = await model.complete(first, purpose)
    usage, decisions = completion.usage, _decisions(completion)
    try:
        value = _read(completion, form, usage, decisions)
        return StructuredAnswer(value, completion, usage, first_try=True, decisions=decisions)
    except ValueError as exc:
        again = _with_complaint(first, completion.text, _brief(exc, 600), form.schema)
    if purpose.deadline_s is not None:
        purpose = replace(purpose, deadline_s=purpose.deadline_s - completion.latency_ms / 1000)
    completion = await model.complete(again, purpose)
    usage, decisions = usage + completion.usage, decisions + _decisions(completion)
    try:
        value = _read(completion, form, usage, decisions)
        return StructuredAnswer(value, completion, usage, first_try=False, decisions=decisions)
    except ValueError as exc:
        what = f"{completion.model} gave no answer of the form asked for, in two tries ({_brief(exc, 200)})"
        raise InvalidAnswerError(f"{what}; choose another model.", usage, decisions) from exc


def read_answer(text: str, form: AnswerForm[T]) -> T:
    """The value in an answer: the whole text, what stands in a code fence, or the first JSON value that has the form.

    Raises:
        ValueError: There is none; of several that are JSON, it says what is wrong with the first.
    """
    wrong: ValueError | None = None
    for candidate in _candidates(text):
        try:
            return form.parse(candidate.encode())
        except (msgspec.ValidationError, BadRequestError) as exc:
            wrong = wrong or ValueError(str(exc))
        except msgspec.DecodeError:
            continue
        except ValueError as exc:  # pydantic's, of what is no JSON and what has another form alike
            wrong = wrong or exc
        except RecursionError:
            continue
    raise wrong or ValueError("there is no JSON value in the answer")


def _candidates(text: str) -> Iterator[str]:
    """Texts that may be JSON, the likeliest first. What a model thought before it answered is passed over."""
    text = text.rpartition(_THOUGHT)[2].strip()
    if text[:1] in {"{", "["}:
        yield text
    yield from (fenced[1].strip() for fenced in islice(_FENCED.finditer(text), _MOST_BEGINNINGS))
    decoder, start, looked_at = JSONDecoder(), 0, 0
    for _ in range(_MOST_BEGINNINGS):
        begins = [place for sign in "{[" if (place := text.find(sign, start)) >= 0]
        if not begins or looked_at > _MOST_LOOKED_AT:
            return
        start = min(begins)
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as exc:
            looked_at += exc.pos - start if isinstance(exc, JSONDecodeError) else 1
            start += 1
            continue
        yield text[start:end]
        start = end


def _with_schema_in_prompt(request: ChatRequest, schema: Mapping[str, Any]) -> ChatRequest:
    wanted = f"Answer with one JSON value and nothing else. It must match this JSON schema:\n{_text(schema)}"
    if not request.messages:
        return request  # refused where it is sent
    first, *rest = request.messages
    # Into the one system message at the start: the templates of many models take no other.
    if first.role == "system":
        return replace(request, schema=None, messages=(replace(first, content=f"{first.content}\n\n{wanted}"), *rest))
    return replace(request, schema=None, messages=(Message("system", wanted), first, *rest))


def _with_complaint(request: ChatRequest, said: str, complaint: str, schema: Mapping[str, Any]) -> ChatRequest:
    wrong = (
        f"That answer cannot be used: {complaint}\n"
        f"Answer again, with one JSON value and nothing else. It must match this JSON schema:\n{_text(schema)}"
    )
    return replace(
        request, messages=(*request.messages, Message("assistant", said[:_MOST_SHOWN]), Message("user", wrong))
    )


def _text(schema: Mapping[str, Any]) -> str:
    return msgspec.json.encode(schema, order="sorted").decode()


def _brief(exc: ValueError, longest: int) -> str:
    line = " ".join(str(exc).split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def _decisions(completion: Completion) -> tuple[str, ...]:
    return (completion.decision_id,) if completion.decision_id and not completion.cached else ()


def _read(completion: Completion, form: AnswerForm[T], usage: TokenUsage, decisions: tuple[str, ...]) -> T:
    """The value of an answer that the model finished; asking again for one of the others would bring the same."""
    match completion.finish:
        case Finish.STOP | Finish.OTHER:
            return read_answer(completion.text, form)
        case Finish.LENGTH:
            wrong = f"The answer of {completion.model} was cut off; allow it more tokens, or ask for less."
        case Finish.CONTENT_FILTER:
            wrong = f"{completion.model} refuses to answer this; ask otherwise, or choose another model."
        case Finish.TOOL_CALLS:
            wrong = f"{completion.model} calls tools where an answer was asked for; leave the tools out."
    raise InvalidAnswerError(wrong, usage, decisions)
