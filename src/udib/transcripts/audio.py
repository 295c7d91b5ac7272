"""The sound of a media file as 16 kHz mono samples, decoded piece by piece."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
_MOST_BAD_IN_A_ROW = 1000


class Sound:
    """The sound of one open file; made by `opened`.

    Attributes:
        duration_s: What the file says, in seconds; None if it does not.
        decoded_s: Seconds that `pieces` has gone through.
    """

    def __init__(self, container: InputContainer, stream: AudioStream) -> None:
        self._container = container
        self._stream = stream
        self.decoded_s = 0.0
        microseconds = container.duration
        self.duration_s = None if microseconds is None or microseconds <= 0 else microseconds / av.time_base

    def pieces(self) -> Iterator[Samples]:
        """The samples in order, a fraction of a second at a time; a gap of up to 10 minutes comes as silence.

        Broken packets are left out, as players do.
        """
        position = 0
        for frame in self._frames():
            missing = round(self._time(frame, position / SAMPLE_RATE) * SAMPLE_RATE) - position
            if _LEAST_GAP_S * SAMPLE_RATE < missing < _LONGEST_GAP_S * SAMPLE_RATE:
                position += missing
                self.decoded_s = position / SAMPLE_RATE
                for begin in range(0, missing, SAMPLE_RATE):
                    yield np.zeros(min(SAMPLE_RATE, missing - begin), dtype=np.int16)
            samples = np.asarray(frame.to_ndarray()[0], dtype=np.int16)
            position += len(samples)
            self.decoded_s = position / SAMPLE_RATE
            yield samples

    def _time(self, frame: AudioFrame, otherwise_s: float) -> float:
        """Second of a frame, counted from the start of the item."""
        if frame.pts is None or frame.time_base is None:
            return otherwise_s
        return float(frame.pts * frame.time_base) - (self._container.start_time or 0) / av.time_base

    def _frames(self) -> Iterator[AudioFrame]:
        resampler = _resampler()
        setup: tuple[object, ...] | None = None
        for frame in self._decoded():
            found = (frame.format.name, frame.layout.name, frame.sample_rate)
            if setup not in {None, found}:
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
                frames = packet.decode()
            except StopIteration:
                return
            except av.error.FFmpegError:
                bad += 1
                continue
            bad = 0
            yield from (frame for frame in frames if isinstance(frame, AudioFrame))


def _resampler() -> AudioResampler:
    return AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


@contextmanager
def opened(path: Path) -> Iterator[Sound]:
    """The sound of a media file; only that file is opened, whatever it names.

    Raises:
        BadRequestError: It is no media file, or it has no sound.
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
        yield Sound(container, stream)
