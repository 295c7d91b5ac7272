"""A fleet as its operator meets it: two `udib worker` beside one PostgreSQL and one Redis."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from typed_commands import Commands

from udib.testing.postgres_process import PostgresProcess
from udib.testing.redis_process import RedisProcess

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("fleet")]

TALK = """WEBVTT

00:01.000 --> 00:04.000
<v Maya>Rents in Vienna rose by {} percent in 2021, says the statistics office.

00:05.000 --> 00:09.000
<v Daniel>I don't believe that. In Berlin they fell by four percent in the same year.
"""
PATIENCE_S = 60.0


class Udib(Commands):
    """Runs commands in this process, on the data directory that all share."""

    def jobs(self) -> dict[str, str]:
        return {each["id"]: each["state"] for each in json.loads(self("jobs", "list", "--all", "--json"))}

    @contextmanager
    def workers(self, count: int) -> Iterator[list[str]]:
        """Workers until the block ends; what they said is in the list then, a line each."""
        command = [sys.executable, "-m", "udib.app.start", "worker", "--data-dir", str(self.data)]
        running = [subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE, text=True) for _ in range(count)]
        said: list[str] = []
        try:
            yield said
        finally:
            for process in running:
                process.terminate()
            for process in running:
                said += process.communicate(timeout=PATIENCE_S)[1].splitlines()


@pytest.fixture
def udib(
    shared_postgres: PostgresProcess,
    shared_redis: RedisProcess,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Udib:
    monkeypatch.setenv("UDIB_ENGINE__KIND", "dbos")
    monkeypatch.setenv("UDIB_ENGINE__JOBS", "2")
    monkeypatch.setenv("UDIB_STORAGE__CATALOGUE", "postgres")
    monkeypatch.setenv("UDIB_STORAGE__POSTGRES_URL", shared_postgres.url)
    monkeypatch.setenv("UDIB_STORAGE__POSTGRES_SCHEMA", f"test_{uuid4().hex}")
    monkeypatch.setenv("UDIB_LLM_CACHE__STORE", "redis")
    monkeypatch.setenv("UDIB_LLM_CACHE__REDIS_URL", shared_redis.url)
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "0.5")
    return Udib(tmp_path / "data", capsys)


def talk(folder: Path, number: int) -> Path:
    path = folder / f"talk {number}.vtt"
    path.write_text(TALK.format(number), encoding="utf-8")
    return path


def until_both(udib: Udib) -> None:
    """Wait until the doctor sees both workers."""
    until = time.monotonic() + PATIENCE_S
    while True:
        doctor = {each["name"]: each for each in json.loads(udib("doctor", "--json"))}
        if "0 waiting, 0 in work, 2 workers alive" in doctor["jobs"]["detail"]:
            return
        assert time.monotonic() < until, doctor["jobs"]


def test_two_workers_do_what_was_ordered(udib: Udib, tmp_path: Path) -> None:
    for number in range(6):
        udib("analyze", str(talk(tmp_path, number)), "--background", "--json")
    assert set(udib.jobs().values()) == {"waiting"}
    with udib.workers(2) as said:
        until = time.monotonic() + PATIENCE_S
        while set(states := udib.jobs().values()) != {"done"}:
            assert time.monotonic() < until, states
            assert "failed" not in states, udib("jobs", "list")
        until_both(udib)
    assert sorted(line.endswith(": done") for line in said if "talk" in line) == [False] * 6 + [True] * 6, said
    listed = json.loads(udib("list", "--json"))
    assert sorted(each["revision"] for each in listed) == [1] * 6
    assert not (udib.data / "journal.db").exists()


def test_a_command_does_its_own_where_no_worker_is_and_forgetting_leaves_nothing(udib: Udib, tmp_path: Path) -> None:
    report = json.loads(udib("analyze", str(talk(tmp_path, 12)), "--json"))
    assert report["revision"] == 1
    [[job, state]] = udib.jobs().items()
    assert state == "done"
    assert "store: ok" in udib("jobs", "show", job)
    udib("forget", report["content"]["id"], "--yes")
    assert udib.jobs() == {}


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("UDIB_STORAGE__CATALOGUE", "sqlite", "set storage.catalogue to postgres"),
        ("UDIB_ENGINE__POSTGRES_URL", "postgresql://u:secret@127.0.0.1:1", "engine.postgres_url names no database"),
    ],
)
def test_a_fleet_that_cannot_work_is_a_sentence(
    udib: Udib, monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    said = udib("jobs", "list", code=2)
    assert complaint in said
    assert "secret" not in said
