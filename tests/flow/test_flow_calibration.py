"""`udib eval --calibrate` as a user types it: labels in, and later verdicts that say how often such ones were right."""

import json
from pathlib import Path
from typing import Any

import pytest
from typed_commands import Commands, name_model

from udib.testing.chat_server import ChatServer, ScriptedReply

CITIES = [
    "Vienna",
    "Hamburg",
    "Lisbon",
    "Madrid",
    "Paris",
    "Rome",
    "Dublin",
    "Oslo",
    "Prague",
    "Warsaw",
    "Athens",
    "Helsinki",
    "Berlin",
    "Budapest",
    "Zurich",
    "Geneva",
    "Munich",
    "Milan",
    "Turin",
    "Naples",
    "Seville",
    "Porto",
    "Krakow",
    "Riga",
    "Tallinn",
    "Vilnius",
    "Sofia",
    "Bucharest",
    "Zagreb",
    "Belgrade",
    "Copenhagen",
    "Malmo",
]
STANCE = "You compare one claim with the sentences"
ITEMS = 4


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> Commands:
    """Four talks on eight cities each, and a document for each city; of every second one the reading is weak."""
    name_model(server, tmp_path, monkeypatch)
    monkeypatch.setenv("UDIB_ANALYSIS__BY_MODEL", '["verdicts"]')
    (tmp_path / "figures").mkdir()
    for city in CITIES:
        text = f"In {city} the rents rose by twelve percent in 2021.\n"
        (tmp_path / "figures" / f"{city}.md").write_text(text, encoding="utf-8")
    for item in range(ITEMS):
        cues = [
            f"00:{10 + 5 * number}.000 --> 00:{14 + 5 * number}.000\n"
            f"<v Maya>Rents in {city} rose by twelve percent in 2021.\n"
            for number, city in enumerate(CITIES[item::ITEMS])
        ]
        (tmp_path / f"talk{item}.vtt").write_text("WEBVTT\n\n" + "\n".join(cues), encoding="utf-8")
    commands = Commands(tmp_path / "data", capsys)
    commands("evidence", "add", str(tmp_path / "figures"), "--publisher", "Office", "--date", "2022-02-01", "--quiet")
    weak = [reply("weak", f"Rents in {city} rose") for city in CITIES[::2]]
    server.script(*weak, reply("strong", STANCE))
    return commands


def reply(strength: str, when: str) -> ScriptedReply:
    return ScriptedReply(text=json.dumps({"stance": "supports", "strength": strength, "sentences": [1]}), when=when)


def verdicts_of(cli: Commands, path: Path) -> dict[str, dict[str, Any]]:
    report = json.loads(cli("analyze", str(path), "--quiet", "--json"))
    checks = [each for each in report["fact_checks"]["checks"] if each["verdict"]]
    return {each["claim"]["quote"]["text"].split()[2]: each["verdict"] for each in checks}


def test_labelled_verdicts_make_later_ones_as_sure_as_they_were_right(cli: Commands, tmp_path: Path) -> None:
    found: dict[str, dict[str, Any]] = {}
    rows: list[dict[str, str]] = []
    for item in range(ITEMS):
        said = verdicts_of(cli, tmp_path / f"talk{item}.vtt")
        found |= said
        for number, city in enumerate(said):
            # Of four verdicts three were right.
            value = said[city]["label"] if number % 4 else "refuted"
            rows.append({"content": f"talk{item}", "kind": "verdict", "quote": f"Rents in {city} rose", "value": value})
    assert len(found) == len(CITIES)
    assert {each["checked"] for each in found.values()} == {None}
    [maker] = {each["by_rule"]["made_by"] for each in found.values()}
    assert maker.startswith("small; stance v1 ")
    assert maker.endswith("; rules 1")

    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(rows[:29]), encoding="utf-8")
    said_no = cli("eval", str(labels), "--calibrate", code=2)
    assert "that takes 30 labelled verdicts by the same models, prompts and rules, and there are 29" in said_no
    labels.write_text(json.dumps(rows), encoding="utf-8")
    assert "Not kept; --calibrate keeps it." in cli("eval", str(labels), "-q")

    told = json.loads(cli("eval", str(labels), "--calibrate", "--json", "--quiet"))
    assert told["kept"]
    [scale] = told["calibration"]
    assert (scale["made_by"], scale["verdicts"], scale["right"]) == (maker, 32, 24)
    assert set(scale["by_rule"]) == {"brier", "ece"}

    again = verdicts_of(cli, tmp_path / "talk0.vtt")
    for city, verdict in again.items():
        assert verdict["checked"] is not None, city
        share = verdict["checked"]["right"] / verdict["checked"]["of"]
        assert verdict["confidence"] == pytest.approx(min(share, verdict["by_rule"]["most"]), abs=0.005)
        assert verdict["by_rule"] == found[city]["by_rule"], "what the rules say stays, to be measured again"
    shown = cli("show", "talk0")
    assert "such verdicts checked by readers," in " ".join(shown.split())
    # Another tenant has its own readers.
    other = verdicts_of_other(cli, tmp_path)
    assert {each["checked"] for each in other.values()} <= {None}


def verdicts_of_other(cli: Commands, tmp_path: Path) -> dict[str, dict[str, Any]]:
    cli("evidence", "add", str(tmp_path / "figures"), "--tenant", "other", "--quiet")
    report = json.loads(cli("analyze", str(tmp_path / "talk0.vtt"), "--quiet", "--json", "--tenant", "other"))
    checks = [each for each in report["fact_checks"]["checks"] if each["verdict"]]
    assert checks
    return {each["claim"]["quote"]["text"]: each["verdict"] for each in checks}
