"""The part of the composition root that opens the records and the artifacts: on this machine, or on servers."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from udib.app.bootstrap_memory import closed_with, needs_extra
from udib.app.settings import Settings, StorageSettings
from udib.core.errors import BadRequestError
from udib.core.ports import ArtifactStore, Catalogue, DecisionLog, EvidenceChanges, Scales, Watches
from udib.core.spending import Ledger


@dataclass(frozen=True, slots=True)
class Records:
    """What udib keeps in tables, all in the place that storage.catalogue names. Each is opened at its first use."""

    catalogue: Catalogue
    ledger: Ledger
    decisions: DecisionLog
    watches: Watches
    scales: Scales
    changes: EvidenceChanges


def open_records(stack: AsyncExitStack, settings: Settings, root: Path) -> Records:
    """The catalogue that the settings name, with ledger and log of decisions beside it.

    Args:
        stack: Closes what is opened.
        settings: Which, and where.
        root: The data directory.

    Raises:
        BadRequestError: The server needs something that is not set.
    """
    match settings.storage.catalogue:
        case "sqlite":
            return _files(stack, root)
        case "postgres":
            return _server(stack, settings.storage)


def left_on_servers(settings: Settings) -> list[str]:
    """What a copy of the data directory lacks, in a sentence each, because it lies on servers."""
    lacking = []
    if settings.storage.catalogue == "postgres":
        lacking.append(
            "The catalogue, what was spent and what the router learned lie on a server (postgres, schema "
            f"{settings.storage.postgres_schema}); back that up by its own means, such as pg_dump."
        )
    if settings.storage.artifacts == "s3":
        lacking.append(
            f"The artifacts lie in a bucket (s3, {settings.storage.s3_bucket}); back that up by its own means."
        )
    if settings.engine.kind == "dbos":
        lacking.append("The jobs and their finished steps lie on a server (postgres); back that up by its own means.")
    return lacking


def open_artifacts(settings: Settings, root: Path) -> ArtifactStore:
    """The store of artifacts that the settings name. Nothing is connected to before it is used.

    Raises:
        BadRequestError: The store needs something that is not set.
    """
    from udib.storage.artifacts import DirectoryArtifactStore

    directory = DirectoryArtifactStore(root / "artifacts")
    match settings.storage.artifacts:
        case "directory":
            return directory
        case "s3":
            with needs_extra("s3"):
                from udib.storage.s3 import Bucket, S3ArtifactStore

            wanted = settings.storage
            if wanted.s3_bucket is None:
                raise BadRequestError("storage.artifacts is s3, but storage.s3_bucket is not set; name the bucket.")
            if (wanted.s3_key is None) != (wanted.s3_secret is None):
                raise BadRequestError(
                    "Of storage.s3_key and storage.s3_secret one is set and one is not; set both, or neither for the "
                    "role of the machine."
                )
            key, secret = (each.get_secret_value() if each else "" for each in (wanted.s3_key, wanted.s3_secret))
            place = Bucket(wanted.s3_bucket, wanted.s3_endpoint or "", wanted.s3_prefix, wanted.s3_region, key, secret)
            return S3ArtifactStore(place, directory)


def _files(stack: AsyncExitStack, root: Path) -> Records:
    from udib.storage.catalogue import SCHEMA as CATALOGUE_SCHEMA
    from udib.storage.catalogue import SqliteCatalogue
    from udib.storage.changes import SqliteEvidenceChanges
    from udib.storage.database import Database
    from udib.storage.decisions import SCHEMA as DECISIONS_SCHEMA
    from udib.storage.decisions import SqliteDecisionLog
    from udib.storage.ledger import SCHEMA as LEDGER_SCHEMA
    from udib.storage.ledger import SqliteLedger
    from udib.storage.scales import SqliteScales
    from udib.storage.watches import SqliteWatches

    catalogue = closed_with(stack, Database(root / "catalogue.db", CATALOGUE_SCHEMA))
    # What was learned is learned again. Spending is money: what is written survives a loss of power.
    spending = Database(root / "spending.db", LEDGER_SCHEMA, synchronous="FULL")
    return Records(
        SqliteCatalogue(catalogue),
        SqliteLedger(closed_with(stack, spending)),
        SqliteDecisionLog(closed_with(stack, Database(root / "decisions.db", DECISIONS_SCHEMA, disposable=True))),
        SqliteWatches(catalogue),
        SqliteScales(catalogue),
        SqliteEvidenceChanges(catalogue),
    )


def _server(stack: AsyncExitStack, wanted: StorageSettings) -> Records:
    with needs_extra("postgres"):
        from udib.storage.postgres import PostgresDatabase
        from udib.storage.postgres_catalogue import PostgresCatalogue
        from udib.storage.postgres_changes import PostgresEvidenceChanges
        from udib.storage.postgres_decisions import PostgresDecisionLog
        from udib.storage.postgres_ledger import PostgresLedger
        from udib.storage.postgres_scales import PostgresScales
        from udib.storage.postgres_watches import PostgresWatches

    if wanted.postgres_url is None:
        raise BadRequestError(
            "storage.catalogue is postgres, but storage.postgres_url is not set; give the connection string of your "
            "server, best as UDIB_STORAGE__POSTGRES_URL (DATABASE_URL gives it too)."
        )
    database = PostgresDatabase(
        wanted.postgres_url.get_secret_value(), wanted.postgres_schema, connections=wanted.postgres_connections
    )
    stack.push_async_callback(database.close)
    return Records(
        PostgresCatalogue(database),
        PostgresLedger(database),
        PostgresDecisionLog(database),
        PostgresWatches(database),
        PostgresScales(database),
        PostgresEvidenceChanges(database),
    )
