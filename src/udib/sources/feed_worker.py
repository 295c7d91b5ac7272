"""The child process that reads one feed: RSS, Atom, JSON Feed, or a page that names one.

It parses whatever a stranger's server sends, so it runs under limits of memory and processor time and can be killed.
"""

import calendar
import io
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import feedparser
import msgspec

from udib.core.child import limit_cpu, limit_memory
from udib.core.watches import FeedItem
from udib.sources.feed_protocol import MEMORY_EXIT, MOST_ITEMS, FetchedFeed, ReadFeed

_CPU_S: Final = 20
_MEMORY_BYTES: Final = 768 * 2**20
_LONGEST_ADDRESS: Final = 4_000
_LONGEST_TITLE: Final = 300
_FEED_TYPES: Final = ("rss+xml", "atom+xml", "feed+json", "rdf+xml")
_PAGE_BYTES: Final = 2 * 2**20
"""A page names its feed in its head."""
_SPACE: Final = b" \t\r\n\xef\xbb\xbf"

Entry = dict[str, Any]


def read(document: FetchedFeed) -> ReadFeed:
    """What a document is, and holds."""
    start = document.body[:2000].lstrip(_SPACE).lower()
    if start.startswith(b"{"):
        return _json_feed(document)
    if start.startswith((b"<!doctype html", b"<html")):
        return ReadFeed(link=_named_feed(document))
    return _xml_feed(document)


def _xml_feed(document: FetchedFeed) -> ReadFeed:
    found = feedparser.parse(
        io.BytesIO(document.body),  # bytes alone it would take for the name of a file
        response_headers={"content-type": document.content_type, "content-location": document.address},
        sanitize_html=False,  # no text of an entry is used
    )
    if not found.get("version"):
        return ReadFeed(link=_named_feed(document))
    entries = [_xml_entry(entry, document.address) for entry in found.entries]
    return _feed(found.feed.get("title"), entries)


def _xml_entry(entry: Entry, base: str) -> FeedItem | None:
    address = next((each for href in _addresses(entry) if (each := _absolute(base, href))), None)
    if address is None:
        return None
    return _item(dict.get(entry, "id"), address, _seconds(entry))


def _addresses(entry: Entry) -> Iterator[object]:
    """What an entry stands for: its sound or picture, else its page."""
    links = [link for link in entry.get("links", ()) if link.get("href")]
    yield from (link["href"] for link in links if link.get("rel") == "enclosure" and _is_media(link))
    yield entry.get("link")
    yield from (link["href"] for link in links if link.get("rel", "alternate") == "alternate")
    yield from (media.get("url") for media in entry.get("media_content", ()) if _is_media(media))


def _is_media(link: Entry) -> bool:
    kind = str(link.get("type") or link.get("medium") or "")
    return not kind or kind.partition("/")[0] in {"audio", "video"}


def _seconds(entry: Entry) -> float | None:
    for name in ("published_parsed", "created_parsed", "updated_parsed"):
        parsed = dict.get(entry, name)  # its own `get` gives one date for another
        if parsed is not None:
            try:
                return float(calendar.timegm(parsed))
            except (ValueError, OverflowError):
                continue
    return None


def _json_feed(document: FetchedFeed) -> ReadFeed:
    """Source: https://www.jsonfeed.org/version/1.1/."""
    try:
        found = msgspec.json.decode(document.body.strip(_SPACE))
    except (msgspec.DecodeError, RecursionError):
        return ReadFeed(error="it is no JSON that can be read")
    if not isinstance(found, dict) or "jsonfeed.org/version/" not in str(found.get("version")):
        return ReadFeed()
    listed = found.get("items")
    entries = [_json_entry(each, document.address) for each in listed] if isinstance(listed, list) else []
    return _feed(found.get("title"), entries)


def _json_entry(entry: object, base: str) -> FeedItem | None:
    if not isinstance(entry, dict):
        return None
    attached = entry.get("attachments")
    media = [each for each in attached if isinstance(each, dict)] if isinstance(attached, list) else []
    wanted = [each.get("url") for each in media if _is_media({"type": each.get("mime_type")})]
    address = next((each for href in [*wanted, entry.get("url")] if (each := _absolute(base, href))), None)
    if address is None:
        return None
    at = None
    for name in ("date_published", "date_modified"):
        try:
            at = at or datetime.fromisoformat(str(entry.get(name))).timestamp()
        except (ValueError, OverflowError):
            continue
    return _item(entry.get("id"), address, at)


def _feed(title: object, entries: Iterable[FeedItem | None]) -> ReadFeed:
    listed = list(entries)
    items = [item for item in listed if item is not None]
    items.sort(key=lambda item: float("inf") if item.published_at is None else -item.published_at)
    newest = tuple(items[:MOST_ITEMS])
    return ReadFeed(is_feed=True, title=_text(title)[:_LONGEST_TITLE], items=newest, unusable=len(listed) - len(items))


def _item(name: object, address: str, at: float | None) -> FeedItem:
    return FeedItem(_text(name)[:_LONGEST_ADDRESS] or address, address, at)


def _absolute(base: str, href: object) -> str | None:
    """The web address that a link stands for. Anything else, such as a file of this machine, is none of the feed's."""
    if not isinstance(href, str) or not href.strip():
        return None
    try:
        parts = urlsplit(_text(urljoin(base, href.strip())))
        address = parts.geturl()  # its scheme in lower case
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None
    except ValueError:
        return None
    return address if usable and len(address) <= _LONGEST_ADDRESS else None


def _text(value: object) -> str:
    """A stranger's text without what cannot be stored or shown."""
    text = value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


class _Head(HTMLParser):
    """Looks for the feed that a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.feeds: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in a tag."""
        given = {name: value or "" for name, value in attrs}
        if tag == "base" and not self.base:
            self.base = given.get("href", "")
        is_feed = given.get("type", "").lower().partition(";")[0].strip().endswith(_FEED_TYPES)
        if tag == "link" and is_feed and "alternate" in given.get("rel", "").lower().split():
            self.feeds.append(given.get("href", ""))


def _named_feed(document: FetchedFeed) -> str:
    head = _Head()
    head.feed(document.body[:_PAGE_BYTES].decode("utf-8", "replace"))
    base = _absolute(document.address, head.base) or document.address
    return next((each for href in head.feeds if (each := _absolute(base, href))), "")


def main() -> None:
    """Read the one document of the parent, and answer."""
    with os.fdopen(os.dup(1), "wb") as answer, open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), 1)
        body = sys.stdin.buffer.read()
        limit_memory(_MEMORY_BYTES)
        limit_cpu(_CPU_S)
        try:
            found = read(msgspec.msgpack.decode(body, type=FetchedFeed))
            answer.write(msgspec.json.encode(found))
        except MemoryError:
            os._exit(MEMORY_EXIT)
        except RecursionError:
            answer.write(msgspec.json.encode(replace(ReadFeed(), error="it is nested too deeply")))


if __name__ == "__main__":
    main()
