"""A scripted `EvidenceSource`."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from udib.core.errors import BadRequestError, UdibError
from udib.core.evidence import Document, SearchHit
from udib.core.tenancy import Scope
from udib.core.types import Health

_FOR_EVER_S = 3600.0


@dataclass
class FakeEvidenceSource:
    """Names the same hits for every claim, or those of `by_claim`; `pages` are by address, or why one is not read.

    The pages at `slow` addresses never come.
    """

    name: str = "web search (fake)"
    hits: Sequence[SearchHit] = ()
    by_claim: Mapping[str, Sequence[SearchHit]] = field(default_factory=dict)
    pages: Mapping[str, Document | UdibError] = field(default_factory=dict)
    error: UdibError | None = None
    delay_s: float = 0.0
    slow: frozenset[str] = frozenset()
    asked: list[tuple[Scope, str]] = field(default_factory=list)
    read_: list[str] = field(default_factory=list)

    async def search(self, scope: Scope, claim: str, *, limit: int) -> list[SearchHit]:
        """The scripted hits, or the scripted error."""
        self.asked.append((scope, claim))
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        return list(self.by_claim.get(claim, self.hits))[:limit]

    async def read(self, hit: SearchHit) -> Document:
        """The scripted page.

        Raises:
            BadRequestError: There is none.
        """
        self.read_.append(hit.url)
        await asyncio.sleep(_FOR_EVER_S if hit.url in self.slow else 0)
        page = self.pages.get(hit.url, BadRequestError(f"{hit.url} has nothing at this address; check it."))
        if isinstance(page, UdibError):
            raise page
        return page

    async def ping(self) -> Health:
        """Always well."""
        return Health(self.name, ok=True, detail="scripted")
