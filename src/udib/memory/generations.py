"""A number for each scope that changes with every write, seen at once by all processes of the machine."""

import mmap
import os
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Final

from udib.core.errors import UnavailableError
from udib.core.tenancy import Scope

_SLOTS: Final = 4096
_BYTES: Final = 8 * _SLOTS


class Generations:
    """Generation numbers in a small file that processes map into their memory, or in this process alone.

    A write gives its scope a new random number rather than the next one: two processes that write at once cannot end on
    a number that was there before. Scopes share 4,096 slots, so that a write may also age a foreign scope's results;
    that costs a look-up and shows nothing. Processes on other machines are not seen: there, results age by their time
    to live only.
    """

    __slots__ = ("_slots",)

    def __init__(self, path: Path | None = None) -> None:
        """Map the file, which is made if it is missing; without a path, the numbers live and die with the process.

        Raises:
            UnavailableError: The file cannot be made.
        """
        try:
            memory = mmap.mmap(-1, _BYTES) if path is None else _mapped(path)
        except OSError as exc:
            raise UnavailableError(f"{path} cannot be used ({exc.strerror}); make it writable.") from exc
        self._slots = memoryview(memory).cast("Q")

    def of(self, scope: Scope) -> int:
        """The scope's number now."""
        return self._slots[_slot(scope)]

    def advance(self, scope: Scope) -> None:
        """Make everything that was found in the scope so far old."""
        self._slots[_slot(scope)] = secrets.randbits(64)


@lru_cache(maxsize=1024)
def _slot(scope: Scope) -> int:
    # Python's own hash differs from process to process.
    return int(scope.digest()[:8], 16) % _SLOTS


def _mapped(path: Path) -> mmap.mmap:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(descriptor).st_size < _BYTES:
            # Written, not cut to size: a hole would take its space from a full disk when nobody expects it.
            os.pwrite(descriptor, bytes(_BYTES), 0)
        return mmap.mmap(descriptor, _BYTES)
    finally:
        os.close(descriptor)
