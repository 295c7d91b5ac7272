"""What a file holds: sound, captions, or neither. Content decides, not the name."""

import codecs
import hashlib
import re
from pathlib import Path

import av
import av.error
from av.container import InputContainer

from udib.core.errors import BadRequestError, ForbiddenError
from udib.core.speech import check_caption_size

_HEAD_BYTES = 65_536
_CHUNK_BYTES = 2**20
_TAG_ERRORS = "surrogateescape"
_MICROSECONDS = 1_000_000
_LONGEST_S = 100 * 3600.0
"""The longest streams last for days, not weeks; a header may be damaged or forged."""

# Only these containers are opened. Without the list a file that is in truth a playlist could make the decoder open
# other files or addresses.
CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,avi,caf,"  # codespell:ignore caf
    "dts,eac3,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,ogg,tta,w64,wav,wv"
)
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")
_WEBVTT = re.compile(rb"WEBVTT(?:\s|\Z)")  # its signature tells, whatever characters follow
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_DOCUMENTS = {
    b"PK\x03\x04": "an office document or another archive (docx, odt, epub, zip)",
    b"\xd0\xcf\x11\xe0": "an office document of the old kind (doc)",
    b"%PDF-": "a PDF document",
    b"{\\rtf": "an RTF document",
}
# Texts that are surely no words of a speaker. Nothing is tried twice (`*+`): the file is a stranger's.
_OTHER_TEXT = {
    re.compile(r"\A\s*+<(?:!doctype html|html)", re.IGNORECASE): "a web page",
    re.compile(r"\A\s*+(?:#EXTM3U|ffconcat version)"): "a playlist",
    re.compile(
        r"\A\s*+(?:<\?xml[^>]*+>)?(?:\s++|<!--.*?-->)*+<(?:svg|rss|feed)\b", re.IGNORECASE | re.DOTALL
    ): "an XML document",
}


def check_file(path: Path) -> None:
    """Make sure that a path is a file with something in it that may be read.

    Raises:
        BadRequestError: It is missing, a directory, something else than a file, or empty.
        ForbiddenError: It may not be read.
    """
    try:
        found = path.stat()
        if path.is_dir():
            raise BadRequestError(f"{path} is a directory; give one file.")
        if not path.is_file():
            raise BadRequestError(f"{path} is no ordinary file; give a recording or a transcript.")
        if found.st_size == 0:
            raise BadRequestError(f"{path} is empty; give a recording or a transcript.")
        with path.open("rb"):
            pass
    except PermissionError as exc:
        raise ForbiddenError(f"{path} may not be read; give yourself the right to read it.") from exc
    except FileNotFoundError as exc:
        raise BadRequestError(f"There is no file {path}; check the path (a web address begins with https://).") from exc
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise BadRequestError(f"{str(path)!r} cannot be read as a file: {reason}.") from exc


def is_text(head: bytes) -> bool:
    """Whether the first bytes of a file are text, in UTF-8, UTF-16 or an 8-bit code."""
    if any(head.startswith(bom) for bom in _BOMS) or _WEBVTT.match(head):
        return True
    half = len(head) // 2
    if half > 1 and (head[1::2].count(0) > 0.4 * half or head[::2].count(0) > 0.4 * half):
        code = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        decoded = head[: half * 2].decode(code, errors="replace")
        return not any(ord(char) in _CONTROL or char == "\ufffd" for char in decoded[:-1])
    return _CONTROL.isdisjoint(head)


def is_captions(path: Path, name: str | None = None) -> bool:
    """Whether a file that passed `check_file` holds captions or a transcript; False: it may hold media.

    Args:
        path: The file.
        name: What sentences call it; None: its path.

    Raises:
        BadRequestError: It is a document of another program, text that is surely not somebody's words, or too long.
    """
    name = name or str(path)
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    for signature, what in _DOCUMENTS.items():
        if head.startswith(signature):
            raise BadRequestError(f"{name} is {what}; save the words in it as a .txt file and give that.")
    if not is_text(head):
        return False
    text = _decoded(head)
    for pattern, what in _OTHER_TEXT.items():
        if pattern.match(text):
            raise BadRequestError(f"{name} is {what}; give a recording, captions or a transcript.")
    check_caption_size(name, path.stat().st_size)
    return True


def open_media(path: Path) -> InputContainer:
    """A media file, opened for reading. Bytes of its tags that are not UTF-8 are surrogates, as in file names.

    Raises:
        av.error.FFmpegError: It is none.
    """
    return av.open(str(path), options={"format_whitelist": CONTAINERS}, metadata_errors=_TAG_ERRORS)


def length_s(container: InputContainer) -> float | None:
    """What the header says of the length, in seconds; None where it says nothing, or what cannot be."""
    seconds = round((container.duration or 0) / _MICROSECONDS, 3)
    return seconds if 0 < seconds <= _LONGEST_S else None


def probe(path: Path, name: str | None = None) -> float | None:
    """Open a media file and decode its first sound.

    Args:
        path: The file.
        name: What sentences call it; None: its path.

    Returns:
        Its length in seconds; None where the container does not tell.

    Raises:
        BadRequestError: It is no media, has no audio track, or not one sample of sound.
    """
    name = name or str(path)
    try:
        with open_media(path) as container:
            if not container.streams.audio:
                raise BadRequestError(f"{name} has no audio track, so there is nothing to hear.")
            if next(container.decode(container.streams.audio[0]), None) is None:
                raise BadRequestError(f"{name} holds no sound: its audio track is 0 seconds long.")
            return length_s(container)
    except av.error.FFmpegError as exc:
        raise BadRequestError(f"{name} is no media file that can be decoded, or it is damaged.") from exc


def join(video: Path, audio: Path, goal: Path) -> None:
    """Write the first video track of one file and the first audio track of another into one, without coding anew.

    Raises:
        BadRequestError: A file cannot be read, or a track does not fit into the container that `goal` names.
    """
    try:
        with (
            open_media(video) as pictures,
            open_media(audio) as sounds,
            av.open(str(goal), "w", metadata_errors=_TAG_ERRORS) as joined,
        ):
            tracks = [pictures.streams.video[0], sounds.streams.audio[0]]
            copies = [joined.add_stream_from_template(track) for track in tracks]
            for container, track, copy in zip([pictures, sounds], tracks, copies, strict=True):
                for packet in container.demux(track):
                    if packet.dts is not None:
                        packet.stream = copy
                        joined.mux(packet)
    except (av.error.FFmpegError, IndexError) as exc:
        raise BadRequestError("The video and audio tracks of this item cannot be joined; leave --quality out.") from exc


def digest_of(path: Path) -> str:
    """The sha256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _decoded(head: bytes) -> str:
    encoding = next((code for bom, code in _BOMS.items() if head.startswith(bom)), "utf-8")
    return head.decode(encoding, errors="replace").lstrip("\ufeff")
