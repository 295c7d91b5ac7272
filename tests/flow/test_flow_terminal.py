"""The command in hostile surroundings: words of strangers, odd encodings, closed streams, signals at any moment."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "rent-control" / "debate.vtt"
UDIB = [sys.executable, "-m", "udib.app.start"]

ESCAPES = "\x1b]0;owned\x07\x1b[31m\x9b31m\x9d0;x\x9c\u202e\u2066\u200b[bold red]/[/]"
TALK = f"""WEBVTT

00:01.000 --> 00:04.000
<v Ma{ESCAPES}ya>Rents in Vi{ESCAPES}enna rose by twelve percent in 2021, says the statistics office.

00:05.000 --> 00:09.000
<v Daniel>I don't believe that. In Berlin they fell by four percent in the same year.
"""
OURS = re.compile(
    r"\x1b\[[0-9;]*m"  # colours
    r"|\x1b\]8;[^;\x1b]*;(?:file|https)://[!-~]*\x1b\\|\x1b\]8;;\x1b\\"  # links, whose addresses are quoted
    r"|\x1b\[\?25[lh]|\x1b\[[0-9]*[AK]|\r"  # bars
)


@dataclass
class Ended:
    code: int
    out: str
    err: str = ""


def environment(data: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "UDIB_DATA_DIR": str(data), "UDIB_MEMORY__LINGER_S": "0.5", "TERM": "xterm", **more}


def run(data: Path, *arguments: str, **more: str) -> Ended:
    done = subprocess.run([*UDIB, *arguments], capture_output=True, env=environment(data, **more), check=False)
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_on_terminal(data: Path, *arguments: str, typed: str = "", **more: str) -> Ended:
    """Run with a pseudo-terminal for all three streams; `out` is what a terminal would have been sent."""
    process, terminal = pty.fork()
    if process == 0:
        os.execve(sys.executable, [*UDIB, *arguments], environment(data, **more))
    os.write(terminal, typed.encode())
    read = bytearray()
    while True:
        try:
            some = os.read(terminal, 65536)
        except OSError:  # Linux's end of file
            break
        if not some:
            break
        read += some
    _, status = os.waitpid(process, 0)
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
    done = run(folder / "data", "analyze", str(talk))
    assert (done.code, hidden(done.out), hidden(done.err)) == (0, set(), set())
    return folder / "data", talk


def commands(talk: Path) -> list[list[str]]:
    return [
        ["analyze", str(talk)],
        ["analyze", str(talk), "--dry-run"],
        ["list"],
        ["show", str(talk)],
        ["ask", "how much did rents rise?"],
        ["doctor"],
        ["show", f"nothing {ESCAPES}"],
        ["ask", "rents", "--speaker", f"nobody {ESCAPES}"],
        ["analyze", f"{talk}.gone"],
        [f"frob{ESCAPES}"],
        ["list", "--config", f"/nowhere/{ESCAPES}"],
    ]


@pytest.mark.parametrize("number", range(11))
def test_nothing_of_a_stranger_is_obeyed_by_a_terminal(hostile: tuple[Path, Path], number: int) -> None:
    data, talk = hostile
    arguments = commands(talk)[number]
    piped = run(data, *arguments)
    assert "Traceback" not in piped.err
    assert (hidden(piped.out), hidden(piped.err)) == (set(), set())
    shown = run_on_terminal(data, *arguments)
    assert shown.code == piped.code
    assert hidden(OURS.sub("", shown.out)) == set()


def test_markup_of_a_stranger_is_shown_as_it_is(hostile: tuple[Path, Path]) -> None:
    data, _ = hostile
    assert "[bold red][" in run(data, "list").out
    assert "[bold red]" in run(data, "ask", "how much did rents rise?").out


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1", "utf-16"])
def test_json_is_faithful_and_harmless_in_any_encoding(hostile: tuple[Path, Path], encoding: str) -> None:
    data, talk = hostile
    arguments = [*UDIB, "show", str(talk), "--json"]
    done = subprocess.run(arguments, capture_output=True, env=environment(data, PYTHONIOENCODING=encoding), check=False)
    text = done.stdout.decode(encoding)
    assert hidden(text) == set()
    assert json.loads(text)["content"]["title"] == " ".join(talk.stem.split())


@pytest.mark.parametrize(
    "odd",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "utf-16"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda odd: next(iter(odd.values())),
)
def test_every_encoding_is_written_in_a_readable_way(tmp_path: Path, odd: Mapping[str, str]) -> None:
    talk = tmp_path / "talk.txt"
    talk.write_text(
        "Zo\u00eb: Rents in \u0141\u00f3d\u017a rose by 12 percent \U0001f600, said the office.\n", encoding="utf-8"
    )
    encoding = odd.get("PYTHONIOENCODING", "ascii")
    command = [*UDIB, "analyze", str(talk)]
    done = subprocess.run(command, capture_output=True, env=environment(tmp_path / "data", **odd), check=False)
    text, complaint = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert (done.returncode, "Traceback" in complaint) == (0, False)
    assert "rose by 12 percent" in text
    assert "Rents in \u0141\u00f3d\u017a" in text or r"Rents in \u0141" in text


def test_an_argument_that_is_no_text_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "ask", os.fsdecode(b"caf\xe9"))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "no Unicode text" in done.err


@pytest.mark.parametrize(
    ("redirection", "arguments", "code"),
    [
        (">&-", "list", 1),
        ("2>&-", "list", 0),
        ("<&-", "list", 0),
        ("<&- >&- 2>&-", "list", 1),
        (">&-", "show nothing --json", 2),
        ("2>&-", "frobnicate", 2),
        ("<&-", "init", 2),
        ("</dev/null", "init", 2),
        (">&-", "--help", 1),
    ],
)
def test_closed_streams_are_told_or_outlived(tmp_path: Path, redirection: str, arguments: str, code: int) -> None:
    command = f'"{sys.executable}" -m udib.app.start {arguments} {redirection}'
    odd = environment(tmp_path / "data", UDIB_CONFIG_DIR=str(tmp_path / "config"))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=odd, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "config").exists()


def test_an_analysis_goes_on_when_nobody_reads_its_progress(tmp_path: Path) -> None:
    """`udib analyze ... 2>&1 | head -1`: both streams are one pipe, whose reader leaves after the first line."""
    read, write = os.pipe()
    process = subprocess.Popen(
        [*UDIB, "analyze", str(EXAMPLE)], stdout=write, stderr=write, env=environment(tmp_path / "data")
    )
    os.close(write)
    assert os.read(read, 10).startswith(b"resolve")
    os.close(read)
    assert process.wait(timeout=60) == 0
    assert len(json.loads(run(tmp_path / "data", "list", "--json").out)) == 1


@pytest.mark.parametrize(
    "odd", [{"COLUMNS": "0"}, {"COLUMNS": "1"}, {"COLUMNS": "99999999"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}]
)
def test_an_odd_terminal_is_written_to(hostile: tuple[Path, Path], odd: dict[str, str]) -> None:
    data, talk = hostile
    shown = run_on_terminal(data, "analyze", str(talk), **odd)
    assert shown.code == 0
    assert "Traceback" not in shown.out
    assert max(map(len, OURS.sub("", shown.out).split("\n"))) < 600
    assert ("\x1b" in shown.out) is (odd.get("TERM") != "dumb")
    assert ("resolve: done" in shown.out) is (odd.get("TERM") == "dumb")


def start(data: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [*UDIB, *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(data),
        start_new_session=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("stage", ["resolve", "metadata"])
def test_a_signal_ends_an_analysis_in_order(tmp_path: Path, number: signal.Signals, stage: str) -> None:
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
    # Signals that come while the interpreter ends do what they do without udib.
    assert process.returncode in {128 + number, -number}, complaint
    assert "Traceback" not in complaint
    assert "interrupted" in complaint
    workers = subprocess.run(["ps", "-s", str(process.pid), "-o", "args="], capture_output=True, text=True, check=False)
    assert "worker" not in workers.stdout


@pytest.mark.parametrize("delay_s", [0.1, 0.2, 0.4])
def test_a_signal_at_start_up_is_no_traceback(tmp_path: Path, delay_s: float) -> None:
    process = start(tmp_path / "data", "analyze", str(EXAMPLE))
    time.sleep(delay_s)
    process.send_signal(signal.SIGTERM)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode in {143, -signal.SIGTERM}
    assert complaint.strip() == "udib: interrupted." or "What was finished is kept" in complaint or not complaint


@pytest.mark.parametrize(("typed", "code"), [("\x03", 130), ("\x04", 2), ("\n\x03", 130), ("\nguild\n\x04", 2)])
def test_giving_up_on_init_writes_nothing(tmp_path: Path, typed: str, code: int) -> None:
    ended = run_on_terminal(tmp_path / "data", "init", "--config", str(tmp_path / "config"), typed=typed)
    assert ended.code == code or (code == 130 and ended.code == -signal.SIGINT)
    assert "Traceback" not in ended.out
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize(("typed", "code"), [("\x03", 130), ("\x04", 2), ("n\n", 2), ("y\n", 0)])
def test_a_terminal_is_asked_before_an_item_is_forgotten(tmp_path: Path, typed: str, code: int) -> None:
    data = tmp_path / "data"
    assert run(data, "analyze", str(EXAMPLE), "-q").code == 0
    ended = run_on_terminal(data, "forget", "debate", typed=typed)
    assert ended.code == code
    assert "Traceback" not in ended.out
    assert len(json.loads(run(data, "list", "--json").out)) == (0 if code == 0 else 1)
