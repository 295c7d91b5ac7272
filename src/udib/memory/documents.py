"""Documents that somebody added as evidence: kept as records of their own kind, and listed from these."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from udib.core.errors import BadRequestError
from udib.core.evidence import AddedDocument, Document
from udib.core.tenancy import Scope
from udib.core.types import ContentId, MemoryRecord, RecordKind
from udib.core.vectors import Filters, Point
from udib.memory.excerpts import pieces_of
from udib.memory.service import MemoryService
from udib.memory.store import EnhancedVectorStore
from udib.memory.texts import record_from
from udib.memory.twins import PREFIX as TWINS

PREFIX: Final = "doc:"
_FIRST: Final = Filters(number_from=0, number_to=1)
_LONGEST_NAME: Final = 200
_LONGEST_LINK: Final = 4000
_HEADING_WORDS: Final = 8


class DocumentShelf:
    """The documents of each scope. They are forgotten as any content is, by their id."""

    def __init__(self, memory: MemoryService, store: EnhancedVectorStore) -> None:
        self._memory = memory
        self._store = store

    async def add(self, scope: Scope, document: Document) -> AddedDocument:
        """Keep a document; the same words again replace what was said of them before, such as the publisher.

        With a queue of writes, what cannot be stored now waits there, and there are no `pieces` yet.

        Raises:
            BadRequestError: There is nothing in it that could be found.
            ForbiddenError: The tenant would have more records than its quota.
            UnavailableError: The store is not to be had.
        """
        records = document_records(document)
        if not records:
            raise BadRequestError(f"{document.url} holds no words; give a document with text in it.")
        return _listed(records[0], await self._memory.remember(scope, records))

    async def listing(self, scope: Scope) -> list[AddedDocument]:
        """The documents by title: one whose beginning stands in another document too is among the twins."""
        name = self._store.collection(RecordKind.DOCUMENT)
        listed: dict[ContentId, AddedDocument] = {}
        for collection in (name, TWINS + name):
            async for point in self._beginnings(scope, collection):
                record = record_from(RecordKind.DOCUMENT, point.payload)
                listed[record.content_id] = _listed(record)
        return sorted(listed.values(), key=lambda each: (each.title.casefold(), each.content_id))

    async def _beginnings(self, scope: Scope, collection: str) -> AsyncIterator[Point]:
        after: str | None = None
        while True:
            page = await self._store.index.scroll(scope, collection, _FIRST, after=after)
            for point in page.points:
                yield point
            after = page.following
            if after is None:
                return


def document_records(document: Document) -> list[MemoryRecord]:
    """The words of a document, a record for each stretch of it; its title and the heading above help to find them."""
    digest = hashlib.sha256(document.text.encode(errors="replace")).hexdigest()[:32]
    return [
        MemoryRecord(
            kind=RecordKind.DOCUMENT,
            content_id=ContentId(f"{PREFIX}{digest}"),
            number=number,
            text=piece,
            start_s=0.0,
            end_s=0.0,
            title=document.title[:_LONGEST_NAME],
            link=document.url if len(document.url) <= _LONGEST_LINK else "",
            published_at=document.published_at,
            context=f"{document.title[:_LONGEST_NAME]} {heading}".strip(),
            publisher=document.publisher and document.publisher[:_LONGEST_NAME],
        )
        for number, (heading, piece) in enumerate(_with_headings(document.text))
    ]


def _with_headings(text: str) -> Iterator[tuple[str, str]]:
    """The pieces of a text that hold words, each with the heading above it, which alone says nothing."""
    heading, given = "", False
    for piece in filter(_has_words, pieces_of(text)):
        if _is_heading(piece):
            heading, given = piece, False
        else:
            yield heading, piece
            given = True
    if heading and not given:
        yield "", heading


def _is_heading(piece: str) -> bool:
    return len(piece.split()) <= _HEADING_WORDS and piece[-1] not in ".?!:" and not any(map(str.isdigit, piece))


def _has_words(piece: str) -> bool:
    return any(char.isalnum() for char in piece)


def _listed(record: MemoryRecord, pieces: int = 0) -> AddedDocument:
    return AddedDocument(record.content_id, record.title, record.link, record.publisher, record.published_at, pieces)
