"""An answer put together from what the wire brings: one piece, or many of a stream."""

import math
from typing import Final

from udib.core.chat import Completion, Finish, TokenUsage, ToolCall
from udib.core.errors import UnavailableError
from udib.llm.cards import ModelCard
from udib.llm.wire import WireAnswer, WireChoice, WireTokens, WireToolCall

_FINISH: Final = {
    "stop": Finish.STOP,
    "eos": Finish.STOP,
    "end_turn": Finish.STOP,
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "tool_calls": Finish.TOOL_CALLS,
    "function_call": Finish.TOOL_CALLS,
    "content_filter": Finish.CONTENT_FILTER,
}
_BYTES_PER_TOKEN: Final = 4
"""Of English text, about, where a provider does not count."""


class _CallParts:
    """A tool call in the making."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = self.name = ""
        self.arguments: list[str] = []

    def add(self, part: WireToolCall) -> int:
        """Take in a part; returns its size in characters."""
        self.id = self.id or part.id or ""
        if part.function is None:
            return 0
        self.name = self.name or part.function.name or ""
        self.arguments.append(part.function.arguments_text)
        return len(self.arguments[-1])


class Assembly:
    """Takes the pieces of one answer.

    Args:
        host: Who answers, for sentences.
        longest: Most characters of the answer.
    """

    __slots__ = (
        "_calls",
        "_finish",
        "_host",
        "_id",
        "_longest",
        "_model",
        "_refused",
        "_size",
        "_texts",
        "_usage",
        "begun",
    )

    def __init__(self, host: str, longest: int) -> None:
        self._host = host
        self._longest = longest
        self._size = 0
        self._id = self._model = ""
        self._texts: list[str] = []
        self._calls: dict[int, _CallParts] = {}
        self._finish: str | None = None
        self._refused = False
        self._usage: WireTokens | None = None
        self.begun = False
        """Whether a choice has come, be it an empty one."""

    @property
    def finished(self) -> bool:
        """Whether the model said why it stopped."""
        return self._finish is not None

    def add(self, piece: WireAnswer) -> str:
        """Take in a piece; returns the text in it.

        Raises:
            UnavailableError: The answer is too long.
        """
        self._id = self._id or piece.id or ""
        self._model = self._model or piece.model or ""
        self._usage = piece.usage or self._usage
        if not piece.choices:
            return ""
        self.begun = True
        text = self._take(piece.choices[0])
        if self._size > self._longest:
            raise UnavailableError(
                f"The answer of {self._host} is longer than {self._longest:,} characters; ask for fewer tokens."
            )
        return text

    def completion(
        self, asked: str, body: bytes, card: ModelCard | None, *, latency_ms: float, attempts: int
    ) -> Completion:
        """The whole answer.

        Args:
            asked: The model that was asked, in case the answer names none.
            body: The request, to estimate its tokens if the provider does not count.
            card: The model's prices, if they are known.
            latency_ms: From the request to the last byte.
            attempts: How often the request was sent.

        Raises:
            UnavailableError: There was no choice among the pieces.
        """
        if not self.begun:
            raise UnavailableError(
                f"{self._host} gave an answer of {asked} without a choice; try again, or another model."
            )
        text = "".join(self._texts)
        calls = tuple(
            ToolCall(call.id or f"call_{number}", call.name, "".join(call.arguments) or "{}")
            for number, call in sorted(self._calls.items())
        )
        return Completion(
            text,
            self._model or asked,
            self._why(),
            calls,
            self._consumed(body, card),
            latency_ms,
            id=self._id,
            attempts=attempts,
        )

    def _take(self, choice: WireChoice) -> str:
        self._finish = choice.finish_reason or self._finish
        said = choice.message or choice.delta
        if said is None:
            return ""
        text = said.text
        if not text and said.refusal:
            text, self._refused = said.refusal, True
        if text:
            self._texts.append(text)
            self._size += len(text)
        for part in said.tool_calls or ():
            self._size += self._calls.setdefault(self._number(part), _CallParts()).add(part)
        return text

    def _number(self, part: WireToolCall) -> int:
        """Which call a part belongs to. Where the index is left out, a new id, or else a name, begins a new call."""
        if part.index is not None:
            return part.index
        if not self._calls:
            return 0
        last = max(self._calls)
        named = part.function is not None and bool(part.function.name)
        continues = part.id == self._calls[last].id if part.id else not named
        return last if continues else last + 1

    def _why(self) -> Finish:
        if self._refused:
            return Finish.CONTENT_FILTER
        finish = _FINISH.get((self._finish or "").lower(), Finish.OTHER)
        return Finish.TOOL_CALLS if finish is Finish.STOP and self._calls else finish

    def _consumed(self, body: bytes, card: ModelCard | None) -> TokenUsage:
        wire = self._usage or WireTokens()
        prompt, answer = _counted(wire.prompt_tokens), _counted(wire.completion_tokens)
        if estimated := prompt is None or answer is None:
            prompt, answer = _estimate(len(body)), _estimate(self._size)
        billed = _billed(wire)
        listed = 0.0 if card is None else card.cost_usd(prompt, answer)
        details = wire.prompt_tokens_details
        return TokenUsage(
            prompt,
            answer,
            (details.cached_tokens or 0) if details else 0,
            listed if billed is None else billed,
            billed=billed is not None,
            estimated=estimated,
        )


def _counted(tokens: int | None) -> int | None:
    """What a provider counted; None: it did not, or what it says is no count."""
    return tokens if tokens is not None and tokens >= 0 else None


def _estimate(size: int) -> int:
    """About how many tokens a text of that size has, rounded up."""
    return -(-size // _BYTES_PER_TOKEN)


def _billed(usage: WireTokens) -> float | None:
    """What a call cost in USD, with what was billed to a key of the user's own; None: not said, or no amount."""
    cost = usage.cost
    if cost is None or not math.isfinite(cost) or cost < 0:
        return None
    if usage.is_byok and usage.cost_details is not None:
        cost += usage.cost_details.upstream_inference_cost or 0.0
    return cost
