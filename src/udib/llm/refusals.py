"""What a model endpoint says when it refuses, and what that means for the caller."""

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from udib.core.errors import (
    BadRequestError,
    ForbiddenError,
    MissingModelError,
    NotSentError,
    RefusedError,
    UdibError,
    UnavailableError,
)
from udib.llm.wire import UNREADABLE

_LONGEST_QUOTE: Final = 200
_STATUS_OF_CODE: Final = {
    "context_length_exceeded": 413,
    "exceed_context_size_error": 413,
    "insufficient_quota": 402,
    "billing_hard_limit_reached": 402,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "rate_limit_exceeded": 429,
}
"""What codes say more exactly than the status beside them."""
_TOO_LONG: Final = re.compile(
    r"context (?:length|window|size)|maximum context|prompt is too long|too many (?:input )?tokens", re.IGNORECASE
)


_Meaning = tuple[type[UdibError], str, str]
"""What the caller may do, what is wrong, and what to do."""
_MEANINGS: Final[dict[int, _Meaning]] = {
    401: (ForbiddenError, "{host} does not accept the API key", "set the right one"),
    402: (ForbiddenError, "{host} wants more credit", "add some, or choose a cheaper model"),
    403: (ForbiddenError, "{host} forbids this request", "look at what the key is allowed"),
    404: (MissingModelError, "{host} knows no model {model!r}, or no such address", "check the name and the base URL"),
    413: (RefusedError, "The request is too long for {model} at {host}", "shorten it, or choose a longer context"),
    429: (NotSentError, "{host} asks for fewer requests", "try again later"),
    503: (NotSentError, "{host} cannot answer now", "try again later, or another model"),
    529: (NotSentError, "{host} has too much to do", "try again later, or another model"),
}
_ELSEWHERE: Final[_Meaning] = (BadRequestError, "{host} sends elsewhere", "set the base URL to the address meant")
_BUSY: Final[_Meaning] = (UnavailableError, "{host} cannot answer now", "try again later, or another model")
_WRONG: Final[_Meaning] = (RefusedError, "{host} does not accept the request", "change it")


@dataclass(frozen=True, slots=True)
class ChatRefusal:
    """An answer that is an error.

    Attributes:
        status: The HTTP status, or the one that the error stands for.
        message: What the endpoint says, on one line, at most 200 characters; may be empty.
    """

    status: int
    message: str = ""

    @property
    def passing(self) -> bool:
        """Whether the same request may be taken the next time."""
        return self.status in {408, 409, 425, 429} or self.status >= 500

    def error(self, host: str, model: str, attempts: int) -> UdibError:
        """The error that it stands for, with a sentence that says what to do.

        Args:
            host: Who refused.
            model: Which model was asked.
            attempts: How often.
        """
        kind, what, remedy = self._meaning()
        often = f", {attempts} times" if attempts > 1 else ""
        # What is said about a wrong key may hold a part of it.
        said = f": {self.message}" if self.message and self.status != 401 else ""
        return kind(f"{what.format(host=host, model=model)} (HTTP {self.status}{often}{said}); {remedy}.")

    def _meaning(self) -> _Meaning:
        if self.status in _MEANINGS:
            return _MEANINGS[self.status]
        if 300 <= self.status < 400:
            return _ELSEWHERE
        return _BUSY if self.passing else _WRONG


def read_refusal(status: int, body: bytes, secret: str) -> ChatRefusal:
    """The refusal that a body of any form stands for.

    Args:
        status: The HTTP status beside it.
        body: JSON of one of the forms in use, or anything.
        secret: The API key; where the endpoint repeats it, it is taken out.
    """
    try:
        said = msgspec.json.decode(body)
    except UNREADABLE:
        said = None
    return refusal_of(status, said, secret)


def refusal_of(status: int, said: Any, secret: str) -> ChatRefusal:  # noqa: ANN401 - any JSON value
    """The refusal that a JSON value stands for: an error, or an object that holds one.

    An error within an answer of status 200 names its own status, or counts as 502: the provider failed after it began.
    """
    error = _error_in(said)
    code, text = error.get("code"), _text_of(error)
    if isinstance(code, str) and len(code) == 3 and code.isascii() and code.isdecimal():
        code = int(code)
    elif code is None:
        code = error.get("type")
    if status < 300:
        status = code if isinstance(code, int) and 400 <= code <= 599 else 502
    if isinstance(code, str):
        status = _STATUS_OF_CODE.get(code, status)
    if status in {400, 422} and _TOO_LONG.search(text):
        status = 413
    if secret:
        text = text.replace(secret, "...")
    line = "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
    return ChatRefusal(status, line if len(line) <= _LONGEST_QUOTE else f"{line[: _LONGEST_QUOTE - 3]}...")


def _error_in(said: Any) -> dict[str, Any]:  # noqa: ANN401
    """The object that describes the error, in the forms of OpenAI, Google (a list), FastAPI, LM Studio (a text)."""
    if isinstance(said, list) and said:
        said = said[0]
    if isinstance(said, dict):
        inner = said.get("error", said)
        return inner if isinstance(inner, dict) else {"message": inner}
    return {"message": said}


def _text_of(error: dict[str, Any]) -> str:
    """The sentence of an error; what the provider behind a gateway said goes before what the gateway says of it."""
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    for text in (raw, error.get("message"), error.get("detail")):
        if isinstance(text, str) and text.strip():
            return text
    return ""
