"""What the store process and its clients say to each other: length-prefixed msgpack frames over a Unix socket.

A client opens with `Hello`, the process answers `Welcome`; then calls and replies, matched by number, in any order.
"""

import socket
import struct
import sys
from array import array
from collections.abc import Collection, Iterable
from typing import Final, Protocol

import msgspec

from udib.memory.conditions import Selection

PROTOCOL: Final = 3
LARGEST_FRAME: Final = 128 * 2**20
_LENGTH: Final = struct.Struct("!I")


class Hello(msgspec.Struct, frozen=True):
    """A client introduces itself. Every version of the protocol can read it."""

    protocol: int
    udib: str


class Welcome(msgspec.Struct, frozen=True):
    """The answer to `Hello`. Not `accepted`: another version; `ending`: and the process makes way for the client's."""

    protocol: int
    udib: str
    pid: int
    accepted: bool
    ending: bool = False


class WirePoint(msgspec.Struct, frozen=True, array_like=True):
    """A point: `vector` and `weights` are packed 32-bit floats, `term_ids` packed 32-bit numbers, `payload` is JSON."""

    id: str
    vector: bytes
    term_ids: bytes
    weights: bytes
    payload: bytes


class WireHit(msgspec.Struct, frozen=True, array_like=True):
    """A point found, with the scope it is stored under."""

    id: str
    score: float
    similarity: float
    tenant: str
    workspace: str
    payload: dict[str, object]
    term_score: float | None = None


class WirePage(msgspec.Struct, frozen=True, array_like=True):
    """What `Scroll` answers: points with the scope they are stored under, and where the next page begins."""

    points: list[WirePoint]
    following: str | None


class WireCollection(msgspec.Struct, frozen=True, array_like=True):
    """A collection, as `Collections` lists it."""

    name: str
    model_id: str
    dimension: int


class WireUsage(msgspec.Struct, frozen=True, array_like=True):
    """How many points a scope has."""

    tenant: str
    workspace: str
    points: int


class StoreState(msgspec.Struct, frozen=True, array_like=True):
    """What `Ping` answers. `points` counts those of the collections that are open."""

    pid: int
    collections: int
    points: int


class Ensure(msgspec.Struct, frozen=True, array_like=True, tag="ensure"):
    """Make a collection if it is missing. Answer: None."""

    collection: str
    model_id: str
    dimension: int


class Collections(msgspec.Struct, frozen=True, array_like=True, tag="collections"):
    """Answer: a list of `WireCollection`, by name."""


class Drop(msgspec.Struct, frozen=True, array_like=True, tag="drop"):
    """Remove a collection if it has just so many points. Answer: whether it was removed."""

    collection: str
    expected: int


class Upsert(msgspec.Struct, frozen=True, array_like=True, tag="upsert"):
    """Write points of one scope. Answer: None."""

    collection: str
    tenant: str
    workspace: str
    points: list[WirePoint]


class Search(msgspec.Struct, frozen=True, array_like=True, tag="search"):
    """Answer: a list of `WireHit`, best first."""

    collection: str
    where: Selection
    vector: bytes
    term_ids: bytes
    weights: bytes
    limit: int
    explain: bool = False


class Scroll(msgspec.Struct, frozen=True, array_like=True, tag="scroll"):
    """Answer: a `WirePage` of at most `limit` points whose ids are not smaller than `after`."""

    collection: str
    where: Selection
    after: str | None
    limit: int


class Facet(msgspec.Struct, frozen=True, array_like=True, tag="facet"):
    """Answer: a dictionary of values of a field and how many points have each."""

    collection: str
    where: Selection
    field: str
    limit: int


class Usage(msgspec.Struct, frozen=True, array_like=True, tag="usage"):
    """Answer: a list of `WireUsage`, of one tenant or of all."""

    collection: str
    tenant: str | None


class Count(msgspec.Struct, frozen=True, array_like=True, tag="count"):
    """Answer: how many points meet the selection."""

    collection: str
    where: Selection


class Delete(msgspec.Struct, frozen=True, array_like=True, tag="delete"):
    """Remove points from index and disk. Answer: how many."""

    collection: str
    where: Selection


class Remove(msgspec.Struct, frozen=True, array_like=True, tag="remove"):
    """Remove the points of a scope that have one of these ids, from index and disk. Answer: how many."""

    collection: str
    tenant: str
    workspace: str
    ids: list[str]


class Optimize(msgspec.Struct, frozen=True, array_like=True, tag="optimize"):
    """Rearrange a collection for speed. Answer: None."""

    collection: str


class Copy(msgspec.Struct, frozen=True, array_like=True, tag="copy"):
    """Copy everything, as it is now, into a new folder. Answer: None."""

    folder: str


class Ping(msgspec.Struct, frozen=True, array_like=True, tag="ping"):
    """Answer: a `StoreState`."""


Request = (
    Ensure
    | Collections
    | Drop
    | Upsert
    | Search
    | Scroll
    | Facet
    | Usage
    | Count
    | Delete
    | Remove
    | Optimize
    | Copy
    | Ping
)


class Call(msgspec.Struct, frozen=True, array_like=True):
    """A request with the number that its reply will carry."""

    number: int
    request: Request


class Reply(msgspec.Struct, frozen=True, array_like=True):
    """The answer to a call: `status` is a `udib.core.errors.Status`, `error` one sentence when it is not "ok"."""

    number: int
    value: msgspec.Raw
    status: str = "ok"
    error: str = ""


class FrameError(ValueError):
    """The other side sent what no version of udib sends."""


class Frames:
    """Cuts a stream of bytes into frames."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterable[bytes]:
        """The frames that are complete with `data`.

        Raises:
            FrameError: A frame is announced that is larger than 128 MiB.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > LARGEST_FRAME:
                raise FrameError(f"a frame of {length} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield frame


def frame(message: msgspec.Struct) -> bytes:
    """A message as it goes over the socket."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


def packed(numbers: Collection[float]) -> bytes:
    """32-bit floats as bytes. A number too large for them becomes infinite.

    Raises:
        TypeError: One of them is no number.
    """
    if isinstance(numbers, array):
        return array("f", numbers).tobytes()
    try:
        return struct.pack(f"{len(numbers)}f", *numbers)
    except struct.error as exc:
        raise TypeError(str(exc)) from exc


def unpacked(data: bytes) -> list[float]:
    """The floats of `packed`."""
    numbers = array("f")
    numbers.frombytes(data)
    return numbers.tolist()


def packed_ids(numbers: Iterable[int]) -> bytes:
    """Unsigned 32-bit numbers as bytes."""
    return array("I", numbers).tobytes()


def unpacked_ids(data: bytes) -> list[int]:
    """The numbers of `packed_ids`."""
    numbers = array("I")
    numbers.frombytes(data)
    return numbers.tolist()


class _Socket(Protocol):
    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...


def peer_uid(connection: _Socket) -> int:
    """The user at the other end of a Unix socket."""
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int(struct.unpack("3i", credentials)[1])
    # macOS and the BSDs: LOCAL_PEERCRED gives a struct xucred, which starts with a version and the user.
    return int(struct.unpack_from("2I", connection.getsockopt(0, 1, 76))[1])
