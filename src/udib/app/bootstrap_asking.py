"""How the composition root asks models for one part of a report: prompts that fit, answers, and an account."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from udib.app.bootstrap_models import Models
from udib.core.chat import ChatRequest, Purpose
from udib.core.clock import time_left_s
from udib.core.errors import BadRequestError, BudgetExceededError, ForbiddenError, UdibError, UnavailableError
from udib.core.judging import ModelUse
from udib.core.tenancy import Scope
from udib.llm.prompts import Excerpt
from udib.llm.structured import InvalidAnswerError, answer_form

T = TypeVar("T")
Item = TypeVar("Item")

AT_ONCE: Final = 4
"""Calls that are under way at the same time."""
_LAST_BEGINNING: Final = 0.5
"""Of the time of a stage, the share after which no call is begun, so that what was read comes to something."""
_LONGEST_CALL: Final = 0.2
"""Share of the time of a stage that one call may take."""
_MOST_FAILURES: Final = 12
_FAILURE: Final = 4
"""Failures in a row after which no other call is made, and how many of them a provider that fails counts as: an answer
that cannot be used may be the doing of one text that was read, and must not end the reading of the others."""

BUDGET: Final = "budget"
DEADLINE: Final = "deadline"
UNUSABLE: Final = "model_unusable"


class OutOfTimeError(UnavailableError):
    """The time of a part is over, so that no other call is made for it."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why an item has no answer: a code, and the sentence behind it. `invalid`: there was one that cannot be used."""

    code: str
    why: str
    invalid: bool = False


class Asking:
    """Asks for one part of one report, and keeps the account of it."""

    def __init__(self, models: Models, scope: Scope, task: str, *, call_s: float, stage_s: float) -> None:
        """Nobody is asked yet.

        Args:
            models: Who is asked.
            scope: Who pays.
            task: What for.
            call_s: Longest time of one call.
            stage_s: Time of the part.
        """
        self.models = models
        self._purpose = Purpose(scope, task, min(call_s, _LONGEST_CALL * stage_s))
        self._least_left_s = (1 - _LAST_BEGINNING) * stage_s
        self._asked: dict[str, None] = {}
        self._calls = 0
        self._cost_usd = 0.0

    @property
    def use(self) -> ModelUse:
        """Who was asked so far, how often, and what it cost."""
        return ModelUse(tuple(self._asked), self._calls, round(self._cost_usd, 6))

    def version(self, template: str) -> str:
        """A prompt with its version and the beginning of its text's digest: one's own may have the same number."""
        return f"{template} {self.models.engine.version(template)}"

    def in_time(self) -> None:
        """See that there is time for another call.

        Raises:
            OutOfTimeError: There is none.
        """
        if time_left_s() < self._least_left_s:
            raise OutOfTimeError("there was no time left for it")

    def room(self, template: str, values: Mapping[str, object]) -> tuple[int, str | None]:
        """Tokens that the excerpts of a prompt may take, and the model by whose count."""
        most, model = self.models.room()
        return most - self.models.engine.generate(template, {**values, "passages": ""}, model=model).tokens, model

    async def ask(
        self,
        template: str,
        values: Mapping[str, object],
        excerpts: Sequence[Excerpt],
        form: type[T],
        *,
        most_tokens: int,
        quotes: Callable[[T], tuple[int, int]] = lambda _: (0, 0),
    ) -> T:
        """Ask one question.

        Args:
            template: The prompt's name.
            values: What it asks for beside the excerpts.
            excerpts: Other people's words; all of them are shown.
            form: Of the answer.
            most_tokens: Longest answer.
            quotes: Of an answer, how many of its quotes or numbers are right, and how many it gives.

        Raises:
            BadRequestError: The excerpts do not fit into a prompt.
            InvalidAnswerError: There is no answer of the form.
            UdibError: As of the model.
        """
        room, model = self.models.room()
        prompt = self.models.engine.build_with_context(template, values, excerpts, most_tokens=room, model=model)
        if prompt.left_out:
            raise BadRequestError(f"{len(prompt.left_out)} of its passages do not fit into a prompt")
        request = ChatRequest(prompt.messages, max_tokens=self.models.answer_tokens(most_tokens))
        self._calls += 1
        try:
            said = await self.models.asked(request, self._purpose, answer_form(form), quotes)
        except InvalidAnswerError as exc:
            self._cost_usd += exc.usage.cost_usd
            raise
        self._cost_usd += said.usage.cost_usd
        self._asked[said.completion.model] = None
        return said.value

    async def each(self, items: Sequence[Item], answer: Callable[[Item], Awaitable[T]]) -> list[T | Unanswered]:
        """What `answer` gives for each item, AT_ONCE at a time, or why it gives nothing.

        A cap, a refusal, the end of the time, or failures in a row end the asking: the rest has the same reason.
        """
        found: dict[int, T | Unanswered] = {}
        waiting = iter(enumerate(items))
        ended: list[Unanswered] = []
        failures = 0

        async def asker() -> None:
            nonlocal failures
            while not ended and (following := next(waiting, None)) is not None:
                place, item = following
                try:
                    self.in_time()
                    found[place] = await answer(item)
                    failures = 0
                except UdibError as exc:
                    invalid = isinstance(exc, InvalidAnswerError)
                    failures += 1 if invalid else _FAILURE
                    found[place] = why = Unanswered(_code(exc), str(exc), invalid)
                    if isinstance(exc, ForbiddenError | OutOfTimeError) or failures >= _MOST_FAILURES:
                        ended.append(why)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(items))):
                group.create_task(asker())
        return [found[place] if place in found else replace(ended[0], invalid=False) for place in range(len(items))]


def _code(exc: UdibError) -> str:
    match exc:
        case BudgetExceededError():
            return BUDGET
        case OutOfTimeError():
            return DEADLINE
        case _:
            return UNUSABLE
