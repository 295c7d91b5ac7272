"""What yt-dlp says of a channel or playlist, as items of a feed. Only its child imports this."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from udib.core.errors import BadRequestError
from udib.core.watches import FeedItem

LISTING_OPTIONS: Final[dict[str, Any]] = {
    "noplaylist": False,
    "extract_flat": True,
    "ignore_no_formats_error": True,
    # Else YouTube's lists have no dates at all; what it shows is "3 days ago".
    "extractor_args": {"youtubetab": {"approximate_date": [""]}},
}
_TABS: Final = frozenset({"YoutubeTab"})
_MOST_TABS: Final = 4

Entry = Mapping[str, Any]


class Extractor(Protocol):
    """As much of yt-dlp as is needed here."""

    def extract_info(self, url: str, *, download: bool) -> Any:  # noqa: ANN401 - yt-dlp has no types
        """What is at an address."""
        ...


def items_of(extractor: Extractor, found: Entry | None, limit: int) -> tuple[FeedItem, ...]:
    """The first items of a list, `limit` of each tab of a channel.

    Raises:
        BadRequestError: It is no list.
    """
    if found is None or "entries" not in found:
        raise BadRequestError("This is one item and no list of them; `udib analyze` takes it.")
    return tuple(item for entry in _entries(extractor, found, limit) if (item := _item(entry)) is not None)


def _entries(extractor: Extractor, found: Entry, limit: int) -> Iterator[Entry]:
    """The entries of a list; where they are the tabs of a channel, those of the tabs."""
    tabs = 0
    for entry in islice(found["entries"], limit):
        if entry and entry.get("ie_key") in _TABS and tabs < _MOST_TABS:
            tabs += 1
            tab = extractor.extract_info(str(entry["url"]), download=False)
            yield from islice((tab or {}).get("entries") or (), limit)
        elif entry:
            yield entry


def _item(entry: Entry) -> FeedItem | None:
    """An entry with a web address; None: it has none."""
    address = str(entry.get("webpage_url") or entry.get("url") or "")
    if entry.get("_type", "video") == "video" and entry.get("url"):
        address = str(entry["url"])  # several recordings of one page: the page is none of them
    if urlsplit(address).scheme not in {"http", "https"}:
        return None
    site, native = str(entry.get("ie_key") or entry.get("extractor_key") or ""), entry.get("id")
    # As YouTube's own feeds call them, so that an item is the same in both.
    name = f"yt:video:{native}" if site == "Youtube" else f"{site}:{native}" if native else address
    at = entry.get("timestamp") or entry.get("release_timestamp")
    return FeedItem(name, address, float(at) if isinstance(at, int | float) else None)
