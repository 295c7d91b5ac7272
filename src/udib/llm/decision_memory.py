"""A log of decisions that lives and dies with the process."""

from collections import OrderedDict
from dataclasses import replace
from typing import Final

from udib.core.routing import Decision, Learned, Lesson, LessonKind, not_rewarded
from udib.core.tenancy import Scope
from udib.core.types import Health

KEPT: Final = 4_096


class MemoryDecisionLog:
    """A `DecisionLog` in memory, of the last 4,096 decisions. To be used from one event loop."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._decisions: OrderedDict[str, Decision] = OrderedDict()
        self._lessons: list[Lesson] = []
        self._learned: dict[str, Learned] = {}
        self._number = 0

    async def ping(self) -> Health:
        """Always well."""
        return Health("decision log", ok=True, detail=f"in memory, {len(self._decisions)} decisions")

    async def record(self, decision: Decision) -> None:
        """Note a decision; its cost and its reward, where they are known, are lessons."""
        self._decisions[decision.id] = decision
        if len(self._decisions) > self._kept:
            self._decisions.popitem(last=False)
        if decision.cost_usd is not None:
            self._teach(LessonKind.COST, decision)
        if decision.reward is not None:
            self._teach(LessonKind.REWARD, decision)

    async def reward(self, decision_id: str, reward: float) -> None:
        """Note what a decision was worth; the first word counts.

        Raises:
            BadRequestError: It is not known (any more), or was rewarded already.
        """
        decision = self._decisions.get(decision_id)
        if decision is None or decision.reward is not None:
            raise not_rewarded(decision_id, known=decision is not None)
        rewarded = self._decisions[decision_id] = replace(decision, reward=reward)
        self._teach(LessonKind.REWARD, rewarded)

    async def lessons(self, layout: str, *, after: int) -> list[Lesson]:
        """The lessons with a greater number, in order."""
        return [each for each in self._lessons if each.number > after and each.decision.layout == layout]

    async def learned(self, layout: str) -> Learned | None:
        """What was saved last."""
        return self._learned.get(layout)

    async def save(self, layout: str, learned: Learned) -> None:
        """Keep what was learned, unless from more lessons was learned already; lessons that are learned go."""
        before = self._learned.get(layout)
        if before is None or before.upto <= learned.upto:
            self._learned[layout] = learned
            self._lessons = [
                each for each in self._lessons if each.number > learned.upto or each.decision.layout != layout
            ]

    async def decisions(self, scope: Scope, *, limit: int) -> list[Decision]:
        """The newest decisions of a scope, newest first."""
        return [each for each in reversed(self._decisions.values()) if each.scope == scope][:limit]

    def _teach(self, kind: LessonKind, decision: Decision) -> None:
        self._number += 1
        self._lessons.append(Lesson(self._number, kind, decision))
