"""Answers of models, kept for whoever asks exactly the same: never another question's, tenant's or generation's."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

import structlog

from udib.core.chat import ChatRequest, Completion, Purpose
from udib.core.errors import RefusedError, UdibError
from udib.core.ports import KeyValueStore
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health
from udib.llm.cache_entry import Kept, pack, unpack, why_not
from udib.llm.cache_generations import AnswerGenerations
from udib.llm.cache_key import Spot, spot_of
from udib.llm.cache_lease import AWAY, leased
from udib.llm.cache_memory import AnswerShelf
from udib.llm.cache_metrics import CacheMetrics, Label, MetricsByLabel, rows
from udib.llm.cache_policy import CachePolicy
from udib.llm.cache_totals import CacheTotals

log: Any = structlog.get_logger()

_ANSWERS: Final = "answers"
_LEASES: Final = "leases"
_MOST_VIEWS: Final = 1024
_FLUSH_S: Final = 10.0


class LLMCache:
    """Answers in this process's memory, and in a store that processes share.

    What is asked is kept as a digest only. Answers are kept in clear: `forget` removes those of a scope. A store that
    is away, or gives something back that it was not given, costs a call to the model and nothing else.

    Args:
        store: Shared by all processes that are to find each other's answers.
        policy: What is kept, and for how long.
        clock: Seconds, only ever growing.
        wall: Seconds since 1970. If it jumps, answers are asked for again.
    """

    name = "answers of models"

    def __init__(
        self,
        store: KeyValueStore,
        policy: CachePolicy,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.policy = policy
        self._store = store.with_namespace(policy.namespace)
        self._wall = wall
        self._generations = AnswerGenerations(self._store, policy.refresh_s, clock)
        self._shelf = AnswerShelf(policy.memory_entries, policy.memory_megabytes * 2**20, clock)
        self._ledger = MetricsByLabel()
        self._totals = CacheTotals(self._store.with_namespace("totals"))
        self._flushed: dict[Label, CacheMetrics] = {}
        self._flush_at = clock() + _FLUSH_S
        self._clock = clock
        self._away = False
        self._at = lru_cache(maxsize=_MOST_VIEWS)(self._view)

    async def get(self, request: ChatRequest, purpose: Purpose, *, provider: str) -> Completion | None:
        """The kept answer of a request; None if there is none, or if it must not be cached.

        Args:
            request: What is asked; its `model` must be named.
            purpose: For whom, and for which task.
            provider: Who is asked: base URL, and whatever else of the endpoint decides its answers.

        Raises:
            RefusedError: The provider refused the same request a moment ago.
        """
        began = time.perf_counter()
        spot = await self.spot(request, purpose, provider, request.model)
        if spot is None:
            return None
        kept = await self.recall(spot)
        if kept is None:
            self.count_miss(spot)
            return None
        self.count_hit(spot, kept)
        return kept.replay(1000 * (time.perf_counter() - began))

    async def set(
        self, request: ChatRequest, purpose: Purpose, answer: Completion, *, provider: str, ttl_s: float | None = None
    ) -> bool:
        """Keep an answer, if it is complete, has the schema and may be kept; returns whether it was.

        Args:
            request: What was asked; its `model` must be named.
            purpose: For whom, and for which task.
            answer: What came.
            provider: Who was asked, as for `get`.
            ttl_s: For how many seconds, if the policy's time for the model and task is not meant.
        """
        spot = await self.spot(request, purpose, provider, request.model)
        if spot is None:
            return False
        return await self.keep(spot, request, answer, answer.usage.cost_usd, ttl_s=ttl_s) is not None

    async def invalidate_pattern(self, pattern: str, *, scope: Scope) -> int:
        """Let no kept answer of some kind be found again; takes as long for one answer as for millions.

        Other processes see it within the policy's `refresh_s`. What is no longer found stays in the store until it
        expires; `forget` removes it.

        Args:
            pattern: "*" for all answers of the scope, "model:NAME" for those of a model (as it was asked for),
                "task:NAME" for those of a task.
            scope: Whose answers.

        Returns:
            How many generations ended, which is 1; answers are not counted, since none is touched.

        Raises:
            BadRequestError: The pattern is none of these.
            UnavailableError: The store is away; nothing was invalidated.
        """
        await self._generations.advance(scope, pattern)
        return 1

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove all kept answers of a scope, whatever content they speak of: nobody can tell which ones do.

        Within `refresh_s` other processes find them no longer either; their memory holds the bytes until these expire.

        Raises:
            UnavailableError: The store is away, and still holds them.
        """
        del content_id
        await self._generations.advance(scope, "*")
        self._shelf.forget(scope)
        return await self._at(scope, _ANSWERS).clear()

    def get_metrics(self) -> dict[str, Any]:
        """What was found and saved since the start of this process, in all, and `by` tenant, task and model."""
        self._ledger.total.evictions = self._shelf.evictions
        return self._ledger.to_dict()

    @property
    def metrics(self) -> CacheMetrics:
        """The same in all."""
        self._ledger.total.evictions = self._shelf.evictions
        return self._ledger.total

    async def totals(self, tenant: str) -> list[dict[str, Any]]:
        """What was found and saved for a tenant by all processes that share the store, by task and model.

        What a process counted in its last seconds is added when it next asks a model, or calls `flush`.

        Raises:
            UnavailableError: The store is away.
        """
        return rows(await self._totals.of(tenant))

    async def flush(self, *, most: int | None = None) -> None:
        """Add this process's counts to the totals. To be called before it ends; a store that is away loses some.

        Args:
            most: For so many tenants, tasks and models at most, so that nobody waits long; None: for all.
        """
        waiting = [(label, more) for label, more in self._unflushed() if more != CacheMetrics()]
        if most is None or len(waiting) <= most:
            self._flush_at = self._clock() + _FLUSH_S
        try:
            for label, more in waiting[:most]:
                self._flushed[label] = replace(self._ledger.by_label[label])
                await self._totals.add(label, more)
        except AWAY as exc:
            self._lost(exc)

    async def ping(self) -> Health:
        """How the store is; without it, models are asked each time."""
        return replace(await self._store.ping(), name="kept answers")

    async def spot(self, request: ChatRequest, purpose: Purpose, provider: str, model: str | None) -> Spot | None:
        """Where the answer of a request is kept; None if it must not be cached, or the store is away."""
        if model is None or not self.policy.takes(request, purpose):
            return None
        labels = (purpose.scope, model, purpose.task)
        generation = self._generations.known(labels)
        if generation is None:
            try:
                generation = await self._generations.current(labels)
            except AWAY as exc:
                # Answers in memory may have been invalidated by others: what cannot be known is not said.
                self._lost(exc)
                return None
            self._found()
        return spot_of(request, purpose, provider, model, generation)

    async def recall(self, spot: Spot) -> Kept | None:
        """What is kept at a spot."""
        kept = self._shelf.get(spot.digest)
        return await self._from_store(spot) if kept is None else kept

    async def keep(
        self,
        spot: Spot,
        request: ChatRequest,
        answer: Completion,
        cost_usd: float,
        *,
        ttl_s: float | None = None,
    ) -> Kept | None:
        """Keep an answer at a spot; returns it as it is kept, None if it is not fit to be kept, or was not."""
        reason = why_not(request, answer, tool_calls=spot.task in self.policy.tool_call_tasks)
        if reason:
            log.debug("llm_cache.not_kept", reason=reason, model=spot.model, task=spot.task)
            return None
        ttl_s = self.policy.ttl_s(spot.model, spot.task) if ttl_s is None else ttl_s
        kept = Kept.of(answer, cost_usd=cost_usd, kept_at=self._wall(), ttl_s=ttl_s)
        return kept if await self._put(spot, kept) else None

    async def keep_refusal(self, spot: Spot, refusal: RefusedError) -> bool:
        """Keep that the provider refuses a request as it is, for a short time; returns whether it was kept."""
        kept = Kept(refusal=str(refusal), kept_at=self._wall(), ttl_s=self.policy.negative_ttl)
        return await self._put(spot, kept)

    def lease(self, spot: Spot) -> AbstractAsyncContextManager[Kept | None]:
        """The right to ask a model, for one process at a time; gives what another process found meanwhile."""
        store = self._at(spot.scope, _LEASES)
        return leased(store, spot.digest.hex(), lease_s=self.policy.lease_s, look=lambda: self._from_store(spot))

    def count_hit(self, spot: Spot, kept: Kept) -> None:
        """Count a question that was answered without a call."""
        self._ledger.total.hit(kept.cost_usd, kept.took_ms)
        self._ledger.of((spot.scope.tenant, spot.task, spot.model)).hit(kept.cost_usd, kept.took_ms)

    def count_miss(self, spot: Spot) -> None:
        """Count a question for which a model is asked."""
        self._ledger.total.misses += 1
        self._ledger.of((spot.scope.tenant, spot.task, spot.model)).misses += 1

    def count_compared(self, spot: Spot, *, given: bool) -> None:
        """Count a question for which an answer in other words was at hand, and whether that was given."""
        for metrics in (self._ledger.total, self._ledger.of((spot.scope.tenant, spot.task, spot.model))):
            metrics.compared += 1
            metrics.reworded += given

    def count_checked(self, spot: Spot, *, correct: bool) -> None:
        """Count an answer in other words that was held against a new one."""
        for metrics in (self._ledger.total, self._ledger.of((spot.scope.tenant, spot.task, spot.model))):
            metrics.checked += 1
            metrics.checked_wrong += not correct

    @property
    def is_flush_due(self) -> bool:
        """Whether counts have waited for some seconds."""
        return self._clock() >= self._flush_at

    async def _from_store(self, spot: Spot) -> Kept | None:
        try:
            stored = await self._at(spot.scope, _ANSWERS).get(spot.digest.hex())
        except AWAY as exc:
            self._lost(exc)
            return None
        if stored is None:
            return None
        kept = unpack(stored, spot)
        left_s = 0.0 if kept is None else kept.left_s(self._wall())
        if kept is None or left_s <= 0:
            return None
        self._shelf.put(spot.digest, kept, spot.scope, left_s=left_s, size_bytes=len(stored))
        return kept

    async def _put(self, spot: Spot, kept: Kept) -> bool:
        payload = pack(kept, spot)
        if kept.ttl_s <= 0 or len(payload) > self.policy.largest_kilobytes * 1024:
            return False
        labels, answers = (spot.scope, spot.model, spot.task), self._at(spot.scope, _ANSWERS)
        try:
            # What was invalidated or forgotten while the model was asked is not to be found, nor to lie about.
            if await self._generations.current(labels) != spot.generation:
                return False
            self._shelf.put(spot.digest, kept, spot.scope, left_s=kept.ttl_s, size_bytes=len(payload))
            await answers.set(spot.digest.hex(), payload, ttl_s=kept.ttl_s)
            # Who forgets ends the generation first, then removes the answers: this one may have come after both.
            if await self._generations.read(labels) == spot.generation:
                return True
            self._shelf.drop(spot.digest)
            await answers.delete(spot.digest.hex())
        except AWAY as exc:
            self._lost(exc)
        return False

    def _unflushed(self) -> Iterator[tuple[Label, CacheMetrics]]:
        nothing = CacheMetrics()
        for label, metrics in self._ledger.by_label.items():
            yield label, metrics.since(self._flushed.get(label, nothing))

    def _view(self, scope: Scope, name: str) -> KeyValueStore:
        return self._store.with_namespace(scope.digest()).with_namespace(name)

    def _lost(self, reason: UdibError) -> None:
        if not self._away:
            log.warning("llm_cache.store_lost", reason=str(reason))
        self._away = True

    def _found(self) -> None:
        if self._away:
            log.warning("llm_cache.store_back")
        self._away = False
