"""Broken times are repaired, rolling lines are said once, bytes of any encoding are read."""

from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.errors import BadRequestError
from udib.core.speech import Origin, Transcript
from udib.transcripts.captions import decode, parse
from udib.transcripts.cues import Cue, Line, in_order

Times = tuple[float | None, float | None]


@pytest.mark.parametrize(
    ("given_times", "repaired"),
    [
        ([(1, 2), (3, 4)], [(1, 2), (3, 4)]),
        ([(3, 4), (1, 2)], [(1, 2), (3, 4)]),
        ([(1, 5), (3, 4)], [(1, 3), (3, 4)]),
        ([(2, 1), (3, 4)], [(2, 3), (3, 4)]),
        ([(1, None), (3, None)], [(1, 3), (3, 4)]),
        ([(None, 2), (3, 4)], [(0, 2), (3, 4)]),
        ([(1, 2), (None, 5), (6, 7)], [(1, 2), (2, 5), (6, 7)]),
        ([(1, 3), (1, 4), (2, 3)], [(1, 2), (1, 2), (2, 3)]),
        ([(None, 2), (None, None)], []),
    ],
)
def test_times_are_put_in_order(given_times: list[Times], repaired: list[Times]) -> None:
    cues = in_order([Cue(start, end, (Line("word"),)) for start, end in given_times])
    assert [(cue.start_s, cue.end_s) for cue in cues] == repaired


second = st.none() | st.floats(0, 1e5)


@given(st.lists(st.tuples(second, second), max_size=30))
def test_repaired_times_rise_and_no_cue_is_lost(times: list[Times]) -> None:
    cues = in_order([Cue(start, end, (Line(str(n)),)) for n, (start, end) in enumerate(times)])
    if any(start is not None for start, _ in times):
        assert {cue.lines[0].text for cue in cues} == {str(n) for n in range(len(times))}
    for cue in cues:
        assert cue.start_s is not None
        assert cue.end_s is not None
        assert cue.start_s < cue.end_s
    assert all((a.start_s or 0) <= (b.start_s or 0) for a, b in pairwise(cues))


def vtt(*cues: str) -> bytes:
    blocks = (f"00:00:{n:02}.000 --> 00:00:{n + 1:02}.000\n{cue}\n" for n, cue in enumerate(cues))
    return ("WEBVTT\n\n" + "\n".join(blocks)).encode()


@pytest.mark.parametrize(
    ("cues", "texts"),
    [
        (["a b", "a b\nc d", "c d\ne f"], ["a b", "c d", "e f"]),
        (["a\nb", "a\nb\nc", "b\nc\nd"], ["a b", "c", "d"]),
        ([" \na<00:00:00.500> b", "a b\n ", "a b\nc<00:00:02.500> d"], ["a b", "c d"]),
        (["yeah", "yeah\nyeah", "yeah\nso<00:00:02.500> it is"], ["yeah", "yeah", "so it is"]),
        (["No.", "No.", "No."], ["No.", "No.", "No."]),
        (["No.", "No.\nNever.", "Buses", "cost", "money", "every", "day", "."], None),
    ],
)
def test_lines_that_roll_up_are_said_once(cues: list[str], texts: list[str] | None) -> None:
    expected = [" ".join(cue.split()) for cue in cues[:-1]] if texts is None else texts
    assert [segment.text for segment in parse(vtt(*cues), "a.vtt").segments] == expected


TEXT = "WEBVTT\n\n00:01.000 --> 00:02.000\nCafé naïve £5\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("latin-1"), "cp1252"),
    ],
)
def test_encodings(data: bytes, encoding: str) -> None:
    parsed = parse(data, "a.vtt")
    assert (parsed.encoding, parsed.replaced) == (encoding, 0)
    assert parsed.segments[0].text == "Café naïve £5"


def test_mixed_encodings_are_read_line_by_line_and_losses_counted() -> None:
    assert decode("é\n".encode() + "è\n".encode("latin-1")) == ("é\nè\n", "utf-8 with cp1252", 0)
    assert decode(b"ab\x81cd") == ("ab\ufffdcd", "cp1252", 1)
    assert decode("ééé".encode()[:-1]) == ("éé\ufffd", "utf-8 with cp1252", 1)


words = st.lists(
    st.text("abcdefghijklmnopqrstuvwxyzäß'", min_size=1, max_size=8).filter(str.isalpha), min_size=1, max_size=9
)


@given(st.lists(st.tuples(st.sampled_from(["", "<v MAYA>", "<v Tom B>"]), words), min_size=1, max_size=20))
def test_words_and_voices_survive_webvtt(cues: list[tuple[str, list[str]]]) -> None:
    parsed = parse(vtt(*(voice + " ".join(spoken) for voice, spoken in cues)), "a.vtt")
    assert [segment.text for segment in parsed.segments] == [" ".join(spoken) for _, spoken in cues]
    assert [segment.speaker for segment in parsed.segments] == [voice[3:-1] or None for voice, _ in cues]


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_a_parse_gives_segments_or_a_sentence(data: bytes) -> None:
    for prefix in (b"", b"WEBVTT\n\n00:01.000 --> 00:02.000\n", b"[00:01] A: ", b'{"events": [{"segs": [{"utf8": "'):
        try:
            parsed = parse(prefix + data, "a")
        except BadRequestError:
            continue
        assert parsed.segments
        assert all(s.end_s >= s.start_s >= 0 and s.text == " ".join(s.text.split()) for s in parsed.segments)


def stamp(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.000"


def document(kind: str, count: int) -> bytes:
    lines = [f"the city buys word{n} and nine more buses for number {n}" for n in range(count)]
    if kind == "text":
        return "\n".join(f"MAYA: {line}." for line in lines).encode()
    above = [" ", *lines] if kind == "rolling" else [" "] * count
    cues = [f"{stamp(4 * n)} --> {stamp(4 * n + 4)}\n{above[n]}\n{line}\n" for n, line in enumerate(lines)]
    return ("WEBVTT\n\n" + "\n".join(cues)).encode()


@pytest.mark.parametrize("kind", ["webvtt", "rolling", "text"])
def test_three_hours_are_parsed_in_a_second(kind: str) -> None:
    began = process_time()
    parsed = parse(document(kind, 2800), "a")
    assert process_time() - began < 1
    assert sum(len(segment.text.split()) for segment in parsed.segments) == 30_800


@pytest.mark.parametrize(
    "data",
    [
        b"\n" * 300_000,
        b" " * 300_000,
        b"<v " * 100_000,
        b"(" * 300_000,
        b"1:" * 150_000,
        b"--" * 150_000,
        b'."' * 150_000,
    ],
)
def test_hostile_repetition_costs_no_more_than_its_length(data: bytes) -> None:
    began = process_time()
    for before in (b"x", b"WEBVTT\n\n00:01.000 --> 00:02.000\nx"):
        parse(before + data + b"y", "a")
    assert process_time() - began < 2


def test_quotes_can_be_cut_from_captions_with_word_times() -> None:
    parsed = parse(vtt("free<00:00:00.400> city<00:00:00.700> buses", "for all"), "a.vtt")
    quote = Transcript(parsed.segments, Origin.CAPTIONS, "captions").quote("city buses for")
    assert quote is not None
    assert quote.start_s == 0.4
