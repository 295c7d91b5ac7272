"""What every `VectorIndex` does. An adapter joins by a case in the `index` fixture."""

import asyncio
import contextlib
import math
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

import pytest
from qdrant_running import RunningServer

from udib.core.errors import BadRequestError
from udib.core.tenancy import Scope, TenantId
from udib.core.types import ContentId
from udib.core.vectors import Collection, Filters, Hit, Point, Query, VectorIndex
from udib.memory.edge import EdgeIndex
from udib.memory.postgres import PostgresIndex
from udib.memory.qdrant import QdrantIndex
from udib.memory.qdrant_endpoint import Endpoint
from udib.memory.qdrant_provider import QdrantConnectionPool
from udib.memory.store_client import is_owned

# One worker has all tests of a server, so that there is one server.
POSTGRES = [pytest.mark.server, pytest.mark.xdist_group("postgres")]
A = Scope.of("a", "main")
B = Scope.of("b", "main")
ANY = Filters()
NAN, INF = math.nan, math.inf
OWN_SERVER = {name: value for name, value in os.environ.items() if name.startswith("QDRANT_") and value}
"""A Qdrant server of the tester's; see deploy/compose.qdrant.yaml."""


def point(
    name: str,
    vector: Sequence[float] = (1.0, 0.0, 0.0),
    *,
    content: str = "c1",
    speaker: str | None = None,
    terms: dict[int, float] | None = None,
    **payload: object,
) -> Point:
    fields: dict[str, object] = {"content_id": content, "speaker": speaker, "name": name, **payload}
    return Point(str(uuid5(NAMESPACE_OID, name)), vector, fields, terms or {})


def wait_for_the_end(folder: Path) -> None:
    """No store process may outlive the tests."""
    deadline = time.monotonic() + 10
    while is_owned(folder):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("index") / "vectors"
    yield path
    wait_for_the_end(path)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("server"))
    yield running
    running.stop()


@asynccontextmanager
async def edge_index(request: pytest.FixtureRequest) -> AsyncIterator[VectorIndex]:
    index = EdgeIndex(request.getfixturevalue("folder"), linger_s=1.0)
    yield index
    await index.close()


@asynccontextmanager
async def qdrant_index(request: pytest.FixtureRequest) -> AsyncIterator[VectorIndex]:
    running: RunningServer = request.getfixturevalue("server")
    pool = QdrantConnectionPool()
    grpc_port = running.grpc_port if request.param == "qdrant by gRPC" else None
    yield QdrantIndex(Endpoint(running.url), pool, grpc_port=grpc_port)
    await pool.close_all()


@asynccontextmanager
async def real_index(_: pytest.FixtureRequest) -> AsyncIterator[VectorIndex]:
    """All that the test makes on the tester's server goes again."""
    pool = QdrantConnectionPool()
    grpc_port = int(OWN_SERVER["QDRANT_GRPC_PORT"]) if "QDRANT_GRPC_PORT" in OWN_SERVER else None
    endpoint = Endpoint(OWN_SERVER["QDRANT_URL"], OWN_SERVER.get("QDRANT_API_KEY"))
    index = QdrantIndex(endpoint, pool, prefix=f"udib-{uuid4().hex[:12]}-", grpc_port=grpc_port)
    yield index
    async with pool.client(endpoint) as client:
        for each in await index.collections():
            await client.delete_collection(f"{index.prefix}{each.name}")
    await pool.close_all()


@asynccontextmanager
async def postgres_index(request: pytest.FixtureRequest) -> AsyncIterator[VectorIndex]:
    index = PostgresIndex(request.getfixturevalue("postgres_url"), "contract")
    yield index
    await index.close()


KINDS = {
    "edge": edge_index,
    "postgres": postgres_index,
    "qdrant": qdrant_index,
    "qdrant by gRPC": qdrant_index,
    "a real Qdrant": real_index,
}
REAL = [pytest.param("a real Qdrant", marks=pytest.mark.needs_server)] if "QDRANT_URL" in OWN_SERVER else []


@pytest.fixture(params=["edge", pytest.param("postgres", marks=POSTGRES), "qdrant", "qdrant by gRPC", *REAL])
async def index(request: pytest.FixtureRequest) -> AsyncIterator[VectorIndex]:
    async with KINDS[request.param](request) as opened:
        yield opened


@pytest.fixture
async def name(index: VectorIndex) -> str:
    """A collection of its own for each test, of dimension 3."""
    collection = f"test-{uuid4().hex}"
    await index.ensure(collection, model_id="model", dimension=3)
    return collection


async def search(
    index: VectorIndex,
    scope: Scope,
    collection: str,
    vector: Sequence[float],
    terms: dict[int, float],
    *,
    limit: int,
    filters: Filters,
) -> list[Hit]:
    return await index.search(scope, collection, Query(vector, terms, limit, filters))


async def names(index: VectorIndex, scope: Scope, collection: str, filters: Filters = ANY) -> set[object]:
    hits = await search(index, scope, collection, (1.0, 0.5, 0.2), {}, limit=100, filters=filters)
    return {hit.payload["name"] for hit in hits}


async def test_a_point_comes_back_with_its_payload_and_cosine(index: VectorIndex, name: str) -> None:
    payload: dict[str, Any] = {"n": 1, "x": 1.5, "none": None, "text": "said \u00fc", "deep": {"list": [1, "two"]}}
    await index.upsert(A, name, [point("p", (3.0, 4.0, 0.0), **payload)])
    [hit] = await search(index, A, name, (1.0, 0.0, 0.0), {}, limit=5, filters=ANY)
    assert hit.payload == {"content_id": "c1", "speaker": None, "name": "p", **payload}
    assert hit.similarity == pytest.approx(0.6, abs=1e-6)
    assert type(hit.payload["n"]) is int


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a", "main"), ("b", "main")),
        (("a", "main"), ("a", "other")),
        (("a_b", "c"), ("a", "b_c")),
        (("a", "A"), ("A", "a")),
    ],
)
async def test_scopes_never_meet(
    index: VectorIndex, name: str, first: tuple[str, str], second: tuple[str, str]
) -> None:
    here, there = Scope.of(*first), Scope.of(*second)
    await index.upsert(here, name, [point("mine", terms={7: 1.0})])
    assert await names(index, there, name) == set()
    assert await search(index, there, name, (), {7: 1.0}, limit=5, filters=ANY) == []
    assert await index.count(there, name, ANY) == 0
    assert await index.delete(there, name, Filters(content_id=ContentId("c1"))) == 0
    assert await index.count(here, name, ANY) == 1


async def test_one_name_in_two_unicode_forms_is_one_tenant(index: VectorIndex, name: str) -> None:
    await index.upsert(Scope.of("\u00e9ric", "w"), name, [point("p")])
    assert await index.count(Scope.of("e\u0301ric", "w"), name, ANY) == 1


async def test_the_same_id_replaces_the_point(index: VectorIndex, name: str) -> None:
    await index.upsert(A, name, [point("p", text="old")])
    await index.upsert(A, name, [point("p", (0.0, 1.0, 0.0), text="new")])
    [hit] = await search(index, A, name, (0.0, 1.0, 0.0), {}, limit=5, filters=ANY)
    assert (hit.payload["text"], round(hit.similarity, 5)) == ("new", 1.0)
    assert await index.count(A, name, ANY) == 1


async def test_of_one_id_twice_in_a_batch_the_last_counts(index: VectorIndex, name: str) -> None:
    await index.upsert(A, name, [point("p", text="first"), point("q"), point("p", text="last")])
    assert await index.count(A, name, ANY) == 2
    hits = await search(index, A, name, (1.0, 0.0, 0.0), {}, limit=5, filters=ANY)
    assert {hit.payload.get("text") for hit in hits} == {"last", None}


async def test_filters_select(index: VectorIndex, name: str) -> None:
    await index.upsert(
        A,
        name,
        [point("1", content="c1", speaker="Ann"), point("2", content="c1"), point("3", content="c2", speaker="Ann")],
    )
    one = ContentId("c1")
    assert await names(index, A, name, Filters(content_id=one)) == {"1", "2"}
    assert await names(index, A, name, Filters(not_content_id=one)) == {"3"}
    assert await names(index, A, name, Filters(speaker="Ann")) == {"1", "3"}
    assert await names(index, A, name, Filters(content_id=one, speaker="Ann")) == {"1"}
    assert await names(index, A, name, Filters(content_id=one, not_content_id=one)) == set()
    assert await index.count(A, name, Filters(speaker="Ann")) == 2


async def test_terms_find_what_the_vector_does_not_and_both_are_fused(index: VectorIndex, name: str) -> None:
    near, worded, both = (
        point("near", (1.0, 0.1, 0.0)),
        point("worded", (0, 0, 1.0), terms={5: 1.0}),
        point("both", terms={5: 2.0, 6: 1.0}),
    )
    await index.upsert(A, name, [near, worded, both, point("only terms", (), terms={6: 0.5})])
    hits = await search(index, A, name, (1.0, 0.0, 0.0), {5: 1.0}, limit=10, filters=ANY)
    assert hits[0].payload["name"] == "both"
    assert {hit.payload["name"]: round(hit.similarity, 3) for hit in hits} == {
        "both": 1.0,
        "near": 0.995,
        "worded": 0.0,
    }
    [rare] = await search(index, A, name, (), {6: 1.0}, limit=1, filters=ANY)
    assert rare.payload["name"] in {"both", "only terms"}
    assert rare.similarity == 0.0


async def test_a_rare_term_counts_more_within_the_scope(index: VectorIndex, name: str) -> None:
    # Term 1 is rare for A; that B uses it in every point must not change that.
    await index.upsert(A, name, [point("rare", terms={1: 1.0}), *(point(f"c{n}", terms={2: 1.0}) for n in range(9))])
    await index.upsert(B, name, [point(f"b{n}", terms={1: 1.0}) for n in range(200)])
    hits = await search(index, A, name, (), {1: 1.0, 2: 1.0}, limit=10, filters=ANY)
    assert hits[0].payload["name"] == "rare"
    assert len(hits) == 10


BAD_POINTS = {
    "nan": point("bad", (NAN, 0, 0)),
    "inf": point("bad", (INF, 0, 0)),
    "too large for 32 bits": point("bad", (1e300, 0, 0)),
    "zeros": point("bad", (0, 0, 0)),
    "too small for 32 bits": point("bad", (1e-300, 0, 0)),
    "text": point("bad", ("1.0", 0.0, 0.0)),  # type: ignore[arg-type] # what a caller without types may send
    "short": point("bad", (1.0, 0.0)),
    "long": point("bad", (1.0, 0.0, 0.0, 0.0)),
    "no vector and no terms": point("bad", ()),
    "term number too large": point("bad", terms={2**32: 1.0}),
    "term number below zero": point("bad", terms={-1: 1.0}),
    "term weight nan": point("bad", terms={1: NAN}),
    "term weight zero": point("bad", terms={1: 0.0}),
    "id is no UUID": Point("p-1", (1.0, 0, 0), {"content_id": "c"}),
    "no content": Point(str(uuid4()), (1.0, 0, 0), {"speaker": "Ann"}),
    "content is a number": Point(str(uuid4()), (1.0, 0, 0), {"content_id": 5}),
    "speaker is a number": Point(str(uuid4()), (1.0, 0, 0), {"content_id": "c", "speaker": 5}),
    "its own tenant": Point(str(uuid4()), (1.0, 0, 0), {"content_id": "c", "tenant": "b"}),
    "no JSON": point("bad", thing=object()),
    "lone surrogate": point("bad", text="\ud800"),
    "10 MB": point("bad", text="x" * 10_000_000),
}


@pytest.mark.parametrize("bad", BAD_POINTS.values(), ids=BAD_POINTS.keys())
async def test_of_a_batch_with_a_bad_point_nothing_is_applied(index: VectorIndex, name: str, bad: Point) -> None:
    good = [point(f"good {number}", (1.0, number, 0.5)) for number in range(600)]
    with pytest.raises(BadRequestError):
        await index.upsert(A, name, [*good[:400], bad, *good[400:]])
    assert await index.count(A, name, ANY) == 0


@pytest.mark.parametrize("limit", [0, -1, 1_000_000])
async def test_an_absurd_limit_is_refused(index: VectorIndex, name: str, limit: int) -> None:
    with pytest.raises(BadRequestError, match="1 to 1000"):
        await search(index, A, name, (1.0, 0.0, 0.0), {}, limit=limit, filters=ANY)


@pytest.mark.parametrize("vector", [(NAN, 0, 0), (0, 0, 0), (1.0, 0.0)])
async def test_a_bad_query_is_refused(index: VectorIndex, name: str, vector: tuple[float, ...]) -> None:
    with pytest.raises(BadRequestError):
        await search(index, A, name, vector, {}, limit=5, filters=ANY)


async def test_a_query_without_vector_and_terms_is_refused(index: VectorIndex, name: str) -> None:
    with pytest.raises(BadRequestError, match="vector or terms"):
        await search(index, A, name, (), {}, limit=5, filters=ANY)


async def test_a_deletion_without_content_is_refused(index: VectorIndex, name: str) -> None:
    await index.upsert(A, name, [point("p", speaker="Ann")])
    for filters in (
        ANY,
        Filters(speaker="Ann"),
        Filters(not_content_id=ContentId("x")),
        Filters(content_id=ContentId("")),
    ):
        with pytest.raises(BadRequestError):
            await index.delete(A, name, filters)
    assert await index.count(A, name, ANY) == 1


async def test_an_empty_tenant_is_refused() -> None:
    with pytest.raises(BadRequestError, match="tenant"):
        Scope.of("", "main")


async def test_a_missing_collection_is_empty_and_cannot_be_written(index: VectorIndex) -> None:
    assert await search(index, A, "missing", (1.0,), {}, limit=5, filters=ANY) == []
    assert await index.count(A, "missing", ANY) == 0
    assert await index.delete(A, "missing", Filters(content_id=ContentId("c"))) == 0
    await index.upsert(A, "missing", [])
    with pytest.raises(BadRequestError, match="no collection"):
        await index.upsert(A, "missing", [point("p")])


@pytest.mark.parametrize("collection", ["", "../x", "a/b", "A", "a..b", "x" * 101, "\u00e9ric", ".a"])
async def test_a_collection_name_that_is_no_file_name_is_refused(index: VectorIndex, collection: str) -> None:
    with pytest.raises(BadRequestError, match="collection"):
        await index.ensure(collection, model_id="m", dimension=3)


async def test_another_model_or_dimension_is_refused(index: VectorIndex, name: str) -> None:
    await index.ensure(name, model_id="model", dimension=3)
    with pytest.raises(BadRequestError, match="embeddings of 'model'"):
        await index.ensure(name, model_id="other", dimension=3)
    with pytest.raises(BadRequestError, match="3 numbers"):
        await index.ensure(name, model_id="model", dimension=4)


def anywhere(folder: Path, words: str) -> list[str]:
    """The files below a directory that hold the words.

    The engine writes files beside their place and renames them: a look during which one went away is made again, since
    its words may lie where was looked before.
    """
    while True:
        with contextlib.suppress(FileNotFoundError):
            files = [path for path in folder.rglob("*") if not path.is_dir()]
            return [path.name for path in files if words.encode() in path.read_bytes()]


@pytest.fixture
async def alone(tmp_path: Path) -> AsyncIterator[tuple[EdgeIndex, Path]]:
    """An index in a directory of its own, small enough to be read whole."""
    edge = EdgeIndex(tmp_path, linger_s=0.0)
    await edge.ensure("words", model_id="model", dimension=3)
    yield edge, tmp_path
    await edge.close()
    await asyncio.to_thread(wait_for_the_end, tmp_path)


async def test_deleted_words_are_in_no_file(alone: tuple[EdgeIndex, Path]) -> None:
    (index, folder), name = alone, "words"
    secret, kept = "Xylophone-7319-confidential", "Marmalade-2204-public"
    await index.upsert(A, name, [point(f"s{n}", content="gone", text=secret, terms={n: 1.0}) for n in range(5)])
    await index.upsert(A, name, [point("s1", content="gone", text=f"{secret} again")])
    await index.upsert(A, name, [point("kept", content="kept", text=kept, speaker="Ann", terms={3: 2.0})])
    await index.upsert(B, name, [point("foreign", content="gone", text=kept)])
    assert anywhere(folder, secret)
    assert await index.delete(A, name, Filters(content_id=ContentId("gone"))) == 5
    assert anywhere(folder, secret) == []
    assert anywhere(folder, kept)
    assert await index.delete(A, name, Filters(content_id=ContentId("gone"))) == 0
    assert await names(index, A, name, Filters(speaker="Ann")) == {"kept"}
    [hit] = await search(index, A, name, (), {3: 1.0}, limit=5, filters=ANY)
    assert hit.payload["text"] == kept
    assert await index.count(B, name, ANY) == 1


async def test_a_deletion_may_be_narrowed_to_a_speaker(index: VectorIndex, name: str) -> None:
    await index.upsert(A, name, [point("1", speaker="Ann"), point("2", speaker="Bob")])
    assert await index.delete(A, name, Filters(content_id=ContentId("c1"), speaker="Ann")) == 1
    assert await names(index, A, name) == {"2"}


async def test_a_large_batch_is_stored_whole(index: VectorIndex, name: str) -> None:
    points = [point(str(number), (1.0, number, 0.0), text="y" * 50_000) for number in range(300)]
    start = time.perf_counter()
    await index.upsert(A, name, points)
    assert await index.count(A, name, ANY) == 300
    hits = await search(index, A, name, (1.0, 0.0, 0.0), {}, limit=300, filters=ANY)
    assert len(hits) == 300
    assert time.perf_counter() - start < 20  # a stall, not a speed: `make bench` measures that


async def test_every_filter_selects(index: VectorIndex, name: str) -> None:
    early: dict[str, Any] = {"number": 0, "published_ts": 100.0, "start_s": 5.0, "expires_at": 1000.0}
    late: dict[str, Any] = {"number": 1, "published_ts": 200.0, "start_s": 65.5, "expires_at": 2000.0}
    await index.upsert(
        A,
        name,
        [
            point("early", platform="youtube", verdict="refuted", content_hash="h1", twin_of="t1", **early),
            point("late", platform="twitch", verdict="supported", content_hash="h2", **late),
            point("bare"),
        ],
    )
    only = {
        Filters(platform="youtube"): "early",
        Filters(verdict="supported"): "late",
        Filters(content_hashes=("h1", "h3")): "early",
        Filters(twin_of=("t1",)): "early",
        Filters(number_from=1): "late",
        Filters(number_to=1): "early",
        Filters(published_from=150.0): "late",
        Filters(published_to=200.0): "early",
        Filters(published_from=100.0, published_to=100.5): "early",
        Filters(starts_from_s=60.0): "late",
        Filters(starts_to_s=60.0): "early",
        Filters(expired_by=1000.0): "early",
        Filters(expired_by=1999.0): "early",
        Filters(platform="twitch", number_from=1, starts_from_s=65.5): "late",
    }
    for filters, wanted in only.items():
        assert await names(index, A, name, filters) == {wanted}, filters
        assert await index.count(A, name, filters) == 1
    assert await names(index, A, name, Filters(expired_by=2000.0)) == {"early", "late"}
    assert await names(index, A, name, Filters(published_to=100.0)) == set()
    assert await names(index, A, name, Filters(content_hashes=("h1", "h2"))) == {"early", "late"}
    assert await names(index, A, name, Filters(content_hashes=())) == set()


@pytest.mark.parametrize(
    "filters", [Filters(speaker=""), Filters(published_from=NAN), Filters(starts_to_s=INF), Filters(number_to=10**400)]
)
async def test_a_filter_that_means_nothing_is_refused(index: VectorIndex, name: str, filters: Filters) -> None:
    with pytest.raises(BadRequestError, match="filter"):
        await index.count(A, name, filters)


async def test_a_search_explains_what_the_terms_alone_give(index: VectorIndex, name: str) -> None:
    await index.upsert(
        A, name, [point("both", terms={5: 2.0}), point("near", (1.0, 0.1, 0.0)), point("x", terms={6: 1})]
    )
    plain = await index.search(A, name, Query((1.0, 0.0, 0.0), {5: 1.0}))
    assert {hit.term_score for hit in plain} == {None}
    explained = await index.search(A, name, Query((1.0, 0.0, 0.0), {5: 1.0}, explain=True))
    assert [hit.id for hit in explained] == [hit.id for hit in plain]
    scores = {hit.payload["name"]: hit.term_score for hit in explained}
    assert scores["both"] is not None
    assert scores["both"] > 0
    assert not scores["near"]


async def test_points_come_back_whole_page_by_page(index: VectorIndex, name: str) -> None:
    stored = [point(f"p{n}", (3.0, 4.0, n), terms={n + 1: 0.5, 7: 2.0}, number=n) for n in range(7)]
    await index.upsert(A, name, [*stored, point("only terms", (), terms={1: 1.0}, number=9)])
    await index.upsert(B, name, [point("foreign", number=1)])
    found: list[Point] = []
    after = None
    while True:
        page = await index.scroll(A, name, Filters(), after=after, limit=3)
        assert len(page.points) <= 3
        found += page.points
        after = page.following
        if after is None:
            break
    assert [each.id for each in found] == sorted(each.id for each in found)
    by_name = {each.payload["name"]: each for each in found}
    assert set(by_name) == {f"p{n}" for n in range(7)} | {"only terms"}
    for each in stored:
        back = by_name[each.payload["name"]]
        size = math.sqrt(sum(x * x for x in each.vector))
        assert back.vector == pytest.approx([x / size for x in each.vector], abs=1e-6)
        assert back.terms == pytest.approx(each.terms)
        assert back.payload == each.payload
        assert back.id == each.id
    assert list(by_name["only terms"].vector) == []
    narrow = await index.scroll(A, name, Filters(number_from=3, number_to=5))
    assert {each.payload["name"] for each in narrow.points} == {"p3", "p4"}
    with pytest.raises(BadRequestError, match="UUID"):
        await index.scroll(A, name, ANY, after="p1")


async def test_what_was_scrolled_can_be_stored_again_unchanged(index: VectorIndex, name: str) -> None:
    await index.upsert(A, name, [point("p", (3.0, 4.0, 0.0), terms={1: 0.5}, text="said")])
    before = await index.scroll(A, name, ANY)
    await index.upsert(A, name, before.points)
    after = await index.scroll(A, name, ANY)
    assert after.points[0].payload == before.points[0].payload
    assert after.points[0].vector == pytest.approx(before.points[0].vector, abs=1e-6)


async def test_values_of_a_field_are_counted(index: VectorIndex, name: str) -> None:
    speakers = ["Ann", "Ann", "Ben", None, "Ann"]
    await index.upsert(A, name, [point(f"p{n}", speaker=who, number=n) for n, who in enumerate(speakers)])
    await index.upsert(B, name, [point("foreign", speaker="Ben")])
    assert await index.facet(A, name, "speaker", ANY) == {"Ann": 3, "Ben": 1}
    assert list(await index.facet(A, name, "speaker", ANY, limit=1)) == ["Ann"]
    assert await index.facet(A, name, "speaker", Filters(number_from=2)) == {"Ann": 1, "Ben": 1}
    assert await index.facet(A, "missing", "speaker", ANY) == {}
    for field in ("tenant", "text", "number"):
        with pytest.raises(BadRequestError, match="counted by"):
            await index.facet(A, name, field, ANY)


async def test_the_operator_sees_how_much_each_scope_has(index: VectorIndex, name: str) -> None:
    other = Scope.of("a", "other")
    await index.upsert(A, name, [point("1"), point("2")])
    await index.upsert(other, name, [point("o1")])
    await index.upsert(B, name, [point("b1")])
    assert await index.usage(name) == {A: 2, other: 1, B: 1}
    assert await index.usage(name, A.tenant) == {A: 2, other: 1}
    assert await index.usage(name, TenantId("nobody")) == {}
    assert await index.usage("missing") == {}


async def test_points_are_removed_by_id_in_their_scope_only(index: VectorIndex, name: str) -> None:
    await index.upsert(A, name, [point("1"), point("2")])
    await index.upsert(B, name, [point("3")])
    ids = [point(each).id for each in ("1", "3", "missing")]
    assert await index.remove(A, name, ids) == 1
    assert await names(index, A, name) == {"2"}
    assert await names(index, B, name) == {"3"}
    assert await index.remove(A, name, []) == 0
    assert await index.remove(A, "missing", ids) == 0
    with pytest.raises(BadRequestError, match="UUID"):
        await index.remove(A, name, ["1"])


async def test_what_is_over_can_be_deleted(index: VectorIndex, name: str) -> None:
    await index.upsert(A, name, [point("over", expires_at=10.0), point("kept", expires_at=20.0), point("for ever")])
    assert await index.delete(A, name, Filters(expired_by=10.0)) == 1
    assert await names(index, A, name) == {"kept", "for ever"}


async def test_a_collection_goes_only_if_nobody_wrote_meanwhile(index: VectorIndex, name: str) -> None:
    await index.upsert(A, name, [point("1")])
    await index.upsert(B, name, [point("2")])
    assert not await index.drop(name, expected=1)
    assert await index.count(A, name, ANY) == 1
    assert await index.drop(name, expected=2)
    assert name not in {each.name for each in await index.collections()}
    assert await index.count(A, name, ANY) == 0
    assert not await index.drop(name, expected=0)
    await index.ensure(name, model_id="other", dimension=2)
    await index.upsert(A, name, [point("3", (1.0, 0.0))])
    assert await index.count(A, name, ANY) == 1


async def test_after_optimizing_the_same_is_found(index: VectorIndex, name: str) -> None:
    points = [point(f"p{n}", (1.0, n / 40, 0.5), terms={n % 5 + 1: 1.0}, number=n) for n in range(40)]
    await index.upsert(A, name, points)
    query = Query((1.0, 0.3, 0.5), {2: 1.0}, limit=5)
    before = await index.search(A, name, query)
    await index.optimize(name)
    assert [hit.id for hit in await index.search(A, name, query)] == [hit.id for hit in before]
    assert await index.count(A, name, ANY) == 40
    await index.optimize("missing")


async def test_it_says_how_it_is(alone: tuple[EdgeIndex, Path]) -> None:
    index, _ = alone
    await index.upsert(A, "words", [point("p")])
    health = await index.ping()
    assert health.ok
    assert health.detail.startswith("1 points in 1 collections")
    assert await index.collections() == [Collection("words", "model", 3)]
