"""A chat model that is asked only what it was not asked before."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Final

from udib.core.chat import ChatModel, ChatRequest, Completion, Purpose, TokenUsage
from udib.core.errors import RefusedError, UnavailableError
from udib.core.types import Health
from udib.llm.cache import LLMCache
from udib.llm.cache_entry import Kept, pieces
from udib.llm.cache_key import Spot
from udib.llm.flights import Flight
from udib.llm.semantic_cache import Consulted, SemanticCache

_FLUSHED_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class _Call:
    """A caller's question, and when it gives up by the loop's clock."""

    request: ChatRequest
    purpose: Purpose
    spot: Spot
    ends_at: float


class CachedChatModel:
    """The `ChatModel` port around another model, with an `LLMCache`.

    Streaming and not streaming share one entry. Callers of the same question share one call, also across processes that
    share the cache's store. To be used from one event loop.

    Args:
        inner: Who is asked.
        cache: Where answers are kept.
        provider: Who that is: base URL, and whatever else of the endpoint decides its answers.
        model: The model that `inner` asks where a request names none; None: such requests are not cached.
        cost_usd: What a call cost, such as `ModelCard.settled`.
        semantic: Looked into before the model is asked, for tasks that its policy lists.
    """

    def __init__(
        self,
        inner: ChatModel,
        cache: LLMCache,
        *,
        provider: str,
        model: str | None = None,
        cost_usd: Callable[[TokenUsage], float] = lambda usage: usage.cost_usd,
        semantic: SemanticCache | None = None,
    ) -> None:
        self._inner = inner
        self._cache = cache
        self._provider = provider
        self._model = model
        self._cost_usd = cost_usd
        self._semantic = semantic
        self._flights: dict[bytes, Flight] = {}
        self._under_way: set[Flight] = set()

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        """The kept answer, else the model's. Raises as the model does, and `RefusedError` also from the cache."""
        began = time.perf_counter()
        cache = self._cache
        spot = await cache.spot(request, purpose, self._provider, request.model or self._model)
        if spot is None:
            return await self._inner.complete(request, purpose)
        kept = await cache.recall(spot) if purpose.use_cache else None
        if kept is not None:
            cache.count_hit(spot, kept)
            return kept.replay(1000 * (time.perf_counter() - began))
        call = _Call(request, purpose, spot, _ends_at(purpose))
        while True:
            flight, led = self._board(call, streamed=False)
            try:
                return self._shared(call, await flight.answer(call.ends_at), led=led, began=began)
            except UnavailableError:
                if led or not _has_longer(call, flight):
                    raise

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        """The same in pieces, at last the whole; a kept answer comes in pieces too."""
        began = time.perf_counter()
        spot = await self._cache.spot(request, purpose, self._provider, request.model or self._model)
        kept = None if spot is None or not purpose.use_cache else await self._cache.recall(spot)
        if spot is None:
            parts = self._inner.stream(request, purpose)
        elif kept is None:
            parts = self._stream_shared(_Call(request, purpose, spot, _ends_at(purpose)), began)
        else:
            self._cache.count_hit(spot, kept)
            answer = kept.replay(1000 * (time.perf_counter() - began))
            for piece in pieces(answer.text):
                yield piece
            yield answer
            return
        try:
            async for part in parts:
                yield part
        finally:
            if isinstance(parts, AsyncGenerator):  # a reader that stops early ends a call that is its own
                await parts.aclose()

    async def _stream_shared(self, call: _Call, began: float) -> AsyncIterator[str | Completion]:
        while True:
            flight, led = self._board(call, streamed=True)
            try:
                async for piece in flight.pieces(call.ends_at):
                    yield piece
                answer = self._shared(call, await flight.answer(call.ends_at), led=led, began=began)
            except UnavailableError:
                if led or flight.told or not _has_longer(call, flight):
                    raise
            else:
                yield answer
                return

    async def ping(self) -> Health:
        """How the model is."""
        return await self._inner.ping()

    async def close(self) -> None:
        """End the calls under way; those who wait for them are told. Safe to repeat."""
        for flight in list(self._under_way):
            await flight.abort()

    def _board(self, call: _Call, *, streamed: bool) -> tuple[Flight, bool]:
        """The call under way for a question, or a new one, and whether it is new."""
        found = self._flights.get(call.spot.digest) if call.purpose.use_cache else None
        if found is not None and not found.has_landed:
            return found, False

        async def fly(flight: Flight) -> Completion:
            try:
                return await self._fly(call, flight, streamed=streamed)
            finally:
                self._under_way.discard(flight)
                if self._flights.get(call.spot.digest) is flight:
                    del self._flights[call.spot.digest]

        flight = Flight(fly, call.ends_at)
        self._flights[call.spot.digest] = flight
        self._under_way.add(flight)
        return flight, True

    async def _fly(self, call: _Call, flight: Flight, *, streamed: bool) -> Completion:
        """Give what another process found, or what was said to the question in other words; else ask the model."""
        if not call.purpose.use_cache:
            answer = await self._learn(call, flight, None, streamed=streamed)
        else:
            async with self._cache.lease(call.spot) as others:
                asked = await self._consult(call) if others is None else None
                found = others if asked is None else asked.kept
                if found is None:
                    answer = await self._learn(call, flight, asked, streamed=streamed)
                else:
                    self._cache.count_hit(call.spot, found)
                    answer = found.replay(0.0)
        if not flight.told:
            for piece in pieces(answer.text):
                flight.tell(piece)
        return answer

    async def _consult(self, call: _Call) -> Consulted | None:
        if self._semantic is None:
            return None
        asked = await self._semantic.consult(call.spot, call.request, call.purpose)
        if asked is not None and asked.entry is not None:
            self._cache.count_compared(call.spot, given=asked.kept is not None)
        return asked

    async def _learn(self, call: _Call, flight: Flight, asked: Consulted | None, *, streamed: bool) -> Completion:
        """Ask the model, and keep what it says."""
        self._cache.count_miss(call.spot)
        try:
            answer = await self._ask(call, flight, streamed=streamed)
        except RefusedError as exc:  # by the provider; what this machine refuses may be put right the next moment
            await self._cache.keep_refusal(call.spot, exc)
            raise
        kept = await self._cache.keep(call.spot, call.request, answer, self._cost_usd(answer.usage))
        if kept is not None and asked is not None and self._semantic is not None:
            correct = await self._semantic.learn(asked, kept)
            if correct is not None:
                self._cache.count_checked(call.spot, correct=correct)
        if self._cache.is_flush_due:
            await self._cache.flush(most=_FLUSHED_AT_ONCE)
        return answer

    async def _ask(self, call: _Call, flight: Flight, *, streamed: bool) -> Completion:
        purpose = call.purpose
        if purpose.deadline_s is not None:
            # Some of the time may have gone by waiting for another process.
            purpose = replace(purpose, deadline_s=max(0.001, call.ends_at - asyncio.get_running_loop().time()))
        if not streamed:
            return await self._inner.complete(call.request, purpose)
        answer = None
        async for part in self._inner.stream(call.request, purpose):
            if isinstance(part, Completion):
                answer = part
            else:
                flight.tell(part)
        if answer is None:
            raise UnavailableError("The model's answer broke off before its end; try again.")
        return answer

    def _shared(self, call: _Call, answer: Completion, *, led: bool, began: float) -> Completion:
        """The answer for one of those who waited: it is paid once."""
        if led:
            return answer
        kept = Kept.of(answer, cost_usd=self._cost_usd(answer.usage), kept_at=0, ttl_s=0)
        self._cache.count_hit(call.spot, kept)
        return kept.replay(1000 * (time.perf_counter() - began))


def _ends_at(purpose: Purpose) -> float:
    return float("inf") if purpose.deadline_s is None else asyncio.get_running_loop().time() + purpose.deadline_s


def _has_longer(call: _Call, flight: Flight) -> bool:
    """Whether a caller whose shared call failed may ask again, because it has more time than the one that began it."""
    return flight.ends_at < call.ends_at and asyncio.get_running_loop().time() < call.ends_at
