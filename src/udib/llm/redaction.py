"""Private details do not leave the machine: placeholders go in their place, and come back as what they stand for."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import structlog

from udib.core.chat import ChatModel, ChatRequest, Completion, Message, Purpose, ToolCall
from udib.core.types import Health
from udib.llm.private_details import REGIONS, PrivateKind, private_details
from udib.llm.streams import read_through

log: Any = structlog.get_logger()

PLACEHOLDER: Final = re.compile(rf"\[(?:{'|'.join(PrivateKind)})_[1-9]\d*\]", re.ASCII)
_ONE_PIECE: Final = re.compile(r'[^"\\\x00-\x1f]+')
"""What one placeholder may stand for: characters that need no escape in JSON, so that an answer in JSON stays JSON."""
_AT_ONCE: Final = 20_000
"""Characters that are looked through on the event loop itself, in some milliseconds; more of them elsewhere."""


@dataclass(slots=True)
class Redaction:
    """The placeholders of one request. The same detail has the same one everywhere in it.

    They are numbered as they come, so that equal requests are equal afterwards. What already looks like one in a text
    is nobody's placeholder: its number is left out.
    """

    regions: Sequence[str] = REGIONS
    originals: dict[str, str] = field(default_factory=dict)
    _placeholders: dict[tuple[PrivateKind, str], str] = field(default_factory=dict)
    _numbers: Counter[PrivateKind] = field(default_factory=Counter)
    _taken: set[str] = field(default_factory=set)

    def redact(self, request: ChatRequest) -> ChatRequest:
        """The request with placeholders in its messages; tools, schema and options are ours and stay."""
        for message in request.messages:
            for text in _texts(message):
                self._taken.update(PLACEHOLDER.findall(text))
        messages = [self._redacted(message) for message in request.messages]
        return replace(request, messages=messages) if self.originals else request

    def restore(self, text: str) -> str:
        """A text with what the placeholders stand for; what is none of ours stays."""
        return PLACEHOLDER.sub(lambda found: self.originals.get(found[0], found[0]), text) if self.originals else text

    def restored(self, answer: Completion) -> Completion:
        """The same of an answer and of the calls in it."""
        if not self.originals:
            return answer
        calls = tuple(replace(call, arguments=self.restore(call.arguments)) for call in answer.tool_calls)
        return replace(answer, text=self.restore(answer.text), tool_calls=calls)

    def counts(self) -> dict[str, int]:
        """How many different details of each kind it hides."""
        return {kind.lower(): count for kind, count in Counter(kind for kind, _ in self._placeholders).items()}

    def _redacted(self, message: Message) -> Message:
        calls = tuple(self._redacted_call(call) for call in message.tool_calls)
        return replace(message, content=self._hide(message.content), tool_calls=calls)

    def _redacted_call(self, call: ToolCall) -> ToolCall:
        return replace(call, arguments=self._hide(call.arguments))

    def _hide(self, text: str) -> str:
        parts, shown = [], 0
        for detail in private_details(text, self.regions):
            parts.append(text[shown : detail.start])
            parts.append(self._stand_in(detail.kind, text[detail.start : detail.end]))
            shown = detail.end
        return "".join([*parts, text[shown:]])

    def _stand_in(self, kind: PrivateKind, original: str) -> str:
        return _ONE_PIECE.sub(lambda piece: self._placeholder(kind, piece[0]), original)

    def _placeholder(self, kind: PrivateKind, original: str) -> str:
        if (kind, original) not in self._placeholders:
            placeholder = self._next(kind)
            self._placeholders[kind, original] = placeholder
            self.originals[placeholder] = original
        return self._placeholders[kind, original]

    def _next(self, kind: PrivateKind) -> str:
        while True:
            self._numbers[kind] += 1
            placeholder = f"[{kind}_{self._numbers[kind]}]"
            if placeholder not in self._taken:
                return placeholder


class StreamRestorer:
    """Restores a text that comes in pieces. What may be the beginning of a placeholder waits for its end."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._waiting = ""

    def take(self, piece: str) -> str:
        """What can be said after one more piece; may be empty."""
        text = self._waiting + piece
        begin = text.rfind("[")
        tail = text[begin:] if begin >= 0 else ""
        begun = tail and any(each.startswith(tail) and each != tail for each in self._redaction.originals)
        self._waiting = tail if begun else ""
        return self._redaction.restore(text.removesuffix(self._waiting))

    def rest(self) -> str:
        """What still waits when the last piece has come: the beginning of a placeholder that had no end."""
        rest, self._waiting = self._waiting, ""
        return rest


class RedactingChatModel:
    """The `ChatModel` port around a model that is on another machine.

    Args:
        inner: Who is asked; it sees no private details.
        regions: As in `private_details`.
    """

    def __init__(self, inner: ChatModel, *, regions: Sequence[str] = REGIONS) -> None:
        self._inner = inner
        self._regions = tuple(regions)

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        """The whole answer, with the details in it. Raises as the model does."""
        redaction, redacted = await self._redact(request)
        return redaction.restored(await self._inner.complete(redacted, purpose))

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        """The same in pieces; a placeholder that comes in two is put together first."""
        redaction, redacted = await self._redact(request)
        restorer = StreamRestorer(redaction)
        async with read_through(self._inner.stream(redacted, purpose)) as parts:
            async for part in parts:
                if isinstance(part, str):
                    if text := restorer.take(part):
                        yield text
                    continue
                if text := restorer.rest():
                    yield text
                yield redaction.restored(part)

    async def ping(self) -> Health:
        """How the model is."""
        return await self._inner.ping()

    async def _redact(self, request: ChatRequest) -> tuple[Redaction, ChatRequest]:
        redaction = Redaction(self._regions)
        texts = (text for message in request.messages for text in _texts(message))
        if sum(map(len, texts)) > _AT_ONCE:
            redacted = await asyncio.to_thread(redaction.redact, request)
        else:
            redacted = redaction.redact(request)
        if redaction.originals:
            log.debug("llm.redacted", **redaction.counts())
        return redaction, redacted


def _texts(message: Message) -> tuple[str, ...]:
    """What is looked through of a message."""
    return message.content, *(call.arguments for call in message.tool_calls)
