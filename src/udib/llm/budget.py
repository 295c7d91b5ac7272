"""No surprise bill: a model is asked only if what it may cost at most is set aside, below every cap, before."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog

from udib.core.chat import ChatModel, ChatRequest, Completion, Message, Purpose, TokenUsage
from udib.core.errors import BadRequestError, BudgetExceededError, ForbiddenError, NotSentError, UnavailableError
from udib.core.spending import LARGEST_USD, Caps, Ledger
from udib.core.types import Health
from udib.llm.cards import ModelCard
from udib.llm.streams import read_through

log: Any = structlog.get_logger()

ANSWER_TOKENS: Final = 4096
"""Longest answer where the request names no length."""
_SHORTEST: Final = 64
"""Tokens below which an answer is not worth asking for."""
_SAFETY: Final = 1.3
"""Texts are counted by estimate; this much more is set aside for them."""
_MOST_BYTES_PER_TOKEN: Final = 3
"""Of prose a token has more. Of what is none (letters at random, blanks, rare scripts) it has fewer, and the estimate,
which is made for prose, may say a quarter of it: whoever asks could have each call cost more than was set aside."""
_DEARER: Final = frozenset(
    {
        "audio",
        "best_of",
        "functions",
        "max_completion_tokens",
        "max_tokens",
        "modalities",
        "models",
        "plugins",
        "service_tier",
        "tools",
        "web_search_options",
    }
)
"""Fields of a request's body that lengthen what is paid for, or have it done by somebody dearer."""


@dataclass(slots=True)
class _Reserved:
    """A call that something is set aside for.

    Attributes:
        id: The ledger's name of it.
        request: With the bound on its answer.
        amount_usd: How much is set aside.
        said: What came of a stream so far.
        cost_usd: What it cost, once that is known.
        turned_away: Whether it certainly cost nothing.
    """

    id: str
    request: ChatRequest
    amount_usd: float
    said: list[str] = field(default_factory=list)
    cost_usd: float | None = None
    turned_away: bool = False


class BudgetedChatModel:
    """The `ChatModel` port around another one, with a purse.

    The length of every answer is bounded, so that the most a call may cost is known before it is made. That is set
    aside; then what was billed is put in its place. A call that was certainly not billed gives it back. A stream that
    its reader leaves counts as its prompt and what had come of it. Any other call whose end nobody has seen (cancelled,
    broken off, a process that died) counts in full. A bill above what was set aside, which only a wrong estimate or
    price can bring, counts too, so that the next call meets the cap.
    """

    def __init__(  # noqa: PLR0913 - whom to ask, and all that bounds what that may cost
        self,
        inner: ChatModel,
        ledger: Ledger,
        cards: Mapping[str, ModelCard],
        *,
        prompt_tokens: Callable[[ChatRequest], int],
        caps: Caps | None = None,
        allow_unpriced: bool = False,
        counted: Callable[[ChatRequest, TokenUsage], None] = lambda _request, _usage: None,
    ) -> None:
        """Keep the arguments.

        Args:
            inner: Who is asked.
            ledger: Where is written what was spent.
            cards: What is known of the models, by name.
            prompt_tokens: Estimates the length of a request's messages in tokens.
            caps: What may be spent; None: the usual ones.
            allow_unpriced: Whether a model without a known price may be asked; it counts as free.
            counted: Told what providers count, such as `TokenCounter.learn`.
        """
        self._inner = inner
        self._ledger = ledger
        self._cards = cards
        self._prompt_tokens = prompt_tokens
        self._caps = caps or Caps()
        self._allow_unpriced = allow_unpriced
        self._counted = counted

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        """The whole answer.

        Raises:
            BudgetExceededError: It could pass a cap; nothing was sent.
            ForbiddenError: The model's price is not known; nothing was sent.
        """
        async with self._reserved(request, purpose) as reserved:
            answer = await self._inner.complete(reserved.request, purpose)
            reserved.cost_usd = self._cost_usd(reserved, answer)
        return answer

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        """The same in pieces."""
        async with (
            self._reserved(request, purpose) as reserved,
            read_through(self._inner.stream(reserved.request, purpose)) as pieces,
        ):
            async for piece in pieces:
                if isinstance(piece, str):
                    reserved.said.append(piece)
                else:
                    reserved.cost_usd = self._cost_usd(reserved, piece)
                yield piece

    async def ping(self) -> Health:
        """How the model behind it is."""
        return await self._inner.ping()

    def bounded(self, request: ChatRequest) -> tuple[ChatRequest, float]:
        """The request with a bound on its answer, and what it may cost at most in USD.

        Raises:
            BadRequestError: It names no model or no length that an answer can have, or has an option that would go
                around the bound.
            BudgetExceededError: Even a short answer could pass the cap of a request.
            ForbiddenError: The model's price is not known.
        """
        if request.max_tokens is not None and request.max_tokens < 1:  # to some servers, -1 is as long as they like
            raise BadRequestError(f"An answer has at least one token, not {request.max_tokens}; ask for more.")
        if dearer := _DEARER & request.options.keys():
            raise BadRequestError(
                f"The option {min(dearer)!r} of a chat would change what it may cost at most; leave it out."
            )
        card = self._card(request)
        prompt = self._most_tokens(request)
        wanted = request.max_tokens or min(ANSWER_TOKENS, card.max_output_tokens or ANSWER_TOKENS)
        least = request.max_tokens or min(wanted, _SHORTEST)  # a length that was asked for is not changed
        cap = self._caps.request_usd
        if (least_usd := card.cost_usd(prompt, least)) > cap:
            raise BudgetExceededError(
                f"A call to {card.name} with about {prompt} tokens and an answer of {least} may cost {least_usd:.4f} "
                f"USD, and one request may cost {cap:g}; ask less at once, choose a cheaper model, or raise "
                "llm.cap_request_usd."
            )
        each_usd = card.cost_usd(0, 1)
        affordable = int((cap - card.cost_usd(prompt, 0)) / each_usd) if each_usd else wanted
        tokens = max(least, min(wanted, affordable))
        return replace(request, max_tokens=tokens), card.cost_usd(prompt, tokens)

    def _card(self, request: ChatRequest) -> ModelCard:
        if request.model is None:
            raise BadRequestError("The request names no model, so nobody knows what it costs; name one.")
        card = self._cards.get(request.model) or ModelCard(request.model, context_tokens=0)
        if not card.priced and not self._allow_unpriced:
            raise ForbiddenError(
                f"The price of {card.name} is not known, so it is not asked; add it to models.yaml, or set "
                "llm.allow_unpriced if it costs nothing."
            )
        return card

    @asynccontextmanager
    async def _reserved(self, request: ChatRequest, purpose: Purpose) -> AsyncGenerator[_Reserved]:
        bounded, amount_usd = self.bounded(request)
        number = await self._ledger.reserve(purpose, bounded.model or "", amount_usd, day_cap_usd=self._caps.day_usd)
        reserved = _Reserved(number, bounded, amount_usd)
        try:
            yield reserved
        except (GeneratorExit, asyncio.CancelledError):
            if reserved.cost_usd is None and reserved.said and not self._card(reserved.request).bills_unread:
                reserved.cost_usd = self._used_usd(reserved)
            raise
        except (BadRequestError, ForbiddenError, NotSentError):
            reserved.turned_away = reserved.cost_usd is None and not reserved.said
            raise
        finally:
            await self._close(reserved)

    async def _close(self, reserved: _Reserved) -> None:
        try:
            if reserved.cost_usd is not None:
                await self._ledger.settle(reserved.id, reserved.cost_usd)
            elif reserved.turned_away:
                await self._ledger.release(reserved.id)
        except UnavailableError as exc:
            # An answer is there, and paid. What was set aside goes on counting, so that no cap is passed.
            log.warning("llm.unsettled", cost_usd=reserved.cost_usd, counted_usd=reserved.amount_usd, error=str(exc))

    def _most_tokens(self, request: ChatRequest) -> int:
        """How long the messages of a request may be, rather too much than too little."""
        size_bytes = sum(len(message.content.encode(errors="replace")) for message in request.messages)
        return max(round(_SAFETY * self._prompt_tokens(request)), size_bytes // _MOST_BYTES_PER_TOKEN)

    def _used_usd(self, reserved: _Reserved) -> float:
        """About what a stream cost until its reader left, rather too much than too little."""
        said = ChatRequest([Message("assistant", "".join(reserved.said))])
        prompt, answer = (self._most_tokens(each) for each in (reserved.request, said))
        return min(reserved.amount_usd, self._card(reserved.request).cost_usd(prompt, answer))

    def _cost_usd(self, reserved: _Reserved, answer: Completion) -> float:
        """What an answer cost; by its own account if that says more than our list.

        If neither is an amount, it is all that was set aside. An attempt that was lost may have cost as much.
        """
        self._counted(reserved.request, answer.usage)
        bills = (answer.usage.cost_usd, self._card(reserved.request).settled(answer.usage))
        bill = max((bill for bill in bills if 0 <= bill <= LARGEST_USD), default=reserved.amount_usd)
        return min(bill * (1 + answer.lost), LARGEST_USD)
