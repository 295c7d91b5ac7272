import os
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.errors import BadRequestError, ForbiddenError, UdibError
from udib.core.speech import MOST_CAPTION_BYTES
from udib.core.types import Media, Platform
from udib.sources.files import FileSource, is_intact, with_captions
from udib.sources.media import digest_of, is_text, join, probe
from udib.sources.tags import read_tags
from udib.transcripts.captions import parse

SOURCE = FileSource()
VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\nHéllo\n"
CAPTIONS = {
    "a.vtt": VTT.encode(),
    "bom.vtt": VTT.encode("utf-8-sig"),
    "utf16.srt": "1\n00:00:01,000 --> 00:00:02,000\nHello\n".encode("utf-16"),
    "utf16-bare.txt": "ALICE: Taxes fell last year.\n".encode("utf-16-le"),
    "utf16-big.txt": "ALICE: Taxes fell last year.\n".encode("utf-16-be"),
    "latin.srt": "1\n00:00:01,000 --> 00:00:02,000\nDéjà vu\n".encode("latin-1"),
    "a.json3": b'{"events": []}',
    "a.ttml": b'<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml"><body/></tt>',
    "comments.ttml": b"<!-- x -->" * 40 + b'<tt xmlns="http://www.w3.org/ns/ttml"><body/></tt>',
    "notes.txt": b"ALICE: Taxes fell last year.\nBOB: They did not.\n",
    "no-suffix": b"[00:00:01] Taxes fell.",
    "misnamed.mp4": VTT.encode(),
    "control-characters.vtt": b"WEBVTT\n\n00:01.000 --> 00:02.000\nTaxes\x00 fell\x0b again\n",
}
REFUSED = {
    "page.html": (b"<!DOCTYPE html><html></html>", "web page"),
    "list.m3u8": (b"#EXTM3U\n#EXTINF:10,\n/etc/passwd\n", "playlist"),
    "list.mp4": (b"ffconcat version 1.0\nfile /etc/passwd\n", "playlist"),
    "paper.pdf": (b"%PDF-1.7\n1 0 obj\n", "PDF"),
    "words.rtf": (b"{\\rtf1 hello}", "RTF"),
    "words.docx": (b"PK\x03\x04" + bytes(500), r"office document .* save the words in it as a \.txt file"),
    "binary.pdf": (b"%PDF-1.7\n\x00\x01\xff", r"PDF document; save the words in it as a \.txt file"),
    "picture.svg": (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "XML"),
    "feed.xml": (b"<?xml version='1.0'?>" + b"<!-- x -->\n" * 40 + b"<rss/>", "XML"),
    "junk.bin": (bytes(range(256)) * 500, "no media file"),
    "cut.mp4": (b"\x00\x00\x00\x18ftypmp42" + bytes(2000), "no media file"),
    "empty.wav": (b"", "is empty"),
}


@pytest.mark.parametrize("name", CAPTIONS)
async def test_captions_are_known_by_their_content(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(CAPTIONS[name])
    content = await SOURCE.describe(str(path))
    media = await SOURCE.fetch(content, tmp_path / "unused", quality=None)
    assert content.duration_s is None
    assert (media.path, media.captions and media.captions.path) == (None, str(path))
    assert content.id == f"file:{media.digest[:32]}"
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.mp3", "a.ogg", "a.wav", "a.m4a", "sound.txt"])
async def test_media_are_known_by_their_content(tmp_path: Path, make_media: Callable[..., Path], name: str) -> None:
    made = tmp_path / name if name != "sound.txt" else tmp_path / "sound.mp3"
    path = make_media(made.with_suffix(".mkv") if name == "a.webm" else made).rename(tmp_path / name)
    (tmp_path / "a.vtt").write_text(VTT, encoding="utf-8")  # beside it, and not asked for
    content = await SOURCE.describe(str(path))
    media = await SOURCE.fetch(content, tmp_path, quality=None)
    assert content.duration_s == pytest.approx(1.0, abs=0.2)
    assert (media.path, media.captions) == (str(path), None)


@pytest.mark.parametrize("name", REFUSED)
async def test_what_holds_no_words_is_refused_with_a_sentence(tmp_path: Path, name: str) -> None:
    body, says = REFUSED[name]
    (tmp_path / name).write_bytes(body)
    with pytest.raises(BadRequestError, match=says):
        await SOURCE.describe(str(tmp_path / name))


async def test_media_without_sound_is_refused(tmp_path: Path, make_media: Callable[..., Path]) -> None:
    path = make_media(tmp_path / "mute.mp4", sound=False, picture=True)
    with pytest.raises(BadRequestError, match="no audio track"):
        await SOURCE.describe(str(path))


async def test_sound_of_no_length_is_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "zero.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
    with pytest.raises(BadRequestError, match="0 seconds"):
        await SOURCE.describe(str(tmp_path / "zero.wav"))


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("missing.mp4", "There is no file"),
        ("youtube.com/watch?v=1", "begins with https://"),
        ("file:///nowhere/at/all.mp4", "There is no file"),
        ("file://other-machine/x.mp4", "another machine"),
        (".", "directory"),
        ("", "empty"),
        ("/dev/null", "no ordinary file"),
        ("nul\0byte", "cannot be read"),
        ("x" * 5000, "cannot be read"),
        ("~nobody-of-that-name/x.mp4", "home directory"),
    ],
)
async def test_an_address_that_is_no_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadRequestError, match=says):
        await SOURCE.describe(address)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read_is_forbidden(tmp_path: Path) -> None:
    path = tmp_path / "secret.vtt"
    path.write_text(VTT, encoding="utf-8")
    path.chmod(0)
    with pytest.raises(ForbiddenError):
        await SOURCE.describe(str(path))


async def test_a_transcript_that_is_too_long_is_refused_with_the_same_words_everywhere(
    tmp_path: Path,
) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(b"words " * (MOST_CAPTION_BYTES // 6 + 1))
    said = "more than 32 MiB, the most for captions and transcripts; split it"
    with pytest.raises(BadRequestError, match=said):
        await SOURCE.describe(str(path))
    with pytest.raises(BadRequestError, match=said):
        parse(path.read_bytes(), path.name)


async def test_a_length_that_cannot_be_is_not_believed(tmp_path: Path, make_media: Callable[..., Path]) -> None:
    path = make_media(tmp_path / "a.mp3")
    data = bytearray(path.read_bytes())
    frames = data.index(b"Info") + 8
    data[frames : frames + 4] = (2**31 - 1).to_bytes(4, "big")
    path.write_bytes(data)
    content = await SOURCE.describe(str(path))
    media = await SOURCE.fetch(content, tmp_path / "unused", quality=None)
    assert (content.duration_s, (await read_tags(content, media)).duration_s) == (None, None)


async def test_the_content_links_to_a_second_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rent_control-debate #1.vtt"
    path.write_text(VTT, encoding="utf-8")
    content = await SOURCE.describe(path.as_uri())
    assert (content.platform, content.title, content.url) == (Platform.FILE, "rent control debate #1", None)
    assert content.link(42.9) == f"{path.as_uri()}#t=42"
    assert content == await SOURCE.describe(str(path))


async def test_a_file_that_changed_in_between_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.vtt"
    path.write_text(VTT, encoding="utf-8")
    content = await SOURCE.describe(str(path))
    path.write_text(VTT + "more", encoding="utf-8")
    with pytest.raises(BadRequestError, match="changed"):
        await SOURCE.fetch(content, tmp_path, quality=None)


async def test_given_captions_are_put_beside_the_media(tmp_path: Path) -> None:
    path = tmp_path / "a.vtt"
    path.write_text(VTT, encoding="utf-8")
    media = await with_captions(Media(path="talk.mp4", digest="0" * 64), str(path))
    assert media.captions is not None
    assert (media.path, media.captions.path) == ("talk.mp4", str(path))
    assert media.digest not in {"", "0" * 64}


async def test_given_captions_that_are_media_are_refused(tmp_path: Path, make_media: Callable[..., Path]) -> None:
    with pytest.raises(BadRequestError, match="no text"):
        await with_captions(Media(), str(make_media(tmp_path / "a.mp3")))
    with pytest.raises(UdibError, match="There is no file"):
        await with_captions(Media(), str(tmp_path / "missing.vtt"))


@pytest.mark.parametrize(
    ("address", "taken"),
    [("talk.mp4", True), ("/a/b.vtt", True), ("file:///a", True), ("https://example.org/", False), ("ftp://x", False)],
)
def test_everything_without_a_scheme_is_a_path(address: str, *, taken: bool) -> None:
    assert SOURCE.accepts(address) is taken


async def test_ping_is_fine() -> None:
    assert (await SOURCE.ping()).ok


def test_two_tracks_are_joined_into_one_file(tmp_path: Path, make_media: Callable[..., Path]) -> None:
    video = make_media(tmp_path / "v.mp4", sound=False, picture=True)
    audio = make_media(tmp_path / "a.m4a")
    join(video, audio, tmp_path / "both.mp4")
    assert probe(tmp_path / "both.mp4") == pytest.approx(1.0, abs=0.2)
    with pytest.raises(BadRequestError, match="cannot be joined"):
        join(audio, audio, tmp_path / "none.mp4")


# What text files hold: everything but control characters.
words = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), min_size=1)


@given(words, st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_text_is_text_in_every_usual_code(text: str, code: str) -> None:
    assert is_text(text.encode(code))


@given(st.binary(min_size=1))
def test_bytes_with_zeros_and_other_controls_are_no_text(body: bytes) -> None:
    assert not is_text(b"\x01\x00\x02\x03" + body.replace(b"\xff\xfe", b"") + bytes([0, 1, 2]) + b"\x07")


async def test_media_that_were_altered_or_removed_by_hand_are_not_intact(tmp_path: Path) -> None:
    path = tmp_path / "sound.ogg"
    path.write_bytes(b"sound")
    media = Media(path=str(path), digest=digest_of(path))
    assert await is_intact(media)
    path.write_bytes(b"other")
    assert not await is_intact(media)
    path.unlink()
    assert not await is_intact(media)
