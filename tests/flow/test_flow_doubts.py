"""Words of a recogniser that says how sure it is, as a user meets them: report, pages, answers, receipts."""

import json
from pathlib import Path
from typing import Any

import pytest
from typed_commands import Commands

LINES = (
    "A night bus would cost this city about 4 million dollars a year, says the mayor.",
    "I like walking home with my friends when the weather is good.",
    "Rents in Vienna rose by 12 percent in 2021, says the statistics office.",
    "A night bus would cost this city about 9 million dollars a year, says the mayor.",
)


def whisper(*unclear: str) -> str:
    """The lines, said by one person, as Whisper's kin write them; each word of `unclear` was not heard clearly."""
    segments = []
    for number, line in enumerate(LINES):
        words = [
            {"word": f" {word}", "start": 6 * number + at / 4, "end": 6 * number + (at + 1) / 4, "probability": sure}
            for at, word in enumerate(line.split())
            for sure in (0.3 if word in unclear else 0.95,)
        ]
        segments.append({"start": 6 * number, "end": 6 * number + 5.5, "text": line, "speaker": "Ada", "words": words})
    return json.dumps({"segments": segments, "language": "en"})


def json3(sure: int) -> str:
    """A line as YouTube writes it, each word of which its recogniser is as sure of."""
    segs = [{"utf8": f" {word}", "tOffsetMs": 300 * at, "acAsrConf": sure} for at, word in enumerate(LINES[0].split())]
    return json.dumps({"events": [{"tStartMs": 0, "dDurationMs": 5900, "segs": segs}]})


@pytest.fixture
def udib(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "0.2")
    return Commands(tmp_path / "data", capsys)


def analysed(udib: Commands, path: Path, *unclear: str) -> Any:
    path.write_text(whisper(*unclear))
    return json.loads(udib("analyze", str(path), "--json", "--quiet"))


def test_a_number_that_was_not_heard_clearly_is_marked_everywhere_and_carries_no_contradiction(
    udib: Commands, tmp_path: Path
) -> None:
    clear = analysed(udib, tmp_path / "clear.json")
    assert [pair["difference"] for pair in clear["debate"]["contradictions"]] == ["number"]
    assert clear["transcript"]["doubtful"] == 0
    assert "Not heard clearly" not in udib("show", "clear")

    made = analysed(udib, tmp_path / "talk.json", "9", "walking")
    assert made["transcript"]["doubtful"] == 2
    assert made["debate"]["contradictions"] == []
    assert any(gap["part"] == "contradictions" and "1 left out" in gap["reason"] for gap in made["missing"])
    [claim] = [check["claim"] for check in made["fact_checks"]["checks"] if check["claim"]["unclear"]]
    assert claim["unclear"] == [{"kind": "number", "word": "9"}]
    assert [claim["quote"]["text"].split()[number] for number in claim["quote"]["doubtful"]] == ["9"]
    assert json.loads(udib("show", "talk", "--json"))["fact_checks"] == made["fact_checks"]

    text = " ".join(udib("show", "talk").split())
    assert "Not heard clearly: 2 of" in text
    assert "about 9[?] million" in text
    assert "Not heard clearly: the number \u201c9\u201d. Listen before you rely on it." in text
    pages = {each["kind"]: Path(each["where"]).read_text() for each in made["delivered"]}
    assert '<span class="doubt" title="Not heard clearly">9</span>' in pages["html"]
    assert "about 9\\[?\\] million" in pages["markdown"]
    assert "[?]" not in pages["captions"]
    assert "Not heard clearly: the number \u201c9\u201d" in udib("receipts", "Ada", "night", "bus", "--content", "talk")
    assert "9[?] million" in udib("ask", "What would a night bus cost?", "--content", "talk")


@pytest.mark.parametrize(("sure", "doubtful"), [(0, None), (60, 16), (250, 0)])
def test_automatic_captions_are_marked_where_they_say_how_sure_they_are(
    udib: Commands, tmp_path: Path, sure: int, doubtful: int | None
) -> None:
    path = tmp_path / "talk.json3"
    path.write_text(json3(sure))
    made = json.loads(udib("analyze", str(path), "--json", "--quiet"))
    assert made["transcript"]["doubtful"] == doubtful
