"""A transcript as WebVTT, with speakers as voices, and back."""

import html
import re
from dataclasses import dataclass

from udib.core.corrected import names_of
from udib.core.corrections import WHO_SAID_WHAT
from udib.core.findings import Report
from udib.core.speech import Segment, Transcript
from udib.delivery.corrections import listed
from udib.delivery.text import clean

_SHORTEST_CUE_S = 0.001
_STAMP = r"(\d+):(\d\d):(\d\d\.\d{3})"
_VOICE = re.compile(r"^<v [^>]*>", re.MULTILINE)
_CUE = re.compile(rf"\A{_STAMP} --> {_STAMP}\n(?:<v ([^>]*)>)?(.*)")


@dataclass(frozen=True, slots=True)
class WrittenCue:
    """What was said from when to when, and by whom if that is known."""

    start_s: float
    end_s: float
    speaker: str | None
    text: str


def to_vtt(transcript: Transcript) -> str:
    """The whole transcript as a WebVTT file: one cue a segment, its speaker as a voice tag.

    Source: WebVTT, W3C Candidate Recommendation, sections 4.1 and 4.2.2.
    """
    return "\n\n".join(["WEBVTT", *(_cue(segment) for segment in transcript.segments if clean(segment.text))]) + "\n"


def read_cues(written: str) -> tuple[WrittenCue, ...]:
    """The cues of a text that `to_vtt` wrote."""
    found = (_CUE.fullmatch(block.strip("\n")) for block in written.split("\n\n"))
    return tuple(
        WrittenCue(
            _second(each[1], each[2], each[3]),
            _second(each[4], each[5], each[6]),
            html.unescape(each[7]) if each[7] else None,
            html.unescape(each[8]),
        )
        for each in found
        if each is not None
    )


def under_right_names(written: str, report: Report) -> str:
    """A text that `to_vtt` wrote, with the names that readers gave as voices, and a note on top that says so.

    The words stay as they are; what readers say of them stands in the note.
    """
    notes = [_escape(listed(made)) for made in report.corrections if made.applies and made.kind in WHO_SAID_WHAT]
    if not notes or not written:
        return written
    voices = {f"<v {_escape(label)}>": f"<v {_escape(name)}>" for label, name in names_of(report.corrections).items()}
    head, *cues = written.split("\n\n")
    renamed = [_VOICE.sub(lambda found: voices.get(found[0], found[0]), cue, count=1) for cue in cues]
    return "\n\n".join([head, "\n".join(["NOTE", *notes]), *renamed])


def _cue(segment: Segment) -> str:
    end_s = max(segment.end_s, segment.start_s + _SHORTEST_CUE_S)
    voice = f"<v {_escape(segment.speaker)}>" if segment.speaker else ""
    return f"{_stamp(segment.start_s)} --> {_stamp(end_s)}\n{voice}{_escape(segment.text)}"


def _escape(text: str) -> str:
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _second(hours: str, minutes: str, seconds: str) -> float:
    return round(int(hours) * 3600 + int(minutes) * 60 + float(seconds), 3)


def _stamp(seconds: float) -> str:
    total_ms = max(round(seconds * 1000), 0)
    minutes, ms = divmod(total_ms, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{ms // 1000:02d}.{ms % 1000:03d}"
