"""Files with holes: the engine announces its files at their full length, and most of them are mostly empty."""

import ctypes
import errno
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_CHUNK: Final = 1 << 20


def copy_sparse(source: str | Path, target: str | Path) -> None:
    """Copy a file's contents; what the source does not take up on disk, the copy does not either."""
    with Path(source).open("rb") as reader, Path(target).open("wb") as writer:
        writer.truncate(os.fstat(reader.fileno()).st_size)
        for start, end in _written(reader.fileno()):
            position = start
            while position < end:
                data = os.pread(reader.fileno(), min(_CHUNK, end - position), position)
                if not data:
                    return
                os.pwrite(writer.fileno(), data, position)
                position += len(data)


def release_holes(folder: Path) -> None:
    """Give back the memory that this process holds for holes in the mapped files of a folder.

    The engine reads every file into memory, at its full length, when it opens a shard: 33 MiB for vectors and 5 for a
    field's index, be they empty. Nothing can be lost: pages of a shared mapping live in the file, and are mapped again
    when they are used. Only Linux tells what is mapped; elsewhere nothing is done.
    """
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    below = f"{folder.resolve()}/"
    for line in lines:
        span, rights, offset, _, _, *name = line.split(maxsplit=5)
        if name and name[0].startswith(below) and rights.endswith("s"):
            first, last = (int(address, 16) for address in span.split("-"))
            _release(Path(name[0]), first, last - first, int(offset, 16))


def _release(path: Path, address: int, size: int, offset: int) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # removed since it was mapped
        return
    try:
        for start, end in _holes(descriptor):
            first = -(-max(start, offset) // mmap.PAGESIZE) * mmap.PAGESIZE
            length = min(end, offset + size) // mmap.PAGESIZE * mmap.PAGESIZE - first
            if length > 0:
                _madvise(address + first - offset, length, mmap.MADV_DONTNEED)
                os.posix_fadvise(descriptor, first, length, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _madvise(address: int, length: int, advice: int) -> None:
    ctypes.CDLL(None).madvise(ctypes.c_void_p(address), ctypes.c_size_t(length), ctypes.c_int(advice))


def _holes(descriptor: int) -> Iterator[tuple[int, int]]:
    position = 0
    for start, end in _written(descriptor):
        yield position, start
        position = end
    yield position, os.fstat(descriptor).st_size


def _written(descriptor: int) -> Iterator[tuple[int, int]]:
    """Where a file holds data: from, to."""
    size = os.fstat(descriptor).st_size
    position = 0
    while position < size:
        try:
            position = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError as exc:
            if exc.errno == errno.ENXIO:  # nothing but a hole follows
                return
            raise
        end = os.lseek(descriptor, position, os.SEEK_HOLE)
        yield position, end
        position = end
