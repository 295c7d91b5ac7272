"""A model on another machine sees placeholders; who asked it sees what they stand for."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from udib.core.chat import ChatRequest, Completion, Finish, Message, Purpose, TokenUsage, Tool, ToolCall
from udib.core.errors import BadRequestError
from udib.core.tenancy import Scope
from udib.core.types import Health
from udib.llm.redaction import RedactingChatModel, Redaction, StreamRestorer
from udib.testing.fakes import FakeChatModel

PURPOSE = Purpose(Scope.of("t", "w"), "answer")
MAIL, OTHER_MAIL, PHONE = "ann@example.org", "bob@example.org", "650-253-0000"
ADDRESS = "12 Main St, Springfield, IL 62701"


@dataclass
class Pieces:
    """A model that says its pieces."""

    pieces: Sequence[str]
    ended: bool = False
    asked: list[ChatRequest] = field(default_factory=list)

    async def ping(self) -> Health:
        return Health("model", ok=True, detail="")

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        self.asked.append(request)
        return Completion("".join(self.pieces), "m")

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        try:
            for piece in self.pieces:
                yield piece
            yield await self.complete(request, purpose)
        finally:
            self.ended = True


def ask(*texts: str) -> ChatRequest:
    return ChatRequest([Message("user", text) for text in texts], model="m")


def sent(request: ChatRequest) -> list[str]:
    return [message.content for message in request.messages]


async def test_details_go_out_as_placeholders_and_come_back() -> None:
    inner = FakeChatModel(["Write to [EMAIL_1] or call [PHONE_1], not [EMAIL_2]. [EMAIL_3] and [1] are nobody's."])
    answer = await RedactingChatModel(inner).complete(
        ask(f"{MAIL}, {PHONE}", f"{OTHER_MAIL} and {MAIL} again"), PURPOSE
    )
    assert sent(inner.asked[0][0]) == ["[EMAIL_1], [PHONE_1]", "[EMAIL_2] and [EMAIL_1] again"]
    assert answer.text == f"Write to {MAIL} or call {PHONE}, not {OTHER_MAIL}. [EMAIL_3] and [1] are nobody's."


async def test_a_request_without_details_is_sent_as_it_is() -> None:
    inner, request = FakeChatModel(["In 2016, by 65,853,514 votes [EMAIL_1]."]), ask("How many in 2016, at 12:30?")
    answer = await RedactingChatModel(inner).complete(request, PURPOSE)
    assert inner.asked == [(request, PURPOSE)]
    assert inner.asked[0][0] is request
    assert answer.text == "In 2016, by 65,853,514 votes [EMAIL_1]."


async def test_the_rest_of_a_request_and_of_an_answer_is_left_alone() -> None:
    said = Completion("[EMAIL_1]", "m", Finish.LENGTH, usage=TokenUsage(5, 7, cost_usd=0.1), id="x", decision_id="d")
    inner = FakeChatModel([said])
    request = replace(ask(MAIL), max_tokens=9, seed=3, schema={"type": "string"}, tools=(Tool("t", MAIL, {}),))
    answer = await RedactingChatModel(inner).complete(request, PURPOSE)
    assert inner.asked[0][0] == replace(request, messages=[Message("user", "[EMAIL_1]")])
    assert answer == replace(said, text=MAIL)


async def test_calls_of_tools_are_redacted_and_restored() -> None:
    call = ToolCall("1", "look_up", json.dumps({"who": MAIL}))
    said = Completion("", "m", Finish.TOOL_CALLS, (ToolCall("2", "write", '{"to": "[EMAIL_1]", "at": "[PHONE_1]"}'),))
    inner = FakeChatModel([said])
    turns = [Message("assistant", "", (call,)), Message("tool", f'{{"tel": "{PHONE}"}}', tool_call_id="1")]
    answer = await RedactingChatModel(inner).complete(ChatRequest(turns, model="m"), PURPOSE)
    asked = inner.asked[0][0].messages
    assert asked[0].tool_calls == (ToolCall("1", "look_up", '{"who": "[EMAIL_1]"}'),)
    assert asked[1] == Message("tool", '{"tel": "[PHONE_1]"}', tool_call_id="1")
    assert answer.tool_calls[0].arguments == json.dumps({"to": MAIL, "at": PHONE})


async def test_an_answer_in_json_stays_json() -> None:
    inner = FakeChatModel(['{"where": "[ADDRESS_1] [ADDRESS_2]"}'])
    answer = await RedactingChatModel(inner).complete(
        ask("Send it to 300 Post Street\nSan Francisco, CA 94108."), PURPOSE
    )
    assert sent(inner.asked[0][0]) == ["Send it to [ADDRESS_1]\n[ADDRESS_2]."]
    assert json.loads(answer.text) == {"where": "300 Post Street San Francisco, CA 94108"}


async def test_what_looks_like_a_placeholder_in_a_text_is_nobodys() -> None:
    inner = FakeChatModel(["[EMAIL_1] [EMAIL_2]"])
    answer = await RedactingChatModel(inner).complete(ask(MAIL, "Say [EMAIL_1], please."), PURPOSE)
    assert sent(inner.asked[0][0]) == ["[EMAIL_2]", "Say [EMAIL_1], please."]
    assert answer.text == f"[EMAIL_1] {MAIL}"


@pytest.mark.parametrize(
    "pieces",
    [
        ["Write to [EMAIL_1] or call [PHONE_1]."],
        list("Write to [EMAIL_1] or call [PHONE_1]."),
        ["Write to [", "EMAIL_1", "] or call [PHONE", "_1]."],
        ["Write to [EMAIL_1", "] or call ", "[PHONE_1].", ""],
    ],
)
async def test_a_stream_is_the_restored_answer_in_pieces(pieces: list[str]) -> None:
    model = RedactingChatModel(Pieces(pieces))
    *parts, whole = [part async for part in model.stream(ask(f"{MAIL} {PHONE}"), PURPOSE)]
    assert all(isinstance(part, str) and part for part in parts)
    assert "".join(part for part in parts if isinstance(part, str)) == f"Write to {MAIL} or call {PHONE}."
    assert isinstance(whole, Completion)
    assert whole.text == f"Write to {MAIL} or call {PHONE}."


async def test_a_stream_is_held_up_by_nothing_but_the_beginning_of_a_placeholder() -> None:
    restorer = StreamRestorer(Redaction(originals={"[EMAIL_12]": MAIL}))
    pieces = ["He said [", "1] and [E", "MAIL_1", "2] [[EM", "[EMAIL_1", "3] [EMAI"]
    assert [restorer.take(piece) for piece in pieces] == ["He said ", "[1] and ", "", f"{MAIL} [", "[EM", "[EMAIL_13] "]
    assert restorer.rest() == "[EMAI"
    assert restorer.rest() == ""


async def test_the_stream_behind_ends_when_its_reader_leaves() -> None:
    inner = Pieces(["one ", "two "])
    stream = RedactingChatModel(inner).stream(ask(MAIL), PURPOSE)
    assert isinstance(stream, AsyncGenerator)
    assert await anext(stream) == "one "
    await stream.aclose()
    assert inner.ended


async def test_a_long_prompt_is_redacted_too() -> None:
    inner = FakeChatModel(["[EMAIL_1]"])
    request = ask(f"{'She said that rents rose by four per cent. ' * 1000}{MAIL}")
    answer = await RedactingChatModel(inner).complete(request, PURPOSE)
    assert MAIL not in sent(inner.asked[0][0])[0]
    assert answer.text == MAIL


async def test_phone_numbers_are_those_of_the_regions() -> None:
    inner = FakeChatModel(["ok"])
    await RedactingChatModel(inner, regions=("DE",)).complete(ask("ring 030 901820"), PURPOSE)
    assert sent(inner.asked[0][0]) == ["ring [PHONE_1]"]


async def test_the_log_says_how_many_and_never_which() -> None:
    model = RedactingChatModel(FakeChatModel(["ok"]))
    with capture_logs() as logs:
        await model.complete(ask(f"{MAIL} {OTHER_MAIL} {PHONE} {ADDRESS} {MAIL}"), PURPOSE)
        await model.complete(ask("nothing"), PURPOSE)
    assert logs == [{"event": "llm.redacted", "log_level": "debug", "email": 2, "phone": 1, "address": 1}]


async def test_errors_and_health_are_those_of_the_model() -> None:
    inner = FakeChatModel([BadRequestError("400")])
    model = RedactingChatModel(inner)
    with pytest.raises(BadRequestError, match="400"):
        await model.complete(ask(MAIL), PURPOSE)
    assert await model.ping() == await inner.ping()
