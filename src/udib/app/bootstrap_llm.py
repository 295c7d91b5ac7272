"""The part of the composition root that puts the models together: client, redaction, budget, router, cache.

From the outside in: an answer is looked for in the cache; if there is none, the router chooses a model; what that may
cost is set aside; private details are taken out; then it is asked.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from udib.app.bootstrap_memory import connections, needs_extra
from udib.app.bootstrap_models import Models
from udib.app.bootstrap_storage import Records
from udib.app.bootstrap_work import provider_resource
from udib.app.config_file import read_config
from udib.app.settings import LlmSettings, Settings, provider_key, shipped_config_dir
from udib.core.chat import ChatModel
from udib.core.errors import BadRequestError, ForbiddenError
from udib.core.gates import Gates
from udib.core.ports import KeyValueStore
from udib.core.spending import Caps
from udib.core.tenancy import Scope
from udib.core.vectors import Embedder

if TYPE_CHECKING:
    from udib.llm.cache import LLMCache
    from udib.llm.cards import ModelCard
    from udib.llm.catalogue import ModelCatalogue
    from udib.llm.client import OpenAICompatibleClient
    from udib.llm.semantic_cache import SemanticCache

_ROUTED = "the router's choice"

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names of this machine."""


def open_answers(stack: AsyncExitStack, settings: Settings, local: KeyValueStore) -> "LLMCache":
    """The answers that are kept, in the store that the settings name; `local` is the one of this machine."""
    from udib.llm.cache import LLMCache

    cache = LLMCache(_store(stack, settings, local), settings.llm_cache)
    stack.push_async_callback(cache.flush)
    return cache


def open_models(
    stack: AsyncExitStack,
    settings: Settings,
    records: Records,
    embedder: Embedder,
    answers: "Callable[[], LLMCache]",
    gates: Gates,
) -> Models | None:
    """The models that the settings name; None if they name no provider. Nothing is asked before it is used.

    Args:
        stack: Closes what is opened.
        settings: Who is asked, and what that may cost.
        records: Where it is noted what was spent and decided.
        embedder: Says what a request is about.
        answers: The cache of answers.
        gates: Where the limit of the provider is.

    Raises:
        BadRequestError: The provider needs something that is not set, or models.yaml is wrong.
    """
    if settings.llm.provider == "none":
        return None
    from udib.llm.budget import BudgetedChatModel
    from udib.llm.cached_chat import CachedChatModel
    from udib.llm.features import Features
    from udib.llm.gated import GatedChatModel
    from udib.llm.pacer import DailyPacer
    from udib.llm.prompts import PromptEngine
    from udib.llm.redaction import RedactingChatModel
    from udib.llm.router import LLMRouter
    from udib.llm.routing_options import RoutingOptions
    from udib.llm.tokens import TokenCounter

    wanted = settings.llm
    catalogue = _catalogue(wanted)
    cards = {card.name: card for card in catalogue.cards}
    client, remote = _client(stack, settings, cards)
    counter = TokenCounter()
    ledger, log = records.ledger, records.decisions
    asked: ChatModel = client
    if remote if wanted.redact is None else wanted.redact:
        asked = RedactingChatModel(asked)
    budgeted = BudgetedChatModel(
        asked,
        ledger,
        cards,
        prompt_tokens=counter.count_request,
        caps=Caps(wanted.cap_request_usd, wanted.cap_day_usd),
        counted=counter.learn,
        allow_unpriced=wanted.allow_unpriced,
    )

    async def left_usd(scope: Scope) -> float:
        return max(wanted.cap_day_usd - await ledger.spent_usd(scope.tenant), 0.0)

    options = RoutingOptions(
        budget=lambda _: DailyPacer(wanted.cap_day_usd, wanted.calls_per_day) if wanted.cap_day_usd else None,
        remaining_usd=left_usd,
        allow_unpriced=wanted.allow_unpriced,
        tokens=counter.count,
    )
    router = LLMRouter(
        dict.fromkeys(cards, GatedChatModel(budgeted, gates, provider_resource(settings))),
        catalogue.cards,
        features=Features(catalogue.tasks, embedder),
        log=log,
        options=options,
    )
    stack.push_async_callback(router.close)
    cache = answers()
    # Of another list of models another answer may come.
    whom = f"{client.provider} {sorted(cards)}"
    semantic = _semantic(settings, catalogue, embedder)
    chat = CachedChatModel(router, cache, provider=whom, model=wanted.model or _ROUTED, semantic=semantic)
    stack.push_async_callback(chat.close)
    return Models(
        chat,
        client,
        router,
        catalogue,
        cache,
        PromptEngine(None if wanted.prompts is None else Path(wanted.prompts).expanduser(), counter),
        counter,
        f"{wanted.provider} at {urlsplit(client.provider).netloc}",
        budgeted,
        (ledger, log, cache),
        semantic,
    )


def _semantic(settings: Settings, catalogue: "ModelCatalogue", embedder: Embedder) -> "SemanticCache | None":
    """What answers questions in other words, for the tasks that the settings list.

    Raises:
        BadRequestError: One of them is no task.
    """
    policy = settings.llm_cache.semantic
    if not policy.tasks:
        return None
    if unknown := sorted(policy.tasks - set(catalogue.tasks)):
        raise BadRequestError(
            f"llm_cache.semantic.tasks names {unknown[0]!r}, which is no task; there are {', '.join(catalogue.tasks)}."
        )
    from udib.llm.semantic_cache import SemanticCache

    return SemanticCache(policy, embedder)


def _catalogue(wanted: LlmSettings) -> "ModelCatalogue":
    """The models of models.yaml, or the only one that the settings name."""
    from udib.llm.cards import ModelCard
    from udib.llm.catalogue import read_models

    file = Path(wanted.models).expanduser() if wanted.models else shipped_config_dir() / "models.yaml"
    if not (listed := read_config(file)):
        raise BadRequestError(f"{file} lists no models; put it back, or name another file as llm.models.")
    catalogue = read_models(listed, file)
    if wanted.model is None:
        if wanted.provider != "openrouter" and not wanted.models:
            raise BadRequestError(
                f"llm.provider is {wanted.provider}, but no model is; set llm.model, or list some in "
                "models.yaml in the configuration directory (the shipped list is OpenRouter's)."
            )
        return catalogue
    known = next((card for card in catalogue.cards if card.name == wanted.model), None)
    card = known or ModelCard(wanted.model, wanted.context_tokens)
    if wanted.input_usd_per_million is not None and wanted.output_usd_per_million is not None:
        prices = (wanted.input_usd_per_million, wanted.output_usd_per_million)
        card = replace(card, input_usd_per_million=prices[0], output_usd_per_million=prices[1])
    if not card.priced and not wanted.allow_unpriced:
        raise ForbiddenError(
            f"The price of {card.name} is not known; set llm.input_usd_per_million and llm.output_usd_per_million "
            "(0 for a server of your own)."
        )
    return replace(catalogue, cards=(card,))


def _client(
    stack: AsyncExitStack, settings: Settings, cards: "dict[str, ModelCard]"
) -> "tuple[OpenAICompatibleClient, bool]":
    """The client of the provider, and whether that is another machine."""
    from udib.llm.client import ModelEndpoint, OpenAICompatibleClient
    from udib.llm.openrouter import OPENROUTER_URL, OpenRouterService

    wanted, key = settings.llm, provider_key(settings.llm)
    if wanted.provider in {"openrouter", "openai"} and not key:
        raise BadRequestError(
            f"llm.provider is {wanted.provider}, but its key is not set: give it as {wanted.provider.upper()}_API_KEY."
        )
    address = wanted.base_url or ("https://api.openai.com/v1" if wanted.provider == "openai" else "")
    host = urlsplit(address).hostname or ""
    pool, retry = connections(stack, settings, also=own_server(address) if host in LOCAL else ())
    match wanted.provider:
        case "openrouter":
            address = wanted.base_url or OPENROUTER_URL
            service = OpenRouterService(pool, key, base_url=address, title="udib", cards=cards, retry=retry)
            return service, host not in LOCAL
        case _:
            if not address:
                raise BadRequestError(
                    "llm.provider is endpoint, but llm.base_url is not set; give it, such as http://localhost:11434/v1."
                )
            endpoint = ModelEndpoint(address, key)
            return OpenAICompatibleClient(pool, endpoint, cards=cards, retry=retry), host not in LOCAL


def own_server(address: str) -> tuple[str, ...]:
    """The exception for a server of this machine: naming it in the settings is the operator's permission."""
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return (f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}",)


def _store(stack: AsyncExitStack, settings: Settings, local: KeyValueStore) -> KeyValueStore:
    """Where answers are kept."""
    match settings.llm_cache.store:
        case "memory":
            from udib.storage.kv import MemoryKeyValueStore

            return MemoryKeyValueStore()
        case "sqlite":
            return local
        case "redis":
            with needs_extra("redis"):
                from udib.storage.redis import RedisKeyValueStore, RedisServer
            from udib.storage.degrading import DegradingKeyValueStore

            if settings.llm_cache.redis_url is None:
                raise BadRequestError(
                    "llm_cache.store is redis, but llm_cache.redis_url is not set; REDIS_URL gives it too."
                )
            server = RedisServer(settings.llm_cache.redis_url.get_secret_value())
            stack.push_async_callback(server.close)
            return DegradingKeyValueStore(RedisKeyValueStore(server))
