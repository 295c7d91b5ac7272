"""A store that goes on in memory while its server is away, and never brings back what was replaced meanwhile."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import structlog

from udib.core.errors import ForbiddenError, UdibError, UnavailableError
from udib.core.ports import KeyValueStore
from udib.core.types import Health
from udib.storage.kv import MemoryKeyValueStore

T = TypeVar("T")

log: Any = structlog.get_logger()

RETRY_S: Final = 1.0
_MOST_CHANGED: Final = 10_000

_Place = tuple[tuple[str, ...], str]
"""The names of a view, and a key in it."""


@dataclass(slots=True)
class Outage:
    """What all views of one store know of its server.

    Attributes:
        retry_s: Seconds between two looks whether the server is back.
        clock: Seconds, only ever growing.
        count: How often the server went away since the start.
        reason: Why it is away; None while it is there.
        since: When it went.
    """

    retry_s: float = RETRY_S
    clock: Callable[[], float] = time.monotonic
    count: int = 0
    reason: UdibError | None = None
    since: float = 0.0
    _ask_again_at: float = 0.0
    _changed: set[_Place] = field(default_factory=set)
    _added: dict[_Place, tuple[int, float | None]] = field(default_factory=dict)
    _too_many: bool = False

    def begin(self, reason: UdibError) -> bool:
        """The server does not answer; returns whether that is news."""
        now = self.clock()
        self._ask_again_at = now + self.retry_s
        news, self.reason = self.reason is None, reason
        if news:
            self.count += 1
            self.since = now
            log.warning("key_value_server.lost", reason=str(reason))
        return news

    def may_ask(self) -> bool:
        """Whether it is time to see if the server is back; one caller at a time is told so."""
        now = self.clock()
        if now < self._ask_again_at:
            return False
        self._ask_again_at = now + self.retry_s
        return True

    def note(self, place: _Place) -> None:
        """A key was written or removed, and the server does not know."""
        self._added.pop(place, None)
        if len(self._changed) < _MOST_CHANGED:
            self._changed.add(place)
        else:
            self._too_many = True

    def note_added(self, place: _Place, by: int, ttl_s: float | None) -> None:
        """A counter was added to, and the server does not know. Beyond some thousand counters it never will."""
        if place in self._added or len(self._added) < _MOST_CHANGED:
            so_far, ttl_s = self._added.get(place, (0, ttl_s))
            self._added[place] = (so_far + by, ttl_s)

    async def end(self, server: KeyValueStore) -> None:
        """Tell the server what changed meanwhile, and use it again.

        What was written or removed is removed there, or everything is if that is too much; what was counted is added.
        """
        if self._too_many:
            await server.clear()
            self._changed.clear()
            self._too_many = False
        if not (self._changed or self._added):
            await server.get("back")  # with nothing to tell it, only an answer shows that it is there
        while self._changed or self._added:
            await self._tell(server)
        self.reason = None
        log.warning("key_value_server.back", away_s=round(self.clock() - self.since, 1))

    async def _tell(self, server: KeyValueStore) -> None:
        """Tell one thing; it stays to be told if the server goes away over it."""
        if self._changed:
            place = self._changed.pop()
            try:
                await _below(server, place[0]).delete(place[1])
            except UdibError:
                self._changed.add(place)
                raise
            return
        place, (by, ttl_s) = self._added.popitem()
        try:
            await _below(server, place[0]).increment(place[1], by, ttl_s=ttl_s)
        except (UnavailableError, ForbiddenError):
            self.note_added(place, by, ttl_s)
            raise
        except UdibError as exc:
            log.warning("key_value_server.count_lost", key=place[1], reason=str(exc))


@dataclass(slots=True)
class _Local:
    store: KeyValueStore


@dataclass(frozen=True, slots=True)
class DegradingKeyValueStore:
    """A `KeyValueStore` on a server, in memory while the server is away; for what may be lost, such as caches.

    An outage begins with nothing, so that what was kept in an earlier one is not taken for new. While it lasts, a call
    now and then asks the server. When that is back, all that was written or removed meanwhile is removed there first,
    because what the server has under these keys is older, and what was counted is added. A process that dies before
    that takes its knowledge along: what it removed may be found again until it expires.

    Args:
        server: Used whenever it answers.
        outage: How often the server is asked again, and how it is now.
        new_local: Makes the store of an outage.
    """

    server: KeyValueStore
    outage: Outage = field(default_factory=Outage)
    new_local: Callable[[], KeyValueStore] = MemoryKeyValueStore
    _local: _Local = field(default_factory=lambda: _Local(MemoryKeyValueStore()), repr=False)
    _path: tuple[str, ...] = ()
    _view: KeyValueStore | None = None

    async def ping(self) -> Health:
        """The server's health; while it is away, since when memory does its work."""
        if self.outage.reason is not None:
            await self.get("ping")  # perhaps it is back, and this is the first call since
        health = await self.server.ping()
        if self.outage.reason is None:
            return health
        away_s = self.outage.clock() - self.outage.since
        why = self.outage.reason if health.ok else health.detail
        return replace(health, ok=False, detail=f"{why}; kept in memory for {away_s:.0f} s, until it is back")

    async def get(self, key: str) -> bytes | None:
        """The value, or None if it is absent or expired."""
        return await self._call(lambda store: store.get(key))

    async def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        """Store a value; `ttl_s` in seconds, None for ever."""
        await self._call(lambda store: store.set(key, value, ttl_s=ttl_s), self._changes(key))

    async def set_if_absent(self, key: str, value: bytes, *, ttl_s: float | None = None) -> bool:
        """Store a value unless one is there; atomic among those who use the server, or this process's memory."""
        return await self._call(lambda store: store.set_if_absent(key, value, ttl_s=ttl_s))

    async def increment(self, key: str, by: int = 1, *, ttl_s: float | None = None) -> int:
        """Add to a counter. While the server is away it begins at 0; what is added is added there later."""

        def noted() -> None:
            self.outage.note_added((self._path, key), by, ttl_s)

        return await self._call(lambda store: store.increment(key, by, ttl_s=ttl_s), noted)

    async def delete(self, key: str) -> bool:
        """Remove a key; returns whether it was there."""
        return await self._call(lambda store: store.delete(key), self._changes(key))

    def with_namespace(self, name: str) -> "DegradingKeyValueStore":
        """A view in which every key is below `name`."""
        return replace(self, _path=(*self._path, name), _view=self._server_view.with_namespace(name))

    async def clear(self) -> int:
        """Remove all keys of this view and of those below it, in memory and on the server.

        Raises:
            UnavailableError: The server is away, so that what it holds cannot be removed.
        """
        return await _below(self._local.store, self._path).clear() + await self._server_view.clear()

    @property
    def _server_view(self) -> KeyValueStore:
        return self.server if self._view is None else self._view

    def _changes(self, key: str) -> Callable[[], None]:
        return lambda: self.outage.note((self._path, key))

    async def _call(self, call: Callable[[KeyValueStore], Awaitable[T]], note: Callable[[], None] = lambda: None) -> T:
        if self.outage.reason is None or self.outage.may_ask():
            try:
                if self.outage.reason is not None:
                    await self.outage.end(self.server)
                return await call(self._server_view)
            except (UnavailableError, ForbiddenError) as exc:
                if self.outage.begin(exc):
                    self._local.store = self.new_local()
        note()
        return await call(_below(self._local.store, self._path))


def _below(store: KeyValueStore, path: tuple[str, ...]) -> KeyValueStore:
    for name in path:
        store = store.with_namespace(name)
    return store
