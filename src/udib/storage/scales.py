"""How often verdicts were right, in the catalogue's SQLite file."""

from typing import Final

import msgspec

from udib.core.calibrating import ConfidenceScale
from udib.core.tenancy import Scope
from udib.storage.catalogue_rows import keys
from udib.storage.database import Database

SCHEMA: Final = """
    CREATE TABLE scales (
        tenant TEXT NOT NULL,
        workspace TEXT NOT NULL,
        made_by TEXT NOT NULL,
        scale BLOB NOT NULL,
        PRIMARY KEY (tenant, workspace, made_by)
    );
"""
_KEEP: Final = "INSERT OR REPLACE INTO scales VALUES (:tenant, :workspace, :made_by, :scale)"
_GET: Final = "SELECT scale FROM scales WHERE tenant = :tenant AND workspace = :workspace AND made_by = :made_by"


class SqliteScales:
    """`Scales` in a `Database` with the catalogue's schema."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, scope: Scope, scale: ConfidenceScale) -> None:
        """Keep a scale in place of the one of the same maker."""
        values = scale_row(scope, scale)
        await self._database.run(lambda connection: connection.execute(_KEEP, values).rowcount)

    async def made_by(self, scope: Scope, maker: str) -> ConfidenceScale | None:
        """The scale for the verdicts of that maker."""
        values = keys(scope, made_by=maker)
        row = await self._database.read(lambda connection: connection.execute(_GET, values).fetchone())
        return None if row is None else msgspec.json.decode(row[0], type=ConfidenceScale)


def scale_row(scope: Scope, scale: ConfidenceScale) -> dict[str, str | bytes]:
    """A scale as it lies in a table, of whichever database."""
    return {**keys(scope, made_by=scale.made_by), "scale": msgspec.json.encode(scale)}
