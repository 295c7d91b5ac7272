"""`udib receipts` as a user types it: over two items, with names that readers corrected."""

import json
from pathlib import Path
from typing import Any

import pytest
from typed_commands import Commands

FIRST = """Ada: A rent board would cost this city about 4 million dollars a year, says the mayor.
Speaker 1: Rents in Vienna rose by twelve percent in 2021, the statistics office says so.
"""
SECOND = """Ada: A rent board would cost this city about 9 million dollars a year, I have seen the budget.
Speaker 1: Rents in Berlin fell by four percent in the same year, the statistics office says so.
"""


@pytest.fixture
def udib(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "0.2")
    commands = Commands(tmp_path / "data", capsys)
    for name, text in (("first", FIRST), ("second", SECOND)):
        (tmp_path / f"{name}.txt").write_text(text)
        commands("analyze", str(tmp_path / f"{name}.txt"), "-q")
    return commands


def asked(udib: Commands, *arguments: str) -> Any:
    return json.loads(udib(*arguments, "--json", "--quiet"))


def test_what_somebody_said_stands_with_second_and_link_and_what_may_not_both_hold(udib: Commands) -> None:
    told = asked(udib, "receipts", "ada", "rent", "board")
    assert told["schema"] == "udib.receipts/1"
    assert told["person"] == "Ada"
    texts = [each["record"]["text"] for each in told["receipts"]]
    assert len(texts) == 2
    assert all(text in FIRST + SECOND for text in texts)
    assert all(each["record"]["link"].startswith("file://") for each in told["receipts"])
    [pair] = told["contradictions"]
    assert {pair["earlier"], pair["later"]} == {1, 2}
    assert (pair["difference"], pair["dated"]) == ("number", False)
    text = udib("receipts", "Ada", "rent board")
    for part in ("May not both hold", "No passage has a date.", "that it is the same person is for you to check"):
        assert part in " ".join(text.split())
    assert asked(udib, "receipts", "Ada", "quantum chromodynamics")["receipts"] == []
    assert "is stored" in udib("receipts", "Ada", "quantum chromodynamics")


def test_a_part_of_a_name_is_nobody_but_tells_who_may_be_meant(udib: Commands) -> None:
    udib("correct", "first", "--speaker", "Speaker 1", "--name", "Robert Miller", "-q")
    for part in ("robert", "mill", "Miller Rob"):
        assert "did you mean 'Robert Miller'?" in " ".join(udib("receipts", part, "rents", code=2).split())
    assert "Name the person too" in udib("receipts", " ", "rents", code=2)


def test_a_number_is_nobody_until_a_reader_names_it_in_an_item(udib: Commands) -> None:
    assert "is somebody else in every item; add --content" in udib("receipts", "Speaker 1", "rents", code=2)
    [only] = asked(udib, "receipts", "Speaker 1", "rents", "--content", "second")["receipts"]
    assert "Berlin" in only["record"]["text"]

    udib("correct", "first", "--speaker", "Speaker 1", "--name", "Bob", "-q")
    [named] = asked(udib, "receipts", "bob", "rents")["receipts"]
    assert "Vienna" in named["record"]["text"]
    assert named["record"]["speaker"] == "Bob"
    # Whom a reader called Bob there is Speaker 1 no more.
    assert asked(udib, "receipts", "Speaker 1", "rents", "--content", "first")["receipts"] == []


def test_words_that_a_reader_gave_to_another_are_left_out_and_counted(udib: Commands) -> None:
    udib("correct", "second", "--quote", "9 million dollars", "--name", "Eve", "-q")
    told = asked(udib, "receipts", "Ada", "rent board")
    assert len(told["receipts"]) == 1
    assert told["contradictions"] == []
    assert any("a reader corrected who said it: 1" in note for note in told["notes"])


def test_a_wrong_question_is_one_sentence(udib: Commands) -> None:
    assert "Nobody called 'Zoe'" in udib("receipts", "Zoe", "rents", code=2)
    assert "Name the topic too" in udib("receipts", "Ada", code=2)
    assert "Name the person" in udib("receipts", "\u202e ", "rents", code=2)
    assert len(udib("receipts", "x" * 5000, "rents", code=2)) < 500
    assert "1 to 200, not 0" in udib("receipts", "Ada", "rents", "--limit", "0", code=2)


def test_one_person_with_a_number_in_each_item_is_asked_about_by_name(udib: Commands) -> None:
    for item in ("first", "second"):
        udib("correct", item, "--speaker", "Speaker 1", "--name", "Bea Lind", "-q")
    for question in (["ask", "rents", "--speaker", "bea lind"], ["ask", "What did Bea Lind say about rents?"]):
        said = asked(udib, *question)["passages"]
        assert {each["record"]["title"] for each in said} == {"first", "second"}
        assert {each["record"]["speaker"] for each in said} == {"Bea Lind"}
        assert {each["corrections"][0]["speaker"] for each in said} == {"Speaker 1"}
    assert asked(udib, "ask", "What did Bea Lind say about rents?", "--content", "first", "--limit", "1")["passages"]
