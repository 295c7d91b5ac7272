"""Files of this machine: recordings, captions, transcripts."""

import asyncio
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from udib.core.errors import BadRequestError
from udib.core.types import CaptionTrack, Content, ContentId, Health, Media, Platform
from udib.sources.media import check_file, digest_of, is_captions, probe
from udib.sources.paths import absolute


class FileSource:
    """Takes a path or a file:// address. What the file is, its bytes say; a caption file beside it is never taken."""

    def accepts(self, address: str) -> bool:
        """Whether the address is a file's: anything without a scheme, which is then looked for."""
        scheme, found, _ = address.partition("://")
        return not found or scheme.lower() == "file" or Path(address).exists()

    async def describe(self, address: str) -> Content:
        """Title from the file's name, id from its bytes, duration from its container.

        Raises:
            BadRequestError: There is no such file, or it holds neither sound nor words.
            ForbiddenError: It may not be read.
        """
        return await asyncio.to_thread(_describe, _path(address))

    async def fetch(self, content: Content, folder: Path, *, quality: str | None) -> Media:  # noqa: ARG002 - the port's
        """The file where it lies; nothing is copied and `quality` has no meaning.

        Raises:
            BadRequestError: The file changed or went away since it was described.
            ForbiddenError: It may not be read any more.
        """
        return await asyncio.to_thread(_fetch, _path(content.address), content.id)

    async def ping(self) -> Health:
        """Files are always there."""
        return Health("local files", ok=True, detail="recordings, captions and transcripts on this machine")


async def with_captions(media: Media, path: str) -> Media:
    """Put a caption or transcript file of the user's beside media; the words are taken from it.

    Raises:
        BadRequestError: The file is missing, empty, too long, or no text.
        ForbiddenError: It may not be read.
    """
    return await asyncio.to_thread(_with_captions, media, _path(path))


async def is_intact(media: Media) -> bool:
    """Whether the files of a media are where they were, and the one with the words has the same bytes."""
    return await asyncio.to_thread(_is_intact, media)


def _is_intact(media: Media) -> bool:
    words = media.captions.path if media.captions else media.path
    try:
        return (media.path is None or Path(media.path).is_file()) and (
            words is None or digest_of(Path(words)) == media.digest
        )
    except OSError:
        return False


def _with_captions(media: Media, path: Path) -> Media:
    check_file(path)
    if not is_captions(path):
        raise BadRequestError(f"{path} is no text; give captions (VTT, SRT, TTML, json3) or a transcript.")
    reason = "captions given by the user"
    return replace(media, captions=CaptionTrack(str(path)), digest=digest_of(path), reason=reason)


def _path(address: str) -> Path:
    if not address.strip():
        raise BadRequestError("The address is empty; give a path or an https:// address.")
    if address[:7].lower() != "file://":
        return absolute(address)
    parts = urlsplit(address)
    if parts.netloc not in {"", "localhost"}:
        raise BadRequestError(f"{address} names another machine; give a file of this one, as file:///path.")
    return absolute(url2pathname(parts.path))


def _describe(path: Path) -> Content:
    check_file(path)
    captions = is_captions(path)
    duration_s = None if captions else probe(path)
    return Content(
        id=_content_id(digest_of(path)),
        platform=Platform.FILE,
        address=path.as_uri(),
        title=" ".join(path.stem.replace("_", " ").replace("-", " ").split()) or path.name,
        duration_s=duration_s,
    )


def _fetch(path: Path, content_id: ContentId) -> Media:
    check_file(path)
    captions = is_captions(path)
    digest = digest_of(path)
    if _content_id(digest) != content_id:
        raise BadRequestError(f"{path} was changed while it was read; try again when it is finished.")
    if captions:
        return Media(captions=CaptionTrack(str(path)), digest=digest, reason="the file holds captions or a transcript")
    return Media(path=str(path), digest=digest, reason="the file holds sound and no captions were given")


def _content_id(digest: str) -> ContentId:
    return ContentId(f"{Platform.FILE}:{digest[:32]}")
