"""Feeds on the web, and what yt-dlp lists where there is none: channels and playlists."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Protocol
from urllib.parse import urlsplit

from udib.core.errors import BadRequestError, ForbiddenError, UdibError, UnavailableError
from udib.core.watches import FeedItem, FeedLook, FeedMark
from udib.net.guard import check_address
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import HTTPResponse, RetryPolicy, resilient_get
from udib.sources.feed_process import read_document
from udib.sources.feed_protocol import FetchedFeed, ReadFeed

_MOST_BYTES: Final = 16 * 2**20
_LISTED: Final = 500
"""Of a channel or playlist the first so many items are looked at."""
_ACCEPT: Final = (
    "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, "
    "text/html;q=0.8, */*;q=0.5"
)


class Lister(Protocol):
    """What lists channels and playlists."""

    async def listed(self, address: str, limit: int) -> tuple[str, tuple[FeedItem, ...]]:
        """A title, and the first items."""
        ...


class WebFeeds:
    """`Feeds` by HTTP, each document parsed in a child process; a page that names its feed is followed to it once.

    Args:
        pool: Whose connections are used, behind its address guard.
        retry: When a request is made again.
        lister: For what has no feed.
        deadline_s: Longest time of all requests of a look.
        read: What parses.
    """

    def __init__(
        self,
        pool: HTTPConnectionPool,
        retry: RetryPolicy,
        lister: Lister,
        *,
        deadline_s: float = 60.0,
        read: Callable[[FetchedFeed], Awaitable[ReadFeed]] = read_document,
    ) -> None:
        self._pool = pool
        self._retry = retry
        self._lister = lister
        self._deadline_s = deadline_s
        self._read = read

    async def look(self, address: str, mark: FeedMark) -> FeedLook | None:
        """What is there now; see `Feeds.look`."""
        check_address(address)
        if mark.listed:
            return await self._list(address)
        try:
            return await self._feed_at(mark.address or address, mark)
        except _NotAFeedError as page:
            if mark.address:  # what was a feed is a page now: as if it were looked at for the first time
                return await self.look(address, FeedMark())
            return await self._from_page(address, page.link)
        except UdibError as exc:
            # A feed that a page names may be away for a while though the page is there (YouTube's are, now and then).
            if not mark.address or isinstance(exc, ForbiddenError):
                raise
            return await self._list_instead(address, mark, exc)

    async def _from_page(self, address: str, link: str) -> FeedLook | None:
        if not link:
            return await self._list(address)
        try:
            return await self._feed_at(link, FeedMark(link))
        except _NotAFeedError as exc:
            raise BadRequestError(
                f"The page at {_host(address)} names a feed that is none ({link}); give the feed's own address."
            ) from exc
        except ForbiddenError:
            raise
        except UdibError as exc:
            return await self._list_instead(address, FeedMark(link), exc)

    async def _feed_at(self, address: str, mark: FeedMark) -> FeedLook | None:
        response = await self._get(address, mark)
        if response.status == 304:
            return None
        document = FetchedFeed(response.url, response.headers.get("content-type", ""), response.body)
        found = await self._read(document)
        if found.error:
            raise BadRequestError(f"The feed at {_host(address)} cannot be read: {found.error}.")
        if not found.is_feed:
            raise _NotAFeedError(found.link)
        new = replace(mark, etag=response.headers.get("etag"), modified=response.headers.get("last-modified"))
        return FeedLook(new, found.title or _host(address), found.items, found.unusable)

    async def _get(self, address: str, mark: FeedMark) -> HTTPResponse:
        headers = {"Accept": _ACCEPT}
        if mark.etag is not None:
            headers["If-None-Match"] = mark.etag
        if mark.modified is not None:
            headers["If-Modified-Since"] = mark.modified
        try:
            async with asyncio.timeout(self._deadline_s):
                return await resilient_get(
                    self._pool, address, retry=self._retry, max_bytes=_MOST_BYTES, headers=headers
                )
        except TimeoutError as exc:
            raise UnavailableError(f"{_host(address)} took longer than {self._deadline_s:g} s to answer.") from exc

    async def _list_instead(self, address: str, mark: FeedMark, failed: UdibError) -> FeedLook:
        """What yt-dlp lists while a feed is away; the mark stays, so that the next look asks the feed again."""
        try:
            look = await self._list(address)
        except UdibError:
            raise failed from None
        # Of the list, which goes back further than the feed, what has no date may be old.
        return replace(look, mark=mark, items=tuple(item for item in look.items if item.published_at is not None))

    async def _list(self, address: str) -> FeedLook:
        try:
            title, items = await self._lister.listed(address, _LISTED)
        except BadRequestError as exc:
            raise BadRequestError(
                f"There is no feed at {_host(address)}, no page that names one, and no channel or playlist; give the "
                "address of one, or `udib analyze` an item."
            ) from exc
        return FeedLook(FeedMark(listed=True), title or _host(address), items, whole=len(items) < _LISTED)


class _NotAFeedError(Exception):
    """There is a page, or something else; `link` is the feed that it names."""

    def __init__(self, link: str) -> None:
        super().__init__(link)
        self.link = link


def _host(address: str) -> str:
    return urlsplit(address).hostname or address
