"""What is found about a claim outside its item: who says it, where, and what kind of thing that is. No verdict.

Whether evidence supports or refutes a claim is not told here; what it is, and that its words stand where it says, is.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from udib.core.findings import Evidence, EvidenceKind
from udib.core.types import ContentId

LookUp = Callable[[Sequence[str]], Awaitable[list[list[Evidence]]]]
"""Gives, for each of some statements, what is known about it."""


@dataclass(frozen=True, slots=True)
class Review:
    """A published review of a claim, in its publisher's words; `rating` is free text such as "False" or "4 of 5"."""

    claim: str
    rating: str
    claimant: str | None = None
    claimed_at: str | None = None


@dataclass(frozen=True, slots=True)
class SearchHit:
    """What a search names for a claim. Nothing of it was read yet, so that a snippet is no evidence.

    `review` is set where `kind` says so.
    """

    kind: EvidenceKind
    url: str
    title: str
    snippet: str = ""
    publisher: str | None = None
    published_at: str | None = None
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A document as a reader sees it, without what stands around it.

    Attributes:
        url: Where it was read, after redirects; of a file its file:// address.
        title: What it is called.
        text: Its words, a paragraph a line.
        retrieved_at: When it was read.
        publisher: Who it says publishes it; else its host.
        published_at: The day that it gives itself.
        language: The language that it names, such as "en"; None: none.
    """

    url: str
    title: str
    text: str
    retrieved_at: str
    publisher: str | None = None
    published_at: str | None = None
    language: str | None = None


def not_to_come(date: str | None, read_at: str) -> str | None:
    """A date that a page or a search gives, unless it was still to come when that was read: nobody knows it then.

    It may be a day ahead, as it is in another time zone.
    """
    latest = (datetime.fromisoformat(read_at) + timedelta(days=1)).date().isoformat()
    return date if date is not None and date[: len(latest)] <= latest else None


@dataclass(frozen=True, slots=True)
class TextExcerpt:
    """A stretch of a page. `matched` are the words that it shares with a claim, `relevance` their share in [0, 1]."""

    text: str
    start: int
    end: int
    matched: tuple[str, ...] = ()
    relevance: float = 0.0

    def stands_in(self, text: str) -> bool:
        """Whether the words are in a text, to the letter, where the excerpt says."""
        return bool(self.text) and text[self.start : self.end] == self.text


@dataclass(frozen=True, slots=True)
class AddedDocument:
    """A document that was added as evidence. `pieces` counts its records where that is known."""

    content_id: ContentId
    title: str
    link: str
    publisher: str | None = None
    published_at: str | None = None
    pieces: int = 0
