"""What every `Transcriber` keeps, whatever it reads."""

from collections.abc import Callable
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import pytest

from udib.core.errors import BadRequestError
from udib.core.ports import Transcriber
from udib.core.speech import Segment
from udib.core.types import CaptionTrack, Media
from udib.testing.fakes import FakeTranscriber
from udib.transcripts.captions import CaptionTranscriber
from udib.transcripts.sphinx import SphinxTranscriber

Case = tuple[Transcriber, Callable[[Path], Media]]

VTT = "WEBVTT\n\n" + "\n".join(f"00:0{n}.000 --> 00:0{n + 1}.000\n<v Maya>Buses cost {n}\n" for n in range(9))


def _captions(path: Path) -> Media:
    return Media(captions=CaptionTrack(str(path)))


def _sound(path: Path) -> Media:
    return Media(path=str(path))


@pytest.fixture(params=["captions", "pocketsphinx", "fake"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    if request.param == "fake":
        said = [Segment(float(n), n + 1.0, f"Buses cost {n}", "Maya") for n in range(9)]
        return FakeTranscriber(said, unreadable=frozenset({str(tmp_path / "bad.bin")})), _sound
    return (CaptionTranscriber(), _captions) if request.param == "captions" else (SphinxTranscriber(1), _sound)


@pytest.fixture
def good(request: pytest.FixtureRequest, case: Case, tmp_path: Path) -> Media:
    """Something that the transcriber can read."""
    transcriber, media = case
    if transcriber.engine == "fake":
        return media(tmp_path / "a.wav")
    if transcriber.engine != "captions":
        folder: Path = request.getfixturevalue("eval_data")
        return media(folder / "speech" / "austen-0870.wav")
    path = tmp_path / "a.vtt"
    path.write_text(VTT)
    return media(path)


async def test_it_is_well(case: Case) -> None:
    health = await case[0].ping()
    assert health.ok
    assert health.name


async def test_segments_come_in_order_with_words_inside_them(case: Case, good: Media) -> None:
    transcriber, _ = case
    assert transcriber.accepts(good)
    async with aclosing(transcriber.windows(good)) as windows:  # type: ignore[type-var]
        found = [window async for window in windows]
    segments = [segment for window in found for segment in window.segments]
    assert segments
    assert all(a.start_s <= b.start_s for a, b in pairwise(segments))
    for segment in segments:
        assert 0 <= segment.start_s <= segment.end_s
        assert segment.text == " ".join(segment.text.split()) != ""
        if segment.words:
            assert " ".join(word.text for word in segment.words) == segment.text
            assert segment.start_s <= segment.words[0].start_s
            assert segment.words[-1].end_s <= segment.end_s
    sure = [word.confidence for segment in segments for word in segment.words if word.confidence is not None]
    assert all(0 <= confidence <= 1 for confidence in sure)
    assert bool(sure) is (transcriber.engine == "pocketsphinx")
    assert all(a.done_s <= b.done_s for a, b in pairwise(found))
    assert transcriber.timed(good)
    assert transcriber.origin(good)


async def test_what_follows_a_window_is_the_same_as_before(case: Case, good: Media) -> None:
    transcriber, _ = case
    found = [window async for window in transcriber.windows(good)]
    for number in {0, len(found) // 2, len(found) - 1}:
        rest = [window async for window in transcriber.windows(good, after_s=found[number].done_s)]
        assert rest == found[number + 1 :]


async def test_closing_early_is_harmless(case: Case, good: Media) -> None:
    async with aclosing(case[0].windows(good)) as windows:  # type: ignore[type-var]
        assert (await anext(windows)).done_s > 0
    unstarted = case[0].windows(good)
    await unstarted.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("content", [None, b"", b"\x00\x01\x02" * 500])
async def test_what_cannot_be_read_is_the_callers_mistake(case: Case, tmp_path: Path, content: bytes | None) -> None:
    transcriber, media = case
    path = tmp_path / "bad.bin"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadRequestError, match=r"bad\.bin"):
        async with aclosing(transcriber.windows(media(path))) as windows:  # type: ignore[type-var]
            [_ async for _ in windows]


async def test_media_of_another_kind_are_not_accepted(case: Case) -> None:
    assert not case[0].accepts(Media())
