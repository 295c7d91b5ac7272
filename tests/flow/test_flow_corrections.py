"""`udib correct` and `udib eval` as a user types them, on a report that is made, corrected, made again, forgotten."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typed_commands import Commands

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "rent-control" / "debate.vtt")


@pytest.fixture
def udib(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "0.2")
    monkeypatch.setenv("UDIB_DELIVERY__CORRECTIONS_TO", "desk@news.example")
    monkeypatch.setenv("UDIB_ANALYSIS__HINTS_PER_HOUR", "60")
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


def test_a_right_name_reaches_all_that_is_read_later_and_goes_again(udib: Commands, tmp_path: Path) -> None:
    made = asked(udib, "analyze", EXAMPLE)
    item = made["content"]["id"]
    [captions] = [Path(each["where"]) for each in made["delivered"] if each["kind"] == "captions"]
    as_heard = captions.read_text()
    udib("correct", item, "--speaker", "maya", "--name", "Ana <Ruiz>", "--by", "Eve", "-q")

    assert "Ana <Ruiz>" in asked(udib, "show", item)["outline"]["speakers"]
    assert "<v Ana &lt;Ruiz&gt;>" in captions.read_text()
    assert "<v MAYA>" not in captions.read_text()
    assert re.search(r"^NOTE\nCorrection by Eve, \S+: MAYA is Ana &lt;Ruiz&gt;\.$", captions.read_text(), re.MULTILINE)
    again = asked(udib, "analyze", EXAMPLE, "--out", str(tmp_path / "out"))
    [exported] = (tmp_path / "out").glob("*.vtt")
    assert exported.read_text() == captions.read_text()
    assert again["corrections"][0]["applies"]

    said = asked(udib, "ask", "rent control", "--limit", "20")["passages"]
    assert {each["record"]["speaker"] for each in said} == {"Ana <Ruiz>", "DANIEL"}
    assert all((each["record"]["speaker"] == "DANIEL") is (not each["corrections"]) for each in said)
    only = asked(udib, "ask", "rent control", "--speaker", "ana <ruiz>")["passages"]
    assert {each["record"]["speaker"] for each in only} == {"Ana <Ruiz>"}
    by_question = asked(udib, "ask", "What did Ana <Ruiz> say about rent control?")["passages"]
    assert [each["record"]["text"] for each in by_question][:1] == [each["record"]["text"] for each in only][:1]
    assert "Correction by Eve" in udib("ask", "rent control", "--speaker", "Ana <Ruiz>")
    assert asked(udib, "ask", "rent control", "--speaker", "MAYA")["passages"] == []
    assert "Correction by Eve" in udib("memory", "search", "rent control", "--speaker", "Ana <Ruiz>")
    assert asked(udib, "receipts", "Ana <Ruiz>", "rent", "control")["receipts"]
    # Another workspace has the item, and not the correction.
    asked(udib, "analyze", EXAMPLE, "--workspace", "other")
    others = asked(udib, "ask", "rent control", "--workspace", "other")["passages"]
    assert {each["record"]["speaker"] for each in others} <= {"MAYA", "DANIEL"}

    [kept] = asked(udib, "correct", item)["corrections"]
    udib("correct", item, "--withdraw", kept["id"])
    assert captions.read_text() == as_heard
    assert sorted(path.name for path in captions.parent.iterdir() if "vtt" in path.name) == ["transcript.vtt"]
    assert {
        each["record"]["speaker"] for each in asked(udib, "ask", "rent control", "--speaker", "maya")["passages"]
    } == {"MAYA"}
    assert "Nobody called" in udib("ask", "rent control", "--speaker", "Ana <Ruiz>", code=2)


def test_names_that_were_exchanged_are_put_right(udib: Commands) -> None:
    made = asked(udib, "analyze", EXAMPLE)
    item = made["content"]["id"]
    [captions] = [Path(each["where"]) for each in made["delivered"] if each["kind"] == "captions"]
    before = captions.read_text()
    udib("correct", item, "--speaker", "MAYA", "--name", "Daniel", "-q")
    udib("correct", item, "--speaker", "DANIEL", "--name", "Maya", "-q")
    exchanged = {"MAYA": "Daniel", "DANIEL": "Maya"}
    voices = re.findall(r"<v ([^>]*)>", captions.read_text())
    assert voices == [exchanged[label] for label in re.findall(r"<v ([^>]*)>", before)]
    said = asked(udib, "ask", "rent control", "--speaker", "Maya")["passages"]
    assert said
    assert {each["corrections"][0]["speaker"] for each in said} == {"DANIEL"}


def test_what_a_reader_says_of_single_words_stands_beside_them_in_answers(udib: Commands) -> None:
    item = asked(udib, "analyze", EXAMPLE)["content"]["id"]
    [first] = asked(udib, "ask", "What did the council exempt?", "--limit", "1")["passages"]
    shown = asked(udib, "show", item)
    quote = next(
        each["claim"]["quote"]
        for each in shown["fact_checks"]["checks"]
        if each["claim"]["quote"]["text"] in first["record"]["text"]
    )
    udib("correct", item, "--quote", quote["text"], "--name", "Ada", "--note", "Hear it.", "-q")
    [again] = asked(udib, "ask", "What did the council exempt?", "--limit", "1")["passages"]
    assert again["record"]["text"] == first["record"]["text"]
    assert [(each["kind"], each["corrected"]) for each in again["corrections"]] == [("attribution", "Ada")]


def test_a_wrong_correction_is_one_sentence_that_says_what_to_do(udib: Commands) -> None:
    item = asked(udib, "analyze", EXAMPLE)["content"]["id"]
    for arguments, sentence in (
        (["--at", "0:07", "--verdict", "wrong"], "There is no verdict 'wrong'; there are supported"),
        (["--at", "0:07"], "Say one thing that is right"),
        (["--at", "0:07", "--verdict", "refuted", "--unfair"], "Say one thing that is right"),
        (["--at", "59:00", "--unfair"], "There is no hint at 59:00; the nearest are at"),
        (["--speaker", "Nobody", "--name", "Ada"], "Nobody is called 'Nobody' in this report; there is DANIEL, MAYA."),
        (["--at", "0:07", "--words", " "], "--words is empty"),
        (["--quote", "\u200b", "--verdict", "refuted"], "--quote is empty"),
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


def test_a_users_own_labels_are_scored_beside_trivial_answers(udib: Commands, tmp_path: Path) -> None:
    asked(udib, "analyze", EXAMPLE)
    key = json.loads((Path(EXAMPLE).parent / "key.json").read_text())
    labels, scores = tmp_path / "labels.json", tmp_path / "scores.json"
    rows = [{"content": "debate", "kind": "claim", "quote": claim["quote"]} for claim in key["claims"]]
    rows += [
        {"content": "debate", "kind": "hint", "value": hint["kind"], "at": hint["start_s"]} for hint in key["fallacies"]
    ]
    labels.write_text(json.dumps(rows))

    told = asked(udib, "eval", str(labels), "--out", str(scores))
    assert told == json.loads(scores.read_text())
    assert told["schema"] == "udib.eval/1"
    claims, hints, by_kind = told["figures"]
    assert [each["subject"] for each in told["figures"]] == ["claims", "hints", "hints by kind"]
    assert claims["f1"] > 0.9
    assert claims["score"]["wanted"] == len(key["claims"])
    assert claims["baselines"]["random"]["right"] < claims["score"]["right"]
    assert hints["score"]["right"] >= by_kind["score"]["right"] > 0

    text = udib("eval", str(labels), "-q")
    for part in ("precision", "every sentence", "silent", "false alarms/h", "average precision"):
        assert part in text


def test_what_readers_corrected_is_scored_and_exported_as_labels(udib: Commands, tmp_path: Path) -> None:
    assert "give a FILE with labels" in udib("eval", code=2)
    item = asked(udib, "analyze", EXAMPLE)["content"]["id"]
    udib("correct", item, "--at", "0:07", "--verdict", "supported", "-q")
    udib("correct", item, "--at", "1:21", "--unfair", "-q")
    figures = asked(udib, "eval")["figures"]
    assert [(each["subject"], each["score"]["right"]) for each in figures] == [
        ("verdicts", 0),
        ("unfair hints not given", 0),
    ]
    exported = tmp_path / "labels.json"
    udib("eval", "--export", str(exported))
    assert asked(udib, "eval", str(exported))["figures"] == figures


def test_labels_of_items_that_are_not_there_are_refused(udib: Commands, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("content,kind,at\nnowhere,claim,0:07\n")
    assert "Nothing stored is called 'nowhere'" in udib("eval", str(labels), code=2)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("labels.json", "", "is empty"),
        ("labels.csv", "content,kind\nfirst,claim,0:07\n", "more cells than the first line has names"),
        ("labels.json", "[1", "holds no labels"),
        (".", None, "is no file"),
        ("no.json", None, "cannot be read"),
        ("/dev/zero", None, "is no file"),
    ],
)
def test_a_file_that_holds_no_labels_is_one_sentence(
    udib: Commands, tmp_path: Path, name: str, text: str | None, sentence: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    said = udib("eval", str(path), code=2)
    assert sentence in said
    assert len(said.splitlines()) == 1
