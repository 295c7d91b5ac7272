"""What is the PostgreSQL index's own: its server, its tables, and that it ranks as the embedded index does."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors
from structlog.testing import capture_logs

from udib.app.bootstrap import open_app
from udib.app.bootstrap_memory import needs_extra
from udib.app.settings import load_settings
from udib.core.errors import BadRequestError, ForbiddenError, UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.core.vectors import Filters, Hit, Point, Query, VectorIndex
from udib.memory.edge import EdgeIndex
from udib.memory.postgres import PostgresIndex
from udib.memory.postgres_server import MIGRATIONS
from udib.memory.postgres_server import PostgresServer as Connections

if TYPE_CHECKING:
    from pgserver.postgres_server import PostgresServer

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("postgres")]
A, B = Scope.of("a", "main"), Scope.of("b", "main")
ANY = Filters()
GONE = Filters(content_id=ContentId("gone"))


def point(
    vector: tuple[float, ...] = (1.0, 0.0), terms: dict[int, float] | None = None, *, number: str = "", **payload: Any
) -> Point:
    return Point(number or str(uuid4()), vector, {"content_id": "c1", **payload}, terms or {})


async def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    """What the operator would see."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(statement)
        return await cursor.fetchall() if cursor.description else []


@pytest.fixture
async def schema(postgres_url: str) -> AsyncIterator[str]:
    name = f"test_{uuid4().hex}"
    yield name
    await ask(postgres_url, f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.fixture
async def index(postgres_url: str, schema: str) -> AsyncIterator[PostgresIndex]:
    opened = PostgresIndex(postgres_url, schema)
    await opened.ensure("words", model_id="model", dimension=2)
    yield opened
    await opened.close()


@pytest.fixture
async def edge(vectors: Path) -> AsyncIterator[EdgeIndex]:
    opened = EdgeIndex(vectors, linger_s=0.0)
    yield opened
    await opened.close()


async def test_it_ranks_as_the_embedded_index_does(index: PostgresIndex, edge: EdgeIndex) -> None:
    rng = random.Random(7)
    adapters: tuple[VectorIndex, ...] = (index, edge)
    points = [
        Point(
            str(UUID(int=rng.getrandbits(128))),
            [rng.gauss(0, 1) for _ in range(8)] if number % 10 else [],
            {"content_id": f"c{number % 7}", "number": number},
            {rng.randrange(40): rng.uniform(0.1, 2) for _ in range(rng.randrange(1, 9))} if number % 9 else {},
        )
        for number in range(1, 300)
        if number % 90
    ]
    foreign = [
        Point(str(UUID(int=n)), [1.0] * 8, {"content_id": "x"}, dict.fromkeys(range(10), 1.0)) for n in range(50)
    ]
    for each in adapters:
        await each.ensure("both", model_id="m", dimension=8)
        await each.upsert(A, "both", points)
        await each.upsert(B, "both", foreign)
    for filters in (ANY, Filters(content_id=ContentId("c3")), Filters(number_from=100)):
        terms = {rng.randrange(40): rng.uniform(0.5, 1.5) for _ in range(4)}
        vector = [rng.gauss(0, 1) for _ in range(8)]
        for query in (
            Query((), terms, 10, filters, explain=True),
            Query(vector, terms, 10, filters, explain=True),
            Query(vector, {}, 10, filters),
        ):
            ours, theirs = [await each.search(A, "both", query) for each in adapters]
            assert [hit.score for hit in ours] == pytest.approx([hit.score for hit in theirs], abs=1e-5)
            assert_alike({hit.id: hit for hit in ours}, {hit.id: hit for hit in theirs})


def assert_alike(ours: dict[str, Hit], theirs: dict[str, Hit]) -> None:
    """The same hits with the same figures; among those of the last score, either may have been cut off."""
    last = min(hit.score for hit in ours.values()) + 1e-5
    assert {key for key in ours if ours[key].score > last} == {key for key in theirs if theirs[key].score > last}
    for key in ours.keys() & theirs.keys():
        assert (ours[key].term_score or 0) == pytest.approx(theirs[key].term_score or 0, rel=1e-4)
        assert ours[key].similarity == pytest.approx(theirs[key].similarity, abs=1e-5)


async def test_two_scopes_may_use_one_id(index: PostgresIndex) -> None:
    same = str(uuid4())
    await index.upsert(A, "words", [point(number=same.upper(), text="of a")])
    await index.upsert(B, "words", [point(number=same, text="of b")])
    [hit] = await index.search(A, "words", Query((1.0, 0.0)))
    assert (hit.id, hit.payload["text"]) == (same, "of a")
    assert await index.usage("words") == {A: 1, B: 1}


async def test_a_payload_comes_back_as_it_was_nul_characters_too(index: PostgresIndex) -> None:
    payload: dict[str, Any] = {"text": "a\0b", "large": 2**63, "tiny": 5e-324, "deep": [[{"\0": [1.0, 1]}]]}
    payload["published_ts"] = 1e300
    await index.upsert(A, "words", [point(**payload)])
    [stored] = (await index.scroll(A, "words", Filters(published_from=10))).points
    assert stored.payload == {"content_id": "c1", **payload}


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
async def test_a_character_that_is_no_text_is_refused_where_filters_look(index: PostgresIndex, name: str) -> None:
    with pytest.raises(BadRequestError):
        await index.upsert(A, "words", [point(), point(speaker=name)])
    with pytest.raises(BadRequestError, match="no text"):
        await index.count(A, "words", Filters(speaker=name))
    with pytest.raises(BadRequestError, match="no text"):
        await index.ensure("other", model_id=name, dimension=2)
    assert await index.count(A, "words", ANY) == 0


async def test_long_names_and_wide_vectors_fit(index: PostgresIndex) -> None:
    long = "\u00fc" * 30_000
    await index.upsert(A, "words", [point(content_id=long, speaker=long[:1000], verdict=5, start_s="no number")])
    assert await index.count(A, "words", Filters(content_id=ContentId(long))) == 1
    assert await index.facet(A, "words", "verdict", ANY) == {}
    assert await index.delete(A, "words", Filters(content_id=ContentId(long))) == 1
    await index.ensure("wide", model_id="m", dimension=16_000)
    wide = point(tuple(range(16_000)), dict.fromkeys(range(20_000), 1.0), text=random.Random(1).randbytes(30_000).hex())
    await index.upsert(A, "wide", [wide])
    assert len((await index.scroll(A, "wide", ANY)).points[0].vector) == 16_000
    with pytest.raises(BadRequestError, match="16000"):
        await index.ensure("wider", model_id="m", dimension=16_001)


async def test_nothing_is_left_of_what_was_deleted(index: PostgresIndex, postgres_url: str, schema: str) -> None:
    async def tables() -> list[int]:
        names = ("points", "postings", "scopes")
        return [(await ask(postgres_url, f"SELECT count(*) FROM {schema}.{name}"))[0][0] for name in names]

    points = [point((), {1: 1.0, number + 2: 2.0}, content_id="gone") for number in range(20)]
    await index.upsert(A, "words", [*points, kept := point(terms={1: 1.0})])
    await index.upsert(A, "words", [Point(kept.id, (), kept.payload, {5: 1.0, 6: 1.0})])
    assert await tables() == [21, 42, 1]
    assert await index.delete(A, "words", GONE) == 20
    assert await tables() == [1, 2, 1]
    assert await index.remove(A, "words", [kept.id]) == 1
    assert await tables() == [0, 0, 0]
    await index.upsert(A, "words", points)
    assert await index.drop("words", expected=20)
    assert await tables() == [0, 0, 0]


async def test_a_deletion_that_cannot_be_vacuumed_stands_and_is_logged(postgres_url: str, schema: str) -> None:
    index = PostgresIndex(postgres_url, schema, timeout_s=0.3)
    await index.ensure("words", model_id="model", dimension=2)
    await index.upsert(A, "words", [point(content_id="gone")])
    async with await psycopg.AsyncConnection.connect(postgres_url) as other:
        # What another vacuum would hold.
        await other.execute(f"LOCK TABLE {schema}.postings IN SHARE UPDATE EXCLUSIVE MODE")
        with capture_logs() as logs:
            assert await index.delete(A, "words", GONE) == 1
    assert [entry["event"] for entry in logs] == ["memory.not_vacuumed"]
    assert await index.count(A, "words", ANY) == 0
    await index.close()


async def test_eight_writers_of_the_same_points_leave_each_of_them_whole(
    index: PostgresIndex, postgres_url: str, schema: str
) -> None:
    ids = [str(uuid4()) for _ in range(20)]

    async def write(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(5):
            some = rng.sample(ids, 10)
            await index.upsert(A, "words", [point((), {rng.randrange(9): 1.0, 10: 1.0}, number=each) for each in some])
            await index.remove(A, "words", rng.sample(ids, 3))
            await index.search(A, "words", Query((), {10: 1.0}))

    async with asyncio.TaskGroup() as group:
        for seed in range(8):
            group.create_task(write(seed))
    stored = await ask(postgres_url, f"SELECT id, unnest(term_ids) FROM {schema}.points ORDER BY 1, 2")
    assert stored == await ask(postgres_url, f"SELECT id, term FROM {schema}.postings ORDER BY 1, 2")


async def test_a_collection_is_not_dropped_under_a_writer(index: PostgresIndex, postgres_url: str, schema: str) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_url) as other:
        await other.execute(f"SELECT FROM {schema}.collections FOR KEY SHARE")
        dropping = asyncio.create_task(index.drop("words", expected=0))
        await asyncio.sleep(0.1)
        assert not dropping.done()
    assert await dropping
    with pytest.raises(BadRequestError, match="no collection"):
        await index.upsert(A, "words", [point()])


async def test_a_server_that_was_started_anew_is_used_again(index: PostgresIndex, postgres: "PostgresServer") -> None:
    from pgserver._commands import pg_ctl  # type: ignore[attr-defined] # made as it is loaded

    await index.upsert(A, "words", [point()])
    await asyncio.to_thread(
        pg_ctl, ["-w", "-m", "immediate", "restart"], pgdata=postgres.pgdata, user=postgres.system_user
    )
    assert await index.count(A, "words", ANY) == 1
    await index.upsert(A, "words", [point()])
    assert (await index.ping()).detail.startswith("2 points in 1 collections, PostgreSQL 1")


async def test_a_connection_that_is_cut_in_a_call_is_an_outage(postgres_url: str, schema: str) -> None:
    index = PostgresIndex(f"{postgres_url}&application_name={schema}", schema)
    await index.ensure("words", model_id="model", dimension=2)
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as other:
        await other.execute("SELECT pg_sleep(0)")
        async with other.transaction():
            await other.execute(f"LOCK TABLE {schema}.points")
            counting = asyncio.create_task(index.count(A, "words", ANY))
            await asyncio.sleep(0.1)
            await other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [schema]
            )
            with pytest.raises(UnavailableError):
                await counting
    assert await index.count(A, "words", ANY) == 0
    await index.close()


async def test_a_statement_that_takes_too_long_is_stopped(postgres_url: str, schema: str) -> None:
    index = PostgresIndex(postgres_url, schema, timeout_s=0.1)
    await index.ensure("words", model_id="model", dimension=2)
    async with await psycopg.AsyncConnection.connect(postgres_url) as other:
        await other.execute(f"LOCK TABLE {schema}.points")
        with pytest.raises(UnavailableError, match="too long"):
            await index.count(A, "words", ANY)
        with pytest.raises(UnavailableError, match="too long"):
            await index.upsert(A, "words", [point()])
    assert await index.count(A, "words", ANY) == 0
    await index.close()


async def test_what_got_in_the_way_of_another_transaction_is_done_once_more(postgres_url: str, schema: str) -> None:
    server = Connections(postgres_url, schema, timeout_s=5)
    refusals: list[Exception] = [errors.SerializationFailure("a"), errors.DeadlockDetected("b")]

    async def work(_: object) -> str:
        if refusals:
            raise refusals.pop()
        return "done"

    with pytest.raises(UnavailableError):
        await server.write(work)
    refusals.append(errors.SerializationFailure("c"))
    assert await server.write(work) == "done"
    await server.close()


async def test_a_full_disk_is_named(postgres_url: str, schema: str) -> None:
    server = Connections(postgres_url, schema, timeout_s=5)

    async def work(_: object) -> None:
        raise errors.DiskFull("could not extend file")

    with pytest.raises(UnavailableError, match="full disk; free some space"):
        await server.write(work)
    await server.close()


async def test_many_processes_may_make_the_tables_at_once(postgres_url: str, schema: str) -> None:
    indexes = [PostgresIndex(postgres_url, schema) for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        for each in indexes:
            group.create_task(each.ensure("words", model_id="model", dimension=2))
    assert len(await indexes[0].collections()) == 1
    for each in indexes:
        await each.close()


async def test_tables_of_a_newer_version_are_refused(index: PostgresIndex, postgres_url: str, schema: str) -> None:
    assert await ask(postgres_url, f"SELECT version FROM {schema}.udib_schema_version") == [(len(MIGRATIONS),)]
    await ask(postgres_url, f"UPDATE {schema}.udib_schema_version SET version = 99")
    newer = PostgresIndex(postgres_url, schema)
    with pytest.raises(BadRequestError, match="newer udib"):
        await newer.collections()
    assert not (await newer.ping()).ok


async def test_tables_that_vanish_are_an_outage(index: PostgresIndex, postgres_url: str, schema: str) -> None:
    await ask(postgres_url, f"DROP SCHEMA {schema} CASCADE")
    with pytest.raises(UnavailableError, match="start udib again"):
        await index.count(A, "words", ANY)


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "error"),
    [
        (f"postgresql://u:{SECRET}@127.0.0.1:1/x", UnavailableError),
        (f"postgresql://u:{SECRET}@127.0.0.1:99999/x", BadRequestError),
        (f"postgresql://u:hun/{SECRET}@127.0.0.1/x", BadRequestError),
        (f"postgresql://u:{SECRET}/x@127.0.0.1/x", BadRequestError),
        (f"postgresql://u:hun@{SECRET}@127.0.0.1/x", BadRequestError),
        (f"host=127.0.0.1 password=a {SECRET}", BadRequestError),
        (f"postgresql://nobody:{SECRET}@/postgres?host=SOCKETS", ForbiddenError),
        (f"postgresql://postgres:{SECRET}@/nowhere?host=SOCKETS", BadRequestError),
    ],
)
async def test_a_wrong_address_is_one_sentence_without_the_password(
    url: str, error: type[Exception], postgres: "PostgresServer"
) -> None:
    with pytest.raises(error) as caught:
        await PostgresIndex(url.replace("SOCKETS", str(postgres.pgdata))).collections()
    said = f"{caught.value} {caught.value.__cause__}"
    assert SECRET not in said
    assert "\n" not in str(caught.value)


async def test_a_role_without_rights_is_told_so(postgres_url: str, schema: str) -> None:
    role, database = f"role_{schema}", f"db_{schema}"
    await ask(postgres_url, f"CREATE ROLE {role} LOGIN")
    await ask(postgres_url, f"CREATE DATABASE {database}")
    elsewhere = postgres_url.replace("postgres:@/postgres?", f"{role}:@/{database}?")
    with pytest.raises(ForbiddenError, match="administrator"):
        await PostgresIndex(elsewhere).collections()
    await ask(postgres_url.replace("/postgres?", f"/{database}?"), "CREATE EXTENSION vector")
    with pytest.raises(ForbiddenError, match="grant it"):
        await PostgresIndex(elsewhere).collections()
    await ask(postgres_url, f"DROP DATABASE {database}")
    await ask(postgres_url, f"DROP ROLE {role}")


async def test_a_database_of_another_encoding_is_refused(postgres_url: str, schema: str) -> None:
    options = "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
    await ask(postgres_url, f"CREATE DATABASE {schema} {options}")
    with pytest.raises(BadRequestError, match="UTF8"):
        await PostgresIndex(postgres_url.replace("/postgres?", f"/{schema}?")).collections()
    await ask(postgres_url, f"DROP DATABASE {schema}")


async def test_the_settings_choose_it(
    tmp_path: Path, postgres_url: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UDIB_MEMORY__INDEX", "postgres")
    with pytest.raises(BadRequestError, match="postgres_url is not set"):
        async with open_app(load_settings(data_dir=tmp_path)):
            pass
    monkeypatch.setenv("UDIB_MEMORY__POSTGRES_URL", postgres_url)
    monkeypatch.setenv("UDIB_MEMORY__POSTGRES_SCHEMA", schema)
    settings = load_settings(data_dir=tmp_path)
    assert postgres_url not in repr(settings)
    async with open_app(settings) as app:
        assert [health.ok for health in await app.ping() if "PostgreSQL" in health.detail] == [True]


def test_a_missing_library_is_said_with_the_remedy() -> None:
    with pytest.raises(BadRequestError, match=r"pip install 'udib\[postgres\]'"), needs_extra("postgres"):
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")
