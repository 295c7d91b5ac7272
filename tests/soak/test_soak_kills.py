"""kill -9 in the middle of an analysis, many times: nothing is lost, nothing is there twice, nothing is half there."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from processes import store_process

ROUNDS = 20
EXAMPLE = Path(__file__).parents[2] / "examples" / "rent-control" / "debate.vtt"


def start(data: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "UDIB_MEMORY__LINGER_S": "1"}
    command = [sys.executable, "-m", "udib.app.start", *arguments, "--json", "--quiet", "--data-dir", str(data)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(data: Path, *arguments: str) -> Any:
    process = start(data, *arguments)
    out, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    return json.loads(out)


def kill_at_random(data: Path, rng: random.Random, *, store_too: bool) -> None:
    process = start(data, "analyze", str(EXAMPLE))
    time.sleep(rng.uniform(0.3, 2.0))
    victim = store_process(data) if store_too else None
    for pid in (process.pid, victim):
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)


@pytest.mark.parametrize("kills", [3, pytest.param(40, marks=[pytest.mark.soak, pytest.mark.timeout(600)])])
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds the store process in /proc")
def test_killed_analyses_leave_one_whole_item(tmp_path: Path, kills: int) -> None:
    data, rng = tmp_path / "data", random.Random(7)
    for number in range(kills):
        kill_at_random(data, rng, store_too=number % 3 == 2)
    report = finish(data, "analyze", str(EXAMPLE))
    assert report["missing"] == [{"part": "verdicts", "reason": "needs_llm"}]
    assert report["quotes_dropped"] == 0
    assert len(finish(data, "list")) == 1
    passages = finish(data, "ask", "Vienna housing", "--limit", "50")["passages"]
    texts = [passage["record"]["text"] for passage in passages]
    assert texts
    assert len(texts) == len(set(texts)), "a record is there twice"
    assert all(count == 0 for _, count in finish(data, "forget", report["content"]["id"])["left"])


def talk(folder: Path, number: int) -> Path:
    """The example with a word of its own in each line, so that its passages can be told from the others'."""
    path = folder / f"talk{number}.vtt"
    path.write_text(EXAMPLE.read_text(encoding="utf-8").replace("rent", f"rent{'qxz'[number % 3]}{number}"))
    return path


def kill_some(data: Path, rng: random.Random, analyses: list[subprocess.Popen[str]]) -> None:
    time.sleep(rng.uniform(0.5, 4.0))
    victims = [process.pid for process in rng.sample(analyses, 2)]
    store = store_process(data)
    for pid in [*victims, *([] if store is None else [store])]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def ordered_anew(code: int, told: str) -> bool:
    """Whether an item was forgotten just when another process ordered it: then only that order was left."""
    return code == 1 and {name for name, count in json.loads(told)["left"] if count} == {"jobs"}


def one_round(data: Path, rng: random.Random, talks: list[Path]) -> set[str]:
    """Analyse all talks at once, ask and forget the last meanwhile, kill some; returns who said that it was done."""
    analyses = [start(data, "analyze", str(path)) for path in talks]
    beside = [start(data, "ask", "Vienna housing"), start(data, "forget", str(talks[-1]))]
    kill_some(data, rng, analyses)
    done: set[str] = set()
    for path, process in zip(talks, analyses, strict=True):
        _, complaint = process.communicate(timeout=120)
        assert process.returncode in {0, 3, -signal.SIGKILL}, complaint
        assert "Traceback" not in complaint
        if process.returncode == 0:
            done.add(path.stem)
    for process in beside:
        told, complaint = process.communicate(timeout=120)
        # 2: in the first round the item may not be entered yet, so that nothing of it can be forgotten
        fine = process.returncode in {0, 3} or "Nothing stored is called" in complaint
        assert fine or ordered_anew(process.returncode, told), told[-1500:] + complaint
        assert "Traceback" not in complaint
    return done


@pytest.mark.soak
@pytest.mark.timeout(3000)
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds the store process in /proc")
def test_many_processes_on_one_directory_lose_and_double_nothing(tmp_path: Path) -> None:
    data, rng = tmp_path / "data", random.Random(11)
    talks = [talk(tmp_path, number) for number in range(8)]
    kept: set[str] = set()
    for _ in range(ROUNDS):
        kept |= one_round(data, rng, talks) - {talks[-1].stem}  # the last one is forgotten meanwhile
        listed = {item["content"]["title"]: item["content"]["id"] for item in finish(data, "list")}
        assert kept <= set(listed), "an acknowledged item is lost"
        for title in kept:
            found = finish(data, "ask", "Vienna housing", "--limit", "50", "--content", listed[title])["passages"]
            texts = [passage["record"]["text"] for passage in found]
            assert texts, "an acknowledged item is not found"
            assert len(texts) == len(set(texts)), "a record is there twice"
    for path in talks:
        finish(data, "analyze", str(path))
    assert sorted(item["content"]["title"] for item in finish(data, "list")) == sorted(path.stem for path in talks)
    for path in talks:
        assert all(count == 0 for _, count in finish(data, "forget", str(path))["left"])
    assert finish(data, "list") == []
    assert finish(data, "ask", "Vienna housing")["passages"] == []
    deadline = time.monotonic() + 20
    while store_process(data) is not None:
        assert time.monotonic() < deadline, "the store process outlived its linger time"
        time.sleep(0.2)
