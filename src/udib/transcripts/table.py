"""Transcripts as tables: columns start, end, speaker and text, separated by commas, tabs or semicolons."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from udib.core.errors import BadRequestError
from udib.transcripts.blocks import seconds
from udib.transcripts.cues import Cue, Line

_COLUMNS: Mapping[str, Sequence[str]] = {
    "start": ("start", "start_s", "start_time", "begin", "from", "time", "timestamp"),
    "end": ("end", "end_s", "end_time", "stop", "to"),
    "speaker": ("speaker", "speaker_label", "name", "who"),
    "text": ("text", "transcript", "content", "sentence", "caption", "words"),
}
_SEPARATORS = (",", "\t", ";")
_SLOWEST_WORDS_PER_S = 0.1
"""Whisper writes milliseconds: whole numbers by which, read as seconds, hardly a word would be spoken."""


def is_table(text: str) -> bool:
    """Whether the first line names a column of text and one of times."""
    return _names(text.partition("\n")[0]) is not None


def parse_table(text: str, hint: str) -> list[Cue]:
    """One cue a row.

    Raises:
        BadRequestError: A row cannot be split into its columns.
    """
    names, separator = _names(text.partition("\n")[0]) or ([], ",")
    # A quotation mark inside tab-separated text is one; tabs never are part of the text there.
    quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" else csv.QUOTE_MINIMAL
    file = io.StringIO(text, newline="")
    try:
        rows = list(csv.reader(file, delimiter=separator, quoting=quoting, strict=True))[1:]
    except csv.Error as exc:
        raise BadRequestError(f"{hint} cannot be read as a table: {exc}.") from exc
    found = [dict(zip(names, row, strict=False)) for row in rows if any(row)]
    unit = 0.001 if _in_milliseconds(found) else 1.0
    return [
        Cue(
            _time(row.get("start"), unit),
            _time(row.get("end"), unit),
            (Line(row.get("text", ""), row.get("speaker", "").strip() or None),),
        )
        for row in found
    ]


def _names(line: str) -> tuple[list[str], str] | None:
    """The columns of a head line by our names, others as they are, and the separator; None if it is no head."""
    for separator in _SEPARATORS:
        listed = [name.strip().strip('"').casefold().replace(" ", "_") for name in line.split(separator)]
        ours = [next((one for one, known in _COLUMNS.items() if name in known), name) for name in listed]
        if {"start", "text"} <= set(ours):
            return ours, separator
    return None


def _in_milliseconds(rows: Sequence[Mapping[str, str]]) -> bool:
    stamps = [stamp for row in rows for stamp in _stamps(row)]
    if not stamps or not all(stamp.isdecimal() for stamp in stamps):
        return False
    words = sum(len(row.get("text", "").split()) for row in rows)
    return words < _SLOWEST_WORDS_PER_S * (max(map(float, stamps)) - min(map(float, stamps)))


def _stamps(row: Mapping[str, str]) -> Iterator[str]:
    return (stamp for name in ("start", "end") if (stamp := row.get(name, "").strip()))


def _time(stamp: str | None, unit: float) -> float | None:
    """Second of a stamp; NaN if it cannot be read."""
    if stamp is None or not stamp.strip():
        return None
    second = seconds(stamp.strip())
    return math.nan if second is None else round(second * unit, 3)
