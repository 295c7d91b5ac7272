"""Documents that somebody added as evidence: kept as records of their own kind, and listed from these."""

import hashlib
from typing import Final

from udib.core.errors import BadRequestError
from udib.core.evidence import AddedDocument, Document
from udib.core.tenancy import Scope
from udib.core.types import ContentId, MemoryRecord, RecordKind
from udib.core.vectors import Filters
from udib.memory.excerpts import pieces_of
from udib.memory.service import MemoryService
from udib.memory.store import EnhancedVectorStore
from udib.memory.texts import record_from

PREFIX: Final = "doc:"
MOST_LISTED: Final = 1000
_LONGEST_NAME: Final = 200
_LONGEST_LINK: Final = 4000


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
        """The documents by title; at most 1,000."""
        first = Filters(number_from=0, number_to=1)
        points = await self._store.around(scope, RecordKind.DOCUMENT, first, limit=MOST_LISTED)
        found = [record_from(RecordKind.DOCUMENT, point.payload) for point in points]
        listed = {record.content_id: _listed(record) for record in found}
        return sorted(listed.values(), key=lambda each: (each.title.casefold(), each.content_id))


def document_records(document: Document) -> list[MemoryRecord]:
    """The words of a document, a record for each stretch of it; its title helps to find them."""
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
            context=document.title[:_LONGEST_NAME],
            publisher=document.publisher and document.publisher[:_LONGEST_NAME],
        )
        for number, piece in enumerate(filter(_has_words, pieces_of(document.text)))
    ]


def _has_words(piece: str) -> bool:
    return any(char.isalnum() for char in piece)


def _listed(record: MemoryRecord, pieces: int = 0) -> AddedDocument:
    return AddedDocument(record.content_id, record.title, record.link, record.publisher, record.published_at, pieces)
