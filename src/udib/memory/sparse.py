"""Copies of files with holes: the engine's log is announced at its full length and mostly empty."""

import errno
import os
from pathlib import Path
from typing import Final

_CHUNK: Final = 1 << 20


def copy_sparse(source: str | Path, target: str | Path) -> None:
    """Copy a file's contents; what the source does not take up on disk, the copy does not either."""
    with Path(source).open("rb") as reader, Path(target).open("wb") as writer:
        size = os.fstat(reader.fileno()).st_size
        writer.truncate(size)
        position = 0
        while position < size:
            try:
                position = os.lseek(reader.fileno(), position, os.SEEK_DATA)
            except OSError as exc:
                if exc.errno == errno.ENXIO:  # nothing but a hole follows
                    return
                raise
            end = os.lseek(reader.fileno(), position, os.SEEK_HOLE)
            while position < end:
                data = os.pread(reader.fileno(), min(_CHUNK, end - position), position)
                if not data:
                    return
                os.pwrite(writer.fileno(), data, position)
                position += len(data)
