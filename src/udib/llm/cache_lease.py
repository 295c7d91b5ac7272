"""One process asks, the others wait: a lease on a question, in the store that all of them share."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeVar

from udib.core.errors import ForbiddenError, UnavailableError
from udib.core.ports import KeyValueStore

T = TypeVar("T")

AWAY: Final = (UnavailableError, ForbiddenError)
"""What a store raises while it cannot be used; a server that refuses the password is one of these."""

_FIRST_WAIT_S: Final = 0.01
_LONGEST_WAIT_S: Final = 0.25


@asynccontextmanager
async def leased(
    store: KeyValueStore, key: str, *, lease_s: float, look: Callable[[], Awaitable[T | None]]
) -> AsyncGenerator[T | None]:
    """Hold the lease on a question inside the block, or get what its holder found.

    The holder renews the lease while its block lasts. When it ends without an answer that can be kept, or its process
    dies, those who waited get None and no lease: each then asks for itself, rather than one after the other.

    Args:
        store: Where leases are. While it is away there are none.
        key: Of the question.
        lease_s: After so many seconds the lease of a process that died is void.
        look: Looks whether an answer is there.
    """
    if await _take(store, key, lease_s):
        renewal = asyncio.create_task(_renew(store, key, lease_s))
        try:
            # What another process found between this one's look and its lease.
            yield await look()
        finally:
            renewal.cancel()
            await asyncio.wait([renewal])
            with suppress(*AWAY):
                await store.delete(key)
    else:
        yield await _await(store, key, look)


async def _take(store: KeyValueStore, key: str, lease_s: float) -> bool:
    try:
        return await store.set_if_absent(key, b"", ttl_s=lease_s)
    except AWAY:
        return True


async def _renew(store: KeyValueStore, key: str, lease_s: float) -> None:
    while True:
        await asyncio.sleep(lease_s / 3)
        with suppress(*AWAY):
            await store.set(key, b"", ttl_s=lease_s)


async def _await(store: KeyValueStore, key: str, look: Callable[[], Awaitable[T | None]]) -> T | None:
    wait_s = _FIRST_WAIT_S
    while True:
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        try:
            held = await store.get(key) is not None
        except AWAY:
            held = False
        # Looked for after the lease: the holder keeps its answer first and gives up the lease then.
        found = await look()
        if found is not None or not held:
            return found
