"""The policy and the log behind it: what happened is written down first, and learned from what was written."""

import asyncio
from typing import Any, Final

import numpy as np
import structlog

from udib.core.errors import BadRequestError, UnavailableError
from udib.core.ports import DecisionLog
from udib.core.routing import Decision, Learned, Lesson, LessonKind
from udib.llm.policy import Bill, RouterCall, RoutingPolicy

log: Any = structlog.get_logger()

SAVED_EVERY: Final = 64
"""Lessons after which what was learned is saved, so that a start reads at most so many."""


class RoutingLearner:
    """Keeps a policy in step with its log.

    The state of the policy is what all lessons of the log make of its cards, in the order of the log. So a crash loses
    nothing that was written down, what is saved is only there to spare reading (if it cannot be read, the lessons are),
    and processes that share a log learn the same.

    Attributes:
        policy: What was learned so far.
        log: What it was learned from.
        layout: Of the policy's contexts.
        fault: Why the last decision could not be written down; None if it could.
    """

    def __init__(self, policy: RoutingPolicy, log: DecisionLog, layout: str) -> None:
        """Begin; nothing is read yet.

        Args:
            policy: As its cards say.
            log: Where decisions are written down.
            layout: Of the policy's contexts; what was learned under another one is left alone.
        """
        self.policy = policy
        self.log = log
        self.layout = layout
        self.fault: str | None = None
        self._upto = 0
        self._saved = 0
        self._opened = False
        self._lock = asyncio.Lock()

    async def opened(self) -> RoutingPolicy:
        """The policy, with everything learned that is in the log when it is first asked for.

        Raises:
            UnavailableError: The log cannot be read.
        """
        if not self._opened:
            await self._catch_up()
        return self.policy

    async def record(self, decision: Decision) -> None:
        """Write a decision down and learn from it."""
        await self.log.record(decision)
        await self._catch_up()

    async def recorded(self, decision: Decision) -> bool:
        """As `record`; whether it could be. An answer that was paid for is not given up because the log is busy."""
        try:
            await self.record(decision)
        except UnavailableError as exc:
            if self.fault is None:
                log.warning("router.decision_lost", reason=str(exc))
            self.fault = str(exc)
            return False
        self.fault = None
        return True

    async def reward(self, decision_id: str, reward: float) -> None:
        """Write down what a decision was worth and learn from it.

        Raises:
            BadRequestError: It is not known or was rewarded already, or the reward is not in [0, 1].
        """
        if not 0.0 <= reward <= 1.0:
            raise BadRequestError(f"A reward is a number from 0 to 1, not {reward}.")
        await self.log.reward(decision_id, reward)
        await self._catch_up()

    async def save(self) -> None:
        """Save what was learned, if anything was."""
        async with self._lock:
            await self._save()

    async def anew(self) -> None:
        """Leave everything that was learned so far behind; only before `opened`.

        A process that has learned it goes on by it, and saves it again: end the others before.
        """
        async with self._lock:
            lessons = await self.log.lessons(self.layout, after=0)
            self._upto = max([lesson.number for lesson in lessons], default=0)
            before = await self.log.learned(self.layout)
            if before is not None:
                self._upto = max(self._upto, before.upto)
            self._opened = True
            await self.log.save(self.layout, Learned(self._upto, self.policy.to_bytes()))

    async def _catch_up(self) -> None:
        async with self._lock:
            if not self._opened:
                learned = await self.log.learned(self.layout)
                if learned is not None:
                    self._restore(learned)
                self._opened = True
            for lesson in await self.log.lessons(self.layout, after=self._upto):
                self._take_in(lesson)
                self._upto = lesson.number
            if self._upto - self._saved >= SAVED_EVERY:
                await self._save()

    def _restore(self, learned: Learned) -> None:
        try:
            self.policy.restore(learned.data)
        except BadRequestError as exc:
            # It is there to spare reading: the lessons that it was made of are in the log, and are read in its place.
            log.warning("router.learns_again", reason=str(exc))
        else:
            self._upto = self._saved = learned.upto

    def _take_in(self, lesson: Lesson) -> None:
        decision = lesson.decision
        call = RouterCall(
            np.array(decision.context),
            self.policy.features.task(decision.task),
            decision.prompt_tokens,
            decision.completion_tokens,
        )
        match lesson.kind:
            case LessonKind.COST if decision.cost_usd is not None:
                tenant = None if decision.calibration else str(decision.scope.tenant)
                bill = Bill(tenant, decision.cost_usd, decision.decided_at, frozenset(decision.barred))
                self.policy.billed(call, decision.model, bill)
            case LessonKind.REWARD if decision.reward is not None:
                self.policy.learn(call, decision.model, decision.reward)

    async def _save(self) -> None:
        if self._upto > self._saved:
            await self.log.save(self.layout, Learned(self._upto, self.policy.to_bytes()))
            self._saved = self._upto
