"""Claims that are made again, in one item and in others, as a user sees them."""

import json
from pathlib import Path
from typing import Any

import pytest
from typed_commands import Commands

CLAIM = "A rent board would cost Vienna about 4 million dollars a year, says the mayor."
FIRST = f"""Ada: {CLAIM} I like the river.
Ben: Rents in Berlin fell by four percent in 2021, the statistics office says so.
Ada: Look, a rent board would cost Vienna about 4 million dollars a year, says the mayor.
"""
SECOND = f"""Cleo: {CLAIM}
Cleo: Rents in Berlin fell by nine percent in 2021, the statistics office says so.
"""


@pytest.fixture
def udib(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "0.2")
    for name, text in (("first", FIRST), ("second", SECOND)):
        (tmp_path / f"{name}.txt").write_text(text)
    return Commands(tmp_path / "data", capsys)


def checks(udib: Commands, item: Path, *arguments: str) -> dict[str, Any]:
    report = json.loads(udib("analyze", str(item), "--json", "-q", *arguments))
    return {check["claim"]["quote"]["text"]: check for check in report["fact_checks"]["checks"]}


def test_a_claim_made_again_is_shown_once_with_the_other_places_in_its_tenant(udib: Commands, tmp_path: Path) -> None:
    found = checks(udib, tmp_path / "first.txt")
    [board] = [check for text, check in found.items() if "rent board" in text]
    assert len(board["repeats"]) == 1
    assert board["elsewhere"] == []

    found = checks(udib, tmp_path / "second.txt")
    [other] = found[CLAIM]["elsewhere"]
    assert (other["source"], other["speaker"]) == ("first", "Ada")
    assert [check["elsewhere"] for text, check in found.items() if "Berlin" in text] == [[]], "another number"

    shown = " ".join(udib("show", "first").split())
    assert "Said 2 times, also at" in shown
    assert "Also said in: first, Ada" in " ".join(udib("show", "second").split())

    elsewhere = checks(udib, tmp_path / "second.txt", "--tenant", "other")
    assert all(check["elsewhere"] == [] for check in elsewhere.values())

    udib("forget", "first", "--yes", "-q")
    assert "Also said in" not in udib("show", "second")
