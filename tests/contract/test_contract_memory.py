"""What every `Memory` does, and what the embedded one (the shipped embedder and the store process) does beyond."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from udib.core.errors import BadRequestError, Status
from udib.core.ports import Memory
from udib.core.tenancy import Scope
from udib.core.types import ContentId, MemoryRecord, RecordKind
from udib.core.vectors import Filters
from udib.memory.edge import EdgeIndex
from udib.memory.service import MemoryService
from udib.memory.static import StaticEmbedder
from udib.memory.store import EnhancedVectorStore
from udib.memory.store_client import is_owned
from udib.testing.fakes import FakeMemory

ANY = Filters()
SAID = RecordKind.TRANSCRIPT
DEBATE = [
    ("Ann", "Rents in this city have risen by forty percent, and wages have not followed."),
    ("Bob", "A cap on rents would stop landlords from building the flats that we lack."),
    ("Ann", "Vienna has had rent control for a century and still builds more homes than we do."),
    ("Bob", "Subsidies for construction would do more for tenants than any price ceiling."),
    ("Ann", "The council voted against new bus lanes last year, and traffic got worse."),
]


def record(
    number: int, speaker: str | None, text: str, *, content: str = "file:debate", context: str = ""
) -> MemoryRecord:
    return MemoryRecord(
        kind=SAID,
        content_id=ContentId(content),
        number=number,
        text=text,
        start_s=10.0 * number,
        end_s=10.0 * number + 9.5,
        title="A debate on rents",
        link=f"/talks/debate.vtt#t={10 * number}",
        speaker=speaker,
        published_at="2026-03-01T12:00:00Z",
        context=context,
    )


def debate(content: str = "file:debate") -> list[MemoryRecord]:
    return [record(number, speaker, text, content=content) for number, (speaker, text) in enumerate(DEBATE)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("memory") / "vectors"
    yield path
    deadline = time.monotonic() + 10
    while is_owned(path):
        assert time.monotonic() < deadline, "a store process outlived the tests"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder.load()


@pytest.fixture
async def service(folder: Path, embedder: StaticEmbedder) -> AsyncIterator[MemoryService]:
    index = EdgeIndex(folder, linger_s=1.0)
    yield MemoryService(EnhancedVectorStore(index, embedder))
    await index.close()


@pytest.fixture(params=["embedded", "fake"])
async def memory(request: pytest.FixtureRequest, service: MemoryService) -> Memory:
    return service if request.param == "embedded" else FakeMemory()


@pytest.fixture
def scope() -> Scope:
    return Scope.of(f"tenant {uuid4().hex}", "main")


async def ask(memory: Memory, scope: Scope, question: str, filters: Filters = ANY) -> list[str]:
    [passages] = await memory.recall(scope, SAID, [question], limit=3, filters=filters)
    return [passage.record.text for passage in passages]


async def test_a_record_comes_back_word_for_word_with_all_its_fields(memory: Memory, scope: Scope) -> None:
    odd = record(7, None, 'They said: "100\u00a0% of \u00fcber-rents"\n\u2014 and left.', context="Before that.")
    odd = replace(odd, doubtful=(2, 5))
    assert await memory.remember(scope, [odd]) == 1
    [[passage]] = await memory.recall(scope, SAID, ["who paid the rents"], limit=5, filters=ANY)
    assert passage.record == odd
    assert passage.matched == ("rents",)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What was said about rent control in Vienna?", "Vienna"),
        ("Would a cap stop landlords from building?", "A cap on rents"),
        ("Which subsidies would help tenants?", "Subsidies"),
        ("Why did the traffic get worse?", "bus lanes"),
        ("Did wages follow?", "wages"),
    ],
)
async def test_the_best_passage_answers_the_question(
    service: MemoryService, scope: Scope, question: str, words: str
) -> None:
    await service.remember(scope, debate())
    assert words in (await ask(service, scope, question))[0]


@pytest.mark.parametrize(
    "question",
    [
        "What was said about quantum chromodynamics?",
        "What did they say about that, and why?",
        "How do whales sleep?",
        "Which striker scored in the cup final?",
        "What did Ann say about photosynthesis?",
        "?!",
        "",
    ],
)
async def test_what_nothing_bears_on_finds_nothing(service: MemoryService, scope: Scope, question: str) -> None:
    await service.remember(scope, debate())
    assert await ask(service, scope, question) == []


async def test_each_query_has_its_own_answer(memory: Memory, scope: Scope) -> None:
    await memory.remember(scope, debate())
    found = await memory.recall(scope, SAID, ["bus lanes", "quantum fields", "subsidies"], limit=1, filters=ANY)
    assert [[passage.record.number for passage in passages] for passages in found] == [[4], [], [3]]
    assert await memory.recall(scope, SAID, [], limit=1, filters=ANY) == []


async def test_a_speaker_is_found_by_name(service: MemoryService, scope: Scope) -> None:
    await service.remember(scope, debate())
    assert len(await ask(service, scope, "What did Bob say?")) == 2


async def test_who_is_named_comes_first_and_what_others_said_on_the_subject_after(
    service: MemoryService, scope: Scope
) -> None:
    await service.remember(scope, debate())
    found = await ask(service, scope, "What did Bob say about rents?")
    assert "A cap on rents" in found[0]
    speakers = [speaker for text in found for speaker, said in DEBATE if said == text]
    assert speakers == sorted(speakers, reverse=True)
    assert set(speakers) == {"Ann", "Bob"}


async def test_a_speaker_is_found_by_filter(memory: Memory, scope: Scope) -> None:
    await memory.remember(scope, debate())
    assert "Bob" not in " ".join(await ask(memory, scope, "What about rents?", Filters(speaker="Ann")))
    assert "rents" in (await ask(memory, scope, "rents", Filters(speaker="Bob")))[0]


async def test_a_content_can_be_kept_out(memory: Memory, scope: Scope) -> None:
    await memory.remember(scope, debate())
    assert await ask(memory, scope, "bus lanes", Filters(not_content_id=ContentId("file:debate"))) == []


async def test_the_same_records_again_change_nothing(memory: Memory, scope: Scope) -> None:
    for _ in range(2):
        assert await memory.remember(scope, debate()) == len(DEBATE)
    assert await memory.forget(scope, ContentId("file:debate")) == len(DEBATE)


async def test_kinds_and_scopes_are_apart(memory: Memory, scope: Scope) -> None:
    await memory.remember(scope, debate())
    [claims] = await memory.recall(scope, RecordKind.CLAIM, ["rents"], limit=5, filters=ANY)
    assert claims == []
    assert await ask(memory, Scope.of(scope.tenant, "other"), "rents") == []


async def test_a_forgotten_content_is_gone_and_nothing_else(memory: Memory, scope: Scope) -> None:
    await memory.remember(scope, [*debate(), *debate("file:second")])
    other = Scope.of(scope.tenant, "other")
    await memory.remember(other, debate())
    assert await memory.forget(scope, ContentId("file:debate")) == len(DEBATE)
    assert await memory.forget(scope, ContentId("file:debate")) == 0
    assert await memory.forget(scope, ContentId("file:second")) == len(DEBATE)
    assert await memory.forget(other, ContentId("file:debate")) == len(DEBATE)


async def test_what_no_one_could_find_is_not_stored(service: MemoryService, scope: Scope) -> None:
    await service.remember(scope, [record(0, None, "\U0001f600 \U0001f600"), record(1, None, "...")])
    assert await service.count(scope, SAID) <= 2
    assert await ask(service, scope, "\U0001f600") == []


async def test_text_in_an_unknown_script_is_found_by_its_words(service: MemoryService, scope: Scope) -> None:
    await service.remember(
        scope, [record(0, None, "\u10d7\u10d1\u10d8\u10da\u10d8\u10e1\u10d8 \u10d3\u10d8\u10d3\u10d8\u10d0")]
    )
    assert len(await ask(service, scope, "\u10d7\u10d1\u10d8\u10da\u10d8\u10e1\u10d8")) == 1


async def test_a_text_is_stored_in_pieces_and_recalled(service: MemoryService, scope: Scope) -> None:
    text = " ".join(f"Sentence {number} is about the harvest of barley in the north." for number in range(30))
    result = await service.store_content({"text": text, "title": "Farming"}, scope.tenant, scope.workspace)
    assert str(result["content_id"]).startswith("text:")
    assert result["records"] == await service.count(scope, SAID)
    [passages] = await service.recall(scope, SAID, ["barley"], limit=50, filters=ANY)
    pieces = sorted(passages, key=lambda passage: passage.record.number)
    assert " ".join(piece.record.text for piece in pieces) == text
    again = await service.store_content({"text": text}, scope.tenant, scope.workspace)
    assert again["content_id"] == result["content_id"]


@pytest.mark.parametrize(
    "content", [{}, {"text": ""}, {"text": 5}, {"text": "words", "txet": "typo"}, {"text": "x", "speaker": 5}]
)
async def test_a_content_of_another_form_is_a_bad_request(
    service: MemoryService, scope: Scope, content: dict[str, object]
) -> None:
    result = await service.store_content(content, scope.tenant, scope.workspace)
    assert (result.status, bool(result.error)) == (Status.BAD_REQUEST, True)


async def test_an_unavailable_store_is_retryable(tmp_path: Path, embedder: StaticEmbedder) -> None:
    (tmp_path / "file").write_text("")
    index = EdgeIndex(tmp_path / "file" / "vectors")
    memory = MemoryService(EnhancedVectorStore(index, embedder))
    assert (await memory.store_content({"text": "words"}, "a", "main")).status is Status.RETRYABLE
    assert not (await memory.ping()).ok


@pytest.mark.parametrize("limit", [0, -1, 1_000_000])
async def test_an_absurd_limit_is_refused(memory: Memory, scope: Scope, limit: int) -> None:
    with pytest.raises(BadRequestError, match="passages"):
        await memory.recall(scope, SAID, ["rents"], limit=limit, filters=ANY)


async def test_many_questions_at_once(memory: Memory, scope: Scope) -> None:
    await memory.remember(scope, debate())
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(memory, scope, "bus lanes")) for _ in range(50)]
    assert all("bus lanes" in task.result()[0] for task in tasks)


async def test_nothing_is_stored_of_records_of_which_one_is_refused(service: MemoryService, scope: Scope) -> None:
    records = [
        *(record(number, "Ann", f"Rents rose {number} times.") for number in range(300)),
        record(300, "Ann", "x" * 100_000),
    ]
    with pytest.raises(BadRequestError, match="at most 65536 are allowed"):
        await service.remember(scope, records)
    assert await service.count(scope, SAID) == 0


@pytest.mark.parametrize("text", ["x" * 100_000, "\u8a9e" * 50_000, "long" * 600 + " word" * 500])
async def test_a_text_of_any_words_can_be_stored(service: MemoryService, scope: Scope, text: str) -> None:
    result = await service.store_content({"text": text}, scope.tenant, scope.workspace)
    assert result.success, result.error
