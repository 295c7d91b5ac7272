"""The router's decisions in an SQLite file: numbers and the names of models and tasks; nobody's text."""

import sqlite3
import time
from array import array
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from udib.core.routing import Decision, Learned, Lesson, LessonKind, not_rewarded
from udib.core.tenancy import Scope
from udib.core.types import Health
from udib.storage.database import Database

SCHEMA = (
    """
    CREATE TABLE decisions (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        workspace TEXT NOT NULL,
        task TEXT NOT NULL,
        model TEXT NOT NULL,
        layout TEXT NOT NULL,
        context BLOB NOT NULL,
        prompt_tokens INTEGER NOT NULL,
        completion_tokens INTEGER NOT NULL,
        barred TEXT NOT NULL,
        propensity REAL NOT NULL,
        decided_at REAL NOT NULL,
        cost_usd REAL,
        reward REAL,
        calibration INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX decisions_by_scope ON decisions (tenant, workspace, decided_at);
    CREATE INDEX decisions_by_age ON decisions (decided_at);
    CREATE TABLE lessons (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        decision_id TEXT NOT NULL REFERENCES decisions ON DELETE CASCADE,
        kind TEXT NOT NULL
    );
    CREATE INDEX lessons_by_decision ON lessons (decision_id);
    CREATE TABLE learned (
        layout TEXT PRIMARY KEY,
        upto INTEGER NOT NULL,
        data BLOB NOT NULL
    );
    """,
)
"""The schema of the `Database` that a `SqliteDecisionLog` is given."""

KEPT_S: Final = 90 * 86_400.0
MOST_KEPT: Final = 100_000

COLUMNS: Final = (
    "id, tenant, workspace, task, model, layout, context, prompt_tokens, completion_tokens, barred, propensity, "
    "decided_at, cost_usd, reward, calibration"
)
_RECORD = f"INSERT INTO decisions ({COLUMNS}) VALUES ({', '.join('?' * 15)})"  # noqa: S608 - no text of a user
_LESSON = "INSERT INTO lessons (decision_id, kind) VALUES (?, ?)"
_REWARD = "UPDATE decisions SET reward = ? WHERE id = ? AND reward IS NULL"
_KNOWN = "SELECT 1 FROM decisions WHERE id = ?"
_NEWEST = f"""
    SELECT {COLUMNS} FROM decisions WHERE tenant = ? AND workspace = ? ORDER BY decided_at DESC, id LIMIT ?
"""  # noqa: S608
_LESSONS = f"""
    SELECT number, kind, {COLUMNS} FROM lessons JOIN decisions ON decisions.id = decision_id
    WHERE number > ? AND layout = ? ORDER BY number
"""  # noqa: S608
_SAVE = """
    INSERT INTO learned VALUES (?, ?, ?) ON CONFLICT (layout) DO UPDATE
    SET upto = excluded.upto, data = excluded.data WHERE excluded.upto >= upto
"""
# Only what has been learned from goes, so that nothing is lost before it was of use.
_PRUNE = """
    DELETE FROM decisions WHERE NOT EXISTS (SELECT 1 FROM lessons WHERE decision_id = id AND number > :upto) AND (
        decided_at < :oldest
        OR decided_at < (SELECT decided_at FROM decisions ORDER BY decided_at DESC LIMIT 1 OFFSET :most)
    )
"""


class SqliteDecisionLog:
    """A `DecisionLog` in a `Database` with `SCHEMA`. Decisions are kept for 90 days, and 100,000 of them at most."""

    def __init__(
        self, database: Database, *, clock: Callable[[], float] = time.time, most_kept: int = MOST_KEPT
    ) -> None:
        self._database = database
        self._clock = clock
        self._most_kept = most_kept

    async def ping(self) -> Health:
        """Whether the file can be written."""
        return await self._database.ping("decision log")

    async def record(self, decision: Decision) -> None:
        """Note a decision; its cost and its reward, where they are known, are lessons."""
        row = _row(decision)

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(_RECORD, row)
            connection.executemany(_LESSON, [(decision.id, kind) for kind in decision.teaches])

        await self._database.run(insert)

    async def reward(self, decision_id: str, reward: float) -> None:
        """Note what a decision was worth; the first word counts.

        Raises:
            BadRequestError: It is not known (any more), or was rewarded already.
        """

        def settle(connection: sqlite3.Connection) -> None:
            if not connection.execute(_REWARD, (reward, decision_id)).rowcount:
                known = connection.execute(_KNOWN, (decision_id,)).fetchone()
                raise not_rewarded(decision_id, known=known is not None)
            connection.execute(_LESSON, (decision_id, LessonKind.REWARD))

        await self._database.run(settle)

    async def lessons(self, layout: str, *, after: int) -> list[Lesson]:
        """The lessons with a greater number, in order."""
        return await self._database.read(
            lambda connection: [
                Lesson(number, LessonKind(kind), _decision(row))
                for number, kind, *row in connection.execute(_LESSONS, (after, layout))
            ]
        )

    async def learned(self, layout: str) -> Learned | None:
        """What was saved last."""

        def newest(connection: sqlite3.Connection) -> Learned | None:
            row = connection.execute("SELECT upto, data FROM learned WHERE layout = ?", (layout,)).fetchone()
            return Learned(*row) if row else None

        return await self._database.read(newest)

    async def save(self, layout: str, learned: Learned) -> None:
        """Keep what was learned, unless from more lessons was learned already; old decisions go."""
        bounds = {"upto": learned.upto, "oldest": self._clock() - KEPT_S, "most": self._most_kept - 1}

        def replace(connection: sqlite3.Connection) -> None:
            connection.execute(_SAVE, (layout, learned.upto, learned.data))
            connection.execute(_PRUNE, bounds)

        await self._database.run(replace)

    async def decisions(self, scope: Scope, *, limit: int) -> list[Decision]:
        """The newest decisions of a scope, newest first."""
        values = (scope.tenant, scope.workspace, limit)
        return await self._database.read(
            lambda connection: [_decision(row) for row in connection.execute(_NEWEST, values)]
        )


def _row(decision: Decision) -> tuple[object, ...]:
    return (
        decision.id, decision.scope.tenant, decision.scope.workspace, decision.task, decision.model, decision.layout,
        array("d", decision.context).tobytes(), decision.prompt_tokens, decision.completion_tokens,
        msgspec.json.encode(decision.barred).decode(), decision.propensity, decision.decided_at, decision.cost_usd,
        decision.reward, decision.calibration,
    )  # fmt: skip


def _decision(row: Sequence[Any]) -> Decision:
    id_, tenant, workspace, task, model, layout, context, prompt, completion, barred, *rest = row
    propensity, decided_at, cost_usd, reward, calibration = rest
    return Decision(
        id_,
        Scope.of(tenant, workspace),
        task,
        model,
        layout,
        tuple(array("d", context)),
        prompt,
        completion,
        msgspec.json.decode(barred, type=tuple[str, ...]),
        propensity,
        decided_at,
        cost_usd,
        reward,
        bool(calibration),
    )
