"""What every book of gates must do, and flow control over it: between tasks, processes, and deaths of processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from udib.core.gates import Change, GateBook, Limit, Look
from udib.core.tenancy import Scope
from udib.pipeline.flow_control import FlowControl
from udib.storage.gates import FileGateBook
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_gates import PostgresGateBook
from udib.testing.gates import FakeGateBook

ACME, OTHER = Scope.of("acme", "main"), Scope.of("other", "main")
PATIENCE_S = 20.0
HOLDER = """
import asyncio, sys
from pathlib import Path
from udib.core.gates import Limit
from udib.core.tenancy import Scope
from udib.pipeline.flow_control import FlowControl
from udib.storage.gates import FileGateBook
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_gates import PostgresGateBook

async def hold(kind, where, schema):
    book = FileGateBook(Path(where))
    if kind == "postgres":
        book = PostgresGateBook(PostgresDatabase(where, schema), "udib victim")
    gates = FlowControl({"ears": (Limit(1), book)})
    async with gates.place("ears", Scope.of("acme", "main")):
        print("in", flush=True)
        await asyncio.sleep(600)

asyncio.run(hold(*sys.argv[1:]))
"""


class FilePlace:
    """A directory, and books in it as several processes have them."""

    def __init__(self, folder: Path) -> None:
        self.arguments = ("file", str(folder), "")

    @asynccontextmanager
    async def book(self) -> AsyncIterator[GateBook]:
        book = FileGateBook(Path(self.arguments[1]))
        yield book
        await book.close()


class PostgresPlace:
    """A schema, and books in it as several processes have them."""

    def __init__(self, url: str) -> None:
        self.arguments = ("postgres", url, f"test_{uuid4().hex}")

    @asynccontextmanager
    async def book(self) -> AsyncIterator[GateBook]:
        database = PostgresDatabase(*self.arguments[1:])
        book = PostgresGateBook(database, f"udib {uuid4().hex}")
        yield book
        await book.close()
        await database.close()


class FakePlace:
    """A book in memory."""

    arguments = ("fake", "", "")

    def __init__(self) -> None:
        self.states: dict[str, bytes] = {}
        self.alive: set[str] = set()

    @asynccontextmanager
    async def book(self) -> AsyncIterator[GateBook]:
        book = FakeGateBook(name=uuid4().hex, states=self.states, alive=self.alive)
        yield book
        await book.close()


Place = FilePlace | PostgresPlace | FakePlace
SERVER = [pytest.mark.server, pytest.mark.xdist_group("fleet")]


@pytest.fixture(params=["file", pytest.param("postgres", marks=SERVER), "fake"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    match request.param:
        case "file":
            return FilePlace(tmp_path / "locks")
        case "postgres":
            return PostgresPlace(request.getfixturevalue("shared_postgres").url)
        case _:
            return FakePlace()


@pytest.fixture
async def books(place: Place) -> AsyncIterator[list[GateBook]]:
    """Those of two processes."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(place.book()) for _ in range(2)]


def appended(text: bytes) -> Change:
    return lambda data, _: data + text


async def test_what_one_writes_the_other_reads(books: list[GateBook]) -> None:
    one, two = books
    await one.process()
    assert await one.change("ears", appended(b"a")) == b"a"
    assert await two.change("ears", appended(b"b")) == b"ab"
    assert await two.change("Eyes/of: all", appended(b"c")) == b"c"
    assert await one.change("ears", lambda data, _: data[:1]) == b"a"
    assert await two.change("ears", lambda data, _: data) == b"a"


async def test_no_change_is_lost(books: list[GateBook]) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(40):
            group.create_task(books[number % 2].change("ears", appended(b"x")))
    assert await books[0].change("ears", lambda data, _: data) == 40 * b"x"


async def test_who_has_closed_is_not_alive(books: list[GateBook]) -> None:
    one, two = books
    names = [await one.process(), await two.process()]
    seen: list[list[bool]] = []

    def look(data: bytes, at: Look) -> bytes:
        seen.append([at.is_alive(name) for name in (*names, "another")])
        return data

    await one.change("ears", look)
    await two.close()
    await one.change("ears", look)
    assert seen[0] == [True, True, False]
    assert seen[-1] == [True, False, False]


async def test_time_goes_on(books: list[GateBook]) -> None:
    times: list[float] = []

    def look(data: bytes, at: Look) -> bytes:
        times.append(at.now_s)
        return data

    for book in (*books, *books):
        await book.change("ears", look)
        await asyncio.sleep(0.01)
    assert times == sorted(set(times))


class Hall:
    """What went on behind the gates of two processes."""

    def __init__(self, books: list[GateBook], limit: Limit) -> None:
        self.gates = [FlowControl({"ears": (limit, book)}) for book in books]
        self.inside = 0
        self.most = 0
        self.order: list[str] = []

    async def visit(self, who: str, scope: Scope, at: int, *, parts: int = 1, priority: int = 0) -> None:
        async with self.gates[at].place("ears", scope, priority=priority) as place:
            for part in range(parts):
                if part:
                    self.inside -= 1
                    await place.give_way()
                self.inside += 1
                self.most = max(self.most, self.inside)
                self.order.append(who)
                await asyncio.sleep(0.02)
            self.inside -= 1


async def test_no_more_are_in_than_may_whichever_process_they_are_of(books: list[GateBook]) -> None:
    hall = Hall(books, Limit(2))
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(hall.visit(f"a{number}", ACME, number % 2))
    assert (hall.most, sorted(hall.order)) == (2, sorted(f"a{number}" for number in range(10)))


async def test_a_backlog_of_one_tenant_delays_another_by_what_is_in_work(books: list[GateBook]) -> None:
    hall = Hall(books, Limit(1))
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(hall.visit("a", ACME, 0))
        while not hall.order:
            await asyncio.sleep(0)
        group.create_task(hall.visit("b", OTHER, 1))
        begun = len(hall.order)
    assert hall.order.index("b") <= begun + 2  # one is in work, and one may come in while b comes to the door


async def test_a_long_work_gives_way_between_its_parts(books: list[GateBook]) -> None:
    hall = Hall(books, Limit(1))
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(hall.visit("a", ACME, 0, parts=30))
        while not hall.order:
            await asyncio.sleep(0)
        group.create_task(hall.visit("b", OTHER, 1))
    assert (hall.most, hall.order.count("a")) == (1, 30)
    assert hall.order.index("b") < 30


async def test_who_is_cancelled_while_it_waits_holds_nobody_back(books: list[GateBook]) -> None:
    hall = Hall(books, Limit(1))
    async with asyncio.timeout(PATIENCE_S), hall.gates[0].place("ears", ACME):
        waiting = asyncio.create_task(hall.visit("gone", ACME, 1))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(PATIENCE_S):
        await hall.visit("b", OTHER, 1)
    assert hall.order == ["b"]


@pytest.mark.parametrize("place", ["file", pytest.param("postgres", marks=SERVER)], indirect=True)
async def test_the_place_of_a_killed_process_is_free(place: Place, books: list[GateBook]) -> None:
    hall = Hall(books, Limit(1))
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, *place.arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "in\n"
        waiting = asyncio.create_task(hall.visit("b", OTHER, 0))
        await asyncio.sleep(0.5)
        assert hall.order == []
        os.kill(holder.pid, signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            await waiting
    finally:
        holder.kill()
        holder.communicate()


@pytest.mark.server
@pytest.mark.xdist_group("fleet")
async def test_who_was_cut_off_while_it_waited_comes_again(
    shared_postgres: object, request: pytest.FixtureRequest
) -> None:
    place = PostgresPlace(request.getfixturevalue("shared_postgres").url)
    async with place.book() as one, place.book() as two, asyncio.timeout(PATIENCE_S):
        hall = Hall([one, two], Limit(1))
        admin = PostgresDatabase(*place.arguments[1:])
        async with hall.gates[0].place("ears", ACME):
            waiting = asyncio.create_task(hall.visit("b", OTHER, 1))
            await asyncio.sleep(0.5)
            name = await two.process()
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
            assert await admin.rows(cut, [name]) == [(True,)]
            await asyncio.sleep(0.5)
            assert not waiting.done()
        await waiting
        await admin.close()
    assert hall.order == ["b"]


async def test_what_has_no_limit_is_free() -> None:
    async with FlowControl().place("anything", ACME) as place:
        await place.give_way()
