"""The parser of event streams, by the examples and rules of the standard."""

import pytest

from udib.llm.sse import EventParser


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: one\n\n", [b"one"]),
        (b"data: one\r\n\r\ndata: two\r\n\r\n", [b"one", b"two"]),
        (b"data: one\r\rdata: two\r\r", [b"one", b"two"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\n\ndata\ndata\n\ndata:", [b"", b"\n"]),
        (b"data:no blank\n\ndata:  two blanks\n\n", [b"no blank", b" two blanks"]),
        (b": a comment\n\nevent: x\nid: 1\nretry: 5\ndata: one\n\n", [b"one"]),
        (b":\n\n: again\n\n", []),
        (b"database: no\ndata : no\n data: no\n\n", []),
        (b"\xef\xbb\xbfdata: one\n\n", [b"one"]),
        (b"\n\n\ndata: one\n\n\n\n", [b"one"]),
        (b"data: unfinished\n", []),
        (b"data: unfinished", []),
        (b"", []),
    ],
)
def test_events_end_with_a_blank_line(stream: bytes, events: list[bytes]) -> None:
    assert EventParser().feed(stream) == events


def test_a_line_may_end_between_two_chunks() -> None:
    parser = EventParser()
    assert parser.feed(b"data: one\r") == []
    assert parser.feed(b"\n") == []
    assert parser.feed(b"\r") == [b"one"]
    assert parser.feed(b"\ndata: two\n\n") == [b"two"]


def test_a_byte_order_mark_may_come_in_parts() -> None:
    parser = EventParser()
    assert [parser.feed(part) for part in (b"\xef", b"\xbb\xbfdata: ", b"one\n\n")] == [[], [], [b"one"]]


def test_a_long_line_in_small_parts_is_no_work() -> None:
    """If each part cost a copy of the line so far, this would run into the time limit of a test."""
    parser = EventParser()
    for _ in range(200_000):
        parser.feed(b"xxxxxxxxxx")
    assert parser.feed(b"\n\n") == []


def test_what_has_no_end_yet_is_counted() -> None:
    parser = EventParser()
    parser.feed(b"data: ab\ndata\ndata: c")
    assert parser.held_bytes == len(b"data: abdatadata: c")
    assert parser.feed(b"\n\nx") == [b"ab\n\nc"]
    assert parser.held_bytes == 1
