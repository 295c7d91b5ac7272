"""The `EvidenceSource` over a search service: asked within the tenant's allowance; what it names, a child reads."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from udib.core.chat import Purpose
from udib.core.errors import BudgetExceededError, ForbiddenError, NotSentError, UdibError
from udib.core.evidence import Document, SearchHit
from udib.core.spending import Ledger
from udib.core.tenancy import Scope
from udib.core.types import Health
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import RetryPolicy, resilient_get, resilient_post
from udib.sources.page_reader import PageReader
from udib.sources.search_engines import SearchEngine

TASK: Final = "search"
"""What the account calls searches."""
_ANSWER_BYTES: Final = 2_000_000
_QUERY_WORDS: Final = 40
_QUERY_CHARACTERS: Final = 300
"""The shortest bounds that the services have: Brave takes 50 words and 400 characters."""


@dataclass(frozen=True, slots=True)
class SearchAllowance:
    """How many searches a tenant has on a day (UTC), entered in the same account as what models cost.

    Attributes:
        ledger: The account; all processes that share it share the allowance.
        per_day: Most searches; None: no bound.
        usd: What one costs.
        day_cap_usd: What a tenant may spend on a day, models included.
    """

    ledger: Ledger
    per_day: int | None
    usd: float
    day_cap_usd: float

    @asynccontextmanager
    async def one(self, scope: Scope, service: str) -> AsyncGenerator[None]:
        """The right to one search within the block. What surely had no effect is not counted.

        Raises:
            BudgetExceededError: There is none left today, or none that can be paid.
        """
        purpose = Purpose(scope, TASK)
        number = await self.ledger.reserve(purpose, service, self.usd, day_cap_usd=self.day_cap_usd)
        try:
            await self._check(scope)
            yield
        except (BudgetExceededError, ForbiddenError, NotSentError):
            await self.ledger.release(number)
            raise
        except UdibError:
            await self.ledger.settle(number, self.usd)  # it may have been billed
            raise
        await self.ledger.settle(number, self.usd)

    async def _check(self, scope: Scope) -> None:
        """Count the searches of today, with the one that was set aside."""
        if self.per_day is None:
            return
        today = await self.ledger.spendings(scope.tenant, days=1)
        if sum(each.calls for each in today if each.task == TASK) > self.per_day:
            raise BudgetExceededError(
                f"The tenant {scope.tenant!r} has had its {self.per_day} searches of today (UTC); raise "
                "evidence.searches_per_day, or wait for tomorrow."
            )


class SearchedEvidence:
    """An `EvidenceSource` that asks one service.

    Args:
        name: What reports call it.
        engine: The service.
        connections: To the service, and when it is asked again.
        pages: Reads what it names.
        allowance: How often it may be asked.
        redact: Takes private details out of what is sent.
    """

    def __init__(
        self,
        name: str,
        engine: SearchEngine,
        connections: tuple[HTTPConnectionPool, RetryPolicy],
        *,
        pages: PageReader,
        allowance: SearchAllowance,
        redact: Callable[[str], str],
    ) -> None:
        self.name = name
        self._engine = engine
        self._pool, self._retry = connections
        self._pages = pages
        self._allowance = allowance
        self._redact = redact

    async def search(self, scope: Scope, claim: str, *, limit: int) -> list[SearchHit]:
        """Ask the service for a claim's words. Redirects are not followed: the key is for this service alone.

        Raises:
            BudgetExceededError: The tenant has had its searches of today; nothing was asked.
            BadRequestError: The service does not take the request.
            ForbiddenError: It does not take the key.
            UnavailableError: It does not answer, or in another shape than its own.
        """
        query = query_of(self._redact(claim))
        if not query:
            return []
        request = self._engine.request(query, limit)
        async with self._allowance.one(scope, self._engine.name):
            if request.body is None:
                answer = await resilient_get(
                    self._pool,
                    request.url,
                    retry=self._retry,
                    max_bytes=_ANSWER_BYTES,
                    headers=request.headers,
                    redirects=False,
                )
            else:
                answer = await resilient_post(
                    self._pool,
                    request.url,
                    request.body,
                    retry=self._retry,
                    max_bytes=_ANSWER_BYTES,
                    headers=request.headers,
                )
            return self._engine.hits(answer.body)[:limit]

    async def read(self, hit: SearchHit) -> Document:
        """The page of a hit; see `PageReader.read`."""
        return await self._pages.read(hit.url)

    async def ping(self) -> Health:
        """What is named; nothing is asked."""
        most = self._allowance.per_day
        bound = "without a bound" if most is None else f"at most {most} searches a day and tenant"
        detail = f"{self._engine.name} is named, {bound}; `udib doctor --online` asks it once"
        return Health(self.name.partition(" (")[0], ok=True, detail=detail, optional=True)


def query_of(claim: str) -> str:
    """A claim as services take it: one line of 40 words at most."""
    words = " ".join(claim.split()[:_QUERY_WORDS])
    return words if len(words) <= _QUERY_CHARACTERS else words[:_QUERY_CHARACTERS].rpartition(" ")[0]
