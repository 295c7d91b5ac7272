"""Watches: feeds and channels that are looked at again and again, and what is known of each."""

import hashlib
from dataclasses import dataclass

from udib.core.errors import Status


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An entry of a feed or channel.

    Attributes:
        id: The same as long as it is the same entry, as far as the feed says.
        address: Of the media, else of the entry's page; http(s).
        published_at: Seconds since 1970; None: the feed does not say.
    """

    id: str
    address: str
    published_at: float | None = None

    @property
    def digests(self) -> frozenset[str]:
        """What an entry is known by: it is the same one under a new address, and under a new id."""
        return frozenset(hashlib.sha256(name.encode()).hexdigest()[:16] for name in (self.id, self.address))


@dataclass(frozen=True, slots=True)
class FeedMark:
    """What makes the next look at a feed cheap.

    Attributes:
        address: Of the feed itself, if the watched page only names it; "": not known yet.
        etag: Of its last state.
        modified: The same, as a date.
        listed: There is no feed, but a list of items that yt-dlp reads.
    """

    address: str = ""
    etag: str | None = None
    modified: str | None = None
    listed: bool = False


@dataclass(frozen=True, slots=True)
class FeedLook:
    """What was found at a look.

    Attributes:
        mark: Makes the next look cheap.
        title: As the feed calls itself.
        items: Its entries, the newest first as far as they have dates; the others after them, in the feed's order.
        unusable: How many entries have no address that could be fetched.
        whole: Whether these are all that there ever were, and not the newest so many.
    """

    mark: FeedMark
    title: str = ""
    items: tuple[FeedItem, ...] = ()
    unusable: int = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class WatchState:
    """What is known after the last look.

    Attributes:
        mark: Makes the next look cheap.
        seen: Digests of the entries that are not new any more, the newest last.
        waiting: Entries that are new and not ordered yet, the newest first.
        jobs: The ids of the last jobs that were ordered, the newest last.
        ordering_since: Since when the first of those that wait are being ordered; None: that is finished.
        looked_at: When the last look was.
        failures: How many looks have failed in a row.
        status: How the last look ended.
        error: Why it failed, in one sentence.
    """

    mark: FeedMark = FeedMark()
    seen: tuple[str, ...] = ()
    waiting: tuple[FeedItem, ...] = ()
    jobs: tuple[str, ...] = ()
    ordering_since: float | None = None
    looked_at: float | None = None
    failures: int = 0
    status: Status = Status.OK
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """A feed or channel whose new items are analysed. Times are seconds since 1970.

    Attributes:
        id: The same for the same address: 12 hex digits.
        address: As it was given.
        title: As the feed calls itself.
        since: Items that were published earlier are left out.
        every_s: Seconds from one look to the next.
        added_at: When it was added.
        next_at: No look before that, after failures.
        state: What is known.
    """

    id: str
    address: str
    title: str
    since: float
    every_s: float
    added_at: float
    next_at: float = 0.0
    state: WatchState = WatchState()

    @staticmethod
    def id_of(address: str) -> str:
        """The id of the watch of an address."""
        return hashlib.sha256(address.encode()).hexdigest()[:12]
