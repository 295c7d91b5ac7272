"""An answer put together from what the wire brings: one piece, or many of a stream."""

from typing import Any, Final

from udib.core.chat import Completion, Finish, TokenUsage, ToolCall
from udib.core.errors import UnavailableError
from udib.llm.cards import ModelCard
from udib.llm.wire import WireAnswer, WireChoice, WireTokens, WireToolCall, read_usage

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
_MOST_BYTES_PER_TOKEN: Final = 64
"""Who counts fewer tokens than that leaves some out, so that their price would be left out too."""
_MOST_TOKENS: Final = 10**8
_MOST_USD: Final = 10_000.0
"""What is above is no count and no bill of one call: it would upset every sum that it comes into."""
_MOST_CALLS: Final = 256
_LONGEST_NAME: Final = 200


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
        tells_bills: Whether it was asked what it bills. Of another one, a bill below the list price is not believed:
            many servers say 0 of every call, and no cap would ever be met.
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
        "_tells_bills",
        "_texts",
        "_usage",
        "begun",
    )

    def __init__(self, host: str, longest: int, *, tells_bills: bool = False) -> None:
        self._host = host
        self._longest = longest
        self._tells_bills = tells_bills
        self._size = 0
        self._id = self._model = ""
        self._texts: list[str] = []
        self._calls: dict[int, _CallParts] = {}
        self._finish: str | None = None
        self._refused = False
        self._usage: Any = None
        self.begun = False
        """Whether a choice has come, be it an empty one."""

    @property
    def finished(self) -> bool:
        """Whether the model said why it stopped."""
        return self._finish is not None

    def add(self, piece: WireAnswer) -> str:
        """Take in a piece; returns the text in it.

        Raises:
            UnavailableError: The answer is too long, or calls too many tools.
        """
        self._id = self._id or _name(piece.id)
        self._model = self._model or _name(piece.model)
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
            if len(self._calls) > _MOST_CALLS:
                raise UnavailableError(f"{self._host} calls more than {_MOST_CALLS} tools at once; try another model.")
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
        wire = read_usage(self._usage)
        prompt = _counted(wire.prompt_tokens, -(-len(body) // _MOST_BYTES_PER_TOKEN))
        answer = _counted(wire.completion_tokens, -(-self._size // _MOST_BYTES_PER_TOKEN))
        if estimated := prompt is None or answer is None:
            prompt, answer = _estimate(len(body)), _estimate(self._size)
        listed = 0.0 if card is None else card.cost_usd(prompt, answer)
        billed = _billed(wire)
        if billed is not None and billed < listed and not self._tells_bills:
            billed = None
        details = wire.prompt_tokens_details
        cached = None if details is None else _counted(details.cached_tokens, 0)
        return TokenUsage(
            prompt,
            answer,
            min(cached or 0, prompt),
            listed if billed is None else billed,
            billed=billed is not None,
            estimated=estimated,
        )


def _name(said: str | None) -> str:
    """An id or a model's name, that will be shown and kept: what is none is left out."""
    return said if said and len(said) <= _LONGEST_NAME and said.isprintable() else ""


def _counted(tokens: int | None, least: int) -> int | None:
    """What a provider counted; None: it did not, or what it says is no count."""
    return tokens if tokens is not None and least <= tokens <= _MOST_TOKENS else None


def _estimate(size: int) -> int:
    """About how many tokens a text of that size has, rounded up."""
    return -(-size // _BYTES_PER_TOKEN)


def _billed(usage: WireTokens) -> float | None:
    """What a call cost in USD, with what was billed to a key of the user's own; None: not all said, or no amount."""
    bills = [usage.cost]
    if usage.is_byok:
        bills.append(usage.cost_details.upstream_inference_cost if usage.cost_details is not None else None)
    amounts = [bill for bill in bills if bill is not None and 0 <= bill <= _MOST_USD]
    return sum(amounts) if len(amounts) == len(bills) else None
