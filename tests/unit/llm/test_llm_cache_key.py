"""What an answer is kept under: any difference makes another key, any order of the same makes the same."""

from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

import pytest
from answering import FOR_A, question

from udib.core.chat import ChatRequest, Message, Purpose, Tool, ToolCall
from udib.core.tenancy import Scope
from udib.llm.cache_key import Spot, spot_of

TOOL = Tool("look_up", "Looks up.", {"type": "object", "properties": {"q": {"type": "string"}}})
CALL = ToolCall("c1", "look_up", '{"q": "x"}')
BASE = ChatRequest(
    (
        Message("system", "Be brief."),
        Message("user", "Who said it?"),
        Message("assistant", "", (CALL,)),
        Message("tool", "X said it.", tool_call_id="c1"),
    ),
    model="gpt-4",
    max_tokens=100,
    seed=1,
    stop=("END",),
    schema={"type": "object", "required": ["a"]},
    tools=(TOOL,),
    tool_choice="auto",
    options={"provider": {"order": ["p", "q"], "allow_fallbacks": False}, "top_p": 1.0, "user": "u"},
)


def turn(number: int, **changed: Any) -> ChatRequest:
    messages = list(BASE.messages)
    messages[number] = replace(messages[number], **changed)
    return replace(BASE, messages=tuple(messages))


def option(name: str, value: object) -> ChatRequest:
    return replace(BASE, options={**BASE.options, name: value})


REQUESTS: dict[str, ChatRequest] = {
    "system text": turn(0, content="Be long."),
    "question": turn(1, content="Who said that?"),
    "one space": turn(1, content="Who said it? "),
    "case": turn(1, content="who said it?"),
    "role": turn(0, role="user"),
    "called id": turn(2, tool_calls=(replace(CALL, id="c2"),)),
    "called name": turn(2, tool_calls=(replace(CALL, name="look"),)),
    "called arguments": turn(2, tool_calls=(replace(CALL, arguments='{"q": "y"}'),)),
    "calls none": turn(2, tool_calls=()),
    "calls twice": turn(2, tool_calls=(CALL, CALL)),
    "answered call": turn(3, tool_call_id="c2"),
    "answers none": turn(3, tool_call_id=None),
    "order of turns": replace(BASE, messages=(BASE.messages[1], BASE.messages[0], *BASE.messages[2:])),
    "one turn fewer": replace(BASE, messages=BASE.messages[:-1]),
    "temperature": replace(BASE, temperature=0.1),
    "max_tokens": replace(BASE, max_tokens=101),
    "no max_tokens": replace(BASE, max_tokens=None),
    "seed": replace(BASE, seed=2),
    "no seed": replace(BASE, seed=None),
    "stop": replace(BASE, stop=("STOP",)),
    "stops in parts": replace(BASE, stop=("E", "ND")),
    "schema": replace(BASE, schema={"type": "object", "required": ["b"]}),
    "no schema": replace(BASE, schema=None),
    "tool name": replace(BASE, tools=(replace(TOOL, name="look"),)),
    "tool text": replace(BASE, tools=(replace(TOOL, description="Looks."),)),
    "tool parameters": replace(BASE, tools=(replace(TOOL, parameters={"type": "object"}),)),
    "no tools": replace(BASE, tools=()),
    "tool_choice": replace(BASE, tool_choice="none"),
    "no tool_choice": replace(BASE, tool_choice=None),
    "option value": option("top_p", 0.9),
    "option added": option("num_ctx", 4096),
    "option of text": option("top_p", "1.0"),
    "option true": option("user", value=True),
    "option one": option("user", 1),
    "option none": option("user", None),
    "option not a number": option("user", float("nan")),
    "option deep": option("provider", {"order": ["q", "p"], "allow_fallbacks": False}),
    "no options": replace(BASE, options={}),
    "model in the request": replace(BASE, model="gpt-4o"),
}
PLACES: dict[str, dict[str, Any]] = {
    "tenant": {"purpose": Purpose(Scope.of("b", "main"), "answer")},
    "workspace": {"purpose": Purpose(Scope.of("a", "other"), "answer")},
    "names moved": {"purpose": Purpose(Scope.of("am", "ain"), "answer")},
    "task": {"purpose": Purpose(FOR_A.scope, "summary")},
    "provider": {"provider": "https://b.example/v1"},
    "provider and model moved": {"provider": "https://a.example/v", "model": "1gpt-4"},
    "model": {"model": "gpt-4o"},
    "generation": {"generation": b"2" * 24},
}


def spot(request: ChatRequest = BASE, **place: Any) -> Spot | None:
    given = {"purpose": FOR_A, "provider": "https://a.example/v1", "model": "gpt-4", "generation": b"1" * 24, **place}
    return spot_of(request, **given)


def test_every_field_of_a_request_is_tried() -> None:
    assert len(REQUESTS) + len(PLACES) >= 25
    changed = {
        field.name for field in fields(ChatRequest) for other in REQUESTS.values()
        if repr(getattr(other, field.name)) != repr(getattr(BASE, field.name))
    }  # fmt: skip
    assert changed == {field.name for field in fields(ChatRequest)}


def test_no_two_different_questions_share_a_key() -> None:
    spots = [spot(), *(spot(request) for request in REQUESTS.values()), *(spot(**place) for place in PLACES.values())]
    digests = [each.digest for each in spots if each is not None]
    assert len(set(digests)) == len(digests) == 1 + len(REQUESTS) + len(PLACES)
    assert {len(digest) for digest in digests} == {32}


def reordered(value: object) -> Any:
    if isinstance(value, Mapping):
        return {key: reordered(each) for key, each in reversed(list(value.items()))}
    return [reordered(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("form", [reordered, lambda value: MappingProxyType(reordered(value))])
def test_the_order_of_keys_and_the_kind_of_mapping_make_no_difference(form: Any) -> None:
    assert BASE.schema is not None
    tool = replace(TOOL, parameters=form(TOOL.parameters))
    other = replace(
        BASE, options=form(BASE.options), schema=form(BASE.schema), tools=(tool,), messages=[*BASE.messages]
    )
    assert spot(other) == spot()


@pytest.mark.parametrize(
    "value", [object(), {1: "x"}, {1: "x", "1": "y"}, 2**70, "\ud800", lambda: None, [{"deep": {object()}}], 1j]
)
def test_what_is_no_json_is_not_cached(value: object) -> None:
    assert spot(option("user", value)) is None


def test_what_contains_itself_is_not_cached() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert spot(option("user", loop)) is None


def test_the_fingerprint_is_of_the_question_and_of_the_answer() -> None:
    one, other = spot(), spot(question())
    assert one is not None
    assert other is not None
    prints = {one.fingerprint(b"x"), one.fingerprint(b"y"), other.fingerprint(b"x"), other.fingerprint(b"y")}
    assert len(prints) == 4
