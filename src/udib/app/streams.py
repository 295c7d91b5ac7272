"""The standard streams as any caller may hand them over: closed, full, in another encoding, with nobody at their end.

Standard output is data: what cannot be written there is told. Standard error is progress and complaints: what cannot be
written there is lost, and nothing else is. A character that the encoding lacks is replaced by one that can be read.
"""

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import TextIO

_READABLE = "udib.readable"
_PLAIN = {
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2026": "...",
    "\u00b7": "-", "\u2022": "-", "\u2192": "->", "\u00a0": " ",
}  # fmt: skip
"""Replacements for the characters that our own texts use."""


class _Lossy(io.FileIO):
    """A file that takes everything, whether or not it can keep it."""

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        """Write what can be written; the rest counts as written too."""
        left = memoryview(data)
        with suppress(OSError):
            while left and (written := super().write(left)):
                left = left[written:]
        return len(data)


def take_over() -> None:
    """Make the standard streams of this process usable, whatever they are."""
    codecs.register_error(_READABLE, _replace)
    _open_if_closed(0, os.O_RDONLY)
    _open_if_closed(1, os.O_RDONLY)  # for reading: so that writing fails, and is told as on a full disk
    _open_if_closed(2, os.O_WRONLY)
    sys.stdin = _text(open(0, "rb", closefd=False), sys.stdin, "surrogateescape")  # noqa: SIM115
    sys.stdout = _text(open(1, "wb", closefd=False), sys.stdout, _READABLE)  # noqa: SIM115
    sys.stderr = _text(_Lossy(2, "wb", closefd=False), sys.stderr, _READABLE)


def discard_output() -> None:
    """Let nothing more be written to standard output, and the interpreter find nothing to complain of at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_if_closed(number: int, mode: int) -> None:
    """A closed stream's number would be given to the next file that is opened, a database even."""
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, mode)
        os.dup2(opened, number)  # which may be the same
        if opened != number:
            os.close(opened)


def _text(raw: io.BufferedReader | io.BufferedWriter | _Lossy, before: TextIO | None, errors: str) -> io.TextIOWrapper:
    encoding = before.encoding if before is not None else "utf-8"
    return io.TextIOWrapper(raw, encoding, errors, line_buffering=raw.isatty() or raw.fileno() == 2)


def _replace(error: UnicodeError) -> tuple[str, int]:
    """The error handler of the streams: a plainer character where there is one, else its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(char: str) -> str:
    if "\u2580" <= char <= "\u259f":  # blocks, of which bars are made
        return "#"
    return _PLAIN.get(char) or char.encode("ascii", "backslashreplace").decode()
