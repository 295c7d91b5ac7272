"""The recogniser: what comes out, and that no child process stays."""

import asyncio
import os
import signal
import sys
import wave
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from udib.core.errors import BadRequestError, UnavailableError
from udib.core.speech import Origin
from udib.core.types import Media, Window
from udib.transcripts.sphinx import SphinxTranscriber, sentences
from udib.transcripts.sphinx_messages import Heard

PROC = Path("/proc")
needs_proc = pytest.mark.skipif(not PROC.is_dir(), reason="child processes are counted in /proc")


def children(of: int | None = None) -> set[int]:
    parent = of or os.getpid()
    found = set()
    for status in PROC.glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent:
            found.add(int(status.parent.name))
    return found


async def begun(media: Media, before: set[int], *, at_least: int = 1) -> tuple["asyncio.Task[list[Window]]", set[int]]:
    """The recognition of a media, and the child processes that it has started."""
    task = asyncio.create_task(heard(media))
    async with asyncio.timeout(30):
        while len(born := children() - before) < at_least:
            await asyncio.sleep(0.02)
    return task, born


def write(path: Path, samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> Media:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return Media(path=str(path))


async def heard(media: Media, processes: int = 2) -> list[Window]:
    async with aclosing(SphinxTranscriber(processes).windows(media)) as windows:  # type: ignore[type-var]
        return [window async for window in windows]


def test_segments_end_at_pauses() -> None:
    said = [("free", 0, 0.4), ("buses", 0.5, 1), ("who", 1.6, 2), ("pays", 2.59, 3)]
    first, second = sentences([Heard(*word) for word in said], 10.0)
    assert (first.start_s, first.end_s, first.text) == (10.0, 11.0, "free buses")
    assert [(word.text, word.start_s) for word in second.words] == [("who", 11.6), ("pays", 12.59)]


@pytest.mark.parametrize("kind", ["silence", "tone", "nothing"])
async def test_a_recording_without_speech_is_refused(tmp_path: Path, kind: str) -> None:
    time_s = np.arange(0 if kind == "nothing" else 48_000) / 16_000
    samples = np.sin(time_s * 2765) * (9000 if kind == "tone" else 0)
    media = write(tmp_path / "a.wav", samples.astype(np.int16))
    with pytest.raises(
        BadRequestError, match="0 seconds of sound" if kind == "nothing" else r"No speech was found in a\.wav"
    ):
        await heard(media)


async def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"not sound")
    with pytest.raises(BadRequestError, match=r"a\.mp3 cannot be read as a recording"):
        await heard(Media(path=str(path)))
    with pytest.raises(BadRequestError, match="no recording"):
        await heard(Media())


@pytest.mark.parametrize("language", ["de", "ger", "zh-Hans"])
async def test_another_language_than_english_is_refused(tmp_path: Path, language: str) -> None:
    media = write(tmp_path / "a.wav", np.zeros(16_000, dtype=np.int16))
    with pytest.raises(
        BadRequestError, match=rf"knows English only, and the language of a\.wav is given as '{language}'"
    ):
        await heard(replace(media, language=language))


async def test_the_language_that_the_file_itself_names_counts_too(tmp_path: Path) -> None:
    path = tmp_path / "a.mka"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.metadata["language"] = "ger"
        frame = AudioFrame.from_ndarray(np.zeros((1, 16_000), dtype=np.int16), format="s16", layout="mono")
        frame.sample_rate = 16_000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(BadRequestError, match="given as 'ger'"):
        await heard(Media(path=str(path)))


@pytest.mark.parametrize("language", ["en", "en-GB", "eng", None])
async def test_english_is_listened_to(tmp_path: Path, language: str | None) -> None:
    media = write(tmp_path / "a.wav", np.zeros(16_000, dtype=np.int16))
    with pytest.raises(BadRequestError, match="No speech"):
        await heard(replace(media, language=language))


async def test_the_transcript_tells_of_lost_sound(eval_data: Path, tmp_path: Path) -> None:
    media = spoken(eval_data / "speech", tmp_path / "a.wav", repeats=2)
    path = tmp_path / "a.wav"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    *_, last = await heard(media)
    assert [gap.part for gap in last.missing] == ["sound"]
    assert "announces" in last.missing[0].reason


PARENT = """
import asyncio, sys
from udib.core.types import Media
from udib.transcripts.sphinx import SphinxTranscriber

async def main():
    async for _ in SphinxTranscriber(1).windows(Media(path=sys.argv[1])):
        pass

asyncio.run(main())
"""


@needs_proc
async def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Silence of hours: the cutter says nothing for long and would only notice a closed pipe when it does."""
    path, size = tmp_path / "a.wav", 3 * 3600 * 32_000
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    path.write_bytes(path.read_bytes()[:40] + size.to_bytes(4, "little"))
    os.truncate(path, 44 + size)  # a file with a hole: it takes no room
    media = Media(path=str(path))
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, str(media.path))
    async with asyncio.timeout(30):
        while not (born := children(parent.pid)):
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
        parent.kill()
        await parent.wait()
        while any((PROC / str(pid) / "exe").exists() for pid in born):  # a zombie has none
            await asyncio.sleep(0.02)


@needs_proc
async def test_a_part_that_needs_too_much_of_the_processor_is_a_bad_request(eval_data: Path, tmp_path: Path) -> None:
    media = spoken(eval_data / "speech", tmp_path / "a.wav", repeats=30)
    before = children()
    task, born = await begun(media, before)
    for child in born:
        os.kill(child, signal.SIGXCPU)  # as the system does at the limit
    with pytest.raises(BadRequestError, match="more processor time"):
        await task


async def test_the_adapter_says_how_it_is() -> None:
    health = await SphinxTranscriber().ping()
    assert health.ok


def test_media_with_a_file_are_accepted_and_recognised() -> None:
    transcriber = SphinxTranscriber()
    assert transcriber.accepts(Media(path="a.mp4"))
    assert not transcriber.accepts(Media())
    assert transcriber.origin(Media()) is Origin.ASR
    assert transcriber.timed(Media())


async def test_a_president_is_understood_in_part(eval_data: Path, tmp_path: Path) -> None:
    with wave.open(str(eval_data / "speech" / "jfk.wav"), "rb") as file:
        ending = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)[-48_000:]
    windows = await heard(write(tmp_path / "a.wav", ending))
    words = [word for window in windows for segment in window.segments for word in segment.words]
    assert {"country", "do"} <= {word.text for word in words}
    assert all(not set(word.text) & set("<>[]()") for word in words)
    times = [(word.start_s, word.end_s) for word in words]
    assert times == sorted(times)
    assert windows[-1].total_s == pytest.approx(3.0, abs=0.1)
    assert times[-1][1] <= 3.0


def spoken(folder: Path, path: Path, repeats: int = 1) -> Media:
    """A short sentence, over and over, with pauses of 1.5 s."""
    with wave.open(str(folder / "austen-0930.wav"), "rb") as file:
        sentence = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
    return write(path, np.concatenate([sentence, np.zeros(24_000, dtype=np.int16)] * repeats))


def words(windows: Iterable[Window]) -> list[tuple[str, float]]:
    return [(word.text, word.start_s) for window in windows for segment in window.segments for word in segment.words]


async def test_windows_come_in_order_of_time_and_do_not_depend_on_who_recognised_them(
    eval_data: Path, tmp_path: Path
) -> None:
    media = spoken(eval_data / "speech", tmp_path / "a.wav", repeats=2)
    one, two = await heard(media, 1), await heard(media, 2)
    assert words(one) == words(two)
    assert len(one) == 2
    assert [window.done_s for window in one] == sorted(window.done_s for window in one)


@needs_proc
async def test_closing_the_iterator_ends_all_children(eval_data: Path, tmp_path: Path) -> None:
    media = spoken(eval_data / "speech", tmp_path / "a.wav", repeats=30)
    before = children()
    async with aclosing(SphinxTranscriber(2).windows(media)) as windows:  # type: ignore[type-var]
        await anext(windows)
        born = children() - before
        assert len(born) == 3
        for child in born:
            os.kill(child, signal.SIGINT)  # Ctrl-C is the parent's business
        assert (await anext(windows)).segments
    assert children() == before


@needs_proc
async def test_cancelling_ends_all_children(eval_data: Path, tmp_path: Path) -> None:
    media = spoken(eval_data / "speech", tmp_path / "a.wav", repeats=30)
    before = children()
    task, _ = await begun(media, before, at_least=2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert children() == before


@needs_proc
async def test_a_child_that_dies_makes_the_transcript_unavailable(eval_data: Path, tmp_path: Path) -> None:
    media = spoken(eval_data / "speech", tmp_path / "a.wav", repeats=30)
    before = children()
    task, born = await begun(media, before)
    for child in born:
        os.kill(child, signal.SIGKILL)
    with pytest.raises(UnavailableError, match="stopped with exit code -9"):
        await task
    assert children() == before


async def test_a_child_that_is_silent_for_too_long_is_given_up(tmp_path: Path) -> None:
    media = write(tmp_path / "a.wav", np.zeros(16_000, dtype=np.int16))
    with pytest.raises(UnavailableError, match="no answer in 0.001 s"):
        await anext(SphinxTranscriber(timeout_s=0.001).windows(media))
