"""Decoding, and cutting at pauses."""

import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from udib.core.errors import BadRequestError
from udib.transcripts.audio import SAMPLE_RATE, Samples, opened
from udib.transcripts.sphinx_messages import Heard, Stretch
from udib.transcripts.sphinx_worker import Cutter, spoken


def tone(seconds: float, rate: int = SAMPLE_RATE) -> Samples:
    return (np.sin(np.arange(round(seconds * rate)) / rate * 440 * 2 * np.pi) * 9000).astype(np.int16)


def noise(seconds: float, rate: int = SAMPLE_RATE) -> Samples:
    """What no codec can make small: damage in the file is then in proportion to damage in the sound."""
    return np.random.default_rng(7).integers(-9000, 9000, round(seconds * rate), dtype=np.int16)


def write(
    path: Path, samples: Samples, *, rate: int = SAMPLE_RATE, codec: str = "pcm_s16le", late_s: float = 0
) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, AudioStream)
        for begin in range(0, len(samples), rate):
            frame = AudioFrame.from_ndarray(samples[None, begin : begin + rate], format="s16", layout="mono")
            frame.sample_rate = rate
            frame.pts = begin + (round(late_s * rate) if begin >= rate else 0)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decoded(path: Path) -> tuple[Samples, float | None]:
    with opened(path) as sound:
        samples = np.concatenate([np.zeros(0, dtype=np.int16), *sound.pieces()])
        assert sound.decoded_s == len(samples) / SAMPLE_RATE
        return samples, sound.duration_s


@pytest.mark.parametrize(
    ("name", "codec", "rate"), [("a.wav", "pcm_s16le", 44_100), ("a.flac", "flac", 8000), ("a.ogg", "libopus", 48_000)]
)
def test_any_format_comes_as_16_khz_mono(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    samples, duration_s = decoded(write(tmp_path / name, tone(2.5, rate), rate=rate, codec=codec))
    assert len(samples) == pytest.approx(2.5 * SAMPLE_RATE, rel=0.02)
    assert duration_s == pytest.approx(2.5, rel=0.02)
    assert np.abs(samples[SAMPLE_RATE : 2 * SAMPLE_RATE]).max() > 5000


def test_a_gap_in_the_recording_becomes_silence(tmp_path: Path) -> None:
    samples, _ = decoded(write(tmp_path / "a.mkv", tone(2.0), late_s=3.0))
    assert len(samples) == pytest.approx(5 * SAMPLE_RATE, rel=0.02)
    assert not samples[2 * SAMPLE_RATE : 3 * SAMPLE_RATE].any()
    assert samples[round(4.5 * SAMPLE_RATE) :].any()


def test_a_damaged_file_gives_what_can_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(5.0), codec="flac")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    path.write_bytes(data)
    samples, _ = decoded(path)
    assert len(samples) > SAMPLE_RATE


def losses(path: Path) -> list[str]:
    with opened(path) as sound:
        for _ in sound.pieces():
            pass
        return sound.losses()


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wav", "pcm_s16le", SAMPLE_RATE),
        ("a.flac", "flac", SAMPLE_RATE),
        ("a.ogg", "libopus", 48_000),
        ("a.mp3", "mp3", SAMPLE_RATE),
        ("a.m4a", "aac", SAMPLE_RATE),
        ("a.webm", "libopus", 48_000),
    ],
)
def test_nothing_is_lost_of_a_whole_file(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    assert losses(write(tmp_path / name, noise(8.0, rate), rate=rate, codec=codec)) == []


@pytest.mark.parametrize(
    ("name", "codec", "says"),
    [
        ("a.flac", "flac", r"[12]\.\d s of the recording are missing"),
        ("a.ogg", "libopus", r"[12]\.\d s of the recording are missing"),
        ("a.m4a", "aac", r"[12]\.\d s of the recording are missing"),
        ("a.mp3", "mp3", r"announces 8\.\d s of sound, but only 6\.\d s are there"),
        ("a.aac", "aac", r"damaged pieces of the file were left out \(\d+\)"),
    ],
)
def test_sound_lost_in_the_middle_is_counted(tmp_path: Path, name: str, codec: str, says: str) -> None:
    rate = 48_000 if codec == "libopus" else SAMPLE_RATE
    path = write(tmp_path / name, noise(8.0, rate), rate=rate, codec=codec)
    data = bytearray(path.read_bytes())
    begin, end = len(data) * 40 // 100, len(data) * 60 // 100
    data[begin:end] = bytes(end - begin)
    path.write_bytes(data)
    [loss] = losses(path)
    assert re.search(says, loss)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.mp3", "mp3"), ("a.webm", "libopus")]
)
def test_a_file_cut_off_at_its_end_is_told_from_its_header(tmp_path: Path, name: str, codec: str) -> None:
    rate = 48_000 if codec == "libopus" else SAMPLE_RATE
    path = write(tmp_path / name, noise(8.0, rate), rate=rate, codec=codec)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    [loss] = losses(path)
    assert re.match(r"the file announces 8\.\d s of sound, but only [34]\.\d s are there", loss)


def wav(path: Path, body: bytes, *, rate: int = SAMPLE_RATE, channels: int = 1, bits: int = 16, size: int = 0) -> Path:
    """A WAV file by hand, whose header may say what it likes; 32 bits are floating point."""
    size = size or len(body)
    frame = channels * bits // 8
    shape = struct.pack("<HHIIHH", 3 if bits == 32 else 1, channels, rate, rate * frame % 2**32, frame % 2**16, bits)
    head = b"RIFF" + struct.pack("<I", min(size + 36, 2**32 - 1)) + b"WAVEfmt \x10\0\0\0" + shape
    path.write_bytes(head + b"data" + struct.pack("<I", size) + body)
    return path


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"rate": 2_000_000_000}, "claims 2000000000 samples"),
        ({"rate": 1}, "claims 1 samples"),
        ({"rate": 0}, "cannot be read"),
        ({"channels": 64}, "64 channels"),
        ({"channels": 255}, "255 channels"),
        ({"channels": 0}, "no sound"),
        ({"bits": 0}, "no sound"),
    ],
)
def test_a_header_that_cannot_be_is_refused_with_a_sentence(tmp_path: Path, header: dict[str, int], says: str) -> None:
    with pytest.raises(BadRequestError, match=says):
        decoded(wav(tmp_path / "a.wav", tone(1.0).tobytes(), **header))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_do_no_harm(tmp_path: Path, value: float) -> None:
    samples, _ = decoded(wav(tmp_path / "a.wav", np.full(SAMPLE_RATE, value, dtype="<f4").tobytes(), bits=32))
    assert len(samples) == SAMPLE_RATE


@pytest.mark.parametrize(
    ("size", "found"),
    [(36_000 * 32_000, ["the file announces 35950.6 s of sound, but only 1.0 s are there"]), (2**32 - 1, [])],
)
def test_a_second_that_claims_ten_hours_is_read_and_told(tmp_path: Path, size: int, found: list[str]) -> None:
    """A size of all ones is how a stream of unknown length is written: nothing is wrong with it."""
    path = wav(tmp_path / "a.wav", tone(1.0).tobytes(), size=size)
    assert len(decoded(path)[0]) == SAMPLE_RATE
    assert losses(path) == found


def test_a_few_bytes_that_stand_for_days_end_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.mkv", tone(2.0), late_s=500.0)
    monkeypatch.setattr("udib.transcripts.audio.LONGEST_S", 300.0)
    with pytest.raises(BadRequestError, match=r"a\.mkv is longer than 0\.08.* hours"):
        decoded(path)


def test_a_gap_is_no_way_around_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(write(tmp_path / "a.mkv", tone(2.0), late_s=500.0)) as sound:
        monkeypatch.setattr("udib.transcripts.audio.LONGEST_S", 300.0)
        with pytest.raises(BadRequestError, match="longer"):
            list(sound.pieces())


def test_the_language_of_the_track_is_known(tmp_path: Path) -> None:
    for language, expected in (("ger", "ger"), ("und", None), (None, None)):
        with av.open(str(tmp_path / "a.mka"), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
            assert isinstance(stream, AudioStream)
            if language:
                stream.metadata["language"] = language
            frame = AudioFrame.from_ndarray(tone(0.5)[None, :], format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            container.mux([*stream.encode(frame), *stream.encode(None)])
        with opened(tmp_path / "a.mka") as sound:
            assert sound.language == expected


def silent_video(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), dtype=np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_what_has_no_sound_is_refused_with_a_sentence(tmp_path: Path) -> None:
    junk, playlist = tmp_path / "junk.mp4", tmp_path / "list.m3u8"
    junk.write_bytes(bytes(range(256)) * 40)
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    cases = {
        silent_video(tmp_path / "a.mp4"): "has no sound that",
        junk: "cannot be read as a recording",
        playlist: "cannot be read|playlist",
        tmp_path / "none.wav": "no media file",
        tmp_path: "no media file|cannot be read",
    }
    for path, part in cases.items():
        with pytest.raises(BadRequestError, match=part), opened(path):
            pass


FRAME_S = 0.032


def stretches(likelihoods: Sequence[float]) -> list[tuple[float, float]]:
    frames = ((np.full(512, number % 1000, dtype=np.int16), value) for number, value in enumerate(likelihoods))
    found: list[Stretch] = list(Cutter(FRAME_S).stretches(frames))
    for stretch in found:
        assert len(stretch.pcm) == round((stretch.end_s - stretch.start_s) / FRAME_S) * 1024
        assert np.frombuffer(stretch.pcm, dtype=np.int16)[0] == round(stretch.start_s / FRAME_S) % 1000
    return [(round(stretch.start_s / FRAME_S), round(stretch.end_s / FRAME_S)) for stretch in found]


def run(*parts: tuple[float, int]) -> Iterator[float]:
    for value, count in parts:
        yield from [value] * count


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(0, 100)], []),
        ([], []),
        ([(0, 50), (1, 50), (0, 50)], [(44, 106)]),
        ([(1, 50)], [(0, 50)]),
        ([(0, 50), (1, 2), (0, 50)], []),
        ([(1, 50), (0, 20), (1, 50)], [(0, 120)]),
        ([(1, 50), (0, 60), (1, 50)], [(0, 56), (104, 160)]),
        ([(0.4, 50), (1, 20), (0.4, 20), (0, 50)], [(44, 96)]),
        ([(1, 300), (0, 20), (1, 300)], [(0, 306), (314, 620)]),
        ([(1, 400), (0.6, 1), (1, 99)], [(0, 400), (400, 500)]),
    ],
)
def test_speech_is_cut_at_pauses_and_padded(parts: list[tuple[float, int]], expected: list[tuple[int, int]]) -> None:
    assert stretches(list(run(*parts))) == expected


def test_words_lose_the_number_of_their_pronunciation() -> None:
    assert [spoken(word) for word in ("read(2)", "a", "o'clock")] == ["read", "a", "o'clock"]
    assert Heard("a", 0.0, 0.1).text == "a"
