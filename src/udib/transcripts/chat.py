"""Chat logs as people paste them: who wrote what on which day at which time."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from udib.transcripts.cues import LATEST_S, Cue, Line

_DAY = r"(?:(?P<a>\d{1,4})[/.\-](?P<b>\d{1,2}|[A-Za-z]{3})[/.\-](?P<c>\d{2,4})|(?P<near>[Tt]oday|[Yy]esterday))"
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?"
_HALF = r"\s?(?P<half>[AaPp])\.?[Mm]\.?"
# Without a day, "8:05" would be a time from the start of a recording.
_WHENS = (rf"{_DAY}(?:,?\s+(?:at\s+)?|T){_CLOCK}(?:{_HALF})?", rf"{_CLOCK}{_HALF}")
_NAME = r"(?P<name>[^\s:\[\]][^:\n]{0,60}?)"
_SHORT_NAME = r"(?P<name>[^\s:\[\]<][^\s:]*(?: [^\s:]+){0,2})"
_HEADS = tuple(
    re.compile(pattern)
    for when in _WHENS
    for pattern in (
        rf"^\[{when}\]\s*{_SHORT_NAME}$",
        rf"^\[{when}\]\s*{_NAME}\s*:\s*(?P<text>.*)",
        rf"^\[{when}\]\s*<(?P<name>[^<>]+)>\s*(?P<text>.*)",
        rf"^{_NAME}\s+[\u2013\u2014-]\s+{when}$",
        rf"^{when}\s+-\s+{_NAME}:\s+(?P<text>.*)",
    )
)
_NAME_ABOVE = re.compile(
    r"\n[ \t]*(?=[\u2013\u2014] (?:\d|[Tt]oday|[Yy]esterday)[^\n]*\d(?:\s?[AaPp][Mm])?[ \t]*(?:\n|\Z))"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FEWEST = 2
_CENTURY = 2000
_AFTERNOON = 12
_SOME_DAY = datetime(2000, 1, 2)  # noqa: DTZ001 - only differences count


@dataclass(slots=True)
class _Message:
    head: re.Match[str] | None
    lines: list[str] = field(default_factory=list)


def parse_chat(text: str) -> list[Cue] | None:
    """One cue a message, with its writer as speaker and its second counted from the first message.

    None if the text is no chat log. In a log of more than 100 hours no cue has a time.
    """
    messages = list(_messages(text))
    heads = [message.head for message in messages if message.head is not None]
    if len(heads) < _FEWEST and not (heads and messages[0].head is not None):
        return None
    seconds = iter(_seconds(heads))
    return [
        Cue(
            None if message.head is None else next(seconds),
            None,
            tuple(Line(line, None if message.head is None else message.head["name"].strip()) for line in message.lines),
        )
        for message in messages
    ]


def _messages(text: str) -> Iterator[_Message]:
    held = _Message(None)
    for line in _NAME_ABOVE.sub(" ", text.replace("\r\n", "\n")).split("\n"):
        head = next((match for pattern in _HEADS if (match := pattern.match(line.strip()))), None)
        if head is None:
            held.lines.append(line)
            continue
        if any(map(str.strip, held.lines)):
            yield held
        held = _Message(head, [head.groupdict().get("text") or ""])
    if any(map(str.strip, held.lines)):
        yield held


def _seconds(heads: Sequence[re.Match[str]]) -> list[float | None]:
    """Seconds from the first message. 3/4 is March 4th, unless the times rise or exist only as April 3rd."""
    possible: list[list[float | None]] = []
    for day_first in (False, True):
        try:
            times = [_time(head, day_first=day_first) for head in heads]
        except ValueError:
            continue
        offsets = [(time - times[0]).total_seconds() for time in times]
        if max(offsets) <= LATEST_S:
            possible.insert(0 if offsets == sorted(offsets) else len(possible), list(offsets))
    return possible[0] if possible else [None] * len(heads)


def _time(head: re.Match[str], *, day_first: bool) -> datetime:
    hour = int(head["hour"])
    if head["half"]:
        hour = hour % _AFTERNOON + _AFTERNOON * (head["half"].lower() == "p")
    second = int(head["second"] or 0)
    clock = timedelta(hours=hour, minutes=int(head["minute"]), seconds=second)
    return _day(head.groupdict(), day_first=day_first) + clock


def _day(parts: dict[str, str | None], *, day_first: bool) -> datetime:
    """The day of a message.

    Raises:
        ValueError: There is no such day.
    """
    a, b, c = parts.get("a"), parts.get("b"), parts.get("c")
    if a is None or b is None or c is None:
        return _SOME_DAY - timedelta(days=(parts.get("near") or "").lower() == "yesterday")
    if b.isalpha():
        month = _MONTHS.index(b.lower()) + 1
        return datetime(int(c) % 100 + _CENTURY, month, int(a))  # noqa: DTZ001 - only differences count
    if len(a) > 2:
        return datetime(int(a), int(b), int(c))  # noqa: DTZ001 - only differences count
    day, month = (int(a), int(b)) if day_first else (int(b), int(a))
    return datetime(int(c) % 100 + _CENTURY, month, day)  # noqa: DTZ001 - only differences count
