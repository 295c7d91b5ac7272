"""What every test has: no network but loopback, no settings of the machine, a data directory of its own."""

import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

# CI must not fail by chance: it replays the same examples; a developer's machine looks for new ones.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


def _refuse_others(family: int, address: object) -> None:
    if family not in {socket.AF_INET, socket.AF_INET6}:
        return
    host = str(address[0]) if isinstance(address, tuple) else str(address)
    try:
        allowed = ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        allowed = host == "localhost"
    if not allowed:
        raise AssertionError(f"a test tried to reach {host}; only loopback is allowed")


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    def connect(self: socket.socket, address: object) -> None:
        _refuse_others(self.family, address)
        _connect(self, address)  # type: ignore[arg-type]

    def connect_ex(self: socket.socket, address: object) -> int:
        _refuse_others(self.family, address)
        return _connect_ex(self, address)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        patch.setattr(socket.socket, "connect_ex", connect_ex)
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith(("UDIB_", "OPENROUTER_", "OPENAI_", "DISCORD_", "QDRANT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("UDIB_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))


@pytest.fixture(autouse=True)
def _fresh_logging() -> Iterator[None]:
    """What a command configured is not there for the next test."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def eval_data() -> Path:
    """The evaluation data, or a skip that says so."""
    found = os.environ.get("EVAL_DATA_DIR")
    if not found or not Path(found).is_dir():
        pytest.skip("EVAL_DATA_DIR is not set: the test on evaluation data was skipped")
    return Path(found)
