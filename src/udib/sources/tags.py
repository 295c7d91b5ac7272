"""What a media file says of itself: title, author, date, duration."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import av

from udib.core.types import Content, Media, Platform
from udib.sources.media import length_s, open_media

_LONGEST = 300


async def read_tags(content: Content, media: Media) -> Content:
    """Fill the gaps of a content from its media's own tags; a file that cannot be read adds nothing.

    The title of a local file is its name until a tag has a better one; what a platform gave is kept.
    """
    if media.path is None:
        return content
    return await asyncio.to_thread(_filled, content, media.path)


def _filled(content: Content, path: str) -> Content:
    try:
        with open_media(Path(path)) as container:
            tags = {name.lower(): value for name, value in container.metadata.items()}
            for stream in container.streams.audio:  # Ogg keeps its tags with the stream
                tags |= {name.lower(): value for name, value in stream.metadata.items()}
            length = length_s(container)
    except (av.FFmpegError, OSError):
        return content
    is_file = content.platform is Platform.FILE
    return replace(
        content,
        title=(_text(tags, "title") if is_file else None) or content.title,
        author=content.author or _text(tags, "artist", "author", "performer"),
        published_at=content.published_at or _date(tags),
        duration_s=content.duration_s or length,
    )


def _text(tags: Mapping[str, str], *names: str) -> str | None:
    for name in names:
        value = " ".join(_readable(tags.get(name, "")).split())
        if value:
            return value[:_LONGEST]
    return None


def _readable(tag: str) -> str:
    """A tag as text: one that is not UTF-8 is taken for Windows' cp1252, in which Latin-1 lies, as ID3v1 writes it."""
    raw = tag.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def _date(tags: Mapping[str, str]) -> str | None:
    """A date tag as UTC ISO 8601; a bare year says too little and is left out."""
    value = _text(tags, "date", "creation_time")
    if value is None:
        return None
    try:
        if len(value) == len("2026-01-02"):
            return date.fromisoformat(value).isoformat()
        then = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (then if then.tzinfo else then.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")
