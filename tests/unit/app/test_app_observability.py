"""What reaches the log."""

import json

import pytest
import structlog

from udib.app.observability import configure_logging


def break_over(transcript: str) -> None:
    raise ValueError(len(transcript))


def test_a_bug_is_logged_without_the_words_that_were_in_work(capsys: pytest.CaptureFixture[str]) -> None:
    before = structlog.get_config()
    configure_logging("warning")
    try:
        try:
            break_over("a secret that was said")
        except ValueError as exc:
            structlog.get_logger().error("jobs.bug", exc_info=exc)
    finally:
        structlog.configure(**before)
    [line] = capsys.readouterr().err.splitlines()
    [error] = json.loads(line)["exception"]
    assert (error["exc_type"], error["frames"][-1]["name"]) == ("ValueError", "break_over")
    assert "secret" not in line
