"""A Qdrant server as it is named in the settings, and its errors in our words.

Every foreign error is mapped here: whoever calls a client does so within `server_errors`.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import msgspec
from grpc import StatusCode
from grpc.aio import AioRpcError
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from udib.core.errors import BadRequestError, ForbiddenError, UdibError, UnavailableError

_LONGEST_REASON: Final = 200
_WAIT_S: Final = 0.2  # after an error of the server that names no time
_HEADER: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is and how it is spoken to: whatever makes two connections differ.

    Attributes:
        url: Its address, such as "https://host:6333"; without a port, 6333.
        api_key: What lets us in.
        grpc_port: Its gRPC port, for a connection that uses gRPC; None for one that uses REST.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)
    grpc_port: int | None = None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable:
            raise BadRequestError(
                "The address of the Qdrant server (memory.qdrant_url) begins with http:// or https:// and names a "
                "host, such as http://127.0.0.1:6333."
            )
        if parts.username or parts.password or parts.query or parts.fragment:
            raise BadRequestError(
                "The address of the Qdrant server (memory.qdrant_url) holds more than a host, a port and a path; a key "
                "belongs into memory.qdrant_api_key."
            )
        if self.api_key is not None and not _HEADER.fullmatch(self.api_key):
            raise BadRequestError("The key of the Qdrant server is empty or holds a space or a letter outside ASCII.")

    @property
    def name(self) -> str:
        """How messages call the server."""
        parts = urlsplit(self.url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{parts.scheme}://{host}:{self.grpc_port or parts.port or 6333}"

    @property
    def encrypted(self) -> bool:
        """Whether what is sent, the key included, is encrypted."""
        return self.url.startswith("https://")


class ConnectionLostError(UnavailableError):
    """No connection, or one that broke: whether the server did what was asked is unknown."""


class NoAnswerError(ConnectionLostError):
    """The server did not answer in time; asking again at once would only double its work."""


class BusyServerError(UnavailableError):
    """The server answers, and cannot do it now. `wait_s`: when it may be asked again."""

    def __init__(self, message: str, wait_s: float) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class NotThereError(BadRequestError):
    """The server has no such collection."""


@contextmanager
def server_errors(endpoint: Endpoint) -> Generator[None]:
    """Say in one sentence, without the key, what the server or the way to it could not do."""
    server = f"The Qdrant server at {endpoint.name}"
    try:
        yield
    except UnexpectedResponse as exc:
        raise _refused(server, exc.status_code or 0, _reason(exc.content, endpoint)) from exc
    except ResourceExhaustedResponse as exc:
        raise BusyServerError(f"{server} wants fewer requests; try again later.", exc.retry_after_s) from exc
    except AioRpcError as exc:
        raise _grpc_error(server, exc.code(), _clean(exc.details() or "", endpoint)) from exc
    except TimeoutError as exc:
        raise NoAnswerError(f"{server} did not answer in time; try again later, or see what it is busy with.") from exc
    except ResponseHandlingException as exc:
        if not isinstance(exc.source, ValueError):
            raise ConnectionLostError(
                f"{server} cannot be reached ({type(exc.source).__name__}); start it, or correct memory.qdrant_url."
            ) from exc
        raise _unreadable(server) from exc
    except QdrantException as exc:
        raise _unreadable(server) from exc
    except (ValueError, AssertionError) as exc:  # an answer that is no JSON, or has no result in it
        raise _unreadable(server) from exc


def _unreadable(server: str) -> UnavailableError:
    return UnavailableError(f"{server} gave an answer that is none of Qdrant's; is something else at this address?")


def _refused(server: str, status: int, reason: str) -> UdibError:
    busy = f"{server} failed with status {status}{reason}; try again later."
    match status:
        case HTTPStatus.NOT_FOUND if "ollection" in reason:
            return NotThereError(f"{server} has no such collection.")
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return _forbidden(server)
        case HTTPStatus.REQUEST_TIMEOUT | HTTPStatus.GATEWAY_TIMEOUT:
            error: UdibError = NoAnswerError(busy)
        case HTTPStatus.TOO_MANY_REQUESTS:
            error = BusyServerError(f"{server} wants fewer requests; try again later.", _WAIT_S)
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            error = BusyServerError(busy, _WAIT_S)
        case _ if reason:
            error = BadRequestError(f"{server} refused the request with status {status}{reason}.")
        case _:
            error = BadRequestError(
                f"{server} answered with status {status}; is memory.qdrant_url the address of a Qdrant server?"
            )
    return error


def _grpc_error(server: str, code: StatusCode, reason: str) -> UdibError:
    match code:
        case StatusCode.NOT_FOUND:
            return NotThereError(f"{server} has no such collection.")
        case StatusCode.UNAUTHENTICATED | StatusCode.PERMISSION_DENIED:
            return _forbidden(server)
        case StatusCode.INVALID_ARGUMENT | StatusCode.ALREADY_EXISTS | StatusCode.FAILED_PRECONDITION:
            return BadRequestError(f"{server} refused the request{reason}.")
        case StatusCode.DEADLINE_EXCEEDED:
            return NoAnswerError(f"{server} did not answer in time; try again later, or see what it is busy with.")
        case StatusCode.UNAVAILABLE:
            return ConnectionLostError(f"{server} cannot be reached by gRPC; start it, or correct its gRPC port.")
    return BusyServerError(f"{server} failed with {code.name}{reason}; try again later.", _WAIT_S)


def _forbidden(server: str) -> ForbiddenError:
    return ForbiddenError(
        f"{server} does not accept the key; set memory.qdrant_api_key to one that may read and write."
    )


def _reason(content: bytes, endpoint: Endpoint) -> str:
    """What Qdrant says in its `{"status": {"error": ...}}`; empty when the answer is not of that form."""
    try:
        error = msgspec.json.decode(content)["status"]["error"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""
    return _clean(str(error), endpoint)


def _clean(text: str, endpoint: Endpoint) -> str:
    """The server's words as the end of a sentence of ours."""
    if endpoint.api_key:
        text = text.replace(endpoint.api_key, "[key]")
    text = " ".join(text.split()).rstrip(".!")
    return f" ({text[:_LONGEST_REASON]})" if text else ""
