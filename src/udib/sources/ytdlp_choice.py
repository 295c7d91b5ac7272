"""What to take of an item that yt-dlp describes: its content, its caption track, its formats. Pure, without yt-dlp."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urldefrag, urlsplit

from udib.core.errors import BadRequestError
from udib.core.types import Content, ContentId, Platform

Info = Mapping[str, Any]
"""What yt-dlp calls an info dict: an item, or a list of items in `entries`."""

_EXTENSIONS = ("json3", "vtt", "ttml", "srt")
_PLATFORMS = {
    "youtube": Platform.YOUTUBE,
    "twitch": Platform.TWITCH,
    "tiktok": Platform.TIKTOK,
    "reddit": Platform.REDDIT,
}


@dataclass(frozen=True, slots=True)
class CaptionChoice:
    """The one caption track to fetch. `track` is yt-dlp's description of it."""

    language: str
    automatic: bool
    track: Info

    @property
    def reason(self) -> str:
        """Why this track, for the report."""
        kind = "automatic captions in the item's own language" if self.automatic else "captions of the publisher"
        return f"{kind} ({self.language}, {self.track['ext']})"


def choose_captions(info: Info, wanted: str) -> CaptionChoice | None:
    """The caption track nearest to what was said, or None.

    Manual in the wanted language, else manual in the item's own, else automatic in the item's own. A track that a
    machine translated is never taken: it is not what was said.

    Args:
        info: An item.
        wanted: Language code such as "en".
    """
    manual = {name: tracks for name, tracks in (info.get("subtitles") or {}).items() if name != "live_chat"}
    automatic = info.get("automatic_captions") or {}
    spoken = info.get("language") or ""
    originals = [name for name in automatic if name.endswith("-orig")]
    own = [name for name in _matching(automatic, spoken) if not originals]
    unlabelled = [name for name in manual if name in {"und", ""}] if len(manual) == 1 else []
    order = [(manual, name, False) for name in [*_matching(manual, wanted), *_matching(manual, spoken), *unlabelled]]
    order += [(automatic, name, True) for name in [*originals, *own]]
    for tracks, name, made in order:
        if (track := _best(tracks[name])) is not None:
            language = name.removesuffix("-orig") if name not in {"und", ""} else spoken or wanted
            return CaptionChoice(language, made, track)
    return None


def _matching(tracks: Mapping[str, object], language: str) -> Iterator[str]:
    """Names of tracks in a language: the plain code first, then its regions."""
    code = re.split(r"[-_]", language.lower())[0]
    if not code:
        return
    exact = [name for name in tracks if name.lower() in {language.lower(), code}]
    regions = [name for name in tracks if re.split(r"[-_]", name.lower())[0] == code and not name.endswith("-orig")]
    yield from dict.fromkeys([*exact, *regions])


def _best(tracks: Sequence[Info]) -> Info | None:
    usable = [track for track in tracks if track.get("ext") in _EXTENSIONS and not _translated(track)]
    return min(usable, key=lambda track: _EXTENSIONS.index(track["ext"]), default=None)


def _translated(track: Info) -> bool:
    return "tlang" in parse_qs(urlsplit(track.get("url") or "").query)


def format_for(quality: str | None) -> str:
    """yt-dlp's format expression: sound only, or, with a quality such as "720p", video up to that height.

    Raises:
        BadRequestError: The quality is no height.
    """
    if quality is None:
        return "ba/b[height<=?480]/b"
    most = height(quality)
    return f"bv*[height<=?{most}]+ba/b[height<=?{most}]/b"


def height(quality: str) -> int:
    """The height of the picture that a quality such as "720p" stands for.

    Raises:
        BadRequestError: It stands for none.
    """
    match = re.fullmatch(r"([1-9]\d{1,3})p?", quality.strip().lower())
    if match is None:
        raise BadRequestError(f"{quality!r} is no quality; give a height such as 720p.")
    return int(match.group(1))


def content_of(info: Info, address: str) -> Content:
    """The content that an item stands for. `address` is what the user gave."""
    extractor = str(info.get("extractor_key") or "generic").lower()
    found = (platform for prefix, platform in _PLATFORMS.items() if extractor.startswith(prefix))
    platform = next(found, Platform.WEB)
    page = info.get("webpage_url")
    url = page if isinstance(page, str) and page.startswith(("http://", "https://")) else address
    native = str(info.get("id"))
    if extractor in {"generic", "html5mediaembed"}:  # their ids are file names, which many sites share
        native = hashlib.sha256(urldefrag(url).url.encode()).hexdigest()[:32]
    elif platform is Platform.WEB:
        native = f"{extractor}-{native}"
    duration = info.get("duration")
    return Content(
        id=ContentId(f"{platform}:{native}"),
        platform=platform,
        address=address,
        title=_title(info) or native,
        url=url,
        author=_text(info.get("uploader") or info.get("channel") or info.get("creator")),
        published_at=_published(info),
        duration_s=float(duration) if isinstance(duration, int | float) and duration > 0 else None,
        language=spoken_language(info),
    )


def spoken_language(info: Info) -> str | None:
    """The code of the language that the site says is spoken."""
    return _text(info.get("language"))


def _title(info: Info) -> str:
    title = " ".join(str(info.get("title") or "").split())
    # The videos of a plain page are numbered, even when there is one.
    return title.removesuffix(" (1)") if info.get("extractor_key") == "HTML5MediaEmbed" else title


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _published(info: Info) -> str | None:
    stamp, day = info.get("timestamp"), info.get("upload_date")
    if isinstance(stamp, int | float):
        return datetime.fromtimestamp(stamp, UTC).isoformat(timespec="seconds")
    if isinstance(day, str) and re.fullmatch(r"\d{8}", day):
        return f"{day[:4]}-{day[4:6]}-{day[6:]}"
    return None
