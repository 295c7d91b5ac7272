"""What the app and the child that reads feeds say to each other: JSON values, once in each direction."""

from dataclasses import dataclass
from typing import Final

from udib.core.watches import FeedItem

MEMORY_EXIT: Final = 75
"""Exit code of a child that reached its memory limit."""
MOST_ITEMS: Final = 2_000
"""Of a longer feed the newest so many count."""


@dataclass(frozen=True, slots=True)
class FetchedFeed:
    """What was fetched."""

    address: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ReadFeed:
    """What a document is: a feed with its title and items; a page, with the address of the feed it names; or neither.

    Attributes:
        is_feed: Whether it is a feed.
        title: As it calls itself.
        items: Its entries that have an address, the newest first; those without a date last, in the feed's order.
        unusable: How many entries have none.
        link: The feed that a page names.
        error: Why a feed cannot be read.
    """

    is_feed: bool = False
    title: str = ""
    items: tuple[FeedItem, ...] = ()
    unusable: int = 0
    link: str = ""
    error: str = ""
