"""Documents that were added as evidence: kept by their words, listed, apart from other tenants, and forgotten."""

from dataclasses import replace

import pytest

from udib.core.errors import BadRequestError
from udib.core.evidence import Document
from udib.core.tenancy import Scope
from udib.core.types import RecordKind
from udib.core.vectors import Filters
from udib.memory.documents import DocumentShelf, document_records
from udib.memory.service import MemoryService
from udib.memory.static import StaticEmbedder
from udib.memory.store import EnhancedVectorStore
from udib.testing.vectors import FakeVectorIndex

ACME, OTHER = Scope.of("acme", "main"), Scope.of("other", "main")
TEXT = "\n".join(f"Paragraph {number} on the harbor of city {number}, its ferries and its fees." for number in range(9))
REPORT = Document("file:///harbor.md", "Harbor", f"---\n{TEXT}", "", "Office", "2022-03-01")


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder.load()


@pytest.fixture
def memory(embedder: StaticEmbedder) -> MemoryService:
    return MemoryService(EnhancedVectorStore(FakeVectorIndex(), embedder))


@pytest.fixture
def shelf(memory: MemoryService) -> DocumentShelf:
    return DocumentShelf(memory, memory._store)


async def test_a_document_is_kept_in_pieces_that_are_its_own_words(shelf: DocumentShelf, memory: MemoryService) -> None:
    added = await shelf.add(ACME, REPORT)
    assert added.content_id.startswith("doc:")
    assert added.pieces == len(document_records(REPORT)) == 9  # the rule of dashes is no words
    [found] = await memory.recall(ACME, RecordKind.DOCUMENT, ["ferries of city 7"], limit=1, filters=Filters())
    record = found[0].record
    assert record.text in TEXT.split("\n")
    assert (record.publisher, record.published_at, record.speaker) == ("Office", "2022-03-01", None)


async def test_documents_are_listed_by_title_within_the_scope(shelf: DocumentShelf) -> None:
    await shelf.add(ACME, REPORT)
    await shelf.add(ACME, replace(REPORT, title="Annex", text="The annex lists all fees."))
    assert [each.title for each in await shelf.listing(ACME)] == ["Annex", "Harbor"]
    assert await shelf.listing(OTHER) == []


async def test_the_same_words_again_replace_what_is_said_of_them(shelf: DocumentShelf) -> None:
    await shelf.add(ACME, REPORT)
    await shelf.add(ACME, replace(REPORT, publisher="Another office"))
    [listed] = await shelf.listing(ACME)
    assert listed.publisher == "Another office"


async def test_a_document_that_repeats_another_is_listed_too(shelf: DocumentShelf, memory: MemoryService) -> None:
    first = await shelf.add(ACME, REPORT)
    second = await shelf.add(ACME, replace(REPORT, title="Longer", text=f"{REPORT.text}\nAnd one more line on rents."))
    assert {each.content_id for each in await shelf.listing(ACME)} == {first.content_id, second.content_id}
    await memory.forget(ACME, first.content_id)
    assert [each.title for each in await shelf.listing(ACME)] == ["Longer"]
    [found] = await memory.recall(ACME, RecordKind.DOCUMENT, ["ferries of city 7"], limit=1, filters=Filters())
    assert found[0].record.content_id == second.content_id


def test_a_heading_stands_beside_what_is_below_it_and_is_no_piece_of_its_own() -> None:
    first = "They doubled in spring, as the office said on the first Monday of that month."
    second = "They fell again in the autumn of the year, because nobody wanted to pay that much."
    records = document_records(replace(REPORT, text=f"Fees\n{first}\n{second}\nPopulation 19\nArea 3"))
    assert [(each.context, each.text) for each in records] == [
        ("Harbor Fees", first),
        ("Harbor Fees", second),
        ("Harbor Fees", "Population 19\nArea 3"),
    ]
    assert [each.text for each in document_records(replace(REPORT, text="Only a title"))] == ["Only a title"]


async def test_a_document_without_words_is_refused(shelf: DocumentShelf) -> None:
    with pytest.raises(BadRequestError, match="no words"):
        await shelf.add(ACME, replace(REPORT, text="--- ***"))
