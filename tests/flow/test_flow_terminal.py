"""The command in hostile surroundings: words of strangers, odd encodings, closed streams, signals at any moment."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "rent-control" / "debate.vtt"
UDIB = [sys.executable, "-m", "udib.app.start"]

ESCAPES = "\x1b]0;owned\x07\x1b[31m\x9b31m\x9d0;x\x9c\u202e\u2066\u200b[bold red]/[/]"
TALK = f"""WEBVTT

00:01.000 --> 00:04.000
<v Ma{ESCAPES}ya>Rents in \u0141\u00f3d\u017a{ESCAPES} rose by twelve percent in 2021, says the statistics office.

00:05.000 --> 00:09.000
<v Daniel>I don't believe that. In Berlin they fell by four percent in the same year.
"""
OURS = re.compile(
    r"\x1b\[[0-9;]*m"  # colours
    r"|\x1b\]8;[^;\x1b]*;(?:file|https)://[!-~]*\x1b\\|\x1b\]8;;\x1b\\"  # links, whose addresses are quoted
    r"|\x1b\[\?25[lh]|\x1b\[[0-9]*[AK]|\r"  # bars
)
# Several commands in one process, as `udib.app.start` would run each: starting takes longer than most of them.
SESSION = """
import json, sys
from udib.app import streams
streams.take_over()
from udib.app.cli import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as ended:
        print("CODE", ended.code)
"""


@dataclass
class Ended:
    code: int
    out: str
    err: str = ""


def environment(data: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "UDIB_DATA_DIR": str(data), "UDIB_MEMORY__LINGER_S": "0.5", "TERM": "xterm", **more}


def session(*commands: Sequence[str]) -> list[str]:
    return [sys.executable, "-c", SESSION, json.dumps(commands)]


def run(data: Path, command: Sequence[str], encoding: str = "utf-8", **more: str) -> Ended:
    done = subprocess.run(command, capture_output=True, env=environment(data, **more), check=False)
    return Ended(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))


def run_on_terminal(data: Path, command: Sequence[str], typed: Sequence[str] = (), **more: str) -> Ended:
    """Run with a pseudo-terminal for all three streams; `out` is what a terminal would have been sent.

    Each of `typed` answers one question, when it is asked: what is typed before, a Ctrl-C would throw away.
    """
    process, terminal = pty.fork()
    if process == 0:
        os.execve(sys.executable, list(command), environment(data, **more))  # noqa: S606
    read, answers = bytearray(), iter(typed)
    while True:
        try:
            some = os.read(terminal, 65536)
        except OSError:  # Linux's end of file
            break
        if not some:
            break
        read += some
        if read.endswith(b"] "):
            os.write(terminal, next(answers).encode())
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    return Ended(os.waitstatus_to_exitcode(status), read.decode())


def hidden(text: str) -> set[str]:
    """What a terminal might obey, and what turns the direction of the text."""
    return {char for char in text if not char.isprintable() and char != "\n"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data directory with one analysed item, and the file of it, both named by an attacker."""
    folder = tmp_path_factory.mktemp("hostile")
    talk = folder / f"talk {ESCAPES.replace('/', '')}.vtt"
    talk.write_text(TALK, encoding="utf-8")
    done = run(folder / "data", [*UDIB, "analyze", str(talk)])
    assert (done.code, hidden(done.out), hidden(done.err)) == (0, set(), set())
    return folder / "data", talk


@pytest.mark.xdist_group("hostile")
@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_nothing_of_a_stranger_is_obeyed_by_a_terminal(hostile: tuple[Path, Path], *, terminal: bool) -> None:
    data, talk = hostile
    commands = {
        ("analyze", str(talk)): 0,
        ("analyze", str(talk), "--dry-run"): 0,
        ("list",): 0,
        ("show", str(talk)): 0,
        ("ask", "how much did rents rise?"): 0,
        ("doctor",): 0,
        ("ask", "rents", "--speaker", f"nobody {ESCAPES}"): 2,
        ("analyze", f"{talk}.gone"): 2,
        (f"frob{ESCAPES}",): 2,
        ("list", "--config", f"/nowhere/{ESCAPES}"): 2,
    }
    done = (run_on_terminal if terminal else run)(data, session(*commands))
    assert [int(code) for code in re.findall(r"CODE (\d+)", done.out)] == list(commands.values())
    assert "Traceback" not in done.out + done.err
    assert hidden(OURS.sub("", done.out) if terminal else done.out + done.err) == set()
    assert done.out.count("[bold red]") > 4  # markup is shown as it is


@pytest.mark.xdist_group("hostile")
@pytest.mark.parametrize(
    ("encoding", "odd"),
    [
        ("utf-8", {}),
        ("ascii", {"PYTHONIOENCODING": "ascii"}),
        ("cp1252", {"PYTHONIOENCODING": "cp1252"}),
        ("utf-16", {"PYTHONIOENCODING": "utf-16"}),
        ("ascii", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ],
    ids=["utf-8", "ascii", "cp1252", "utf-16", "C"],
)
def test_every_encoding_is_written_in_a_readable_way(
    hostile: tuple[Path, Path], encoding: str, odd: dict[str, str]
) -> None:
    data, talk = hostile
    listed = run(data, [*UDIB, "list", "--json"])
    content = json.loads(listed.out)[0]["content"]
    done = run(data, session(["show", content["id"]], ["show", content["id"], "--json"]), encoding, **odd)
    assert (done.code, done.err) == (0, "")
    text, document, _ = re.split(r"CODE 0\n", done.out)
    assert "\u0141\u00f3d\u017a" in text or r"\u0141" in text
    assert "rose by twelve percent" in " ".join(text.split())
    assert hidden(document) == set()
    assert json.loads(document)["content"] == content
    assert content["title"] == " ".join(talk.stem.split())


def test_an_argument_that_is_no_text_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, [*UDIB, "ask", os.fsdecode(b"caf\xe9")])
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "no Unicode text" in done.err


@pytest.mark.parametrize(
    ("redirection", "arguments", "code"),
    [
        (">&-", "list", 1),
        ("<&- 2>&-", "list", 0),
        (">&-", "show nothing --json", 2),
        ("<&- >&- 2>&-", "frobnicate", 2),
        ("<&-", "init", 2),
        (">&-", "--help", 1),
    ],
)
def test_closed_streams_are_told_or_outlived(tmp_path: Path, redirection: str, arguments: str, code: int) -> None:
    command = f'"{sys.executable}" -m udib.app.start {arguments} {redirection}'
    done = run(tmp_path / "data", ["sh", "-c", command], UDIB_CONFIG_DIR=str(tmp_path / "config"))
    assert done.code == code, done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "config").exists()


def test_an_analysis_goes_on_when_nobody_reads_its_progress(tmp_path: Path) -> None:
    """`udib analyze ... 2>&1 | head -1`: both streams are one pipe, whose reader leaves after the first line."""
    read, write = os.pipe()
    known = environment(tmp_path / "data")
    process = subprocess.Popen([*UDIB, "analyze", str(EXAMPLE)], stdout=write, stderr=write, env=known)
    os.close(write)
    assert os.read(read, 10).startswith(b"resolve")
    os.close(read)
    assert process.wait(timeout=60) == 0
    assert len(json.loads(run(tmp_path / "data", [*UDIB, "list", "--json"]).out)) == 1


@pytest.mark.xdist_group("hostile")
@pytest.mark.parametrize("odd", [{"COLUMNS": "0"}, {"COLUMNS": "9999999"}, {"TERM": "dumb"}], ids=str)
def test_an_odd_terminal_is_written_to(hostile: tuple[Path, Path], odd: dict[str, str]) -> None:
    data, talk = hostile
    shown = run_on_terminal(data, [*UDIB, "analyze", str(talk)], **odd)
    assert shown.code == 0
    assert "Traceback" not in shown.out
    assert max(map(len, OURS.sub("", shown.out).split("\n"))) < 600
    assert ("\x1b" in shown.out) is ("TERM" not in odd)
    assert ("resolve: done" in shown.out) is ("TERM" in odd)


def start(data: Path, *arguments: str) -> subprocess.Popen[str]:
    pipe, known = subprocess.PIPE, environment(data)
    return subprocess.Popen([*UDIB, *arguments], stdout=pipe, stderr=pipe, text=True, env=known, start_new_session=True)


@pytest.mark.parametrize(
    ("number", "stage"), [(signal.SIGINT, "resolve"), (signal.SIGTERM, "metadata"), (signal.SIGHUP, "metadata")]
)
def test_a_signal_ends_an_analysis_in_order(tmp_path: Path, number: signal.Signals, stage: str) -> None:
    """During the download, and during recognition, whose children must go too."""
    process = start(tmp_path / "data", "analyze", str(EXAMPLE.with_suffix(".opus")))
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(stage):
            break
    time.sleep(0.1)
    for _ in range(3):  # an impatient user changes nothing
        process.send_signal(number)
        time.sleep(0.005)
    _, complaint = process.communicate(timeout=30)
    # A signal that comes while the interpreter itself ends does what it does without udib.
    assert process.returncode in {128 + number, -number}, complaint
    assert "Traceback" not in complaint
    assert "interrupted" in complaint
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert [line for line in left.stdout.splitlines() if "worker" in line and str(tmp_path) in line] == []


@pytest.mark.parametrize("delay_s", [0.15, 0.4])
def test_a_signal_at_start_up_is_no_traceback(tmp_path: Path, delay_s: float) -> None:
    process = start(tmp_path / "data", "analyze", str(EXAMPLE))
    time.sleep(delay_s)
    process.send_signal(signal.SIGTERM)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode in {143, -signal.SIGTERM}
    assert "Traceback" not in complaint


@pytest.mark.parametrize(("typed", "code"), [(["\n", "\x03"], 130), (["\n", "guild\n", "\x04"], 2)])
def test_giving_up_on_init_writes_nothing(tmp_path: Path, typed: list[str], code: int) -> None:
    command = [*UDIB, "init", "--config", str(tmp_path / "config")]
    ended = run_on_terminal(tmp_path / "data", command, typed)
    assert ended.code == code
    assert "othing was written" in ended.out
    assert not (tmp_path / "config").exists()


def test_a_terminal_is_asked_before_an_item_is_forgotten(tmp_path: Path) -> None:
    data, forget = tmp_path / "data", ["forget", "debate"]
    assert run(data, [*UDIB, "analyze", str(EXAMPLE), "-q"]).code == 0
    ended = run_on_terminal(data, [*UDIB, *forget], ["\x03"])
    assert (ended.code, "Traceback" in ended.out) == (130, False)
    ended = run_on_terminal(data, session(forget, forget, forget, ["list"]), ["\x04", "n\n", "y\n"])
    assert re.findall(r"CODE (\d+)", ended.out) == ["2", "2", "0", "0"]
    assert "Nothing is stored" in ended.out
