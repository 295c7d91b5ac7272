"""Feeds of all kinds, kind and hostile, from a server on loopback; and the samples of feedparser's own tests."""

import asyncio
import gzip
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestServer

from udib.core.errors import BadRequestError, ForbiddenError, UdibError, UnavailableError
from udib.core.watches import FeedItem, FeedLook, FeedMark
from udib.net.guard import AddressGuard
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import RetryPolicy
from udib.sources import feed_worker
from udib.sources.feed_protocol import MOST_ITEMS, FetchedFeed, ReadFeed
from udib.sources.feeds import WebFeeds

RSS = """<rss version="2.0"><channel><title>Talks</title>{}</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://a.example/base/"><title>Atom</title>{}</feed>"""
START = FeedMark()
BASE = "https://a.example/feeds/all.xml"
BOMB = (
    '<!DOCTYPE r [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {n} "{f"&{p};" * 10}">' for p, n in zip("abcdefghi", "bcdefghij", strict=True))
    + "]>"
    + RSS.format("<item><title>&j;</title><link>https://a.example/x</link></item>")
)


class NoLists:
    """There are no channels."""

    async def listed(self, address: str, limit: int) -> tuple[str, tuple[FeedItem, ...]]:
        raise BadRequestError("This is one item and no list of them.")


class OneList:
    async def listed(self, address: str, limit: int) -> tuple[str, tuple[FeedItem, ...]]:
        return "Channel", (FeedItem("i", "https://a.example/i", 5.0), FeedItem("j", "https://a.example/j"))


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """Pages that a test sets, and what was asked for them."""

    def __init__(self) -> None:
        self.pages: dict[str, web.Response | Handler] = {}
        self.asked: list[web.Request] = []
        self.server = TestServer(web.Application())

    def url(self, path: str) -> str:
        return str(self.server.make_url(path))

    def set(self, path: str, text: str | bytes, kind: str = "application/rss+xml", **headers: str) -> str:
        body = text.encode() if isinstance(text, str) else text
        self.pages[path] = web.Response(body=body, headers={"Content-Type": kind, **headers})
        return self.url(path)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        page = self.pages.get(request.path)
        if page is None:
            return web.Response(status=404)
        if not isinstance(page, web.Response):
            return await page(request)
        return web.Response(body=page.body, headers={k: v for k, v in page.headers.items() if k != "Content-Length"})


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    site.server.app.router.add_get("/{path:.*}", site.answer)
    async with site.server:
        yield site


@pytest.fixture
async def feeds(site: Site) -> AsyncIterator[WebFeeds]:
    guard = AddressGuard({f"127.0.0.1:{site.server.port}"})
    pool = HTTPConnectionPool(timeout=ClientTimeout(total=30), guard=guard)
    yield WebFeeds(pool, RetryPolicy(max_attempts=1), NoLists(), deadline_s=20)
    await pool.close()


async def look(feeds: WebFeeds, address: str, mark: FeedMark = START) -> FeedLook:
    found = await feeds.look(address, mark)
    assert found is not None
    return found


def parsed(text: str | bytes, kind: str = "application/xml") -> ReadFeed:
    return feed_worker.read(FetchedFeed(BASE, kind, text.encode() if isinstance(text, str) else text))


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (
            '<item><guid isPermaLink="false">g</guid><pubDate>Thu, 01 Jan 1970 00:01:00 GMT</pubDate><link>/page</link>'
            '<enclosure url="https://cdn.example/a.mp3" type="audio/mpeg" length="1"/></item>',
            FeedItem("g", "https://cdn.example/a.mp3", 60.0),
        ),
        (
            '<item><link>page.html</link><enclosure url="https://cdn.example/a.jpg" type="image/jpeg"/></item>',
            FeedItem("https://a.example/feeds/page.html", "https://a.example/feeds/page.html"),
        ),
        ("<item><guid>https://a.example/g</guid></item>", FeedItem("https://a.example/g", "https://a.example/g")),
        ('<item><guid isPermaLink="false">g</guid><link>file:///etc/passwd</link></item>', None),
        ('<item><guid isPermaLink="false">g</guid><link>javascript:alert(1)</link></item>', None),
        ('<item><guid isPermaLink="false">g</guid><link>https://user:password@a.example/</link></item>', None),
        ('<item><guid isPermaLink="false">g</guid><link>https://[broken/</link></item>', None),
        ("<item><title>Nothing</title></item>", None),
        (
            '<item><guid isPermaLink="false">g</guid><link>/p</link><pubDate>some day</pubDate></item>',
            FeedItem("g", "https://a.example/p"),
        ),
    ],
)  # fmt: skip
def test_what_an_rss_entry_stands_for(entry: str, found: FeedItem | None) -> None:
    feed = parsed(RSS.format(entry))
    assert (feed.is_feed, feed.title, feed.items, feed.unusable) == (
        True, "Talks", () if found is None else (found,), int(found is None)
    )  # fmt: skip


def test_atom_and_its_relative_addresses() -> None:
    entry = (
        '<entry><id>urn:1</id><published>1970-01-01T00:01:00Z</published><updated>1990-01-01T00:00:00Z</updated>'
        '<link rel="enclosure" type="video/mp4" href="v.mp4"/><link href="page"/></entry>'
    )  # fmt: skip
    assert parsed(ATOM.format(entry)).items == (FeedItem("urn:1", "https://a.example/base/v.mp4", 60.0),)


def test_json_feed() -> None:
    text = """{"version": "https://jsonfeed.org/version/1.1", "title": "JSON", "items": [
        {"id": 7, "url": "/p", "date_published": "1970-01-01T01:01:00+01:00"},
        {"id": "8", "url": "/q", "attachments": [{"url": "/q.mp3", "mime_type": "audio/mpeg"}, 5]},
        {"id": "9", "date_published": 5}, "nonsense"]}"""
    feed = parsed("\ufeff" + text, "application/feed+json")
    assert feed.items == (FeedItem("7", "https://a.example/p", 60.0), FeedItem("8", "https://a.example/q.mp3"))
    assert (feed.title, feed.unusable) == ("JSON", 2)


@pytest.mark.parametrize("text", ['{"version": "1"}', '{"items": []}', "", "plain words", "\x00\x01\x02", "<a/>"])
def test_what_is_no_feed(text: str) -> None:
    assert not parsed(text).is_feed


def test_json_that_breaks_off_is_told() -> None:
    assert "no JSON" in parsed('{"version": ').error


def test_the_newest_items_come_first_and_those_without_a_date_last_in_their_order() -> None:
    days = [("a", "01"), ("x", None), ("b", "03"), ("y", None), ("c", "02")]
    items = "".join(
        f"<item><link>/{n}</link>{f'<pubDate>{d} Jan 2020 10:00:00 GMT</pubDate>' if d else ''}</item>" for n, d in days
    )
    assert [item.address[-1] for item in parsed(RSS.format(items)).items] == ["b", "c", "a", "x", "y"]


def test_of_an_endless_feed_the_newest_count() -> None:
    feed = parsed(RSS.format("".join(f"<item><link>/{number}</link></item>" for number in range(MOST_ITEMS + 5))))
    assert len(feed.items) == MOST_ITEMS


def test_words_that_cannot_be_shown_are_left_out_of_a_title() -> None:
    feed = parsed('{"version": "https://jsonfeed.org/version/1", "title": "A\\u0007\\n  B", "items": []}')
    assert feed.title == "A B"


async def test_a_wrong_encoding_is_seen_through(site: Site, feeds: WebFeeds) -> None:
    text = '<?xml version="1.0" encoding="utf-8"?>' + RSS.replace("Talks", "Grüße").format("")
    address = site.set("/feed", text.encode("latin-1"))
    assert (await look(feeds, address)).title == "Grüße"


async def test_an_unchanged_feed_costs_one_answer_without_a_body(site: Site, feeds: WebFeeds) -> None:
    async def page(request: web.Request) -> web.Response:
        known = request.headers.get("If-None-Match") == '"1"' and request.headers.get("If-Modified-Since") == "then"
        headers = {"ETag": '"1"', "Last-Modified": "then"}
        return web.Response(status=304) if known else web.Response(text=RSS.format(""), headers=headers)

    site.pages["/feed"] = page
    first = await look(feeds, site.url("/feed"))
    assert await feeds.look(site.url("/feed"), first.mark) is None
    assert len(site.asked) == 2


async def test_a_page_is_followed_to_the_feed_that_it_names_once(site: Site, feeds: WebFeeds) -> None:
    link = '<base href="/sub/"><link REL="Alternate" type="application/atom+xml; charset=utf-8" href="feed.xml">'
    page = site.set("/", f"<!DOCTYPE html><html><head>{link}</head></html>", "text/html")
    site.set("/sub/feed.xml", RSS.format("<item><link>x</link></item>"))
    found = await look(feeds, page)
    assert found.mark.address == site.url("/sub/feed.xml")
    assert [item.address for item in found.items] == [site.url("/sub/x")]
    await look(feeds, page, found.mark)
    assert [request.path for request in site.asked] == ["/", "/sub/feed.xml", "/sub/feed.xml"]
    site.set("/sub/feed.xml", f"<html><head>{link}</head></html>", "text/html")
    with pytest.raises(BadRequestError, match="names a feed that is none"):
        await feeds.look(page, FeedMark())


@pytest.mark.parametrize(
    ("status", "kind"), [(410, BadRequestError), (404, BadRequestError), (403, ForbiddenError), (500, UnavailableError)]
)
async def test_a_feed_that_is_gone_or_refused_is_told(
    site: Site, feeds: WebFeeds, status: int, kind: type[UdibError]
) -> None:
    async def page(request: web.Request) -> web.Response:
        return web.Response(status=status)

    site.pages["/feed"] = page
    with pytest.raises(kind, match=f"HTTP {status}"):
        await feeds.look(site.url("/feed"), FeedMark())


async def test_a_feed_that_a_page_names_may_be_away_where_yt_dlp_lists_the_page(site: Site, feeds: WebFeeds) -> None:
    feeds._lister = OneList()
    page = site.set("/", '<html><link rel="alternate" type="application/rss+xml" href="/gone"></html>', "text/html")
    found = await look(feeds, page)
    assert [item.id for item in found.items] == ["i"]  # what has no date may be old
    assert found.mark == FeedMark(site.url("/gone"))
    assert (await look(feeds, page, found.mark)).mark == found.mark


async def test_where_there_is_no_feed_a_list_is_looked_for_and_remembered(site: Site, feeds: WebFeeds) -> None:
    page = site.set("/", "<html><p>Words.</p></html>", "text/html")
    with pytest.raises(BadRequestError, match="no feed at 127.0.0.1"):
        await feeds.look(page, FeedMark())
    feeds._lister = OneList()
    found = await look(feeds, page)
    assert (found.title, len(found.items), found.whole, found.mark.listed) == ("Channel", 2, True, True)
    asked = len(site.asked)
    assert await look(feeds, page, found.mark) == found
    assert len(site.asked) == asked


@pytest.mark.parametrize("address", ["ftp://a.example/", "feed.xml", "https://u:p@a.example/", "http://[x/"])
async def test_no_web_address_is_refused(feeds: WebFeeds, address: str) -> None:
    with pytest.raises(BadRequestError):
        await feeds.look(address, FeedMark())


async def test_a_redirect_and_a_page_to_a_private_address_are_refused(site: Site, feeds: WebFeeds) -> None:
    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.2:9/feed")

    site.pages["/feed"] = away
    page = '<html><link rel="alternate" type="application/rss+xml" href="http://127.0.0.2:9/feed"></html>'
    for address in (site.url("/feed"), site.set("/page", page, "text/html")):
        with pytest.raises(ForbiddenError, match="private address"):
            await feeds.look(address, FeedMark())


async def test_a_bomb_of_gzip_is_given_up(site: Site, feeds: WebFeeds) -> None:
    bomb = gzip.compress(b"<rss>" + b"x" * (64 * 2**20))
    address = site.set("/feed", bomb, **{"Content-Encoding": "gzip"})
    with pytest.raises(BadRequestError, match="longer than"):
        await feeds.look(address, FeedMark())


async def test_a_server_that_drips_is_given_up(site: Site, feeds: WebFeeds) -> None:
    feeds._deadline_s = 0.5

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    site.pages["/feed"] = drip
    with pytest.raises(UnavailableError, match="took longer"):
        await feeds.look(site.url("/feed"), FeedMark())


async def test_xml_that_multiplies_itself_does_no_harm(site: Site, feeds: WebFeeds) -> None:
    assert len((await look(feeds, site.set("/feed", BOMB))).items) <= 1


async def test_what_needs_too_much_time_is_given_up(
    site: Site, feeds: WebFeeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("udib.sources.feed_process._DEADLINE_S", 0.01)
    with pytest.raises(BadRequestError, match="more memory or time"):
        await feeds.look(site.set("/feed", RSS.format("")), FeedMark())


async def test_depth_does_no_harm(site: Site, feeds: WebFeeds) -> None:
    deep = '{"version": "https://jsonfeed.org/version/1", "items": ' + "[" * 500_000
    with pytest.raises(BadRequestError, match="no JSON"):
        await feeds.look(site.set("/json", deep), FeedMark())
    with suppress(BadRequestError):
        await feeds.look(site.set("/xml", RSS.format("<item>" + "<a>" * 10_000)), FeedMark())


@pytest.mark.timeout(300)
def test_every_sample_is_read_or_refused(eval_data: Path) -> None:
    samples = eval_data / "feeds" / "feedparser-tests.tar.gz"
    if not samples.is_file():
        pytest.skip("EVAL_DATA_DIR has no feeds/feedparser-tests.tar.gz: the sweep of samples was skipped")
    read = feeds = 0
    with tarfile.open(samples) as archive:
        for member in archive:
            taken = archive.extractfile(member) if member.isfile() else None
            if taken is not None:
                found = feed_worker.read(FetchedFeed(BASE, "application/xml", taken.read()))
                assert all(item.address.startswith(("http://", "https://")) for item in found.items)
                read, feeds = read + 1, feeds + found.is_feed
    assert read > 700
    assert feeds > 0.9 * read


def test_a_podcast_is_read(eval_data: Path) -> None:
    sample = eval_data / "feeds" / "podcast-namespace-example.xml"
    if not sample.is_file():
        pytest.skip("EVAL_DATA_DIR has no feeds/podcast-namespace-example.xml: that sample was skipped")
    found = feed_worker.read(FetchedFeed(BASE, "application/rss+xml", sample.read_bytes()))
    assert found.items
    assert all(item.published_at and item.address.endswith((".mp3", ".mp4", ".m3u8")) for item in found.items)
