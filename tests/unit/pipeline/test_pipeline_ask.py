"""What is asked of memory: speech first, and documents that were added beside it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from udib.core.tenancy import Scope
from udib.core.types import ContentId, MemoryRecord, Passage, RecordKind
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


@pytest.mark.parametrize(
    ("unmatched", "note"),
    [
        ([(), ("tunnels",)], ""),
        ([("tunnels", "bridges"), ("bridges",)], 'None of these passages says "bridges".'),
        ([("a", "b", "c"), ("c", "b", "a")], 'None of these passages says "a", "b" or "c".'),
    ],
)
async def test_what_no_passage_says_is_said(unmatched: list[tuple[str, ...]], note: str) -> None:
    class Scripted(FakeMemory):
        async def recall(
            self, scope: Scope, kind: RecordKind, queries: Sequence[str], *, limit: int, filters: Filters
        ) -> list[list[Passage]]:
            found = await super().recall(scope, kind, queries, limit=limit, filters=filters)
            return [
                [replace(each, unmatched=words) for each, words in zip(some, unmatched, strict=False)] for some in found
            ]

    memory = Scripted()
    await memory.remember(SCOPE, [record(RecordKind.TRANSCRIPT, number) for number in range(2)])
    assert (await ask(memory, SCOPE, "Are ferries slow?")).note == note
