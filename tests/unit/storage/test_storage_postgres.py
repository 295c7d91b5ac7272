"""A real PostgreSQL server: restarted, killed, closed to strangers, too new, read-only, and used by many at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import AsyncConnection

from udib.core.errors import BadRequestError, ForbiddenError, UdibError, UnavailableError
from udib.core.findings import REPORT_SCHEMA, Claim, Evidence, FactCheck, FactChecks, NotJudged, Report, TranscriptFacts
from udib.core.speech import Origin, Segment, Transcript
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Platform
from udib.storage import postgres_catalogue
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_catalogue import PostgresCatalogue
from udib.storage.postgres_schema import MIGRATIONS, storable
from udib.testing.postgres_process import PostgresProcess

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("records")]

A = Scope.of("acme", "main")
Connection = AsyncConnection[tuple[Any, ...]]
DAMAGE = """
    CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_terminate_backend(pg_backend_pid());
        PERFORM pg_sleep(10);
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON effects DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION cut();
"""


@pytest.fixture
def schema() -> str:
    return f"test_{uuid4().hex}"


@pytest.fixture
async def database(shared_postgres: PostgresProcess, schema: str) -> AsyncIterator[PostgresDatabase]:
    opened = PostgresDatabase(shared_postgres.url, schema)
    yield opened
    await opened.close()


@pytest.fixture
async def own(own_postgres: PostgresProcess) -> AsyncIterator[PostgresDatabase]:
    opened = PostgresDatabase(own_postgres.url, wait_s=2)
    yield opened
    await opened.close()


@pytest.fixture
def admin(shared_postgres: PostgresProcess) -> Iterator[psycopg.Connection]:
    with psycopg.connect(shared_postgres.socket_url, autocommit=True) as connection:
        yield connection


async def refusal(url: str, schema: str = "s") -> UdibError:
    """Why the tables cannot be opened."""
    opened = PostgresDatabase(url, schema, wait_s=2)
    try:
        with pytest.raises(UdibError) as caught:
            await opened.rows("SELECT 1", ())
        health = await opened.ping("catalogue")
        assert (health.ok, bool(health.remedy)) == (False, True)
        assert health.detail in str(caught.value)
    finally:
        await opened.close()
    return caught.value


@pytest.mark.parametrize("url", ["http://h", "postgresql://u:p@ss@h/d", "host=h port=p@ss", "postgresql://u:sec/ret@h"])
def test_an_address_that_is_none_is_refused_and_no_part_of_it_is_shown(url: str) -> None:
    with pytest.raises(BadRequestError, match=r"^storage\.postgres_url is no connection string of Postgre") as caught:
        PostgresDatabase(url)
    assert "ss" not in str(caught.value).replace("password", "").replace("address", "")
    assert "ret" not in str(caught.value)


async def test_a_server_that_is_away_is_unavailable_and_says_where_it_should_be() -> None:
    error = await refusal("postgresql://u:secret@127.0.0.1:1/udib")
    assert isinstance(error, UnavailableError)
    assert "PostgreSQL at 127.0.0.1, database udib cannot do this now" in str(error)
    assert "see whether it runs" in str(error)
    assert "secret" not in str(error)


async def test_a_wrong_password_user_or_database_is_said_and_no_password_shown(
    shared_postgres: PostgresProcess,
) -> None:
    wrong = await refusal(shared_postgres.address(password="wrong-secret"))
    unknown = await refusal(shared_postgres.address(user="nobody-here", password="wrong-secret"))
    for error in (wrong, unknown):
        assert isinstance(error, ForbiddenError)
        assert "authentication failed" in str(error)
        assert "check storage.postgres_url" in str(error)
        assert "wrong-secret" not in str(error)
    missing = await refusal(shared_postgres.address(database="nowhere"))
    assert isinstance(missing, BadRequestError)
    assert 'database "nowhere" does not exist' in str(missing)


async def test_a_role_without_rights_is_told_what_it_lacks(
    shared_postgres: PostgresProcess, admin: psycopg.Connection, schema: str
) -> None:
    role = f"role_{uuid4().hex}"
    admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    error = await refusal(shared_postgres.address(user=role, password="x"), schema)
    assert isinstance(error, ForbiddenError)
    assert "does not allow this to the role in storage.postgres_url: permission denied for database" in str(error)
    admin.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {role}")
    allowed = PostgresDatabase(shared_postgres.address(user=role, password="x"), schema)
    assert (await allowed.ping("catalogue")).ok
    await allowed.close()


async def test_a_database_of_another_encoding_is_refused(
    shared_postgres: PostgresProcess, admin: psycopg.Connection
) -> None:
    name = f"latin_{uuid4().hex}"
    admin.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0")
    error = await refusal(shared_postgres.address(database=name))
    assert isinstance(error, BadRequestError)
    assert "stores LATIN1, not UTF8" in str(error)


async def test_records_of_a_newer_udib_are_refused_and_left_alone(
    shared_postgres: PostgresProcess, database: PostgresDatabase, schema: str, admin: psycopg.Connection
) -> None:
    assert (await database.ping("catalogue")).ok
    admin.execute(f"UPDATE {schema}.records_schema_version SET version = 99")
    error = await refusal(shared_postgres.url, schema)
    assert isinstance(error, BadRequestError)
    assert f"The records in the schema {schema} of PostgreSQL at 127.0.0.1, database postgres belong to a newer" in str(
        error
    )
    assert str(error).endswith(f"(their version is 99, this udib knows {len(MIGRATIONS)}); update udib.")


async def test_many_workers_that_start_at_once_make_the_tables_once(
    shared_postgres: PostgresProcess, schema: str
) -> None:
    workers = [PostgresDatabase(shared_postgres.url, schema) for _ in range(8)]
    async with asyncio.TaskGroup() as group:
        pings = [group.create_task(worker.ping("catalogue")) for worker in workers]
    assert [ping.result().ok for ping in pings] == [True] * 8
    assert await workers[0].rows("SELECT version FROM records_schema_version", ()) == [(len(MIGRATIONS),)]
    for worker in workers:
        await worker.close()


async def test_a_migration_that_fails_leaves_nothing(
    shared_postgres: PostgresProcess, schema: str, admin: psycopg.Connection
) -> None:
    admin.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.learned ()")
    database = PostgresDatabase(shared_postgres.url, schema)
    with pytest.raises(psycopg.errors.DuplicateTable):
        await database.rows("SELECT 1", ())
    admin.execute(f"DROP TABLE {schema}.learned")
    assert (await database.ping("catalogue")).ok
    await database.close()


async def test_a_standby_is_told_apart(
    shared_postgres: PostgresProcess, database: PostgresDatabase, schema: str
) -> None:
    assert (await database.ping("catalogue")).ok
    reading = PostgresDatabase(f"{shared_postgres.url}?options=-c%20default_transaction_read_only%3Don", schema)
    assert await PostgresCatalogue(reading).listing(A) == []
    health = await PostgresCatalogue(reading).ping()
    assert "is read-only, perhaps a standby" in health.detail
    with pytest.raises(UnavailableError, match=r"is read-only, .*; name the primary server in storage\.postgres_url\."):
        await PostgresCatalogue(reading).begin_effect(A, ContentId("file:1"), "k")
    await reading.close()


@pytest.mark.parametrize(
    ("code", "said"), [("53100", "has a full disk; free some space there"), ("57014", "took too long for one")]
)
async def test_what_the_server_lacks_is_said(database: PostgresDatabase, code: str, said: str) -> None:
    async def fail(connection: Connection) -> None:
        await connection.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")

    with pytest.raises(UnavailableError, match=rf"^PostgreSQL at 127\.0\.0\.1, database postgres {said}"):
        await database.run(fail)


async def test_a_bug_passes_as_it_is(database: PostgresDatabase) -> None:
    with pytest.raises(psycopg.errors.SyntaxError):
        await database.rows("SELEC 1", ())


async def test_calls_outlive_a_restart_of_the_server(own_postgres: PostgresProcess, own: PostgresDatabase) -> None:
    catalogue = PostgresCatalogue(own)
    assert await catalogue.begin_effect(A, ContentId("file:1"), "before") == "new"
    for restart in (own_postgres.restart, own_postgres.kill):
        await asyncio.to_thread(restart)
        if restart == own_postgres.kill:
            await asyncio.to_thread(own_postgres.start)
        assert await catalogue.begin_effect(A, ContentId("file:1"), "before") == "unknown"


async def test_what_was_cut_off_before_its_end_is_done_again_and_once(
    own_postgres: PostgresProcess, own: PostgresDatabase
) -> None:
    calls = 0

    async def announce(connection: Connection) -> None:
        nonlocal calls
        calls += 1
        await connection.execute("INSERT INTO effects VALUES ('acme', 'main', 'k', 'file:1', NULL)")
        if calls == 1:
            await asyncio.to_thread(own_postgres.kill)
            await asyncio.to_thread(own_postgres.start)
        await connection.execute("SELECT 1")

    await own.run(announce)
    assert calls == 2
    assert await own.rows("SELECT count(*) FROM effects", ()) == [(1,)]


@pytest.mark.parametrize(("repeatable", "calls"), [(False, 1), (True, 4)])
async def test_what_was_cut_off_at_its_end_is_done_again_only_where_that_is_safe(
    database: PostgresDatabase, repeatable: bool, calls: int
) -> None:
    made = 0

    async def damage(connection: Connection) -> None:
        await connection.execute(DAMAGE)

    async def announce(connection: Connection) -> None:
        nonlocal made
        made += 1
        await connection.execute("INSERT INTO effects VALUES ('acme', 'main', 'k', 'file:1', NULL)")

    await database.run(damage)
    with pytest.raises(UnavailableError, match="terminating connection due to administrator command"):
        await database.run(announce, repeatable=repeatable)
    assert made == calls


async def test_a_server_that_goes_away_is_unavailable_and_found_again(
    own_postgres: PostgresProcess, own: PostgresDatabase
) -> None:
    catalogue = PostgresCatalogue(own)
    assert await catalogue.listing(A) == []
    await asyncio.to_thread(own_postgres.kill)
    with pytest.raises(UnavailableError, match=r"database postgres cannot do this now: .*refused.*; see whether it ru"):
        await catalogue.listing(A)
    assert not (await catalogue.ping()).ok
    await asyncio.to_thread(own_postgres.start)
    assert await catalogue.listing(A) == []


class Announcer:
    """Announces one effect after the other and makes those that are new; what ends in doubt it asks about again."""

    def __init__(self, catalogue: PostgresCatalogue) -> None:
        self.catalogue = catalogue
        self.made: list[str] = []
        self.stop = False

    async def work(self, name: str) -> None:
        number = 0
        while not self.stop:
            key = f"{name}{number}"
            assert await self._persistent(self._begin, key) in {"new", "unknown"}
            self.made.append(await self._persistent(self._confirm, key))
            number += 1

    async def _persistent(self, step: Callable[[str], Awaitable[str]], key: str) -> str:
        while True:
            try:
                return await step(key)
            except UnavailableError:
                continue

    async def _begin(self, key: str) -> str:
        return await self.catalogue.begin_effect(A, ContentId("file:1"), key)

    async def _confirm(self, key: str) -> str:
        await self.catalogue.confirm_effect(A, key, "message")
        return key


async def test_no_effect_is_lost_or_doubled_while_the_server_is_killed_again_and_again(
    own_postgres: PostgresProcess, own: PostgresDatabase
) -> None:
    announcer = Announcer(PostgresCatalogue(own))
    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(announcer.work(name))
        for _ in range(4):
            count = len(announcer.made)
            while len(announcer.made) < count + 20:
                await asyncio.sleep(0.001)
            await asyncio.to_thread(own_postgres.kill)
            await asyncio.to_thread(own_postgres.start)
        announcer.stop = True
    kept = await own.rows("SELECT key FROM effects WHERE reference = 'message' ORDER BY key", ())
    assert [key for [key] in kept] == sorted(announcer.made)


async def test_more_calls_than_connections_wait_for_their_turn(shared_postgres: PostgresProcess, schema: str) -> None:
    database = PostgresDatabase(shared_postgres.url, schema, connections=2)
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(database.rows("SELECT 1", ())) for _ in range(40)]
    assert {tuple(call.result()) for call in calls} == {((1,),)}
    await database.close()


async def test_a_call_that_gets_no_connection_says_so(shared_postgres: PostgresProcess, schema: str) -> None:
    database = PostgresDatabase(shared_postgres.url, schema, connections=1, wait_s=0.2)
    held, freed = asyncio.Event(), asyncio.Event()

    async def hold(connection: Connection) -> None:
        held.set()
        await freed.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(database.run(hold))
        await held.wait()
        with pytest.raises(UnavailableError, match="gave no connection or answer in time"):
            await database.rows("SELECT 1", ())
        freed.set()
    await database.close()


async def test_a_call_that_is_cancelled_while_it_gets_its_connection_ends(
    shared_postgres: PostgresProcess, schema: str
) -> None:
    database = PostgresDatabase(shared_postgres.url, schema, connections=1)
    held, freed, begun = asyncio.Event(), asyncio.Event(), []

    async def hold(connection: Connection) -> None:
        held.set()
        await freed.wait()

    async def begin(connection: Connection) -> None:
        begun.append(connection)

    async with asyncio.TaskGroup() as group:
        group.create_task(database.run(hold))
        await held.wait()
        waiting = group.create_task(database.run(begin))
        await asyncio.sleep(0)
        freed.set()
        pool = database._pool
        assert pool is not None
        while not any(client.conn for client in pool._waiting) and not waiting.done() and pool._waiting:
            await asyncio.sleep(0)
        waiting.cancel()
    assert waiting.cancelled()
    assert await database.rows("SELECT 1", ()) == [(1,)]
    await database.close()


def report(number: str, *cited: str) -> Report:
    transcript = Transcript((Segment(0.0, 4.0, "Rents rose.", "Ada"),), Origin.CAPTIONS, "vtt")
    quote = transcript.quote("Rents rose")
    assert quote is not None
    evidence = tuple(Evidence(f"Words of {each}.", "A paper", "", 0.5, ContentId(each)) for each in cited)
    return Report(
        schema=REPORT_SCHEMA,
        content=Content(ContentId(number), Platform.FILE, f"at/{number}", number),
        created_at="2026-01-01T00:00:00Z",
        revision=1,
        transcript=TranscriptFacts("captions", "vtt", "en", low_accuracy=False, timed=True, segments=1, words=2),
        outline=None,
        fallacies=None,
        debate=None,
        fact_checks=FactChecks(
            (FactCheck(Claim(quote, 0.9), evidence, not_judged=NotJudged("needs_llm")),), considered=1
        ),
    )


async def test_contents_that_are_forgotten_at_once_leave_no_word_in_what_cites_them(
    shared_postgres: PostgresProcess, schema: str
) -> None:
    """Each rewrites the same reports; none may put back what another took out."""
    workers = [PostgresDatabase(shared_postgres.url, schema) for _ in range(2)]
    catalogues = [PostgresCatalogue(worker) for worker in workers]
    cited = [f"file:c{number}" for number in range(6)]
    for number in range(10):
        await catalogues[0].save(A, report(f"file:r{number}", *cited))
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(catalogues[number % 2].forget(A, ContentId(each))) for number, each in enumerate(cited)
        ]
    assert [task.result() for task in tasks] == [10] * 6
    for number in range(10):
        kept = await catalogues[0].report(A, ContentId(f"file:r{number}"))
        assert kept is not None
        assert [kept.cites(ContentId(each)) for each in cited] == [0] * 6
    for worker in workers:
        await worker.close()


async def test_saving_entering_withdrawing_and_forgetting_at_once_keep_the_tables_whole(
    shared_postgres: PostgresProcess, schema: str
) -> None:
    workers = [PostgresDatabase(shared_postgres.url, schema) for _ in range(2)]
    one, other = (PostgresCatalogue(worker) for worker in workers)
    about = report("file:1")
    async with asyncio.TaskGroup() as group:
        for revision in range(1, 15):
            group.create_task(one.enter(A, about.content))
            group.create_task(one.save(A, replace(about, revision=revision)))
            group.create_task(other.withdraw(A, about.content.id))
            group.create_task(other.forget(A, about.content.id))
    await one.save(A, replace(about, revision=99))
    assert [each.revision for each in await other.listing(A)] == [99]
    assert await one.forget(A, about.content.id) >= 2
    assert await other.listing(A) == []
    for worker in workers:
        await worker.close()


async def test_a_name_with_a_nul_is_kept_and_found(database: PostgresDatabase) -> None:
    catalogue = PostgresCatalogue(database)
    odd = Content(ContentId("file:a\0b"), Platform.FILE, "at/\0", "A \0 title \u2400")
    await catalogue.save(A, replace(report("file:1", "file:a\0b"), content=odd))
    await catalogue.save(A, report("file:2", "file:a\0b"))
    for reference in ("file:a\0", "at/\0", "a \0 TITLE \u2400", "a\0b"):
        assert await catalogue.find(A, reference) == [odd]
    assert await catalogue.find(A, "file:a\u2400") == []
    assert await catalogue.citing(A, odd.id) == ["file:2"]
    assert [each.content for each in await catalogue.listing(A)] == [report("file:2").content, odd]
    assert await catalogue.forget(A, odd.id) == 3


def test_storable_texts_stay_apart_and_keep_their_beginnings() -> None:
    texts = ["a", "a\0", "a\u2400", "a\u2400\0", "a\0\u2400", "a\u2400\u2401", "a\u2400\u2400"]
    assert len({storable(text) for text in texts}) == len(texts)
    for text in texts:
        assert [other for other in texts if storable(other).startswith(storable(text))] == [
            other for other in texts if other.startswith(text)
        ]


def test_every_statement_on_records_names_the_scope() -> None:
    found = [value for name, value in vars(postgres_catalogue).items() if name.isupper() and name.startswith("_")]
    statements = [each for value in found for each in (value if isinstance(value, tuple) else (value,))]
    statements = [each for each in statements if any(verb in each for verb in ("SELECT", "INSERT", "UPDATE", "DELETE"))]
    assert len(statements) >= 18
    for statement in statements:
        for table in ("contents", "reports", "effects"):
            uses = sum(statement.count(f"{word} {table} ") for word in ("FROM", "INTO", "UPDATE"))
            assert statement.count("%(tenant)s") >= min(uses, 1), statement
            assert statement.count("%(workspace)s") == statement.count("%(tenant)s")
