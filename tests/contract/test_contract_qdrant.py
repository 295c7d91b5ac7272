"""What the index on a server does when the server, or the way to it, fails."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

import pytest
from qdrant_client.http import models
from qdrant_running import RunningServer

from udib.app.cli import main
from udib.core.errors import BadRequestError, ForbiddenError, UdibError, UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.core.vectors import Collection, Filters, Point, Query
from udib.memory import qdrant, qdrant_server
from udib.memory.edge import EdgeIndex
from udib.memory.qdrant import QdrantIndex
from udib.memory.qdrant_endpoint import Endpoint
from udib.memory.qdrant_provider import QdrantConnectionPool

A = Scope.of("a", "main")
ANY = Filters()
PUT_POINTS, COUNT, QUERY = "/points", "/points/count", "/points/query"


def points(number: int, **payload: object) -> list[Point]:
    return [
        Point(
            str(uuid5(NAMESPACE_OID, f"p{n}")),
            (1.0, n + 1.0, 0.5),
            {"content_id": "c1", "n": n, **payload},
            {n + 1: 1.0},
        )
        for n in range(number)
    ]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    server = RunningServer(tmp_path_factory.mktemp("server"), api_key="letmein")
    yield server
    server.stop()


@pytest.fixture
def server(running: RunningServer) -> Iterator[RunningServer]:
    yield running
    running.fail()


@pytest.fixture
async def pool() -> AsyncIterator[QdrantConnectionPool]:
    opened = QdrantConnectionPool()
    yield opened
    await opened.close_all()


@pytest.fixture
def index(server: RunningServer, pool: QdrantConnectionPool) -> QdrantIndex:
    return QdrantIndex(Endpoint(server.url, server.api_key), pool)


@pytest.fixture
def by_grpc(server: RunningServer, pool: QdrantConnectionPool) -> QdrantIndex:
    return QdrantIndex(Endpoint(server.url, server.api_key), pool, grpc_port=server.grpc_port)


@pytest.fixture
async def name(index: QdrantIndex) -> str:
    collection = f"test-{uuid4().hex}"
    await index.ensure(collection, model_id="model", dimension=3)
    return collection


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


BUSY: list[dict[str, Any]] = [
    {"kind": "status", "status": 500, "body": '{"status": {"error": "oops"}}'},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 429},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
    {"kind": "drop"},
    {"kind": "drop after"},
]


@pytest.mark.parametrize("fault", BUSY, ids=str)
async def test_a_short_failure_is_not_noticed(
    server: RunningServer, index: QdrantIndex, name: str, fault: dict[str, Any]
) -> None:
    server.fail({"path": PUT_POINTS, **fault})
    await index.upsert(A, name, points(3))
    server.fail({"path": QUERY, **fault})
    assert len(await index.search(A, name, Query((1.0, 0.0, 0.0), {1: 1.0}))) == 3
    server.fail({"path": "/points/delete", **fault})
    assert await index.delete(A, name, Filters(content_id=ContentId("c1"))) == 3
    assert await index.count(A, name, ANY) == 0


@pytest.mark.parametrize("fault", BUSY, ids=str)
async def test_a_failure_that_stays_is_one_sentence(
    server: RunningServer, index: QdrantIndex, name: str, fault: dict[str, Any]
) -> None:
    server.fail({"path": PUT_POINTS, "times": 100, **fault})
    with pytest.raises(UnavailableError) as caught:
        await index.upsert(A, name, points(1000))
    assert server.url in str(caught.value)
    assert "letmein" not in str(caught.value)
    assert len([asked for asked in server.log()["asked"] if asked.endswith(PUT_POINTS)]) <= 8


async def test_the_server_says_when_to_come_back(server: RunningServer, index: QdrantIndex, name: str) -> None:
    server.fail({"kind": "status", "status": 429, "headers": {"Retry-After": "3600"}, "path": COUNT})
    start = time.monotonic()
    with pytest.raises(UnavailableError, match="fewer requests"):
        await index.count(A, name, ANY)
    assert time.monotonic() - start < 5
    assert await index.count(A, name, ANY) == 0


NOT_QDRANT = [
    "",
    "<html>hello</html>",
    "[]",
    "{}",
    '{"result": null, "status": "ok", "time": 0}',
    '{"result": {"x": 1}}',
]


@pytest.mark.parametrize("body", NOT_QDRANT)
async def test_an_answer_of_another_server_is_one_sentence(
    server: RunningServer, index: QdrantIndex, name: str, body: str
) -> None:
    for path, ask in {
        COUNT: index.count(A, name, ANY),
        "/points/scroll": index.scroll(A, name, ANY),
        QUERY: index.search(A, name, Query((1.0, 0.0, 0.0))),
        "GET /collections": index.collections(),
        PUT_POINTS: index.upsert(A, name, points(1)),
    }.items():
        server.fail({"kind": "status", "status": 200, "body": body, "path": path})
        with pytest.raises(UnavailableError, match="is something else at this address"):
            await ask


async def test_another_address_holds_no_memory_by_mistake(server: RunningServer, index: QdrantIndex, name: str) -> None:
    server.fail({"kind": "status", "status": 404, "body": "not found", "path": COUNT})
    with pytest.raises(BadRequestError, match="qdrant_url"):
        await index.count(A, name, ANY)


async def test_a_slow_server_is_given_up(server: RunningServer, name: str) -> None:
    pool = QdrantConnectionPool(timeout=0.3)
    index = QdrantIndex(Endpoint(server.url, server.api_key), pool)
    server.fail({"kind": "delay", "delay_s": 1.0, "path": COUNT})
    start = time.monotonic()
    with pytest.raises(UnavailableError, match="in time"):
        await index.count(A, name, ANY)
    assert time.monotonic() - start < 0.9
    assert sum(COUNT in asked for asked in server.log()["asked"]) == 1
    await pool.close_all()


@pytest.mark.parametrize("key", [None, "wrong"])
async def test_a_wrong_key_is_forbidden(
    server: RunningServer, pool: QdrantConnectionPool, name: str, key: str | None
) -> None:
    for grpc_port in (None, server.grpc_port):
        index = QdrantIndex(Endpoint(server.url, key), pool, grpc_port=grpc_port)
        with pytest.raises(ForbiddenError, match="qdrant_api_key"):
            await index.scroll(A, name, ANY)
        health = await index.ping()
        assert not health.ok
        assert "does not accept the key" in health.detail


async def test_no_server_is_one_sentence(pool: QdrantConnectionPool) -> None:
    index = QdrantIndex(Endpoint(f"http://127.0.0.1:{closed_port()}"), pool)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await index.count(A, "words", ANY)
    health = await index.ping()
    assert (health.ok, health.name) == (False, "memory index")
    assert "qdrant_url" in health.remedy


async def test_many_calls_share_a_few_connections(server: RunningServer, index: QdrantIndex, name: str) -> None:
    server.fail()
    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(index.count(A, name, ANY))
    log = server.log()
    assert sum(COUNT in asked for asked in log["asked"]) == 100
    assert log["connections"] <= 20
    assert not any(asked == "GET /" for asked in log["asked"])  # no probe, no question for the version


@pytest.mark.parametrize("way", ["index", "by_grpc"])
async def test_a_connection_lost_in_mid_batch_costs_no_point(
    request: pytest.FixtureRequest, server: RunningServer, name: str, way: str
) -> None:
    index: QdrantIndex = request.getfixturevalue(way)
    lost: dict[str, Any] = {"kind": "drop after", "path": PUT_POINTS, "times": 2}
    server.fail(lost if way == "index" else {"kind": "status", "body": "UNAVAILABLE", "path": "Upsert", "times": 2})
    await index.upsert(A, name, points(1500))
    assert await index.count(A, name, ANY) == 1500


async def test_after_a_restart_in_mid_batch_the_same_call_completes_it(
    tmp_path: Path, pool: QdrantConnectionPool
) -> None:
    server = RunningServer(tmp_path / "server")
    index = QdrantIndex(Endpoint(server.url), pool, grpc_port=server.grpc_port)
    try:
        await index.ensure("words", model_id="model", dimension=3)
        server.fail({"kind": "delay", "delay_s": 30, "path": "Upsert"})
        writing = asyncio.create_task(index.upsert(A, "words", points(1500)))
        while len(server.log()["asked"]) < 4:
            await asyncio.sleep(0.01)
        server.stop()
        with pytest.raises(UnavailableError, match="cannot be reached"):
            await writing
        await asyncio.to_thread(server.start)
        assert 0 < await index.count(A, "words", ANY) < 1500
        await index.upsert(A, "words", points(1500))
        assert await index.count(A, "words", ANY) == 1500
    finally:
        server.stop()


async def test_bulk_goes_by_grpc_and_by_rest_when_grpc_cannot_be_reached(
    server: RunningServer, by_grpc: QdrantIndex, pool: QdrantConnectionPool, name: str
) -> None:
    server.fail()
    await by_grpc.upsert(A, name, points(3))
    await by_grpc.scroll(A, name, ANY)
    assert [asked for asked in server.log()["asked"] if asked.startswith("gRPC")] == ["gRPC Upsert", "gRPC Scroll"]
    assert "gRPC for bulk" in (await by_grpc.ping()).detail
    without = QdrantIndex(Endpoint(server.url, server.api_key), pool, grpc_port=closed_port())
    server.fail()
    await without.upsert(A, name, points(5))
    assert len((await without.scroll(A, name, ANY)).points) == 5
    assert not any(asked.startswith("gRPC") for asked in server.log()["asked"])
    health = await without.ping()
    assert health.ok
    assert "REST for bulk, because gRPC cannot be reached" in health.detail


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("INVALID_ARGUMENT", BadRequestError, "a fault of the test"),
        ("DEADLINE_EXCEEDED", UnavailableError, "in time"),
        ("PERMISSION_DENIED", ForbiddenError, "key"),
        ("RESOURCE_EXHAUSTED", UnavailableError, "RESOURCE_EXHAUSTED"),
    ],
)
async def test_errors_of_grpc_come_out_in_our_words(
    server: RunningServer, by_grpc: QdrantIndex, name: str, code: str, error: type[UdibError], words: str
) -> None:
    server.fail({"kind": "status", "body": code, "path": "gRPC", "times": 10})
    with pytest.raises(error, match=words):
        await by_grpc.upsert(A, name, points(1))


async def test_whole_numbers_that_grpc_cannot_carry_go_by_rest(
    server: RunningServer, by_grpc: QdrantIndex, name: str
) -> None:
    big = {"deep": [{"x": 2**64 - 1}]}
    server.fail()
    await by_grpc.upsert(A, name, points(1, **big))
    assert not any(asked.startswith("gRPC") for asked in server.log()["asked"])


async def test_what_was_made_by_others_stays_out_of_it(
    server: RunningServer, index: QdrantIndex, pool: QdrantConnectionPool, name: str
) -> None:
    other = QdrantIndex(Endpoint(server.url, server.api_key), pool, prefix="udib-x-")
    await other.ensure("words", model_id="model", dimension=3)
    async with pool.client(Endpoint(server.url, server.api_key)) as client:
        for foreign in ("mine", "udib-foreign"):
            await client.create_collection(
                foreign,
                vectors_config={"v": models.VectorParams(size=2, distance=models.Distance.DOT)},
                sparse_vectors_config={},
                hnsw_config=models.HnswConfigDiff(),
            )
    assert "x-words" not in {each.name for each in await index.collections()}
    assert "foreign" not in {each.name for each in await index.collections()}
    assert await other.collections() == [Collection("words", "model", 3)]
    assert not await index.drop("foreign", expected=0)
    with pytest.raises(BadRequestError, match="qdrant_prefix"):
        await index.ensure("foreign", model_id="model", dimension=3)
    with pytest.raises(BadRequestError, match="no collection"):
        await index.upsert(A, "foreign", points(1))


async def test_two_processes_may_make_a_collection_at_the_same_time(
    server: RunningServer, pool: QdrantConnectionPool
) -> None:
    collection = f"test-{uuid4().hex}"
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            index = QdrantIndex(Endpoint(server.url, server.api_key), pool)
            group.create_task(index.ensure(collection, model_id="model", dimension=3))
    with pytest.raises(BadRequestError, match="embeddings of 'model'"):
        await index.ensure(collection, model_id="other", dimension=3)


async def test_an_index_of_a_field_that_is_missing_is_added(
    server: RunningServer, index: QdrantIndex, name: str
) -> None:
    server.fail()
    await index.ensure(name, model_id="model", dimension=3)
    assert not any(asked.endswith("/index") for asked in server.log()["asked"])
    collection = f"test-{uuid4().hex}"
    server.fail({"kind": "status", "status": 400, "path": "/index"})
    with pytest.raises(BadRequestError):
        await index.ensure(collection, model_id="model", dimension=3)
    server.fail()
    await index.ensure(collection, model_id="model", dimension=3)
    assert sum(asked.endswith("/index") for asked in server.log()["asked"]) >= 1


def version(text: str) -> dict[str, Any]:
    return {"kind": "status", "status": 200, "path": "GET /", "times": 1,
            "body": json.dumps({"title": "qdrant", "version": text})}  # fmt: skip


async def test_an_old_server_is_said_to_be_old(server: RunningServer, pool: QdrantConnectionPool, name: str) -> None:
    endpoint = Endpoint(server.url, server.api_key)
    server.fail(version("1.15.5"))
    with pytest.raises(BadRequestError, match=r"older than 1\.16"):
        await QdrantIndex(endpoint, pool).ensure(name, model_id="model", dimension=3)
    server.fail(version("1.18.2"))
    health = await QdrantIndex(endpoint, pool).ping()
    assert health.ok
    assert "counted over all tenants" in health.detail
    assert "without encryption" in health.detail
    server.fail(version("dev"))
    assert "calls itself version" in (await QdrantIndex(endpoint, pool).ping()).detail


async def test_ranks_on_an_old_server_do_not_ask_for_what_it_would_ignore(
    server: RunningServer, pool: QdrantConnectionPool, name: str
) -> None:
    old = QdrantIndex(Endpoint(server.url, server.api_key), pool)
    await old.upsert(A, name, points(4))
    server.fail(version("1.18.2"))
    assert len(await old.search(A, name, Query((1.0, 0.0, 0.0), {1: 1.0}, explain=True))) == 4


async def test_it_says_how_it_is(server: RunningServer, pool: QdrantConnectionPool) -> None:
    index = QdrantIndex(Endpoint(server.url, server.api_key), pool, prefix="udib-health-")
    await index.ensure("words", model_id="model", dimension=3)
    await index.upsert(A, "words", points(2))
    health = await index.ping()
    assert health.ok
    assert health.detail.startswith(f"2 points in 1 collections, Qdrant 1.19 at {server.url}")


async def test_a_server_ranks_as_the_embedded_index_does(index: QdrantIndex, name: str, tmp_path: Path) -> None:
    rng = Random(5)
    stored = [
        Point(
            str(uuid5(NAMESPACE_OID, f"r{n}")),
            [rng.gauss(0, 1) for _ in range(3)],
            {"content_id": f"c{n % 3}"},
            {rng.randrange(20): rng.uniform(0.1, 2) for _ in range(4)},
        )
        for n in range(120)
    ]
    edge = EdgeIndex(tmp_path / "vectors", linger_s=0.0)
    await edge.ensure(name, model_id="model", dimension=3)
    for each in (index, edge):
        await each.upsert(A, name, stored[:80])
        await each.upsert(Scope.of("b", "main"), name, stored[80:])
    for _ in range(10):
        terms = {rng.randrange(20): 1.0 for _ in range(3)}
        query = Query(
            [rng.gauss(0, 1) for _ in range(3)], terms, 12, Filters(not_content_id=ContentId("c1")), explain=True
        )
        theirs, ours = await index.search(A, name, query), await edge.search(A, name, query)
        assert [hit.id for hit in theirs] == [hit.id for hit in ours]
        for key in ("score", "similarity", "term_score"):
            assert [getattr(hit, key) for hit in theirs] == pytest.approx([getattr(hit, key) for hit in ours], abs=1e-5)
    await edge.close()


async def test_a_large_batch_goes_in_parts_that_a_server_takes(
    server: RunningServer, index: QdrantIndex, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qdrant, "BYTES_PER_CALL", 100_000)
    server.fail()
    await index.upsert(A, name, points(30, text="y" * 10_000))
    assert sum(asked.endswith(PUT_POINTS) for asked in server.log()["asked"]) == 4
    assert await index.count(A, name, ANY) == 30


async def test_a_collection_that_others_dropped_is_missed_at_the_next_write(
    server: RunningServer, index: QdrantIndex, pool: QdrantConnectionPool, name: str
) -> None:
    await index.upsert(A, name, points(2))
    assert await QdrantIndex(Endpoint(server.url, server.api_key), pool).drop(name, expected=2)
    assert await index.search(A, name, Query((1.0, 0.0, 0.0), {1: 1.0})) == []
    with pytest.raises(BadRequestError, match="no collection"):
        await index.upsert(A, name, points(1))


async def test_a_foreign_point_never_gets_out(server: RunningServer, index: QdrantIndex, name: str) -> None:
    payload = {"tenant": "b", "workspace": "main", "content_id": "c"}
    point = {"id": str(uuid4()), "version": 1, "score": 1.0, "payload": payload}
    bodies = {
        QUERY: {"result": [{"points": [point]}], "status": "ok", "time": 0.1},
        "/points/scroll": {"result": {"points": [point], "next_page_offset": None}, "status": "ok", "time": 0.1},
    }
    for path, ask in {
        QUERY: index.search(A, name, Query((1.0, 0.0, 0.0))),
        "/points/scroll": index.scroll(A, name, ANY),
    }.items():
        server.fail({"kind": "status", "status": 200, "body": json.dumps(bodies[path]), "path": path})
        with pytest.raises(UdibError, match="does not belong"):
            await ask


def test_the_commands_work_on_a_server(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data-dir", str(tmp_path / "data"), "--quiet"])
        printed = capsys.readouterr()
        assert ended.value.code == code, printed.err
        return printed.out + printed.err

    talk = tmp_path / "talk.txt"
    talk.write_text("Maya: Rents in Vienna rose by twelve percent in 2021.\nDaniel: In Berlin they fell.\n")
    monkeypatch.setenv("UDIB_MEMORY__INDEX", "qdrant")
    assert "no server is named" in run("ask", "rents?", code=2)
    monkeypatch.setenv("QDRANT_URL", f"http://127.0.0.1:{closed_port()}")
    assert "cannot be reached" in run("ask", "how much did rents rise in Vienna?", code=3)
    monkeypatch.setenv("QDRANT_URL", server.url)
    assert "does not accept the key" in run("ask", "how much did rents rise in Vienna?", code=4)
    monkeypatch.setenv("QDRANT_API_KEY", server.api_key or "")
    monkeypatch.setenv("UDIB_MEMORY__QDRANT_PREFIX", "udib-commands-")
    run("analyze", str(talk))
    assert "twelve percent" in run("ask", "how much did rents rise in Vienna?")
    doctor = run("doctor")
    assert f"Qdrant 1.19 at {server.url}" in doctor
    assert "letmein" not in doctor
    run("forget", "talk", "--yes")
    assert "twelve percent" not in run("ask", "how much did rents rise in Vienna?")
    assert not (tmp_path / "data" / "vectors").exists()


def test_the_oldest_servers_are_named_where_users_read() -> None:
    text = (Path(__file__).parents[2] / "docs" / "architecture" / "memory_system.md").read_text(encoding="utf-8")
    assert f"1.{qdrant_server.OLDEST_SERVER[1]}" in text
    assert f"1.{qdrant_server.SCOPED_RARITY[1]}" in text
