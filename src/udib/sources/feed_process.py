"""The parent's side of the child that reads a feed: one child a document."""

import asyncio
import contextlib
import os
import signal
import sys
from typing import Final

import msgspec

from udib.core.errors import BadRequestError, UnavailableError
from udib.sources.feed_protocol import MEMORY_EXIT, FetchedFeed, ReadFeed

_WORKER: Final = "udib.sources.feed_worker"
_DEADLINE_S: Final = 60.0
_EXPLODES: Final = "The feed needs more memory or time than one may use; it cannot be read."


async def read_document(document: FetchedFeed) -> ReadFeed:
    """What a document is, and holds.

    Raises:
        BadRequestError: It needs too much of this machine, or crashes what reads it.
        UnavailableError: No process can be started.
    """
    environment = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONUTF8": "1"}
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", _WORKER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
    except OSError as exc:
        raise UnavailableError(f"The process that reads feeds cannot be started: {exc.strerror}.") from exc
    try:
        async with asyncio.timeout(_DEADLINE_S):
            told, _ = await process.communicate(msgspec.msgpack.encode(document))
    except TimeoutError as exc:
        raise BadRequestError(_EXPLODES) from exc
    finally:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            process.kill()
        code = await process.wait()
    if code in {MEMORY_EXIT, -signal.SIGXCPU, -signal.SIGKILL}:
        raise BadRequestError(_EXPLODES)
    if code != 0:
        raise BadRequestError(f"The feed cannot be read: what reads it ended with code {code}.")
    return msgspec.json.decode(told, type=ReadFeed)
