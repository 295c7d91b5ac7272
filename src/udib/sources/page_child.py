"""What a child process that reads one document does: bytes in, words out, within limits, and nothing else.

A document is a stranger's and may hang or swell whatever reads it, so it is read by a process of its own that is given
no environment, opens no connection and ends with its one document.
"""

import resource
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from udib.core.child import limit_cpu

CPU_S: Final = 8
MEMORY_BYTES: Final = 600_000_000
MOST_CHARACTERS: Final = 200_000
"""Of the words of one document; what follows is left out."""
_LONGEST_NAME: Final = 300
_OF_ADDRESSES: Final = frozenset({"idna", "punycode"})
"""Codes that no document is in, and that take minutes over a long one."""


class UnreadableError(Exception):
    """Why a document has no words for a reader: what follows "not readable: "."""


@dataclass(frozen=True, slots=True)
class Readable:
    """What a document says. With a `refusal`, nothing of it could be read."""

    text: str = ""
    title: str = ""
    publisher: str | None = None
    published_at: str | None = None
    language: str | None = None
    refusal: str = ""


def serve(read: Callable[[bytes], Readable]) -> None:
    """Read the document on standard input and write what it says to standard output, as JSON."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, hard))
    limit_cpu(CPU_S)
    try:
        readable = read(sys.stdin.buffer.read())
    except UnreadableError as exc:
        readable = Readable(refusal=str(exc))
    except MemoryError:
        readable = Readable(refusal="it needs more memory than one document may use")
    except RecursionError:
        readable = Readable(refusal="its parts are nested too deeply")
    sys.stdout.buffer.write(msgspec.json.encode(readable))
    sys.stdout.buffer.flush()


def decoded(body: bytes, *named: str | None) -> str:
    """The letters of a document. What is UTF-8 is read so, whatever it or its server says: by chance nothing is.

    Args:
        body: As it came.
        named: The codes that it is said to be in, the surest first.
    """
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", errors="replace")
    for encoding in (None if body.isascii() else "utf-8-sig", *named, "utf-8-sig", "cp1252"):
        try:
            if encoding and encoding.lower() not in _OF_ADDRESSES:
                return body.decode(encoding)
        except (LookupError, ValueError):  # it is no such encoding, or none at all
            continue
    return body.decode("latin-1")


def plain(text: str) -> str:
    """Text without characters that nobody sees, a paragraph a line, blanks and empty lines collapsed."""
    kept = "".join(char if char.isprintable() or char in "\n\t" else _seen(char) for char in text)
    lines = (" ".join(line.split()) for line in kept.splitlines())
    return "\n".join(line for line in lines if line)[:MOST_CHARACTERS]


def name(text: str | None) -> str | None:
    """A title or a name as one line of bounded length; None if nothing is left."""
    line = " ".join(plain(text or "").split())
    return line[:_LONGEST_NAME] or None


def day(text: str | None) -> str | None:
    """A date or time of ISO 8601 as UTC; None for anything else."""
    given = (text or "").strip()
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        return None
    if len(given) <= len("2026-01-31"):
        return moment.date().isoformat()
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        return zoned.astimezone(UTC).isoformat(timespec="seconds")
    except OverflowError:
        return None


def _seen(char: str) -> str:
    """A blank for what parts words, nothing for what hides between letters."""
    return " " if unicodedata.category(char) in {"Zs", "Zl", "Zp", "Cc"} else ""
