"""Commands as a user types them, run in the process of the test."""

import os
from pathlib import Path

import pytest

from udib.app.cli import main
from udib.testing.chat_server import ChatServer


class Commands:
    """Runs commands on one data directory. What they print is given back: the complaint where they fail as expected."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = data
        self._capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--data-dir", str(self.data)])
        printed = self._capsys.readouterr()
        assert ended.value.code == code, printed
        assert "Traceback" not in printed.err
        return printed.err if code else printed.out


def name_model(server: ChatServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the one model of a server, with its prices, in settings that hold nothing else of udib."""
    for name in [name for name in os.environ if name.startswith(("UDIB_", "OPENROUTER_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UDIB_CONFIG_DIR", str(folder))
    monkeypatch.setenv("UDIB_LLM__PROVIDER", "endpoint")
    monkeypatch.setenv("UDIB_LLM__BASE_URL", server.base_url)
    monkeypatch.setenv("UDIB_LLM__MODEL", "small")
    monkeypatch.setenv("UDIB_LLM__INPUT_USD_PER_MILLION", "1")
    monkeypatch.setenv("UDIB_LLM__OUTPUT_USD_PER_MILLION", "2")
    monkeypatch.setenv("UDIB_ANALYSIS__HINTS_PER_HOUR", "3")
    monkeypatch.setenv("UDIB_ANALYSIS__BY_MODEL", '["summary"]')  # what a test scripts no answers for is not asked
