"""Bytes by key, with expiry, in a Redis or Valkey server that several machines share."""

import asyncio
import math
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from redis import exceptions as refusals
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from udib.core.errors import BadRequestError, ForbiddenError, UdibError, UnavailableError
from udib.core.types import Health
from udib.storage.faults import unhealthy
from udib.storage.kv import nested, whole_number

_NAME: Final = "Redis"
_BATCH: Final = 500
_LARGEST: Final = 2**62
"""Beyond it a counter no longer fits the server's own arithmetic, and is added to here."""

TIMEOUT_S: Final = 0.5
CONNECTIONS: Final = 32


class RedisServer:
    """A server, and one pool of connections to it for each event loop, opened by the first call.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, with user and password if it wants them, and the database.
        timeout_s: Longest wait for a connection, and for each answer.
        connections: Most connections of one loop; further calls wait for one.

    Raises:
        BadRequestError: The address is none of a Redis server.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S, connections: int = CONNECTIONS) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._connections = connections
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Redis] = WeakKeyDictionary()
        self.place = _place(url)

    def client(self) -> Redis:
        """The client of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = Redis.from_pool(self._pool())
        return self._clients[loop]

    async def close(self) -> None:
        """Close the running loop's connections. Safe to repeat; the next call opens them again."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    @contextmanager
    def faults(self) -> Generator[None]:
        """Say what the server's refusals, and its silence, mean."""
        try:
            yield
        except (refusals.AuthenticationError, refusals.AuthorizationError, refusals.NoPermissionError) as exc:
            raise ForbiddenError(
                f"The Redis server at {self.place} refuses the user or password; correct them in its address."
            ) from exc
        except (
            refusals.ConnectionError,  # also of a server that is still loading, and of a pool that stays empty
            refusals.TimeoutError,
            refusals.ReadOnlyError,
            refusals.OutOfMemoryError,
            refusals.ClusterDownError,
            refusals.TryAgainError,
            OSError,
        ) as exc:
            raise UnavailableError(
                f"The Redis server at {self.place} cannot be used now ({_reason(exc)}); see that it runs and has room."
            ) from exc

    def _pool(self) -> BlockingConnectionPool:
        return BlockingConnectionPool.from_url(
            self._url,
            max_connections=self._connections,
            timeout=self._timeout_s,
            socket_timeout=self._timeout_s,
            socket_connect_timeout=self._timeout_s,
            # Once more at once, for a connection that the server closed while nobody looked.
            retry=Retry(NoBackoff(), 1, supported_errors=(refusals.ConnectionError,)),
        )


@dataclass(frozen=True, slots=True)
class RedisKeyValueStore:
    """A `KeyValueStore` on a `RedisServer`. Keys expire by the server's clock, to the millisecond.

    `namespace` is the first part of every key: what another product keeps on the same server is not touched.
    """

    server: RedisServer = field(repr=False)
    namespace: str = nested("", "udib")

    async def ping(self) -> Health:
        """Whether the server answers, with its version and memory."""
        try:
            with self.server.faults():
                found: dict[str, Any] = await self.server.client().info()
        except UdibError as exc:
            return unhealthy(_NAME, exc)
        used = found.get("used_memory", 0) / 1e6
        detail = f"{self.server.place}, version {found.get('redis_version', 'unknown')}, {used:.1f} MB in use"
        return Health(_NAME, ok=True, detail=detail)

    async def get(self, key: str) -> bytes | None:
        """The value, or None if it is absent or expired."""
        with self.server.faults():
            return _bytes(await self.server.client().get(self._name(key)))

    async def set(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        """Store a value; `ttl_s` in seconds, None for ever."""
        with self.server.faults():
            await self.server.client().set(self._name(key), value, px=_milliseconds(ttl_s))

    async def set_if_absent(self, key: str, value: bytes, *, ttl_s: float | None = None) -> bool:
        """Store a value unless one is there; returns whether it was stored. Atomic across processes."""
        with self.server.faults():
            return bool(await self.server.client().set(self._name(key), value, px=_milliseconds(ttl_s), nx=True))

    async def increment(self, key: str, by: int = 1, *, ttl_s: float | None = None) -> int:
        """Add to a counter, kept as decimal digits; `ttl_s` counts from its first use. Atomic across processes.

        Raises:
            BadRequestError: The key holds something else than a whole number.
        """
        name = self._name(key)
        with self.server.faults():
            if abs(by) < _LARGEST:
                async with self.server.client().pipeline(transaction=True) as batch:
                    batch.set(name, 0, px=_milliseconds(ttl_s), nx=True)
                    batch.incrby(name, by)
                    try:
                        return int((await batch.execute())[1])
                    except refusals.ResponseError as exc:
                        if "not an integer" not in str(exc) and "overflow" not in str(exc):
                            raise
            return await self._add(name, key, by, ttl_s)

    async def delete(self, key: str) -> bool:
        """Remove a key; returns whether it was there."""
        with self.server.faults():
            return bool(await self.server.client().delete(self._name(key)))

    def with_namespace(self, name: str) -> "RedisKeyValueStore":
        """A view in which every key is below `name`."""
        return replace(self, namespace=nested(self.namespace, name))

    async def clear(self) -> int:
        """Remove all keys of this view and of the views below it, in small steps that let other clients through.

        They are gone from the server's memory; its own files, if it writes any, hold them until it rewrites them.
        """
        client, removed = self.server.client(), 0
        with self.server.faults():
            pending: list[bytes] = []
            async for name in client.scan_iter(match=_escaped(self.namespace) + b"*", count=_BATCH):
                pending.append(name)
                if len(pending) == _BATCH:
                    removed += int(await client.unlink(*pending))
                    pending = []
            if pending:
                removed += int(await client.unlink(*pending))
        return removed

    async def _add(self, name: bytes, key: str, by: int, ttl_s: float | None) -> int:
        """The sum of numbers of any size: read, added to, and written if nobody wrote meanwhile."""
        async with self.server.client().pipeline(transaction=True) as batch:
            while True:
                await batch.watch(name)
                value = _bytes(await batch.get(name))
                total = whole_number(key, value) + by
                batch.multi()  # type: ignore[no-untyped-call]
                batch.set(
                    name, b"%d" % total, keepttl=value is not None, px=_milliseconds(ttl_s) if not value else None
                )
                try:
                    await batch.execute()
                except refusals.WatchError:
                    continue
                return total

    def _name(self, key: str) -> bytes:
        # A namespace's parts begin with their length, so that none of them can be taken for the stroke and the key.
        return f"{self.namespace}/{key}".encode()


def _bytes(value: bytes | str | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def _milliseconds(ttl_s: float | None) -> int | None:
    return None if ttl_s is None else max(1, math.ceil(ttl_s * 1000))


def _escaped(text: str) -> bytes:
    """A text that a pattern of Redis takes for itself."""
    return "".join(f"\\{char}" if char in "\\*?[]^" else char for char in text).encode()


def _reason(exc: Exception) -> str:
    if isinstance(exc, refusals.TimeoutError | TimeoutError):
        return "no answer in time"
    return " ".join(str(exc).split()).rstrip(".") or type(exc).__name__


def _place(url: str) -> str:
    """Where a server is, without the password."""
    wrong = BadRequestError(
        "The address of the Redis server is none; write redis://HOST:PORT/0, rediss:// for TLS, or unix://PATH."
    )
    try:
        parts = urlsplit(url)
        where = parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"
        BlockingConnectionPool.from_url(url)
    except ValueError as exc:
        raise wrong from exc
    if not (parts.hostname or parts.scheme == "unix"):
        raise wrong
    return where
