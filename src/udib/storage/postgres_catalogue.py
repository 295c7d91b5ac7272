"""The records of all tenants on a PostgreSQL server: contents, all revisions of their reports, corrections, effects."""

from typing import Any, Final, LiteralString

import msgspec

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
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_schema import Connection, storable

_OWNED: Final = "tenant = %(tenant)s AND workspace = %(workspace)s"
_ITS: Final = f"{_OWNED} AND content_id = %(content_id)s"
# Held until the transaction ends by whoever changes what belongs to a content, so that no report comes to one that is
# just removed. No name of a scope holds a control character; contents of the same hash take turns, no more.
_HOLD: Final = """
    SELECT pg_advisory_xact_lock(
        hashtextextended(concat_ws(chr(31), %(tenant)s::text, %(workspace)s::text, %(content_id)s::text), 7319222)
    )
"""
_HAS_REPORT: Final = f"EXISTS (SELECT 1 FROM reports WHERE {_ITS})"  # noqa: S608 - no text of a user, here and below
_SAVE_CONTENT: Final = """
    INSERT INTO contents (tenant, workspace, content_id, native_id, address, url, folded_title, content)
    VALUES (
        %(tenant)s, %(workspace)s, %(content_id)s, %(native_id)s, %(address)s, %(url)s, %(title)s, %(content)s
    )
    ON CONFLICT (tenant, workspace, content_id) DO UPDATE SET
        address = excluded.address, url = excluded.url, folded_title = excluded.folded_title, content = excluded.content
"""
# A row that was there before has the number of the transaction that holds it.
_ENTER: Final = f"{_SAVE_CONTENT} WHERE NOT {_HAS_REPORT} RETURNING contents.xmax = 0"
_WITHDRAW: Final = f"DELETE FROM contents WHERE {_ITS} AND NOT {_HAS_REPORT}"  # noqa: S608
_SAVE_REPORT: Final = """
    INSERT INTO reports (
        tenant, workspace, content_id, revision, created_at, words, claims, duration_s, remembered, speakers, report
    ) VALUES (
        %(tenant)s, %(workspace)s, %(content_id)s, %(revision)s, %(created_at)s, %(words)s, %(claims)s, %(duration_s)s,
        %(remembered)s, %(speakers)s, %(report)s
    )
    ON CONFLICT (tenant, workspace, content_id, revision, created_at) DO UPDATE SET
        words = excluded.words, claims = excluded.claims, duration_s = excluded.duration_s,
        remembered = excluded.remembered, speakers = excluded.speakers, report = excluded.report
"""
_NEWEST_REPORT: Final = f"""
    SELECT report FROM reports WHERE {_ITS} ORDER BY revision DESC, created_at DESC LIMIT 1
"""  # noqa: S608
_CORRECT: Final = f"""
    INSERT INTO corrections (tenant, workspace, content_id, id, made_at, correction)
    SELECT %(tenant)s, %(workspace)s, %(content_id)s, %(id)s, %(made_at)s, %(correction)s WHERE {_HAS_REPORT}
    ON CONFLICT (tenant, workspace, content_id, id) DO UPDATE SET
        made_at = excluded.made_at, correction = excluded.correction
"""
_ALL_CORRECTIONS: Final = f"""
    SELECT correction FROM corrections WHERE {_OWNED} ORDER BY made_at, content_id, id
"""  # noqa: S608
_CORRECTIONS: Final = f"SELECT correction FROM corrections WHERE {_ITS} ORDER BY made_at, id"  # noqa: S608
_WITHDRAW_CORRECTION: Final = f"DELETE FROM corrections WHERE {_ITS} AND id = %(id)s"  # noqa: S608
_NEXT_REVISION: Final = f"SELECT coalesce(max(revision), 0) + 1 FROM reports WHERE {_ITS}"  # noqa: S608
# Ranges instead of LIKE: to the letter, by index, and no character of the reference has a meaning of its own.
_FIND: Final = f"""
    SELECT content FROM contents WHERE {_OWNED} AND (
        (content_id >= %(reference)s AND content_id < %(after)s)
        OR (native_id >= %(reference)s AND native_id < %(after)s)
        OR address = %(reference)s OR url = %(reference)s OR folded_title = %(title)s
    ) ORDER BY content_id
"""  # noqa: S608
_NEWEST_FIRST: Final = "content_id, revision DESC, created_at DESC"
_LISTING: Final = f"""
    SELECT content, coalesce(revision, 0), coalesce(created_at, ''), coalesce(words, 0), coalesce(claims, 0),
        duration_s,
        CASE WHEN remembered THEN 'stored' WHEN NOT remembered THEN 'incomplete' ELSE 'not finished' END
    FROM contents LEFT JOIN (
        SELECT DISTINCT ON (content_id) content_id, revision, created_at, words, claims, duration_s, remembered
        FROM reports WHERE {_OWNED} ORDER BY {_NEWEST_FIRST}
    ) AS newest USING (content_id)
    WHERE {_OWNED} ORDER BY created_at DESC NULLS LAST, content_id
"""  # noqa: S608
_SPEAKERS: Final = f"""
    SELECT DISTINCT ON (content_id) speakers FROM reports WHERE {_OWNED} ORDER BY {_NEWEST_FIRST}
"""  # noqa: S608
_NEWEST_CITING: Final = f"""
    SELECT report FROM (
        SELECT DISTINCT ON (content_id) content_id, report FROM reports
        WHERE {_OWNED} AND content_id <> %(content_id)s ORDER BY {_NEWEST_FIRST}
    ) AS newest WHERE position(%(named)s::bytea IN report) > 0 ORDER BY content_id
"""  # noqa: S608
# One statement, so that of two workers one is told "new"; an update that changes nothing makes the row be returned.
_ANNOUNCE: Final = """
    INSERT INTO effects (tenant, workspace, key, content_id)
    VALUES (%(tenant)s, %(workspace)s, %(key)s, %(content_id)s)
    ON CONFLICT (tenant, workspace, key) DO UPDATE SET key = excluded.key
    RETURNING effects.xmax = 0, effects.reference IS NOT NULL
"""
_THIS: Final = f"{_OWNED} AND key = %(key)s"
_CONFIRM: Final = f"UPDATE effects SET reference = %(reference)s WHERE {_THIS}"  # noqa: S608
_ABANDON: Final = f"DELETE FROM effects WHERE {_THIS} AND reference IS NULL"  # noqa: S608
_FORGET: Final[tuple[LiteralString, ...]] = (
    f"DELETE FROM corrections WHERE {_ITS}",  # noqa: S608
    f"DELETE FROM reports WHERE {_ITS}",  # noqa: S608
    f"DELETE FROM effects WHERE {_ITS}",  # noqa: S608
    f"DELETE FROM contents WHERE {_ITS}",  # noqa: S608
)
# Held until they are written: another content that is forgotten at the same time may be cited by the same report.
_CITING: Final = f"""
    SELECT content_id, revision, created_at, report FROM reports
    WHERE {_OWNED} AND position(%(named)s::bytea IN report) > 0 ORDER BY {_NEWEST_FIRST} FOR UPDATE
"""  # noqa: S608
_STRIP: Final = f"""
    UPDATE reports SET report = %(report)s
    WHERE {_ITS} AND revision = %(revision)s AND created_at = %(created_at)s
"""  # noqa: S608


class PostgresCatalogue:
    """A `Catalogue` in a `PostgresDatabase`, which the workers of a fleet share. Every statement names the scope.

    All revisions are kept. Two reports that were made at the same time with the same revision are both kept, and the
    one made later counts as the newest.
    """

    name = "catalogue"

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def ping(self) -> Health:
        """Whether the tables can be written."""
        return await self._database.ping(self.name)

    async def enter(self, scope: Scope, content: Content) -> bool:
        """Note a content before its first report; whether nothing was known of it."""
        values = _storable(content_row(scope, content))

        async def note(connection: Connection) -> bool:
            await connection.execute(_HOLD, values)
            row = await (await connection.execute(_ENTER, values)).fetchone()
            return row is not None and bool(row[0])

        return await self._database.run(note)

    async def withdraw(self, scope: Scope, content_id: ContentId) -> None:
        """Take back a content that was entered and has no report."""
        values = _storable(keys(scope, content_id=content_id))

        async def remove(connection: Connection) -> None:
            await connection.execute(_HOLD, values)
            await connection.execute(_WITHDRAW, values)

        await self._database.run(remove, repeatable=True)

    async def save(self, scope: Scope, report: Report) -> None:
        """Store a report under its revision; one of the same revision and time is replaced."""
        about = _storable(content_row(scope, report.content))
        row = _storable(report_row(scope, report))
        row["speakers"] = msgspec.json.encode(report.outline.speakers if report.outline else ())

        async def store(connection: Connection) -> None:
            await connection.execute(_HOLD, about)
            await connection.execute(_SAVE_CONTENT, about)
            await connection.execute(_SAVE_REPORT, row)

        await self._database.run(store, repeatable=True)

    async def report(self, scope: Scope, content_id: ContentId) -> Report | None:
        """The newest report on a content, with what its readers corrected.

        Raises:
            BadRequestError: It cannot be read by this version of udib.
        """
        values = _storable(keys(scope, content_id=content_id))
        rows = await self._database.rows(_NEWEST_REPORT, values)
        return corrected(rows[0][0], content_id, await self._database.rows(_CORRECTIONS, values)) if rows else None

    async def correct(self, scope: Scope, correction: Correction) -> None:
        """Keep a correction with its content; of one id, the last one counts.

        Raises:
            BadRequestError: There is no report on the content.
        """
        values = _storable(correction_row(scope, correction))

        async def keep(connection: Connection) -> int:
            await connection.execute(_HOLD, values)
            return (await connection.execute(_CORRECT, values)).rowcount

        if not await self._database.run(keep, repeatable=True):
            raise nothing_to_correct(correction)

    async def corrections(self, scope: Scope, content_id: ContentId | None = None) -> list[Correction]:
        """The corrections of a content, or of all, oldest first."""
        statement = _ALL_CORRECTIONS if content_id is None else _CORRECTIONS
        return read_corrections(
            await self._database.rows(statement, _storable(keys(scope, content_id=content_id or "")))
        )

    async def withdraw_correction(self, scope: Scope, content_id: ContentId, correction_id: str) -> bool:
        """Take a correction back; whether there was one."""
        values = _storable(keys(scope, content_id=content_id, id=correction_id))

        async def remove(connection: Connection) -> int:
            return (await connection.execute(_WITHDRAW_CORRECTION, values)).rowcount

        return bool(await self._database.run(remove))

    async def next_revision(self, scope: Scope, content_id: ContentId) -> int:
        """1 for a content without report, else one more than the newest."""
        [[revision]] = await self._database.rows(_NEXT_REVISION, _storable(keys(scope, content_id=content_id)))
        return int(revision)

    async def find(self, scope: Scope, reference: str) -> list[Content]:
        """The contents that a user's words may mean, ordered by id.

        `reference` is the beginning of an id, with or without its `platform:`, or an address or link, all to the
        letter, or a title, in which case does not matter. A complete id means that content alone.
        """
        reference = reference.strip()
        if not reference:
            return []
        values = _storable(keys(scope, reference=reference, title=folded(reference)))
        rows = await self._database.rows(_FIND, {**values, "after": storable(reference) + AFTER_ALL})
        return meant([read_content(row[0]) for row in rows], reference)

    async def listing(self, scope: Scope) -> list[Listing]:
        """All contents, newest report first, those without one last."""
        return [listing(row) for row in await self._database.rows(_LISTING, keys(scope))]

    async def speakers(self, scope: Scope) -> list[str]:
        """Who speaks in the newest reports, each name once, in order. No report is decoded for it."""
        rows = await self._database.rows(_SPEAKERS, keys(scope))
        return sorted({name for [raw] in rows for name in msgspec.json.decode(raw, type=list[str])})

    async def citing(self, scope: Scope, content_id: ContentId) -> list[ContentId]:
        """The other contents whose newest report has words of this one as evidence, in order.

        Raises:
            BadRequestError: A report that names it cannot be read by this version of udib.
        """
        rows = await self._database.rows(_NEWEST_CITING, _naming(scope, content_id))
        reports = [read_report(row[0], f"what cites {content_id}") for row in rows]
        return [report.content.id for report in reports if report.cites(content_id)]

    async def begin_effect(self, scope: Scope, content_id: ContentId, key: str) -> str:
        """Announce an effect before it is made: "new", "done" or "unknown". Atomic across machines."""
        values = _storable(keys(scope, content_id=content_id, key=key))

        async def announce(connection: Connection) -> str:
            row = await (await connection.execute(_ANNOUNCE, values)).fetchone()
            is_new, is_done = row or (False, False)
            return "new" if is_new else "done" if is_done else "unknown"

        return await self._database.run(announce)

    async def confirm_effect(self, scope: Scope, key: str, reference: str) -> None:
        """Note that an effect was made, and how it can be found.

        Raises:
            BadRequestError: The effect was not announced, or its content was forgotten in the meantime.
        """
        values = _storable(keys(scope, key=key, reference=reference))

        async def confirm(connection: Connection) -> int:
            return (await connection.execute(_CONFIRM, values)).rowcount

        if not await self._database.run(confirm, repeatable=True):
            raise never_announced(key)

    async def abandon_effect(self, scope: Scope, key: str) -> None:
        """Note that an announced effect was certainly not made. One that was confirmed stays so."""
        values = _storable(keys(scope, key=key))

        async def abandon(connection: Connection) -> None:
            await connection.execute(_ABANDON, values)

        await self._database.run(abandon)

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove all rows of one content, and its words where other reports cite them.

        Returns how many rows and citations there were. Nobody finds them by PostgreSQL from then on; the server's files
        hold their bytes until it writes others in their place, and its log and backups as long as they are kept.
        """
        values = _storable(keys(scope, content_id=content_id))
        naming = _naming(scope, content_id)

        async def remove(connection: Connection) -> int:
            await connection.execute(_HOLD, values)
            gone = 0
            for statement in _FORGET:
                gone += (await connection.execute(statement, values)).rowcount
            return gone + await _strip_citations(connection, naming, content_id)

        count = await self._database.run(remove)
        await self._database.vacuum("contents", "reports", "corrections", "effects")
        return count


async def _strip_citations(connection: Connection, naming: dict[str, Any], content_id: ContentId) -> int:
    """Take a content's words out of the reports, of any revision, that cite them; returns how many citations."""
    stripped = 0
    for owner, revision, created_at, raw in await (await connection.execute(_CITING, naming)).fetchall():
        data, citations = without_words_of(raw, owner, content_id)
        stripped += citations
        about = {"content_id": owner, "revision": revision, "created_at": created_at, "report": data}
        await connection.execute(_STRIP, {**naming, **about})
    return stripped


def _naming(scope: Scope, content_id: ContentId) -> dict[str, Any]:
    """A content, and its id as it is written in reports."""
    named = msgspec.json.encode(content_id)[1:-1]
    return {**_storable(keys(scope, content_id=content_id)), "named": named}


def _storable(values: dict[str, Any]) -> dict[str, Any]:
    return {name: storable(value) if isinstance(value, str) else value for name, value in values.items()}
