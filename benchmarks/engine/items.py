"""Items of which the costs are measured: captions of an hour, and short recordings, made of the examples."""

import re
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import av

_DEBATE: Final = Path(__file__).parents[2] / "examples" / "rent-control" / "debate.vtt"
_TIMES: Final = re.compile(r"(\d\d):(\d\d):(\d\d\.\d\d\d) --> (\d\d):(\d\d):(\d\d\.\d\d\d)")
_HOUR_S: Final = 3600.0
_RATE: Final = 16_000


def hour_of_captions(folder: Path, number: int) -> Path:
    """The captions of the debate, again and again for an hour; each time, and each item, about another rent."""
    head, *cues = _DEBATE.read_text(encoding="utf-8").strip().split("\n\n")
    length_s = max(_seconds(*match.groups()[3:]) for match in map(_TIMES.search, cues) if match)
    blocks = [head]
    for turn in range(int(_HOUR_S / length_s)):
        shift = turn * length_s
        blocks += [_shifted(cue, shift).replace("rent", f"rent {number} {turn}") for cue in cues]
    path = folder / f"captions {number}.vtt"
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return path


def short_captions(folder: Path, number: int) -> Path:
    """The captions of the debate once, about a rent of that number."""
    path = folder / f"short {number}.vtt"
    path.write_text(_DEBATE.read_text(encoding="utf-8").replace("rent", f"rent {number}"), encoding="utf-8")
    return path


def clips(folder: Path, count: int, seconds: int) -> list[Path]:
    """Recordings of so many seconds, one after the other out of the debate."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=_RATE)
    with av.open(str(_DEBATE.with_suffix(".opus"))) as container:
        frames = (each for frame in container.decode(audio=0) for each in resampler.resample(frame))
        sound = b"".join(_bytes(frames, count * seconds * _RATE * 2))
    size = seconds * _RATE * 2
    made = []
    for number in range(count):
        path = folder / f"clip {number} of {seconds} s.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, _RATE, 0, "NONE", "not compressed"))
            file.writeframes(sound[number * size : (number + 1) * size])
        made.append(path)
    return made


def _bytes(frames: Iterable[av.AudioFrame], least: int) -> Iterable[bytes]:
    had = 0
    for frame in frames:
        data = frame.to_ndarray().tobytes()
        had += len(data)
        yield data
        if had >= least:
            return


def _shifted(cue: str, shift_s: float) -> str:
    def later(match: re.Match[str]) -> str:
        times = match.groups()
        return f"{_clock(_seconds(*times[:3]) + shift_s)} --> {_clock(_seconds(*times[3:]) + shift_s)}"

    return _TIMES.sub(later, cue)


def _seconds(hours: str, minutes: str, seconds: str) -> float:
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _clock(at_s: float) -> str:
    minutes, seconds = divmod(at_s, 60)
    return f"{int(minutes // 60):02}:{int(minutes % 60):02}:{seconds:06.3f}"
