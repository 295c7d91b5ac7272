"""Whose evidence has changed, on the PostgreSQL server of the records."""

from collections.abc import Sequence
from typing import Final

from udib.core.tenancy import Scope
from udib.core.types import ContentId, EvidenceChange
from udib.storage.catalogue_rows import keys
from udib.storage.changes import read_changes
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_schema import Connection, storable

_NOTE: Final = """
    INSERT INTO evidence_changes (tenant, workspace, content_id, kind, at)
    SELECT tenant, workspace, content_id, %(kind)s, %(at)s FROM contents
    WHERE tenant = %(tenant)s AND workspace = %(workspace)s AND content_id = %(content_id)s
    ON CONFLICT (tenant, workspace, content_id) DO UPDATE SET kind = excluded.kind, at = excluded.at
"""
_ALL: Final = """
    SELECT content_id, kind, at FROM evidence_changes WHERE tenant = %(tenant)s AND workspace = %(workspace)s
"""


class PostgresEvidenceChanges:
    """`EvidenceChanges` in a `PostgresDatabase`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def note(self, scope: Scope, content_ids: Sequence[ContentId], change: EvidenceChange) -> None:
        """Note a change for those of the contents that are stored, in place of an earlier one."""
        values = [keys(scope, content_id=storable(each), kind=change.kind, at=change.at) for each in content_ids]

        async def put(connection: Connection) -> None:
            for each in values:
                await connection.execute(_NOTE, each)

        await self._database.run(put, repeatable=True)

    async def of(self, scope: Scope) -> dict[ContentId, EvidenceChange]:
        """The last change of each content that has one."""
        return read_changes(await self._database.rows(_ALL, keys(scope)))
