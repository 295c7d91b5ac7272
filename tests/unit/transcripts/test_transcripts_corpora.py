"""The same parser on caption files that others made. Needs EVAL_DATA_DIR."""

import tarfile
from contextlib import suppress
from pathlib import Path, PurePath

import pytest

from udib.core.errors import BadRequestError
from udib.transcripts.captions import ParsedCaptions, parse

ROLL_UP_WORDS = 614


def words(parsed: ParsedCaptions) -> list[str]:
    return [word for segment in parsed.segments for word in segment.text.split()]


def test_rolling_captions_give_the_same_words_in_both_formats(eval_data: Path) -> None:
    vtt, json3 = (parse((eval_data / "captions" / name).read_bytes(), name) for name in ("rollup.vtt", "rollup.json3"))
    assert len(words(vtt)) == ROLL_UP_WORDS
    assert words(vtt) == words(json3)
    assert vtt.automatic
    assert json3.automatic
    starts = [[word.start_s for segment in parsed.segments for word in segment.words] for parsed in (vtt, json3)]
    assert starts[0] == pytest.approx(starts[1], abs=0.011)


@pytest.mark.parametrize(
    ("name", "cues", "speakers"),
    [
        ("podcast-example.vtt", 7, {"Sarah", "Gillian"}),
        ("podcast-example.srt", 222, {"Travis", "Sarah", "Gilon"}),
        ("podcast-example.json", 5, {"Darth Vader", "Luke"}),
        ("ttml_example.ttml", 11, {None}),
        ("ttml_example2.ttml", 11, {None}),
        ("ttml_example_apple.ttml", 38, {"Radiohead"}),
    ],
)
def test_samples_keep_their_speakers(eval_data: Path, name: str, cues: int, speakers: set[str | None]) -> None:
    parsed = parse((eval_data / "captions" / name).read_bytes(), name)
    assert len(parsed.segments) == cues
    assert {segment.speaker for segment in parsed.segments} == speakers


@pytest.mark.parametrize(("archive", "least"), [("w3c-webvtt-cases.tar.gz", 30), ("webvtt-py-samples.tar.gz", 25)])
def test_conformance_cases_are_read_or_refused(eval_data: Path, archive: str, least: int) -> None:
    read = 0
    with tarfile.open(eval_data / "captions" / archive) as files:
        for member in files:
            source = files.extractfile(member) if member.isfile() else None
            if source is None or PurePath(member.name).suffix not in {".vtt", ".srt", ".sbv"}:
                continue
            with suppress(BadRequestError):
                parse(source.read(), PurePath(member.name).name)
                read += 1
    assert read >= least
