"""The books of the gates of one machine: small files, for all processes that share a directory."""

import os
import re
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from udib.core.gates import Change, Look
from udib.storage.disk import disk_faults, held
from udib.storage.locks import is_held, locked

_PATIENCE_S: Final = 20.0


class FileGateBook:
    """`GateBook` in a directory. A process is alive while it holds a lock file of its own.

    Args:
        folder: Which directory.
        clock: Seconds that all processes of the machine count alike; that of the system's start is never set back.
    """

    look_s = 0.1

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._process = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._is_alive = False
        self._holding = ExitStack()

    async def process(self) -> str:
        """This process's name; see `GateBook.process`."""
        if not self._is_alive:
            refusal = "The process {} is there already; run the same command again.".format
            self._holding.enter_context(locked(self._sign_of(self._process), refusal))
            self._is_alive = True
        return self._process

    async def change(self, gate: str, change: Change) -> bytes:
        """What is written of a gate from now on; see `GateBook.change`."""
        path = self._folder / f"{re.sub('[^a-z0-9.-]+', '-', gate.lower())}.gate"
        refusal = f"The limits in {self._folder} are held by a process that hangs; end it, then run the command again."
        async with held(path.with_suffix(".lock"), wait_s=_PATIENCE_S, refusal=refusal):
            return self._changed(path, change)

    async def close(self) -> None:
        """Count as alive no longer; see `GateBook.close`."""
        self._is_alive = False
        self._holding.close()

    def _sign_of(self, process: str) -> Path:
        return self._folder / f"process-{process}.lock"

    def _changed(self, path: Path, change: Change) -> bytes:
        with disk_faults(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b", buffering=0) as file:
                old, _, _ = file.readall().partition(b"\n")
                new = change(old, Look(self._clock(), lambda process: is_held(self._sign_of(process))))
                if new != old:
                    # One call: who is killed leaves the old line or the new one. What is behind it counts for nothing.
                    os.pwrite(descriptor, new + b"\n", 0)
                    file.truncate(len(new) + 1)
        return new
