"""Flow control: waits for a place behind a gate, fair between tenants and across all processes that share its book."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, Final

import structlog

from udib.core.clock import off_the_clock
from udib.core.errors import UnavailableError
from udib.core.gates import GateBook, Gates, Limit, Look, Place
from udib.core.ports import ProgressSink
from udib.core.tenancy import Scope
from udib.core.types import Progress
from udib.pipeline.fair_gate import GateState, Ticket, before, come, give_way, leave, looked_after

_TELL_S: Final = 30.0
"""Seconds after which somebody who waits is told anew how many go before."""

log: Any = structlog.get_logger()


def places(
    gates: Gates, scope: Scope, priority: int, progress: ProgressSink
) -> Callable[[str, str], AbstractAsyncContextManager[Place]]:
    """What gives a stage a place of a resource, and tells when it has to wait."""

    def place(stage: str, resource: str) -> AbstractAsyncContextManager[Place]:
        return gates.place(resource, scope, priority=priority, waiting=waiting_for(resource, stage, progress))

    return place


def waiting_for(resource: str, stage: str, progress: ProgressSink) -> Callable[[int], None]:
    """What tells those who follow a job that a stage of it waits, and how many go before it."""

    def tell(count: int) -> None:
        progress(Progress(stage, "waiting", note=f"waiting for its turn ({resource}), {count} before it"))

    return tell


class FlowControl:
    """`Gates` over a limit and a book for each resource."""

    def __init__(self, limits: Mapping[str, tuple[Limit, GateBook]] | None = None) -> None:
        self._gates = {name: _Turnstile(name, limit, book) for name, (limit, book) in (limits or {}).items()}

    @asynccontextmanager
    async def place(
        self, resource: str, scope: Scope, *, priority: int = 0, waiting: Callable[[int], None] | None = None
    ) -> AsyncGenerator[Place]:
        """Wait for a place, and hold it until the block ends; see `Gates.place`."""
        gate = self._gates.get(resource)
        if gate is None:
            yield _Free()
            return
        ticket = Ticket(secrets.token_hex(6), scope.tenant, priority, await gate.process())
        held = _Visit(gate, ticket, waiting or (lambda _: None))
        try:
            await held.enter()
            yield held
        finally:
            await gate.leave(ticket.id)


class _Free:
    """A place of what has no limit."""

    async def give_way(self) -> None:
        """Nobody waits for it."""


class _Visit:
    """A place that is held, or waited for."""

    def __init__(self, gate: "_Turnstile", ticket: Ticket, tell: Callable[[int], None]) -> None:
        self._gate = gate
        self._ticket = ticket
        self._tell = tell

    async def enter(self) -> None:
        """Come, and wait."""
        await self._wait(await self._gate.turn(partial(come, ticket=self._ticket)))

    async def give_way(self) -> None:
        """Let in who is next by rights; see `Place.give_way`."""
        await self._wait(await self._gate.turn(partial(give_way, ticket=self._ticket.id)))

    async def _wait(self, state: GateState) -> None:
        mine, told, tell_at = self._ticket.id, -1, 0.0
        if _is_among(mine, state.inside):
            return
        with off_the_clock(), self._gate.waits(mine) as news:
            while not _is_among(mine, state.inside):
                if not _is_among(mine, state.waiting):  # the book was lost, or this process seemed dead for a while
                    state = await self._gate.turn(partial(come, ticket=self._ticket))
                    continue
                if (now := asyncio.get_running_loop().time()) >= tell_at:
                    tell_at = now + _TELL_S
                    if (count := before(state, mine)) != told:
                        told = count
                        self._tell(count)
                await news()
                state = await self._gate.look()


class _Turnstile:
    """One gate, as this process sees it."""

    def __init__(self, name: str, limit: Limit, book: GateBook) -> None:
        self._name = name
        self._limit = limit
        self._book = book
        self._news: dict[str, asyncio.Event] = {}
        self._left: set[str] = set()
        self._seen = GateState()
        self._read_last = b""
        self._seen_at = 0.0

    async def process(self) -> str:
        """This process's name in the book."""
        return await self._book.process()

    async def turn(self, change: Callable[[GateState], GateState]) -> GateState:
        """Change what the book says, let in whose turn it is, and tell those of this process."""
        left = frozenset(self._left)

        def written(data: bytes, look: Look) -> bytes:
            state = self._read(data)
            new = looked_after(state, self._limit, look, lambda state: change(leave(state, left)))
            return data if new == state else new.written()

        data = await self._book.change(self._name, written)
        self._left -= left
        self._seen, self._read_last = self._read(data), data
        self._seen_at = asyncio.get_running_loop().time()
        for each in self._seen.inside:
            if each.id in self._news:
                self._news[each.id].set()
        return self._seen

    def _read(self, data: bytes) -> GateState:
        """What is written, which is mostly what was written before."""
        return self._seen if data == self._read_last else GateState.read(data)

    async def look(self) -> GateState:
        """What the book says, or said a moment ago."""
        if asyncio.get_running_loop().time() - self._seen_at < self._book.look_s:
            return self._seen
        return await self.turn(lambda state: state)

    async def leave(self, ticket: str) -> None:
        """Go. Where that cannot be written now, it is with the next change; the work that was done has not failed."""
        self._left.add(ticket)
        try:
            await self.turn(lambda state: state)
        except UnavailableError as exc:
            log.warning("gates.not_left", gate=self._name, reason=str(exc))

    @contextmanager
    def waits(self, ticket: str) -> Iterator[Callable[[], Awaitable[None]]]:
        """Wait: what is given returns when there may be news. One of this process looks into the book for all of it."""
        event = self._news[ticket] = asyncio.Event()

        async def news() -> None:
            looks = next(iter(self._news)) == ticket
            with suppress(TimeoutError):
                async with asyncio.timeout(self._book.look_s if looks else _TELL_S):
                    await event.wait()
            event.clear()

        try:
            yield news
        finally:
            del self._news[ticket]
            for following in self._news.values():
                following.set()
                break


def _is_among(ticket: str, tickets: Iterable[Ticket]) -> bool:
    return any(each.id == ticket for each in tickets)
