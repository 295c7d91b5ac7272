"""What endpoints say when they refuse, in the forms that they use."""

import json

import pytest

from udib.core.errors import ForbiddenError, RefusedError, UdibError, UnavailableError
from udib.llm.refusals import ChatRefusal, read_refusal


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"error": {"message": "No such thing", "type": "invalid_request_error", "param": None, "code": None}},
            "No such thing",
        ),
        ({"error": {"message": "Provider returned error", "code": 400, "metadata": {"raw": "bad seed"}}}, "bad seed"),
        ({"error": "model is not loaded"}, "model is not loaded"),
        ([{"error": {"code": 400, "message": "API key not valid", "status": "INVALID_ARGUMENT"}}], "API key not valid"),
        ({"object": "error", "message": "wrong temperature", "code": 400}, "wrong temperature"),
        ({"detail": "Not acceptable"}, "Not acceptable"),
        ({"detail": [{"loc": ["body"], "input": "what the user wrote"}]}, ""),
        ("plain", "plain"),
        ([], ""),
        (None, ""),
        (7, ""),
    ],
)
def test_the_message_is_found(body: object, message: str) -> None:
    assert read_refusal(400, json.dumps(body).encode(), "") == ChatRefusal(400, message)


@pytest.mark.parametrize("body", [b"", b"<html>502 Bad Gateway</html>", b"\xff\xfe", b'"\xff"', b"[" * 100_000])
def test_what_is_no_json_says_nothing(body: bytes) -> None:
    assert read_refusal(502, body, "") == ChatRefusal(502)


@pytest.mark.parametrize(
    ("status", "code", "message", "meant"),
    [
        (400, "context_length_exceeded", "", 413),
        (400, None, "This model's maximum context length is 8192 tokens.", 413),
        (400, "exceed_context_size_error", "request (9000 tokens) exceeds the available context size", 413),
        (400, None, "The seed is wrong.", 400),
        (429, "insufficient_quota", "", 402),
        (404, "model_not_found", "", 404),
        (200, 429, "", 429),
        (200, "429", "", 429),
        (200, "rate_limit_exceeded", "", 429),
        (200, "server_error", "", 502),
        (200, None, "", 502),
        (200, 200, "", 502),
        (200, "9" * 5000, "", 502),
    ],
)
def test_a_code_may_say_more_than_the_status(status: int, code: object, message: str, meant: int) -> None:
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    assert read_refusal(status, body, "").status == meant


def test_a_message_is_one_short_line_without_the_secret() -> None:
    body = json.dumps({"error": {"message": f"Key\x1b[31m sk-1\n\n is {'wrong ' * 100}"}}).encode()
    message = read_refusal(400, body, "sk-1").message
    assert message.startswith("Key [31m ... is wrong")
    assert len(message) == 200
    assert message.isprintable()


@pytest.mark.parametrize(
    ("status", "error", "passing"),
    [
        (402, ForbiddenError, False),
        (408, UnavailableError, True),
        (409, UnavailableError, True),
        (418, RefusedError, False),
        (504, UnavailableError, True),
        (599, UnavailableError, True),
    ],
)
def test_a_status_becomes_what_the_caller_may_do(status: int, error: type[UdibError], passing: bool) -> None:
    refusal = ChatRefusal(status, "because {x}")
    told = refusal.error("a.example", "m/{y}", 1)
    assert (type(told), refusal.passing) == (error, passing)
    assert f"(HTTP {status}: because {{x}}); " in str(told)
