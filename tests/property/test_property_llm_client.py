"""Event streams and schemas, whatever they hold and however they are cut."""

import json

from hypothesis import given
from hypothesis import strategies as st

from udib.llm.refusals import read_refusal
from udib.llm.sse import EventParser
from udib.llm.structured import AnswerForm, answer_form, read_answer

ends = st.sampled_from(["\n", "\r\n", "\r"])
texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)


def events_of(stream: bytes) -> list[bytes]:
    """The standard's rules, line by line, over a whole stream."""
    lines = stream.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]
    events, data = [], None
    for line in lines:
        name, colon, value = line.partition(b":")
        if not line and data is not None:
            events.append(data)
            data = None
        elif name == b"data" and line:
            value = value.removeprefix(b" ") if colon else b""
            data = value if data is None else data + b"\n" + value
    return events


def fed(parts: list[bytes]) -> list[bytes]:
    parser = EventParser()
    return [event for part in parts for event in parser.feed(part)]


@given(st.lists(st.lists(texts, min_size=1, max_size=3), max_size=5), ends, st.data())
def test_what_was_sent_comes_out_however_it_was_cut(sent: list[list[str]], end: str, data: st.DataObject) -> None:
    stream = "".join("".join(f"data: {line}{end}" for line in lines) + end for lines in sent).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parts = [stream[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert fed(parts) == ["\n".join(lines).encode() for lines in sent]


@given(st.lists(st.sampled_from([b"\r", b"\n", b"data:", b"data", b" ", b":", b"x", b"\xef\xbb\xbf"]), max_size=30))
def test_any_stream_is_read_by_the_standards_rules(parts: list[bytes]) -> None:
    assert fed(parts) == fed([b"".join(parts)]) == events_of(b"".join(parts))


@given(st.binary(max_size=200), st.integers(300, 599))
def test_any_refusal_has_a_sentence(body: bytes, status: int) -> None:
    assert str(read_refusal(status, body, "k").error("a.example", "m", 1)).endswith(".")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(json_values, st.integers(300, 599))
def test_any_json_is_a_refusal(said: object, status: int) -> None:
    for body in (said, {"error": said}, {"error": {"message": said, "code": said, "metadata": said}}):
        read_refusal(status, json.dumps(body).encode(), "k")


ANY: AnswerForm[dict[str, int]] = answer_form(dict[str, int])


@given(st.dictionaries(st.text(max_size=5), st.integers(-(2**60), 2**60)), texts, st.text(max_size=20))
def test_a_value_is_found_in_a_fence_whatever_stands_around_it(value: dict[str, int], before: str, after: str) -> None:
    before, after = before.replace("`", ""), after.replace("`", "").replace("</think>", "")
    answer = f"{before.replace('{', '').replace('[', '')}\n```json\n{json.dumps(value)}\n```\n{after}"
    assert read_answer(answer, ANY) == value
