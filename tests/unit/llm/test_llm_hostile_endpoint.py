"""Whatever an endpoint says: no crash, no hang, no sum that is upset, no hidden bill, no lost answer."""

import json
from typing import Any

import pytest

from udib.core.chat import Completion
from udib.core.errors import UnavailableError
from udib.llm.assembly import Assembly
from udib.llm.cards import ModelCard
from udib.llm.wire import decode_answer

CARD = ModelCard("m", 8_000, input_usd_per_million=1.0, output_usd_per_million=2.0)
BODY = b"x" * 400  # about 100 tokens
LISTED = 100 / 1e6 + 25 * 2 / 1e6
TEXT = "word" * 25


def received(usage: str, *, tells_bills: bool = False, **fields: Any) -> Completion:
    """The answer of an endpoint that says that of what was consumed, as the bytes come."""
    said = {"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}], **fields}
    body = json.dumps(said).removesuffix("}") + f', "usage": {usage}}}'
    assembly = Assembly("h", 10_000, tells_bills=tells_bills)
    assembly.add(decode_answer(body.encode()))
    return assembly.completion("m", BODY, CARD, latency_ms=1, attempts=1)


@pytest.mark.parametrize(
    "usage",
    [
        '"none"',
        "[]",
        "7",
        "{}",
        '{"prompt_tokens": "many", "completion_tokens": 1}',
        '{"prompt_tokens": 12.5, "completion_tokens": 1}',
        '{"prompt_tokens": -1, "completion_tokens": 1}',
        '{"prompt_tokens": 1e308, "completion_tokens": 1}',
        '{"prompt_tokens": 1000000000000000000, "completion_tokens": 1}',
        '{"prompt_tokens": 1, "completion_tokens": 1000000000000000000000000000000}',
        '{"prompt_tokens": 0, "completion_tokens": 0}',
        '{"prompt_tokens": 6, "completion_tokens": 25}',
        '{"prompt_tokens": 100, "completion_tokens": 1}',
        '{"prompt_tokens": 100, "completion_tokens": 0, "cost": null}',
        '{"prompt_tokens": 100, "completion_tokens": "nan"}',
    ],
)
@pytest.mark.parametrize("tells_bills", [True, False])
def test_what_is_no_count_is_estimated_and_the_answer_is_kept(usage: str, tells_bills: bool) -> None:
    answer = received(usage, tells_bills=tells_bills)
    assert (answer.text, answer.usage.estimated, answer.usage.billed) == (TEXT, True, False)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (100, 25)
    assert answer.usage.cost_usd == pytest.approx(LISTED)


@pytest.mark.parametrize(
    "bill",
    [
        '"cost": "nan"',
        '"cost": "inf"',
        '"cost": -1',
        '"cost": 1e308',
        '"cost": 10001',
        '"cost": 0.1, "is_byok": true, "cost_details": {"upstream_inference_cost": "nan"}',
        '"cost": 0.1, "is_byok": true, "cost_details": {"upstream_inference_cost": "inf"}',
        '"cost": 0.1, "is_byok": true, "cost_details": {"upstream_inference_cost": -5}',
        '"cost": 0.1, "is_byok": true, "cost_details": {"upstream_inference_cost": 1e308}',
        '"cost": 0, "is_byok": true, "cost_details": {}',
        '"cost": 0, "is_byok": true',
    ],
)
def test_what_is_no_bill_or_only_a_part_of_it_is_no_bill(bill: str) -> None:
    usage = received(f'{{"prompt_tokens": 100, "completion_tokens": 25, {bill}}}', tells_bills=True).usage
    assert not usage.billed
    assert usage.cost_usd == pytest.approx(LISTED)


@pytest.mark.parametrize(
    ("tells_bills", "cost", "counted"),
    [(True, 0.0, 0.0), (True, 1e-6, 1e-6), (False, 0.0, LISTED), (False, 1e-6, LISTED), (False, 0.5, 0.5)],
)
def test_a_low_bill_is_believed_only_of_whom_bills_are_asked(tells_bills: bool, cost: float, counted: float) -> None:
    usage = received(f'{{"prompt_tokens": 100, "completion_tokens": 25, "cost": {cost}}}', tells_bills=tells_bills)
    assert usage.usage.cost_usd == pytest.approx(counted)


@pytest.mark.parametrize(("cached", "kept"), [(-7, 0), (10**30, 0), (500, 100), (40, 40)])
def test_no_more_of_a_prompt_is_kept_than_there_is(cached: int, kept: int) -> None:
    details = f'"prompt_tokens_details": {{"cached_tokens": {cached}}}'
    assert received(f'{{"prompt_tokens": 100, "completion_tokens": 25, {details}}}').usage.cached_tokens == kept


@pytest.mark.parametrize("name", ["m\x1b[31m", "m\n@everyone", "m" * 1000])
def test_a_name_that_cannot_be_shown_is_not_taken(name: str) -> None:
    answer = received("{}", model=name, id=name)
    assert (answer.model, answer.id) == ("m", "")


@pytest.mark.parametrize("numbered", [True, False])
def test_calls_without_end_are_refused_before_they_cost_time(numbered: bool) -> None:
    calls = [{"id": f"c{number}", **({"index": number} if numbered else {})} for number in range(100_000)]
    assembly = Assembly("h", 2**30)
    with pytest.raises(UnavailableError, match=r"^h calls more than 256 tools at once; try another model\.$"):
        assembly.add(decode_answer(json.dumps({"choices": [{"message": {"tool_calls": calls}}]}).encode()))
