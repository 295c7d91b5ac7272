"""The records of a tenant in one SQLite file: contents, all revisions of reports, corrections, effects, and watches."""

import sqlite3

from udib.core.corrections import Correction
from udib.core.findings import Report
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Health, Listing
from udib.storage.catalogue_rows import (
    AFTER_ALL,
    content_row,
    corrected,
    correction_row,
    folded,
    keys,
    listing,
    meant,
    never_announced,
    nothing_to_correct,
    read_content,
    read_corrections,
    read_report,
    report_row,
    without_words_of,
)
from udib.storage.changes import SCHEMA as CHANGES
from udib.storage.database import Database
from udib.storage.scales import SCHEMA as SCALES

SCHEMA = (
    """
    CREATE TABLE contents (
        tenant TEXT NOT NULL,
        workspace TEXT NOT NULL,
        content_id TEXT NOT NULL,
        native_id TEXT NOT NULL,
        address TEXT NOT NULL,
        url TEXT,
        folded_title TEXT NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (tenant, workspace, content_id)
    );
    CREATE INDEX contents_by_native_id ON contents (tenant, workspace, native_id);
    CREATE TABLE reports (
        tenant TEXT NOT NULL,
        workspace TEXT NOT NULL,
        content_id TEXT NOT NULL,
        revision INTEGER NOT NULL,
        created_at TEXT NOT NULL,
        words INTEGER NOT NULL,
        claims INTEGER NOT NULL,
        report BLOB NOT NULL,
        PRIMARY KEY (tenant, workspace, content_id, revision, created_at),
        FOREIGN KEY (tenant, workspace, content_id) REFERENCES contents
    );
    CREATE TABLE effects (
        tenant TEXT NOT NULL,
        workspace TEXT NOT NULL,
        key TEXT NOT NULL,
        content_id TEXT NOT NULL,
        reference TEXT,
        PRIMARY KEY (tenant, workspace, key)
    );
    CREATE INDEX effects_by_content ON effects (tenant, workspace, content_id);
    """,
    # Reports are BLOBs, which SQLite's JSON functions take for something else.
    """
    ALTER TABLE reports ADD COLUMN duration_s REAL;
    UPDATE reports SET duration_s = json_extract(CAST(report AS TEXT), '$.outline.duration_s')
    WHERE json_valid(CAST(report AS TEXT));
    """,
    """
    ALTER TABLE reports ADD COLUMN remembered INTEGER NOT NULL DEFAULT 1;
    UPDATE reports SET remembered = 0 WHERE instr(CAST(report AS TEXT), '"part":"memory"');
    """,
    """
    CREATE TABLE watches (
        tenant TEXT NOT NULL,
        workspace TEXT NOT NULL,
        id TEXT NOT NULL,
        next_at REAL NOT NULL,
        watch BLOB NOT NULL,
        PRIMARY KEY (tenant, workspace, id)
    );
    """,
    """
    CREATE TABLE corrections (
        tenant TEXT NOT NULL,
        workspace TEXT NOT NULL,
        content_id TEXT NOT NULL,
        id TEXT NOT NULL,
        made_at TEXT NOT NULL,
        correction BLOB NOT NULL,
        PRIMARY KEY (tenant, workspace, content_id, id),
        FOREIGN KEY (tenant, workspace, content_id) REFERENCES contents
    );
    """,
    SCALES,
    CHANGES,
)
"""The schema of the `Database` that a `SqliteCatalogue` is given."""

_SAVE_CONTENT = """
    INSERT INTO contents VALUES (:tenant, :workspace, :content_id, :native_id, :address, :url, :title, :content)
    ON CONFLICT (tenant, workspace, content_id) DO UPDATE SET
        address = excluded.address, url = excluded.url, folded_title = excluded.folded_title, content = excluded.content
"""
_HAS_REPORT = """
    EXISTS (SELECT 1 FROM reports WHERE tenant = :tenant AND workspace = :workspace AND content_id = :content_id)
"""
_STATE = f"""
    SELECT {_HAS_REPORT} FROM contents
    WHERE tenant = :tenant AND workspace = :workspace AND content_id = :content_id
"""  # noqa: S608 - no text of a user
_WITHDRAW = f"""
    DELETE FROM contents
    WHERE tenant = :tenant AND workspace = :workspace AND content_id = :content_id AND NOT {_HAS_REPORT}
"""  # noqa: S608
_SAVE_REPORT = """
    INSERT OR REPLACE INTO reports
    VALUES (
        :tenant, :workspace, :content_id, :revision, :created_at, :words, :claims, :report, :duration_s, :remembered
    )
"""
_NEWEST_REPORT = """
    SELECT report FROM reports WHERE tenant = :tenant AND workspace = :workspace AND content_id = :content_id
    ORDER BY revision DESC, created_at DESC LIMIT 1
"""
_CORRECT = f"""
    INSERT OR REPLACE INTO corrections
    SELECT :tenant, :workspace, :content_id, :id, :made_at, :correction WHERE {_HAS_REPORT}
"""
_ALL_CORRECTIONS = """
    SELECT correction FROM corrections WHERE tenant = :tenant AND workspace = :workspace
    ORDER BY made_at, content_id, id
"""
_CORRECTIONS = """
    SELECT correction FROM corrections
    WHERE tenant = :tenant AND workspace = :workspace AND content_id = :content_id ORDER BY made_at, id
"""
_WITHDRAW_CORRECTION = """
    DELETE FROM corrections
    WHERE tenant = :tenant AND workspace = :workspace AND content_id = :content_id AND id = :id
"""
_NEXT_REVISION = """
    SELECT coalesce(max(revision), 0) + 1 FROM reports
    WHERE tenant = :tenant AND workspace = :workspace AND content_id = :content_id
"""
# Ranges instead of LIKE: to the letter, by index, and no character of the reference has a meaning of its own.
_FIND = """
    SELECT content FROM contents WHERE tenant = :tenant AND workspace = :workspace AND (
        (content_id >= :reference AND content_id < :after) OR (native_id >= :reference AND native_id < :after)
        OR address = :reference OR url = :reference OR folded_title = :title
    ) ORDER BY content_id
"""
_AGE = "row_number() OVER (PARTITION BY content_id ORDER BY revision DESC, created_at DESC) AS age"
"""1 for a content's newest report."""
_LISTING = f"""
    SELECT content, coalesce(revision, 0), coalesce(created_at, ''), coalesce(words, 0), coalesce(claims, 0),
        duration_s,
        CASE remembered WHEN 1 THEN 'stored' WHEN 0 THEN 'incomplete' ELSE 'not finished' END
    FROM contents LEFT JOIN (
        SELECT content_id, revision, created_at, words, claims, duration_s, remembered, {_AGE}
        FROM reports WHERE tenant = :tenant AND workspace = :workspace
    ) AS newest ON newest.content_id = contents.content_id AND age = 1
    WHERE tenant = :tenant AND workspace = :workspace ORDER BY created_at DESC, contents.content_id
"""  # noqa: S608
_SPEAKERS = f"""
    SELECT DISTINCT speaker.value FROM (
        SELECT CAST(report AS TEXT) AS text, {_AGE}
        FROM reports WHERE tenant = :tenant AND workspace = :workspace
    ), json_each(CASE WHEN age = 1 AND json_valid(text) THEN text ELSE '{{}}' END, '$.outline.speakers') AS speaker
    ORDER BY 1
"""  # noqa: S608
_NEWEST_CITING = f"""
    SELECT content_id, report FROM (
        SELECT content_id, report, {_AGE}
        FROM reports WHERE tenant = :tenant AND workspace = :workspace AND content_id <> :content_id
    ) WHERE age = 1 AND instr(CAST(report AS TEXT), :content_id) ORDER BY content_id
"""  # noqa: S608
_EFFECT = "SELECT reference FROM effects WHERE tenant = :tenant AND workspace = :workspace AND key = :key"
_ANNOUNCE = """
    INSERT INTO effects (tenant, workspace, key, content_id) VALUES (:tenant, :workspace, :key, :content_id)
"""
_CONFIRM = """
    UPDATE effects SET reference = :reference WHERE tenant = :tenant AND workspace = :workspace AND key = :key
"""
_ABANDON = """
    DELETE FROM effects WHERE tenant = :tenant AND workspace = :workspace AND key = :key AND reference IS NULL
"""
_FORGET = (
    "DELETE FROM corrections WHERE tenant = :tenant AND workspace = :workspace AND content_id = :content_id",
    "DELETE FROM reports WHERE tenant = :tenant AND workspace = :workspace AND content_id = :content_id",
    "DELETE FROM effects WHERE tenant = :tenant AND workspace = :workspace AND content_id = :content_id",
    "DELETE FROM contents WHERE tenant = :tenant AND workspace = :workspace AND content_id = :content_id",
)
_CITING = """
    SELECT rowid, content_id, report FROM reports
    WHERE tenant = :tenant AND workspace = :workspace AND instr(CAST(report AS TEXT), :content_id)
"""


class SqliteCatalogue:
    """A `Catalogue` in a `Database` with `SCHEMA`.

    All revisions are kept. Two reports that were made at the same time with the same revision are both kept, and the
    one made later counts as the newest.
    """

    name = "catalogue"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ping(self) -> Health:
        """Whether the file can be written."""
        return await self._database.ping(self.name)

    async def enter(self, scope: Scope, content: Content) -> bool:
        """Note a content before its first report; whether nothing was known of it."""
        return await self._database.run(lambda connection: _enter(connection, scope, content))

    async def withdraw(self, scope: Scope, content_id: ContentId) -> None:
        """Take back a content that was entered and has no report."""
        values = keys(scope, content_id=content_id)
        await self._database.run(lambda connection: connection.execute(_WITHDRAW, values).rowcount)

    async def save(self, scope: Scope, report: Report) -> None:
        """Store a report under its revision; one of the same revision and time is replaced."""
        await self._database.run(lambda connection: _save(connection, scope, report))

    async def report(self, scope: Scope, content_id: ContentId) -> Report | None:
        """The newest report on a content, with what its readers corrected.

        Raises:
            BadRequestError: It cannot be read by this version of udib.
        """
        values = keys(scope, content_id=content_id)

        def newest(connection: sqlite3.Connection) -> Report | None:
            row = connection.execute(_NEWEST_REPORT, values).fetchone()
            found = connection.execute(_CORRECTIONS, values).fetchall()
            return None if row is None else corrected(row[0], content_id, found)

        return await self._database.read(newest)

    async def correct(self, scope: Scope, correction: Correction) -> None:
        """Keep a correction with its content; of one id, the last one counts.

        Raises:
            BadRequestError: There is no report on the content.
        """
        values = correction_row(scope, correction)
        if not await self._database.run(lambda connection: connection.execute(_CORRECT, values).rowcount):
            raise nothing_to_correct(correction)

    async def corrections(self, scope: Scope, content_id: ContentId | None = None) -> list[Correction]:
        """The corrections of a content, or of all, oldest first."""
        statement = _ALL_CORRECTIONS if content_id is None else _CORRECTIONS
        values = keys(scope, content_id=content_id or "")
        rows = await self._database.read(lambda connection: connection.execute(statement, values).fetchall())
        return read_corrections(rows)

    async def withdraw_correction(self, scope: Scope, content_id: ContentId, correction_id: str) -> bool:
        """Take a correction back; whether there was one."""
        values = keys(scope, content_id=content_id, id=correction_id)
        return bool(
            await self._database.run(lambda connection: connection.execute(_WITHDRAW_CORRECTION, values).rowcount)
        )

    async def next_revision(self, scope: Scope, content_id: ContentId) -> int:
        """1 for a content without report, else one more than the newest."""
        values = keys(scope, content_id=content_id)

        def following(connection: sqlite3.Connection) -> int:
            [revision] = connection.execute(_NEXT_REVISION, values).fetchone()
            return int(revision)

        return await self._database.read(following)

    async def find(self, scope: Scope, reference: str) -> list[Content]:
        """The contents that a user's words may mean, ordered by id.

        `reference` is the beginning of an id, with or without its `platform:`, or an address or link, all to the
        letter, or a title, in which case does not matter. A complete id means that content alone.
        """
        reference = reference.strip()
        if not reference:
            return []
        return await self._database.read(lambda connection: _find(connection, scope, reference))

    async def listing(self, scope: Scope) -> list[Listing]:
        """All contents, newest report first, those without one last."""

        def newest_first(connection: sqlite3.Connection) -> list[Listing]:
            return [listing(row) for row in connection.execute(_LISTING, keys(scope))]

        return await self._database.read(newest_first)

    async def speakers(self, scope: Scope) -> list[str]:
        """Who speaks in the newest reports, each name once, in order. No report is decoded for it."""

        def names(connection: sqlite3.Connection) -> list[str]:
            return [name for [name] in connection.execute(_SPEAKERS, keys(scope))]

        return await self._database.read(names)

    async def citing(self, scope: Scope, content_id: ContentId) -> list[ContentId]:
        """The other contents whose newest report has words of this one as evidence, in order.

        Raises:
            BadRequestError: A report that names it cannot be read by this version of udib.
        """
        values = keys(scope, content_id=content_id)

        def owners(connection: sqlite3.Connection) -> list[ContentId]:
            rows = connection.execute(_NEWEST_CITING, values)
            return [ContentId(owner) for owner, raw in rows if read_report(raw, owner).cites(content_id)]

        return await self._database.read(owners)

    async def begin_effect(self, scope: Scope, content_id: ContentId, key: str) -> str:
        """Announce an effect before it is made: "new", "done" or "unknown". Atomic across processes."""
        values = keys(scope, content_id=content_id, key=key)

        def announce(connection: sqlite3.Connection) -> str:
            row = connection.execute(_EFFECT, values).fetchone()
            if row is not None:
                return "unknown" if row[0] is None else "done"
            connection.execute(_ANNOUNCE, values)
            return "new"

        return await self._database.run(announce)

    async def confirm_effect(self, scope: Scope, key: str, reference: str) -> None:
        """Note that an effect was made, and how it can be found.

        Raises:
            BadRequestError: The effect was not announced, or its content was forgotten in the meantime.
        """
        values = keys(scope, key=key, reference=reference)
        if not await self._database.run(lambda connection: connection.execute(_CONFIRM, values).rowcount):
            raise never_announced(key)

    async def abandon_effect(self, scope: Scope, key: str) -> None:
        """Note that an announced effect was certainly not made. One that was confirmed stays so."""
        values = keys(scope, key=key)
        await self._database.run(lambda connection: connection.execute(_ABANDON, values).rowcount)

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove all rows of one content, and its words where other reports cite them, for good.

        Returns how many rows and citations there were.

        Raises:
            UnavailableError: Another process is reading the old state; the rows are gone, repeat to clean the disk.
        """
        values = keys(scope, content_id=content_id)

        def remove(connection: sqlite3.Connection) -> int:
            gone = sum(connection.execute(statement, values).rowcount for statement in _FORGET)
            return gone + _strip_citations(connection, scope, content_id)

        count = await self._database.run(remove)
        await self._database.vacuum()
        return count


def _enter(connection: sqlite3.Connection, scope: Scope, content: Content) -> bool:
    known = connection.execute(_STATE, keys(scope, content_id=content.id)).fetchone()
    if known is None or not known[0]:
        connection.execute(_SAVE_CONTENT, content_row(scope, content))
    return known is None


def _save(connection: sqlite3.Connection, scope: Scope, report: Report) -> None:
    connection.execute(_SAVE_CONTENT, content_row(scope, report.content))
    connection.execute(_SAVE_REPORT, report_row(scope, report))


def _strip_citations(connection: sqlite3.Connection, scope: Scope, content_id: ContentId) -> int:
    """Take a content's words out of the reports, of any revision, that cite them; returns how many citations."""
    rows = connection.execute(_CITING, keys(scope, content_id=content_id)).fetchall()
    stripped = 0
    for row, owner, raw in rows:
        data, citations = without_words_of(raw, owner, content_id)
        stripped += citations
        connection.execute("UPDATE reports SET report = ? WHERE rowid = ?", (data, row))
    return stripped


def _find(connection: sqlite3.Connection, scope: Scope, reference: str) -> list[Content]:
    values = keys(scope, reference=reference, after=reference + AFTER_ALL, title=folded(reference))
    return meant([read_content(row[0]) for row in connection.execute(_FIND, values)], reference)
