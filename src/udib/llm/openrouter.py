"""OpenRouter beyond chats: its models and prices, which providers serve a call, what a call and a key have cost."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, TypeVar
from urllib.parse import quote

import msgspec

from udib.core.errors import BadRequestError, UnavailableError
from udib.llm.cards import ModelCard
from udib.llm.client import ChatLimits, ModelEndpoint, OpenAICompatibleClient
from udib.llm.wire import UNREADABLE, Dialect
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import RetryPolicy, resilient_get

T = TypeVar("T")
OPENROUTER_URL: Final = "https://openrouter.ai/api/v1"


@dataclass(frozen=True, slots=True)
class ProviderPreferences:
    """Which of the providers behind OpenRouter may serve a call; what is None is left to OpenRouter.

    Source: openrouter.ai/docs, "Provider Routing".

    Attributes:
        order: Providers to try, first to last.
        only: No others than these.
        ignore: None of these.
        allow_fallbacks: Whether others may serve when those of `order` cannot.
        require_parameters: Whether only those may that heed every field of the request.
        data_collection: "deny": only those that keep nothing of it.
        zdr: Whether only endpoints with zero data retention may.
        sort: What the cheapest, fastest or soonest is preferred by.
        max_price: Most USD per million tokens, by "prompt" and "completion".
    """

    order: tuple[str, ...] | None = None
    only: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    allow_fallbacks: bool | None = None
    require_parameters: bool | None = None
    data_collection: Literal["allow", "deny"] | None = None
    zdr: bool | None = None
    sort: Literal["price", "throughput", "latency"] | None = None
    max_price: Mapping[str, float] | None = None

    def options(self) -> dict[str, Any]:
        """For `ChatRequest.options`."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"provider": {name: value for name, value in named.items() if value is not None}}


class Generation(msgspec.Struct, frozen=True):
    """What became of one call, by OpenRouter's own account.

    `total_cost` is in USD; tokens are counted by the model's own tokenizer; `latency` and `generation_time` are in ms.
    """

    id: str
    model: str
    total_cost: float
    provider_name: str | None = None
    native_tokens_prompt: int | None = None
    native_tokens_completion: int | None = None
    latency: float | None = None
    generation_time: float | None = None
    finish_reason: str | None = None


class KeyAccount(msgspec.Struct, frozen=True):
    """What a key has used and may still use, in USD; None: it has no limit of its own."""

    label: str
    usage: float
    limit: float | None = None
    limit_remaining: float | None = None
    is_free_tier: bool = False


class _Pricing(msgspec.Struct):
    prompt: float | None = None
    completion: float | None = None


class _TopProvider(msgspec.Struct):
    max_completion_tokens: int | None = None


class _Architecture(msgspec.Struct):
    input_modalities: list[str] | None = None
    output_modalities: list[str] | None = None


class _Listed(msgspec.Struct):
    id: str
    architecture: _Architecture | None = None
    context_length: int | None = None
    pricing: _Pricing | None = None
    top_provider: _TopProvider | None = None
    supported_parameters: list[str] | None = None


class _Models(msgspec.Struct):
    data: list[_Listed]


class _GenerationAnswer(msgspec.Struct):
    data: Generation


class _KeyAnswer(msgspec.Struct):
    data: KeyAccount


class OpenRouterService(OpenAICompatibleClient):
    """The `ChatModel` of OpenRouter: every call says what it was billed.

    Args:
        pool: Whose connections are used.
        key: OpenRouter's API key.
        base_url: Where it is.
        referer: The app's web address, for OpenRouter's rankings; empty: not said.
        title: The app's name, for the same.
        cards: As for any client.
        retry: As for any client.
        limits: As for any client.
    """

    __slots__ = ()

    def __init__(  # noqa: PLR0913 - what it is known by, beside what every client has
        self,
        pool: HTTPConnectionPool,
        key: str,
        *,
        base_url: str = OPENROUTER_URL,
        referer: str = "",
        title: str = "",
        cards: Mapping[str, ModelCard] | None = None,
        retry: RetryPolicy | None = None,
        limits: ChatLimits | None = None,
    ) -> None:
        named = {"HTTP-Referer": referer, "X-Title": title}
        headers = {name: value for name, value in named.items() if value}
        endpoint = ModelEndpoint(base_url, key, headers, Dialect(billed_cost=True))
        super().__init__(pool, endpoint, cards=cards, retry=retry, limits=limits)

    async def models(self) -> list[ModelCard]:
        """All models that take and give text, by name; a price that varies is None.

        Raises:
            UdibError: As of `resilient_get`, or the list cannot be read.
        """
        listed = await self._get("/models", _Models)
        return sorted((_card(each) for each in listed.data if _is_of_text(each)), key=lambda card: card.name)

    async def generation(self, completion_id: str) -> Generation:
        """What became of a call; OpenRouter knows it some seconds after the answer, so it is asked again until then.

        Args:
            completion_id: `Completion.id`.

        Raises:
            BadRequestError: There is no such call, or it is not yet known.
            UdibError: As of `resilient_get`, or the answer cannot be read.
        """
        if not completion_id:
            raise BadRequestError("An answer without an id cannot be looked up at OpenRouter.")
        found = await self._get(f"/generation?id={quote(completion_id, safe='')}", _GenerationAnswer, again={404})
        return found.data

    async def account(self) -> KeyAccount:
        """What the key has used and may still use.

        Raises:
            ForbiddenError: OpenRouter does not know the key.
            UdibError: As of `resilient_get`, or the answer cannot be read.
        """
        return (await self._get("/key", _KeyAnswer)).data

    async def _get(self, path: str, form: type[T], *, again: AbstractSet[int] = frozenset()) -> T:
        """What an address says, asked again after a status of `again` too."""
        retry = replace(self._retry, retryable_statuses=self._retry.retryable_statuses | again)
        url = f"{self._endpoint.base_url}{path}"
        response = await resilient_get(self._pool, url, retry=retry, headers=self._headers)
        try:
            return msgspec.json.decode(response.body, type=form, strict=False)
        except UNREADABLE as exc:
            raise UnavailableError(
                f"What {self._endpoint.host} says at {path.partition('?')[0]} cannot be read ({exc})."
            ) from exc


def _is_of_text(listed: _Listed) -> bool:
    kinds = listed.architecture or _Architecture()
    return all("text" in kind for kind in (kinds.input_modalities, kinds.output_modalities) if kind is not None)


def _card(listed: _Listed) -> ModelCard:
    pricing, takes = listed.pricing or _Pricing(), listed.supported_parameters or ()
    return ModelCard(
        listed.id,
        listed.context_length or 0,
        _per_million(pricing.prompt),
        _per_million(pricing.completion),
        listed.top_provider.max_completion_tokens if listed.top_provider else None,
        json_schema="structured_outputs" in takes,
        tools="tools" in takes,
    )


def _per_million(per_token: float | None) -> float | None:
    """USD per million tokens; OpenRouter writes -1 where the price depends on the model that a router chooses."""
    return round(per_token * 1_000_000, 6) if per_token is not None and 0 <= per_token <= 1 else None
