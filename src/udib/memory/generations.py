"""One writer at a time for each scope, and a number that changes with every write, seen by all processes at once."""

import mmap
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Final

from udib.core.tenancy import Scope
from udib.storage.disk import disk_faults, held

_SLOTS: Final = 4096
_BYTES: Final = 8 * _SLOTS
_WAIT_S: Final = 120.0  # as long as one call to the store may take


class Generations:
    """Generation numbers in a small file that processes map into their memory, or in this process alone.

    A write gives its scope a new random number rather than the next one: nobody ends on a number that was there before.
    While it lasts the number is odd, and stays so if its process is killed: what such a scope holds, nobody knows, so
    that nothing found in it is kept until the next write has ended.

    Two writers of a scope would undo each other: a compaction would bring back what is forgotten meanwhile, a copy
    would be entered under a leader that goes. So a lock file lets one in at a time, which the system drops when its
    process dies. Scopes share 4,096 slots: a write may also age a foreign scope's results, or wait for a foreign one;
    that costs time and shows nothing. Processes on other machines are not seen: there, results age by their time to
    live only.
    """

    __slots__ = ("_locks", "_slots", "_wait_s")

    def __init__(self, path: Path | None = None, *, wait_s: float = _WAIT_S) -> None:
        """Map the file, which is made if it is missing; without a path, the numbers live and die with the process.

        Args:
            path: The file; locks lie in the folder `locks` beside it. Without one, nobody else is kept away.
            wait_s: How long a writer waits for another one.

        Raises:
            UnavailableError: The file cannot be made.
        """
        memory = mmap.mmap(-1, _BYTES) if path is None else _mapped(path)
        self._slots = memoryview(memory).cast("Q")
        self._locks = None if path is None else path.parent / "locks"
        self._wait_s = wait_s

    def of(self, scope: Scope) -> int | None:
        """The scope's number now; None while it is written to."""
        number = self._slots[_slot(scope)]
        return None if number % 2 else number

    @asynccontextmanager
    async def writing(self, scope: Scope) -> AsyncGenerator[None]:
        """Write to a scope, alone; everything that was found in it so far is old, also if the write fails.

        Raises:
            UnavailableError: Another process is still writing after `wait_s` seconds.
        """
        slot = _slot(scope)
        async with self._alone(slot):
            self._slots[slot] = secrets.randbits(64) | 1
            try:
                yield
            finally:
                self._slots[slot] = secrets.randbits(63) << 1

    def _alone(self, slot: int) -> AbstractAsyncContextManager[None]:
        if self._locks is None:
            return nullcontext()
        refusal = (
            f"Another udib process has been writing to this workspace's memory for {self._wait_s:g} s; try again when "
            "it is done."
        )
        return held(self._locks / f"memory-{slot:03x}.lock", wait_s=self._wait_s, refusal=refusal)


@lru_cache(maxsize=1024)
def _slot(scope: Scope) -> int:
    # Python's own hash differs from process to process.
    return int(scope.digest()[:8], 16) % _SLOTS


def _mapped(path: Path) -> mmap.mmap:
    with disk_faults(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size < _BYTES:
                # Written, not cut to size: a hole would take its space from a full disk when nobody expects it.
                os.pwrite(descriptor, bytes(_BYTES), 0)
            return mmap.mmap(descriptor, _BYTES)
        finally:
            os.close(descriptor)
