"""The `ChatModel` port around another one, behind a gate: a provider is asked so many questions at once."""

from collections.abc import AsyncIterator
from typing import Final

from udib.core.chat import ChatModel, ChatRequest, Completion, Purpose
from udib.core.gates import Gates
from udib.core.types import Health
from udib.llm.streams import read_through

_AWAITED: Final = "answer"
"""The task for whose end a person waits in front of a screen."""


class GatedChatModel:
    """Waits for a place, tenant by tenant, before anything is set aside or sent.

    Args:
        inner: Who is asked.
        gates: Where the limits are.
        resource: Of which the place is.
    """

    def __init__(self, inner: ChatModel, gates: Gates, resource: str) -> None:
        self._inner = inner
        self._gates = gates
        self._resource = resource

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        """The whole answer; raises as the model behind it."""
        async with self._gates.place(self._resource, purpose.scope, priority=_priority(purpose)):
            return await self._inner.complete(request, purpose)

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        """The same in pieces; the place is held until the last."""
        async with (
            self._gates.place(self._resource, purpose.scope, priority=_priority(purpose)),
            read_through(self._inner.stream(request, purpose)) as pieces,
        ):
            async for piece in pieces:
                yield piece

    async def ping(self) -> Health:
        """How the model behind it is."""
        return await self._inner.ping()


def _priority(purpose: Purpose) -> int:
    return 1 if purpose.task == _AWAITED else 0
