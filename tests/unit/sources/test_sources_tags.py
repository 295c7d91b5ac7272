from pathlib import Path

import av
import pytest

from udib.core.types import Content, ContentId, Media, Platform
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


@pytest.mark.parametrize("data", [b"", b"no media"])
async def test_a_file_that_cannot_be_read_adds_nothing(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.mka"
    path.write_bytes(data)
    assert await read_tags(LOCAL, Media(path=str(path))) == LOCAL
    assert await read_tags(LOCAL, Media()) == LOCAL
