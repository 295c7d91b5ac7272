"""Plain text transcripts: paragraphs, with or without speakers and times."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from udib.transcripts.blocks import seconds
from udib.transcripts.cues import WORDS_PER_S, Cue, Line, is_usable, reached
from udib.transcripts.turns import speaker_name

_TIME = r"(?:\d{1,3}:)?\d{1,3}:[0-5]\d(?:[.,]\d{1,3})?"
_BRACKETED = re.compile(rf"[\[(]\s*({_TIME})(?:\s*(?:-->|[-\u2010-\u2015]|to)\s*({_TIME}))?\s*[\])]")
_BARE = re.compile(rf"^({_TIME})(?:\s+|$)(?:[-\u2010-\u2015]\s+)?")
_AFTER_NAME = re.compile(rf"^([^\W\d_][^:\n]{{0,40}}?)\s+({_TIME})$")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3}|_{1,2})(?=[^\s*_])([^*\n]*?)(?<=\S)\1(?![\w*])")
_HEADING = re.compile(r"^#{1,6}\s")
_SENTENCE_END = re.compile(r"(?<=[.!?\u2026])[\"'\u201d\u2019)]*\s+(?=[\"'\u201c\u2018(]?[^\W_a-z])")
_MOST_WORDS = 40
_LEAST_BARE = 2


@dataclass(slots=True)
class _Paragraph:
    start_s: float | None
    end_s: float | None
    lines: list[str]


def parse_plain(text: str) -> tuple[list[Cue], bool, list[int]]:
    """Cues of at most some 40 words, each with a start; whether the text has times; and cues whose time does not fit.

    What has no time lies between its neighbours in proportion to the words; without any times, speech is taken to be
    150 words a minute.
    """
    paragraphs = list(_paragraphs(text.splitlines()))
    cues = [cue for paragraph in paragraphs for cue in _cut(paragraph)]
    stated = [(number, cue.start_s) for number, cue in enumerate(cues) if cue.start_s is not None]
    trusted = _rising((number, start_s) for number, start_s in stated if is_usable(start_s))
    # One time, as at the head of a file, does not say when the rest was spoken.
    timed = len(trusted) > 1 or (len(trusted) == len(paragraphs) == 1)
    return placed(cues, trusted), timed, sorted({number for number, _ in stated} - {number for number, _ in trusted})


def _paragraphs(lines: Sequence[str]) -> Iterator[_Paragraph]:
    bare = sum(_BARE.match(line.strip()) is not None for line in lines) >= _LEAST_BARE
    held = _Paragraph(None, None, [])
    for line in lines:
        for start_s, end_s, text in _stamped(_EMPHASIS.sub(r"\2", line).strip(), bare=bare):
            opens = start_s is not None or not text or speaker_name(text) is not None
            if opens and held.lines:
                yield held
                held = _Paragraph(None, None, [])
            if start_s is not None:
                held = _Paragraph(start_s, end_s, [])
            if text:
                held.lines.append(text)
    if held.lines:
        yield held


def _stamped(line: str, *, bare: bool) -> Iterator[tuple[float | None, float | None, str]]:
    """The stretches of a line, each with the time before it; a heading counts as an empty line."""
    if _HEADING.match(line):
        line = ""
    name_last = _AFTER_NAME.match(line)
    if name_last and speaker_name(f"{name_last.group(1)}:"):
        yield seconds(name_last.group(2)), None, f"{name_last.group(1)}:"
        return
    if bare and (match := _BARE.match(line)):
        yield seconds(match.group(1)), None, line[match.end() :]
        return
    parts = _BRACKETED.split(line)
    if len(parts) == 1:
        yield None, None, line
        return
    head, rest = parts[0].strip(), parts[1:]
    named = head and speaker_name(f"{head.rstrip(':')}:") is not None
    if head and not named:
        yield None, None, head
    for number in range(0, len(rest), 3):
        start, end, text = rest[number], rest[number + 1], rest[number + 2].strip()
        # "MAYA [00:12]: text" and a line of its own "MAYA (00:12)" both name who speaks from there on.
        label = f"{head.rstrip(':')}: " if named and number == 0 else ""
        yield seconds(start), seconds(end) if end else None, f"{label}{text.removeprefix(':').strip()}".strip()


def _cut(paragraph: _Paragraph) -> Iterator[Cue]:
    """A paragraph in pieces that end with a sentence; only the first has its start, only the last its end."""
    pieces: list[str] = []
    for sentence in _SENTENCE_END.split(" ".join(" ".join(paragraph.lines).split())):
        if pieces and len(pieces[-1].split()) + len(sentence.split()) <= _MOST_WORDS:
            pieces[-1] = f"{pieces[-1]} {sentence}"
        else:
            pieces.append(sentence)
    for number, piece in enumerate(pieces):
        start_s = paragraph.start_s if number == 0 else None
        end_s = paragraph.end_s if number == len(pieces) - 1 else None
        yield Cue(start_s, end_s, (Line(piece),))


def _rising(times: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """The longest choice of (number, second) in which no time goes back, so that a few wrong times harm little.

    Source: C. Schensted, Longest increasing and decreasing subsequences, Canadian Journal of Mathematics 13, 1961.
    """
    ends: list[float] = []
    kept: list[tuple[int, float]] = []
    places: list[int] = []
    for number, second in times:
        place = bisect_right(ends, second)
        ends[place : place + 1] = [second]
        kept.append((number, second))
        places.append(place)
    wanted = len(ends) - 1
    chosen: list[tuple[int, float]] = []
    for entry, place in zip(reversed(kept), reversed(places), strict=True):
        if place == wanted:
            chosen.append(entry)
            wanted -= 1
    return chosen[::-1]


def placed(cues: Sequence[Cue], known: Sequence[tuple[int, float]]) -> list[Cue]:
    """The cues with a start each, by the known starts (number of the cue, second)."""
    words = [sum(len(line.text.split()) for line in cue.lines) for cue in cues]
    starts: list[float] = []
    anchors = [(0, 0.0), *known]
    last_number, last_s = anchors[-1]
    anchors.append((len(cues), last_s + sum(words[last_number:]) / WORDS_PER_S))
    for (first, begin_s), (last, end_s) in pairwise(anchors):
        run = range(first, last)
        total = sum(words[number] for number in run)
        spoken_s = reached(total, begin_s, end_s) - begin_s
        spoken = 0
        for number in run:
            starts.append(round(begin_s + spoken_s * spoken / max(total, 1), 3))
            spoken += words[number]
    return [replace(cue, start_s=start_s) for cue, start_s in zip(cues, starts, strict=True)]
