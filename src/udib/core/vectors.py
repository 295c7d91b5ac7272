"""The need for vectors: an embedder that makes them and an index that keeps them, and what they hand to each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from udib.core.checked import Checked
from udib.core.tenancy import Scope, TenantId
from udib.core.types import ContentId, Vector


class Embedder(Protocol):
    """Turns text into vectors whose cosine is their nearness in meaning."""

    model_id: str
    dimension: int

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One L2-normalised vector a text; zeros for a text in which no token is known."""
        ...


Terms = Mapping[int, float]
"""A sparse vector: term number (0 to 2**32 - 1) -> weight > 0."""


@dataclass(frozen=True, slots=True)
class Point:
    """One entry of a vector index. `id` is a UUID; `payload` holds JSON values and carries what filters need."""

    id: str
    vector: Vector
    payload: Mapping[str, object]
    terms: Terms = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions on points beside the scope, which is always a condition. None: no condition.

    Attributes:
        content_id: Of this content.
        not_content_id: Of any other content.
        speaker: Said by this speaker.
        platform: Of contents of this platform, such as "youtube".
        verdict: With this verdict, such as "refuted".
        content_hashes: With exactly one of these texts; see `udib.memory.store.content_hash`.
        twin_of: Copies of one of these points, by id.
        number_from: From this number on; records of one content and kind are numbered.
        number_to: Below this number.
        published_from: Published at this time or later, in seconds since 1970 (UTC).
        published_to: Published before this time.
        starts_from_s: Starting at this second of the item or later.
        starts_to_s: Starting before this second.
        expired_by: Whose time to be kept is over at this time, in seconds since 1970.
    """

    content_id: ContentId | None = None
    not_content_id: ContentId | None = None
    speaker: str | None = None
    platform: str | None = None
    verdict: str | None = None
    content_hashes: tuple[str, ...] | None = None
    twin_of: tuple[str, ...] | None = None
    number_from: int | None = None
    number_to: int | None = None
    published_from: float | None = None
    published_to: float | None = None
    starts_from_s: float | None = None
    starts_to_s: float | None = None
    expired_by: float | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A search: by vector, by terms, or by both fused. `explain` asks for each hit's term score.

    Either of `vector` and `terms` may be empty; `limit` is from 1 to 1,000.
    """

    vector: Vector = ()
    terms: Terms = field(default_factory=dict)
    limit: int = 10
    filters: Filters = field(default_factory=Filters)
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A point found. `score` ranks within one search; `similarity` is the cosine with the query in [-1, 1].

    `term_score` is what the terms alone give (BM25), where the search was asked to explain itself; else None.
    """

    id: str
    score: float
    similarity: float
    payload: Mapping[str, object]
    term_score: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some points in the order of their ids; `following` is where the next page begins, None after the last."""

    points: tuple[Point, ...]
    following: str | None


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection: whose embeddings it holds, and their dimension."""

    name: str
    model_id: str
    dimension: int


class VectorIndex(Checked, Protocol):
    """Nearest-neighbour storage; isolation is per scope. A collection holds vectors of one model and dimension.

    A collection that does not exist holds nothing: it is searched, counted and deleted from without an error.
    """

    async def ensure(self, collection: str, *, model_id: str, dimension: int) -> None:
        """Make the collection if it is missing.

        Raises:
            BadRequestError: It exists with another model or dimension.
        """
        ...

    async def collections(self) -> list[Collection]:
        """All collections by name. Forgetting needs them: words may lie under an earlier embedding model."""
        ...

    async def drop(self, collection: str, *, expected: int) -> bool:
        """Remove a collection of exactly `expected` points, of all scopes, and its words from disk; whether it was so.

        For the switch to another embedding: a point that was written in the meantime keeps the collection alive.
        """
        ...

    async def upsert(self, scope: Scope, collection: str, points: Sequence[Point]) -> None:
        """Write points; the same id again replaces the point. Acknowledged when a process crash cannot lose them.

        Raises:
            BadRequestError: A point cannot be used, or there is no such collection; then none is written.
        """
        ...

    async def search(self, scope: Scope, collection: str, query: Query) -> list[Hit]:
        """The best points of the scope, best first.

        Raises:
            BadRequestError: Vector and terms are both empty or cannot be used, or the limit is out of range.
        """
        ...

    async def scroll(
        self, scope: Scope, collection: str, filters: Filters, *, after: str | None = None, limit: int = 256
    ) -> Page:
        """The points that meet the conditions, whole, a page at a time in the order of their ids."""
        ...

    async def count(self, scope: Scope, collection: str, filters: Filters) -> int:
        """How many points of the scope meet the conditions."""
        ...

    async def facet(
        self, scope: Scope, collection: str, field: str, filters: Filters, *, limit: int = 10
    ) -> dict[str, int]:
        """The most frequent values of a field among the points that meet the conditions, with their counts.

        Raises:
            BadRequestError: The field is not one that is indexed by its value.
        """
        ...

    async def usage(self, collection: str, tenant: TenantId | None = None) -> dict[Scope, int]:
        """How many points each scope has, of one tenant or of all. For the operator: quotas, moves, re-indexing."""
        ...

    async def delete(self, scope: Scope, collection: str, filters: Filters) -> int:
        """Remove the points of the scope that meet the conditions, from disk as well; returns how many.

        Raises:
            BadRequestError: The filters name neither a content nor an expiry: a scope is never deleted by omission.
        """
        ...

    async def remove(self, scope: Scope, collection: str, ids: Sequence[str]) -> int:
        """Remove points of the scope by id, from disk as well; returns how many there were."""
        ...

    async def optimize(self, collection: str) -> None:
        """Rearrange a collection for speed. Nothing that is found changes."""
        ...

    async def close(self) -> None:
        """Let go of connections; safe to repeat."""
        ...
