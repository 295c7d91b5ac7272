"""An answer as it is kept: its form on disk, what may be kept at all, and how it is given again."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from udib.core.chat import ChatRequest, Completion, Finish, ToolCall
from udib.core.errors import RefusedError
from udib.llm.cache_key import Spot
from udib.llm.schema_check import fits

_FINGERPRINT: Final = 16
_PIECE: Final = 48
_CLOCK_SLACK_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, or a refusal, with what it had cost. The question is not in it.

    Attributes:
        text: The answer's text.
        model: The model that answered.
        finish: Why it stopped.
        tool_calls: What it wanted called.
        id: The provider's id of the answer.
        cost_usd: What it had cost.
        took_ms: How long it had taken.
        kept_at: When it was kept, in seconds since 1970.
        ttl_s: How long it may be given again.
        refusal: The sentence of a `RefusedError` that came instead of an answer.
    """

    text: str = ""
    model: str = ""
    finish: Finish = Finish.STOP
    tool_calls: tuple[ToolCall, ...] = ()
    id: str = ""
    cost_usd: float = 0.0
    took_ms: float = 0.0
    kept_at: float = 0.0
    ttl_s: float = 0.0
    refusal: str | None = None

    @classmethod
    def of(cls, answer: Completion, *, cost_usd: float, kept_at: float, ttl_s: float) -> "Kept":
        """What is kept of an answer."""
        told = (answer.text, answer.model, answer.finish, answer.tool_calls, answer.id)
        return cls(*told, cost_usd=cost_usd, took_ms=answer.latency_ms, kept_at=kept_at, ttl_s=ttl_s)

    def left_s(self, now: float) -> float:
        """For how many seconds it may still be given; 0 for one from the future, whose age nobody knows."""
        age_s = now - self.kept_at
        return 0.0 if age_s < -_CLOCK_SLACK_S else max(0.0, self.ttl_s - max(age_s, 0.0))

    def replay(self, latency_ms: float) -> Completion:
        """The answer again; it cost nothing.

        Raises:
            RefusedError: The provider had refused the request, and nothing else was kept.
        """
        if self.refusal is not None:
            raise RefusedError(self.refusal)
        return Completion(
            self.text, self.model, self.finish, self.tool_calls, latency_ms=latency_ms, cached=True, id=self.id
        )


def why_not(request: ChatRequest, answer: Completion, *, tool_calls: bool) -> str:
    """Why an answer must not be given to anyone else; empty if it may.

    Args:
        request: What was asked.
        answer: What came.
        tool_calls: Whether answers that call tools are kept.
    """
    if not answer.complete:
        return "incomplete"
    if answer.tool_calls:
        return "" if tool_calls else "calls tools"
    if request.schema is not None and not fits(answer.text, request.schema):
        return "not of the schema"
    return ""


def pack(kept: Kept, spot: Spot) -> bytes:
    """The form in which a store keeps it: a fingerprint, then JSON."""
    payload = _encode(kept)
    return spot.fingerprint(payload) + payload


def unpack(stored: bytes, spot: Spot) -> Kept | None:
    """What was kept; None if it is another question's, torn, or of a form that this udib does not know."""
    payload = stored[_FINGERPRINT:]
    if not hmac.compare_digest(stored[:_FINGERPRINT], spot.fingerprint(payload)):
        return None
    try:
        return _decode(payload)
    except msgspec.DecodeError:
        return None


def pieces(text: str) -> Iterator[str]:
    """A text as a stream would give it."""
    return (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Kept).decode
