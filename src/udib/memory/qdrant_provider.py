"""Connections to Qdrant servers: one healthy client for each server and way of speaking to it, shared by all callers.

A client is judged by how its calls end. One whose connection broke is closed when its last caller has left, and the
next caller gets a new one, after a pause that grows with each failure. Clients that nobody used for a minute are
probed in the background, so that a server's restart is noticed before a user waits for it.
"""

import asyncio
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random, SystemRandom
from typing import Final

import httpx
from qdrant_client import AsyncQdrantClient

from udib.core.errors import UdibError, UnavailableError
from udib.memory.qdrant_endpoint import ConnectionLostError, Endpoint, server_errors

HEALTH_CHECK_INTERVAL_S: Final = 60.0
_PROBE_TIMEOUT_S: Final = 5.0
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 2.0
_CONNECTIONS: Final = 20  # of one client; with HTTP/1.1 each carries one request at a time

Connect = Callable[[Endpoint, float], Awaitable[AsyncQdrantClient]]
_Key = tuple[Endpoint, asyncio.AbstractEventLoop]


@dataclass(frozen=True, slots=True)
class Timing:
    """The clock, the pauses and the chance that the pool goes by."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    rng: Random = field(default_factory=SystemRandom, compare=False)


async def connect(endpoint: Endpoint, timeout_s: float) -> AsyncQdrantClient:
    """A client for a server. It talks to nobody else: no version check, no proxy of the environment.

    A key goes in as a header, because the client warns about a key without TLS at every connection; `udib doctor` says
    it once.
    """
    # Reading the certificates that the system trusts takes a while. Without TLS there is nobody to be trusted.
    trust = ssl.create_default_context if endpoint.encrypted else _trusting_nobody
    verify = await asyncio.to_thread(trust)
    return AsyncQdrantClient(
        url=endpoint.url,
        headers={"api-key": endpoint.api_key} if endpoint.api_key else None,
        prefer_grpc=endpoint.grpc_port is not None,
        grpc_port=endpoint.grpc_port or 6334,
        grpc_options={"grpc.enable_http_proxy": 0},
        timeout=max(1, round(timeout_s)),
        check_compatibility=False,
        # By default a client of 127.0.0.1 would make a connection for each request.
        limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
        trust_env=False,
        verify=verify,
    )


def _trusting_nobody() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Connection:
    """A client and what is known of it."""

    __slots__ = ("client", "failures", "healthy", "heard_at", "loop", "retired", "users")

    def __init__(self, client: AsyncQdrantClient, loop: asyncio.AbstractEventLoop, failures: int, now: float) -> None:
        self.client = client
        self.loop = loop
        self.failures = failures  # in a row, those of earlier clients of the same server included
        self.heard_at = now
        self.healthy = True
        self.retired = False
        self.users = 0

    def failed(self) -> None:
        """The connection broke. Of many callers at once, the first one counts."""
        if self.healthy:
            self.healthy = False
            self.failures += 1

    def answered(self, now: float) -> None:
        """The server answered, be it with an error."""
        self.failures = 0
        self.heard_at = now


class QdrantConnectionPool:
    """Shared clients, at most `max_size`; when there are more, the one that was unused for longest is closed.

    Safe to use from several threads, each with its own event loop: a client belongs to one loop. The lock guards
    dictionaries only and is never held while anything is waited for.

    Args:
        max_size: Most clients at the same time.
        timeout: Seconds for one call, from start to end.
        connect: What makes a client.
        timing: The clock, the pauses and the chance that the pool goes by.
    """

    def __init__(
        self, max_size: int = 10, timeout: float = 30.0, *, connect: Connect = connect, timing: Timing | None = None
    ) -> None:
        self.max_size = max_size
        self.timeout = timeout
        self._connect = connect
        self._timing = timing or Timing()
        self._clients: OrderedDict[_Key, _Connection] = OrderedDict()
        self._making: dict[_Key, asyncio.Task[None]] = {}
        self._watches: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
        self._lock = threading.Lock()
        self._health_check_interval = HEALTH_CHECK_INTERVAL_S
        self._last_health_check = self._timing.now()

    async def get_client(
        self, url: str, api_key: str | None = None, *, grpc_port: int | None = None
    ) -> AsyncQdrantClient:
        """The shared client for a server. Ask again for each piece of work: the pool may replace and close it.

        Raises:
            BadRequestError: The address or the key cannot be used.
            UnavailableError: All clients are in use.
        """
        connection = await self._take(Endpoint(url, api_key, grpc_port))
        connection.users -= 1
        return connection.client

    @asynccontextmanager
    async def client(self, endpoint: Endpoint) -> AsyncGenerator[AsyncQdrantClient]:
        """The shared client for one call. How the call ends is noted, and its errors come out in our words.

        Raises:
            UnavailableError: The server cannot be reached, is too slow or too busy; or all clients are in use.
            ForbiddenError: The server does not accept the key.
            BadRequestError: The server refuses what is asked.
        """
        connection = await self._take(endpoint)
        try:
            with server_errors(endpoint):
                async with asyncio.timeout(self.timeout):
                    yield connection.client
        except ConnectionLostError:
            connection.failed()
            raise
        except UdibError:
            connection.answered(self._timing.now())
            raise
        else:
            connection.answered(self._timing.now())
        finally:
            connection.users -= 1
            if connection.retired and not connection.users:
                await self._close(connection)

    async def close_all(self) -> None:
        """Close every client and stop the probes. Safe to repeat; whoever asks afterwards gets a new client."""
        with self._lock:
            connections, tasks = list(self._clients.values()), [*self._making.values(), *self._watches.values()]
            self._clients.clear()
            self._making.clear()
            self._watches.clear()
        here = asyncio.get_running_loop()
        for task in tasks:
            if task.get_loop() is here:
                task.cancel()
            elif task.get_loop().is_running():
                task.get_loop().call_soon_threadsafe(task.cancel)
        await asyncio.wait([task for task in tasks if task.get_loop() is here] or [asyncio.create_task(_nothing())])
        for connection in connections:
            await self._close(connection)

    async def _take(self, endpoint: Endpoint) -> _Connection:
        """A healthy connection with one user more. While one is being made, all who want it wait for that one."""
        loop = asyncio.get_running_loop()
        key = (endpoint, loop)
        while True:
            with self._lock:
                connection = self._clients.get(key)
                if connection is not None and connection.healthy:
                    connection.users += 1
                    self._clients.move_to_end(key)
                    return connection
                making = self._making.get(key)
                if making is None:
                    making = self._making[key] = loop.create_task(self._make(key))
            await _shared(making)

    async def _make(self, key: _Key) -> None:
        endpoint, loop = key
        gone: list[_Connection] = []
        try:
            with self._lock:
                old = self._clients.get(key)
                gone += self._room_for(key)
                if loop not in self._watches:
                    self._watches[loop] = loop.create_task(self._watch())
            failures = 0 if old is None else old.failures
            if failures:
                await self._timing.sleep(self._pause_s(failures))
            client = await self._connect(endpoint, self.timeout)
            with self._lock:
                gone += [old] if (old := self._clients.pop(key, None)) else []
                self._clients[key] = _Connection(client, loop, failures, self._timing.now())
        finally:
            with self._lock:
                self._making.pop(key, None)
            for connection in gone:
                await self._retire(connection)

    def _room_for(self, key: _Key) -> list[_Connection]:
        """Take out what makes room for a new client, the longest unused first; those of ended loops go anyway."""
        ended = [each for each in self._clients if each[1].is_closed()]
        gone = [self._clients.pop(each) for each in ended]
        for loop in [each for each in self._watches if each.is_closed()]:
            del self._watches[loop]
        while key not in self._clients and len(self._clients) >= self.max_size:
            idle = next((each for each, connection in self._clients.items() if not connection.users), None)
            if idle is None:
                raise UnavailableError(f"All {self.max_size} connections to Qdrant servers are in use; try again.")
            gone.append(self._clients.pop(idle))
        return gone

    def _pause_s(self, failures: int) -> float:
        """How long to wait before a new connection: after each failure twice as long, up to 2 s, and not all alike."""
        longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10))
        return longest * self._timing.rng.uniform(0.5, 1.0)

    async def _retire(self, connection: _Connection) -> None:
        """Close a connection that is out of the pool, at once or when its last user leaves."""
        connection.retired = True
        if not connection.users:
            await self._close(connection)

    @staticmethod
    async def _close(connection: _Connection) -> None:
        """Close a client in its own loop; of a loop that has ended nothing is left to be closed."""
        if connection.loop is asyncio.get_running_loop():
            await connection.client.close()
        elif connection.loop.is_running():
            closing = asyncio.run_coroutine_threadsafe(connection.client.close(), connection.loop)
            await asyncio.wrap_future(closing)

    async def _watch(self) -> None:
        """Probe from time to time, not all processes at the same moment."""
        while True:
            await self._timing.sleep(self._health_check_interval * self._timing.rng.uniform(0.9, 1.1))
            await self._perform_health_check()

    async def _perform_health_check(self) -> None:
        """Probe the clients of this loop that nobody has heard from for an interval; close those that are dead."""
        now = self._last_health_check = self._timing.now()
        loop = asyncio.get_running_loop()
        with self._lock:
            quiet = [
                (key, connection)
                for key, connection in self._clients.items()
                if key[1] is loop and not connection.users and now - connection.heard_at >= self._health_check_interval
            ]
        for key, connection in quiet:
            if await self._is_client_healthy(connection.client):
                connection.answered(self._timing.now())
                continue
            connection.failed()
            with self._lock:
                if self._clients.get(key) is connection:
                    del self._clients[key]
            await self._retire(connection)

    async def _is_client_healthy(self, client: AsyncQdrantClient) -> bool:
        """Whether the server answers a question that costs it nothing."""
        try:
            with server_errors(_SOME_SERVER):
                async with asyncio.timeout(_PROBE_TIMEOUT_S):
                    await client.info()
        except UnavailableError:
            return False
        except UdibError:  # it answers, even if not to us
            return True
        return True


async def _shared(making: asyncio.Task[None]) -> None:
    """Wait for a connection that others wait for too: one caller's cancellation is not that of the others."""
    try:
        await asyncio.shield(making)
    except asyncio.CancelledError:
        me = asyncio.current_task()
        if me is not None and me.cancelling():
            raise
        raise UnavailableError("The connections to Qdrant servers were closed in the meantime.") from None


async def _nothing() -> None:
    """A task that is over at once: `asyncio.wait` refuses to wait for none."""


_SOME_SERVER: Final = Endpoint("http://localhost")
"""For probes, whose errors nobody reads."""
_pool: Final = QdrantConnectionPool()


async def get_qdrant_client(url: str, api_key: str | None = None) -> AsyncQdrantClient:
    """The process's shared client for a server, for scripts; the product's own pool lives as long as its app."""
    return await _pool.get_client(url, api_key)
