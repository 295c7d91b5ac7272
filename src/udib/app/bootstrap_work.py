"""The part of the composition root that opens the engine and the journal: of this machine, or of a fleet."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from udib.app.bootstrap_memory import closed_with, needs_extra
from udib.app.settings import Settings, StorageSettings
from udib.core.errors import BadRequestError
from udib.core.gates import RECOGNITION, GateBook, Gates, Limit, asking, download_from
from udib.core.jobs import Bounds
from udib.core.ports import ArtifactStore, Locks, StepStore
from udib.core.tenancy import Scope
from udib.pipeline.engine import Engine
from udib.pipeline.flow_control import FlowControl
from udib.pipeline.journal import Journal
from udib.pipeline.step import Deadlines
from udib.pipeline.sweep import Sweeper

if TYPE_CHECKING:
    from udib.pipeline.dbos_queue import DbosQueue


@dataclass(frozen=True, slots=True)
class Work:
    """Who does jobs, how much of what at once, and where finished steps are. Nothing is connected to before its use."""

    engine: Engine
    journal: Journal
    gates: Gates
    sweeper: Sweeper


def open_work(stack: AsyncExitStack, settings: Settings, root: Path, artifacts: ArtifactStore) -> Work:
    """The engine that the settings name, and its journal.

    Args:
        stack: Closes what is opened.
        settings: Which, and where.
        root: The data directory.
        artifacts: Where large steps lie.

    Raises:
        BadRequestError: The engine needs something that is not set.
    """
    match settings.engine.kind:
        case "local":
            return _local(stack, settings, root, artifacts)
        case "dbos":
            return _fleet(stack, settings, root, artifacts)


def _local(stack: AsyncExitStack, settings: Settings, root: Path, artifacts: ArtifactStore) -> Work:
    from udib.pipeline.local import LocalEngine
    from udib.storage.database import Database
    from udib.storage.jobs import SqliteJobStore
    from udib.storage.locks import FileLocks
    from udib.storage.steps import JOURNAL_SCHEMA, SqliteStepStore

    database = closed_with(stack, Database(root / "journal.db", JOURNAL_SCHEMA))
    wanted = settings.engine
    jobs = SqliteJobStore(database)
    engine = LocalEngine(jobs, root / "locks", keep_days=wanted.keep_days, bounds=_bounds(settings))
    stack.push_async_callback(engine.close)
    book = _machine_book(stack, root)
    gates = FlowControl(_limits(settings, book, book))
    stores = (SqliteStepStore(database), FileLocks(root / "locks"), artifacts)
    return _over(engine, gates, stores, settings.storage)


def _machine_book(stack: AsyncExitStack, root: Path) -> GateBook:
    from udib.storage.gates import FileGateBook

    book = FileGateBook(root / "locks")
    stack.push_async_callback(book.close)
    return book


def _limits(settings: Settings, machine: GateBook, shared: GateBook) -> dict[str, tuple[Limit, GateBook]]:
    """What is limited: recognition by the cores of each machine, what others serve us for all machines together."""
    wanted = settings.engine.limits
    recognition = wanted.recognitions(settings.transcripts.processes)
    return {
        RECOGNITION: (recognition, machine),
        provider_resource(settings): (wanted.provider.limit, shared),
        **{download_from(platform): (limit, shared) for platform, limit in wanted.platforms.items()},
    }


def provider_resource(settings: Settings) -> str:
    """Who is asked for answers, as its gate calls it."""
    return asking(settings.llm.base_url or settings.llm.provider)


def deadlines_of(settings: Settings) -> Deadlines:
    """How long the stages and the whole job may take."""
    wanted = settings.engine.deadlines
    return Deadlines(
        download_s=wanted.download_s,
        transcribe_s=wanted.transcribe_s,
        analyse_s=wanted.analyse_s,
        store_s=wanted.store_s,
        notify_s=wanted.notify_s,
        run_s=wanted.job_s,
    )


def _bounds(settings: Settings) -> Bounds:
    wanted = settings.engine.limits
    return Bounds(wanted.waiting, wanted.waiting_of_one_tenant)


def _fleet(stack: AsyncExitStack, settings: Settings, root: Path, artifacts: ArtifactStore) -> Work:
    with needs_extra("fleet"):
        from udib.storage.postgres import PostgresDatabase

    from udib.pipeline.dbos import DbosEngine
    from udib.pipeline.dbos_worker import LEASE_S, worker_name
    from udib.storage.postgres_gates import PostgresGateBook
    from udib.storage.postgres_jobs import PostgresJobStore
    from udib.storage.postgres_locks import PostgresLocks
    from udib.storage.postgres_steps import PostgresStepStore

    wanted, storage = settings.engine, settings.storage
    url = wanted.postgres_url or storage.postgres_url
    if url is None:
        raise BadRequestError(
            "engine.kind is dbos, but neither engine.postgres_url nor storage.postgres_url is set; give the connection "
            "string of your server, best as UDIB_STORAGE__POSTGRES_URL (DATABASE_URL gives it too)."
        )
    if storage.catalogue != "postgres":
        raise BadRequestError(
            f"engine.kind is dbos, but storage.catalogue is {storage.catalogue}, so that no machine would find the "
            "reports of another; set storage.catalogue to postgres."
        )
    database = PostgresDatabase(
        url.get_secret_value(),
        storage.postgres_schema,
        connections=max(storage.postgres_connections, 2),  # who sweeps holds one while it asks for another
        setting="engine.postgres" if wanted.postgres_url else "storage.postgres",
    )
    if "dbname" not in database.login:
        raise BadRequestError(
            f"{database.place.setting}_url names no database, which the queue of the fleet needs; write "
            "postgresql://user:password@host:5432/database."
        )
    stack.push_async_callback(database.close)
    worker = worker_name()

    def queue() -> "DbosQueue":
        with needs_extra("fleet"):
            from udib.pipeline.dbos_queue import DbosQueue

        return DbosQueue(database, worker, lease_s=LEASE_S)

    jobs = PostgresJobStore(database)
    engine = DbosEngine(jobs, queue, worker, keep_days=wanted.keep_days, bounds=_bounds(settings))
    stack.push_async_callback(engine.close)
    book = PostgresGateBook(database, worker)
    stack.push_async_callback(book.close)
    gates = FlowControl(_limits(settings, _machine_book(stack, root), book))
    return _over(engine, gates, (PostgresStepStore(database), PostgresLocks(database, worker), artifacts), storage)


def _over(
    engine: Engine, gates: Gates, stores: tuple[StepStore, Locks, ArtifactStore], storage: StorageSettings
) -> Work:
    of_tenants = {Scope.of(tenant, "main").tenant: kept.retention for tenant, kept in storage.keep_of_tenants.items()}
    return Work(engine, Journal(*stores), gates, Sweeper(*stores, storage.keep.retention, of_tenants))
