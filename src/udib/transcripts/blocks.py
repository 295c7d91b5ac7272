"""WebVTT, SRT and SBV: blocks of lines, each under a line with its times."""

import html
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from udib.core.speech import Word
from udib.transcripts.cues import Cue, Line, spread

_TIME = r"-?(?:\d+:)?\d{1,3}:\d{1,2}(?:[.,]\d{1,9})?(?=[\s,]|-->|$)"
_TIMES = re.compile(rf"^\s*+({_TIME})?[^\n]*?-->\s*({_TIME})?")
_SBV_TIMES = re.compile(r"^[ \t]*(\d+:\d\d:\d\d\.\d{3}),(\d+:\d\d:\d\d\.\d{3})[ \t]*$")
_SBV_FILE = re.compile(_SBV_TIMES.pattern, re.MULTILINE)
_ARROW_FILE = re.compile(rf"^[ \t]*(?:{_TIME}[ \t]*-->|-->[ \t]*{_TIME})", re.MULTILINE)
_LINE_END = re.compile(r"\r\n|\r|\n")
_MARKUP = re.compile(r"(</?[A-Za-z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\})")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^<>]+)>")
_STAMP = re.compile(r"<(\d[\d:.]*)>")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def is_webvtt(text: str) -> bool:
    """Whether a text says that it is WebVTT."""
    return text.startswith("WEBVTT")


def is_arrow_timed(text: str) -> bool:
    """Whether a text has a line like `00:01,000 --> 00:02,000`, as SRT and WebVTT have."""
    return _ARROW_FILE.search(text) is not None


def is_sbv(text: str) -> bool:
    """Whether a text has a line like `0:00:01.000,0:00:02.000`."""
    return _SBV_FILE.search(text) is not None


def seconds(stamp: str) -> float | None:
    """Seconds of `[-][[h:]m:]s[.f]`, with a point or a comma; None if it is something else."""
    try:
        parts = [float(part) for part in stamp.replace(",", ".").lstrip("-").split(":")]
    except ValueError:
        return None
    total = 0.0
    for part in parts:
        total = total * 60 + part
    return round(-total if stamp.startswith("-") else total, 3)


@dataclass(slots=True)
class _Block:
    start_s: float | None
    end_s: float | None
    lines: list[str] = field(default_factory=list)


def parse_blocks(text: str) -> list[Cue]:
    """The cues of a WebVTT, SRT or SBV text, in the order of the file, with voices and word times."""
    blocks = _webvtt_blocks(text) if is_webvtt(text) else _loose_blocks(text)
    return [Cue(block.start_s, block.end_s, tuple(_lines(block))) for block in blocks]


def _webvtt_blocks(text: str) -> Iterator[_Block]:
    """In WebVTT an empty line ends a cue; what then comes before the next times is an identifier, a note or a style."""
    block: _Block | None = None
    fresh = True
    for line in _LINE_END.split(text):
        begun = _begun(line, fresh=fresh)
        if begun is not None:
            if block is not None:
                yield block
            block = begun
        elif not line:
            if block is not None:
                yield block
            block = None
        elif block is not None:
            block.lines.append(line)
        fresh = block is None
    if block is not None:
        yield block


def _loose_blocks(text: str) -> Iterator[_Block]:
    """In SRT and SBV a cue goes on to the next times, because files in use have empty lines inside cues."""
    block: _Block | None = None
    blank = True
    for line in _LINE_END.split(text):
        begun = _begun(line, fresh=blank or (block is not None and not any(block.lines)))
        if begun is not None:
            if block is not None:
                yield block
            block = begun
        elif block is not None and not (blank and line.strip().isdigit()):
            block.lines.append(line)
        blank = not line.strip()
    if block is not None:
        yield block


def _begun(line: str, *, fresh: bool) -> _Block | None:
    """A new block if the line holds times, or stands where times belong and has an arrow."""
    if "-->" in line:
        match = _TIMES.match(line)
        start, end = match.groups() if match else (None, None)
        if start or end or fresh:
            return _Block(seconds(start) if start else math.nan, seconds(end) if end else math.nan)
        return None
    sbv = _SBV_TIMES.match(line)
    return _Block(seconds(sbv.group(1)), seconds(sbv.group(2))) if sbv else None


@dataclass(frozen=True, slots=True)
class _Run:
    """Some text of one voice, spoken from `at_s` on; None: not known."""

    text: str
    voice: str | None
    at_s: float | None


def _lines(block: _Block) -> Iterator[Line]:
    """The lines of a cue; a voice that starts inside a line starts a new one."""
    voice: str | None = None
    at_s: float | None = None
    for source in block.lines:
        runs: list[_Run] = []
        for mark in _MARKUP.split(source):
            if stamp := _STAMP.fullmatch(mark):
                at_s = seconds(stamp.group(1))
            elif spoken := _VOICE.fullmatch(mark):
                voice = html.unescape(" ".join(spoken.group(1).split())) or None
            elif mark == "</v>":
                voice = None
            elif _BREAK.fullmatch(mark):
                runs.append(_Run(" ", voice, at_s))
            elif mark and not _MARKUP.fullmatch(mark):
                runs.append(_Run(html.unescape(mark), voice, at_s))
        yield from _of_runs(runs, block)


def _of_runs(runs: Sequence[_Run], block: _Block) -> Iterator[Line]:
    made: list[Line] = []
    after_s = block.end_s
    # From the last to the first, because the end of a voice's words is the next time that stands behind them.
    for voice, group in groupby(reversed(runs), key=lambda run: run.voice):
        same = [*group][::-1]
        text = "".join(run.text for run in same)
        made.append(Line(text, voice, tuple(_words(same, block.start_s, after_s))))
        after_s = next((run.at_s for run in same if run.at_s is not None), after_s)
    yield from reversed(made)


def _words(runs: Sequence[_Run], start_s: float | None, end_s: float | None) -> Iterator[Word]:
    """The words of one line by the times inside it; none if it has no such times."""
    if all(run.at_s is None for run in runs):
        return
    begin_s = start_s or 0.0
    for run, later_s in zip(runs, _next_times(runs), strict=True):
        begin_s = begin_s if run.at_s is None else run.at_s
        finish_s = later_s if later_s is not None else end_s
        yield from spread(run.text, begin_s, max(finish_s or begin_s, begin_s))


def _next_times(runs: Sequence[_Run]) -> list[float | None]:
    """For each run the next time that stands behind it and is another than its own; None: there is none."""
    found: list[float | None] = []
    latest: float | None = None
    other: float | None = None  # the next time behind `latest` that differs from it
    for run in reversed(runs):
        found.append(other if run.at_s is not None and run.at_s == latest else latest)
        if run.at_s is not None and run.at_s != latest:
            latest, other = run.at_s, latest
    return found[::-1]
