"""Jobs through the real commands: a worker beside commands, killed, with commands that go on without it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "rent-control" / "debate.vtt"
PATIENCE_S = 60.0


def start(data: Path, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "udib.app.start", *arguments, "--data-dir", str(data)]
    environment = {**os.environ, "UDIB_MEMORY__LINGER_S": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=cwd
    )


def udib(data: Path, *arguments: str, code: int = 0, cwd: Path | None = None) -> str:
    process = start(data, *arguments, cwd=cwd)
    out, complaint = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, complaint
    return out if code == 0 else complaint


def document(data: Path, *arguments: str, cwd: Path | None = None) -> Any:
    return json.loads(udib(data, *arguments, "--json", cwd=cwd))


@contextmanager
def worker(data: Path) -> Iterator[subprocess.Popen[str]]:
    """A worker that serves."""
    process = start(data, "worker")
    assert process.stderr is not None
    try:
        assert "serving" in process.stderr.readline()
        until((data / "locks" / "serving.lock").exists)
        yield process
    finally:
        process.kill()
        process.communicate()


def until(happens: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)


def talk(folder: Path, name: str) -> Path:
    path = folder / f"{name}.vtt"
    path.write_text(EXAMPLE.read_text(encoding="utf-8").replace("rent", f"rent {name}"), encoding="utf-8")
    return path


def state(data: Path, job: str) -> str:
    return str(document(data, "jobs", "show", job)["state"])


def test_a_worker_does_what_a_command_wants_from_another_directory(tmp_path: Path) -> None:
    data = tmp_path / "data"
    path = talk(tmp_path, "one")
    with worker(data) as serving:
        report = document(data, "analyze", path.name, "--quiet", cwd=tmp_path)
        assert report["content"]["title"] == "one"
        serving.terminate()
        _, said = serving.communicate(timeout=PATIENCE_S)
    assert "one.vtt: begun" in said
    assert "one.vtt: done" in said
    assert "goes on with the next worker" in said
    assert serving.returncode == 128 + signal.SIGTERM


def test_what_is_ordered_waits_for_a_worker(tmp_path: Path) -> None:
    data = tmp_path / "data"
    jobs = [document(data, "analyze", str(talk(tmp_path, name)), "--background")["id"] for name in ("one", "two")]
    assert [job["id"] for job in document(data, "jobs", "list")] == jobs[::-1]
    assert state(data, jobs[0]) == "waiting"
    with worker(data):
        until(lambda: all(state(data, job) == "done" for job in jobs))
    assert document(data, "jobs", "list") == []
    assert {item["content"]["title"] for item in document(data, "list")} == {"one", "two"}


def test_a_command_goes_on_when_the_worker_is_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with worker(data) as serving:
        wanted = start(data, "analyze", str(talk(tmp_path, "one")), "--json", "--quiet")
        assert serving.stderr is not None
        # Not by a command: it takes longer to begin than the job to be done.
        assert any("one.vtt: begun" in line for line in serving.stderr)
        serving.send_signal(signal.SIGKILL)
        out, complaint = wanted.communicate(timeout=PATIENCE_S)
    assert wanted.returncode == 0, complaint
    assert json.loads(out)["content"]["title"] == "one"
    assert len(document(data, "list")) == 1


def test_a_job_is_cancelled_and_goes_on(tmp_path: Path) -> None:
    data = tmp_path / "data"
    job = document(data, "analyze", str(talk(tmp_path, "one")), "--background")["id"]
    assert document(data, "jobs", "cancel", job[:6])["state"] == "cancelled"
    assert "cancelled already" in udib(data, "jobs", "cancel", job, code=2)
    assert "not failed; `udib jobs resume" in udib(data, "jobs", "retry", job, code=2)
    assert document(data, "jobs", "resume", job)["state"] == "waiting"
    with worker(data):
        until(lambda: state(data, job) == "done")
    forked = document(data, "jobs", "fork", job, "--from", "analyse")
    assert (forked["id"] != job, forked["from_stage"]) == (True, "analyse")


def test_a_failed_job_says_why_where_it_was_wanted_and_in_the_list(tmp_path: Path) -> None:
    data, path = tmp_path / "data", tmp_path / "empty.vtt"
    path.write_text("WEBVTT\n", encoding="utf-8")
    refusal = udib(data, "analyze", str(path), "--quiet", code=2)
    assert refusal.startswith("udib: ")
    listed = udib(data, "jobs", "list")
    assert "failed" in listed
    assert "jobs retry" in " ".join(listed.split())


@pytest.mark.parametrize(
    "arguments", [("jobs", "show", "nothing"), ("jobs", "fork", "x"), ("jobs", "list", "--limit", "0")]
)
def test_an_impossible_order_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    refusal = udib(tmp_path / "data", *arguments, code=2)
    assert refusal.startswith("udib: ")
    assert len(refusal.splitlines()) == 1


def test_what_is_kept_too_long_is_given_up_by_command_and_by_the_worker(tmp_path: Path) -> None:
    data = tmp_path / "data"
    udib(data, "analyze", str(talk(tmp_path, "one")), "--quiet")
    none = {"schema": "udib.swept/1", "media": 0, "media_bytes": 0, "words": 0, "words_bytes": 0, "in_work": 0}
    assert document(data, "jobs", "sweep", "--dry-run") == {**none, "dry_run": True}
    assert udib(data, "jobs", "sweep").startswith(
        "Media of 0 items (0.0 MB) and the words of 0 (0.0 MB) were given up."
    )
    with worker(data):
        until(
            lambda: (
                "sweep"
                in str([job["flow"] for job in document(data, "jobs", "list", "--all") if job["state"] == "done"])
            )
        )
    flows = {job["flow"]: job["state"] for job in document(data, "jobs", "list", "--all")}
    assert flows == {"analyze": "done", "sweep": "done"}
    sweep = next(job["id"] for job in document(data, "jobs", "list", "--all") if job["flow"] == "sweep")
    assert "only an analysis can be forked" in udib(data, "jobs", "fork", sweep, code=2)
