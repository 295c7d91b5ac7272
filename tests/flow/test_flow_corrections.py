"""`udib correct` as a user types it, on a report that is made, corrected, made again and forgotten."""

import json
from pathlib import Path
from typing import Any

import pytest
from typed_commands import Commands

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "rent-control" / "debate.vtt")


@pytest.fixture
def udib(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "0.2")
    monkeypatch.setenv("UDIB_DELIVERY__CORRECTIONS_TO", "desk@news.example")
    return Commands(tmp_path / "data", capsys)


def asked(udib: Commands, *arguments: str) -> Any:
    return json.loads(udib(*arguments, "--json", "--quiet"))


def test_a_correction_is_shown_stays_over_a_new_analysis_and_is_withdrawn(udib: Commands) -> None:
    made = asked(udib, "analyze", EXAMPLE)
    item = made["content"]["id"]
    [page] = [Path(each["where"]) for each in made["delivered"] if each["kind"] == "html"]
    assert udib("correct", item) == "Nobody has corrected this report.\n"

    udib("correct", item, "--at", "0:07", "--verdict", "supported", "--by", "Eve", "--note", "Table 3.", "-q")
    udib("correct", item, "--speaker", "maya", "--name", "Maya Ortiz", "-q")
    assert "Correction by Eve" in page.read_text()
    assert "desk@news.example" in page.read_text()
    assert ">MAYA<" not in page.read_text()

    again = asked(udib, "analyze", EXAMPLE)
    assert again["revision"] == 2
    assert "Maya Ortiz" in again["outline"]["speakers"]
    assert [(each["kind"], each["applies"]) for each in again["corrections"]] == [("verdict", True), ("speaker", True)]
    assert "Correction by Eve" in page.read_text()
    assert asked(udib, "show", item)["corrections"] == again["corrections"]

    # A second word of the same person takes the place of the first, by the new name too.
    udib("correct", item, "--speaker", "Maya Ortiz", "--name", "Maya O.", "-q")
    kept = asked(udib, "correct", item)
    assert kept["schema"] == "udib.corrections/1"
    assert [each["corrected"] for each in kept["corrections"]] == ["supported", "Maya O."]

    for each in kept["corrections"]:
        udib("correct", item, "--withdraw", each["id"])
    assert asked(udib, "show", item)["corrections"] == []
    assert "Correction by" not in page.read_text()


def test_a_wrong_correction_is_one_sentence_that_says_what_to_do(udib: Commands) -> None:
    item = asked(udib, "analyze", EXAMPLE)["content"]["id"]
    for arguments, sentence in (
        (["--at", "0:07", "--verdict", "wrong"], "There is no verdict 'wrong'; there are supported"),
        (["--at", "0:07"], "Say one thing that is right"),
        (["--at", "0:07", "--verdict", "refuted", "--unfair"], "Say one thing that is right"),
        (["--at", "59:00", "--unfair"], "There is no hint at 59:00; the nearest are at"),
        (["--speaker", "Nobody", "--name", "Ada"], "Nobody is called 'Nobody' in this report; there is DANIEL, MAYA."),
        (["--at", "0:07", "--words", " "], "--words is empty"),
        (["--at", "0:07", "--words", "x" * 1001], "--words has 1001 characters"),
        (["--withdraw", "none"], "has no correction 'none'"),
    ):
        assert sentence in udib("correct", item, *arguments, code=2)
    assert asked(udib, "correct", item)["corrections"] == []
    assert "Nothing stored is called" in udib("correct", "no such item", code=2)


def test_forgetting_an_item_takes_its_corrections_too(udib: Commands) -> None:
    item = asked(udib, "analyze", EXAMPLE)["content"]["id"]
    udib("correct", item, "--at", "0:07", "--words", "quixotic lighthouse", "-q")
    udib("forget", item, "--yes")
    assert asked(udib, "analyze", EXAMPLE)["corrections"] == []
