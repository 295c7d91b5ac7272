"""Rules of the memory that hold whatever is stored: what repeats, who sees what, and that no result is stale."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from udib.core.tenancy import Scope
from udib.core.types import ContentId, RecordKind
from udib.core.vectors import Filters, Query, VectorIndex
from udib.memory.dedup import near_duplicates
from udib.memory.edge import EdgeIndex
from udib.memory.entries import Entry, content_hash, point_id
from udib.memory.search_cache import search_key
from udib.memory.store import EnhancedVectorStore
from udib.testing.vectors import FakeVectorIndex

SCOPES = [Scope.of(*pair) for pair in (("a", "main"), ("a", "other"), ("b", "main"), ("a_b", "c"), ("a", "b_c"))]
KIND = RecordKind.TRANSCRIPT


class Embedding:
    """An embedder in name only: the vectors come from the test."""

    model_id = "model"
    dimension = 3

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise NotImplementedError


def entry(content: str, number: int, text: str, vector: Sequence[float], *, hashed: bool = True) -> Entry:
    payload: dict[str, object] = {"text": text, "number": number}
    if hashed:
        payload["content_hash"] = content_hash(text, None)
    return Entry(ContentId(content), number, vector, payload)


# --- what repeats ---------------------------------------------------------------------------------------------------


def leaders(vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]], threshold: float) -> dict[int, int]:
    """The rule in plain words, one pair at a time."""
    unit = vectors.astype(np.float64) / np.linalg.norm(vectors, axis=1, keepdims=True)
    kept: list[int] = []
    dropped: dict[int, int] = {}
    for row in range(len(unit)):
        near = next((one for one in kept if float(unit[row] @ unit[one]) >= threshold), None)
        if near is None:
            kept.append(row)
        else:
            dropped[row] = near
    return dropped


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.sampled_from([0.5, 0.8, 0.95, 0.999]), st.floats(0.0, 0.4))
def test_a_vector_is_dropped_only_onto_a_kept_one(seed: int, count: int, threshold: float, noise: float) -> None:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(count // 4, 1), 8))
    vectors = (centres[rng.integers(0, len(centres), count)] + noise * rng.normal(size=(count, 8))).astype(np.float32)
    found = near_duplicates(vectors, threshold=threshold)
    dropped = {repeat.dropped for repeat in found}
    assert len(dropped) == len(found)
    for repeat in found:
        assert repeat.kept not in dropped
        assert repeat.kept < repeat.dropped
        assert repeat.similarity >= threshold - 1e-6
    kept = np.array([row for row in range(count) if row not in dropped], dtype=int)
    assert near_duplicates(vectors[kept], threshold=min(threshold + 1e-5, 1.0)) == []


@pytest.mark.parametrize("count", [1500, 4000])
def test_blocks_and_the_bound_change_nothing(count: int) -> None:
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(count, 160)).astype(np.float32)
    copies = rng.choice(count, size=count // 5, replace=False)
    vectors[copies] = vectors[rng.integers(0, count, len(copies))] + 0.02 * rng.normal(size=(len(copies), 160))
    found = {repeat.dropped: repeat.kept for repeat in near_duplicates(vectors, threshold=0.95)}
    assert found == leaders(vectors, 0.95)
    assert len(found) > count // 10


def test_what_is_all_the_same_becomes_one() -> None:
    found = near_duplicates(np.ones((3000, 3), dtype=np.float32), threshold=1.0)
    assert [repeat.kept for repeat in found] == [0] * 2999


@pytest.mark.parametrize("bad", [np.zeros((2, 3)), np.array([[1.0, math.nan]]), np.array([[math.inf, 1.0]])])
def test_a_vector_without_direction_is_refused(bad: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    with pytest.raises(ValueError, match="direction"):
        near_duplicates(bad.astype(np.float32), threshold=0.9)


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.1, math.nan])
def test_a_threshold_that_is_none_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        near_duplicates(np.ones((2, 3), dtype=np.float32), threshold=threshold)


# --- keys and ids ---------------------------------------------------------------------------------------------------

number = st.floats(-10, 10, allow_nan=False)
query = st.builds(
    Query,
    st.lists(number, min_size=2, max_size=6).map(tuple),
    st.dictionaries(st.integers(0, 9), st.floats(0.1, 2.0), max_size=3),
    st.integers(1, 50),
    st.builds(Filters, speaker=st.none() | st.sampled_from(["Ann", "Ben"]), number_from=st.none() | st.integers(0, 3)),
    st.booleans(),
)
place = st.tuples(st.sampled_from(SCOPES), st.sampled_from(["transcripts-m", "claims-m"]), query, st.integers(0, 3))


@given(place, place)
def test_two_searches_share_a_key_only_if_they_are_the_same(one: tuple, other: tuple) -> None:  # type: ignore[type-arg]
    same = one == other and str(one) == str(other)  # -0.0 is no 0.0
    assert (search_key(*one) == search_key(*other)) == same


@given(st.integers(0, 383), st.integers(0, 2**32 - 1))
def test_one_component_that_differs_makes_another_key(at: int, seed: int) -> None:
    rng = Random(seed)
    vector = [rng.random() for _ in range(384)]
    other = list(vector)
    other[at] = math.nextafter(vector[at], 2.0)
    scope = SCOPES[0]
    assert search_key(scope, "c", Query(vector), 0) != search_key(scope, "c", Query(other), 0)


names = st.text(min_size=1, max_size=4, alphabet="ab_:/")


@given(st.tuples(names, names, names, st.integers(0, 3)), st.tuples(names, names, names, st.integers(0, 3)))
def test_two_points_share_an_id_only_if_they_are_the_same(one: tuple, other: tuple) -> None:  # type: ignore[type-arg]
    def id_of(tenant: str, workspace: str, content: str, number: int) -> str:
        return point_id(Scope.of(tenant, workspace), KIND, content, number)

    assert (id_of(*one) == id_of(*other)) == (one == other)


# --- who sees what, and that nothing is stale -----------------------------------------------------------------------

texts = st.sampled_from(["alpha", "beta", "gamma", "delta"])
contents = st.sampled_from(["c1", "c2", "c3"])
step = st.one_of(
    st.tuples(st.just("remember"), st.integers(0, 4), contents, st.lists(texts, min_size=1, max_size=4)),
    st.tuples(st.just("forget"), st.integers(0, 4), contents),
    st.tuples(st.just("compact"), st.integers(0, 4)),
    st.tuples(st.just("undo"), st.integers(0, 4)),
    st.tuples(st.just("search"), st.integers(0, 4)),
)
DIRECTIONS = {"alpha": (1.0, 0.0, 0.0), "beta": (0.0, 1.0, 0.0), "gamma": (0.0, 0.0, 1.0), "delta": (1.0, 0.001, 0.0)}
Said = dict[tuple[Scope, str, int], str]


async def play(steps: Sequence[tuple], index: VectorIndex | None = None) -> None:  # type: ignore[type-arg]
    """Every step on the store and on a plain model: what was said, by scope, content and number."""
    store = EnhancedVectorStore(index or FakeVectorIndex(), Embedding())
    said: Said = {}
    for name, *rest in steps:
        scope = SCOPES[rest[0]]
        match name, rest[1:]:
            case "remember", [content, told]:
                entries = [entry(content, at, text, DIRECTIONS[text]) for at, text in enumerate(told)]
                await store.remember(scope, KIND, entries, now=0.0)
                await store.delete_from(scope, KIND, ContentId(content), len(told))
                said = {key: text for key, text in said.items() if key[:2] != (scope, content)}
                said |= {(scope, content, at): text for at, text in enumerate(told)}
            case "forget", [content]:
                await store.delete(scope, Filters(content_id=ContentId(content)))
                said = {key: text for key, text in said.items() if key[:2] != (scope, content)}
            case "compact", []:
                (await store.compact_and_deduplicate(scope.tenant, scope.workspace, 0.99)).unwrap()
            case "undo", []:
                (await store.undo_compaction(scope.tenant, scope.workspace)).unwrap()
        await agree(store, said)


async def agree(store: EnhancedVectorStore, said: Said) -> None:
    everything = Query((1.0, 1.0, 1.0), limit=50)
    for scope in SCOPES:
        mine = {key[1:]: text for key, text in said.items() if key[0] == scope}
        for use_cache in (True, True, False):
            hits = (await store.search(scope, KIND, everything, use_cache=use_cache)).hits
            twins = await store.twins(scope, KIND, [hit.id for hit in hits])
            payloads = [*(hit.payload for hit in hits), *(twin for some in twins.values() for twin in some)]
            # Everything that was said and not forgotten is there, with its own words, and nothing else, nothing twice.
            assert {(each["content_id"], each["number"]): each["text"] for each in payloads} == mine
            assert len(payloads) == len(mine)
            # And the same words are found once.
            shown = [hit.payload["text"] for hit in hits]
            assert len(shown) == len(set(shown))


@settings(max_examples=60, deadline=None)
@given(st.lists(step, max_size=12))
def test_whatever_is_stored_merged_and_forgotten_each_scope_sees_its_own(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    asyncio.run(play(steps))


@asynccontextmanager
async def edge(request: pytest.FixtureRequest) -> AsyncIterator[VectorIndex]:
    index = EdgeIndex(request.getfixturevalue("tmp_path_factory").mktemp("index") / "vectors", linger_s=0.0)
    yield index
    await index.close()


@asynccontextmanager
async def postgres(request: pytest.FixtureRequest) -> AsyncIterator[VectorIndex]:
    from udib.memory.postgres import PostgresIndex

    index = PostgresIndex(request.getfixturevalue("postgres_url"), f"memory{uuid4().hex[:12]}")
    yield index
    await index.close()


@pytest.mark.parametrize(
    "adapter", [edge, pytest.param(postgres, marks=[pytest.mark.server, pytest.mark.xdist_group("postgres")])]
)
@pytest.mark.parametrize("seed", [1, 2])
async def test_the_same_holds_on_a_real_index(
    request: pytest.FixtureRequest, adapter: Callable[..., AbstractAsyncContextManager[VectorIndex]], seed: int
) -> None:
    rng = Random(seed)
    steps: list[tuple] = []  # type: ignore[type-arg]
    for _ in range(10):
        scope, content = rng.randrange(3), rng.choice(["c1", "c2"])
        name = rng.choice(["remember", "remember", "remember", "forget", "compact", "undo"])
        more = {"remember": (content, rng.choices(list(DIRECTIONS), k=rng.randint(1, 4))), "forget": (content,)}
        steps.append((name, scope, *more.get(name, ())))
    async with adapter(request) as index:
        await play(steps, index)
