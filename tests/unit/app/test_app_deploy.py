"""The files of deploy/: what they set is known to udib, nothing is open to the network, and no secret is in them."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from udib.app.settings import load_settings

DEPLOY = Path(__file__).parents[3] / "deploy"
FLEET: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
EXAMPLE = dict(
    line.split("=", 1)
    for line in (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
)


def filled(value: str) -> str:
    """A value with its variables replaced, all of which must be asked for by the example."""
    return re.sub(r"\$\{(\w+):\?[^}]+\}", lambda found: f"{found[1].lower()}{EXAMPLE[found[1]]}", value)


def test_the_workers_are_given_settings_that_udib_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in FLEET["services"]["worker"]["environment"].items():
        monkeypatch.setenv(name, filled(value))
    settings = load_settings(None, data_dir=tmp_path)
    assert (settings.storage.catalogue, settings.memory.index, settings.llm_cache.store) == (
        "postgres", "qdrant", "redis"
    )  # fmt: skip


def test_each_service_is_of_one_version_and_open_to_no_network() -> None:
    for name, service in FLEET["services"].items():
        assert "ports" not in service, name
        assert service["image"] == "udib" or re.fullmatch(r"[\w/]+:v?\d[\w.-]*", service["image"]), name
    used = {volume.split(":")[0] for service in FLEET["services"].values() for volume in service.get("volumes", ())}
    assert set(FLEET["volumes"]) == used


def test_no_password_is_written_down_and_all_are_asked_for() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+):\?", text)) == set(EXAMPLE)
    assert "${" not in re.sub(r"\$\{\w+:\?[^}]+\}", "", text), "a variable without `:?` may be empty"
    assert set(EXAMPLE.values()) == {""}


def test_workers_wait_for_what_they_need() -> None:
    services = FLEET["services"]
    for name, how in services["worker"]["depends_on"].items():
        assert (how["condition"] == "service_healthy") == ("healthcheck" in services[name])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "udib-worker.service").read_text(encoding="utf-8")
    there = tmp_path / "udib-worker.service"
    there.write_text(unit.replace("/opt/udib/bin/udib", "/bin/true"), encoding="utf-8")
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["systemd-analyze", "verify", str(there)], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
