"""The part of the composition root that has a model look for fallacies, and take back what it can defend."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from udib.analysis.reasoned_fallacies import (
    EXAMINED_A_HINT,
    TAKEN_BACK,
    Better,
    Examined,
    FallacyDraft,
    FallacyReasoning,
    FallacyReview,
    most_hints,
)
from udib.app.bootstrap_asking import Asking, Unanswered
from udib.app.bootstrap_models import Models
from udib.core.errors import UnavailableError
from udib.core.findings import Fallacies, Fallacy
from udib.core.speech import Missing, Transcript
from udib.core.tenancy import Scope
from udib.llm.prompts import Excerpt

_DRAFT_TOKENS: Final = 300
_REVIEW_TOKENS: Final = 50

ReasonFallacies = Callable[[Scope, Transcript, Fallacies], Awaitable[Fallacies]]


def fallacy_reader(models: Models, *, per_hour: int, call_s: float, stage_s: float) -> ReasonFallacies:
    """What has a model look for fallacies.

    Args:
        models: Who is asked.
        per_hour: Most hints an hour of speech.
        call_s: Longest time of one call.
        stage_s: Time of all.
    """

    async def read(scope: Scope, transcript: Transcript, found: Fallacies) -> Fallacies:
        asking = Asking(models, scope, "fallacies", call_s=call_s, stage_s=stage_s)
        reasoning = await asyncio.to_thread(FallacyReasoning, transcript)
        return await _Reading(asking, reasoning).made(found, most_hints(per_hour, transcript.duration_s))

    return read


class _Reading:
    """The fallacies of one item in the making."""

    def __init__(self, asking: Asking, reasoning: FallacyReasoning) -> None:
        self._asking = asking
        self._reasoning = reasoning

    async def made(self, found: Fallacies, allowed: int) -> Fallacies:
        """The model's hints in place of those of the rules, the first ones by their rank.

        Raises:
            UnavailableError: The model answered nothing.
        """
        examined = await asyncio.to_thread(self._reasoning.examined, EXAMINED_A_HINT * allowed)
        if not examined:
            return found
        answers = await self._asking.each(examined, self._examine)
        unanswered = [answer for answer in answers if isinstance(answer, Unanswered)]
        if len(unanswered) == len(answers):
            raise UnavailableError(unanswered[0].why)
        hints = [answer for answer in answers if isinstance(answer, Fallacy)]
        kept = sorted(hints[:allowed], key=lambda hint: hint.quote.start_s)
        self._reasoning.count.keep(len(hints))
        return Fallacies(
            tuple(kept),
            withheld=len(hints) - len(kept),
            use=self._asking.use,
            gates=(self._reasoning.count.account,),
            missing=tuple(dict.fromkeys(Missing("fallacies", each.why) for each in unanswered)),
        )

    async def _examine(self, examined: Examined) -> Fallacy | None:
        shown = _excerpts(examined)
        values = {"number": examined.number}
        draft = await self._asking.ask("fallacy", values, shown, FallacyDraft, most_tokens=_DRAFT_TOKENS)
        found = self._reasoning.read(draft, examined, ", ".join(self._asking.use.models))
        if found is None:
            return None
        charge = {**values, "kind": found.kind.value.replace("_", " ")}
        shown = [*shown, Excerpt("innocent", found.innocent_reading)]
        review = await self._asking.ask("fallacy_review", charge, shown, FallacyReview, most_tokens=_REVIEW_TOKENS)
        if review.better is not Better.FALLACY:
            self._reasoning.count.drop(TAKEN_BACK)
            return None
        return found


def _excerpts(examined: Examined) -> Sequence[Excerpt]:
    return [Excerpt(str(number), each.text, each.quote.speaker or "") for number, each in examined.shown.items()]
