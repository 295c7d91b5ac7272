"""What the app and its yt-dlp child say to each other: JSON values, each after its length in four bytes."""

from dataclasses import dataclass

import msgspec

from udib.core.child import framed
from udib.core.errors import Status
from udib.core.types import Content, Media
from udib.core.watches import FeedItem

MEMORY_EXIT = 75
"""Exit code of a child that reached its memory limit."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a child is told first: the operator's guard exceptions, its memory, and paths of JavaScript runtimes."""

    allowed: tuple[str, ...]
    memory_bytes: int
    runtimes: dict[str, str]


@dataclass(frozen=True, slots=True)
class FetchOrder:
    """One order to a child: describe an address or, with a `folder`, fetch it. `cpu_s` is this job's processor time.

    With `listed`, say what so many first items of a channel or playlist are.
    """

    address: str
    language: str
    max_bytes: int
    cpu_s: int
    folder: str | None = None
    quality: str | None = None
    listed: int = 0


@dataclass(frozen=True, slots=True)
class Fetched:
    """How a job ended: with the content, with media, with a list, or with a failure's status and sentence."""

    content: Content | None = None
    media: Media | None = None
    title: str = ""
    items: tuple[FeedItem, ...] = ()
    status: Status = Status.OK
    error: str = ""


def pack(message: Setup | FetchOrder | Fetched) -> bytes:
    """A message as it goes through the pipe."""
    return framed(msgspec.json.encode(message))
