"""What every `ChatModel` promises: the client over a server process, the fake, and what wraps a model."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from udib.core.chat import ChatModel, ChatRequest, Completion, Finish, Message, Purpose
from udib.core.errors import BadRequestError, ForbiddenError, NotSentError, UdibError, UnavailableError
from udib.core.gates import Limit
from udib.core.tenancy import Scope
from udib.llm.budget import BudgetedChatModel
from udib.llm.client import ModelEndpoint, OpenAICompatibleClient
from udib.llm.gated import GatedChatModel
from udib.llm.redaction import RedactingChatModel
from udib.net.guard import AddressGuard
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import RetryPolicy
from udib.pipeline.flow_control import FlowControl
from udib.storage.database import Database
from udib.storage.ledger import SCHEMA, SqliteLedger
from udib.testing.chat_server import ChatServer, ScriptedReply, chat_server
from udib.testing.fakes import FakeChatModel
from udib.testing.gates import FakeGateBook

PURPOSE = Purpose(Scope.of("t", "w"), "answer")
ASK = ChatRequest([Message("system", "Be brief."), Message("user", "What did she say?")], model="m")
STATUS: dict[type[UdibError], int] = {
    BadRequestError: 400,
    ForbiddenError: 403,
    NotSentError: 429,
    UnavailableError: 503,
}

Script = Callable[..., None]
"""Says what the model answers next: texts, or errors."""


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server


@pytest.fixture(params=["client", "fake", "budgeted", "redacting", "gated"])
async def model(
    request: pytest.FixtureRequest, server: ChatServer, tmp_path: Path
) -> AsyncIterator[tuple[ChatModel, Script]]:
    if request.param != "client":
        fake, database = FakeChatModel(), Database(tmp_path / "spending.db", SCHEMA)
        wrapped: dict[str, ChatModel] = {
            "fake": fake,
            "budgeted": BudgetedChatModel(
                fake, SqliteLedger(database), {}, prompt_tokens=lambda _: 6, allow_unpriced=True
            ),
            "redacting": RedactingChatModel(fake),
            "gated": GatedChatModel(fake, FlowControl({"m": (Limit(1), FakeGateBook())}), "m"),
        }

        def say(*said: str | UdibError) -> None:
            fake.script = said

        yield wrapped[request.param], say
        await database.close()
        return

    def script(*said: str | UdibError) -> None:
        server.script(
            *(
                ScriptedReply(each) if isinstance(each, str) else ScriptedReply(status=STATUS[type(each)])
                for each in said
            )
        )

    pool = HTTPConnectionPool(guard=AddressGuard({server.address}))
    yield OpenAICompatibleClient(pool, ModelEndpoint(server.base_url), retry=RetryPolicy(max_attempts=1)), script
    await pool.close()


async def test_an_answer_is_whole(model: tuple[ChatModel, Script]) -> None:
    asked, script = model
    script("She said yes.")
    completion = await asked.complete(ASK, PURPOSE)
    assert (completion.text, completion.model, completion.finish) == ("She said yes.", "m", Finish.STOP)
    assert completion.complete
    assert not completion.cached
    assert completion.usage.prompt_tokens == 6
    assert completion.usage.completion_tokens == 3


@pytest.mark.parametrize("text", ["She said yes.", "", " ", "Grüße aus 東京 🙂\n\n- und mehr\r\n"])
async def test_a_stream_is_the_answer_in_pieces_and_at_last_the_whole(
    model: tuple[ChatModel, Script], text: str
) -> None:
    asked, script = model
    script(text)
    *pieces, whole = [each async for each in asked.stream(ASK, PURPOSE)]
    assert isinstance(whole, Completion)
    assert all(isinstance(piece, str) and piece for piece in pieces)
    assert "".join(str(piece) for piece in pieces) == whole.text == text


async def test_a_stream_and_a_whole_answer_say_the_same(model: tuple[ChatModel, Script]) -> None:
    asked, script = model
    script("one two three")
    whole = await asked.complete(ASK, PURPOSE)
    *_, last = [each async for each in asked.stream(ASK, PURPOSE)]
    assert isinstance(last, Completion)
    assert (last.text, last.usage, last.finish) == (whole.text, whole.usage, whole.finish)


@pytest.mark.parametrize("error", list(STATUS))
async def test_an_error_says_what_the_caller_may_do(model: tuple[ChatModel, Script], error: type[UdibError]) -> None:
    asked, script = model
    script(error("scripted"))
    with pytest.raises(error):
        await asked.complete(ASK, PURPOSE)
    with pytest.raises(error):
        await anext(aiter(asked.stream(ASK, PURPOSE)))


async def test_a_chat_needs_a_message(model: tuple[ChatModel, Script]) -> None:
    asked, _ = model
    with pytest.raises(BadRequestError):
        await asked.complete(ChatRequest([], model="m"), PURPOSE)


async def test_many_may_ask_at_once(model: tuple[ChatModel, Script]) -> None:
    asked, script = model
    script("same")
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asked.complete(ASK, PURPOSE)) for _ in range(50)]
    assert {task.result().text for task in tasks} == {"same"}


async def test_a_model_that_is_well_says_so(model: tuple[ChatModel, Script]) -> None:
    assert (await model[0].ping()).ok
