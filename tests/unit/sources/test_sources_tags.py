from collections.abc import Callable
from pathlib import Path

import av
import pytest

from udib.core.types import Content, ContentId, Media, Platform
from udib.sources.files import FileSource
from udib.sources.media import join, probe
from udib.sources.tags import read_tags

LOCAL = Content(ContentId("file:1"), Platform.FILE, "file:///talk.mka", "talk")


def recording(path: Path, tags: dict[str, str]) -> Path:
    with av.open(str(path), "w") as out:
        out.metadata.update(tags)
        stream = out.add_stream("pcm_s16le", rate=16000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=16000)
        frame.sample_rate = 16000
        frame.planes[0].update(bytes(32000))
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    return path


async def test_a_files_own_tags_fill_the_gaps(tmp_path: Path) -> None:
    tags = {"title": "The  debate", "artist": "City Radio", "date": "2024-05-06"}
    found = await read_tags(LOCAL, Media(path=str(recording(tmp_path / "a.mka", tags))))
    assert (found.title, found.author, found.published_at) == ("The debate", "City Radio", "2024-05-06")
    assert found.duration_s == pytest.approx(1.0, abs=0.1)


async def test_what_a_platform_gave_is_kept(tmp_path: Path) -> None:
    given = Content(ContentId("web:1"), Platform.WEB, "https://a.example", "Its title", author="Its author")
    found = await read_tags(given, Media(path=str(recording(tmp_path / "a.mka", {"title": "x", "artist": "y"}))))
    assert (found.title, found.author) == ("Its title", "Its author")


@pytest.mark.parametrize("date", ["2024", "soon", "0000-00-00", ""])
async def test_a_date_that_says_too_little_is_left_out(tmp_path: Path, date: str) -> None:
    found = await read_tags(LOCAL, Media(path=str(recording(tmp_path / "a.mka", {"date": date}))))
    assert found.published_at is None


def latin_mp3(path: Path, make_media: Callable[..., Path]) -> Path:
    """With an ID3v1 tag, which has no code but that of the machine that wrote it."""
    tag = b"TAG" + b"D\xe9bat \x96 fin".ljust(30, b"\0") + b"Ren\xe9e".ljust(30, b"\0") + bytes(65)
    sound = make_media(path).read_bytes()
    path.write_bytes(sound[sound.index(b"\xff\xf3") :] + tag)  # without the ID3v2 tag at the beginning
    return path


def latin_wav(path: Path, make_media: Callable[..., Path]) -> Path:
    """With an INFO list, in Latin-1."""
    fields = b"INAM\6\0\0\0D\xe9bat\0IART\6\0\0\0Ren\xe9e\0"
    info = b"LIST" + (len(fields) + 4).to_bytes(4, "little") + b"INFO" + fields
    data = make_media(path).read_bytes() + info
    path.write_bytes(data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:])
    return path


@pytest.mark.parametrize(
    ("name", "write", "title"), [("a.mp3", latin_mp3, "D\xe9bat \u2013 fin"), ("a.wav", latin_wav, "D\xe9bat")]
)
async def test_tags_that_are_not_utf8_are_read_as_windows_writes_them(
    tmp_path: Path, make_media: Callable[..., Path], name: str, write: Callable[..., Path], title: str
) -> None:
    path = write(tmp_path / name, make_media)
    content = await FileSource().describe(str(path))  # looks into the file as well
    found = await read_tags(content, Media(path=str(path)))
    assert (found.title, found.author) == (title, "Ren\xe9e")


def test_tracks_with_tags_that_are_not_utf8_can_be_joined(tmp_path: Path, make_media: Callable[..., Path]) -> None:
    video = make_media(tmp_path / "v.mp4", sound=False, picture=True)
    join(video, latin_mp3(tmp_path / "a.mp3", make_media), tmp_path / "joined.mkv")
    assert probe(tmp_path / "joined.mkv") is not None


@pytest.mark.parametrize("data", [b"", b"no media"])
async def test_a_file_that_cannot_be_read_adds_nothing(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mka"
    path.write_bytes(data)
    assert await read_tags(LOCAL, Media(path=str(path))) == LOCAL
    assert await read_tags(LOCAL, Media()) == LOCAL
