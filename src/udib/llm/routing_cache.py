"""Decisions kept for a while, for those who want the same question to go to the same model."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from udib.core.chat import ChatRequest, Purpose
from udib.llm.policy import Choice

ENTRIES: Final = 1_000
TTL_S: Final = 600.0


class RoutingCache:
    """The rankings of the last requests, bounded in number and age. Off unless asked for.

    A kept decision teaches nothing new, so that the router learns more slowly the more is kept; see the benchmark.
    """

    __slots__ = ("_clock", "_entries", "_kept", "_ttl_s")

    def __init__(
        self, entries: int = ENTRIES, ttl_s: float = TTL_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Keep nothing yet.

        Args:
            entries: Most decisions kept; 0: none.
            ttl_s: Seconds that one is kept.
            clock: Seconds, only ever growing.
        """
        self._entries = entries
        self._ttl_s = ttl_s
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Choice]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> Choice | None:
        """The decision under a key that is not too old."""
        made_at, choice = self._kept.get(key, (0.0, None))
        if choice is None or self._clock() - made_at >= self._ttl_s:
            self._kept.pop(key, None)
            return None
        self._kept.move_to_end(key)
        return choice

    def put(self, key: str, choice: Choice) -> None:
        """Keep a decision; the one that was unused for longest goes."""
        if self._entries:
            self._kept[key] = (self._clock(), choice)
            self._kept.move_to_end(key)
            if len(self._kept) > self._entries:
                self._kept.popitem(last=False)


def routing_key(request: ChatRequest, purpose: Purpose, *others: object) -> str:
    """A name for everything that decides: 64 hex digits of a sha256 over the whole request, the tenant and the rest.

    Args:
        request: Every field of it counts.
        purpose: Its scope and task count.
        others: What else the decision depends on: version of the policy, models barred, cap; plain values.
    """
    facts = (purpose.scope.tenant, purpose.scope.workspace, purpose.task, request, others)
    return hashlib.sha256(
        msgspec.msgpack.encode(msgspec.to_builtins(facts, enc_hook=_plain), order="sorted")
    ).hexdigest()


def _plain(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError
