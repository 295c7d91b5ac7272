"""What a person said over time: in order, without what was somebody else's, and with what may not both hold."""

from dataclasses import replace

import pytest

from udib.analysis.receipts import in_order, is_misattributed, said_otherwise
from udib.core.corrections import Correction, CorrectionKind
from udib.core.types import ContentId, MemoryRecord, RecordKind
from udib.memory.static import StaticEmbedder

FOUR = "A rent board would cost this city about 4 million dollars a year."
NINE = "A rent board would cost this city about 9 million dollars a year."


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder.load()


def record(text: str, item: str = "file:1", number: int = 0, *, date: str | None = None) -> MemoryRecord:
    start_s = 60.0 * number
    return MemoryRecord(
        RecordKind.TRANSCRIPT, ContentId(item), number, text, start_s, start_s + 9, "A talk", "", "Ada", date
    )


def test_receipts_are_oldest_first_each_once_and_undated_last() -> None:
    undated, late = record("one", "file:0"), record("two", "file:2", date="2025-01-01")
    second, first = record("four", "file:1", 2, date="2024-05-01"), record("three", "file:1", 1, date="2024-05-01")
    found = in_order([undated, late, second, first, late])
    assert [(each.number, each.record.text) for each in found] == [(1, "three"), (2, "four"), (3, "two"), (4, "one")]


async def test_another_number_later_is_a_candidate_with_its_receipts(embedder: StaticEmbedder) -> None:
    said = in_order(
        [
            record(FOUR, date="2023-01-01"),
            record(f"I feel for you. {NINE}", "file:2", date="2024-01-01"),
            record("Yes.", "file:3"),
        ]
    )
    [pair] = await said_otherwise(said, embedder)
    assert (pair.earlier, pair.later, pair.difference, pair.dated) == (1, 2, "number", True)
    assert (pair.earlier_text, pair.later_text) == (FOUR, NINE)
    assert "rent board" in pair.subject


async def test_a_number_that_was_not_heard_clearly_is_named(embedder: StaticEmbedder) -> None:
    said = in_order([replace(record(FOUR), doubtful=(7, 8)), record(NINE, "file:2")])
    [pair] = await said_otherwise(said, embedder)
    assert [(each.kind.value, each.word) for each in pair.unclear] == [("number", "4")]


async def test_without_dates_nobody_says_which_came_first(embedder: StaticEmbedder) -> None:
    [pair] = await said_otherwise(in_order([record(FOUR), record(NINE, "file:2")]), embedder)
    assert not pair.dated
    [pair] = await said_otherwise(in_order([record(FOUR), record(NINE, number=3)]), embedder)
    assert pair.dated


async def test_who_took_something_back_took_back_what_he_said_next_and_nothing_in_another_item(
    embedder: StaticEmbedder,
) -> None:
    sorry, four = record("On the buses I was wrong.", "file:0"), record(FOUR, "file:1")
    assert len(await said_otherwise(in_order([sorry, four, record(NINE, "file:2")]), embedder)) == 1
    assert (
        len(await said_otherwise(in_order([sorry, record(FOUR, "file:0", 5), record(NINE, "file:2")]), embedder)) == 1
    )
    assert await said_otherwise(in_order([sorry, record(FOUR, "file:0", 1), record(NINE, "file:2")]), embedder) == ()


async def test_last_year_is_another_year_in_another_item(embedder: StaticEmbedder) -> None:
    four, nine = (text.replace("a year", "last year") for text in (FOUR, NINE))
    assert len(await said_otherwise(in_order([record(four), record(nine, number=3)]), embedder)) == 1
    assert await said_otherwise(in_order([record(four), record(nine, "file:2")]), embedder) == ()


async def test_what_agrees_is_no_candidate(embedder: StaticEmbedder) -> None:
    said = in_order(
        [record(FOUR), record(FOUR, "file:2"), record("Rents in Vienna rose by 12 percent in 2021.", "file:3")]
    )
    assert await said_otherwise(said, embedder) == ()
    assert await said_otherwise([], embedder) == ()


def test_words_that_a_reader_gave_to_somebody_else_are_not_theirs() -> None:
    given = Correction(
        "1", ContentId("file:1"), CorrectionKind.ATTRIBUTION, "a rent board would COST", 0.5, "Bob", "E", ""
    )
    assert is_misattributed(record(FOUR), "Ada", [given])
    assert not is_misattributed(record(FOUR), "Bob", [given])
    assert not is_misattributed(record(FOUR), "Ada", [given, replace(given, id="2", by="F", corrected="Ada")])
    assert is_misattributed(record(FOUR), "Ada", [replace(given, id="2", by="F", corrected="Ada"), given])
    assert not is_misattributed(record(FOUR, "file:2"), "Ada", [given])
    assert not is_misattributed(record(FOUR, number=2), "Ada", [given])
    assert not is_misattributed(record(FOUR), "Ada", [replace(given, quote="a rent boar")])
