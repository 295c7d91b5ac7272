"""Models that answer by a script, an embedder that needs no table, and a clock that is set by hand."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from udib.core.chat import ChatRequest, Completion, Purpose, TokenUsage
from udib.core.errors import UdibError
from udib.core.types import Health


@dataclass
class ScriptedModel:
    """Answers `text`, or raises what `errors` says, one a call, before it answers again."""

    name: str
    text: str = "fine"
    usage: TokenUsage = field(default_factory=lambda: TokenUsage(100, 50))
    errors: list[UdibError] = field(default_factory=list)
    breaks_after: int | None = None
    cached: bool = False
    asked: list[tuple[ChatRequest, Purpose]] = field(default_factory=list)
    closed: int = 0

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        self._begin(request, purpose)
        return Completion(self.text, f"{self.name}-as-billed", usage=self.usage, cached=self.cached)

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        try:
            broken = self.errors[0] if self.errors and self.breaks_after is not None else None
            if broken is None:
                self._begin(request, purpose)
            for number, piece in enumerate(self.text.split()):
                if broken is not None and number == self.breaks_after:
                    raise self.errors.pop(0)
                yield piece
            yield Completion(self.text, f"{self.name}-as-billed", usage=self.usage)
        finally:
            self.closed += 1

    async def ping(self) -> Health:
        return Health(self.name, ok=True, detail="scripted")

    def _begin(self, request: ChatRequest, purpose: Purpose) -> None:
        self.asked.append((request, purpose))
        if self.errors:
            raise self.errors.pop(0)


class HashEmbedder:
    """A vector of 12 numbers that follows from the text; counts what it was asked."""

    model_id = "hash"
    dimension = 12

    def __init__(self) -> None:
        self.embedded: list[str] = []

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.embedded += texts
        return [[byte / 128 - 1 for byte in hashlib.sha256(text.encode()).digest()[:12]] for text in texts]


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now
