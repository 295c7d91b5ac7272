"""The answers that a process holds in its own memory: bounded in number, bytes and age."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from udib.core.tenancy import Scope
from udib.llm.cache_entry import Kept


@dataclass(frozen=True, slots=True)
class _Held:
    kept: Kept
    scope: Scope
    until: float
    size_bytes: int


class AnswerShelf:
    """Answers by digest; the least recently used ones go first.

    Args:
        most_entries: Answers held at most; 0: none.
        largest_bytes: Their size at most, that of what is stored.
        clock: Seconds, only ever growing.
    """

    __slots__ = ("_bytes", "_clock", "_held", "_largest_bytes", "_most_entries", "evictions")

    def __init__(self, most_entries: int, largest_bytes: int, clock: Callable[[], float]) -> None:
        self.evictions = 0
        self._most_entries = most_entries
        self._largest_bytes = largest_bytes
        self._clock = clock
        self._held: OrderedDict[bytes, _Held] = OrderedDict()
        self._bytes = 0

    def get(self, digest: bytes) -> Kept | None:
        """The answer, unless it is too old."""
        held = self._held.get(digest)
        if held is None:
            return None
        if self._clock() >= held.until:
            self.drop(digest)
            return None
        self._held.move_to_end(digest)
        return held.kept

    def put(self, digest: bytes, kept: Kept, scope: Scope, *, left_s: float, size_bytes: int) -> None:
        """Hold an answer for `left_s` seconds."""
        self.drop(digest)
        if size_bytes > self._largest_bytes or not self._most_entries:
            return
        self._held[digest] = _Held(kept, scope, self._clock() + left_s, size_bytes)
        self._bytes += size_bytes
        while len(self._held) > self._most_entries or self._bytes > self._largest_bytes:
            self.drop(next(iter(self._held)))
            self.evictions += 1

    def forget(self, scope: Scope) -> None:
        """Drop all answers of a scope; takes time in proportion to the whole shelf."""
        for digest in [digest for digest, held in self._held.items() if held.scope == scope]:
            self.drop(digest)

    def __len__(self) -> int:
        return len(self._held)

    def drop(self, digest: bytes) -> None:
        """Hold an answer no more."""
        held = self._held.pop(digest, None)
        if held is not None:
            self._bytes -= held.size_bytes
