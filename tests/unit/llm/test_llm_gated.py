"""Questions to a provider: so many at once, tenant by tenant, and no place is kept by who has gone."""

import asyncio
from collections.abc import AsyncGenerator
from typing import cast

import pytest

from udib.core.chat import ChatRequest, Completion, Message, Purpose
from udib.core.errors import UnavailableError
from udib.core.gates import Limit
from udib.core.result import StepResult
from udib.core.tenancy import Scope
from udib.llm.cache import LLMCache
from udib.llm.cache_policy import CachePolicy
from udib.llm.cached_chat import CachedChatModel
from udib.llm.gated import GatedChatModel
from udib.pipeline.flow_control import FlowControl
from udib.pipeline.step import run_step
from udib.storage.kv import MemoryKeyValueStore
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


IN_TIME = Purpose(ACME, "summary", 30.0)


def shared(model: FakeChatModel) -> CachedChatModel:
    cache = LLMCache(MemoryKeyValueStore(), CachePolicy())
    return CachedChatModel(gated(model, 1), cache, provider="https://a.example/v1", model="small")


async def step(chat: CachedChatModel, text: str) -> StepResult[str]:
    """A question in a stage of 60 s, itself of 30 s."""

    async def work() -> str:
        return (await chat.complete(question(text), IN_TIME)).text

    return await run_step(work(), name="summary", deadline_s=60.0)


@pytest.mark.parametrize("model_s", [20.0, 25.0])
def test_the_turn_of_a_question_counts_against_no_deadline(model_s: float) -> None:
    model = FakeChatModel(delay_s=model_s)

    async def all_of_them() -> list[StepResult[str]]:
        chat = shared(model)
        async with asyncio.TaskGroup() as group:
            steps = [group.create_task(step(chat, f"a{number}")) for number in range(6)]
            await asyncio.sleep(1)
            steps += [group.create_task(step(chat, "a5"))]  # waits for the call of another
        return [each.result() for each in steps]

    assert all(each.success for each in virtual_time.run(all_of_them()))
    assert len(model.asked) == 6


def test_a_stream_waits_its_turn_without_losing_time() -> None:
    async def both() -> list[str | Completion]:
        chat = shared(FakeChatModel(["one two"], delay_s=25.0))
        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(step(chat, f"a{number}"))
            await asyncio.sleep(1)
            return [piece async for piece in chat.stream(question("b"), IN_TIME)]

    assert virtual_time.run(both())[-1]


def test_what_an_answer_takes_after_its_turn_counts() -> None:
    async def late() -> StepResult[str]:
        return await step(shared(FakeChatModel(delay_s=31.0)), "a")

    assert "within the time for this call" in (virtual_time.run(late()).error or "")


def test_who_stops_waiting_for_a_call_spoils_it_for_nobody() -> None:
    model = FakeChatModel(delay_s=20.0)

    async def one_stays() -> StepResult[str]:
        chat = shared(model)
        async with asyncio.TaskGroup() as group:
            group.create_task(step(chat, "first"))
            await asyncio.sleep(1)
            gone, stays = (group.create_task(step(chat, "a")) for _ in range(2))
            await asyncio.sleep(1)
            gone.cancel()
        return stays.result()

    assert virtual_time.run(one_stays()).success
