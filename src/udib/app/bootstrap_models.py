"""The models of a running udib, as the composition root hands them to what asks: prompts that fit, answers, rewards."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from udib.core.chat import ChatModel, ChatRequest, Completion, Purpose
from udib.core.checked import Checked
from udib.core.errors import NotSentError, UdibError
from udib.core.founding import Draft, quotes_found
from udib.core.tenancy import Scope
from udib.core.types import Health, Passage, RecordKind
from udib.llm.rewards import Signals, combined_reward, latency_reward, quotes_reward, schema_reward
from udib.pipeline.answering import Drafted, Write, citables

if TYPE_CHECKING:
    from udib.llm.budget import BudgetedChatModel
    from udib.llm.cache import LLMCache
    from udib.llm.catalogue import ModelCatalogue
    from udib.llm.client import OpenAICompatibleClient
    from udib.llm.prompts import PromptEngine
    from udib.llm.router import LLMRouter
    from udib.llm.semantic_cache import SemanticCache
    from udib.llm.structured import AnswerForm, StructuredAnswer
    from udib.llm.tokens import TokenCounter

log: Any = structlog.get_logger()
T = TypeVar("T")

_MOST_STATEMENTS = 8
_ANSWER_TOKENS = 1_500
_PROMPT_SHARE = 0.6
"""How much of a model's context the passages may take; the rest is for the answer and a repair of it."""
_ANSWER_SHARE = 1 / 6
_IN_TIME = 0.5
"""Of a deadline, the share within which an answer is quick: no longer one would come back at twice of it."""


@dataclass(frozen=True, slots=True)
class Models:
    """The models of a running udib.

    Attributes:
        chat: What answers: cache over router over budget, redaction and client.
        client: The client in it.
        router: The router in it.
        catalogue: What is known of the models.
        cache: The answers that are kept.
        engine: The prompts.
        counter: Their lengths, by what the models were seen to count.
        provider: Who is asked, by name and host.
        budget: What sets aside the most that a call may cost.
        checked: All that can say how it is.
        semantic: The answers to questions in other words; None: no task may be answered so.
    """

    chat: ChatModel
    client: "OpenAICompatibleClient"
    router: "LLMRouter"
    catalogue: "ModelCatalogue"
    cache: "LLMCache"
    engine: "PromptEngine"
    counter: "TokenCounter"
    provider: str
    budget: "BudgetedChatModel"
    checked: Sequence[Checked]
    semantic: "SemanticCache | None" = None

    async def asked(
        self, request: ChatRequest, purpose: Purpose, form: "AnswerForm[T]", quotes: Callable[[T], tuple[int, int]]
    ) -> "StructuredAnswer[T]":
        """Ask for an answer of a form, and let the router learn what it was worth.

        Args:
            request: What is asked.
            purpose: For whom.
            form: Of the answer.
            quotes: Of an answer, how many of its quotes were said, and how many it gives.

        Raises:
            InvalidAnswerError: There was none of the form.
            UdibError: As of the model.
        """
        from udib.llm.structured import InvalidAnswerError, ask_structured

        native = all(card.json_schema for card in self.catalogue.cards)
        try:
            said = await ask_structured(self.chat, request, purpose, form, native=native)
        except InvalidAnswerError as exc:
            await self._learn(exc.decisions, Signals(schema=schema_reward(valid_at_first=False)))
            raise
        verbatim, given = quotes(said.value)
        answer = said.completion
        signals = Signals(
            schema=schema_reward(valid_at_first=said.first_try, valid_after_repair=True),
            quotes=quotes_reward(verbatim=verbatim, given=given),
            latency=None
            if purpose.deadline_s is None
            else latency_reward(answer.latency_ms, 1000 * _IN_TIME * purpose.deadline_s),
        )
        *sent_back, last = said.decisions or ("",)
        await self._learn(sent_back, Signals(schema=signals.schema))
        await self._learn([last] if last and not answer.cached else (), signals)
        return said

    async def _learn(self, decisions: Iterable[str], signals: Signals) -> None:
        """Reward decisions. One that was not written down is passed over: the answer is there, and paid."""
        reward = combined_reward(signals)
        for decision in decisions if reward is not None else ():
            try:
                await self.router.feedback(decision, reward or 0.0)
            except UdibError as exc:
                log.warning("router.not_rewarded", reason=str(exc))

    def room(self) -> tuple[int, str | None]:
        """Most tokens of a prompt, and the model by whose count: whichever is chosen, the prompt fits it."""
        cards = self.catalogue.cards
        share = round(_PROMPT_SHARE * min(card.context_tokens for card in cards))
        return share, self.counter.wordiest(card.name for card in cards)

    def answer_tokens(self, most: int) -> int:
        """How long an answer may be, so that it and a repair of it have room beside the prompt."""
        return min(most, round(_ANSWER_SHARE * min(card.context_tokens for card in self.catalogue.cards)))

    def writer(self, scope: Scope, deadline_s: float) -> Write:
        """What puts an answer into words, for a scope."""
        from udib.llm.prompts import Excerpt
        from udib.llm.structured import answer_form

        purpose = Purpose(scope, "answer", deadline_s)
        form = answer_form(Draft)

        async def write(question: str, passages: Sequence[Passage]) -> Drafted:
            excerpts = [
                Excerpt(str(number), each.record.text, _about(each), priority=-number)
                for number, each in enumerate(passages, 1)
            ]
            variables = {"question": question, "most_statements": _MOST_STATEMENTS}
            room, model = self.room()
            prompt = self.engine.build_with_context("answer", variables, excerpts, most_tokens=room, model=model)
            request = ChatRequest(prompt.messages, max_tokens=self.answer_tokens(_ANSWER_TOKENS))
            shown = citables(passages)
            said = await self.asked(request, purpose, form, lambda draft: quotes_found(draft, shown))
            return Drafted(
                said.value, said.completion.model, said.usage.cost_usd, tuple(int(each) for each in prompt.left_out)
            )

        return write

    async def estimate(self, scope: Scope, question: str, passages: Sequence[Passage]) -> tuple[str, float, float]:
        """What putting an answer into words would take; nothing is asked.

        Returns:
            The model that would be asked now, what the call is expected to cost, and what it costs at most, in USD.

        Raises:
            UdibError: No model would be asked.
        """
        noted = _Noting()
        with suppress(NotSentError):
            await replace(self, chat=noted).writer(scope, 1.0)(question, passages)
        request, purpose = noted.asked[0]
        name = await self.router.select_model(request.messages, {"task": purpose.task}, scope=scope)
        _, most_usd = self.budget.bounded(replace(request, model=name))
        return name, min(most_usd, await self.router.expected_usd(name, request, purpose.task)), most_usd


@dataclass(frozen=True, slots=True)
class _Noting:
    """A chat model that notes what it is asked, and sends nothing."""

    asked: list[tuple[ChatRequest, Purpose]] = field(default_factory=list)

    async def ping(self) -> Health:
        return Health("dry run", ok=True, detail="nothing is sent")

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        self.asked.append((request, purpose))
        raise NotSentError("Nothing is asked in a dry run.")

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        yield await self.complete(request, purpose)


def _about(passage: Passage) -> str:
    record = passage.record
    written = record.kind is RecordKind.DOCUMENT
    named = ("a document" if written else "", record.speaker or record.publisher, record.title, record.published_at)
    return ", ".join(each for each in named if each)
