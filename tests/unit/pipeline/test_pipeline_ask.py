"""What is asked of memory: speech first, and documents that were added beside it."""

import pytest

from udib.core.tenancy import Scope
from udib.core.types import ContentId, MemoryRecord, RecordKind
from udib.core.vectors import Filters
from udib.pipeline.ask import ask
from udib.testing.fakes import FakeMemory

SCOPE = Scope.of("acme", "main")


def record(kind: RecordKind, number: int) -> MemoryRecord:
    content = ContentId("doc:1" if kind is RecordKind.DOCUMENT else "file:1")
    speaker = None if kind is RecordKind.DOCUMENT else "Ann"
    return MemoryRecord(kind, content, number, f"Ferries are slow, part {number}.", 0.0, 1.0, "T", "", speaker)


@pytest.mark.parametrize(
    ("said", "written", "limit", "kinds"),
    [
        (5, 0, 3, "sss"),
        (5, 5, 5, "sssdd"),
        (5, 5, 1, "s"),
        (0, 5, 3, "ddd"),
        (1, 5, 5, "sdddd"),
        (5, 1, 5, "ssssd"),
        (0, 0, 5, ""),
    ],
)
async def test_documents_get_the_room_that_speech_leaves_and_a_third_in_any_case(
    said: int, written: int, limit: int, kinds: str
) -> None:
    memory = FakeMemory()
    await memory.remember(
        SCOPE,
        [record(RecordKind.TRANSCRIPT, number) for number in range(said)]
        + [record(RecordKind.DOCUMENT, number) for number in range(written)],
    )
    answer = await ask(memory, SCOPE, "Are ferries slow?", limit=limit)
    found = "".join("d" if each.record.kind is RecordKind.DOCUMENT else "s" for each in answer.passages)
    assert found == kinds


async def test_a_speaker_is_not_asked_for_in_documents() -> None:
    memory = FakeMemory()
    await memory.remember(SCOPE, [record(RecordKind.DOCUMENT, 0), record(RecordKind.TRANSCRIPT, 0)])
    answer = await ask(memory, SCOPE, "Are ferries slow?", filters=Filters(speaker="Ann"))
    assert [each.record.kind for each in answer.passages] == [RecordKind.TRANSCRIPT]
