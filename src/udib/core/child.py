"""What every child process of ours does: reads its orders, ends with its parent, and keeps to its processor time."""

import math
import os
import queue
import resource
import threading
import time
from typing import BinaryIO, Final

LENGTH_BYTES: Final = 4
"""Each message comes after its length, in so many bytes, big-endian."""


def framed(body: bytes) -> bytes:
    """A message as it goes through a pipe."""
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def orders(stream: BinaryIO) -> "queue.SimpleQueue[bytes]":
    """The messages of the parent, taken in by a thread, which ends this process when the parent is gone.

    The pipe closes however the parent ends, `kill -9` included, and whatever this process is doing then.
    """
    taken: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(stream, taken), daemon=True).start()
    return taken


def limit_cpu(seconds: int) -> None:
    """Let the process be killed after so many more seconds of processor time; what it used before does not count."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, hard))


def limit_memory(size: int) -> None:
    """Limit the memory that is really used. RLIMIT_AS would count what a JavaScript runtime only reserves."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (size, hard))


def _listen(stream: BinaryIO, taken: "queue.SimpleQueue[bytes]") -> None:
    while (body := read_body(stream)) is not None:
        taken.put(body)
    os._exit(0)


def read_body(stream: BinaryIO) -> bytes | None:
    """The next message from a blocking stream; None: the other side is gone."""
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    length = int.from_bytes(head, "big")
    body = stream.read(length)
    return body if len(body) == length else None
