"""No surprise bill: a model is asked only if what it may cost at most is set aside, below every cap, before."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from udib.core.chat import ChatModel, ChatRequest, Completion, Purpose
from udib.core.errors import BadRequestError, BudgetExceededError, ForbiddenError, NotSentError
from udib.core.spending import Caps, Ledger
from udib.core.types import Health
from udib.llm.cards import ModelCard

ANSWER_TOKENS: Final = 4096
"""Longest answer where the request names no length."""
_SHORTEST: Final = 64
"""Tokens below which an answer is not worth asking for."""
_SAFETY: Final = 1.3
"""Prompts are counted by estimate; this much more is set aside for them."""


@dataclass(slots=True)
class _Reserved:
    """What is set aside for a call. `cost_usd`: what was billed, once that is known."""

    id: str
    request: ChatRequest
    cost_usd: float | None = None


class BudgetedChatModel:
    """The `ChatModel` port around another one, with a purse.

    The length of every answer is bounded, so that the most a call may cost is known before it is made. That is set
    aside; then what was billed is put in its place. A call that was certainly not billed gives it back. One whose end
    nobody has seen (cancelled, broken off, a process that died) counts in full. A bill above what was set aside, which
    only a wrong estimate or price can bring, counts in full too, so that the next call meets the cap.
    """

    def __init__(
        self,
        inner: ChatModel,
        ledger: Ledger,
        cards: Mapping[str, ModelCard],
        *,
        prompt_tokens: Callable[[ChatRequest], int],
        caps: Caps | None = None,
        allow_unpriced: bool = False,
    ) -> None:
        """Keep the arguments.

        Args:
            inner: Who is asked.
            ledger: Where is written what was spent.
            cards: What is known of the models, by name.
            prompt_tokens: Estimates the length of a request's prompt.
            caps: What may be spent; None: the usual ones.
            allow_unpriced: Whether a model without a known price may be asked; it counts as free.
        """
        self._inner = inner
        self._ledger = ledger
        self._cards = cards
        self._prompt_tokens = prompt_tokens
        self._caps = caps or Caps()
        self._allow_unpriced = allow_unpriced

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        """The whole answer.

        Raises:
            BudgetExceededError: It could pass a cap; nothing was sent.
            ForbiddenError: The model's price is not known; nothing was sent.
        """
        async with self._reserved(request, purpose) as reserved:
            answer = await self._inner.complete(reserved.request, purpose)
            reserved.cost_usd = self._cost_usd(reserved.request, answer)
        return answer

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        """The same in pieces. One that is left half-way counts in full."""
        async with self._reserved(request, purpose) as reserved:
            pieces = self._inner.stream(reserved.request, purpose)
            async with aclosing(pieces) if isinstance(pieces, AsyncGenerator) else _as_it_is():
                async for piece in pieces:
                    if isinstance(piece, Completion):
                        reserved.cost_usd = self._cost_usd(reserved.request, piece)
                    yield piece

    async def ping(self) -> Health:
        """How the model behind it is."""
        return await self._inner.ping()

    def bounded(self, request: ChatRequest) -> tuple[ChatRequest, float]:
        """The request with a bound on its answer, and what it may cost at most in USD.

        Raises:
            BadRequestError: It names no model.
            BudgetExceededError: Even a short answer could pass the cap of a request.
            ForbiddenError: The model's price is not known.
        """
        card = self._card(request)
        prompt = round(_SAFETY * self._prompt_tokens(request))
        wanted = request.max_tokens or min(ANSWER_TOKENS, card.max_output_tokens or ANSWER_TOKENS)
        least = request.max_tokens or min(wanted, _SHORTEST)  # a length that was asked for is not changed
        cap = self._caps.request_usd
        if (least_usd := card.cost_usd(prompt, least)) > cap:
            raise BudgetExceededError(
                f"A call to {card.name} with about {prompt} tokens and an answer of {least} may cost {least_usd:.4f} "
                f"USD, and one request may cost {cap:.2f}; ask less at once, choose a cheaper model, or raise "
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
        reserved = _Reserved(number, bounded)
        try:
            yield reserved
        except (BadRequestError, ForbiddenError, NotSentError):  # turned away: not billed
            if reserved.cost_usd is None:
                await self._ledger.release(number)
            raise
        finally:
            if reserved.cost_usd is not None:
                await self._ledger.settle(number, reserved.cost_usd)

    def _cost_usd(self, request: ChatRequest, answer: Completion) -> float:
        """What an answer cost; by its own account if that says more than our list."""
        card = self._cards.get(request.model or "")
        return max(answer.usage.cost_usd, card.settled(answer.usage) if card else 0.0)


@asynccontextmanager
async def _as_it_is() -> AsyncGenerator[None]:
    yield
