"""The error tree, by what the caller may do about it.

    UdibError                    something intended went wrong; do not retry
    +-- UnavailableError         try again later
    |   +-- NotSentError         nothing was done, so that even an effect may be tried again
    +-- BadRequestError          change the request
    |   +-- RefusedError         it was looked at elsewhere, and would be refused again
    |   +-- MissingModelError    the model is not there, though another may be
    +-- ForbiddenError           not allowed
        +-- BudgetExceededError  not affordable

Foreign errors are mapped to these where the foreign library is touched. Anything else that is raised is a bug.
"""

from enum import StrEnum
from typing import ClassVar


class Status(StrEnum):
    """How a step, a job or a command ended."""

    OK = "ok"
    SKIPPED = "skipped"
    FAILED = "failed"
    RETRYABLE = "retryable"
    BAD_REQUEST = "bad_request"
    FORBIDDEN = "forbidden"


class UdibError(Exception):
    """An intended failure. Its text is one sentence for the user: what was wrong and what to do."""

    status: ClassVar[Status] = Status.FAILED


class UnavailableError(UdibError):
    """A server, file or process is not to be had right now; the same call may work later."""

    status = Status.RETRYABLE


class NotSentError(UnavailableError):
    """A request certainly had no effect: no connection was made, or the server turned it away for now."""


class BadRequestError(UdibError):
    """The input cannot be used as it is."""

    status = Status.BAD_REQUEST


class RefusedError(BadRequestError):
    """A model's provider refuses the request for what is in it, and would refuse it again as it is."""


class MissingModelError(BadRequestError):
    """The provider has no model of that name, now. It may have it later, and another model may answer already."""


class ForbiddenError(UdibError):
    """The caller may not do this."""

    status = Status.FORBIDDEN


class BudgetExceededError(ForbiddenError):
    """The call would cost more than the tenant's cap allows."""


def error_for(status: Status, message: str) -> UdibError:
    """The error that a failed result stands for, to be raised again."""
    match status:
        case Status.RETRYABLE:
            return UnavailableError(message)
        case Status.BAD_REQUEST:
            return BadRequestError(message)
        case Status.FORBIDDEN:
            return ForbiddenError(message)
        case _:
            return UdibError(message)
