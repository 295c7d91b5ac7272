"""The client against a real server process: what it sends, what it makes of answers, and of every fault."""

import asyncio
import gzip
import json
import traceback
from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest

from udib.core.chat import ChatRequest, Completion, Finish, Message, Purpose, Tool, ToolCall
from udib.core.errors import (
    BadRequestError,
    ForbiddenError,
    MissingModelError,
    NotSentError,
    RefusedError,
    UdibError,
    UnavailableError,
)
from udib.core.tenancy import Scope
from udib.llm.cards import ModelCard
from udib.llm.client import ChatLimits, ModelEndpoint, OpenAICompatibleClient
from udib.llm.wire import Dialect
from udib.net.guard import AddressGuard
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import RetryPolicy
from udib.testing.chat_server import ChatServer, ScriptedReply, chat_server

KEY = "sk-very-secret-1234"
PURPOSE = Purpose(Scope.of("t", "w"), "answer")
ASK = ChatRequest([Message("user", "What did she say?")], model="test-model")
CARD = ModelCard("test-model", 8_000, input_usd_per_million=1.0, output_usd_per_million=2.0)
SSE = {"Content-Type": "text/event-stream"}


@pytest.fixture(scope="module")
def running() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server


@pytest.fixture
def server(running: ChatServer) -> ChatServer:
    running.script(ScriptedReply("She said yes."))
    running.seen()
    return running


class Clients:
    """Makes clients of the server on one pool, and remembers how long they would have slept."""

    def __init__(self, server: ChatServer, pool: HTTPConnectionPool) -> None:
        self.server = server
        self.pool = pool
        self.slept: list[float] = []

    def make(self, limits: ChatLimits | None = None, dialect: Dialect | None = None) -> OpenAICompatibleClient:
        endpoint = ModelEndpoint(self.server.base_url, KEY, {"X-Title": "udib"}, dialect)
        retry = RetryPolicy(rng=Random(7), sleep=self.sleep)
        return OpenAICompatibleClient(self.pool, endpoint, cards={"test-model": CARD}, retry=retry, limits=limits)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
async def clients(server: ChatServer) -> AsyncIterator[Clients]:
    pool = HTTPConnectionPool(guard=AddressGuard({server.address}))
    yield Clients(server, pool)
    await pool.close()


async def streamed(client: OpenAICompatibleClient, request: ChatRequest = ASK) -> tuple[list[str], Completion]:
    """The pieces of text and the whole."""
    found = [each async for each in client.stream(request, PURPOSE)]
    *pieces, whole = found
    assert isinstance(whole, Completion)
    assert all(isinstance(piece, str) for piece in pieces)
    return [str(piece) for piece in pieces], whole


async def answered(client: OpenAICompatibleClient, way: str) -> Completion:
    if way == "complete":
        return await client.complete(ASK, PURPOSE)
    return (await streamed(client))[1]


def chunk(**delta: object) -> str:
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, 'finish_reason': None}]})}\n\n"


def stalling() -> ScriptedReply:
    """A stream of one piece, and silence."""
    piece = chunk(content="one ")
    return ScriptedReply(body=2 * piece, headers=SSE, write_bytes=len(piece), pause_s=30)


both_ways = pytest.mark.parametrize("way", ["complete", "stream"])


# What is sent


async def test_a_request_says_what_was_asked(clients: Clients) -> None:
    tool = Tool("look_up", "Looks up.", {"type": "object", "properties": {}})
    request = ChatRequest(
        [Message("system", "Be brief."), Message("user", "Hi")],
        model="m/1",
        temperature=0,
        max_tokens=50,
        seed=7,
        stop=("END",),
        tools=(tool,),
        tool_choice="look_up",
        options={"provider": {"only": ["a"]}},
    )
    await clients.make().complete(request, PURPOSE)
    [seen] = clients.server.seen()
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["x-title"] == "udib"
    assert seen.json == {
        "model": "m/1",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "temperature": 0.0,
        "max_tokens": 50,
        "seed": 7,
        "stop": ["END"],
        "tools": [{"type": "function", "function": {"name": "look_up", "description": "Looks up.",
                                                    "parameters": {"type": "object", "properties": {}}}}],
        "tool_choice": {"type": "function", "function": {"name": "look_up"}},
        "provider": {"only": ["a"]},
    }  # fmt: skip


async def test_a_request_without_a_model_or_a_message_is_not_sent(clients: Clients) -> None:
    client = clients.make()
    with pytest.raises(BadRequestError, match="names no model"):
        await client.complete(ChatRequest(ASK.messages), PURPOSE)
    with pytest.raises(BadRequestError, match="at least one message"):
        await client.complete(ChatRequest([], model="m"), PURPOSE)
    assert clients.server.seen() == []


async def test_without_a_key_none_is_sent(clients: Clients) -> None:
    client = OpenAICompatibleClient(clients.pool, ModelEndpoint(clients.server.base_url + "/"))
    await client.complete(ASK, PURPOSE)
    [seen] = clients.server.seen()
    assert "authorization" not in seen.headers


# What comes back


@both_ways
async def test_an_answer_is_whole(clients: Clients, way: str) -> None:
    completion = await answered(clients.make(), way)
    assert (completion.text, completion.model, completion.id) == ("She said yes.", "test-model", "chatcmpl-1")
    assert (completion.finish, completion.complete, completion.attempts) == (Finish.STOP, True, 1)
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (4, 3)
    assert completion.usage.cost_usd == pytest.approx((4 * 1.0 + 3 * 2.0) / 1e6)
    assert not completion.usage.billed
    assert completion.latency_ms > 0


async def test_a_stream_gives_the_text_as_it_comes(clients: Clients) -> None:
    pieces, whole = await streamed(clients.make())
    assert pieces == ["She ", "said ", "yes."]
    assert whole.text == "She said yes."


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_a_stream_may_be_cut_anywhere(clients: Clients, size: int) -> None:
    clients.server.script(ScriptedReply("Grüße aus 東京 🙂", write_bytes=size))
    pieces, whole = await streamed(clients.make())
    assert "".join(pieces) == whole.text == "Grüße aus 東京 🙂"


@both_ways
async def test_tool_calls_are_put_together(clients: Clients, way: str) -> None:
    calls = (ToolCall("c1", "look_up", '{"name": "Ana"}'), ToolCall("c2", "count", "{}"))
    clients.server.script(ScriptedReply("", tool_calls=calls, finish="tool_calls"))
    completion = await answered(clients.make(), way)
    assert (completion.tool_calls, completion.finish, completion.complete) == (calls, Finish.TOOL_CALLS, True)


@both_ways
async def test_what_was_billed_and_kept_is_said(clients: Clients, way: str) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 8}, "cost": 0.0042}
    clients.server.script(ScriptedReply(usage=usage))
    completion = await answered(clients.make(dialect=Dialect(billed_cost=True)), way)
    assert (completion.usage.cost_usd, completion.usage.billed, completion.usage.cached_tokens) == (0.0042, True, 8)
    [seen] = clients.server.seen()
    assert seen.json["usage"] == {"include": True}


@both_ways
async def test_tokens_that_nobody_counted_are_estimated(clients: Clients, way: str) -> None:
    clients.server.script(ScriptedReply("She said yes.", usage=None))
    usage = (await answered(clients.make(), way)).usage
    assert usage.estimated
    assert usage.completion_tokens == 4
    assert usage.prompt_tokens > 4
    assert usage.cost_usd > 0


@both_ways
@pytest.mark.parametrize(
    ("reason", "finish", "complete"),
    [
        ("length", Finish.LENGTH, False),
        ("content_filter", Finish.CONTENT_FILTER, False),
        ("something_new", Finish.OTHER, False),
        ("eos", Finish.STOP, True),
    ],
)
async def test_an_answer_that_was_cut_is_not_complete(
    clients: Clients, way: str, reason: str, finish: Finish, complete: bool
) -> None:
    clients.server.script(ScriptedReply("She said", finish=reason))
    completion = await answered(clients.make(), way)
    assert (completion.text, completion.finish, completion.complete) == ("She said", finish, complete)


@both_ways
async def test_an_empty_answer_is_not_complete(clients: Clients, way: str) -> None:
    clients.server.script(ScriptedReply(""))
    completion = await answered(clients.make(), way)
    assert (completion.text, completion.complete) == ("", False)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            '{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b"}]},"finish_reason":"stop"}]}',
            "ab",
        ),
        ('{"choices":[{"message":{"content":null,"reasoning":"hm"},"finish_reason":"stop"}],"usage":null}', ""),
        ('{"choices":[{"message":{"content":"ok","reasoning_content":"hm"},"finish_reason":"stop"}],"id":null}', "ok"),
        ('{"choices":[{"message":{"content":"ok"},"logprobs":null,"finish_reason":"stop"}],"usage":{}}', "ok"),
        ('{"choices":[{"message":{"content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3.0}}', "ok"),
    ],
)
async def test_departures_from_the_form_are_read(clients: Clients, body: str, text: str) -> None:
    clients.server.script(ScriptedReply(body=body))
    completion = await clients.make().complete(ASK, PURPOSE)
    assert (completion.text, completion.model, completion.id) == (text, "test-model", "")


async def test_a_refusal_in_place_of_a_content_is_no_complete_answer(clients: Clients) -> None:
    body = '{"choices":[{"message":{"content":null,"refusal":"I cannot."},"finish_reason":"stop"}]}'
    clients.server.script(ScriptedReply(body=body))
    completion = await clients.make().complete(ASK, PURPOSE)
    assert (completion.text, completion.finish, completion.complete) == ("I cannot.", Finish.CONTENT_FILTER, False)


async def test_arguments_written_as_an_object_become_text(clients: Clients) -> None:
    call = '{"function":{"name":"f","arguments":{"b":1,"a":2}}}'
    body = f'{{"choices":[{{"message":{{"tool_calls":[{call},{call}]}},"finish_reason":"stop"}}]}}'
    clients.server.script(ScriptedReply(body=body))
    completion = await clients.make().complete(ASK, PURPOSE)
    assert completion.finish is Finish.TOOL_CALLS
    assert completion.tool_calls == (ToolCall("call_0", "f", '{"a":2,"b":1}'), ToolCall("call_1", "f", '{"a":2,"b":1}'))


async def test_a_server_that_knows_no_streams_is_read_all_the_same(clients: Clients) -> None:
    body = '{"choices":[{"message":{"content":"all at once"}}]}'
    clients.server.script(ScriptedReply(body=body, write_bytes=10))
    pieces, whole = await streamed(clients.make())
    assert (pieces, whole.text) == (["all at once"], "all at once")


async def test_a_stream_in_another_style_is_read(clients: Clients) -> None:
    """CRLF, comments, an event in two lines, pieces without an index, no [DONE]."""
    lines = [
        ": OPENROUTER PROCESSING", "",
        'data: {"choices":[{"delta":{"role":"assistant",', 'data: "content":"one "}}]}', "",
        "event: message",
        'data:{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}}]}', "",
        'data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"}"}}]}}]}', "",
        'data: {"choices":[{"delta":{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{}"}}]}}]}', "",
        'data: {"choices":[{"delta":{"content":"two"},"finish_reason":"tool_calls"}]}', "", "",
    ]  # fmt: skip
    clients.server.script(ScriptedReply(body="\r\n".join(lines), headers=SSE))
    pieces, whole = await streamed(clients.make())
    assert pieces == ["one ", "two"]
    assert whole.tool_calls == (ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"))


@both_ways
async def test_a_connection_is_used_again(clients: Clients, way: str) -> None:
    client = clients.make()
    for _ in range(3):
        await answered(client, way)
    assert len({seen.connection for seen in clients.server.seen()}) == 1


async def test_a_stream_that_is_left_ends_its_connection(clients: Clients) -> None:
    client = clients.make()
    clients.server.script(stalling(), ScriptedReply("done"))
    pieces = client.stream(ASK, PURPOSE)
    assert await anext(pieces) == "one "
    await pieces.aclose()
    assert (await client.complete(ASK, PURPOSE)).text == "done"


# Refusals


@both_ways
@pytest.mark.parametrize(
    ("status", "error", "sentence", "requests"),
    [
        (400, RefusedError, "does not accept the request", 1),
        (401, ForbiddenError, "does not accept the API key", 1),
        (402, ForbiddenError, "wants more credit", 1),
        (403, ForbiddenError, "forbids this request", 1),
        (404, MissingModelError, "knows no model 'test-model'", 1),
        (413, RefusedError, "too long for test-model", 1),
        (422, RefusedError, "does not accept the request", 1),
        (429, NotSentError, "asks for fewer requests", 3),
        (500, UnavailableError, "cannot answer now", 3),
        (503, NotSentError, "cannot answer now", 3),
        (529, NotSentError, "has too much to do", 3),
        (307, BadRequestError, "sends elsewhere", 1),
    ],
)
async def test_a_refusal_says_who_and_what_to_do(
    clients: Clients, way: str, status: int, error: type[UdibError], sentence: str, requests: int
) -> None:
    clients.server.script(ScriptedReply(status=status))
    with pytest.raises(error, match=sentence) as caught:
        await answered(clients.make(), way)
    assert type(caught.value) is error
    assert clients.server.address in str(caught.value)
    assert (f"HTTP {status}, 3 times" if requests == 3 else f"HTTP {status}") in str(caught.value)
    assert len(clients.server.seen()) == requests


@both_ways
async def test_a_busy_endpoint_is_asked_again_when_it_says(clients: Clients, way: str) -> None:
    busy = ScriptedReply(status=429, headers={"Retry-After": "3"})
    clients.server.script(busy, ScriptedReply(status=502), ScriptedReply("at last"))
    completion = await answered(clients.make(), way)
    assert (completion.text, completion.attempts) == ("at last", 3)
    assert clients.slept[0] == 3.0
    assert 0.5 <= clients.slept[1] <= 1.0


async def test_a_wait_beyond_the_deadline_is_not_begun(clients: Clients) -> None:
    clients.server.script(ScriptedReply(status=429, headers={"Retry-After": "30"}))
    with pytest.raises(NotSentError, match="fewer requests"):
        await clients.make().complete(ASK, Purpose(PURPOSE.scope, "answer", deadline_s=5))
    assert clients.slept == []


async def test_a_quota_that_is_used_up_is_not_asked_again(clients: Clients) -> None:
    body = '{"error":{"message":"You exceeded your current quota.","code":"insufficient_quota"}}'
    clients.server.script(ScriptedReply(status=429, body=body))
    with pytest.raises(ForbiddenError, match="You exceeded your current quota"):
        await clients.make().complete(ASK, PURPOSE)
    assert len(clients.server.seen()) == 1


@both_ways
async def test_an_error_in_an_answer_of_status_200_is_an_error(clients: Clients, way: str) -> None:
    clients.server.script(ScriptedReply(body='{"error":{"code":429,"message":"Rate limited upstream"}}'))
    with pytest.raises(NotSentError, match="Rate limited upstream"):
        await answered(clients.make(), way)


async def test_an_error_within_a_stream_is_an_error(clients: Clients) -> None:
    failed = (
        '{"error":{"code":"server_error","message":"Provider lost"},"choices":[{"delta":{},"finish_reason":"error"}]}'
    )
    clients.server.script(ScriptedReply(body=f"{chunk(content='one')}data: {failed}\n\n", headers=SSE))
    pieces = clients.make().stream(ASK, PURPOSE)
    assert await anext(pieces) == "one"
    with pytest.raises(UnavailableError, match="Provider lost"):
        await anext(pieces)


@pytest.mark.parametrize("code", [400, 402, 429])
async def test_an_error_within_a_stream_does_not_say_that_nothing_was_billed(clients: Clients, code: int) -> None:
    thinks = f'data: {{"choices":[{{"delta":{{"reasoning":"hm"}}}}]}}\n\ndata: {{"error":{{"code":{code}}}}}\n\n'
    clients.server.script(ScriptedReply(body=thinks, headers=SSE))
    with pytest.raises(UnavailableError, match=f"HTTP {code}") as failed:
        await streamed(clients.make())
    assert type(failed.value) is UnavailableError


# Faults of the way


async def test_a_lost_answer_counts_although_the_next_attempt_is_turned_away(clients: Clients) -> None:
    busy = ScriptedReply(status=429)
    clients.server.script(busy, ScriptedReply(fault="drop"), busy)
    with pytest.raises(UnavailableError, match="broke off") as failed:
        await clients.make().complete(ASK, PURPOSE)
    assert type(failed.value) is UnavailableError
    assert len(clients.server.seen()) == 3
    clients.server.script(ScriptedReply(fault="drop"), ScriptedReply(status=403))
    with pytest.raises(UnavailableError, match="forbids this request"):
        await clients.make().complete(ASK, PURPOSE)


@both_ways
async def test_a_connection_that_breaks_before_the_answer_is_tried_again(clients: Clients, way: str) -> None:
    clients.server.script(ScriptedReply(fault="drop"), ScriptedReply("after all"))
    completion = await answered(clients.make(), way)
    assert (completion.text, completion.attempts, completion.lost) == ("after all", 2, 1)


@both_ways
async def test_a_connection_that_breaks_within_the_answer_is_not(clients: Clients, way: str) -> None:
    clients.server.script(ScriptedReply(fault="cut"))
    with pytest.raises(UnavailableError, match="broke off"):
        await answered(clients.make(), way)
    assert len(clients.server.seen()) == 1


async def test_a_stream_that_ends_without_a_reason_is_an_error(clients: Clients) -> None:
    clients.server.script(ScriptedReply(body=chunk(content="one"), headers=SSE))
    with pytest.raises(UnavailableError, match="broke its answer off"):
        await streamed(clients.make())


@both_ways
@pytest.mark.parametrize(
    "body",
    [
        "<html>It works!</html>",
        '{"id":"\udcff"}',
        '{"choices":[{"message"',
        "[]",
        "[" * 5000,
        '{"choices":3}',
    ],
)
async def test_an_answer_that_is_no_completion_is_refused(clients: Clients, way: str, body: str) -> None:
    clients.server.script(ScriptedReply(body=body))
    with pytest.raises(UnavailableError, match="no chat completion"):
        await answered(clients.make(), way)


async def test_an_event_that_is_no_json_is_refused(clients: Clients) -> None:
    clients.server.script(ScriptedReply(body="data: {oh\n\n", headers=SSE))
    with pytest.raises(UnavailableError, match="no chat completion"):
        await streamed(clients.make())


@both_ways
@pytest.mark.parametrize("body", ['{"choices":[]}', "{}", '{"choices":null,"usage":{"prompt_tokens":1}}'])
async def test_an_answer_without_a_choice_is_refused(clients: Clients, way: str, body: str) -> None:
    clients.server.script(ScriptedReply(body=body))
    with pytest.raises(UnavailableError, match="without a choice"):
        await answered(clients.make(), way)


@both_ways
async def test_an_answer_of_10_mb_is_refused(clients: Clients, way: str) -> None:
    clients.server.script(ScriptedReply("x" * 10_000_000))
    with pytest.raises(UnavailableError, match="longer than 8,388,608"):
        await answered(clients.make(), way)


@pytest.mark.parametrize("event", ["data: " + "x" * 9_000_000, "data: x\n" * 1_000_000, "\n" + "x" * 9_000_000])
async def test_an_event_without_an_end_is_refused(clients: Clients, event: str) -> None:
    limits = ChatLimits(max_answer_bytes=100_000)
    clients.server.script(ScriptedReply(body=event, headers=SSE))
    with pytest.raises(UnavailableError, match="an event longer than 100,000"):
        await streamed(clients.make(limits))


async def test_a_whole_answer_in_place_of_a_stream_has_the_same_bound(clients: Clients) -> None:
    limits = ChatLimits(max_answer_bytes=100_000)
    clients.server.script(ScriptedReply(body=" " * 200_000, headers={"Content-Type": "application/json"}))
    with pytest.raises(UnavailableError, match="longer than 100,000 bytes"):
        await streamed(clients.make(limits))


@both_ways
async def test_a_compressed_bomb_is_refused(clients: Clients, way: str) -> None:
    bomb = gzip.compress(bytes(50_000_000), 9).decode("utf-8", "surrogateescape")
    clients.server.script(ScriptedReply(body=bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(UnavailableError, match="longer than 8,388,608 bytes"):
        await answered(clients.make(), way)


@both_ways
async def test_an_endpoint_that_never_answers_ends_at_the_deadline(clients: Clients, way: str) -> None:
    clients.server.script(ScriptedReply(fault="hang"))
    with pytest.raises(UnavailableError, match=r"within 0\.2 s; allow it more time"):
        await answered(clients.make(ChatLimits(total_s=0.2)), way)
    assert len(clients.server.seen()) == 1


async def test_the_purpose_may_set_the_deadline(clients: Clients) -> None:
    clients.server.script(ScriptedReply(fault="hang"))
    with pytest.raises(UnavailableError, match=r"within 0\.1 s"):
        await clients.make().complete(ASK, Purpose(PURPOSE.scope, "answer", deadline_s=0.1))


@both_ways
async def test_without_time_left_nothing_is_sent(clients: Clients, way: str) -> None:
    with pytest.raises(UnavailableError, match="No time is left"):
        await answered(clients.make(ChatLimits(total_s=0)), way)
    assert clients.server.seen() == []


@both_ways
async def test_an_answer_that_trickles_ends_at_the_deadline(clients: Clients, way: str) -> None:
    """A slow-loris: a byte now and then, so that nothing is ever silent for long."""
    clients.server.script(ScriptedReply(write_bytes=1, pause_s=0.03))
    with pytest.raises(UnavailableError, match=r"no whole answer within 0\.3 s|did not begin"):
        await answered(clients.make(ChatLimits(total_s=0.3, first_token_s=0.25)), way)


async def test_a_model_that_does_not_begin_is_given_up(clients: Clients) -> None:
    """Comments keep the connection alive, but they are no tokens."""
    clients.server.script(ScriptedReply(body=": wait\n\n" * 1000, headers=SSE, write_bytes=8, pause_s=0.02))
    with pytest.raises(UnavailableError, match=r"did not begin to answer within 0\.2 s"):
        await streamed(clients.make(ChatLimits(first_token_s=0.2)))


async def test_a_stream_that_falls_silent_is_given_up(clients: Clients) -> None:
    clients.server.script(stalling())
    pieces = clients.make(ChatLimits(first_token_s=0.2)).stream(ASK, PURPOSE)
    assert await anext(pieces) == "one "
    with pytest.raises(UnavailableError, match="did not answer in time"):
        await anext(pieces)


async def test_an_endpoint_that_is_not_there(unused_tcp_port: int, clients: Clients) -> None:
    pool = HTTPConnectionPool(guard=AddressGuard({f"127.0.0.1:{unused_tcp_port}"}))
    retry = RetryPolicy(sleep=clients.sleep)
    client = OpenAICompatibleClient(pool, ModelEndpoint(f"http://127.0.0.1:{unused_tcp_port}/v1"), retry=retry)
    with pytest.raises(NotSentError, match=f"127.0.0.1:{unused_tcp_port} could not be reached"):
        await client.complete(ASK, PURPOSE)
    health = await client.ping()
    await pool.close()
    assert len(clients.slept) == 2
    assert not health.ok


async def test_a_private_address_needs_the_operators_leave(clients: Clients) -> None:
    pool = HTTPConnectionPool()
    client = OpenAICompatibleClient(pool, ModelEndpoint(clients.server.base_url))
    with pytest.raises(ForbiddenError, match=r"allow it in net\.allow"):
        await client.complete(ASK, PURPOSE)
    await pool.close()


async def test_a_cancelled_call_is_cancelled(clients: Clients) -> None:
    clients.server.script(ScriptedReply(fault="hang"))
    task = asyncio.create_task(clients.make().complete(ASK, PURPOSE))
    while not clients.server.seen():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# The key


@both_ways
@pytest.mark.parametrize("status", [400, 401, 429, 200])
async def test_the_key_is_in_no_text(clients: Clients, way: str, status: int) -> None:
    body = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}. Ask for another.", "code": None}})
    clients.server.script(ScriptedReply(status=status, body=body))
    client = clients.make()
    with pytest.raises(UdibError) as caught:
        await answered(client, way)
    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told
    assert KEY not in repr(client)
    assert KEY not in repr(ModelEndpoint(clients.server.base_url, KEY))


@pytest.mark.parametrize("key", ["sk\nX-Evil: 1", "sk ab", "skü", "sk\x00"])
def test_a_key_that_is_none_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(BadRequestError, match="The API key of a.example holds") as caught:
        ModelEndpoint("https://a.example/v1", key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["a.example/v1", "ftp://a.example", "https://me:pw@a.example/v1", "", "https://a.example/v1?v=2"]
)
def test_an_endpoint_has_a_web_address(url: str) -> None:
    with pytest.raises(BadRequestError):
        ModelEndpoint(url)


# How it is


async def test_an_endpoint_that_is_well_says_so(clients: Clients) -> None:
    health = await clients.make().ping()
    assert health.ok
    assert [seen.path for seen in clients.server.seen()] == ["/v1/models"]


async def test_a_redirect_does_not_carry_the_key_to_another_host(clients: Clients) -> None:
    with chat_server() as other:
        clients.server.page("/v1/models", ScriptedReply(status=302, headers={"Location": f"{other.base_url}/models"}))
        pool = HTTPConnectionPool(guard=AddressGuard({clients.server.address, other.address}))
        client = OpenAICompatibleClient(pool, ModelEndpoint(clients.server.base_url, KEY))
        await client.ping()
        [asked] = other.seen()
        clients.server.script(ScriptedReply(status=307, headers={"Location": f"{other.base_url}/chat/completions"}))
        with pytest.raises(BadRequestError, match="sends elsewhere"):
            await client.complete(ASK, PURPOSE)
        await pool.close()
        assert (asked.path, "authorization" in asked.headers, other.seen()) == ("/v1/models", False, [])
    clients.server.page("/v1/models", ScriptedReply(body="{}"))


async def test_an_endpoint_that_refuses_the_key_says_so(clients: Clients) -> None:
    clients.server.page("/v1/models", ScriptedReply(status=401))
    health = await clients.make().ping()
    clients.server.page("/v1/models", ScriptedReply(body="{}"))
    assert (health.ok, "HTTP 401" in health.detail) == (False, True)


def test_hosts_with_a_dialect_of_their_own_are_known() -> None:
    assert ModelEndpoint("https://openrouter.ai/api/v1").spoken.billed_cost
    assert ModelEndpoint("https://api.openai.com/v1").spoken.max_tokens == "max_completion_tokens"
    assert ModelEndpoint("http://localhost:11434/v1").spoken == Dialect()
    assert ModelEndpoint("https://api.openai.com/v1", dialect=Dialect()).spoken == Dialect()
