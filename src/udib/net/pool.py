"""One pool of HTTP connections for the whole app, behind the address guard."""

import asyncio
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from udib.core.errors import BadRequestError, NotSentError, UdibError, UnavailableError
from udib.net.guard import AddressGuard, forbidden

# Before these versions Python leaks TLS transports whose peer does not close; later ones warn about the option.
_CLEANUP_CLOSED = sys.version_info < (3, 12, 8) or (3, 13) <= sys.version_info < (3, 13, 1)
_AddressInfo = tuple[
    int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[str, int] | tuple[object, ...]
]


class HTTPConnectionPool:
    """Keeps connections open between requests. It belongs to the event loop of its first use, until it is closed.

    Args:
        limit: Most connections at the same time.
        limit_per_host: Most connections to one host and port.
        ttl_dns_cache: Seconds that a name's addresses are kept.
        timeout: Limits of one request; None: 30 s from start to end.
        guard: Decides which addresses are connected to; None: the open internet only.
    """

    def __init__(
        self,
        limit: int = 100,
        limit_per_host: int = 30,
        ttl_dns_cache: int = 300,
        timeout: aiohttp.ClientTimeout | None = None,
        guard: AddressGuard | None = None,
    ) -> None:
        self._limit = limit
        self._limit_per_host = limit_per_host
        self._ttl_dns_cache = ttl_dns_cache
        self._timeout = timeout or aiohttp.ClientTimeout(total=30)
        self._guard = guard or AddressGuard()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    @asynccontextmanager
    async def get_session(self) -> AsyncGenerator[aiohttp.ClientSession]:
        """The pool's one session; it stays open when the block ends.

        Raises:
            RuntimeError: The pool is closed, or used from a second event loop.
        """
        loop = asyncio.get_running_loop()
        if self._closed:
            raise RuntimeError("the connection pool is closed")
        if self._session is None:  # no await between the look and the assignment: only one session is ever made
            self._loop, self._session = loop, self._new_session()
        elif self._loop is not loop:
            raise RuntimeError("the connection pool belongs to another event loop")
        yield self._session

    async def close(self) -> None:
        """End all connections; requests under way fail. Closing again does nothing."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _new_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=self._limit,
            limit_per_host=self._limit_per_host,
            ttl_dns_cache=self._ttl_dns_cache,
            enable_cleanup_closed=_CLEANUP_CLOSED,
            resolver=GuardedResolver(self._guard),
            socket_factory=self._socket,
        )
        return aiohttp.ClientSession(
            connector=connector, timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )

    def _socket(self, info: _AddressInfo) -> socket.socket:
        """A socket for the address that is connected to next: the place where nothing can change any more."""
        family, kind, protocol, _, address = info
        self._guard.check(str(address[0]), int(str(address[1])))
        return socket.socket(family, kind, protocol)


class GuardedResolver(AbstractResolver):
    """Looks names up and tells the guard, which judges the addresses when they are connected to."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name."""
        found = await self._inner.resolve(host, port, family)
        self._guard.admit(host, port, [each["host"] for each in found])
        return found

    async def close(self) -> None:
        """Nothing is held."""
        await self._inner.close()


@contextmanager
def transport_errors(host: str) -> Generator[None]:
    """Raise a `UdibError` for whatever aiohttp raises. Sentences name the host only: a path or query may be secret."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise _mapped(exc, host) from exc


def _mapped(exc: aiohttp.ClientError | TimeoutError, host: str) -> UdibError:
    match exc:
        case aiohttp.ClientConnectorError(os_error=PermissionError()):
            return forbidden(host)
        case aiohttp.ClientConnectorDNSError():
            return NotSentError(f"The name {host} was not found; check the address and the network.")
        case aiohttp.ClientConnectorError():
            return NotSentError(f"{host} could not be reached, or has no valid certificate ({type(exc).__name__}).")
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | aiohttp.TooManyRedirects():
            return BadRequestError(f"{host} redirects in a circle or to an address that cannot be requested.")
        case TimeoutError():
            return UnavailableError(f"{host} did not answer in time.")
        case _:
            return UnavailableError(f"{host} could not be reached or broke off ({type(exc).__name__}).")
