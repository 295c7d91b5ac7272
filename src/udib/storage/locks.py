"""Locks between the processes of one machine: files that the operating system unlocks when their holder dies."""

import fcntl
import hashlib
import os
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TextIO

from udib.core.errors import UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.storage.disk import disk_faults, held

_PATIENCE_S = 20.0


class HeldError(UnavailableError):
    """Somebody else holds a lock; that its file cannot be used is another `UnavailableError`."""


class FileLocks:
    """`Locks` in a directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @asynccontextmanager
    async def exclusive(self, scope: Scope, content_id: ContentId) -> AsyncGenerator[None]:
        """Keep every other run of a content away, and its forgetting; see `Locks.exclusive`."""
        name = hashlib.sha256(f"{scope.digest()}{content_id}".encode()).hexdigest()[:32]
        refusal = "{} is being analysed by another udib process ({}); wait until it is done, then ask again."
        with locked(self.folder / f"{name}.lock", lambda holder: refusal.format(content_id, holder)):
            yield

    def citing(self, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Held by a run that carries words of other contents; see `Locks.citing`."""
        refusal = f"An item of {scope} is being forgotten; run the same command again in a moment."
        return self._in_turn(scope, shared=True, refusal=refusal)

    def uncited(self, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Held while a content is forgotten; see `Locks.uncited`."""
        refusal = (
            f"Items of {scope} are being analysed that may cite this one; wait until they are done, then forget it."
        )
        return self._in_turn(scope, shared=False, refusal=refusal)

    @asynccontextmanager
    async def _in_turn(self, scope: Scope, *, shared: bool, refusal: str) -> AsyncGenerator[None]:
        """Hold the lock of a scope. Whoever forgets keeps the turn while he waits, so that no new run goes before him.

        Source: the turnstile of Downey, "The Little Book of Semaphores", 2016, 4.2.4 (no-starve readers-writers).
        """
        digest, wait_s = scope.digest(), _PATIENCE_S
        async with AsyncExitStack() as stack:
            async with held(self.folder / f"{digest}.turn.lock", shared=shared, wait_s=wait_s, refusal=refusal):
                lock = held(self.folder / f"{digest}.lock", shared=shared, wait_s=wait_s, refusal=refusal)
                await stack.enter_async_context(lock)
            yield


@contextmanager
def locked(path: Path, refusal: Callable[[str], str]) -> Iterator[None]:
    """Hold a lock file that names its holder; two tasks of one process exclude each other too.

    The file is gone afterwards. That is safe, because it is removed by its holder alone, and whoever then gets the lock
    of a file that was removed, having opened it before, sees so and takes the file that is there now.

    Args:
        path: The file.
        refusal: What is said if somebody else holds it; it is given who.

    Raises:
        HeldError: Somebody else holds it, or looked at that moment whether anybody does (`is_held`).
        UnavailableError: The file cannot be made.
    """
    with disk_faults(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = _taken(path, refusal)
    with file:
        if os.fstat(file.fileno()).st_size:  # ext4 writes a file to the disk that was truncated and then written
            file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        try:
            yield
        finally:
            with suppress(OSError):  # a file that stays is taken again
                path.unlink()


def is_held(path: Path) -> bool:
    """Whether a living process holds a lock file.

    Raises:
        UnavailableError: The file cannot be read.
    """
    with disk_faults(path), suppress(FileNotFoundError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _taken(path: Path, refusal: Callable[[str], str]) -> TextIO:
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            with file:
                file.seek(0)
                holder = file.read().strip() or "starting"
            raise HeldError(refusal(holder)) from exc
        if _is_at(path, file):
            os.fchmod(file.fileno(), 0o600)  # an earlier version left files that others could read
            return file
        file.close()


def _is_at(path: Path, file: TextIO) -> bool:
    """Whether an open file is the one that has the name now."""
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False
