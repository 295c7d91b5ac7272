"""`udib llm calibrate`: questions with known answers, put to every model, so that the router begins informed."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from udib.core.chat import ChatRequest, Completion, Message, Purpose
from udib.core.errors import UdibError
from udib.core.tenancy import Scope
from udib.llm.router import LLMRouter

_NUMBER: Final = re.compile(r"-?\d+(?:[.,]\d+)*")
_MAX_TOKENS: Final = 1_024


@dataclass(frozen=True, slots=True)
class CheckedQuestion:
    """A prompt with an answer that can be checked.

    Attributes:
        prompt: What to ask.
        accepted: Answers that are right. One that is a number has to be the last number of the answer; another one has
            to be in it as whole words, whatever their case.
        task: What it is an example of.
    """

    prompt: str
    accepted: tuple[str, ...]
    task: str

    def reward(self, text: str) -> float:
        """1 for a right answer, else 0."""
        return float(any(_is_right(text, accepted) for accepted in self.accepted))


@dataclass(frozen=True, slots=True)
class ModelMark:
    """How one model did.

    Attributes:
        model: Its name.
        answered: Questions that it answered.
        failed: Questions on which it could not be had, or which it refused.
        right: The share of right answers among those answered.
        cost_usd: What it cost.
        fault: Why it failed last.
    """

    model: str
    answered: int = 0
    failed: int = 0
    right: float = 0.0
    cost_usd: float = 0.0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a calibration found. `questions` is how many were put to all models; fewer than given if the cap was met."""

    marks: tuple[ModelMark, ...]
    questions: int
    given: int
    cost_usd: float

    @property
    def capped(self) -> bool:
        """Whether it ended because of the cap."""
        return self.questions < self.given


async def calibrate(
    router: LLMRouter,
    questions: Sequence[CheckedQuestion],
    scope: Scope,
    *,
    most_usd: float,
    progress: Callable[[int], None] = lambda _: None,
) -> Calibration:
    """Put each question to each model and let the router learn from the answers.

    Questions come one after the other, each to all models, so that models are judged by the same ones also where the
    cap ends it: before a question is begun, the expected cost of all its answers must fit below the cap. A model that
    cannot be had misses the question; nothing is learned from that.

    Args:
        router: Whom to teach.
        questions: In the order in which they are asked.
        scope: Who pays.
        most_usd: Most dollars to spend.
        progress: Told the number of questions done.
    """
    marks = {name: ModelMark(name) for name in router.models}
    spent, done = 0.0, 0
    for question in questions:
        request = ChatRequest([Message("user", question.prompt)], max_tokens=_MAX_TOKENS)
        expected = [await router.expected_usd(name, request, question.task) for name in marks]
        if spent + sum(expected) > most_usd:
            break
        purpose = Purpose(scope, question.task, use_cache=False)
        marks = {name: await _asked(router, mark, question, request, purpose) for name, mark in marks.items()}
        spent = sum(mark.cost_usd for mark in marks.values())
        done += 1
        progress(done)
    await router.learner.save()
    return Calibration(tuple(marks.values()), done, len(questions), spent)


async def _asked(
    router: LLMRouter, mark: ModelMark, question: CheckedQuestion, request: ChatRequest, purpose: Purpose
) -> ModelMark:
    def judge(answer: Completion) -> float:
        return question.reward(answer.text) if answer.complete else 0.0

    try:
        answer = await router.examine(mark.model, request, purpose, judge)
    except UdibError as exc:
        return replace(mark, failed=mark.failed + 1, fault=str(exc))
    answered = mark.answered + 1
    right = mark.right + (judge(answer) - mark.right) / answered
    return replace(
        mark, answered=answered, right=right, cost_usd=mark.cost_usd + router.settled_usd(mark.model, answer)
    )


def _is_right(text: str, accepted: str) -> bool:
    if _NUMBER.fullmatch(accepted.strip()):
        found = _NUMBER.findall(text)
        return bool(found) and _value(found[-1]) == _value(accepted.strip())
    return re.search(rf"(?<!\w){re.escape(accepted.strip())}(?!\w)", text, re.IGNORECASE) is not None


def _value(number: str) -> float:
    """A number as people write it: a comma groups digits by three or, as the only sign, marks the decimals."""
    whole = re.sub(r",(?=\d{3}(?:\D|$))", "", number)
    try:
        return float(whole.replace(",", "."))
    except ValueError:  # such as a date or a version
        return float("nan")
