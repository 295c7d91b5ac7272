"""Policy above the index: ids, batches, collections."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.errors import Status, UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId, RecordKind
from udib.core.vectors import Filters, Page, Point
from udib.memory.edge import EdgeIndex
from udib.memory.entries import point_id
from udib.memory.generations import Generations
from udib.memory.store import EnhancedVectorStore
from udib.testing.vectors import FakeVectorIndex

A = Scope.of("a", "main")


class Embedding:
    """An embedder in name only: the vectors come from the test."""

    def __init__(self, dimension: int = 2, model_id: str = "some/Model v1") -> None:
        self.dimension = dimension
        self.model_id = model_id

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise NotImplementedError


@pytest.fixture
async def index(vectors: Path) -> AsyncIterator[EdgeIndex]:
    edge = EdgeIndex(vectors, linger_s=0.0)
    yield edge
    await edge.close()


@pytest.fixture
def store(index: EdgeIndex) -> EnhancedVectorStore:
    return EnhancedVectorStore(index, Embedding())


async def test_vectors_are_stored_and_found(store: EnhancedVectorStore) -> None:
    payloads = [{"text": f"text {number}"} for number in range(3)]
    stored = await store.store_vectors([(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)], payloads, "a", "main")
    assert (stored["total_upserted"], stored["batches"]) == (3, 1)
    found = await store.search_similar((0.0, 1.0), limit=1, tenant="a", workspace="main")
    [hit] = found.unwrap()["results"]
    assert hit.payload["text"] == "text 1"
    foreign = await store.search_similar((0.0, 1.0), tenant="b", workspace="main")
    assert foreign["results"] == []


async def test_the_same_again_changes_nothing(store: EnhancedVectorStore) -> None:
    for _ in range(2):
        await store.store_vectors(
            [(1.0, 0.0), (0.5, 0.5)], [{"text": "a"}, {"content_id": "c", "number": 1}], "a", "main"
        )
    assert await store.count(A, RecordKind.TRANSCRIPT, Filters()) == 2


@pytest.mark.parametrize(
    ("dimension", "count", "asked", "batches", "size"),
    [(2, 300, None, 3, 128), (768, 130, None, 3, 64), (2, 10, 4, 3, 4), (2, 0, None, 0, 128)],
)
async def test_batches(
    index: EdgeIndex, dimension: int, count: int, asked: int | None, batches: int, size: int
) -> None:
    clock = iter(0.1 * tick for tick in range(100))  # each call takes a usual time, which changes no size
    store = EnhancedVectorStore(index, Embedding(dimension), clock=lambda: next(clock))
    some = [[1.0, float(number), *[0.0] * (dimension - 2)] for number in range(count)]
    result = await store.batch_upsert(some, [{"n": number} for number in range(count)], "a", "main", asked)
    assert result.unwrap() == {"total_upserted": count, "batches": batches, "batch_size": size}
    assert await store.count(A, RecordKind.TRANSCRIPT, Filters()) == count


@pytest.mark.parametrize(("took_s", "sizes"), [(0.01, [128, 256, 512, 104]), (0.3, [128, 64, 32, 16])])
async def test_the_next_batch_follows_the_time_of_the_last(took_s: float, sizes: list[int]) -> None:
    index = Recorded()
    clock = iter(took_s * tick for tick in range(1000))
    store = EnhancedVectorStore(index, Embedding(), clock=lambda: next(clock))
    some = [(1.0, float(number)) for number in range(1000)]
    result = await store.batch_upsert(some, [{"n": number} for number in range(1000)], "a", "main")
    assert result["total_upserted"] == 1000
    assert index.sizes[:4] == sizes


async def test_the_event_loop_gets_its_turn_while_a_large_call_is_made_ready() -> None:
    vectors, payloads = [(1.0, 0.0)] * 4000, [{"number": number} for number in range(4000)]
    turns: list[int] = []

    async def others() -> None:
        while True:
            turns.append(len(turns))
            await asyncio.sleep(0)

    class Counting(FakeVectorIndex):
        async def upsert(self, scope: Scope, collection: str, points: Sequence[Point]) -> None:
            turns_before_writing.append(len(turns))

    turns_before_writing: list[int] = []
    beside = asyncio.create_task(others())
    store = EnhancedVectorStore(Counting(), Embedding())
    (await store.batch_upsert(vectors, payloads, "a", "b", batch_size=4000)).unwrap()
    beside.cancel()
    assert turns_before_writing[0] >= 50


async def test_what_was_stored_before_a_failure_is_said() -> None:
    index = Recorded()
    index.fails_at = 3
    store = EnhancedVectorStore(index, Embedding())
    some = [(1.0, float(number)) for number in range(30)]
    payloads = [{"n": number} for number in range(30)]
    failed = await store.batch_upsert(some, payloads, "a", "main", 10)
    assert failed.status is Status.RETRYABLE
    assert "20 of 30 vectors were stored before this: away" in str(failed.error)
    index.fails_at = None
    assert (await store.batch_upsert(some, payloads, "a", "main", 10))["total_upserted"] == 30
    assert await store.count(A, RecordKind.TRANSCRIPT, Filters()) == 30


class Recorded(FakeVectorIndex):
    """Notes the size of each batch, and fails at one if it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.fails_at: int | None = None

    async def upsert(self, scope: Scope, collection: str, points: Sequence[Point]) -> None:
        self.sizes.append(len(points))
        if len(self.sizes) == self.fails_at:
            raise UnavailableError("away.")
        await super().upsert(scope, collection, points)


@pytest.mark.parametrize(
    ("rows", "payloads", "tenant", "size"),
    [
        ([(1.0, 0.0)], [], "a", None),
        ([(1.0, 0.0)], [{}], "", None),
        ([(1.0, 0.0)], [{}], "a", 0),
        ([(1.0, 0.0)], [{"content_id": 5}], "a", None),
        ([(1.0, 0.0)], [{"content_id": "c", "number": [1]}], "a", None),
        ([(1.0, 0.0)], [{"x": object()}], "a", None),
        ([(1.0,)], [{}], "a", None),
    ],
)
async def test_bad_input_is_a_bad_request(
    store: EnhancedVectorStore,
    rows: list[tuple[float, ...]],
    payloads: list[dict[str, object]],
    tenant: str,
    size: int | None,
) -> None:
    result = await store.batch_upsert(rows, payloads, tenant, "main", size)
    assert (result.status, result.success) == (Status.BAD_REQUEST, False)
    assert result.error


async def test_an_unavailable_index_is_retryable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = EnhancedVectorStore(EdgeIndex(tmp_path / "file" / "vectors"), Embedding())
    assert (await store.store_vectors([(1.0, 0.0)], [{}], "a", "main")).status is Status.RETRYABLE
    assert (await store.search_similar((1.0, 0.0), tenant="a", workspace="main")).status is Status.RETRYABLE


async def test_another_embedder_is_refused_until_the_records_are_indexed_again(index: EdgeIndex) -> None:
    old, new = EnhancedVectorStore(index, Embedding(2, "old")), EnhancedVectorStore(index, Embedding(3, "new"))
    await old.store_vectors([(1.0, 0.0)], [{"content_id": "c"}], "a", "main")
    for refused in (
        await new.store_vectors([(1.0, 0.0, 0.0)], [{"content_id": "c"}], "a", "main"),
        await new.search_similar((1.0, 0.0, 0.0), tenant="a", workspace="main"),
    ):
        assert refused.status is Status.BAD_REQUEST
        assert "1 transcripts under the embedding 'old'" in str(refused.error)
        assert "reindex" in str(refused.error)
    # Forgetting reaches them all the same.
    assert await new.delete(A, Filters(content_id=ContentId("c"))) == 1
    assert await old.count(A, RecordKind.TRANSCRIPT, Filters()) == 0


class Slow(FakeVectorIndex):
    """Lets others go on while it reads."""

    async def scroll(
        self, scope: Scope, collection: str, filters: Filters, *, after: str | None = None, limit: int = 256
    ) -> Page:
        page = await super().scroll(scope, collection, filters, after=after, limit=limit)
        await asyncio.sleep(0.01)
        return page


async def test_a_compaction_does_not_bring_back_what_is_forgotten_meanwhile(tmp_path: Path) -> None:
    index = Slow()
    one, other = (EnhancedVectorStore(index, Embedding(), Generations(tmp_path / "numbers")) for _ in range(2))
    for content in ("c1", "c2"):
        await one.store_vectors([(1.0, 0.0)], [{"content_id": content, "number": 0}], "a", "main")
    merging = asyncio.create_task(one.compact_and_deduplicate("a", "main"))
    await asyncio.sleep(0.015)  # it has read both
    await other.delete(A, Filters(content_id=ContentId("c2")))
    await other.delete(A, Filters(content_id=ContentId("c1")))
    assert (await merging).success
    assert [await index.usage(each.name) for each in await index.collections()] == [{}, {}]


def test_a_collection_is_named_by_kind_and_model(index: EdgeIndex) -> None:
    assert EnhancedVectorStore(index, Embedding()).collection(RecordKind.CLAIM) == "claims-some-model-v1"


NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=8)
PLACES = st.tuples(NAMES, NAMES, st.sampled_from(RecordKind), NAMES, st.integers(0, 99) | NAMES)


@given(PLACES, PLACES)
def test_ids_are_the_same_only_for_the_same_place(
    one: tuple[str, str, RecordKind, str, int | str], other: tuple[str, str, RecordKind, str, int | str]
) -> None:
    ids = [point_id(Scope.of(place[0], place[1]), place[2], place[3], place[4]) for place in (one, other)]
    same = (Scope.of(*one[:2]), *one[2:]) == (Scope.of(*other[:2]), *other[2:])
    assert (ids[0] == ids[1]) == same
    assert UUID(ids[0]).version == 5
