"""A transcript as WebVTT, with speakers as voices."""

from udib.core.speech import Segment, Transcript
from udib.delivery.text import clean

_SHORTEST_CUE_S = 0.001


def to_vtt(transcript: Transcript) -> str:
    """The whole transcript as a WebVTT file: one cue a segment, its speaker as a voice tag.

    Source: WebVTT, W3C Candidate Recommendation, sections 4.1 and 4.2.2.
    """
    return "\n\n".join(["WEBVTT", *(_cue(segment) for segment in transcript.segments if clean(segment.text))]) + "\n"


def _cue(segment: Segment) -> str:
    end_s = max(segment.end_s, segment.start_s + _SHORTEST_CUE_S)
    voice = f"<v {_escape(segment.speaker)}>" if segment.speaker else ""
    return f"{_stamp(segment.start_s)} --> {_stamp(end_s)}\n{voice}{_escape(segment.text)}"


def _escape(text: str) -> str:
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(seconds: float) -> str:
    total_ms = max(round(seconds * 1000), 0)
    minutes, ms = divmod(total_ms, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{ms // 1000:02d}.{ms % 1000:03d}"
