"""The disk below all files: what its refusals mean to the user, its room with a reserve for bad times, lock files.

Nothing new is begun where it would not fit, so that what is there can still be read and forgotten. The check comes
before the work because a full disk is not always an error to be caught: SQLite and the vector engine write through
memory maps, and there it is a signal that kills the process.
"""

import asyncio
import errno
import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from udib.core.errors import UnavailableError

TO_OPEN: Final = 1_000_000
"""Bytes that must be free for files to be opened: for reading, asking and forgetting."""
TO_STORE: Final = 16_000_000
"""Bytes that must be free for something new to be stored."""
RESERVE: Final = 4_000_000
LEND_BELOW: Final = TO_STORE // 2  # with what is lent there is still too little for something new

_SMALL = 64 * 1024
_POLL_S = 0.01
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_UNWRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


@contextmanager
def disk_faults(path: Path) -> Generator[None]:
    """Raise `UnavailableError`, naming `path`, for whatever the file system refuses inside the block."""
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            raise full(path) from exc
        if exc.errno in _UNWRITABLE:
            raise unwritable(path) from exc
        raise unusable(path, exc.strerror or str(exc)) from exc


def full(path: Path, free: int | None = None, needed: int = 0) -> UnavailableError:
    """There is no room on the disk; with the bytes that are free and needed, where that was measured."""
    measured = "" if free is None else f" ({free / 1e6:.1f} MB are free, {needed / 1e6:.1f} MB are needed)"
    return UnavailableError(f"The disk that holds {path} is full{measured}; free some space and try again.")


def unwritable(path: Path) -> UnavailableError:
    """The user has no right to write."""
    return UnavailableError(
        f"{path} cannot be written; make it and its folder writable for this user, or choose another data directory."
    )


def unusable(path: Path, reason: str) -> UnavailableError:
    """Something else is wrong with the disk or the folder."""
    return UnavailableError(f"{path} cannot be used ({reason}); check the disk and the folder, then try again.")


def is_full(path: Path) -> bool:
    """Whether the disk that holds, or will hold, a path has no room for even a small file."""
    with disk_faults(path):
        found = os.statvfs(existing(path))
    # A file system that counts no blocks, or no files, has no limit of its own.
    no_blocks = found.f_blocks > 0 and found.f_bavail * found.f_frsize < _SMALL
    return no_blocks or (found.f_files > 0 and found.f_favail == 0)


def free_bytes(path: Path) -> int:
    """What is free on the disk that holds, or will hold, a path."""
    with disk_faults(path):
        try:
            usage = shutil.disk_usage(path)
        except FileNotFoundError:
            usage = shutil.disk_usage(existing(path))
    return usage.free if usage.total else sys.maxsize


def need_room(path: Path, needed: int) -> None:
    """See that so many bytes are free for what is to be written at a path.

    Raises:
        UnavailableError: They are not; the sentence says how much there is and how much is needed.
    """
    free = free_bytes(path)
    if free < needed:
        raise full(path, free, needed)


def disk_bytes(folder: Path) -> int:
    """What the files below a folder take on the disk; those that vanish meanwhile count as nothing."""
    return sum(_blocks(Path(place) / name) for place, _, names in os.walk(folder) for name in names)


def adjust_reserve(folder: Path) -> None:
    """Keep a file of no meaning in `folder` while there is room, and give it up when the disk is full.

    So a disk that others have filled can still be opened, and items forgotten to free more.

    Raises:
        UnavailableError: The folder cannot be used.
    """
    reserve = folder / "reserve"
    free = free_bytes(folder)
    with disk_faults(folder):
        if free < LEND_BELOW:
            reserve.unlink(missing_ok=True)
        elif free > TO_STORE + 2 * RESERVE and not (reserve.exists() and reserve.stat().st_size == RESERVE):
            reserve.unlink(missing_ok=True)
            _fill(reserve)


def _fill(reserve: Path) -> None:
    try:
        descriptor = os.open(reserve, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return  # another process makes it just now
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(RESERVE))  # zeros take no room on some file systems


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def write_whole(path: Path, data: bytes) -> None:
    """Write a whole file or none: beside it, to the disk, then by one rename.

    Raises:
        OSError: The disk refuses; see `disk_faults`.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    with ExitStack() as undo:
        undo.callback(Path(name).unlink)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
        undo.pop_all()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring what was made, renamed or removed in a folder to the disk.

    Raises:
        OSError: The disk refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@asynccontextmanager
async def held(path: Path, *, shared: bool = False, wait_s: float, refusal: str) -> AsyncGenerator[None]:
    """Hold a lock file, which stays; tasks of one process exclude each other too, and the system drops a dead one's.

    Args:
        path: The file; it is made if it is missing, with mode 0600.
        shared: Whether others may hold it at the same time, if they share it too.
        wait_s: How long it is waited for.
        refusal: What is said after that, in a sentence.

    Raises:
        UnavailableError: Others held it all the time, or the file cannot be made.
    """
    with disk_faults(path):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + wait_s
    try:
        while not _taken(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                raise UnavailableError(refusal)
            await asyncio.sleep(_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _blocks(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:
        return 0
