"""Generations of kept answers: a random number in every key, so that a new number makes all old answers unreachable."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from udib.core.errors import BadRequestError
from udib.core.ports import KeyValueStore
from udib.core.tenancy import Scope

_BYTES: Final = 8
_MOST_KNOWN: Final = 10_000

Labels = tuple[Scope, str, str]
"""Scope, model and task."""


@dataclass(frozen=True, slots=True)
class _Known:
    generation: bytes
    until: float


class AnswerGenerations:
    """The numbers of each scope, and of each model and task in it, in the store that the answers are in.

    A number is drawn at random when there is none, and a new one is drawn for an invalidation. So none ever comes back:
    not after an invalidation, nor after the store lost it, was emptied, or was exchanged for another.

    Args:
        store: Where the numbers are.
        refresh_s: How long this process goes by a number that it has read; until then it does not see what another
            process invalidated.
        clock: Seconds, only ever growing.
    """

    def __init__(self, store: KeyValueStore, refresh_s: float, clock: Callable[[], float]) -> None:
        self._store = store
        self._refresh_s = refresh_s
        self._clock = clock
        self._known: dict[Labels, _Known] = {}
        self._advances = 0

    def known(self, labels: Labels) -> bytes | None:
        """The generation of a scope's model and task, if it was read a moment ago."""
        known = self._known.get(labels)
        return known.generation if known is not None and self._clock() < known.until else None

    async def current(self, labels: Labels) -> bytes:
        """The generation of a scope's model and task, as it was at most `refresh_s` ago.

        Raises:
            UnavailableError: The store cannot be asked.
        """
        known = self.known(labels)
        return await self.read(labels) if known is None else known

    async def read(self, labels: Labels) -> bytes:
        """The generation of a scope's model and task, as it is now.

        Raises:
            UnavailableError: The store cannot be asked.
        """
        scope, model, task = labels
        while True:
            advances, until = self._advances, self._clock() + self._refresh_s
            found = [await self._number(scope, name) for name in ("*", f"model:{model}", f"task:{task}")]
            if advances == self._advances:  # else it may be one that was invalidated meanwhile
                break
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[labels] = _Known(b"".join(found), until)
        return self._known[labels].generation

    async def advance(self, scope: Scope, pattern: str) -> None:
        """Make the answers of a scope unreachable: all, those of a model, or those of a task.

        Raises:
            BadRequestError: The pattern is none.
            UnavailableError: The store cannot be asked; nothing was invalidated.
        """
        kind, _, name = pattern.partition(":")
        if pattern != "*" and (kind not in {"model", "task"} or not name or set(name) & set("*?[")):
            raise BadRequestError(
                f"{pattern!r} names no kept answers; write * for all, model:NAME or task:NAME with the whole name."
            )
        await self._at(scope).set(pattern, secrets.token_bytes(_BYTES))
        self.forget()

    def forget(self) -> None:
        """Read all numbers anew."""
        self._advances += 1
        self._known.clear()

    async def _number(self, scope: Scope, name: str) -> bytes:
        store = self._at(scope)
        while True:
            found = await store.get(name)
            if found is not None:
                return found
            drawn = secrets.token_bytes(_BYTES)
            if await store.set_if_absent(name, drawn):
                return drawn

    def _at(self, scope: Scope) -> KeyValueStore:
        return self._store.with_namespace(scope.digest()).with_namespace("generations")
