"""Writes that wait while the server of the memory cannot be reached."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from udib.core.errors import ForbiddenError, UnavailableError
from udib.core.tenancy import Scope, TenantId
from udib.core.types import ContentId, MemoryRecord, RecordKind
from udib.core.vectors import Collection, Filters, Hit, Point, Query
from udib.memory.service import MemoryService
from udib.memory.static import StaticEmbedder
from udib.memory.store import EnhancedVectorStore
from udib.memory.write_queue import WriteQueue
from udib.testing.vectors import FakeVectorIndex

A, B = Scope.of("a", "main"), Scope.of("b", "main")
KIND = RecordKind.TRANSCRIPT
RENT, TREES = "Rent control keeps the rents low.", "Trees grow slowly in the city."


class Clock:
    """Seconds that pass when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Server(FakeVectorIndex):
    """An index whose server comes and goes."""

    away = False

    async def upsert(self, scope: Scope, collection: str, points: Sequence[Point]) -> None:
        self._look()
        await super().upsert(scope, collection, points)

    async def search(self, scope: Scope, collection: str, query: Query) -> list[Hit]:
        self._look()
        return await super().search(scope, collection, query)

    async def collections(self) -> list[Collection]:
        self._look()
        return await super().collections()

    async def usage(self, collection: str, tenant: TenantId | None = None) -> dict[Scope, int]:
        self._look()
        return await super().usage(collection, tenant)

    def _look(self) -> None:
        if self.away:
            raise UnavailableError("The server is away.")


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> WriteQueue:
    return WriteQueue(tmp_path / "waiting", most_bytes=20_000, clock=clock)


@pytest.fixture
def memory(server: Server, queue: WriteQueue) -> MemoryService:
    return MemoryService(EnhancedVectorStore(server, StaticEmbedder.load()), queue=queue, quota=3)


def record(content: str, text: str, number: int = 0) -> MemoryRecord:
    return MemoryRecord(KIND, ContentId(content), number, text, start_s=0.0, end_s=5.0, title="Talk", link="")


async def found(memory: MemoryService, scope: Scope, question: str) -> list[str]:
    [passages] = await memory.recall(scope, KIND, [question], limit=5, filters=Filters())
    return [passage.record.text for passage in passages]


async def test_what_could_not_be_stored_is_stored_when_the_server_is_back(
    memory: MemoryService, server: Server, queue: WriteQueue, clock: Clock
) -> None:
    server.away = True
    assert await memory.remember(A, [record("file:1", RENT)]) == 0
    assert await memory.remember(B, [record("file:1", TREES)]) == 0
    assert "2 items wait to be stored" in (await memory.ping()).detail
    with pytest.raises(UnavailableError, match="away"):
        await found(memory, A, "rent control")
    server.away = False
    clock.now += 9.0
    assert await found(memory, A, "rent control") == [], "the server is not asked at every call"
    clock.now += 2.0
    assert await found(memory, A, "rent control") == [RENT]
    assert await found(memory, A, "trees grow") == []
    assert await found(memory, B, "trees grow") == [TREES]
    assert len(queue) == 0
    assert "wait" not in (await memory.ping()).detail


async def test_the_queue_outlives_its_process(memory: MemoryService, server: Server, tmp_path: Path) -> None:
    server.away = True
    await memory.remember(A, [record("file:1", RENT)])
    server.away = False
    store = EnhancedVectorStore(server, StaticEmbedder.load())
    later = MemoryService(store, queue=WriteQueue(tmp_path / "waiting", most_bytes=20_000))
    assert await found(later, A, "rent control") == [RENT]


async def test_a_newer_write_is_never_undone_by_an_older_one_that_waited(
    memory: MemoryService, server: Server, clock: Clock
) -> None:
    server.away = True
    await memory.remember(A, [record("file:1", RENT), record("file:1", "Rent control is over.", 1)])
    await memory.remember(A, [record("file:1", "Rent control of old.")])
    server.away = False
    assert await memory.remember(A, [record("file:1", TREES)]) == 1
    clock.now += 60.0
    assert await found(memory, A, "rent control") == []
    assert await found(memory, A, "trees grow") == [TREES]


async def test_what_waits_can_be_forgotten_though_the_server_is_away(
    memory: MemoryService, server: Server, clock: Clock, tmp_path: Path
) -> None:
    server.away = True
    await memory.remember(A, [record("file:1", RENT)])
    with pytest.raises(UnavailableError):
        await memory.forget(A, ContentId("file:1"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and b"Rent control" in path.read_bytes()]
    server.away = False
    clock.now += 60.0
    assert await found(memory, A, "rent control") == []


async def test_a_full_queue_says_so_and_keeps_what_it_has(
    memory: MemoryService, server: Server, queue: WriteQueue
) -> None:
    server.away = True
    await memory.remember(A, [record("file:1", RENT)])
    with pytest.raises(UnavailableError, match=r"cannot be reached, and 0\.0 of 0 MB of memory\.queue_megabytes wait"):
        await memory.remember(A, [record("file:2", "word " * 5000)])
    assert len(queue) == 1


async def test_an_item_that_is_refused_does_not_hold_up_the_others(
    memory: MemoryService, server: Server, queue: WriteQueue, clock: Clock
) -> None:
    server.away = True
    await memory.remember(A, [record("file:1", f"Rent number {n}.", n) for n in range(4)])
    await memory.remember(B, [record("file:2", TREES)])
    server.away = False
    clock.now += 60.0
    assert await found(memory, B, "trees grow") == [TREES]
    assert len(queue) == 1
    assert "1 item waits to be stored. The memory of the tenant 'a' may hold 3 records" in (await memory.ping()).detail


async def test_without_a_queue_an_unreachable_server_is_a_failure(server: Server) -> None:
    memory = MemoryService(EnhancedVectorStore(server, StaticEmbedder.load()))
    server.away = True
    with pytest.raises(UnavailableError, match="away"):
        await memory.remember(A, [record("file:1", RENT)])


async def test_a_refusal_of_the_store_itself_is_not_queued(memory: MemoryService, queue: WriteQueue) -> None:
    with pytest.raises(ForbiddenError, match="may hold 3 records"):
        await memory.remember(A, [record("file:1", f"Rent number {n}.", n) for n in range(4)])
    assert len(queue) == 0
