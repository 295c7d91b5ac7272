"""Broken times are repaired, rolling lines are said once, bytes of any encoding are read."""

import json
import math
from itertools import pairwise
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.errors import BadRequestError
from udib.core.speech import MOST_CAPTION_BYTES, Origin, Transcript, Word
from udib.core.types import CaptionTrack, Media
from udib.transcripts import captions
from udib.transcripts.blocks import _next_times, _Run
from udib.transcripts.captions import CaptionTranscriber, decode, parse
from udib.transcripts.cues import LATEST_S, Cue, Line, in_order, with_usable_times
from udib.transcripts.turns import segments

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


any_second = st.floats() | st.none() | st.sampled_from([-1.0, 1e9, math.nan, math.inf]) | st.floats(0, 100)
spoken_word = st.builds(Word, st.just("word"), st.floats(), st.floats())
any_line = st.builds(Line, st.just("word word"), st.none(), st.lists(spoken_word, min_size=2, max_size=2).map(tuple))


@given(st.lists(st.builds(Cue, any_second, any_second, st.lists(any_line, min_size=1, max_size=3).map(tuple))))
def test_whatever_the_times_the_segments_have_usable_ones(cues: list[Cue]) -> None:
    repaired, _ = with_usable_times(cues)
    made = segments(in_order(repaired))
    for segment in made:
        assert 0 <= segment.start_s <= segment.end_s < math.inf
        assert all(segment.start_s <= word.start_s <= word.end_s <= segment.end_s for word in segment.words)
    assert all(one.start_s <= other.start_s for one, other in pairwise(made))


def srt(*times: str) -> bytes:
    return "\n".join(f"{n}\n{time}\nWords of cue {n}.\n" for n, time in enumerate(times, 1)).encode()


GOOD = ["00:00:01,000 --> 00:00:02,000", "00:00:02,000 --> 00:00:03,000", "00:00:04,000 --> 00:00:05,000"]


@pytest.mark.parametrize(
    "time",
    [
        f"{'9' * 400}:00:03,000 --> 00:00:04,000",
        "120:00:00,000 --> 120:00:04,000",
        "-00:00:03,000 --> 00:00:04,000",
        "00:00:04,000 --> 00:00:03,000",
        "00:0x:03,000 --> 00:00:04,000",
        f"00:00:03,000 --> 00:00:{'9' * 400},000",
    ],
)
def test_a_time_that_cannot_be_true_is_repaired_and_named(time: str) -> None:
    parsed = parse(srt(*GOOD[:2], time, GOOD[2]), "a.srt")
    assert [segment.text for segment in parsed.segments] == [f"Words of cue {n}." for n in range(1, 5)]
    assert parsed.segments[-1].end_s == 5
    assert parsed.repairs.startswith("1 of 4 cues have a time that could not be used, the first in cue 3 (")
    assert parse(srt(*GOOD), "a.srt").repairs == ""


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (srt("200:00:00,000 --> 200:00:01,000", "300:00:00,000 --> 300:00:01,000", GOOD[0]), "a.srt"),
        (json.dumps([{"text": "Words of cue 1.", "start": math.inf, "duration": 1}] * 3).encode(), "a.json"),
        (b'<tt><body><div><p begin="soon" end="9s">Words of cue 1.</p></div></body></tt>', "a.ttml"),
    ],
)
def test_a_file_without_usable_times_is_refused_by_its_first_cue(data: bytes, name: str) -> None:
    with pytest.raises(
        BadRequestError, match=r"(No|2 of 3 cue) times? in a\.\w+ can.*, the first in cue 1 \('Words of cue 1"
    ):
        parse(data, name)


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "1e400", "9" * 5000, '"-3"'])
def test_numbers_that_no_float_has_are_repaired_in_json(bad: str) -> None:
    said = [{"text": f"Words {n}.", "start": n, "end": n + 1} for n in range(5)]
    text = json.dumps(said).replace('"start": 2,', f'"start": {bad},')
    parsed = parse(text.encode(), "a.json")
    assert [segment.text for segment in parsed.segments] == [f"Words {n}." for n in range(5)]
    assert "1 of 5 cues" in parsed.repairs


@pytest.mark.parametrize("bad", ["9" * 5000 + ":00:02", "9" * 5000 + "s", "nan", "soon", "-5s"])
def test_numbers_that_no_float_has_are_repaired_in_ttml(bad: str) -> None:
    lines = "".join(f'<p begin="{bad if n == 2 else f"{n}s"}" end="{n + 1}s">Words {n}.</p>' for n in range(5))
    text = f'<tt xmlns="http://www.w3.org/ns/ttml"><body><div>{lines}</div></body></tt>'
    parsed = parse(text.encode(), "a.ttml")
    assert [segment.text for segment in parsed.segments] == [f"Words {n}." for n in range(5)]
    assert "1 of 5 cues" in parsed.repairs


def test_a_time_of_a_transcript_that_goes_back_is_named() -> None:
    parsed = parse(b"[00:10] One.\n[00:20] Two.\n[00:05] Three.\n[00:40] Four.\n", "a.txt")
    assert "1 of 4 cues" in parsed.repairs
    assert "('Three.')" in parsed.repairs


def test_what_is_too_large_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadRequestError, match="more than 32 MiB"):
        parse(b" " * (MOST_CAPTION_BYTES + 1), "a.vtt")
    monkeypatch.setattr(captions, "MOST_WORDS", 20_000)
    with pytest.raises(BadRequestError, match="more than 20,000 words, about 2 hours"):
        parse(b"word " * 20_001, "a.txt")
    monkeypatch.setattr(captions, "MOST_TURNS", 1000)
    turns = [{"body": "Yes.", "speaker": "AB"[n % 2], "startTime": n / 2} for n in range(1002)]
    assert parse(json.dumps({"segments": turns[1:]}).encode(), "a.json").segments
    with pytest.raises(BadRequestError, match="the speaker changes more than 1,000 times"):
        parse(json.dumps({"segments": turns}).encode(), "a.json")


@pytest.mark.parametrize(
    "data",
    [
        b"WEBVTT\n\n00:01.000 --> 00:02.000\n" + b"x" * 1_000_000,
        b"WEBVTT\n\n00:01.000 --> 00:02.000\n" + b"rents rose " * 90_000,
        b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v " + b"N" * 1_000_000 + b">Rents rose.",
    ],
)
def test_a_segment_and_a_name_have_bounds(data: bytes) -> None:
    parsed = parse(data, "a.vtt")
    assert all(len(segment.text) <= 2000 and len(segment.speaker or "") <= 100 for segment in parsed.segments)
    assert parsed.segments[-1].end_s == 2


@pytest.mark.parametrize("nested", [b"[" * 100_000, b'{"segments":' * 100_000, b'{"events":[' * 100_000])
def test_deep_nesting_is_refused_with_a_sentence(nested: bytes) -> None:
    with pytest.raises(BadRequestError):
        parse(b'[{"a":' + nested, "a.json")


def test_deep_nesting_is_refused_with_a_sentence_in_ttml() -> None:
    data = b"<tt>" + b"<div>" * 50_000 + b'<p begin="1s">Words.</p>' + b"</div>" * 50_000 + b"</tt>"
    with pytest.raises(BadRequestError, match="nested too deeply"):
        parse(data, "a.ttml")


def test_latest_second_is_a_hundred_hours() -> None:
    assert LATEST_S == 360_000


@pytest.mark.parametrize("bad", ["9" * 400 + ":00:01.00", "120:00:00.00", "soon", "-0:00:02.00", ""])
def test_a_time_that_substation_cannot_have_is_repaired(bad: str) -> None:
    lines = "".join(
        f"Dialogue: 0,{bad if n == 2 else f'0:00:0{n}.00'},0:00:0{n + 1}.00,Default,ANN,0,0,0,,Words {n}.\n"
        for n in range(5)
    )
    head = (
        "[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    )
    parsed = parse(f"{head}{lines}".encode(), "a.ass")
    assert [(segment.text, segment.start_s) for segment in parsed.segments] == [(f"Words {n}.", n) for n in range(5)]
    assert "1 of 5 cues" in parsed.repairs


@pytest.mark.parametrize(
    "rate", ['frameRateMultiplier="0 0"', 'frameRateMultiplier=""', 'frameRate="0" p:tickRate="0"']
)
def test_a_rate_of_nothing_is_no_rate(rate: str) -> None:
    lines = '<p begin="30f" end="2s">One.</p><p begin="2s">Two.</p>'
    text = f'<tt xmlns:p="http://www.w3.org/ns/ttml#parameter" p:{rate}><body><div>{lines}</div></body></tt>'
    assert [segment.start_s for segment in parse(text.encode(), "a.ttml").segments] == [1.0, 2.0]


async def test_the_report_is_told_of_times_that_could_not_be_used(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(srt(*GOOD[:2], "00:00:04,000 --> 00:00:03,000", GOOD[2]))
    [window] = [each async for each in CaptionTranscriber().windows(Media(captions=CaptionTrack(str(path))))]
    [missing] = window.missing
    assert missing.part == "times"
    assert missing.reason.startswith("1 of 4 cues")


@pytest.mark.parametrize("name", ["a.vtt", "a.srt"])
def test_an_arrow_that_is_none_is_told_as_a_time_that_cannot_be_read(name: str) -> None:
    head = "WEBVTT\n\n" if name == "a.vtt" else "1\n"
    with pytest.raises(BadRequestError, match=f"No time in {name} can be read; write times as"):
        parse(f"{head}00:01.000 -> 00:02.000\nTaxes fell.\n".encode(), name)


@pytest.mark.parametrize("data", [b"x" * 2_100_000, b"WEBVTT\n\n00:01.000 --> 00:02.000\n" + b"x" * 2_100_000])
def test_a_text_whose_words_nobody_could_say_is_refused_at_once(data: bytes) -> None:
    began = process_time()
    with pytest.raises(BadRequestError, match="more than 100 characters on average, so they are not speech"):
        parse(data, "a.vtt" if data.startswith(b"WEBVTT") else "a.txt")
    assert process_time() - began < 1


def test_the_times_of_many_words_in_one_cue_are_read_in_time_that_grows_with_their_number() -> None:
    words = " ".join(f"<00:00:00.500>word{n}" for n in range(20_000))
    began = process_time()
    parsed = parse(f"WEBVTT\n\n00:00:00.000 --> 00:01:00.000\n{words}\n".encode(), "a.vtt")
    assert process_time() - began < 2
    assert sum(len(segment.words) for segment in parsed.segments) == 20_000


@given(st.lists(st.one_of(st.none(), st.integers(0, 3).map(float)), max_size=8))
def test_the_next_other_time_is_the_first_behind_that_differs(times: list[float | None]) -> None:
    runs = [_Run("a", None, at_s) for at_s in times]
    expected = [next((t for t in times[n + 1 :] if t not in {None, own}), None) for n, own in enumerate(times)]
    assert _next_times(runs) == expected
