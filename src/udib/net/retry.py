"""Requests that try again where that is safe, and give the whole answer."""

import asyncio
import email.utils
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random, SystemRandom
from urllib.parse import urlsplit

import aiohttp

from udib.core.errors import BadRequestError
from udib.net.guard import check_address
from udib.net.pool import HTTPConnectionPool, transport_errors
from udib.net.status import status_error

_MAX_BYTES = 16 * 2**20
_CHUNK = 2**16
_UNSENT = (aiohttp.ClientConnectorError,)
_UNANSWERED = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When and how often a request is made again.

    The wait before attempt n + 1 is drawn evenly from the upper half of `base_s * backoff_factor ** (n - 1)`; what a
    server asks for in Retry-After goes before it. No wait is longer than `longest_s` seconds.
    """

    max_attempts: int = 3
    backoff_factor: float = 2.0
    retryable_statuses: frozenset[int] = frozenset({429, 502, 503, 504})
    base_s: float = 0.5
    longest_s: float = 60.0
    rng: Random = field(default_factory=SystemRandom, compare=False)
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, compare=False)
    clock: Callable[[], float] = field(default=time.time, compare=False)

    def wait_s(self, attempt: int, retry_after: str | None = None) -> float:
        """Seconds to wait after attempt number `attempt` (from 1) failed."""
        asked = parse_retry_after(retry_after, self.clock()) if retry_after else None
        if asked is not None:
            return min(asked, self.longest_s)
        full: float = min(self.base_s * self.backoff_factor ** (attempt - 1), self.longest_s)
        return full * (0.5 + self.rng.random() / 2)


@dataclass(frozen=True, slots=True)
class HTTPResponse:
    """A whole answer. `url` is where it came from after redirects; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str] | None
    body: bytes | None
    max_bytes: int
    retryable_statuses: frozenset[int]
    retryable_errors: tuple[type[Exception], ...]
    redirects: bool = False

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


async def resilient_get(
    pool: HTTPConnectionPool,
    url: str,
    *,
    retry: RetryPolicy,
    max_bytes: int = _MAX_BYTES,
    headers: Mapping[str, str] | None = None,
    redirects: bool = True,
) -> HTTPResponse:
    """GET an address, following redirects, and again after a passing failure.

    Args:
        pool: Whose connections are used.
        url: An http(s) address.
        retry: When to try again.
        max_bytes: Longest body, after decompression.
        headers: Sent beside the usual ones.
        redirects: Whether they are followed; not where a header holds a key, which is for one server alone.

    Raises:
        BadRequestError: The address is wrong, the server says so (3xx, 4xx), or the body is longer than `max_bytes`.
        ForbiddenError: 401, 403, or a private address.
        UnavailableError: No attempt brought an answer, or the last one was 429 or 5xx.
    """
    statuses = retry.retryable_statuses
    request = _Request("GET", url, headers, None, max_bytes, statuses, _UNANSWERED, redirects)
    return await _send(pool, request, retry)


async def resilient_post(
    pool: HTTPConnectionPool,
    url: str,
    body: bytes,
    *,
    retry: RetryPolicy,
    max_bytes: int = _MAX_BYTES,
    headers: Mapping[str, str] | None = None,
) -> HTTPResponse:
    """POST a body, and again only where the server cannot have acted on it: no connection was made, or it said 429.

    Redirects are not followed. Arguments and errors are those of `resilient_get`; name the content type in `headers`.
    """
    statuses = retry.retryable_statuses & {429}
    return await _send(pool, _Request("POST", url, headers, body, max_bytes, statuses, _UNSENT), retry)


async def _send(pool: HTTPConnectionPool, request: _Request, retry: RetryPolicy) -> HTTPResponse:
    check_address(request.url)
    attempt = 1
    while True:
        with transport_errors(request.host):
            try:
                response = await _once(pool, request)
                asked = response.headers.get("retry-after")
                again = response.status in request.retryable_statuses
            except request.retryable_errors as exc:
                refused = isinstance(exc, aiohttp.ClientConnectorError) and isinstance(exc.os_error, PermissionError)
                if refused or attempt >= retry.max_attempts:
                    raise
                asked, again = None, True
        if not again or attempt >= retry.max_attempts:
            return _accepted(response, request)
        await retry.sleep(retry.wait_s(attempt, asked))
        attempt += 1


async def _once(pool: HTTPConnectionPool, request: _Request) -> HTTPResponse:
    async with (
        pool.get_session() as session,
        session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            allow_redirects=request.redirects,
        ) as response,
    ):
        # What an error page says is of no use, so it is not read.
        body = await _read(response, request) if response.status < 400 else b""
        headers = {name.lower(): value for name, value in response.headers.items()}
        return HTTPResponse(response.status, headers, body, str(response.url))


async def _read(response: aiohttp.ClientResponse, request: _Request) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > request.max_bytes:
            raise BadRequestError(f"The answer of {request.host} is longer than {request.max_bytes:,} bytes.")
    return bytes(body)


def _accepted(response: HTTPResponse, request: _Request) -> HTTPResponse:
    if response.status < 300 or (request.redirects and response.status < 400):
        return response
    raise status_error(response.status, request.host)


def parse_retry_after(value: str, now: float) -> float | None:
    """Seconds that a Retry-After header asks to wait, from a number or a date (RFC 9110, 10.2.3); None: unreadable.

    Args:
        value: The header.
        now: Seconds since the epoch.
    """
    value = value.strip()
    if value.isascii() and value.replace(".", "", 1).isdigit():  # Discord sends fractions
        return float(value)
    try:
        then = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(then.timestamp() - now, 0.0)
