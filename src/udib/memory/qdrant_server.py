"""Calls to one Qdrant server: made again once where that helps, and by gRPC where much is moved."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, TypeVar

from qdrant_client import AsyncQdrantClient

from udib.core.errors import UnavailableError
from udib.memory.qdrant_endpoint import BusyServerError, ConnectionLostError, Endpoint, NoAnswerError
from udib.memory.qdrant_provider import QdrantConnectionPool

OLDEST_SERVER: Final = (1, 16)  # fusion with k and notes on collections came with it
SCOPED_RARITY: Final = (1, 19)  # older servers ignore the request and count over all tenants
_LONGEST_WAIT_S: Final = 5.0
_REST_FOR_S: Final = 60.0

T = TypeVar("T")
Work = Callable[[AsyncQdrantClient], Awaitable[T]]


class QdrantServer:
    """A server and the ways to it. All that is asked of it here does the same when it is asked twice.

    Args:
        endpoint: The server, by REST.
        pool: Where connections come from.
        grpc_port: Its gRPC port, for calls in bulk; None: REST for everything.
        clock: Seconds that only grow.
    """

    __slots__ = ("_bulk", "_clock", "_endpoint", "_pool", "_rest_until", "_version", "name")

    def __init__(
        self,
        endpoint: Endpoint,
        pool: QdrantConnectionPool,
        *,
        grpc_port: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = endpoint.name
        self._endpoint = endpoint
        self._bulk = None if grpc_port is None else replace(endpoint, grpc_port=grpc_port)
        self._pool = pool
        self._clock = clock
        self._rest_until: float | None = None
        self._version: tuple[int, int] | None = None

    async def call(self, work: Work[T]) -> T:
        """The result of one call by REST, made again once when the connection broke or the server was busy."""
        return await self._repeated(work, self._endpoint)

    async def in_bulk(self, work: Work[T]) -> T:
        """A call that moves many vectors: by gRPC, or for a minute by REST after gRPC could not be reached."""
        if self._rest_until is not None and self._clock() >= self._rest_until:
            self._rest_until = None
        if self._bulk is not None and self._rest_until is None:
            try:
                return await self._repeated(work, self._bulk)
            except NoAnswerError:
                raise
            except ConnectionLostError:
                self._rest_until = self._clock() + _REST_FOR_S
        return await self.call(work)

    async def version(self, *, anew: bool = False) -> tuple[int, int]:
        """The first two numbers of the server's version; `anew`: not what it said before.

        Raises:
            UnavailableError: What it says is no version.
        """
        if self._version is None or anew:
            said = (await self.call(lambda client: client.info())).version
            try:
                major, minor = said.split(".")[:2]
                self._version = int(major), int(minor)
            except ValueError as exc:
                raise UnavailableError(
                    f"The server at {self.name} calls itself version {said[:20]!r}; is it Qdrant?"
                ) from exc
        return self._version

    async def ways(self) -> str:
        """By which ways the server is asked, and what is less than it could be."""
        ways = [self.name]
        if self._bulk is not None:
            self._rest_until = None
            await self.in_bulk(lambda client: client.info())
            reached = self._rest_until is None
            ways.append("gRPC for bulk" if reached else "REST for bulk, because gRPC cannot be reached")
        if await self.version() < SCOPED_RARITY:
            ways.append("rarity of words counted over all tenants, because the server is older than 1.19")
        if self._endpoint.api_key and not self._endpoint.encrypted:
            ways.append("the key is sent without encryption")
        return "; ".join(ways)

    async def _repeated(self, work: Work[T], endpoint: Endpoint) -> T:
        try:
            return await self._once(work, endpoint)
        except NoAnswerError:
            raise
        except ConnectionLostError:
            pass  # the pool waits before it connects again
        except BusyServerError as exc:
            if exc.wait_s > _LONGEST_WAIT_S:
                raise
            await asyncio.sleep(exc.wait_s)
        return await self._once(work, endpoint)

    async def _once(self, work: Work[T], endpoint: Endpoint) -> T:
        async with self._pool.client(endpoint) as client:
            return await work(client)
