from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.errors import BadRequestError
from udib.core.types import Platform
from udib.sources.ytdlp_choice import choose_captions, content_of, format_for


def track(ext: str = "vtt", url: str = "https://example.org/t") -> dict[str, Any]:
    return {"ext": ext, "url": url}


T = [track()]


@pytest.mark.parametrize(
    ("info", "language", "automatic"),
    [
        ({"subtitles": {"de": T, "en": T}, "automatic_captions": {"en-orig": T}}, "en", False),
        ({"subtitles": {"en-GB": T}}, "en-GB", False),
        ({"subtitles": {"EN": T}}, "EN", False),
        ({"subtitles": {"de": T}, "automatic_captions": {"de-orig": T}, "language": "de"}, "de", False),
        ({"subtitles": {"fr": T}, "automatic_captions": {"de-orig": T, "en": T}, "language": "de"}, "de", True),
        ({"automatic_captions": {"en": T, "fr": T}, "language": "en"}, "en", True),
        ({"automatic_captions": {"en": T, "fr": T}, "language": "en-US"}, "en", True),
        ({"subtitles": {"und": T}}, "en", False),
    ],
)
def test_the_track_nearest_to_what_was_said(info: dict[str, Any], language: str, *, automatic: bool) -> None:
    choice = choose_captions(info, "en")
    assert choice is not None
    assert (choice.language, choice.automatic) == (language, automatic)


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"subtitles": None, "automatic_captions": None},
        {"subtitles": {"live_chat": [track("json")]}},
        {"subtitles": {"fr": T}},
        {"subtitles": {"en": [track("srv1")]}},
        {"automatic_captions": {"en": T}},  # nobody says that the item is English: it may be a translation
        {"automatic_captions": {"en": T}, "language": "de"},
        {"automatic_captions": {"en": [track(url="https://example.org/t?lang=de&tlang=en")]}, "language": "en"},
    ],
)
def test_no_track_is_better_than_a_translated_one(info: dict[str, Any]) -> None:
    assert choose_captions(info, "en") is None


@given(st.permutations(["srv3", "srt", "ttml", "vtt", "json3", "srv1"]), st.integers(1, 6))
def test_the_richest_format_is_taken(order: list[str], kept: int) -> None:
    choice = choose_captions({"subtitles": {"en": [track(ext) for ext in order[:kept]]}}, "en")
    wanted = [ext for ext in ("json3", "vtt", "ttml", "srt") if ext in order[:kept]]
    assert (choice and choice.track["ext"]) == (wanted[0] if wanted else None)


languages = st.sampled_from(["en", "en-US", "de", "fr", "en-orig", "de-orig"])


@given(
    st.dictionaries(languages, st.just([track(url="https://example.org/?tlang=en")])),
    st.dictionaries(languages.filter(lambda name: not name.endswith("-orig")), st.just([track()])),
    st.none() | languages,
)
def test_a_machine_translation_is_never_taken(translated: Any, manual: Any, spoken: str | None) -> None:
    info = {"automatic_captions": translated, "subtitles": manual, "language": spoken}
    choice = choose_captions(info, "en")
    assert choice is None or not choice.automatic


@pytest.mark.parametrize(
    ("info", "content_id", "platform"),
    [
        ({"extractor_key": "Youtube", "id": "abc"}, "youtube:abc", Platform.YOUTUBE),
        ({"extractor_key": "TwitchVod", "id": "v1"}, "twitch:v1", Platform.TWITCH),
        ({"extractor_key": "TikTok", "id": "7"}, "tiktok:7", Platform.TIKTOK),
        ({"extractor_key": "Reddit", "id": "x"}, "reddit:x", Platform.REDDIT),
        ({"extractor_key": "Vimeo", "id": "1"}, "web:vimeo-1", Platform.WEB),
    ],
)
def test_ids_are_the_platforms_own(info: dict[str, Any], content_id: str, platform: Platform) -> None:
    content = content_of(info, "https://example.org/")
    assert (content.id, content.platform) == (content_id, platform)


def test_all_that_is_known_is_kept() -> None:
    info = {
        "extractor_key": "Youtube", "id": "abc", "title": " Rent \n control ", "uploader": "Town Hall",
        "timestamp": 1700000000, "duration": 61, "language": "en", "webpage_url": "https://www.youtube.com/watch?v=abc",
    }  # fmt: skip
    content = content_of(info, "https://youtu.be/abc")
    assert (content.title, content.author, content.duration_s) == ("Rent control", "Town Hall", 61.0)
    assert content.published_at == "2023-11-14T22:13:20+00:00"
    assert (content.address, content.link(5)) == ("https://youtu.be/abc", "https://www.youtube.com/watch?v=abc&t=5s")


def test_what_is_unknown_stays_unknown() -> None:
    content = content_of({"id": "x", "upload_date": "20240229", "webpage_url": "file:///x"}, "https://example.org/x")
    assert (content.author, content.duration_s, content.language) == (None, None, None)
    assert (content.published_at, content.url) == ("2024-02-29", "https://example.org/x")
    assert content.title


@pytest.mark.parametrize("quality", ["720p", "720", " 1080P "])
def test_a_quality_is_a_height(quality: str) -> None:
    assert quality.strip().lower().removesuffix("p") in format_for(quality)


@pytest.mark.parametrize("quality", ["hd", "", "720p/b", "7200000", "0"])
def test_another_quality_is_refused(quality: str) -> None:
    with pytest.raises(BadRequestError):
        format_for(quality)
