"""POST requests whose answer is read as it comes: to servers that think long and explain their refusals."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp

from udib.core.errors import NotSentError, UnavailableError
from udib.net.guard import check_address
from udib.net.pool import HTTPConnectionPool, transport_errors
from udib.net.retry import RetryPolicy

_REFUSAL_BYTES: Final = 2**16


@dataclass(frozen=True, slots=True)
class Exchange:
    """One POST and its bounds.

    Attributes:
        url: An http(s) address; redirects are not followed.
        body: Sent as it is.
        headers: Sent beside the usual ones; they name the content type.
        max_bytes: Longest body of an answer.
        connect_s: Longest time until a connection is made.
        silence_s: Longest time in which nothing comes, before the status line and after it; None: no bound.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    max_bytes: int
    connect_s: float
    silence_s: float | None = None

    @property
    def host(self) -> str:
        """Host and port, if one is named."""
        return urlsplit(self.url).netloc


class HTTPStream:
    """An answer whose status and headers are there and whose body is still to be read, within its block.

    A body that is not read to its end costs the connection.

    Attributes:
        status: The HTTP status.
        headers: Names are found in any case.
        refusal: Of a status from 400 on, the body's first 64 KB; the body cannot be read any more.
        attempts: How many requests were made.
        lost: Of them, those that the server may have acted on although no answer of it came.
    """

    __slots__ = ("_host", "_max_bytes", "_response", "_taken", "attempts", "headers", "lost", "refusal", "status")

    def __init__(self, exchange: Exchange, response: aiohttp.ClientResponse, attempts: int) -> None:
        self._host = exchange.host
        self._max_bytes = exchange.max_bytes
        self._response = response
        self._taken = 0
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self.refusal = b""
        self.attempts = attempts
        self.lost = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def chunk(self) -> bytes:
        """What has come since, at least one byte; empty when the body is over.

        Raises:
            UnavailableError: The connection broke off, was silent too long, or the body is too long.
        """
        with transport_errors(self._host):
            chunk = await self._response.content.readany()
        self._taken += len(chunk)
        if self._taken > self._max_bytes:
            raise self._too_long(self._max_bytes)
        return chunk

    async def read(self, most_bytes: int | None = None) -> bytes:
        """The rest of the body. Errors are those of `chunk`; `most_bytes` is a bound of its own."""
        body = bytearray()
        while chunk := await self.chunk():
            body += chunk
            if most_bytes is not None and len(body) > most_bytes:
                raise self._too_long(most_bytes)
        return bytes(body)

    async def read_refusal(self) -> None:
        """Take in what the server says to a status from 400 on."""
        said = bytearray()
        try:
            while len(said) < _REFUSAL_BYTES and (chunk := await self._response.content.readany()):
                said += chunk
        except (aiohttp.ClientError, TimeoutError):
            pass  # the status says enough; what came of the explanation is kept
        self.refusal = bytes(said[:_REFUSAL_BYTES])

    def close(self) -> None:
        """Give the connection back, or end it if there is more of the body."""
        self._response.release()

    def _too_long(self, most_bytes: int) -> UnavailableError:
        return UnavailableError(f"The answer of {self._host} is longer than {most_bytes:,} bytes.")


async def open_post(
    pool: HTTPConnectionPool,
    exchange: Exchange,
    *,
    retry: RetryPolicy,
    deadline: float,
    passing: Callable[[HTTPStream], bool],
) -> HTTPStream:
    """POST, and again while no answer has begun and it may help. Whatever the status of the last answer, it is given.

    Unlike `resilient_post` this is for requests that have no effect but a bill: they are repeated after a connection
    that broke off before the status line, too. They are not repeated after a silence: the server may still be at work,
    and would be at work twice.

    Args:
        pool: Whose connections are used.
        exchange: What is sent.
        retry: How often and after which waits.
        deadline: The event loop's time after which no further attempt is begun.
        passing: Whether an answer with a status from 400 on may be another one the next time.

    Raises:
        BadRequestError: The address is wrong.
        ForbiddenError: It is a private one.
        UnavailableError: No attempt brought an answer, or one was lost that may be billed and the last was turned away;
            `NotSentError` only if none may be billed.
    """
    check_address(exchange.url)
    attempt, doubtful = 0, list[UnavailableError]()
    while True:
        attempt += 1
        lost, asked = None, None
        try:
            answer = await _attempt(pool, exchange, attempt)
        except UnavailableError as exc:
            if _was_silent(exc):
                raise
            lost = exc
            doubtful += [] if isinstance(exc, NotSentError) else [exc]
        else:
            answer.lost = len(doubtful)
            if answer.status < 400 or not passing(answer):
                return answer
            asked = answer.headers.get("retry-after")
        wait_s = retry.wait_s(attempt, asked)
        if attempt >= retry.max_attempts or asyncio.get_running_loop().time() + wait_s >= deadline:
            if doubtful:
                raise doubtful[0]
            if lost is not None:
                raise lost
            return answer
        await retry.sleep(wait_s)


async def _attempt(pool: HTTPConnectionPool, exchange: Exchange, number: int) -> HTTPStream:
    limits = aiohttp.ClientTimeout(total=None, sock_connect=exchange.connect_s, sock_read=exchange.silence_s)
    with transport_errors(exchange.host):
        async with pool.get_session() as session:
            response = await session.post(
                exchange.url, data=exchange.body, headers=exchange.headers, timeout=limits, allow_redirects=False
            )
    answer = HTTPStream(exchange, response, number)
    if answer.status >= 400:
        with answer:  # what it says is all in `refusal`
            await answer.read_refusal()
    return answer


def _was_silent(exc: UnavailableError) -> bool:
    cause = exc.__cause__
    return isinstance(cause, TimeoutError) and not isinstance(cause, aiohttp.ConnectionTimeoutError)
