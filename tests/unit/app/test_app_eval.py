"""Labels as a user writes them: read from JSON or CSV, or refused with the number of the label and what to do."""

from pathlib import Path

import pytest

from udib.analysis.evaluation import LabelKind, Labelled
from udib.app.eval_commands import LabelRow, labelled, read_rows
from udib.core.errors import BadRequestError


def test_json_and_csv_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"content": "talk", "kind": "claim", "at": "1:05", "quote": "r\u00e9nts"}]')
    (tmp_path / "a.csv").write_text("\ufeffcontent,kind,at,quote\ntalk,claim,1:05,r\u00e9nts\n", encoding="utf-8")
    (tmp_path / "b.json").write_text('[{"content": "talk", "kind": "claim", "at": 65, "quote": "r\u00e9nts"}]')
    for name in ("a.json", "a.csv", "b.json"):
        [(number, row)] = read_rows(tmp_path / name)
        assert labelled(number, row) == Labelled(LabelKind.CLAIM, 65.0, "r\u00e9nts")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("x.json", "{", "holds no labels"),
        ("x.json", '{"content": "talk"}', "holds no labels"),
        ("x.json", '[{"content": "talk", "kind": "claim", "when": 3}]', "with content, kind, at, quote, value, other"),
        ("x.csv", "kind,at\nclaim,3\n", "missing required field"),
        ("x.csv", "content,kind\ntalk,claim,more,cells\n", "holds no labels"),
    ],
)
def test_what_is_no_list_of_labels_is_refused(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadRequestError, match=sentence):
        read_rows(tmp_path / name)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match=r"none\.json cannot be read \(No such file"):
        read_rows(tmp_path / "none.json")
    (tmp_path / "latin.csv").write_bytes("content\nr\u00e9nts".encode("latin-1"))
    with pytest.raises(BadRequestError, match="is no UTF-8 text"):
        read_rows(tmp_path / "latin.csv")


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (LabelRow("talk", "lie", "0:01"), "Label 7: there is no kind 'lie'; there are claim, verdict"),
        (
            LabelRow("talk", "verdict", "0:01", value="true"),
            "Label 7: a verdict has no value 'true'; there are conflicting",
        ),
        (LabelRow("talk", "verdict", "0:01"), "Label 7: a verdict has no value ''"),
        (LabelRow("talk", "claim"), "Label 7: say where it is"),
        (LabelRow("talk", "chapter", quote="so now"), "Label 7: say where it is"),
        (LabelRow("talk", "contradiction", quote="so now"), "Label 7: a contradiction has the later words"),
        (LabelRow("talk", "claim", "noon"), "'noon' is no time"),
    ],
)
def test_a_label_that_means_nothing_is_refused_by_its_number(row: LabelRow, sentence: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        labelled(7, row)
    assert str(refused.value).startswith(sentence)


def test_that_there_is_nothing_needs_no_place() -> None:
    assert labelled(1, LabelRow("talk", "hint", value="none")) == Labelled(LabelKind.HINT, value="none")
