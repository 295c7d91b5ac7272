"""A memory on a Qdrant server, as a user meets it: moved there, moved on, and the server away for a while.

The server is that of the contract tests: our HTTP layer over the real engine.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typed_commands import Commands

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from qdrant_running import RunningServer

TALK = """WEBVTT

00:01.000 --> 00:04.000
<v Maya>Rents in Vienna rose by twelve percent in 2021, says the statistics office.

00:05.000 --> 00:09.000
<v Daniel>I don't believe that. In Berlin they fell by four percent in the same year.
"""
BUSES = "WEBVTT\n\n00:01.000 --> 00:04.000\n<v Maya>The buses of Graz are free for pupils since last spring.\n"


class Cli(Commands):
    """Runs commands on one data directory."""

    def answers(self, question: str) -> list[str]:
        found: dict[str, Any] = json.loads(self("ask", question, "--json"))
        return [passage["record"]["text"] for passage in found["passages"]]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[RunningServer, RunningServer]]:
    first, second = RunningServer(tmp_path / "first"), RunningServer(tmp_path / "second")
    yield first, second
    first.stop()
    second.stop()


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("UDIB_CONFIG_DIR", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("UDIB_MEMORY__")]:
        monkeypatch.delenv(name)
    (tmp_path / "talk.vtt").write_text(TALK, encoding="utf-8")
    (tmp_path / "buses.vtt").write_text(BUSES, encoding="utf-8")
    return Cli(tmp_path / "data", capsys)


def test_a_memory_moves_to_a_server_and_on_to_another(
    cli: Cli, tmp_path: Path, servers: tuple[RunningServer, RunningServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = servers
    cli("analyze", str(tmp_path / "talk.vtt"), "--quiet")
    wanted = cli.answers("what happened to rents in Vienna?")
    assert wanted
    assert "copied and compared" in cli("memory", "move", "--to", f"qdrant://127.0.0.1:{first.port}")
    monkeypatch.setenv("UDIB_MEMORY__INDEX", "qdrant")
    monkeypatch.setenv("QDRANT_URL", first.url)
    assert cli.answers("what happened to rents in Vienna?") == wanted
    assert "is the index that is in use" in cli("memory", "move", "--to", f"qdrant://127.0.0.1:{first.port}", code=2)
    assert "copied and compared" in cli("memory", "move", "--to", f"qdrant://127.0.0.1:{second.port}")
    monkeypatch.setenv("QDRANT_URL", second.url)
    first.stop()
    assert cli.answers("what happened to rents in Vienna?") == wanted
    first.start()


def test_an_analysis_waits_for_the_server_if_it_may(
    cli: Cli, tmp_path: Path, servers: tuple[RunningServer, RunningServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = servers
    monkeypatch.setenv("UDIB_MEMORY__INDEX", "qdrant")
    monkeypatch.setenv("QDRANT_URL", server.url)
    cli("analyze", str(tmp_path / "talk.vtt"), "--quiet")
    server.stop()
    assert "cannot be reached" in cli("analyze", str(tmp_path / "buses.vtt"), "--quiet", code=3)
    monkeypatch.setenv("UDIB_MEMORY__QUEUE_MEGABYTES", "10")
    report = json.loads(cli("analyze", str(tmp_path / "buses.vtt"), "--quiet", "--json"))
    [waiting] = [gap["reason"] for gap in report["missing"] if gap["part"] == "memory"]
    assert "records wait on this machine's disk" in waiting
    assert "cannot be reached" in cli("ask", "what about the buses of Graz?", code=3)
    server.start()
    assert cli.answers("what about the buses of Graz?") == ["The buses of Graz are free for pupils since last spring."]
    assert not list((cli.data / "waiting").glob("*.json"))
