"""A model that is bad at all it is asked for, over the real command: summary, claims, verdicts, fallacies, ledger.

Whatever it does, the report stands with what the rules found, every part that a model should have made says in one
sentence why it is not there, nothing of the model's is shown, and the calls and the wait are bounded.
"""

import gzip
import json
from pathlib import Path
from typing import Any, Final

import pytest
from typed_commands import Commands, name_model

from udib.testing.chat_server import ChatServer, ScriptedReply

OFFICE = """Ida: The statistics office counted the rents in Vienna. In 2021 the rents in Vienna rose by nine percent.
Jon: In the year 2021 the rents in Vienna rose by twelve percent, and no less.
"""
TALK = """WEBVTT

00:01.000 --> 00:09.000
<v Maya>Rents in Vienna rose by twelve percent in 2021, and that is a record for the whole city.

00:10.000 --> 00:15.000
<v Daniel>A cap on rents would stop all building, because nobody builds houses at a loss.

00:16.000 --> 00:20.000
<v Maya>If we do nothing, soon every family will have left the city for good.

00:21.000 --> 00:29.000
<v Daniel>You heard it before. Rents in Vienna rose by twelve percent in 2021, that is a record for the whole city.

00:30.000 --> 00:38.000
<v Maya>I say it once more. Rents in Vienna rose by twelve percent in 2021, and that is a record for the whole city.
"""
STANCE, CLAIMS = "You compare one claim", "You prepare sentences"
SUMMARY, FALLACY, POINTS = "You summarise recorded talks", "You look at one sentence", "You keep the ledger"
EVERYTHING: Final = ["summary", "claims", "verdicts", "fallacies", "debate", "winner"]
PARTS: Final = {"summary in words", "claims in words", "verdicts", "fallacies", "points", "grades of the speeches"}
"""The parts that a model makes, by the names that a reader sees when they are missing."""
MOST_CALLS: Final = 60
"""Questions that this talk gives rise to, each asked again as often as the settings allow."""
PLANTED: Final = "Xanadu"


@pytest.fixture
def cli(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ChatServer, capsys: pytest.CaptureFixture[str]
) -> Commands:
    name_model(server, tmp_path, monkeypatch)
    monkeypatch.setenv("UDIB_LLM__DEADLINE_S", "0.7")
    (tmp_path / "office.txt").write_text(OFFICE, encoding="utf-8")
    (tmp_path / "talk.vtt").write_text(TALK, encoding="utf-8")
    commands = Commands(tmp_path / "data", capsys)
    monkeypatch.setenv("UDIB_ANALYSIS__BY_MODEL", "[]")
    commands("analyze", str(tmp_path / "office.txt"), "--quiet")
    monkeypatch.setenv("UDIB_ANALYSIS__BY_MODEL", json.dumps(EVERYTHING))
    return commands


def analysed(cli: Commands, tmp_path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(cli("analyze", str(tmp_path / "talk.vtt"), "--quiet", "--json"))
    return report


def says(when: str | None = None, **answer: object) -> ScriptedReply:
    return ScriptedReply(text=json.dumps(answer), when=when)


def rents(report: dict[str, Any]) -> dict[str, Any]:
    """The check of the one claim on the rents; it is made three times."""
    check: dict[str, Any]
    [check] = [each for each in report["fact_checks"]["checks"] if "twelve" in each["claim"]["quote"]["text"]]
    return check


LARGE: Final = 5_000_000
NO_ANSWER = [
    pytest.param(ScriptedReply(text=""), id="empty"),
    pytest.param(ScriptedReply(text=f"{PLANTED} blah 42 ]]}} {{{{"), id="nonsense"),
    pytest.param(ScriptedReply(text=f"Gerne! Die Behauptung ist falsch, siehe {PLANTED}."), id="another language"),
    pytest.param(says(answer=PLANTED, confidence=11), id="another form"),
    pytest.param(ScriptedReply(text=json.dumps([[PLANTED]] * 10)), id="a list"),
    pytest.param(ScriptedReply(text='{"statements": ' * 2_000), id="nested without end"),
    pytest.param(ScriptedReply(text=PLANTED, finish="length"), id="cut off by its length"),
    pytest.param(ScriptedReply(fault="hang"), id="never answers"),
    pytest.param(ScriptedReply(text=PLANTED, delay_s=1.0), id="answers after the deadline"),
    pytest.param(ScriptedReply(body=PLANTED * 9, write_bytes=1, pause_s=0.2), id="drips"),
    pytest.param(ScriptedReply(fault="drop"), id="hangs up"),
    pytest.param(ScriptedReply(text=PLANTED * 99, fault="cut"), id="hangs up in the middle"),
    pytest.param(ScriptedReply(body="\udc80\udcff\x00\udcfe" * 99), id="garbage bytes"),
    pytest.param(ScriptedReply(body='data: {"choices": [{"delta": {"content": "Xanadu"}}]}\n\ndata: [DONE]\n\n',
                               headers={"Content-Type": "text/event-stream"}), id="streams unasked"),
    pytest.param(ScriptedReply(body=f"<html><p>{PLANTED}</p></html>", headers={"Content-Type": "text/html"}),
                 id="a web page"),
    pytest.param(ScriptedReply(status=500), id="500"),
    pytest.param(ScriptedReply(status=503, headers={"Retry-After": "3600"}), id="come back in an hour"),
    pytest.param(ScriptedReply(text="x" * LARGE), id="5 MB of text"),
    pytest.param(ScriptedReply(body="x" * LARGE), id="5 MB of anything"),
    pytest.param(ScriptedReply(body=gzip.compress(bytes(LARGE * 10), 1).decode("utf-8", "surrogateescape"),
                               headers={"Content-Encoding": "gzip"}), id="50 MB in a small answer"),
]  # fmt: skip


@pytest.mark.parametrize("reply", NO_ANSWER)
def test_a_model_without_a_usable_answer_costs_the_parts_it_should_make_and_no_other(
    cli: Commands, server: ChatServer, tmp_path: Path, reply: ScriptedReply
) -> None:
    server.script(reply)
    report = analysed(cli, tmp_path)
    asked = len(server.seen())
    assert 0 < asked <= MOST_CALLS
    gaps = {gap["part"]: gap["reason"] for gap in report["missing"]}
    assert gaps.keys() >= PARTS
    assert all(len(why) < 400 and PLANTED not in why for why in gaps.values()), gaps
    assert PLANTED not in json.dumps(report)
    check = rents(report)
    assert (check["verdict"], check["judgements"], check["claim"]["wording"]) == (None, [], "")
    assert check["not_judged"]["reason"] in {"model_unusable", "budget"}, "what is long is paid for, up to the cap"
    assert check["evidence"], "what the rules found is there"
    assert report["debate"]["arguments"]
    assert "xxxxxxxx" not in json.dumps(report)


def test_ten_times_too_many_of_everything_is_cut_and_counted(cli: Commands, server: ChatServer, tmp_path: Path) -> None:
    said = "Rents in Vienna rose by twelve percent in 2021"
    server.script(
        says(SUMMARY, statements=[{"text": said, "cites": [1], "quotes": []}] * 80),
        says(CLAIMS, sentences=[{"number": 1, "checkable": "yes", "claims": [f"{said}."] * 30}] * 60),
        says(STANCE, stance="refutes", strength="strong", sentences=[*range(1, 161)]),
        says(POINTS, points=[{"raised": 1, "words": said, "answers": [*range(2, 40)]}] * 120),
        ScriptedReply(text="nothing else"),
    )
    report = analysed(cli, tmp_path)
    dropped = {gate["kind"]: {each["reason"]: each["count"] for each in gate["dropped"]} for gate in report["gates"]}
    assert dropped["summary"]["too_many"] == 72
    assert dropped["wordings of claims"] == {"unknown_number": 59, "too_many": 27}
    assert dropped["points of the debate"]["too_many"] == 108
    assert rents(report)["verdict"] is None
    assert len(report["ledger"]["points"]) == 1, "the same point is one"
    assert len(server.seen()) <= MOST_CALLS


def test_what_is_made_up_is_dropped_in_every_part(cli: Commands, server: ChatServer, tmp_path: Path) -> None:
    server.script(
        says(SUMMARY, statements=[
            {"text": "Rents in Vienna rose, see https://xanadu.example", "cites": [1], "quotes": []},
            {"text": "Rents in Vienna rose by ninety percent.", "cites": [1], "quotes": []},
            {"text": "Xanadu says that rents in Vienna rose.", "cites": [99], "quotes": []},
            {"text": "Die Mieten sind nach Xanadu gestiegen.", "cites": [1], "quotes": []},
        ]),
        says(CLAIMS, sentences=[
            {"number": 1, "checkable": "yes", "claims": ["Rents in Vienna rose, see xanadu.example"]},
            {"number": 77, "checkable": "yes", "claims": ["Xanadu has no rents."]},
        ]),
        says(STANCE, stance="supports", strength="strong", sentences=[99]),
        says(FALLACY, premise=50, conclusion=60, innocent_reading="Xanadu is near.", kind="straw_man"),
        says(POINTS, points=[
            {"raised": 88, "words": "A cap on rents", "answers": []},
            {"raised": 2, "words": "Xanadu builds at a loss", "answers": [1]},
        ]),
        ScriptedReply(text="nothing else"),
    )  # fmt: skip
    report = analysed(cli, tmp_path)
    assert "xanadu" not in json.dumps(report).casefold()
    kept = {gate["kind"]: gate["kept"] for gate in report["gates"] if gate["kind"] != "quotes"}  # those of the rules
    assert set(kept.values()) == {0}, kept
    assert rents(report)["not_judged"]["reason"] == "model_unusable"
    assert report["ledger"]["points"] == []


def test_readings_that_contradict_each_other_are_shown_as_that(
    cli: Commands, server: ChatServer, tmp_path: Path
) -> None:
    server.script(
        says("no less", stance="supports", strength="strong", sentences=[1]),
        says("nine percent", stance="refutes", strength="strong", sentences=[2]),
        ScriptedReply(text="nothing else"),
    )
    check = rents(analysed(cli, tmp_path))
    assert {each["stance"] for each in check["judgements"]} == {"supports", "refutes"}
    assert check["verdict"]["label"] == "conflicting"


def test_a_claim_that_is_made_three_times_is_read_and_judged_once(
    cli: Commands, server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UDIB_ANALYSIS__BY_MODEL", '["claims", "verdicts"]')
    server.script(
        says(STANCE, stance="neither", strength="weak", sentences=[]),
        says(CLAIMS, sentences=[{"number": 1, "checkable": "yes", "claims": []}]),
    )
    check = rents(analysed(cli, tmp_path))
    assert len(check["repeats"]) == 2
    claims = [request.body for request in server.seen() if STANCE in request.body and "twelve percent" in request.body]
    assert len(claims) == len(check["evidence"]) == len(check["judgements"]) == 2, "one call for a piece of evidence"
