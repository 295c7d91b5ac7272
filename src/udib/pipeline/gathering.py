"""Evidence from everywhere that the settings name: published reviews, then the scope's own stores, then a web search.

A claim that a fact-checker has reviewed, nearly word for word, is not searched for. What cannot be asked or read is
named in the report, never silently left out.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from udib.core.breaker import CircuitBreakers
from udib.core.computing import computed
from udib.core.errors import ForbiddenError, UdibError, UnavailableError
from udib.core.evidence import Document, LookUp, SearchHit
from udib.core.findings import Evidence, EvidenceKind
from udib.core.ports import EvidenceSource, KeyValueStore
from udib.core.speech import Missing
from udib.core.tenancy import Scope
from udib.core.types import Content
from udib.pipeline.outside import (
    Excerpts,
    Tiers,
    from_pages,
    is_item,
    is_reviewed,
    reviewed,
    with_explanation,
    worth_reading,
)

T = TypeVar("T")

_AT_ONCE: Final = 4
"""Claims that are asked about, and pages that are read, at the same time."""
_HITS: Final = 10
_CALL_S: Final = 45.0
"""Longest search, the attempts after a passing failure included."""
_FAILURES: Final = 2
"""Failures in a row, after which a source is left alone for the rest of the item."""
_REST_S: Final = 300.0
"""How long a source rests, for all items of this process, before one call tries whether it is back."""
_NAMED: Final = 3
"""Pages whose reasons are told; there may be many more."""


@dataclass(frozen=True, slots=True)
class LookUpLimits:
    """What is looked up outside for one item.

    Attributes:
        claims: So many of the first claims, which are the most check-worthy.
        pages: Most pages that are read for a claim.
        deadline_s: Longest time of one look-up.
        keep_s: How long hits and pages are kept; 0: not.
    """

    claims: int = 20
    pages: int = 3
    deadline_s: float = 300.0
    keep_s: float = 86_400.0


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What is asked outside the scope's own stores; None: nobody is named.

    `breakers` outlive an item, so that a search that is down costs one wait in a rest, and not one for each item.
    """

    reviews: EvidenceSource | None
    web: EvidenceSource | None
    excerpts: Excerpts
    kept: KeyValueStore
    tiers: Tiers
    limits: LookUpLimits
    now: Callable[[], datetime]
    breakers: CircuitBreakers = field(default_factory=lambda: CircuitBreakers(_FAILURES, _REST_S))


@dataclass(frozen=True, slots=True)
class _KeptHits:
    """Hits as they are kept: they hold words of strangers, and of the claim nothing."""

    asked_at: str = ""
    hits: tuple[SearchHit, ...] = ()


@dataclass(slots=True)
class _Found:
    """What was found so far, by the numbers of the claims: reviews, and hits of the search."""

    rated: dict[int, _KeptHits] = field(default_factory=dict)
    named: dict[int, _KeptHits] = field(default_factory=dict)


@dataclass(slots=True)
class _Trouble:
    """How a source fails: claims that it was not asked about, or gave nothing for, and the first reason."""

    reason: str
    claims: int = 0
    in_a_row: int = 0

    def __str__(self) -> str:
        return f"not for {self.claims} {'claim' if self.claims == 1 else 'claims'}: {self.reason}"


@dataclass(slots=True)
class Gathering:
    """The look-ups for one item; `missing` grows with what could not be had. `own` asks the scope's own stores."""

    own: LookUp
    elsewhere: Elsewhere
    scope: Scope
    content: Content
    _asked: int = 0
    _troubles: dict[str, _Trouble] = field(default_factory=dict)
    _pages: dict[str, Document] = field(default_factory=dict)
    _unread: dict[str, str] = field(default_factory=dict)
    _late: bool = False

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What could not be asked or read, and why."""
        gaps = [Missing(name, str(trouble)) for name, trouble in self._troubles.items()]
        if self._unread:
            told = " ".join(list(self._unread.values())[:_NAMED])
            of = len(self._unread) + len(self._pages)
            gaps.append(Missing("evidence pages", f"{len(self._unread)} of {of} could not be read. {told}"))
        if self._late:
            gaps.append(Missing("evidence", "the time for looking up was over before all was asked and read"))
        return tuple(gaps)

    async def look_up(self, statements: Sequence[str]) -> list[list[Evidence]]:
        """For each statement reviews first, then what the own stores hold, then what pages say."""
        own = [[self._weighed(each) for each in some] for some in await self.own(statements)]
        asked = statements[: max(self.elsewhere.limits.claims - self._asked, 0)]
        self._asked += len(asked)
        found = _Found()
        try:
            async with asyncio.timeout(self.elsewhere.limits.deadline_s) as limit:
                await self._outside(asked, found)
        except TimeoutError:
            if not limit.expired():
                raise
            self._late = True
        reviews, pages = await computed(self._evidence, asked, found)
        return [[*reviews.get(number, ()), *some, *pages.get(number, ())] for number, some in enumerate(own)]

    async def _outside(self, asked: Sequence[str], found: _Found) -> None:
        """Ask and read; what is found by the time that it is ended stays."""
        await self._ask(self.elsewhere.reviews, dict(enumerate(asked)), found.rated)
        rated = await computed(self._reviews, asked, found)
        if self.elsewhere.limits.pages:
            links = {each.link for some in rated.values() for each in some}
            told = [hit for answer in found.rated.values() for hit in answer.hits if hit.url in links]
            await self._read(self.elsewhere.reviews, {hit.url: hit for hit in told})
        await self._ask(
            self.elsewhere.web,
            {number: claim for number, claim in enumerate(asked) if not is_reviewed(claim, rated.get(number, ()))},
            found.named,
        )
        named = {hit.url: hit for answer in found.named.values() for hit in self._chosen(answer)}
        await self._read(self.elsewhere.web, named)

    def _evidence(
        self, asked: Sequence[str], found: _Found
    ) -> tuple[dict[int, list[Evidence]], dict[int, list[Evidence]]]:
        named = {number: self._chosen(answer) for number, answer in found.named.items()}
        return self._reviews(asked, found), self._from_pages(asked, named)

    def _reviews(self, asked: Sequence[str], found: _Found) -> dict[int, list[Evidence]]:
        excerpts = self.elsewhere.excerpts
        return {
            number: [
                with_explanation(asked[number], each, self._pages.get(each.link), excerpts)
                for each in reviewed(asked[number], answer.hits, excerpts, asked_at=answer.asked_at)
            ]
            for number, answer in found.rated.items()
        }

    def _chosen(self, answer: _KeptHits) -> list[SearchHit]:
        return worth_reading(answer.hits, self.content, most=self.elsewhere.limits.pages)

    def _from_pages(self, asked: Sequence[str], named: Mapping[int, list[SearchHit]]) -> dict[int, list[Evidence]]:
        numbers = list(named)
        pages = {
            hit.url: self._pages[hit.url]
            for some in named.values()
            for hit in some
            if hit.url in self._pages and not is_item(self._pages[hit.url].url, self.content)
        }
        found = from_pages(
            [asked[number] for number in numbers],
            list(named.values()),
            pages,
            self.elsewhere.excerpts,
            self.elsewhere.tiers,
        )
        return dict(zip(numbers, found, strict=True))

    async def _ask(self, source: EvidenceSource | None, claims: Mapping[int, str], into: dict[int, _KeptHits]) -> None:
        """Ask a source about claims, some at a time. It is left alone when it fails again and again."""
        if source is None:
            return
        free = asyncio.Semaphore(_AT_ONCE)

        async def ask(number: int, claim: str) -> None:
            async with free:
                answer = await self._asked_for(source, claim)
                if answer is not None:
                    into[number] = answer

        async with asyncio.TaskGroup() as group:
            for number, claim in claims.items():
                group.create_task(ask(number, claim))

    async def _asked_for(self, source: EvidenceSource, claim: str) -> _KeptHits | None:
        trouble = self._troubles.get(source.name)
        if trouble is not None and trouble.in_a_row >= _FAILURES:
            trouble.claims += 1
            return None
        key = f"{source.name}:{hashlib.sha256(claim.encode(errors='replace')).hexdigest()}"
        if (kept := await self._kept(key, _KeptHits)) is not None:
            return kept
        try:
            hits = await self._searched(source, claim)
        except (UdibError, TimeoutError) as exc:
            self._failed(source.name, exc)
            return None
        if (trouble := self._troubles.get(source.name)) is not None:  # another claim's, met while this one was asked
            trouble.in_a_row = 0
        answer = _KeptHits(self.elsewhere.now().isoformat(timespec="seconds"), tuple(hits))
        await self._keep(key, answer)
        return answer

    async def _searched(self, source: EvidenceSource, claim: str) -> list[SearchHit]:
        """Search, unless the source failed for other claims or items a moment ago."""
        breakers, name = self.elsewhere.breakers, source.name
        if not breakers.admits(name):
            rest = f"{breakers.rest_s / 60:g} minutes"
            raise UnavailableError(f"it did not answer a moment ago, and is asked again after a rest of {rest}.")
        breakers.begin(name)
        try:
            async with asyncio.timeout(_CALL_S):
                hits = await source.search(self.scope, claim, limit=_HITS)
        except (UnavailableError, TimeoutError):
            breakers.failed(name)
            raise
        finally:
            breakers.abandoned(name)
        breakers.succeeded(name)
        return hits

    def _failed(self, name: str, exc: UdibError | TimeoutError) -> None:
        reason = str(exc) if isinstance(exc, UdibError) else f"it did not answer in {_CALL_S:g} s."
        trouble = self._troubles.setdefault(name, _Trouble(reason))
        trouble.claims += 1
        # Without an allowance or a valid key the next call ends in the same way.
        trouble.in_a_row += _FAILURES if isinstance(exc, ForbiddenError) else 1

    async def _read(self, source: EvidenceSource | None, hits: Mapping[str, SearchHit]) -> None:
        """Read the pages that are not read yet, some at a time."""
        if source is None:
            return
        free = asyncio.Semaphore(_AT_ONCE)

        async def read(url: str, hit: SearchHit) -> None:
            async with free:
                await self._read_one(source, url, hit)

        async with asyncio.TaskGroup() as group:
            for url, hit in hits.items():
                if url not in self._pages and url not in self._unread:
                    group.create_task(read(url, hit))

    async def _read_one(self, source: EvidenceSource, url: str, hit: SearchHit) -> None:
        key = f"page:{hashlib.sha256(url.encode(errors='replace')).hexdigest()}"
        page = await self._kept(key, Document)
        if page is None:
            try:
                page = await source.read(hit)
            except UdibError as exc:
                self._unread[url] = str(exc)
                return
            await self._keep(key, page)
        self._pages[url] = page

    async def _kept(self, key: str, kind: type[T]) -> T | None:
        # What cannot be had of the cache is asked for again.
        with suppress(UnavailableError, msgspec.DecodeError):
            if (found := await self._cache.get(key)) is not None:
                return msgspec.json.decode(found, type=kind)
        return None

    async def _keep(self, key: str, value: object) -> None:
        if self.elsewhere.limits.keep_s:
            with suppress(UnavailableError):
                await self._cache.set(key, msgspec.json.encode(value), ttl_s=self.elsewhere.limits.keep_s)

    @property
    def _cache(self) -> KeyValueStore:
        return self.elsewhere.kept.with_namespace("evidence").with_namespace(self.scope.digest())

    def _weighed(self, evidence: Evidence) -> Evidence:
        """A document in its tier: that of its address, else that of one who publishes under a name."""
        if evidence.kind is not EvidenceKind.FILE:
            return evidence
        tier = min(self.elsewhere.tiers.of(evidence.link), 2 if evidence.publisher else 3)
        return replace(evidence, tier=tier)
