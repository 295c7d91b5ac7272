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


def store_process(data: Path) -> int | None:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "udib.memory.store_process" in command and str(data) in command:
            return int(folder.name)
    return None


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
