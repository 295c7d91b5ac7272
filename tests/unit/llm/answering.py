"""A model that gives a numbered answer a call, or what a script says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from udib.core.chat import ChatRequest, Completion, Message, Purpose, TokenUsage
from udib.core.errors import UdibError
from udib.core.tenancy import Scope
from udib.core.types import Health

A = Scope.of("a", "main")
B = Scope.of("b", "main")
FOR_A = Purpose(A, "answer")


def question(text: str = "What did X say?", **fields: object) -> ChatRequest:
    return ChatRequest((Message("system", "Be brief."), Message("user", text)), **{"model": "gpt-4", **fields})  # type: ignore[arg-type]


def numbered(call: int) -> Completion:
    return Completion(f"answer {call}", "gpt-4-0613", usage=TokenUsage(10, 5, cost_usd=0.25), latency_ms=800, id="x")


@dataclass
class Answering:
    """`gate` holds answers back until it is set; `started` is set when a call has come in."""

    script: Callable[[int], Completion | UdibError] = numbered
    calls: int = 0
    asked: list[tuple[ChatRequest, Purpose]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    pieces: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.gate.set()

    async def ping(self) -> Health:
        return Health("answering", ok=True, detail="scripted")

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        self.calls += 1
        call = self.calls
        self.asked.append((request, purpose))
        self.started.set()
        await self.gate.wait()
        said = self.script(call)
        if isinstance(said, UdibError):
            raise said
        return said

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        for piece in self.pieces:
            yield piece
        yield await self.complete(request, purpose)
