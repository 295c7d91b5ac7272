"""The router's decisions on a PostgreSQL server, so that all workers of a fleet learn from all of them."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from udib.core.routing import Decision, Learned, Lesson, LessonKind, not_rewarded
from udib.core.tenancy import Scope
from udib.core.types import Health
from udib.storage.decisions import COLUMNS, KEPT_S, MOST_KEPT
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_schema import Connection, storable

_RECORD: Final = f"""
    INSERT INTO decisions ({COLUMNS})
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING
"""  # noqa: S608 - no text of a user, here and below
# Held until the transaction ends, so that lessons are numbered in the order in which others see them: whoever has read
# up to a number has read everything before it.
_IN_TURN: Final = "SELECT pg_advisory_xact_lock(7319221, 0)"
_LESSON: Final = "INSERT INTO lessons (decision_id, kind) VALUES (%s, %s)"
_REWARD: Final = "UPDATE decisions SET reward = %s WHERE id = %s AND reward IS NULL"
_KNOWN: Final = "SELECT 1 FROM decisions WHERE id = %s"
_NEWEST: Final = f"""
    SELECT {COLUMNS} FROM decisions WHERE tenant = %s AND workspace = %s ORDER BY decided_at DESC, id LIMIT %s
"""  # noqa: S608
_LESSONS: Final = f"""
    SELECT number, kind, {COLUMNS} FROM lessons JOIN decisions ON decisions.id = decision_id
    WHERE number > %s AND layout = %s ORDER BY number
"""  # noqa: S608
_SAVE: Final = """
    INSERT INTO learned (layout, upto, data) VALUES (%s, %s, %s) ON CONFLICT (layout) DO UPDATE
    SET upto = excluded.upto, data = excluded.data WHERE excluded.upto >= learned.upto
"""
# Only what has been learned from goes, so that nothing is lost before it was of use.
_PRUNE: Final = """
    DELETE FROM decisions WHERE NOT EXISTS (
        SELECT 1 FROM lessons WHERE decision_id = decisions.id AND number > %(upto)s
    ) AND (
        decided_at < %(oldest)s
        OR decided_at < (SELECT decided_at FROM decisions ORDER BY decided_at DESC LIMIT 1 OFFSET %(most)s)
    )
"""


class PostgresDecisionLog:
    """A `DecisionLog` in a `PostgresDatabase`. Decisions are kept for 90 days, and 100,000 of them at most."""

    def __init__(
        self, database: PostgresDatabase, *, clock: Callable[[], float] = time.time, most_kept: int = MOST_KEPT
    ) -> None:
        self._database = database
        self._clock = clock
        self._most_kept = most_kept

    async def ping(self) -> Health:
        """Whether the tables can be written."""
        return await self._database.ping("decision log")

    async def record(self, decision: Decision) -> None:
        """Note a decision, once; its cost and its reward, where they are known, are lessons."""
        row = _row(decision)

        async def insert(connection: Connection) -> None:
            await connection.execute(_IN_TURN)
            if (await connection.execute(_RECORD, row)).rowcount:
                for kind in decision.teaches:
                    await connection.execute(_LESSON, (decision.id, kind))

        await self._database.run(insert, repeatable=True)

    async def reward(self, decision_id: str, reward: float) -> None:
        """Note what a decision was worth; the first word counts.

        Raises:
            BadRequestError: It is not known (any more), or was rewarded already.
        """
        number = storable(decision_id)

        async def settle(connection: Connection) -> None:
            await connection.execute(_IN_TURN)
            if not (await connection.execute(_REWARD, (reward, number))).rowcount:
                known = await (await connection.execute(_KNOWN, (number,))).fetchone()
                raise not_rewarded(decision_id, known=known is not None)
            await connection.execute(_LESSON, (number, LessonKind.REWARD))

        await self._database.run(settle)

    async def lessons(self, layout: str, *, after: int) -> list[Lesson]:
        """The lessons with a greater number, in order."""
        return [
            Lesson(number, LessonKind(kind), _decision(row))
            for number, kind, *row in await self._database.rows(_LESSONS, (after, layout))
        ]

    async def learned(self, layout: str) -> Learned | None:
        """What was saved last."""
        rows = await self._database.rows("SELECT upto, data FROM learned WHERE layout = %s", (layout,))
        return Learned(*rows[0]) if rows else None

    async def save(self, layout: str, learned: Learned) -> None:
        """Keep what was learned, unless from more lessons was learned already; old decisions go."""
        bounds = {"upto": learned.upto, "oldest": self._clock() - KEPT_S, "most": self._most_kept - 1}

        async def replace(connection: Connection) -> None:
            await connection.execute(_IN_TURN)  # two that remove the same rows in another order would block each other
            await connection.execute(_SAVE, (layout, learned.upto, learned.data))
            await connection.execute(_PRUNE, bounds)

        await self._database.run(replace, repeatable=True)

    async def decisions(self, scope: Scope, *, limit: int) -> list[Decision]:
        """The newest decisions of a scope, newest first."""
        rows = await self._database.rows(_NEWEST, (scope.tenant, scope.workspace, limit))
        return [_decision(row) for row in rows]


def _row(decision: Decision) -> tuple[object, ...]:
    return (
        decision.id, decision.scope.tenant, decision.scope.workspace, decision.task, decision.model, decision.layout,
        list(decision.context), decision.prompt_tokens, decision.completion_tokens, list(decision.barred),
        decision.propensity, decision.decided_at, decision.cost_usd, decision.reward, decision.calibration,
    )  # fmt: skip


def _decision(row: Sequence[Any]) -> Decision:
    id_, tenant, workspace, task, model, layout, context, prompt, completion, barred, *rest = row
    scope = Scope.of(tenant, workspace)
    return Decision(id_, scope, task, model, layout, tuple(context), prompt, completion, tuple(barred), *rest)
