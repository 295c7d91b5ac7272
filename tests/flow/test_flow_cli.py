"""The command line on the real embedded adapters: what a user types, reads, and gets as exit code."""

import asyncio
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import warnings
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from udib.app.bootstrap import open_app
from udib.app.cli import main
from udib.app.observability import configure_logging
from udib.app.plan import PlannedStep, _transcription, plan_text
from udib.app.present import listing_text
from udib.app.settings import load_settings
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Listing, Platform, Progress
from udib.memory.store_client import is_owned

EXAMPLE = Path(__file__).parents[2] / "examples" / "rent-control" / "debate.vtt"
TALK = """Maya: Rents in Vienna rose by twelve percent in 2021, according to the city's own statistics office.
Daniel: I don't believe that. In Berlin they fell by four percent in the same year.
Maya: Either we cap the rents now or every family leaves the city.
Daniel: The city built 4,000 homes in 2019, because the council had sold cheap land.
"""


class Cli:
    """Runs commands on a data directory of its own."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = data
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        self.complaint = ""
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data-dir", str(self.data)])
        printed = self._capsys.readouterr()
        self.complaint = printed.err
        assert ended.value.code == code, printed.err
        return printed.out

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", "--quiet", code=code))


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "0.2")
    return Cli(tmp_path / "data", capsys)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "city talk.txt"
    path.write_text(TALK, encoding="utf-8")
    return path


def test_analyze_ask_list_show_and_forget(cli: Cli, talk: Path) -> None:
    report = cli.json("analyze", str(talk))
    assert report["schema"] == "udib.report/1"
    assert report["quotes_dropped"] == 0
    assert {Path(place["where"]).suffix for place in report["delivered"]} >= {".md", ".html", ".json"}
    assert all(Path(place["where"]).is_file() for place in report["delivered"])

    answer = cli.json("ask", "how much did rents rise in Vienna?")
    first = answer["passages"][0]["record"]
    assert first["text"] in TALK
    assert first["speaker"] == "Maya"
    assert first["link"].startswith("file://")
    assert cli.json("ask", "what was said about quantum chromodynamics?")["passages"] == []

    [listed] = cli.json("list")
    assert listed["content"]["id"] == report["content"]["id"]
    shown = cli.json("show", report["content"]["id"][:12])
    assert shown["content"] == report["content"]

    forgotten = cli.json("forget", "city talk")
    assert all(count == 0 for _, count in forgotten["left"])
    assert cli.json("list") == []
    assert cli.json("ask", "how much did rents rise in Vienna?")["passages"] == []
    deadline = time.monotonic() + 30
    while is_owned(cli.data / "vectors"):  # until the store process has gone, files come and go
        assert time.monotonic() < deadline
        time.sleep(0.05)
    for path in cli.data.rglob("*"):
        assert not path.is_file() or b"twelve percent" not in path.read_bytes(), path


def test_the_report_in_the_terminal_is_complete_and_points_on(cli: Cli) -> None:
    text = cli("analyze", str(EXAMPLE))
    for part in ("rent", "MAYA", "DANIEL", " ask ", "report.md", "report.html", "report.json"):
        assert part in text
    assert "low-accuracy" not in text
    assert "transcribe: done" in cli.complaint


def test_two_workspaces_never_meet(cli: Cli, talk: Path) -> None:
    cli.json("analyze", str(talk), "--tenant", "a_b", "--workspace", "c")
    assert cli.json("list", "--tenant", "a", "--workspace", "b_c") == []
    assert cli.json("ask", "rents in Vienna", "--tenant", "a", "--workspace", "b_c")["passages"] == []
    assert len(cli.json("ask", "rents in Vienna", "--tenant", "a_b", "--workspace", "c")["passages"]) >= 1


def test_a_second_analysis_is_a_new_revision_that_keeps_one_copy_in_memory(cli: Cli, talk: Path) -> None:
    assert cli.json("analyze", str(talk))["revision"] == 1
    report = cli.json("analyze", str(talk))
    assert report["revision"] == 2
    assert "transcribe" in {stage["stage"] for stage in report["stages"] if stage["reused"]}
    passages = cli.json("ask", "rents in Vienna rose")["passages"]
    texts = [passage["record"]["text"] for passage in passages]
    assert len(texts) == len(set(texts))


def test_an_earlier_item_is_evidence_for_a_later_one(cli: Cli, talk: Path, tmp_path: Path) -> None:
    cli.json("analyze", str(talk))
    later = tmp_path / "later.txt"
    later.write_text("Ann: Rents in Vienna rose by 30 percent in 2021, said the statistics office.", encoding="utf-8")
    report = cli.json("analyze", str(later))
    [check] = [each for each in report["fact_checks"]["checks"] if "Vienna" in each["claim"]["quote"]["text"]]
    assert check["verdict"] is None
    assert check["not_judged"]["reason"] == "needs_llm"
    assert "twelve percent" in check["evidence"][0]["text"]


def test_out_writes_copies_that_forget_does_not_reach(cli: Cli, talk: Path, tmp_path: Path) -> None:
    cli("analyze", str(talk), "--out", str(tmp_path / "export"), "--quiet")
    assert {path.suffix for path in (tmp_path / "export").iterdir()} >= {".md", ".html", ".json"}
    cli("forget", "city talk", "--yes")
    assert any((tmp_path / "export").iterdir())


def test_the_suggested_questions_lead_to_the_same_data(cli: Cli) -> None:
    text = cli("analyze", str(EXAMPLE), "--quiet")
    [first, _] = [line.strip() for line in text.splitlines() if " ask " in line]
    words = shlex.split(first)
    assert words[1] == "ask"
    assert words[-2:] == ["--data-dir", str(cli.data)]
    assert "1." in cli("ask", words[2])


def test_an_export_that_cannot_be_made_is_a_wrong_request_told_before_the_work(cli: Cli, talk: Path) -> None:
    """Trying again later, which exit code 3 would mean, does not help."""
    cli("analyze", str(talk), "--quiet", "--out", str(talk / "below a file"), code=2)
    assert cli.json("list") == []


async def interrupt(data: Path, path: Path) -> None:
    """Analyse a file until its words are there."""

    def watch(event: Progress) -> None:
        if (event.stage, event.state) == ("aggregate", "started"):
            running.cancel()

    async with open_app(load_settings(data_dir=data)) as app:
        running = asyncio.create_task(app.pipeline.process_video(str(path), progress=watch))
        with pytest.raises(asyncio.CancelledError):
            await running


@pytest.mark.parametrize("reference", ["path", "title", "id"])
def test_an_interrupted_item_is_listed_and_forgotten_when_its_file_is_gone(
    cli: Cli, talk: Path, reference: str
) -> None:
    asyncio.run(interrupt(cli.data, talk))
    talk.unlink()
    text = " ".join(cli("list").split())
    [listed] = cli.json("list")
    address, content_id = listed["content"]["address"], listed["content"]["id"]
    assert listed["state"] == "not finished"
    assert f"`udib analyze {address}` goes on with it, `udib forget {content_id}` removes it" in text
    assert cli("show", content_id, code=2) == ""
    assert "is not finished; `udib analyze" in cli.complaint
    assert "Nothing is stored" in cli.json("ask", "how much did rents rise in Vienna?")["note"]
    cli("forget", {"path": str(talk), "title": "City talk", "id": content_id}[reference])
    assert cli.json("list") == []
    assert not any(path.is_file() for path in (cli.data / "artifacts").rglob("*"))


def test_the_same_file_is_found_by_another_spelling_of_its_path(cli: Cli, talk: Path) -> None:
    cli("analyze", f"{talk.parent}/x/../{talk.name}", "--quiet")
    assert cli.json("show", f"{talk.parent}/./{talk.name}")["revision"] == 1


def test_a_name_that_is_no_text_is_refused(cli: Cli, talk: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(str(talk)) + b"\xff.txt"))
    odd.write_text(TALK, encoding="utf-8")
    cli("analyze", str(odd), "--quiet", code=2)
    assert "rename the file" in cli.complaint


def test_a_dry_run_does_not_leave_out_what_it_cannot_know(cli: Cli) -> None:
    """Of an address nothing is known but that it is one; of captions everything is."""
    content = Content(ContentId("web:1"), Platform.WEB, "https://a.example/x", "x", url="https://a.example/x")
    steps = [PlannedStep("transcribe", *_transcription(content, None)), PlannedStep("store", "", 1.0)]
    console = Console(file=StringIO(), width=100)
    console.print(plan_text(steps))
    assert console.file.getvalue().count("unknown") == 2  # type: ignore[attr-defined]
    assert "unknown" not in cli("analyze", str(EXAMPLE), "--dry-run")


def test_a_dry_run_says_what_its_cost_is_for(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDIB_LLM__PROVIDER", "openai")
    monkeypatch.setenv("UDIB_LLM__MODEL", "small")
    monkeypatch.setenv("UDIB_LLM__API_KEY", "none")
    monkeypatch.setenv("UDIB_LLM__INPUT_USD_PER_MILLION", "1")
    monkeypatch.setenv("UDIB_LLM__OUTPUT_USD_PER_MILLION", "2")
    for path in (EXAMPLE, EXAMPLE.with_suffix(".opus")):
        planned = {step["stage"]: step for step in cli.json("analyze", str(path), "--dry-run")}
        steps = {name: step["what"] for name, step in planned.items()}
        assert "at most 20 claims with 6 pieces of evidence each, in at most about 123 calls" in steps["verdicts"]
        assert planned["verdicts"]["cost_usd"] == pytest.approx(0.0864, rel=0.05)
        assert "in the words of a model of openai at api.openai.com" in steps["summary"]
    assert "an hour of speech costs at most about 0.03 USD" in cli("analyze", str(EXAMPLE), "--dry-run")


def test_dry_run_does_nothing_and_names_the_cost(cli: Cli, talk: Path) -> None:
    text = cli("analyze", str(talk), "--dry-run")
    assert "0.00 USD" in text
    assert cli.json("list") == []


def test_doctor_finds_this_machine_fit(cli: Cli) -> None:
    lines = {line["name"]: line for line in cli.json("doctor")}
    assert lines["decoder"]["ok"]
    assert lines["python"]["ok"]
    assert all(line["ok"] or line["remedy"] for line in lines.values())


def test_doctor_names_each_check_once_and_a_remedy_where_one_is_needed(cli: Cli) -> None:
    lines = cli.json("doctor")
    assert len({line["name"] for line in lines}) == len(lines)
    assert [line["name"] for line in lines if line["ok"] and line["remedy"]] == []


def test_doctor_fails_a_wrong_webhook_where_it_is_set_and_still_looks_at_the_stores(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UDIB_DELIVERY__DISCORD_WEBHOOK", "https://x.example/hook")
    lines = {line["name"]: line for line in cli.json("doctor", code=1)}
    assert not lines["discord"]["ok"]
    assert "not one of Discord's" in lines["discord"]["detail"]
    assert lines["catalogue"]["ok"]
    assert "stores" not in lines


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_doctor_asks_nobody_to_free_space_where_no_file_can_be(cli: Cli) -> None:
    cli.data = Path("/proc/udib")
    lines = {line["name"]: line for line in cli.json("doctor", code=1)}
    assert lines["disk"]["remedy"] == "Choose another place with --data-dir."


def test_doctor_says_that_a_key_alone_chooses_nothing(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-secret")
    text = cli("doctor")
    assert "OPENROUTER_API_KEY" in text
    assert "sk-secret" not in text


def test_init_writes_settings_that_are_then_used(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDIB_CONFIG_DIR", str(tmp_path / "config"))
    cli("init", "--yes", "--tenant", "guild")
    written = tmp_path / "config" / "settings.yaml"
    assert written.stat().st_mode & 0o777 == 0o600
    cli("list")


@pytest.mark.parametrize("given", [("list", "--nope"), ("nope",), ("analyze",), ("ask", "--limit", "many")])
def test_a_wrong_command_line_is_told_in_json_too(cli: Cli, given: tuple[str, ...]) -> None:
    error = cli.json(*given, code=2)
    assert (error["schema"], error["status"]) == ("udib.error/1", "bad_request")
    assert cli.complaint == f"udib: {error['error']}\n"
    assert cli(*given, code=2) == ""


def test_no_warning_of_a_library_reaches_the_terminal(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "odd.ass"
    event = "Dialogue: zero,0:00:01.00,0:00:04.00,Default,,0,0,0,,Rents in Vienna rose by twelve percent last year."
    path.write_text(f"[Script Info]\n\n[Events]\n{event}\n", encoding="utf-8")
    command = [sys.executable, "-W", "always", "-m", "udib.app.start", "analyze", str(path), "--quiet", "--json"]
    done = subprocess.run([*command, "--data-dir", str(cli.data)], capture_output=True, check=True)
    assert json.loads(done.stdout)["content"]["title"] == "odd"
    assert done.stderr == b""


def test_a_warning_of_a_library_is_an_event_for_developers(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(action="always"):
        for level in ("debug", "warning"):
            configure_logging(level)
            warnings.warn(f"its own affair at {level}", RuntimeWarning, stacklevel=1)
    configure_logging("warning")
    [event] = map(json.loads, capsys.readouterr().err.splitlines())
    assert (event["event"], event["text"]) == ("library.warning", "its own affair at debug")


BAD_INPUT: list[tuple[str, bytes | None, int, str]] = [
    ("missing.vtt", None, 2, "no file"),
    ("empty.vtt", b"", 2, "empty"),
    ("empty.mp4", b"", 2, "empty"),
    ("noise.mp4", bytes(range(256)) * 64, 2, ""),
    ("noise.bin", b"\x00\x01\x02\xff" * 4096, 2, ""),
    ("only-header.vtt", b"WEBVTT\n\n", 2, ""),
    ("times.vtt", b"WEBVTT\n\nxx:00 --> yy:01\nhello there\n", 2, ""),
]


@pytest.mark.parametrize(("name", "data", "code", "words"), BAD_INPUT, ids=[name for name, *_ in BAD_INPUT])
def test_bad_input_gets_one_sentence_and_stores_nothing(
    cli: Cli, tmp_path: Path, name: str, data: bytes | None, code: int, words: str
) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    cli("analyze", str(path), "--quiet", code=code)
    assert words in cli.complaint
    assert len(cli.complaint.strip().splitlines()) == 1
    assert "Traceback" not in cli.complaint
    assert cli.json("list") == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("analyze", "{tmp}"), 2),
        (("analyze", "https://127.0.0.1:9/talk.mp4"), 4),
        (("analyze", "https://192.168.1.1/talk.mp4"), 4),
        (("analyze", "ftp://a.example/talk.mp4"), 2),
        (("analyze", "{tmp}/a.vtt", "--nonsense"), 2),
        (("frobnicate",), 2),
        (("ask", ""), 2),
        (("ask", "x", "--limit", "0"), 2),
        (("show", "nothing-like-it"), 2),
        (("forget", "nothing-like-it"), 2),
        (("list", "--tenant", ""), 2),
        (("list", "--config", "{tmp}/none"), 2),
        (("list", "--config", ""), 2),
        (("analyze", "{tmp}/a.vtt", "--out", ""), 2),
        (("analyze", "{tmp}/a.vtt", "--quality", "99999p"), 2),
        (("analyze", "{tmp}/" + "x" * 5000), 2),
        (("analyze", "a\nb.vtt"), 2),
        (("ask", "x", "--limit", "abc"), 2),
        (("ask", "x", "--limit", "1", "--limit", "2"), 2),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else None,
)
def test_a_wrong_command_gets_one_sentence(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    cli(*(part.format(tmp=tmp_path) for part in arguments), code=code)
    assert cli.complaint.startswith("udib: ") or "udib: " in cli.complaint
    assert cli.complaint.splitlines()[-1].startswith("udib: ")
    assert "Traceback" not in cli.complaint


SLIPS = [
    (("analyze", "a", "b"), "has no use for 'b'"),
    (("list", "extra"), "has no use for 'extra'"),
    (("forget",), "`udib forget` needs an item"),
    (("analyze",), "`udib analyze` needs a file or an address"),
    (("ask", "x", "--content"), "--content needs a value"),
    (("analyze", "a", "--bogus"), "has no option '--bogus'. See `udib analyze --help`"),
    (("analyze", "a", "--captoins", "b"), "did you mean --captions?"),
    (("analyze", "-"), "Standard input (-) is not read"),
    (("--bogus",), "`udib` has no option '--bogus'"),
    (("frobnicate",), "There is no command 'frobnicate'; there are analyze"),
    (("analize", "a"), "did you mean analyze?"),
    (("ask", "x", "--limit", "abc"), "--limit needs a whole number"),
    (("ask", "x", "--limit", "1", "--limit", "2"), "--limit is given more than once"),
    (("analyze", "a", "--dry-run=maybe"), "--dry-run takes no value"),
]


@pytest.mark.parametrize(("arguments", "words"), SLIPS, ids=[words for _, words in SLIPS])
def test_a_slip_is_told_in_plain_words(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    complaint = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in complaint
    assert len(complaint.splitlines()) == 1
    assert not any(raw in complaint for raw in ("Unused Tokens", "parameter", "unable to convert", "argument"))


def test_a_winner_is_not_named_without_a_model(cli: Cli, tmp_path: Path) -> None:
    cli("analyze", str(tmp_path / "talk.vtt"), "--winner", code=2)
    assert "judged by a language model only" in cli.complaint
    assert len(cli.complaint.splitlines()) == 1


@pytest.mark.parametrize("command", [[], ["analyze"], ["ask"], ["show"], ["list"], ["forget"], ["doctor"], ["init"]])
def test_help_names_no_type_that_only_a_programmer_knows(
    capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    text = capsys.readouterr().out
    assert "False" not in text
    assert "ARGS" not in text


def test_two_items_of_one_title_are_told_apart(cli: Cli, talk: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / talk.name
    other.write_text(TALK.replace("twelve", "eleven"), encoding="utf-8")
    for path in (talk, other):
        cli("analyze", str(path), "--quiet")
    cli("show", "city talk", code=2)
    for part in (str(talk), str(other), "analysed 20", "Give more of the id"):
        assert part in cli.complaint
    listed = "".join(cli("list").split())
    assert "".join(str(other).split()) in listed


@pytest.mark.parametrize("width", [44, 60, 80, 120])
def test_the_list_fits_and_keeps_ids_whole(width: int) -> None:
    content = Content(ContentId(f"file:{'0123456789abcdef' * 2}"), Platform.FILE, "file:///a/talk.vtt", "A long title")
    item = Listing(content, 1, "2026-01-31T09:05:00+00:00", 120_000, 14, 345.6)
    console = Console(file=StringIO(), width=width)
    console.print(listing_text([item], Scope.of("a", "b"), width))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.splitlines()[1].startswith("file:01234567")
    assert ("5:45" in text) == (width >= 48)
    assert ("claims" in text) == (width >= 84)


def test_the_length_of_captions_is_listed(cli: Cli) -> None:
    cli("analyze", str(EXAMPLE), "--quiet")
    assert cli.json("list")[0]["duration_s"] > 300
    assert "5:45" in cli("list")


def test_the_folder_of_a_report_names_its_item(cli: Cli, talk: Path) -> None:
    report = cli.json("analyze", str(talk))
    folder = Path(report["delivered"][0]["where"]).parent.name
    assert cli.json("show", folder.rsplit("-", 1)[1])["content"]["id"] == report["content"]["id"]


@pytest.mark.parametrize(
    "text",
    [TALK.encode("utf-16"), b"\xef\xbb\xbf" + TALK.encode(), TALK.replace("don't", "don\u2019t").encode("cp1252")],
    ids=["utf-16", "bom", "cp1252"],
)
def test_odd_encodings_are_read(cli: Cli, tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "talk.txt"
    path.write_bytes(text)
    report = cli.json("analyze", str(path))
    assert report["outline"]["speakers"] == ["Maya", "Daniel"]


@pytest.mark.parametrize("below", ["", "/below"])
def test_a_data_directory_that_is_none_is_a_wrong_request(cli: Cli, talk: Path, below: str) -> None:
    for place in (f"{talk}{below}", f"/dev/null{below}"):
        cli.data = Path(place)
        cli("list", code=2)
        assert "is no directory; give one" in cli.complaint
        cli("analyze", str(talk), "--quiet", code=2)


def test_doctor_says_when_others_may_look_into_the_data_directory(cli: Cli) -> None:
    assert privacy(cli)["ok"]
    cli.data.mkdir(exist_ok=True)
    cli.data.chmod(0o777)
    found = privacy(cli)
    assert (found["ok"], "0777" in found["detail"]) == (False, True)
    assert f"chmod 700 {cli.data}" in found["remedy"]


def privacy(cli: Cli) -> Any:
    return next(line for line in cli.json("doctor") if line["name"] == "privacy")


def test_a_misspelt_setting_stops_the_start(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UDIB_MEMORYY__INDEX", "edge")
    cli("list", code=2)
    assert "UDIB_MEMORYY__INDEX" in cli.complaint


def _start(*arguments: str, data: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "UDIB_MEMORY__LINGER_S": "0.5"}
    command = [sys.executable, "-m", "udib.app.start", *arguments, "--data-dir", str(data)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_two_processes_share_a_data_directory(tmp_path: Path) -> None:
    paths = []
    for number in range(2):
        path = tmp_path / f"talk {number}.txt"
        path.write_text(TALK.replace("twelve", ("eleven", "thirteen")[number]), encoding="utf-8")
        paths.append(path)
    running = [_start("analyze", str(path), "--json", data=tmp_path / "data") for path in paths]
    ended = [(*process.communicate(timeout=60), process.returncode) for process in running]
    assert [code for *_, code in ended] == [0, 0], ended
    listed = _start("list", "--json", data=tmp_path / "data")
    assert len(json.loads(listed.communicate(timeout=60)[0])) == 2


def test_ctrl_c_keeps_what_was_finished(tmp_path: Path) -> None:
    """Interrupted during recognition: exit code 130, no traceback, and nothing stands in the way of the next run."""
    recording = EXAMPLE.with_suffix(".opus")
    process = _start("analyze", str(recording), data=tmp_path / "data")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("metadata"):
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130, complaint
    assert "run the same command again" in complaint
    assert "Traceback" not in complaint
    again = _start("analyze", str(recording), "--captions", str(EXAMPLE), data=tmp_path / "data")
    _, complaint = again.communicate(timeout=60)
    assert again.returncode == 0, complaint


@pytest.mark.parametrize(
    "words", [["what was said about rents in Vienna"], ["what", "was", "said", "about", "rents", "in", "Vienna"]]
)
def test_a_question_needs_no_quotation_marks(cli: Cli, talk: Path, words: list[str]) -> None:
    cli("analyze", str(talk), "--quiet")
    assert "Vienna" in cli("ask", *words)


def test_an_answer_from_a_text_links_to_no_second_of_it(cli: Cli, talk: Path) -> None:
    cli("analyze", str(talk), "--quiet")
    text = cli("ask", "rents in Vienna")
    assert "city%20talk.txt" in "".join(text.split())
    assert "#t=" not in text


def test_a_speaker_is_found_in_any_case_and_an_unknown_one_is_told(cli: Cli, talk: Path) -> None:
    cli("analyze", str(talk), "--quiet")
    assert "MAYA" not in cli("ask", "rents", "--speaker", "mAYA")
    cli("ask", "rents", "--speaker", "Bob", code=2)
    assert "Daniel, Maya" in cli.complaint


@pytest.mark.parametrize("command", ["forget", "show"])
def test_an_item_is_named_by_enough_of_its_id(cli: Cli, talk: Path, command: str) -> None:
    content = cli.json("analyze", str(talk))["content"]
    native = content["id"].partition(":")[2]
    least = {"forget": 8, "show": 4}[command]
    for short in ("f", "file", "file:", native[:1], native[: least - 1], f"file:{native[: least - 1]}"):
        cli(command, short, code=2)
        assert "too short" in cli.complaint
        assert len(cli.json("list")) == 1
    cli(command, f"file:{native[:least]}")


def test_an_exact_title_may_be_short(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    path.write_text(TALK, encoding="utf-8")
    cli("analyze", str(path), "--quiet")
    cli("forget", "F")
    assert cli.json("list") == []


def test_asking_nothing_says_so_and_tells_nothing_of_others(cli: Cli, talk: Path) -> None:
    cli("analyze", str(talk), "--quiet", "--tenant", "other")
    for arguments in (("ask", "rents in Vienna"), ("ask", "rents", "--speaker", "Maya", "--content", "city talk")):
        text = cli(*arguments)
        assert "Nothing is stored for tenant 'default'" in text
        assert "udib analyze" in text
    assert "Nothing that was said" in cli("ask", "quantum chromodynamics", "--tenant", "other")


def test_captions_are_looked_at_before_the_work(cli: Cli, talk: Path, tmp_path: Path) -> None:
    for captions in ("", str(tmp_path), str(tmp_path / "missing.vtt")):
        for more in ([], ["--dry-run"]):
            cli("analyze", str(talk), "--captions", captions, *more, code=2)
            assert "resolve" not in cli.complaint


def test_help_is_a_command_too(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["help"], ["help", "ask"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert (ended.value.code, "Usage: udib" in capsys.readouterr().out) == (0, True)


def test_a_complaint_is_json_too_where_that_was_asked_for(cli: Cli) -> None:
    error = cli.json("show", "nothing-like-it", code=2)
    assert (error["schema"], error["status"]) == ("udib.error/1", "bad_request")


def test_a_reader_that_leaves_is_no_failure(tmp_path: Path) -> None:
    process = _start("list", data=tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    _, complaint = process.communicate(timeout=30)
    assert (process.returncode, complaint) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_on_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "udib.app.start", "list", "--data-dir", str(tmp_path)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("udib: the output could not be written")
    assert "Traceback" not in done.stderr


def test_progress_says_refused_and_not_a_code(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "empty talk.vtt"
    path.write_text("WEBVTT\n\n", encoding="utf-8")
    cli("analyze", str(path), code=2)
    assert "transcribe: refused" in cli.complaint


def test_a_refused_item_and_a_forgotten_one_leave_no_file_behind(cli: Cli, talk: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty talk.vtt"
    empty.write_text("WEBVTT\n\n", encoding="utf-8")
    cli("analyze", str(empty), "--quiet", code=2)
    cli("analyze", str(talk), "--quiet")
    cli("forget", str(talk))
    # What stays are the workspace's own locks, which name nothing; the memory's has a number out of 4,096.
    digest = Scope.of("default", "main").digest()
    others = {path.name for path in (cli.data / "locks").iterdir()} - {f"{digest}.lock", f"{digest}.turn.lock"}
    assert all(re.fullmatch(r"memory-[0-9a-f]{3}\.lock", name) for name in others)
    for room in ("artifacts", "reports"):
        assert [path.name for path in (cli.data / room).glob("*/*")] == []
