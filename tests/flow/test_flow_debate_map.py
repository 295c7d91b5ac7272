"""The debate map, from a caption file to every page that shows it."""

import json
from pathlib import Path

import pytest
from typed_commands import Commands

LIVELY = """WEBVTT

00:00.000 --> 00:07.000
<v Ann>The night bus costs us 2 million dollars a year. Nurses badly need the night bus, and they told us so, because --

00:07.000 --> 00:11.000
<v Ben>And who is going to pay for all of that?

00:11.200 --> 00:15.000
<v Ann>because nobody else drives them home at night.

00:15.200 --> 00:19.000
<v Ann>Rents in our town doubled within ten years.

00:19.200 --> 00:24.000
<v Ben>I agree with Ann that rents in our town doubled, but few people want it.

00:24.200 --> 00:29.000
<v Ann>So tell me, Ben, which drivers would you hire for that bus?

00:29.200 --> 00:36.000
<v Ben>There is a fine old harbor with a lighthouse, and tourists love to look at it in summer.
"""


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "0.2")
    return Commands(tmp_path / "data", capsys)


def analysed(cli: Commands, tmp_path: Path, words: str) -> tuple[dict[str, list[dict[str, dict[str, str]]]], str]:
    talk = tmp_path / "talk.vtt"
    talk.write_text(words, encoding="utf-8")
    out = tmp_path / "out"
    report = json.loads(cli("analyze", str(talk), "--out", str(out), "--quiet", "--json"))
    pages = [cli("show", report["content"]["id"])] + [each.read_text(encoding="utf-8") for each in out.glob("*.[hm]*")]
    assert len(pages) == 3
    return report["debate"], "\n".join(" ".join(page.split()) for page in pages)


def test_who_broke_in_agreed_and_left_a_question_open_is_on_every_page(cli: Commands, tmp_path: Path) -> None:
    debate, pages = analysed(cli, tmp_path, LIVELY)
    [cut] = debate["interruptions"]
    assert (cut["broken"]["speaker"], cut["into"]["text"]) == ("Ann", "And who is going to pay for all of that?")
    [agreed] = debate["agreements"]
    assert agreed["said"]["text"] == "Rents in our town doubled within ten years."
    assert pages.count("Ann: 1 question to the others, 1 without an answer; was broken in on 1 time.") == 3
    assert pages.count("Ben: broke in 1 time.") == 3
    assert pages.count("Where they agree") == 3
    assert pages.count("the words are marked as cut short") + pages.count("The words are marked as cut short") == 2


def test_a_transcript_without_marks_or_overlap_says_that_it_cannot_tell(cli: Commands, tmp_path: Path) -> None:
    debate, pages = analysed(cli, tmp_path, LIVELY.replace(", because --", "."))
    assert debate["interruptions"] is None
    assert pages.count("Who broke in on whom cannot be told") == 3
    assert "broke in 1 time" not in pages
