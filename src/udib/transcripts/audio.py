"""The sound of a media file as 16 kHz mono samples, decoded piece by piece."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from udib.core.errors import BadRequestError

SAMPLE_RATE = 16_000
"""Samples a second of everything that `Sound` yields."""

Samples = NDArray[np.int16]

# Playlists name further files and addresses, which nobody has checked.
_PLAYLISTS = frozenset(["hls", "dash", "concat", "imf", "applehttp"])
_LEAST_GAP_S = 0.1
_LONGEST_GAP_S = 600.0
# Some codecs leave silence out in pieces of up to 0.4 s; a longer gap is a loss.
_LEAST_LOSS_S = 0.5
# A header and what it heads differ by a codec's delay or a rounded second, and by their clocks.
_SHORTEST_END_S = 1.0
_SHORTEST_END_SHARE = 0.01
_MOST_BAD_IN_A_ROW = 1000
# Below lies no speech, above no microphone: only a broken or forged header, which would make hours of a few bytes.
_LOWEST_RATE = 4_000
_HIGHEST_RATE = 768_000
LONGEST_S: Final = 24 * 3600.0
"""Longest recording that is taken: a few bytes of a hostile file can stand for any length."""
# Raw streams carry no length; what stands in its place is a guess from the first bytes.
_GUESSED = frozenset(["aac", "ac3", "amr", "dts", "eac3", "mpeg", "mpegts"])
_OPEN_SIZE = 0x7FFF_0000
_ANY_LANGUAGE = frozenset(["", "und", "mul", "mis", "zxx"])  # codespell:ignore mis


class Sound:
    """The sound of one open file; made by `opened`.

    Attributes:
        duration_s: What the file says, in seconds; None if it does not.
        decoded_s: Seconds that `pieces` has gone through.
        language: What the file says that is spoken, as a code; None if it does not.
    """

    def __init__(self, container: InputContainer, stream: AudioStream, path: Path) -> None:
        self._container = container
        self._stream = stream
        self._name = path.name
        self._announced_share = _riff(path) if container.format.name == "wav" else 1.0
        self._damaged = 0
        self._damage_before = False
        self._lost_s = 0.0
        self.decoded_s = 0.0
        microseconds = container.duration
        self.duration_s = None if microseconds is None or microseconds <= 0 else microseconds / av.time_base
        language = stream.metadata.get("language", "").strip().lower()
        self.language = None if language in _ANY_LANGUAGE else language
        self._check_length(self.duration_s or 0.0)
        self._check_rate(stream.sample_rate)

    def pieces(self) -> Iterator[Samples]:
        """The samples in order, a fraction of a second at a time; a gap of up to 10 minutes comes as silence.

        Broken packets are left out, as players do; `losses` tells of them when all pieces were taken.

        Raises:
            BadRequestError: It is longer than `LONGEST_S`, or no library can make 16 kHz mono of it.
        """
        position = 0
        for frame in self._frames():
            missing = round(self._time(frame, position / SAMPLE_RATE) * SAMPLE_RATE) - position
            if _LEAST_GAP_S * SAMPLE_RATE < missing < _LONGEST_GAP_S * SAMPLE_RATE:
                self._note_gap(missing / SAMPLE_RATE)
                position += missing
                self.decoded_s = position / SAMPLE_RATE
                for begin in range(0, missing, SAMPLE_RATE):
                    yield np.zeros(min(SAMPLE_RATE, missing - begin), dtype=np.int16)
            samples = np.asarray(frame.to_ndarray()[0], dtype=np.int16)
            position += len(samples)
            self.decoded_s = position / SAMPLE_RATE
            self._damage_before = False
            self._check_length(self.decoded_s)
            yield samples

    def losses(self) -> list[str]:
        """What of the recording is not among its pieces, as parts of a sentence."""
        found = []
        if self._lost_s:
            found.append(f"{self._lost_s:.1f} s of the recording are missing or could not be decoded")
        announced_s = self._announced_s()
        if announced_s - self.decoded_s > max(_SHORTEST_END_S, _SHORTEST_END_SHARE * announced_s):
            found.append(f"the file announces {announced_s:.1f} s of sound, but only {self.decoded_s:.1f} s are there")
        if self._damaged and not found:
            found.append(f"damaged pieces of the file were left out ({self._damaged})")
        return found

    def _note_gap(self, seconds: float) -> None:
        if self._damage_before or seconds >= _LEAST_LOSS_S:
            self._lost_s += seconds

    def _announced_s(self) -> float:
        """Seconds of sound that the header promises; 0 where it does not tell, or tells of the pictures."""
        if _GUESSED & set(self._container.format.name.split(",")):
            return 0.0
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base) * self._announced_share
        return 0.0 if self._container.streams.video else self.duration_s or 0.0

    def _check_length(self, seconds: float) -> None:
        if seconds > LONGEST_S:
            raise BadRequestError(
                f"{self._name} is longer than {LONGEST_S / 3600:g} hours, or its header says so; split or repair it."
            )

    def _check_rate(self, rate: int) -> None:
        if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
            raise BadRequestError(f"{self._name} is damaged: it claims {rate} samples of sound a second.")

    def _time(self, frame: AudioFrame, otherwise_s: float) -> float:
        """Second of a frame, counted from the start of the item."""
        if frame.pts is None or frame.time_base is None:
            return otherwise_s
        return float(frame.pts * frame.time_base) - (self._container.start_time or 0) / av.time_base

    def _frames(self) -> Iterator[AudioFrame]:
        try:
            yield from self._resampled()
        except (av.error.FFmpegError, ValueError) as exc:
            channels = self._stream.codec_context.channels
            raise BadRequestError(
                f"The sound of {self._name} ({channels} channels) cannot be mixed down; give it with one or two."
            ) from exc

    def _resampled(self) -> Iterator[AudioFrame]:
        resampler = _resampler()
        setup: tuple[object, ...] | None = None
        for frame in self._decoded():
            found = (frame.format.name, frame.layout.name, frame.sample_rate)
            if setup not in {None, found}:
                self._check_rate(frame.sample_rate)
                yield from resampler.resample(None)
                resampler = _resampler()
            setup = found
            yield from resampler.resample(frame)
        if setup is not None:
            yield from resampler.resample(None)

    def _decoded(self) -> Iterator[AudioFrame]:
        bad = 0
        packets = self._container.demux(self._stream)
        while bad < _MOST_BAD_IN_A_ROW:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.error.FFmpegError:
                bad += 1
                self._note_damage()
                packets = self._container.demux(self._stream)  # the failed one is over; it goes on where that was
                continue
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                bad += 1
                self._note_damage()
                continue
            bad = 0
            if packet.is_corrupt and self._container.format.name != "wav":  # there it is the cut-off end; see `_riff`
                self._note_damage()
            yield from (frame for frame in frames if isinstance(frame, AudioFrame))

    def _note_damage(self) -> None:
        self._damaged += 1
        self._damage_before = True


def _riff(path: Path) -> float:
    """The size that a RIFF header gives its file, over the real one; 1 where it is left open, as streams do."""
    with path.open("rb") as file:
        announced = int.from_bytes(file.read(8)[4:], "little") + 8
    there = path.stat().st_size
    return announced / there if there < announced < _OPEN_SIZE else 1.0


def _resampler() -> AudioResampler:
    return AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


@contextmanager
def opened(path: Path) -> Iterator[Sound]:
    """The sound of a media file; only that file is opened, whatever it names.

    Raises:
        BadRequestError: It is no media file, has no sound, or its header says what cannot be.
    """
    try:
        container = av.open(f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except (av.error.FileNotFoundError, av.error.IsADirectoryError) as exc:
        raise BadRequestError(f"There is no media file {path}; check the path.") from exc
    except av.error.FFmpegError as exc:
        raise BadRequestError(f"{path.name} cannot be read as a recording; give a video or sound file.") from exc
    with container:
        if _PLAYLISTS & set(container.format.name.split(",")):
            raise BadRequestError(f"{path.name} is a playlist; give the recording itself.")
        stream = container.streams.best("audio")
        # Without a decoder for it a stream has no codec context, whatever its type says.
        if not isinstance(stream, AudioStream) or not stream.codec_context:
            raise BadRequestError(f"{path.name} has no sound that can be decoded; give another file, or its captions.")
        yield Sound(container, stream, path)
