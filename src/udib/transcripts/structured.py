"""JSON, TTML and SubStation files: formats with a syntax of their own. A file that breaks it gives a `ValueError`."""

import json
import math
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

import msgspec
import pysubs2
from pysubs2.exceptions import Pysubs2Error
from pysubs2.time import TIMESTAMP, TIMESTAMP_SHORT

from udib.core.speech import Word
from udib.transcripts.blocks import seconds
from udib.transcripts.confidence import Scale, heard
from udib.transcripts.cues import Cue, Line, is_usable, spread

T = TypeVar("T")

_LONGEST_INTEGER = 18
_MOST_SURE = 255
_NO_TRANSCRIPT = (
    'it is JSON, but no transcript that is known here (a list of {"start", "end", "text"}, alone or as "segments", or '
    "YouTube's json3)"
)
_DIALOGUE = re.compile(r"^([ \t]*Dialogue:[^,\n]*,)([^,\n]*),([^,\n]*)(?=,)", re.MULTILINE)


class _Seg(msgspec.Struct, rename="camel"):
    utf8: str = ""
    t_offset_ms: float | None = None
    ac_asr_conf: float | None = None


class _Event(msgspec.Struct, rename="camel"):
    t_start_ms: float = 0.0
    d_duration_ms: float | None = None
    a_append: int = 0
    segs: list[_Seg] = []


class _Json3(msgspec.Struct):
    events: list[_Event]


class _SaidWord(msgspec.Struct):
    word: str
    start: float | None = None
    end: float | None = None
    probability: float | None = None


class _Said(msgspec.Struct, rename={"start_time": "startTime", "end_time": "endTime"}):
    """A segment as the podcast namespace (startTime, endTime, body) or Whisper (start, end, text) writes it."""

    start_time: float | None = None
    end_time: float | None = None
    body: str | None = None
    start: float | None = None
    end: float | None = None
    duration: float | None = None
    text: str | None = None
    speaker: str | int | None = None
    words: list[_SaidWord] = []


class _SaidFile(msgspec.Struct):
    segments: list[_Said]
    language: str | None = None


def parse_json3(text: str) -> tuple[list[Cue], bool]:
    """The cues of a YouTube json3 text with the times of their words, and whether a recogniser made them.

    Raises:
        ValueError: It is not json3.
    """
    events = [event for event in _decoded(text, _Json3).events if event.segs and not event.a_append]
    automatic = any(seg.ac_asr_conf is not None or seg.t_offset_ms for event in events for seg in event.segs)
    return [_json3_cue(event) for event in events], automatic


def _json3_cue(event: _Event) -> Cue:
    start_s = event.t_start_ms / 1000
    end_s = None if event.d_duration_ms is None else start_s + event.d_duration_ms / 1000
    text = "".join(seg.utf8 for seg in event.segs)
    if not any(seg.t_offset_ms for seg in event.segs):
        return Cue(start_s, end_s, tuple(Line(line) for line in text.split("\n")))
    starts = [round(start_s + (seg.t_offset_ms or 0.0) / 1000, 3) for seg in event.segs]
    bounds = pairwise([*starts, max(end_s or 0.0, starts[-1])])
    words = tuple(
        heard(word, seg.ac_asr_conf / _MOST_SURE if seg.ac_asr_conf else None, Scale.YOUTUBE)
        for seg, (begin, end) in zip(event.segs, bounds, strict=True)
        for word in spread(seg.utf8, begin, max(end, begin))
    )
    return Cue(start_s, end_s, (Line(text.replace("\n", " "), words=words),))


def parse_segments_json(text: str) -> tuple[list[Cue], str | None]:
    """The cues of a JSON transcript and its language: podcast namespace, Whisper, or bare {text, start, duration}.

    Raises:
        ValueError: It is none of them.
    """
    bare = text.lstrip().startswith("[")
    file = _SaidFile(_decoded(text, list[_Said])) if bare else _decoded(text, _SaidFile)
    return [_said_cue(one) for one in file.segments], file.language


def _decoded(text: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind, strict=False)
    except (msgspec.MsgspecError, RecursionError):
        return _decoded_loosely(text, kind)


def _decoded_loosely(text: str, kind: type[T]) -> T:
    """Decode what Python writes and other languages refuse: NaN, Infinity, and numbers beyond any float."""
    try:
        return msgspec.convert(json.loads(text, parse_int=_number), kind, strict=False)
    except json.JSONDecodeError as exc:
        raise ValueError(f"its JSON is broken at line {exc.lineno}, column {exc.colno}") from exc
    except RecursionError as exc:
        raise ValueError("its JSON is nested too deeply") from exc
    except ValueError as exc:
        raise ValueError(_NO_TRANSCRIPT) from exc


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _said_cue(said: _Said) -> Cue:
    text = said.body if said.body is not None else said.text
    if text is None:
        raise ValueError("a segment without text")
    start_s = said.start if said.start_time is None else said.start_time
    end_s = said.end if said.end_time is None else said.end_time
    if end_s is None and start_s is not None and said.duration is not None:
        end_s = start_s + said.duration
    words = tuple(
        heard(Word(one.word.strip(), one.start, one.end), one.probability, Scale.WHISPER)
        for one in said.words
        if one.start is not None and one.end is not None and one.start <= one.end
    )
    speaker = None if said.speaker is None else str(said.speaker).strip() or None
    return Cue(start_s, end_s, (Line(text, speaker, words),))


def _with_readable_times(dialogue: re.Match[str]) -> str:
    """The beginning of a dialogue line; a time that pysubs2 would refuse the whole file for becomes one below zero."""
    times = (
        time if TIMESTAMP.match(bare) or TIMESTAMP_SHORT.match(bare) else "-1:00:00.00"
        for time in dialogue.group(2, 3)
        for bare in [time.strip().removeprefix("-")]
    )
    return f"{dialogue.group(1)}{','.join(times)}"


def parse_substation(text: str) -> list[Cue]:
    """The cues of an ASS or SSA text; a dialogue's Name field is its speaker.

    Raises:
        ValueError: It is not ASS or SSA.
    """
    try:
        kind = "ssa" if "[v4 styles]" in text.lower() else "ass"
        with warnings.catch_warnings(action="ignore"):  # of colours and the like, which nobody hears
            events = pysubs2.SSAFile.from_string(_DIALOGUE.sub(_with_readable_times, text), format_=kind).events
    except Pysubs2Error as exc:
        raise ValueError(str(exc)) from exc
    return [
        Cue(
            event.start / 1000,
            event.end / 1000,
            tuple(Line(line, event.name.strip() or None) for line in event.plaintext.split("\n")),
        )
        for event in events
        if not event.is_comment and not event.is_drawing
    ]


_CLOCK = re.compile(r"\A(\d+):(\d+):(\d+(?:\.\d+)?)(?::(\d+(?:\.\d+)?))?")
_OFFSET = re.compile(r"\A(\d+(?:\.\d+)?)(h|ms|m|s|f|t)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_ID = "{http://www.w3.org/XML/1998/namespace}id"
_SPACE = re.compile(r"\s+")
_SILENT = frozenset(["metadata", "title", "desc", "copyright", "agent", "name"])


def parse_ttml(text: str) -> list[Cue]:
    """The cues of a TTML (DFXP) text, with the agents as speakers and timed spans as word times.

    Raises:
        ValueError: It is no XML, or declares entities of its own.
    """
    if "<!ENTITY" in text:
        raise ValueError("it declares entities")
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities, the danger meant, are refused above
    except ET.ParseError as exc:
        raise ValueError(str(exc)) from exc
    try:
        return list(_Ttml(root).cues())
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc


class _Ttml:
    """One TTML document."""

    def __init__(self, root: ET.Element) -> None:
        rates = {_local(name): value for name, value in root.attrib.items() if "parameter" in name}
        factors = [float(part) for part in rates.get("frameRateMultiplier", "").replace(":", " ").split()] or [1.0]
        multiplier = 1.0 if len(factors) == 1 else factors[0] / (factors[-1] or 1.0)
        self._frames_per_s = (float(rates.get("frameRate", 0)) or 30.0) * multiplier or 30.0
        self._ticks_per_s = float(rates.get("tickRate", 0)) or (self._frames_per_s if "frameRate" in rates else 1.0)
        self._agents = {
            agent.get(_ID, ""): name
            for agent in root.iter()
            if _local(agent.tag) == "agent" and (name := " ".join("".join(agent.itertext()).split()))
        }
        self._root = root

    def cues(self) -> Iterator[Cue]:
        """One cue a paragraph."""
        yield from self._below(self._root, 0.0, None)

    def _below(self, element: ET.Element, origin_s: float, speaker: str | None) -> Iterator[Cue]:
        if _local(element.tag) == "p":
            yield self._cue(element, origin_s, speaker)
            return
        origin_s = self._origin(element, origin_s, "p")
        for child in element:
            yield from self._below(child, origin_s, self._speaker(child, speaker))

    def _cue(self, element: ET.Element, origin_s: float, speaker: str | None) -> Cue:
        start_s, end_s = self._interval(element, origin_s)
        inner_s = self._origin(element, origin_s, "span")
        runs = list(self._runs(element, inner_s, speaker))
        lines: list[Line] = []
        for part in _split_at_breaks(runs):
            text = "".join(run.text for run in part)
            lines.append(Line(text, part[0].speaker, tuple(word for run in part for word in run.words)))
        return Cue(start_s, end_s, tuple(lines))

    def _runs(self, element: ET.Element, origin_s: float, speaker: str | None) -> Iterator[Line]:
        """The texts of a paragraph; a line break is a run of its own. Words have times if their span has them."""
        start_s, end_s = self._interval(element, origin_s)
        timed = _local(element.tag) == "span" and start_s is not None and end_s is not None
        for text, child in [(element.text, None), *((child.tail, child) for child in element)]:
            if child is not None and _local(child.tag) == "br":
                yield Line("\n", speaker)
            elif child is not None and _local(child.tag) not in _SILENT:
                yield from self._runs(child, origin_s, self._speaker(child, speaker))
            plain = _SPACE.sub(" ", text or "")
            if plain:
                yield Line(plain, speaker, spread(plain, start_s or 0.0, end_s or 0.0) if timed else ())

    def _speaker(self, element: ET.Element, speaker: str | None) -> str | None:
        named = next((value for name, value in element.attrib.items() if _local(name) == "agent"), "")
        return next((self._agents[one] for one in named.split() if one in self._agents), speaker)

    def _interval(self, element: ET.Element, origin_s: float) -> tuple[float | None, float | None]:
        begin, end, duration = (self._time(element.get(name)) for name in ("begin", "end", "dur"))
        start_s = None if begin is None else origin_s + begin
        if end is None and duration is not None and start_s is not None:
            return start_s, start_s + duration
        return start_s, None if end is None else origin_s + end

    def _origin(self, element: ET.Element, origin_s: float, kind: str) -> float:
        """What the times below an element count from.

        By the standard that is the element's begin; files in use (Apple's) count from the start of the item all the
        same, and then no time lies before that begin.
        """
        begin = self._time(element.get("begin"))
        if begin is None or not is_usable(begin):
            return origin_s
        below = (
            self._time(one.get("begin")) for one in element.iter() if one is not element and _local(one.tag) == kind
        )
        first = next(below, None)
        return origin_s + begin if first is not None and first < begin else origin_s

    def _time(self, expression: str | None) -> float | None:
        if expression is None:
            return None
        expression = expression.strip()
        if clock := _CLOCK.fullmatch(expression):
            hours, minutes, whole, frames = clock.groups()
            return float(hours) * 3600 + float(minutes) * 60 + float(whole) + float(frames or 0) / self._frames_per_s
        if offset := _OFFSET.fullmatch(expression):
            units: Mapping[str, float] = _UNITS | {"f": 1 / self._frames_per_s, "t": 1 / self._ticks_per_s}
            return float(offset.group(1)) * units[offset.group(2)]
        second = seconds(expression)
        return math.nan if second is None else second


def _split_at_breaks(runs: Sequence[Line]) -> Iterator[list[Line]]:
    """The runs of each line: a line ends at a break, and where another speaker begins."""
    held: list[Line] = []
    for run in runs:
        if held and (run.text == "\n" or run.speaker != held[0].speaker):
            yield held
            held = []
        if run.text != "\n":
            held.append(run)
    if held:
        yield held


def _local(name: str) -> str:
    return name.rpartition("}")[2]
