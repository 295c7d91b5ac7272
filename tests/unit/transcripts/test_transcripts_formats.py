"""Every format gives the same things: times, speakers, words, and word times where the file has them."""

import json

import pytest

from udib.core.errors import BadRequestError
from udib.core.speech import Word
from udib.transcripts.captions import ParsedCaptions, parse

Row = tuple[float, float, str | None, str]


def rows(parsed: ParsedCaptions) -> list[Row]:
    return [(segment.start_s, segment.end_s, segment.speaker, segment.text) for segment in parsed.segments]


def read(text: str, hint: str = "talk") -> list[Row]:
    return rows(parse(text.encode(), hint))


WEBVTT = """WEBVTT - a talk
Kind: captions

STYLE
::cue { color: red }

REGION
id:left

NOTE 12 said nothing
of importance

intro
00:01.000 --> 00:02.500 align:start position:0%
<v.loud Maya Lind>Rents &amp; <i>wages</i> rose</v>

1:00:02.000 --> 1:00:04.000
<v Maya>Did they?</v> <v Tom>Yes,
they &lt;did&gt;.
"""


def test_webvtt_with_voices_settings_notes_and_entities() -> None:
    parsed = parse(WEBVTT.encode(), "talk.vtt")
    assert (parsed.kind, parsed.timed, parsed.automatic) == ("webvtt", True, False)
    assert [row[2:] for row in rows(parsed)] == [
        ("Maya Lind", "Rents & wages rose"),
        ("Maya", "Did they?"),
        ("Tom", "Yes, they <did>."),
    ]
    assert rows(parsed)[0][:2] == (1.0, 2.5)
    assert (parsed.segments[1].start_s, parsed.segments[2].end_s) == (3602.0, 3604.0)


def test_webvtt_word_times_inside_a_line() -> None:
    [segment] = parse(
        b"WEBVTT\n\n00:01.000 --> 00:03.000\nfree<00:01.400><c> city</c><00:02.000><c> buses</c>", "a"
    ).segments
    assert segment.words == (Word("free", 1.0, 1.4), Word("city", 1.4, 2.0), Word("buses", 2.0, 3.0))


SRT = """1
00:00:00,500 --> 00:00:02,000 X1:40 X2:600
{\\an8}<font color="red">Good</font> evening

2
00:00:02,000 --> 00:00:03,000
to

all of you
3
00:00:03,000 --> 00:00:04,000
5 < 6 and 7 > 3
"""


def test_srt_with_markup_empty_lines_and_missing_separators() -> None:
    assert read(SRT) == [
        (0.5, 2.0, None, "Good evening"),
        (2.0, 3.0, None, "to all of you 3"),
        (3.0, 4.0, None, "5 < 6 and 7 > 3"),
    ]


def test_srt_with_a_cue_that_lost_its_times_keeps_the_words() -> None:
    assert read("1\n00:00:00,500 --> 00:00:02,000\none\n\n2\ntwo\n\n3\n00:00:03,000 --> 00:00:04,000\nthree\n") == [
        (0.5, 2.0, None, "one two"),
        (3.0, 4.0, None, "three"),
    ]


def test_sbv() -> None:
    assert read("0:00:01.000,0:00:02.500\nGood\nevening\n\n0:00:03.000,0:00:04.000\nall\n") == [
        (1.0, 2.5, None, "Good evening"),
        (3.0, 4.0, None, "all"),
    ]


def test_json3_of_a_recogniser_has_word_times_and_no_appended_lines() -> None:
    events = [
        {"tStartMs": 0, "dDurationMs": 9000, "id": 1},
        {"tStartMs": 1000, "dDurationMs": 4000, "segs": [{"utf8": "free"}, {"utf8": " buses", "tOffsetMs": 500}]},
        {"tStartMs": 1990, "aAppend": 1, "segs": [{"utf8": "\n"}]},
        {"tStartMs": 2000, "dDurationMs": 3000, "segs": [{"utf8": "for"}, {"utf8": " all", "tOffsetMs": 300}]},
    ]
    parsed = parse(json.dumps({"wireMagic": "pb3", "events": events}).encode(), "talk.json3")
    assert (parsed.kind, parsed.automatic) == ("json3", True)
    assert rows(parsed) == [(1.0, 2.0, None, "free buses"), (2.0, 5.0, None, "for all")]
    assert parsed.segments[0].words == (Word("free", 1.0, 1.5), Word("buses", 1.5, 2.0))


def test_json3_that_somebody_wrote_has_lines_and_no_word_times() -> None:
    events = [{"tStartMs": 0, "dDurationMs": 2000, "segs": [{"utf8": "- Free buses?\n- Never."}]}]
    parsed = parse(json.dumps({"events": events}).encode(), "talk.json3")
    assert [segment.text for segment in parsed.segments] == ["Free buses?", "Never."]
    assert not parsed.automatic
    assert not parsed.segments[0].words


@pytest.mark.parametrize(
    "document",
    [
        {"version": "1.0.0", "segments": [{"speaker": "Maya", "startTime": 0.5, "endTime": 1, "body": "Free buses"}]},
        {"text": "x", "segments": [{"id": 0, "speaker": "Maya", "start": 0.5, "end": 1.0, "text": " Free buses"}]},
        [{"speaker": "Maya", "text": "Free\nbuses", "start": 0.5, "duration": "0.5"}],
    ],
)
def test_json_transcripts(document: object) -> None:
    assert read(json.dumps(document)) == [(0.5, 1.0, "Maya", "Free buses")]


def test_json_transcript_with_words() -> None:
    said = {"start": 0, "end": 2, "text": "free buses", "words": [{"word": "free", "start": 0, "end": 1}]}
    whole = {**said, "words": [*said["words"], {"word": " buses", "start": 1, "end": 2}]}  # type: ignore[misc]
    first, second = parse(json.dumps({"segments": [said, whole]}).encode(), "a.json").segments
    assert first.words == ()  # half of the words would give wrong times for the other half
    assert [word.text for word in second.words] == ["free", "buses"]


TTML = """<?xml version="1.0" encoding="utf-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"
    xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="25" ttp:tickRate="1000">
<head><metadata><ttm:title>Not spoken</ttm:title>
<ttm:agent xml:id="a" type="person"><ttm:name type="full">Maya Lind</ttm:name></ttm:agent></metadata></head>
<body><div begin="10s">
<p begin="1s" dur="2s" ttm:agent="a">Free <span tts:x="y" xmlns:tts="t">city</span><br/>buses</p>
<p begin="00:00:04:05" end="5000t">for all</p>
</div></body></tt>"""


def test_ttml_with_agents_frames_ticks_and_times_that_count_from_the_division() -> None:
    assert read(TTML) == [(11.0, 13.0, "Maya Lind", "Free city buses"), (14.2, 15.0, None, "for all")]


def test_ttml_with_timed_spans() -> None:
    text = '<tt><body><div begin="5s"><p begin="5s" end="7s"><span begin="5s" end="6s">free</span> '
    [segment] = parse((text + '<span begin="6s" end="7s">buses</span></p></div></body></tt>').encode(), "a").segments
    assert segment.words == (Word("free", 5.0, 6.0), Word("buses", 6.0, 7.0))


def test_substation_takes_the_name_field_as_speaker() -> None:
    text = (
        "[Script Info]\n\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        "Comment: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,not shown\n"
        "Dialogue: 0,0:00:01.00,0:00:02.00,Default,Maya,0,0,0,,{\\i1}Free{\\i0}\\Nbuses\n"
    )
    assert read(text) == [(1.0, 2.0, "Maya", "Free buses")]


def test_plain_text_without_times_is_read_at_150_words_a_minute() -> None:
    parsed = parse(b"# Buses\n\nMAYA: Free buses for all.\n\nTOM: Who pays?\nNot me.\n", "talk.txt")
    assert (parsed.kind, parsed.timed) == ("text", False)
    assert rows(parsed) == [
        (0.0, 2.0, "MAYA", "Free buses for all."),
        (2.0, 4.0, "TOM", "Who pays? Not me."),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[00:00:05] MAYA: Free buses.\n[00:01:05] TOM: Who pays?",
        "(0:05) MAYA: Free buses.\n(1:05) TOM: Who pays?",
        "00:00:05 MAYA: Free buses.\n00:01:05 TOM: Who pays?",
        "0:05\nMAYA: Free buses.\n1:05\nTOM: Who pays?",
        "MAYA [00:05]: Free buses.\nTOM [01:05]: Who pays?",
        "MAYA (00:05):\nFree buses.\n\nTOM (01:05):\nWho pays?",
        "MAYA  0:05\nFree buses.\n\nTOM  1:05\nWho pays?",
        "MAYA: [00:00:05] Free buses.\nTOM: [00:01:05] Who pays?",
        "[00:05] MAYA: Free buses. [01:05] TOM: Who pays?",
    ],
)
def test_plain_text_with_times_in_the_forms_in_use(text: str) -> None:
    parsed = parse(text.encode(), "talk.txt")
    assert parsed.timed
    assert [(s.start_s, s.speaker, s.text) for s in parsed.segments] == [
        (5.0, "MAYA", "Free buses."),
        (65.0, "TOM", "Who pays?"),
    ]


def test_plain_text_of_a_recogniser_with_ranges() -> None:
    assert read("[00:00.000 --> 00:02.000]  Free buses\n[00:03.000 --> 00:04.500]  for all") == [
        (0.0, 2.0, None, "Free buses"),
        (3.0, 4.5, None, "for all"),
    ]


def test_one_time_in_a_long_text_does_not_make_it_timed() -> None:
    assert not parse(b"[00:00:00] Free buses.\n\nWho pays?\n", "talk.txt").timed


def test_a_wrong_time_in_plain_text_does_not_spoil_the_others() -> None:
    assert [start for start, *_ in read("[0:10] a a\n\n[9:59:59] b b\n\n[0:20] c c\n\n[0:30] d d")] == [10, 15, 20, 30]


def test_a_long_paragraph_is_cut_at_sentence_ends() -> None:
    text = "The city has many buses and none of them is free. " * 12
    parsed = parse(text.encode(), "talk.txt")
    assert [len(segment.text.split()) for segment in parsed.segments] == [33, 33, 33, 33]
    assert all(segment.text.endswith("free.") for segment in parsed.segments)


@pytest.mark.parametrize(
    ("data", "hint", "part"),
    [
        (b"", "a.vtt", "a.vtt is empty"),
        (b" \n\n", "a.txt", "is empty"),
        (b"WEBVTT\n", "a.vtt", "holds no spoken words"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\n[Music]\n", "a.vtt", "holds no spoken words"),
        (b"WEBVTT\n\nxx --> yy\nhello\n", "a.vtt", "No time in a.vtt can be read"),
        (b"1\n00:00:01,000 00:00:02,000\nhello\n", "a.srt", "No time in a.srt can be read"),
        (bytes(range(256)) * 8, "a.txt", "not a text file"),
        (b'{"events": 7}', "a.json3", "cannot be read as captions"),
        (b'{"title": "x"}', "a.json", "cannot be read as captions: it is JSON, but no transcript that is known here"),
        (b'{"segments": 3', "a.json", "cannot be read as captions: its JSON is broken at line 1, column 15"),
        (b'[{"start": 1}]', "a.json", "without text"),
        (b"<!DOCTYPE html><html><body>x</body></html>", "a.vtt", "web page"),
        (b"<?xml version='1.0'?><rss/>", "a.xml", "web page or XML"),
        (b"<tt><body>", "a.ttml", "cannot be read as captions"),
        (b"<!-- --><!DOCTYPE tt [<!ENTITY a 'b'>]><tt>&a;</tt>", "a.ttml", "entities"),
        (b"<tt>" + b"<div>" * 5000 + b"</div>" * 5000 + b"</tt>", "a.ttml", "nested too deeply"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(data: bytes, hint: str, part: str) -> None:
    with pytest.raises(BadRequestError, match=part):
        parse(data, hint)


@pytest.mark.parametrize(
    ("told", "confidences"),
    [
        ((255, 102, 51), [(1.0, False), (0.4, True), (0.2, True)]),
        ((0, 0, 0), [(None, False)] * 3),  # as today's tracks have it: no figure at all
        ((None, 200, 300), [(None, False), (0.784, False), (None, False)]),
    ],
)
def test_json3_says_how_sure_its_recogniser_is(
    told: tuple[int | None, ...], confidences: list[tuple[float | None, bool]]
) -> None:
    segs = [
        {"utf8": f" {word}", "tOffsetMs": 500 * number} | ({} if sure is None else {"acAsrConf": sure})
        for number, (word, sure) in enumerate(zip(("free", "city", "buses"), told, strict=True))
    ]
    events = [{"tStartMs": 0, "dDurationMs": 3000, "segs": segs}]
    [segment] = parse(json.dumps({"events": events}).encode(), "talk.json3").segments
    assert [(word.confidence, word.doubtful) for word in segment.words] == confidences


def test_the_probability_of_words_in_json_of_whisper_is_kept() -> None:
    words = [
        {"word": " free", "start": 0, "end": 1, "probability": 0.97},
        {"word": " buses", "start": 1, "end": 2, "probability": 0.31},
    ]
    data = {"segments": [{"start": 0, "end": 2, "text": "free buses", "words": words}]}
    [segment] = parse(json.dumps(data).encode(), "talk.json").segments
    assert [(word.confidence, word.doubtful) for word in segment.words] == [(0.97, False), (0.31, True)]
