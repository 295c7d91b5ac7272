"""The wire: requests as canonical bytes, and what may not be set."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from udib.core.chat import ChatRequest, Message, ToolCall
from udib.core.errors import BadRequestError
from udib.llm.wire import Dialect, chat_body

HI = [Message("user", "Hi")]


def body(request: ChatRequest, dialect: Dialect | None = None, *, stream: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(chat_body(request, "m", dialect or Dialect(), stream=stream))
    return found


def test_equal_requests_are_equal_bytes() -> None:
    one = ChatRequest(HI, options={"b": {"y": 1, "x": 2}, "a": 1}, temperature=0)
    other = ChatRequest(tuple(HI), options={"a": 1, "b": {"x": 2, "y": 1}}, temperature=0.0)
    assert chat_body(one, "m", Dialect(), stream=False) == chat_body(other, "m", Dialect(), stream=False)


def test_the_length_goes_into_the_dialects_field() -> None:
    assert body(ChatRequest(HI, max_tokens=5))["max_tokens"] == 5
    asked = body(ChatRequest(HI, max_tokens=5), Dialect(max_tokens="max_completion_tokens"))
    assert (asked["max_completion_tokens"], "max_tokens" in asked) == (5, False)


def test_a_stream_asks_for_its_usage() -> None:
    asked = body(ChatRequest(HI), stream=True)
    assert (asked["stream"], asked["stream_options"]) == (True, {"include_usage": True})


def test_an_option_replaces_a_field_and_none_takes_it_out() -> None:
    asked = body(ChatRequest(HI, options={"temperature": None, "top_p": 0.5, "seed": 3}, seed=2))
    assert asked == {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "top_p": 0.5, "seed": 3}


@pytest.mark.parametrize("name", ["messages", "model", "n", "stream", "stream_options"])
def test_what_the_client_sets_is_no_option(name: str) -> None:
    with pytest.raises(BadRequestError, match=f"'{name}'"):
        chat_body(ChatRequest(HI, options={name: 1}), "m", Dialect(), stream=False)


def _endless() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize("value", [object(), {1: {2}}, _endless(), "\ud800", 1j, lambda: 1])
def test_an_option_that_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(BadRequestError, match="no JSON value"):
        chat_body(ChatRequest(HI, options={"x": value}), "m", Dialect(), stream=False)


def test_a_turn_with_tool_calls_and_its_answer_are_told() -> None:
    turns = [Message("assistant", "", (ToolCall("c1", "f", "{}"),)), Message("tool", "42", tool_call_id="c1")]
    assert body(ChatRequest(turns))["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "42", "tool_call_id": "c1"},
    ]


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_a_tool_choice_of_the_standard_is_a_word(choice: str) -> None:
    assert body(ChatRequest(HI, tool_choice=choice))["tool_choice"] == choice


def test_a_schema_is_strict_if_it_can_be() -> None:
    strict = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    loose = {"type": "object", "properties": {"a": {"type": "string"}}}
    for schema, expected in ((strict, True), (loose, False)):
        sent = body(ChatRequest(HI, schema=schema))["response_format"]
        assert sent == {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": expected},
        }


def test_a_decimal_is_written_as_msgspec_does() -> None:
    assert body(ChatRequest(HI, options={"x": Decimal("0.1")}))["x"] == "0.1"
