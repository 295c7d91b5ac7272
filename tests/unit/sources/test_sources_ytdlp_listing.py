"""What yt-dlp's lists become, from entries as its extractors give them."""

from typing import Any

import pytest

from udib.core.errors import BadRequestError
from udib.core.watches import FeedItem
from udib.sources.ytdlp_listing import items_of


class Tabs:
    """Answers for the tabs of a channel."""

    def extract_info(self, url: str, *, download: bool) -> Any:
        kind = url.rpartition("/")[2]
        return {"entries": [flat(f"{kind}{number}") for number in range(3)]} if kind != "gone" else None


def flat(native: str, **more: object) -> dict[str, object]:
    address = f"https://www.youtube.com/watch?v={native}"
    return {"_type": "url", "ie_key": "Youtube", "id": native, "url": address, **more}


def tab(name: str) -> dict[str, object]:
    return {"_type": "url", "ie_key": "YoutubeTab", "url": f"https://www.youtube.com/@a/{name}"}


def test_items_are_called_as_youtubes_feeds_call_them_and_have_the_dates_that_are_known() -> None:
    found = {"entries": [flat("a", timestamp=5), flat("b", release_timestamp=6.5), flat("c")]}
    assert [(item.id, item.published_at) for item in items_of(Tabs(), found, 9)] == [
        ("yt:video:a", 5.0), ("yt:video:b", 6.5), ("yt:video:c", None)
    ]  # fmt: skip


def test_of_a_channel_each_tab_is_listed() -> None:
    found = {"entries": [tab("videos"), None, tab("gone"), tab("streams")]}
    ids = [item.id.rpartition(":")[2] for item in items_of(Tabs(), found, 4)]
    assert ids == ["videos0", "videos1", "videos2", "streams0", "streams1", "streams2"]


def test_an_entry_of_another_site_and_entries_without_a_web_address() -> None:
    entries = [
        {"_type": "url", "ie_key": "TwitchVod", "id": "v1", "url": "https://www.twitch.tv/videos/1"},
        {"_type": "url", "url": "https://a.example/x"},
        {"_type": "url", "id": "x", "url": "file:///etc/passwd"},
        {"_type": "url", "id": "y"},
    ]
    assert items_of(Tabs(), {"entries": entries}, 9) == (
        FeedItem("TwitchVod:v1", "https://www.twitch.tv/videos/1"),
        FeedItem("https://a.example/x", "https://a.example/x"),
    )


@pytest.mark.parametrize("found", [None, {"_type": "video", "id": "a"}])
def test_what_is_no_list(found: dict[str, object] | None) -> None:
    with pytest.raises(BadRequestError, match="udib analyze"):
        items_of(Tabs(), found, 9)
