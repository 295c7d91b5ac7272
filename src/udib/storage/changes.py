"""Whose evidence has changed, in the catalogue's SQLite file."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from udib.core.tenancy import Scope
from udib.core.types import ChangeKind, ContentId, EvidenceChange
from udib.storage.catalogue_rows import keys
from udib.storage.database import Database

SCHEMA: Final = """
    CREATE TABLE evidence_changes (
        tenant TEXT NOT NULL,
        workspace TEXT NOT NULL,
        content_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (tenant, workspace, content_id),
        FOREIGN KEY (tenant, workspace, content_id) REFERENCES contents ON DELETE CASCADE
    );
"""
_NOTE: Final = """
    INSERT OR REPLACE INTO evidence_changes
    SELECT tenant, workspace, content_id, :kind, :at FROM contents
    WHERE tenant = :tenant AND workspace = :workspace AND content_id = :content_id
"""
_ALL: Final = "SELECT content_id, kind, at FROM evidence_changes WHERE tenant = :tenant AND workspace = :workspace"


class SqliteEvidenceChanges:
    """`EvidenceChanges` in a `Database` with the catalogue's schema."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, scope: Scope, content_ids: Sequence[ContentId], change: EvidenceChange) -> None:
        """Note a change for those of the contents that are stored, in place of an earlier one."""
        values = [keys(scope, content_id=each, kind=change.kind, at=change.at) for each in content_ids]
        await self._database.run(lambda connection: connection.executemany(_NOTE, values).rowcount)

    async def of(self, scope: Scope) -> dict[ContentId, EvidenceChange]:
        """The last change of each content that has one."""

        def read(connection: sqlite3.Connection) -> dict[ContentId, EvidenceChange]:
            return read_changes(connection.execute(_ALL, keys(scope)))

        return await self._database.read(read)


def read_changes(rows: Iterable[tuple[str, str, str]]) -> dict[ContentId, EvidenceChange]:
    """Changes as they were stored, in whichever database."""
    return {ContentId(content_id): EvidenceChange(ChangeKind(kind), at) for content_id, kind, at in rows}
