"""Answers of a form: from models that keep to it, models that nearly do, and models that do not."""

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from udib.core.chat import ChatRequest, Completion, Finish, Message, Purpose, TokenUsage
from udib.core.errors import BadRequestError
from udib.core.tenancy import Scope
from udib.llm.schemas import closed, is_closed
from udib.llm.structured import InvalidAnswerError, answer_form, ask_structured, read_answer
from udib.testing.fakes import FakeChatModel

PURPOSE = Purpose(Scope.of("t", "w"), "claims")
ASK = ChatRequest([Message("user", "Which claims?")])


@dataclass(frozen=True)
class Found:
    text: str
    line: Annotated[int, msgspec.Meta(ge=0)]
    kind: Literal["fact", "opinion"] = "fact"


@dataclass(frozen=True)
class Findings:
    claims: list[Found] = field(default_factory=list)


class Judged(pydantic.BaseModel):
    label: Literal["yes", "no"]
    confidence: float = pydantic.Field(ge=0, le=1)


FORM = answer_form(Findings)
GOOD = '{"claims": [{"text": "Taxes fell", "line": 3, "kind": "fact"}]}'
VALUE = Findings([Found("Taxes fell", 3)])


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n {GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"Here it is:\n```\n{GOOD}\n```\nAnything else?",
        f"Sure [1]: {GOOD} That is all {{really}}.",
        f"<think>Maybe {{}} or [1]?</think>{GOOD}",
        f"{{not json}} {GOOD}",
    ],
)
async def test_an_answer_is_found_at_first_try(text: str) -> None:
    model = FakeChatModel([text])
    answer = await ask_structured(model, ASK, PURPOSE, FORM, native=True)
    assert (answer.value, answer.first_try) == (VALUE, True)
    assert len(model.asked) == 1


async def test_a_model_that_takes_schemas_is_given_one() -> None:
    model = FakeChatModel([GOOD])
    await ask_structured(model, ASK, PURPOSE, FORM, native=True)
    [(request, purpose)] = model.asked
    assert (request.schema, request.messages, purpose) == (FORM.schema, ASK.messages, PURPOSE)


@pytest.mark.parametrize("system", [(), (Message("system", "Be brief."),)])
async def test_a_model_that_takes_none_reads_it_in_the_first_message(system: tuple[Message, ...]) -> None:
    model = FakeChatModel([GOOD])
    request = ChatRequest([*system, *ASK.messages])
    await ask_structured(model, request, PURPOSE, FORM, native=False)
    [(asked, _)] = model.asked
    assert asked.schema is None
    assert [message.role for message in asked.messages] == ["system", "user"]
    assert '"claims"' in asked.messages[0].content
    assert asked.messages[0].content.startswith("Be brief." if system else "Answer with one JSON value")


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("I found none.", "there is no JSON value"),
        ('{"claims": [{"text": "a"}]}', "line"),
        ('{"claims": [{"text": "a", "line": "three"}]}', "line"),
        ('{"claims": [{"text": "a", "line": -1}]}', "line"),
        ('{"claims": [{"text": "a", "line": 1, "kind": "guess"}]}', "kind"),
        ("[" * 100_000, "Expected `object`, got `array`"),
        ("[[" * 1000 + "{}" * 1000, ""),
        ("", "there is no JSON value"),
    ],
)
async def test_a_wrong_answer_is_shown_to_the_model_once(wrong: str, complaint: str) -> None:
    model = FakeChatModel([wrong, GOOD])
    answer = await ask_structured(model, ASK, PURPOSE, FORM, native=False)
    assert (answer.value, answer.first_try) == (VALUE, False)
    *_, said, asked = model.asked[1][0].messages
    assert (said.role, said.content, asked.role) == ("assistant", wrong[:20_000], "user")
    assert complaint in asked.content
    assert '"claims"' in asked.content


async def test_both_calls_share_the_time() -> None:
    model = FakeChatModel([Completion("no", "m", latency_ms=4000), GOOD])
    await ask_structured(model, ASK, replace(PURPOSE, deadline_s=10), FORM, native=True)
    assert [purpose.deadline_s for _, purpose in model.asked] == [10, 6]


async def test_both_calls_are_counted() -> None:
    used = TokenUsage(10, 5, 2, 0.01, billed=True)
    model = FakeChatModel([Completion("no", "m", usage=used), Completion(GOOD, "m", usage=used)])
    answer = await ask_structured(model, ASK, PURPOSE, FORM, native=True)
    assert answer.usage == TokenUsage(20, 10, 4, 0.02, billed=True)


async def test_a_model_that_ignores_the_form_fails_with_what_it_cost() -> None:
    used = TokenUsage(10, 5, cost_usd=0.01)
    model = FakeChatModel([Completion("no", "stubborn", usage=used)])
    with pytest.raises(
        InvalidAnswerError, match="stubborn gave no answer of the form asked for, in two tries"
    ) as caught:
        await ask_structured(model, ASK, PURPOSE, FORM, native=True)
    assert caught.value.usage == used + used
    assert len(model.asked) == 2


@pytest.mark.parametrize(
    ("finish", "sentence"),
    [(Finish.LENGTH, "cut off"), (Finish.CONTENT_FILTER, "refuses"), (Finish.TOOL_CALLS, "calls tools")],
)
async def test_what_asking_again_cannot_help_is_not_asked_again(finish: Finish, sentence: str) -> None:
    """Not even if what there is of a cut answer has the form by chance."""
    model = FakeChatModel([Completion(GOOD, "m", finish)])
    with pytest.raises(InvalidAnswerError, match=sentence):
        await ask_structured(model, ASK, PURPOSE, FORM, native=True)
    assert len(model.asked) == 1


async def test_errors_of_the_model_pass_through() -> None:
    with pytest.raises(BadRequestError, match="too long"):
        await ask_structured(FakeChatModel([BadRequestError("too long")]), ASK, PURPOSE, FORM, native=True)


async def test_a_pydantic_model_is_a_form_too() -> None:
    form = answer_form(Judged)
    assert is_closed(form.schema)
    model = FakeChatModel(['{"label": "perhaps", "confidence": 2}', '{"label": "yes", "confidence": 0.5}'])
    answer = await ask_structured(model, ASK, PURPOSE, form, native=True)
    assert (answer.value, answer.first_try) == (Judged(label="yes", confidence=0.5), False)
    assert "confidence" in model.asked[1][0].messages[-1].content


async def test_no_more_of_a_wrong_answer_is_paid_again_than_helps() -> None:
    model = FakeChatModel(["x" * 100_000, '{"text": "Taxes fell.", "line": 3}'])
    await ask_structured(model, ASK, PURPOSE, answer_form(Found), native=False)
    again, _ = model.asked[1]
    assert len(again.messages[-2].content) == 20_000


def test_a_value_is_looked_for_behind_some_rubbish_but_not_behind_megabytes() -> None:
    """A look at all of it from each of its beginnings would hold up everybody else for ten seconds."""
    form = answer_form(Found)
    value = '{"text": "Taxes fell.", "line": 3}'
    assert read_answer("so [" + "1," * 50_000 + value, form).line == 3
    with pytest.raises(ValueError, match="no JSON value"):
        read_answer("so [" + "1," * 500_000 + value, form)
    assert read_answer("```\nx```" * 49 + f"```\n{value}```", form).line == 3


def test_the_first_complaint_is_about_what_was_meant() -> None:
    with pytest.raises(ValueError, match="line"):
        read_answer('{"claims": [{"text": "a"}]} and {"claims": 3}', FORM)


# Schemas


@dataclass
class Node:
    title: str
    default: int = 0
    inner: "Node | None" = None
    names: dict[str, int] | None = None


@dataclass
class Leaf:
    properties: str
    required: bool = True


def test_a_closed_schema_asks_for_every_property_and_no_other() -> None:
    schema = FORM.schema
    assert is_closed(schema)
    assert (schema["type"], schema["required"]) == ("object", ["claims"])
    assert schema["$defs"]["Found"]["required"] == ["text", "line", "kind"]
    assert schema["$defs"]["Found"]["properties"]["line"]["minimum"] == 0
    Draft202012Validator.check_schema(schema)


def test_names_of_properties_are_no_keywords() -> None:
    schema = answer_form(Node).schema
    assert list(schema["properties"]) == ["title", "default", "inner", "names"]
    assert "default" not in schema["properties"]["default"]
    assert list(answer_form(Leaf).schema["properties"]) == ["properties", "required"]


def test_a_mapping_keeps_a_schema_from_being_strict() -> None:
    assert not is_closed(answer_form(Node).schema)


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ({"title": "a", "default": 1, "inner": None, "names": None}, True),
        ({"title": "a", "default": 1, "inner": None, "names": {"x": 1}}, True),
        ({"title": "a"}, False),
        ({"title": "a", "default": 1, "inner": None, "names": None, "more": 1}, False),
    ],
)
def test_what_a_closed_schema_accepts_can_be_read(value: dict[str, Any], valid: bool) -> None:
    form = answer_form(Node)
    assert Draft202012Validator(form.schema).is_valid(value) == valid
    if valid:
        form.parse(msgspec.json.encode(value))


def test_a_schema_without_references_stays_as_it_is() -> None:
    assert closed({"type": "array", "items": {"type": "integer"}}) == {"type": "array", "items": {"type": "integer"}}
