"""Flow control: how much is done at once of what is scarce, how often it is begun, and whose turn it is."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from udib.core.tenancy import Scope
from udib.core.types import Platform

RECOGNITION = "recognition"
"""The resource of whoever recognises speech, which takes all of a processor."""


FREE = "what is not scarce"
"""The resource of whoever needs nothing that could be short."""


def download_from(platform: Platform) -> str:
    """The resource of whoever asks a platform for something."""
    return f"download from {platform.value}"


def asking(provider: str) -> str:
    """The resource of whoever asks a provider's models."""
    return f"answer of {provider}"


@dataclass(frozen=True, slots=True)
class Limit:
    """How much of a resource is used.

    Attributes:
        at_once: Places that are taken at the same time, at least 1.
        per_minute: How often a place may be taken in a minute, evenly, after `at_once` without a wait; None: no bound.
    """

    at_once: int
    per_minute: float | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What a book knows at the moment of a change: the time, in seconds since anything, and which processes live."""

    now_s: float
    is_alive: Callable[[str], bool]


Change = Callable[[bytes, Look], bytes]
"""What is written of a gate, from what was; it may be called again. Nothing was written before: no bytes."""


class GateBook(Protocol):
    """Where the processes that share a limit write who waits for a gate, and who is in. Each change is whole.

    `look_s`: after how many seconds it is worth a look what the others have written.
    """

    look_s: float

    async def process(self) -> str:
        """This process's name. It counts as alive from now on until `close`, or until it dies."""
        ...

    async def change(self, gate: str, change: Change) -> bytes:
        """What is written of a gate from now on.

        Raises:
            UnavailableError: The book cannot be read or written.
        """
        ...

    async def close(self) -> None:
        """Count as alive no longer. Safe to repeat."""
        ...


class Place(Protocol):
    """A place behind a gate, for as long as the block that took it."""

    async def give_way(self) -> None:
        """Let in who is next by rights, between two parts of a long work, and go on when it is one's turn again.

        Time spent here counts against no deadline of a stage. Nothing happens while nobody else is next.
        """
        ...


class Gates(Protocol):
    """The limits of this process and of all others that share them. A resource without a limit is free."""

    def place(
        self, resource: str, scope: Scope, *, priority: int = 0, waiting: Callable[[int], None] | None = None
    ) -> AbstractAsyncContextManager[Place]:
        """Wait for a place, and hold it until the block ends. Waiting counts against no deadline of a stage.

        Tenants take turns: who has the fewest places goes first, then who was let in longest ago. Of one tenant the
        greater priority goes first, then who came first.

        Args:
            resource: What it is a place of.
            scope: For whom.
            priority: Among those of its tenant.
            waiting: Told how many go before, when it has to wait and now and then while it does.

        Raises:
            UnavailableError: It cannot be seen who else has one.
        """
        ...
