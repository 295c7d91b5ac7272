"""What `SphinxTranscriber` and its child processes say to each other: msgpack, each message after its length."""

import msgspec

from udib.core.child import framed


class Start(msgspec.Struct, tag=True):
    """The recording is open; `duration_s` and `language` are what the file says."""

    duration_s: float | None
    language: str | None


class Stretch(msgspec.Struct, tag=True):
    """A stretch of speech: 16-bit mono samples at 16 kHz and their place in the recording, in seconds."""

    start_s: float
    end_s: float
    pcm: bytes


class Busy(msgspec.Struct, tag=True):
    """There was no speech for a while, but the work goes on."""


class End(msgspec.Struct, tag=True):
    """The recording is over; `length_s` was decoded, and `losses` are parts of a sentence on what was not."""

    length_s: float
    losses: list[str]


class Refusal(msgspec.Struct, tag=True):
    """The recording cannot be used; a sentence for the user."""

    message: str


class Heard(msgspec.Struct, array_like=True):
    """A word with its time in seconds from the start of its stretch, and its posterior probability in [0, 1]."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None


FromCutter = Start | Stretch | Busy | End | Refusal


def packed(message: FromCutter | list[Heard]) -> bytes:
    """A message of a child, ready to be sent."""
    return framed(msgspec.msgpack.encode(message))
