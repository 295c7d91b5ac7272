"""The part of the composition root that has a model keep the ledger of a debate and grade its speeches, twice."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from udib.analysis.ledger import (
    MOST_POINTS,
    GradesDraft,
    PointsDraft,
    PointsGate,
    grades_of,
    merged,
    outcome_of,
    thinned,
    two_sides,
)
from udib.analysis.passages import CitedPassage, passages_of
from udib.app.bootstrap_asking import Asking, Unanswered
from udib.app.bootstrap_models import Models
from udib.core.judging import DebateLedger, DebateOutcome, DebatePoint, SpeechGrade
from udib.core.speech import Missing, Transcript
from udib.core.tenancy import Scope
from udib.llm.map_reduce import TextWindow, windows
from udib.llm.prompts import LONGEST_FENCE, Excerpt, fenced

_POINTS: Final = "points"
_GRADES: Final = "grades of the speeches"
_WINDOW_TOKENS: Final = 12_000
_POINTS_TOKENS: Final = 1_500
_GRADES_TOKENS: Final = 200
_OVERLAP: Final = 4

KeepLedger = Callable[[Scope, Transcript], Awaitable[DebateLedger]]


def ledger_keeper(models: Models, *, winner: bool, call_s: float, stage_s: float) -> KeepLedger:
    """What keeps the ledger of a debate.

    Args:
        models: Who is asked.
        winner: Whether it says who did better.
        call_s: Longest time of one call.
        stage_s: Time of all.
    """

    async def keep(scope: Scope, transcript: Transcript) -> DebateLedger:
        asking = Asking(models, scope, "debate", call_s=call_s, stage_s=stage_s)
        keeping = await asyncio.to_thread(_Keeping, asking, transcript)
        return await keeping.made(winner=winner)

    return keep


class _Keeping:
    """The ledger of one debate in the making."""

    def __init__(self, asking: Asking, transcript: Transcript) -> None:
        self._asking = asking
        self._transcript = transcript
        self._passages = {each.number: each for each in passages_of(transcript)}
        self._gate = PointsGate(transcript)
        self._missing: list[Missing] = []

    async def made(self, *, winner: bool) -> DebateLedger:
        if len(self._transcript.speakers) < 2:
            why = "fewer than two speakers have a name or a label, so nobody answers anybody"
            return DebateLedger(missing=(Missing(_POINTS, why),))
        points = await self._points()
        read, grades, outcome = await self._grades()
        return DebateLedger(
            points,
            grades,
            outcome if winner else None,
            passages=len(self._passages),
            passages_read=read,
            use=self._asking.use,
            gates=(self._gate.count.account, self._gate.answers.account),
            missing=tuple(self._missing),
        )

    async def _points(self) -> tuple[DebatePoint, ...]:
        values = {"most_points": MOST_POINTS, "part": 1, "parts": 2}
        room, model = self._asking.room("points", values)
        excerpts = [Excerpt(str(each.number), each.text, each.speaker or "") for each in self._passages.values()]
        parts = windows(
            excerpts,
            self._asking.models.counter,
            most_tokens=min(room, _WINDOW_TOKENS),
            overlap=_OVERLAP,
            model=model,
        )

        async def read(window: TextWindow) -> tuple[DebatePoint, ...]:
            shown = {int(each.label): self._passages[int(each.label)] for each in window.excerpts}
            asked = {**values, "part": window.number, "parts": len(parts)}
            draft = await self._asking.ask("points", asked, window.excerpts, PointsDraft, most_tokens=_POINTS_TOKENS)
            return self._gate.passed(draft, shown)

        answers = await self._asking.each(parts, read)
        for window, answer in zip(parts, answers, strict=True):
            if isinstance(answer, Unanswered):
                which = f"part {window.number} of {len(parts)} was not read: " if len(parts) > 1 else ""
                self._missing.append(Missing(_POINTS, f"{which}{answer.why}"))
        return merged(answer for answer in answers if not isinstance(answer, Unanswered))

    async def _grades(self) -> tuple[int, tuple[SpeechGrade, ...], DebateOutcome | None]:
        """How many passages were read, the grades, and who has the better ones."""
        sides = two_sides(self._transcript)
        if sides is None:
            why = "only a debate of two is graded; in this one another number of people says a tenth of it or more"
            self._missing.append(Missing(_GRADES, why))
            return 0, (), None
        speeches = self._speeches(sides)
        orders = [speeches, speeches[::-1]]
        forth, back = await self._asking.each(orders, self._graded)
        read = sum(map(len, speeches))
        if isinstance(forth, Unanswered) or isinstance(back, Unanswered):
            why = next(each.why for each in (forth, back) if isinstance(each, Unanswered))
            self._missing.append(Missing(_GRADES, f"the speeches were not read in both orders: {why}"))
            return read, (), None
        return read, grades_of(sides, forth, back), outcome_of(sides, forth, back)

    def _speeches(self, sides: tuple[str, str]) -> list[Sequence[CitedPassage]]:
        """The passages of either side, so many of them, evenly over the debate, as one prompt takes."""
        room, model = self._asking.room("grades", {})
        counter = self._asking.models.counter
        own = [[each for each in self._passages.values() if each.speaker == side] for side in sides]
        sizes = [
            counter.count(fenced([Excerpt("1000", each.text, "second")], LONGEST_FENCE), model)
            for speech in own
            for each in speech
        ]
        share = min(min(room, _WINDOW_TOKENS) / max(sum(sizes), 1), 1.0)
        # The longest passages may be those that stay; a little room is kept for that.
        return [thinned(speech, max(int(len(speech) * share * (0.8 if share < 1 else 1.0)), 1)) for speech in own]

    async def _graded(self, speeches: Sequence[Sequence[CitedPassage]]) -> GradesDraft:
        """The grades of two speeches, whose speakers the model does not know."""
        excerpts = [
            Excerpt(str(number), each.text, place)
            for place, speech in zip(("first", "second"), speeches, strict=True)
            for number, each in enumerate(speech, 1)
        ]
        return await self._asking.ask("grades", {}, excerpts, GradesDraft, most_tokens=_GRADES_TOKENS)
