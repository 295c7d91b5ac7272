"""`udib memory ...` as a user types it: what it says, its exit codes, and what is there afterwards when it fails."""

import asyncio
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from udib.app.backup import restored
from udib.app.cli import main
from udib.core.errors import UnavailableError
from udib.memory.store_client import is_owned

ESCAPES = "\x1b]0;owned\x07\x1b[31m\x9b31m\u202e"
TALK = f"""WEBVTT

00:01.000 --> 00:04.000
<v Ma{ESCAPES}ya>Rents in Vienna{ESCAPES} rose by twelve percent in 2021, says the statistics office.

00:05.000 --> 00:09.000
<v Daniel>I don't believe that. In Berlin they fell by four percent in the same year.

00:10.000 --> 00:14.000
<v Daniel>Rents in Vienna rose by twelve percent in 2021, the statistics office says so.
"""


class Cli:
    """Runs commands on a data directory of its own."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = data
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data-dir", str(self.data)])
        printed = self._capsys.readouterr()
        assert ended.value.code == code, printed.err
        assert "Traceback" not in printed.err
        assert not re.search(
            r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x80-\x9f\u202e]|\x1b(?!\[[0-9;]*m)", printed.out + printed.err
        )
        if code:
            assert len(printed.err.splitlines()) == 1, printed.err
            return printed.err
        assert "--quiet" not in arguments or printed.err == ""
        return printed.out

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", "--quiet", code=code))

    def memory(self, *arguments: str, code: int = 0) -> str:
        return self("memory", *arguments, "--quiet", code=code)

    def ended(self) -> None:
        """Wait until no store process is there."""
        deadline = time.monotonic() + 20
        while is_owned(self.data / "vectors"):
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "0.3")
    monkeypatch.setenv("COLUMNS", "80")
    talk = tmp_path / "talk.vtt"
    talk.write_text(TALK, encoding="utf-8")
    run = Cli(tmp_path / "data", capsys)
    run("analyze", str(talk), "--quiet")
    yield run
    run.ended()


def test_look_merge_and_take_apart(cli: Cli) -> None:
    before = cli.json("memory", "stats")
    assert before["records"]["transcripts"] == 2
    text = cli.memory("stats")
    assert "Daniel 1" in text
    assert max(map(len, text.splitlines())) <= 80
    [first, *_] = cli.json("memory", "search", "rents in Vienna")
    assert "Rents in Vienna" in first["record"]["text"]
    text = cli.memory("search", "rents in Vienna", "--explain", "--neighbours", "1")
    assert "similarity" in text
    assert max(map(len, text.splitlines())) <= 100  # where there is no terminal
    assert "Nothing that is stored" in cli.memory("search", "quantum chromodynamics")

    planned = cli.json("memory", "dedup", "--threshold", "0.8", "--dry-run")
    assert (planned["duplicates_found"] > 0, planned["vectors_removed"]) == (True, 0)
    assert cli.json("memory", "stats") == before
    assert "would be merged" in cli.memory("dedup", "--threshold", "0.8", "--dry-run")
    done = cli.json("memory", "dedup", "--threshold", "0.8")
    assert done["vectors_removed"] == planned["duplicates_found"]
    cli.memory("dedup", "--undo", "--dry-run", code=2)
    assert cli.json("memory", "stats")["twins"] == before["twins"] + done["vectors_removed"]
    assert f"{done['vectors_removed']} records put back" in cli.memory("dedup", "--undo")
    assert cli.json("memory", "stats") == before
    assert cli.json("memory", "sweep") == {"removed": 0}
    assert "Nothing lies under another embedding" in cli.memory("reindex")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["dedup", "--threshold", "0"], 2, "above 0 and at most 1"),
        (["dedup", "--threshold", "2"], 2, "above 0 and at most 1"),
        (["dedup", "--threshold", "nan"], 2, "above 0 and at most 1"),
        (["search"], 2, "query is empty"),
        (["search", "x", "--limit", "0"], 2, "1 to 200"),
        (["search", "x", "--kind", "thoughts"], 2, "no kind"),
        (["search", "x", "--since", "yesterday"], 2, "no day"),
        (["search", "x", "--half-life-days", "nan"], 2, "half-life"),
        (["search", "x", "--neighbours", "21"], 2, "neighbours"),
        (["import", "missing.jsonl"], 2, "There is no file"),
        (["import", "HERE/talk.vtt"], 2, "no export"),
        (["import", "HERE"], 2, "There is no file"),
        (["export", "HERE"], 2, "is a folder"),
        (["export", "HERE/none/x.jsonl"], 3, "cannot be written"),
        (["move", "--to", "nowhere"], 2, "no address"),
        (["move", "--to", "carrier-pigeon://coop"], 2, "not known"),
        (["move", "--to", "qdrant://127.0.0.1:1"], 3, "cannot be reached"),
        (["move", "--to", "postgres://127.0.0.1:1/x"], 3, "see whether it runs"),
        (["backup", "HERE"], 2, "exists already"),
        (["restore", "HERE"], 2, "no backup"),
    ],
)
def test_what_cannot_be_done_is_said(cli: Cli, tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    before = cli.json("memory", "stats")
    assert says in cli.memory(*[each.replace("HERE", str(tmp_path)) for each in arguments], code=code)
    assert cli.json("memory", "stats") == before
    assert not list(tmp_path.glob("*.part"))


def test_a_file_carries_a_memory_to_another_machine(cli: Cli, tmp_path: Path) -> None:
    for place in (("a_b", "c d"), ("a", "b_c"), ("t" * 200, "main")):
        cli("analyze", str(tmp_path / "talk.vtt"), "--quiet", "--tenant", place[0], "--workspace", place[1])
    mine = ("--tenant", "a_b", "--workspace", "c d")
    file, everything = str(tmp_path / "mine.jsonl"), str(tmp_path / "all.jsonl")
    wanted = cli.json("memory", "stats", *mine)
    exported = cli.json("memory", "export", file, *mine)
    assert sum(exported["points"].values()) == wanted["tenant_records"]
    assert cli.json("memory", "export", everything, "--all")["sent"] == 4 * exported["sent"]
    here, cli.data = cli.data, tmp_path / "elsewhere"
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(Path(file).read_bytes()[:-50])
    assert "was changed" in cli.memory("import", str(cut), code=2)
    assert "read from" in cli.memory("import", file)
    assert cli.json("memory", "stats", *mine) == wanted
    assert cli.json("memory", "stats", "--tenant", "a", "--workspace", "b_c")["tenant_records"] == 0
    cli.memory("import", everything)
    for place in (("a_b", "c d"), ("a", "b_c"), ("t" * 200, "main"), ("default", "main")):
        found = cli.json("memory", "stats", "--tenant", place[0], "--workspace", place[1])
        assert found["tenant_records"] == wanted["tenant_records"]
    cli.ended()
    cli.data = here


def test_a_backup_is_whole_or_refused(cli: Cli, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    assert "copied to" in cli.memory("backup", str(copy))
    assert "is not empty" in cli.memory("restore", str(copy), code=2)
    wanted = cli.json("memory", "stats")
    here, cli.data = cli.data, tmp_path / "elsewhere"

    def harmed(harm: Callable[[Path], object]) -> str:
        bad = tmp_path / "bad"
        shutil.copytree(copy, bad)
        harm(bad)
        said = cli.memory("restore", str(bad), code=2)
        shutil.rmtree(bad)
        assert not cli.data.exists()
        return said

    def flip(bad: Path) -> None:
        data = bytearray((bad / "catalogue.db").read_bytes())
        data[random.Random(3).randrange(len(data))] ^= 1
        (bad / "catalogue.db").write_bytes(data)

    def climb(bad: Path) -> None:
        manifest = json.loads((bad / "backup.json").read_text())
        manifest["files"]["../out"] = manifest["files"]["catalogue.db"]
        (bad / "backup.json").write_text(json.dumps(manifest))

    assert "catalogue.db is missing or was changed" in harmed(flip)
    assert "missing or was changed" in harmed(lambda bad: (bad / "vectors" / "manifest.json").unlink())
    assert "outside itself" in harmed(climb)
    assert "damaged" in harmed(lambda bad: (bad / "backup.json").write_text("{half"))
    assert "update udib" in harmed(
        lambda bad: (bad / "backup.json").write_text((copy / "backup.json").read_text().replace("backup/1", "backup/9"))
    )
    assert "restored to" in cli.memory("restore", str(copy))
    assert cli.json("memory", "stats") == wanted
    assert [each["content"]["title"] for each in cli.json("list")] == ["talk"]
    cli.ended()
    cli.data = here


@pytest.fixture
def only_small_files() -> Iterator[Callable[[], None]]:
    """A function after whose call no file grows beyond 10,000 bytes, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def test_a_full_disk_leaves_no_half_copy(cli: Cli, tmp_path: Path, only_small_files: Callable[[], None]) -> None:
    copy, data = tmp_path / "copy", tmp_path / "new"
    await asyncio.to_thread(cli.memory, "backup", str(copy))
    only_small_files()
    with pytest.raises(UnavailableError, match="free some space"):
        await restored(copy, data)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] in (["copy", "data"], ["data", "copy"])


# --- another embedding ----------------------------------------------------------------------------------------------


class Embeddings:
    """An embeddings server on loopback, OpenAI's form; `mode` says how it does."""

    def __init__(self) -> None:
        self.mode = "well"
        self.dimension = 8
        self.calls = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
                server.calls += 1
                if server.mode == "slow":
                    time.sleep(3)
                self.send_response(500 if server.mode == "failing" else 200)
                self.end_headers()
                rows = [{"index": at, "embedding": server.vector(text)} for at, text in enumerate(texts)]
                self.wfile.write(json.dumps({"data": rows}).encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Whoever asked has gone."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def vector(self, text: str) -> list[float]:
        rng = random.Random(text)
        return [rng.gauss(0, 1) for _ in range(self.dimension)]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def embeddings(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Iterator[Embeddings]:
    """From now on the settings name it."""
    assert cli.data.exists()
    server = Embeddings()
    monkeypatch.setenv("UDIB_MEMORY__EMBEDDER", "endpoint")
    monkeypatch.setenv("UDIB_MEMORY__EMBEDDING_URL", f"http://127.0.0.1:{server.port}/v1")
    monkeypatch.setenv("UDIB_MEMORY__EMBEDDING_MODEL", "new model")
    monkeypatch.setenv("UDIB_MEMORY__EMBEDDING_DIMENSION", "8")
    monkeypatch.setenv("UDIB_NET__ALLOW", json.dumps([f"127.0.0.1:{server.port}"]))
    yield server
    server.stop()


def test_another_embedder_is_told_and_taken_over_by(cli: Cli, embeddings: Embeddings) -> None:
    for arguments in (["memory", "search", "rents in Vienna"], ["memory", "dedup"], ["ask", "rents in Vienna"]):
        assert "run `udib memory reindex`" in cli(*arguments, "--quiet", code=2)
    embeddings.mode = "failing"
    assert "500" in cli.memory("reindex", code=3)
    embeddings.mode, embeddings.dimension = "well", 5
    assert "gives 5 numbers, the settings say 8" in cli.memory("reindex", code=2)
    embeddings.dimension = 8
    assert "indexed again" in cli.memory("reindex")
    assert "Nothing lies under another embedding" in cli.memory("reindex")
    assert cli.json("memory", "stats")["records"]["transcripts"] == 2
    assert "twelve percent" in cli.memory("search", "rents in Vienna")
    assert all(count == 0 for _, count in cli.json("forget", "talk")["left"])


def test_an_embedder_that_is_away_is_said(cli: Cli, embeddings: Embeddings, monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings.stop()
    cli.memory("reindex", code=3)
    monkeypatch.setenv("UDIB_MEMORY__EMBEDDER", "static")
    assert cli.json("memory", "stats")["records"]["transcripts"] == 2
    assert "twelve percent" in cli.memory("search", "rents in Vienna")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_an_interrupted_reindex_goes_on(cli: Cli, embeddings: Embeddings, number: signal.Signals, code: int) -> None:
    embeddings.mode = "slow"
    command = [sys.executable, "-m", "udib.app.start", "memory", "reindex", "--data-dir", str(cli.data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    deadline = time.monotonic() + 60
    while not embeddings.calls:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == code, complaint
    assert ("run the same command again" in complaint) == (number is signal.SIGINT)
    embeddings.mode = "well"
    assert "indexed again" in cli.memory("reindex")
    assert cli.json("memory", "stats")["records"]["transcripts"] == 2


# --- data that is not as it was left --------------------------------------------------------------------------------


def test_a_memory_of_a_newer_version_and_a_damaged_one_are_said(cli: Cli) -> None:
    cli.ended()
    manifest = cli.data / "vectors" / "manifest.json"
    whole = manifest.read_text()
    manifest.write_text(whole.replace('"schema": 1', '"schema": 9'))
    assert "newer udib" in cli.memory("stats", code=2)
    cli.ended()
    manifest.write_text(whole)
    [segment] = (cli.data / "vectors" / "shards").glob("transcripts*/segments/*/segment.json")
    kept = segment.read_bytes()
    segment.write_bytes(b"\xff" + kept[1:])
    assert str(cli.data) in cli.memory("stats", code=3)
    cli.ended()
    segment.write_bytes(kept)
    assert cli.json("memory", "stats")["records"]["transcripts"] == 2
