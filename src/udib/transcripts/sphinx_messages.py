"""What `SphinxTranscriber` and its child processes say to each other: msgpack, each message after its length."""

import struct
from typing import Final

import msgspec

LENGTH: Final = struct.Struct(">I")


class Start(msgspec.Struct, tag=True):
    """The recording is open; `duration_s` is what the file says."""

    duration_s: float | None


class Stretch(msgspec.Struct, tag=True):
    """A stretch of speech: 16-bit mono samples at 16 kHz and their place in the recording, in seconds."""

    start_s: float
    end_s: float
    pcm: bytes


class End(msgspec.Struct, tag=True):
    """The recording is over; `length_s` was decoded."""

    length_s: float


class Refusal(msgspec.Struct, tag=True):
    """The recording cannot be used; a sentence for the user."""

    message: str


class Heard(msgspec.Struct, array_like=True):
    """A word with its time in seconds from the start of its stretch."""

    text: str
    start_s: float
    end_s: float


FromCutter = Start | Stretch | End | Refusal


def framed(data: bytes) -> bytes:
    """A message as it goes over a stream."""
    return LENGTH.pack(len(data)) + data


def packed(message: FromCutter | list[Heard]) -> bytes:
    """A message of a child, ready to be sent."""
    return framed(msgspec.msgpack.encode(message))
