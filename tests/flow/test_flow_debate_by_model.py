"""Fallacies and debates read by a model, as a user meets them, and what a model can do wrong with them.

The model is a scripted server of `udib.testing`, in a process of its own.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from typed_commands import Commands, name_model

from udib.analysis.reasoned_fallacies import FallacyName
from udib.core.findings import FallacyKind
from udib.testing.chat_server import ChatServer, ScriptedReply

TALK = """WEBVTT

00:01.000 --> 00:05.000
<v Maya>We should cap the rents, because families in Vienna cannot pay them any more.

00:06.000 --> 00:10.000
<v Daniel>A cap on rents would stop all building, because nobody builds houses at a loss.

00:11.000 --> 00:15.000
<v Maya>If we do nothing, soon every family will have left the city for good.

00:16.000 --> 00:20.000
<v Daniel>The tram to the airport is late every day, and that is a scandal too.
"""
FALLACY, REVIEW = "You look at one sentence", "Somebody says that sentence"
POINTS, GRADES = "You keep the ledger", "You read two speeches"
FAIR = dict.fromkeys(["argument", "evidence", "clash", "conduct"], "fair")


def says(when: str, **answer: object) -> ScriptedReply:
    return ScriptedReply(text=json.dumps(answer), when=when)


def accuses(**changed: object) -> ScriptedReply:
    found: dict[str, object] = {"premise": 3, "conclusion": 3, "kind": "slippery_slope"}
    reading = "Doing nothing may drive many families out of the city."
    return says(f"{FALLACY} of a recorded talk, number 3", **{**found, "innocent_reading": reading, **changed})


NONE = says(FALLACY, premise=1, conclusion=1, innocent_reading="It is what it says.", kind="none")
UPHELD, TAKEN_BACK = says(REVIEW, better="fallacy"), says(REVIEW, better="innocent")


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> Commands:
    name_model(server, tmp_path, monkeypatch)
    (tmp_path / "talk.vtt").write_text(TALK, encoding="utf-8")
    return Commands(tmp_path / "data", capsys)


def analysed(cli: Commands, tmp_path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(cli("analyze", str(tmp_path / "talk.vtt"), "--quiet", "--json"))
    return report


def gate(report: dict[str, Any], kind: str) -> dict[str, int]:
    [found] = [each for each in report["gates"] if each["kind"] == kind]
    return {"kept": found["kept"], **{each["reason"]: each["count"] for each in found["dropped"]}}


def test_a_model_can_name_every_kind_and_none_before_all() -> None:
    assert [each.value for each in FallacyName] == ["none", *(kind.value for kind in FallacyKind)]


class TestFallacies:
    @pytest.fixture(autouse=True)
    def _wanted(self, monkeypatch: pytest.MonkeyPatch, cli: Commands) -> None:
        monkeypatch.setenv("UDIB_ANALYSIS__BY_MODEL", '["fallacies"]')

    def test_what_is_reasoned_out_and_upheld_is_a_hint(self, cli: Commands, server: ChatServer, tmp_path: Path) -> None:
        server.script(accuses(), UPHELD, NONE)
        report = analysed(cli, tmp_path)
        [hint] = report["fallacies"]["hints"]
        assert hint["quote"]["text"] == "If we do nothing, soon every family will have left the city for good."
        assert (hint["kind"], hint["model"], hint["quote"]["speaker"]) == ("slippery_slope", "small", "Maya")
        assert hint["innocent_reading"] == "Doing nothing may drive many families out of the city."
        assert gate(report, "fallacies")["kept"] == 1
        page = cli("show", report["content"]["id"])
        assert "found by small" in page
        assert "the reason given is" not in page, "it is the sentence that stands above"
        assert "in a model's words" in page
        spent = {row["task"] for row in json.loads(cli("llm", "spend", "--json"))["spendings"]}
        assert spent == {"fallacies"}

    def test_a_second_call_can_only_take_it_back(self, cli: Commands, server: ChatServer, tmp_path: Path) -> None:
        server.script(accuses(), TAKEN_BACK, NONE)
        report = analysed(cli, tmp_path)
        assert report["fallacies"]["hints"] == []
        assert gate(report, "fallacies")["taken_back"] == 1

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"premise": 99}, "unknown_number"),
            ({"premise": 2}, "other_speaker"),
            ({"premise": 1, "conclusion": 1}, "not_borne_out"),
            ({"innocent_reading": ""}, "not_plain_text"),
            ({"innocent_reading": "See https://evil.example for more."}, "not_plain_text"),
            ({"innocent_reading": "She means 90 percent of them."}, "not_borne_out"),
            ({"innocent_reading": "She means that Angela left the city."}, "wrong_name"),
        ],
    )
    def test_what_does_not_hold_is_dropped(
        self, cli: Commands, server: ChatServer, tmp_path: Path, changed: dict[str, object], reason: str
    ) -> None:
        server.script(accuses(**changed), UPHELD, NONE)
        report = analysed(cli, tmp_path)
        assert report["fallacies"]["hints"] == []
        assert gate(report, "fallacies")[reason] == 1

    def test_a_model_that_sees_fallacies_everywhere_meets_the_cap(
        self, cli: Commands, server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UDIB_ANALYSIS__HINTS_PER_HOUR", "1")
        lines = [
            f"00:{n:02d}.000 --> 00:{n:02d}.900\n<v Maya>We must act, because family number {n} cannot pay any more.\n"
            for n in range(1, 30)
        ]
        (tmp_path / "talk.vtt").write_text("WEBVTT\n\n" + "\n".join(lines), encoding="utf-8")
        everywhere = [
            says(
                f"{FALLACY} of a recorded talk, number {n}.",
                premise=n,
                conclusion=n,
                innocent_reading="She may mean it.",
                kind="appeal_to_emotion",
            )
            for n in range(1, 30)
        ]
        server.script(*everywhere, UPHELD)
        report = analysed(cli, tmp_path)
        assert len(report["fallacies"]["hints"]) == 2, "one an hour; a short item may have those of two hours"
        assert report["fallacies"]["withheld"] >= 1
        assert len(server.seen()) <= 16, "no more than four sentences for each hint, twice"

    def test_without_an_answer_the_hints_of_the_rules_stand(
        self, cli: Commands, server: ChatServer, tmp_path: Path
    ) -> None:
        server.script(ScriptedReply(status=401))
        report = analysed(cli, tmp_path)
        assert all(hint["model"] == "" for hint in report["fallacies"]["hints"])
        [gap] = [gap["reason"] for gap in report["missing"] if gap["part"] == "fallacies"]
        assert "does not accept the API key" in gap


def points(*drafted: tuple[int, str, list[int]]) -> ScriptedReply:
    return says(POINTS, points=[{"raised": n, "words": words, "answers": answers} for n, words, answers in drafted])


CAP = (1, "we should cap the rents", [2])
TRAM: tuple[int, str, list[int]] = (4, "The tram to the airport is late every day", [])


class TestDebate:
    @pytest.fixture(autouse=True)
    def _wanted(self, monkeypatch: pytest.MonkeyPatch, cli: Commands) -> None:
        monkeypatch.setenv("UDIB_ANALYSIS__BY_MODEL", '["debate"]')

    def test_the_ledger_says_who_raised_what_and_who_answered(
        self, cli: Commands, server: ChatServer, tmp_path: Path
    ) -> None:
        server.script(points(TRAM, CAP), says(GRADES, first=FAIR, second=FAIR))
        report = analysed(cli, tmp_path)
        first, second = report["ledger"]["points"]
        assert (first["raised"]["text"], first["raised"]["speaker"]) == ("We should cap the rents", "Maya")
        assert [(each["speaker"], each["first"]) for each in first["answers"]] == [("Daniel", 1)]
        assert (second["raised"]["speaker"], second["answers"]) == ("Daniel", [])
        assert {each["grade"] for each in report["ledger"]["grades"]} == {"fair"}
        assert report["ledger"]["outcome"] is None, "nobody asked who did better"
        page = cli("show", report["content"]["id"])
        assert "Points of the debate" in page
        assert "Nobody answers it" in page

    @pytest.mark.parametrize(
        ("drafted", "kind", "reason"),
        [
            ((9, "we should cap the rents", []), "points of the debate", "unknown_number"),
            ((1, "we should never cap the rents", []), "points of the debate", "not_said"),
            ((2, "we should cap the rents", []), "points of the debate", "not_said"),
            ((1, "we should cap the rents", [3]), "answers to points", "other_speaker"),
            ((2, "nobody builds houses", [1]), "answers to points", "answer_before_point"),
            ((1, "we should cap the rents", [77]), "answers to points", "unknown_number"),
        ],
    )
    def test_a_point_or_answer_that_the_talk_does_not_have_is_dropped(
        self, cli: Commands, server: ChatServer, tmp_path: Path, drafted: tuple[int, str, list[int]], kind: str,
        reason: str,
    ) -> None:  # fmt: skip
        server.script(points(drafted), says(GRADES, first=FAIR, second=FAIR))
        report = analysed(cli, tmp_path)
        assert gate(report, kind)[reason] == 1
        assert [point["answers"] for point in report["ledger"]["points"]] in ([], [[]])

    def test_ten_times_too_many_points_are_cut(self, cli: Commands, server: ChatServer, tmp_path: Path) -> None:
        server.script(points(*[CAP] * 120), says(GRADES, first=FAIR, second=FAIR))
        report = analysed(cli, tmp_path)
        assert len(report["ledger"]["points"]) == 1
        assert gate(report, "points of the debate")["too_many"] == 108

    def test_a_judge_that_favours_the_first_speech_gives_no_grade_and_a_tie(
        self, cli: Commands, server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UDIB_ANALYSIS__BY_MODEL", '["debate", "winner"]')
        server.script(points(), says(GRADES, first={**FAIR, "argument": "strong"}, second=FAIR))
        report = analysed(cli, tmp_path)
        unclear = [(each["speaker"], each["dimension"]) for each in report["ledger"]["grades"] if not each["grade"]]
        assert unclear == [("Maya", "argument"), ("Daniel", "argument")]
        assert report["ledger"]["outcome"] == {"winner": None, "by_order": ["Maya", "Daniel"]}
        page = " ".join(cli("show", report["content"]["id"]).split())
        assert "a tie, since one order of reading gives Maya and the other Daniel" in page

    def test_who_did_better_is_said_if_it_is_asked_for_and_both_orders_agree(
        self, cli: Commands, server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("UDIB_ANALYSIS__BY_MODEL", '["debate", "winner"]')
        weak = dict.fromkeys(FAIR, "weak")
        maya_first = "about='first'>\\nWe should cap"
        server.script(
            points(),
            says(maya_first, first=FAIR, second=weak),
            says(GRADES, first=weak, second=FAIR),
        )
        report = analysed(cli, tmp_path)
        assert report["ledger"]["outcome"] == {"winner": "Maya", "by_order": ["Maya", "Maya"]}
        assert all("Maya" not in each.body for each in server.seen() if GRADES in each.body), "names are not shown"

    def test_who_did_better_can_be_asked_for_once(self, cli: Commands, server: ChatServer, tmp_path: Path) -> None:
        weak = dict.fromkeys(FAIR, "weak")
        maya_first = "about='first'>\\nWe should cap"
        answers = (
            points(),
            says(maya_first, first=FAIR, second=weak),
            says(GRADES, first=weak, second=FAIR),
        )
        server.script(*answers)
        assert analysed(cli, tmp_path)["ledger"]["outcome"] is None
        server.script(*answers)
        asked: dict[str, Any] = json.loads(cli("analyze", str(tmp_path / "talk.vtt"), "--winner", "--quiet", "--json"))
        assert asked["ledger"]["outcome"] == {"winner": "Maya", "by_order": ["Maya", "Maya"]}

    def test_three_speakers_are_not_graded_and_one_has_no_ledger(
        self, cli: Commands, server: ChatServer, tmp_path: Path
    ) -> None:
        (tmp_path / "talk.vtt").write_text(TALK.replace("<v Maya>If", "<v Eva>If"), encoding="utf-8")
        server.script(points(CAP))
        report = analysed(cli, tmp_path)
        assert report["ledger"]["grades"] == []
        assert any(gap["part"] == "grades of the speeches" for gap in report["missing"])
        (tmp_path / "talk.vtt").write_text(TALK.replace("<v Daniel>", "<v Maya>"), encoding="utf-8")
        server.seen()
        report = analysed(cli, tmp_path)
        assert server.seen() == []
        assert "nobody answers anybody" in next(gap["reason"] for gap in report["missing"] if gap["part"] == "points")
