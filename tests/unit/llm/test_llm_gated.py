"""Questions to a provider: so many at once, tenant by tenant, and no place is kept by who has gone."""

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

import pytest

from udib.core.chat import ChatRequest, Completion, Message, Purpose
from udib.core.errors import UnavailableError
from udib.core.gates import Limit
from udib.core.tenancy import Scope
from udib.llm.gated import GatedChatModel
from udib.pipeline.flow_control import FlowControl
from udib.testing import virtual_time
from udib.testing.fakes import FakeChatModel
from udib.testing.gates import FakeGateBook

ACME, OTHER = Scope.of("acme", "main"), Scope.of("other", "main")


def question(text: str) -> ChatRequest:
    return ChatRequest([Message("user", text)])


def gated(model: FakeChatModel, at_once: int) -> GatedChatModel:
    return GatedChatModel(model, FlowControl({"provider": (Limit(at_once), FakeGateBook())}), "provider")


def asked(model: FakeChatModel) -> list[str]:
    return [request.messages[0].content for request, _ in model.asked]


def test_a_provider_is_asked_so_much_at_once_and_tenants_take_turns() -> None:
    model = FakeChatModel(delay_s=10.0)

    async def all_of_them() -> float:
        chat = gated(model, 2)
        async with asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(chat.complete(question(f"a{number}"), Purpose(ACME, "summary")))
            await asyncio.sleep(1)
            group.create_task(chat.complete(question("a person waits"), Purpose(ACME, "answer")))
            group.create_task(chat.complete(question("b"), Purpose(OTHER, "summary")))
        return asyncio.get_running_loop().time()

    took_s = virtual_time.run(all_of_them())
    assert took_s == pytest.approx(40.0, abs=0.5)
    assert asked(model)[:4] == ["a0", "a1", "b", "a person waits"]
    assert sorted(asked(model)[4:6]) == ["a2", "a3"]  # two at the same moment


async def test_a_stream_that_its_reader_leaves_gives_its_place_back() -> None:
    chat = gated(FakeChatModel(["one two three"]), 1)
    pieces = cast("AsyncGenerator[str | Completion]", chat.stream(question("a"), Purpose(ACME, "answer")))
    assert await anext(pieces) == "one "
    await pieces.aclose()
    async with asyncio.timeout(5):
        assert (await chat.complete(question("b"), Purpose(ACME, "answer"))).text == "one two three"


async def test_a_question_that_fails_gives_its_place_back() -> None:
    chat = gated(FakeChatModel([UnavailableError("It is down."), "yes"]), 1)
    with pytest.raises(UnavailableError, match="It is down"):
        await chat.complete(question("a"), Purpose(ACME, "answer"))
    async with asyncio.timeout(5):
        assert (await chat.complete(question("a"), Purpose(ACME, "answer"))).text == "yes"
