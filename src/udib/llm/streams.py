"""Streams of answers that wrap each other."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext

from udib.core.chat import Completion

Pieces = AsyncIterator[str | Completion]


def read_through(pieces: Pieces) -> AbstractAsyncContextManager[Pieces]:
    """A stream that is ended with the block that reads it, also if a reader leaves half-way.

    Python would end it at some later time, and until then the provider goes on writing what nobody reads.
    """
    return aclosing(pieces) if isinstance(pieces, AsyncGenerator) else nullcontext(pieces)
