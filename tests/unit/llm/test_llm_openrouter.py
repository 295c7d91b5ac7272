"""OpenRouter's own parts, against a server that answers in its forms."""

import json
from collections.abc import AsyncIterator, Iterator
from random import Random

import pytest

from udib.core.chat import ChatRequest, Message, Purpose
from udib.core.errors import BadRequestError, ForbiddenError, UnavailableError
from udib.core.tenancy import Scope
from udib.llm.cards import ModelCard
from udib.llm.openrouter import Generation, KeyAccount, OpenRouterService, ProviderPreferences
from udib.net.guard import AddressGuard
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import RetryPolicy
from udib.testing.chat_server import ChatServer, ScriptedReply, chat_server

PURPOSE = Purpose(Scope.of("t", "w"), "answer")
LISTED = {
    "data": [
        {
            "id": "b/large",
            "name": "B: Large",
            "created": 1,
            "context_length": 200_000,
            "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
            "pricing": {"prompt": "0.000003", "completion": "0.000015", "image": "0.0048", "request": "0"},
            "top_provider": {"context_length": 200_000, "max_completion_tokens": 64_000, "is_moderated": True},
            "supported_parameters": ["max_tokens", "tools", "structured_outputs", "response_format"],
        },
        {
            "id": "a/free",
            "context_length": 32_768,
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
            "pricing": {"prompt": "0", "completion": "0"},
            "top_provider": {"max_completion_tokens": None},
            "supported_parameters": ["max_tokens"],
        },
        {"id": "openrouter/auto", "context_length": 2_000_000, "pricing": {"prompt": "-1", "completion": "-1"}},
        {
            "id": "p/painter",
            "context_length": 1000,
            "architecture": {"input_modalities": ["text"], "output_modalities": ["image"]},
            "pricing": {"prompt": "0.1", "completion": "0.1"},
        },
        {"id": "z/new", "context_length": None, "pricing": {"prompt": "inf", "completion": "nan"}},
    ]
}


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server


@pytest.fixture
async def service(server: ChatServer) -> AsyncIterator[OpenRouterService]:
    async def sleep(seconds: float) -> None:
        pass

    server.seen()
    pool = HTTPConnectionPool(guard=AddressGuard({server.address}))
    yield OpenRouterService(
        pool,
        "sk-or-1",
        base_url=server.base_url,
        referer="https://udib.example",
        title="udib",
        retry=RetryPolicy(rng=Random(7), sleep=sleep),
    )
    await pool.close()


async def test_models_come_with_prices_and_abilities(server: ChatServer, service: OpenRouterService) -> None:
    server.page("/v1/models", ScriptedReply(body=json.dumps(LISTED)))
    assert await service.models() == [
        ModelCard("a/free", 32_768, 0.0, 0.0),
        ModelCard("b/large", 200_000, 3.0, 15.0, 64_000, json_schema=True, tools=True),
        ModelCard("openrouter/auto", 2_000_000),
        ModelCard("z/new", 0),
    ]


async def test_a_list_that_cannot_be_read_is_said_to_be_so(server: ChatServer, service: OpenRouterService) -> None:
    server.page("/v1/models", ScriptedReply(body='{"data": [{"name": "no id"}]}'))
    with pytest.raises(UnavailableError, match="says at /models cannot be read"):
        await service.models()


async def test_a_chat_says_who_asks_and_what_it_was_billed(server: ChatServer, service: OpenRouterService) -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 4,
        "cost": 0.0001,
        "is_byok": True,
        "cost_details": {"upstream_inference_cost": 0.002},
    }
    server.script(ScriptedReply("yes", usage=usage))
    preferences = ProviderPreferences(order=("x", "y"), data_collection="deny", max_price={"prompt": 1.0})
    request = ChatRequest([Message("user", "Hi")], model="a/free", options=preferences.options())
    completion = await service.complete(request, PURPOSE)
    assert completion.usage.cost_usd == pytest.approx(0.0021)
    assert completion.usage.billed
    [seen] = server.seen()
    assert (seen.headers["http-referer"], seen.headers["x-title"]) == ("https://udib.example", "udib")
    assert seen.headers["authorization"] == "Bearer sk-or-1"
    assert seen.json["usage"] == {"include": True}
    assert seen.json["provider"] == {"order": ["x", "y"], "data_collection": "deny", "max_price": {"prompt": 1.0}}


def test_preferences_say_only_what_was_chosen() -> None:
    assert ProviderPreferences().options() == {"provider": {}}
    assert ProviderPreferences(allow_fallbacks=False, zdr=True, sort="price").options() == {
        "provider": {"allow_fallbacks": False, "zdr": True, "sort": "price"}
    }


async def test_a_call_is_looked_up_until_it_is_known(server: ChatServer, service: OpenRouterService) -> None:
    known = {
        "id": "gen-1",
        "model": "a/free",
        "total_cost": 0.5,
        "provider_name": "X",
        "latency": 120,
        "tokens_prompt": 3,
    }
    server.page("/v1/generation", ScriptedReply(status=404), ScriptedReply(body=json.dumps({"data": known})))
    assert await service.generation("gen-1&x") == Generation("gen-1", "a/free", 0.5, "X", latency=120.0)
    assert [seen.path for seen in server.seen()] == ["/v1/generation?id=gen-1%26x"] * 2


async def test_a_call_that_is_not_known_is_said_to_be_so(server: ChatServer, service: OpenRouterService) -> None:
    server.page("/v1/generation", ScriptedReply(status=404))
    with pytest.raises(BadRequestError):
        await service.generation("gen-2")
    with pytest.raises(BadRequestError, match="without an id"):
        await service.generation("")
    assert len(server.seen()) == 3


async def test_an_account_says_what_is_left(server: ChatServer, service: OpenRouterService) -> None:
    account = {
        "label": "sk-or-v1-0e6...1c9",
        "usage": 1.25,
        "limit": 10,
        "limit_remaining": 8.75,
        "is_free_tier": False,
    }
    server.page("/v1/key", ScriptedReply(body=json.dumps({"data": account})))
    assert await service.account() == KeyAccount("sk-or-v1-0e6...1c9", 1.25, 10.0, 8.75)


async def test_a_key_that_openrouter_does_not_know(server: ChatServer, service: OpenRouterService) -> None:
    server.page("/v1/key", ScriptedReply(status=401))
    with pytest.raises(ForbiddenError):
        await service.account()
