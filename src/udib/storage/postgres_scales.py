"""How often verdicts were right, on the PostgreSQL server of the records, for all workers of a fleet."""

from typing import Any, Final

import msgspec

from udib.core.calibrating import ConfidenceScale
from udib.core.tenancy import Scope
from udib.storage.catalogue_rows import keys
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_schema import Connection, storable
from udib.storage.scales import scale_row

_KEEP: Final = """
    INSERT INTO scales (tenant, workspace, made_by, scale)
    VALUES (%(tenant)s, %(workspace)s, %(made_by)s, %(scale)s)
    ON CONFLICT (tenant, workspace, made_by) DO UPDATE SET scale = excluded.scale
"""
_GET: Final = """
    SELECT scale FROM scales
    WHERE tenant = %(tenant)s AND workspace = %(workspace)s AND made_by = %(made_by)s
"""


class PostgresScales:
    """`Scales` in a `PostgresDatabase`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def keep(self, scope: Scope, scale: ConfidenceScale) -> None:
        """Keep a scale in place of the one of the same maker."""
        values: dict[str, Any] = {**scale_row(scope, scale), "made_by": storable(scale.made_by)}

        async def put(connection: Connection) -> None:
            await connection.execute(_KEEP, values)

        await self._database.run(put, repeatable=True)

    async def made_by(self, scope: Scope, maker: str) -> ConfidenceScale | None:
        """The scale for the verdicts of that maker."""
        rows = await self._database.rows(_GET, keys(scope, made_by=storable(maker)))
        return msgspec.json.decode(rows[0][0], type=ConfidenceScale) if rows else None
