"""The caption transcriber reads files and remembers what kind they were."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from udib.core.errors import BadRequestError, UnavailableError
from udib.core.speech import Origin
from udib.core.types import CaptionTrack, Media
from udib.transcripts.captions import CaptionTranscriber

SRT = "1\n00:00:00,500 --> 00:00:02,000\nCafé for all\n"
ROLLING = "WEBVTT\n\n00:01.000 --> 00:02.000\n \na<00:01.500> b\n\n00:02.000 --> 00:03.000\na b\nc<00:02.500> d\n"


def media(path: Path, text: str, *, encoding: str = "utf-8", automatic: bool = False) -> Media:
    path.write_text(text, encoding=encoding)
    return Media(captions=CaptionTrack(str(path), automatic=automatic))


@pytest.mark.parametrize(
    ("name", "text", "automatic", "origin", "timed"),
    [
        ("a.srt", SRT, False, Origin.CAPTIONS, True),
        ("a.srt", SRT, True, Origin.AUTOMATIC_CAPTIONS, True),
        ("a.vtt", ROLLING, False, Origin.AUTOMATIC_CAPTIONS, True),
        ("a.txt", "MAYA: Hi.\nTOM: Yes.", False, Origin.TRANSCRIPT, False),
    ],
)
async def test_origin_and_times_are_known_before_and_after_reading(
    tmp_path: Path, name: str, text: str, automatic: bool, origin: Origin, timed: bool
) -> None:
    captions = media(tmp_path / name, text, automatic=automatic)
    unread, transcriber = CaptionTranscriber(), CaptionTranscriber()
    [window] = [window async for window in transcriber.windows(captions)]
    assert window.done_s == window.total_s == window.segments[-1].end_s
    for each in (unread, transcriber):
        assert (each.origin(captions), each.timed(captions)) == (origin, timed)


async def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    transcriber = CaptionTranscriber()
    captions = media(tmp_path / "a", SRT)
    [_] = [window async for window in transcriber.windows(captions)]
    media(tmp_path / "a", "Only words.")
    [_] = [window async for window in transcriber.windows(captions)]
    assert not transcriber.timed(captions)


async def test_a_guessed_encoding_is_logged_without_the_words(tmp_path: Path) -> None:
    captions = media(tmp_path / "a.srt", SRT, encoding="latin-1")
    with capture_logs() as logs:
        [window] = [window async for window in CaptionTranscriber().windows(captions)]
    assert window.segments[0].text == "Café for all"
    assert logs == [
        {"event": "captions.encoding", "log_level": "info", "file": "a.srt", "encoding": "cp1252", "replaced": 0}
    ]


async def test_a_missing_file_is_the_callers_mistake(tmp_path: Path) -> None:
    for path in (tmp_path / "none.vtt", tmp_path):
        with pytest.raises(BadRequestError, match="no caption file"):
            await anext(CaptionTranscriber().windows(Media(captions=CaptionTrack(str(path)))))


async def test_a_file_that_cannot_be_read_may_be_readable_later(tmp_path: Path) -> None:
    path = tmp_path / "loop.vtt"
    path.symlink_to(path)
    with pytest.raises(UnavailableError, match="cannot be read"):
        await anext(CaptionTranscriber().windows(Media(captions=CaptionTrack(str(path)))))


def test_only_media_with_captions_are_accepted() -> None:
    assert CaptionTranscriber().accepts(Media(captions=CaptionTrack("a.vtt")))
    assert not CaptionTranscriber().accepts(Media(path="a.mp4"))
    with pytest.raises(BadRequestError):
        CaptionTranscriber().timed(Media(path="a.mp4"))
