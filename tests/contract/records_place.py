"""Where the records of a contract test lie, and their adapters there; also for the processes that a test starts."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from udib.core.ports import Catalogue, DecisionLog, EvidenceChanges, Scales, Watches
from udib.core.spending import Ledger
from udib.storage import catalogue, decisions, ledger
from udib.storage.catalogue import SqliteCatalogue
from udib.storage.changes import SqliteEvidenceChanges
from udib.storage.database import Database
from udib.storage.decisions import SqliteDecisionLog
from udib.storage.ledger import SqliteLedger
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_catalogue import PostgresCatalogue
from udib.storage.postgres_changes import PostgresEvidenceChanges
from udib.storage.postgres_decisions import PostgresDecisionLog
from udib.storage.postgres_ledger import PostgresLedger
from udib.storage.postgres_scales import PostgresScales
from udib.storage.postgres_watches import PostgresWatches
from udib.storage.scales import SqliteScales
from udib.storage.watches import SqliteWatches

Clock = Callable[[], float]


def in_folder(folder: Path) -> str:
    """The address of SQLite files."""
    return f"sqlite:{folder}"


def in_new_schema(url: str) -> str:
    """The address of tables that no other test has."""
    return f"{url}#test_{uuid4().hex}"


@asynccontextmanager
async def server_at(address: str) -> AsyncIterator[PostgresDatabase]:
    url, _, schema = address.partition("#")
    database = PostgresDatabase(url, schema)
    yield database
    await database.close()


@asynccontextmanager
async def _file(address: str, name: str, schema: tuple[str, ...]) -> AsyncIterator[Database]:
    database = Database(Path(address.removeprefix("sqlite:")) / name, schema)
    yield database
    await database.close()


@asynccontextmanager
async def catalogue_at(address: str) -> AsyncIterator[Catalogue]:
    if address.startswith("sqlite:"):
        async with _file(address, "catalogue.db", catalogue.SCHEMA) as file:
            yield SqliteCatalogue(file)
    else:
        async with server_at(address) as server:
            yield PostgresCatalogue(server)


@asynccontextmanager
async def ledger_at(address: str, clock: Clock) -> AsyncIterator[Ledger]:
    if address.startswith("sqlite:"):
        async with _file(address, "spending.db", ledger.SCHEMA) as file:
            yield SqliteLedger(file, clock=clock)
    else:
        async with server_at(address) as server:
            yield PostgresLedger(server, clock=clock)


@asynccontextmanager
async def log_at(address: str, clock: Clock, most_kept: int = decisions.MOST_KEPT) -> AsyncIterator[DecisionLog]:
    if address.startswith("sqlite:"):
        async with _file(address, "decisions.db", decisions.SCHEMA) as file:
            yield SqliteDecisionLog(file, clock=clock, most_kept=most_kept)
    else:
        async with server_at(address) as server:
            yield PostgresDecisionLog(server, clock=clock, most_kept=most_kept)


@asynccontextmanager
async def watches_at(address: str) -> AsyncIterator[Watches]:
    if address.startswith("sqlite:"):
        async with _file(address, "catalogue.db", catalogue.SCHEMA) as file:
            yield SqliteWatches(file)
    else:
        async with server_at(address) as server:
            yield PostgresWatches(server)


@asynccontextmanager
async def scales_at(address: str) -> AsyncIterator[Scales]:
    if address.startswith("sqlite:"):
        async with _file(address, "catalogue.db", catalogue.SCHEMA) as file:
            yield SqliteScales(file)
    else:
        async with server_at(address) as server:
            yield PostgresScales(server)


@asynccontextmanager
async def changes_at(address: str) -> AsyncIterator[tuple[Catalogue, EvidenceChanges]]:
    """The changes, and the catalogue whose contents they are about."""
    if address.startswith("sqlite:"):
        async with _file(address, "catalogue.db", catalogue.SCHEMA) as file:
            yield SqliteCatalogue(file), SqliteEvidenceChanges(file)
    else:
        async with server_at(address) as server:
            yield PostgresCatalogue(server), PostgresEvidenceChanges(server)
