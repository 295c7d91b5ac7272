"""kill -9 in the middle of recognition: the words are those of an undisturbed run, and most are not heard again."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

TALK = Path(__file__).parents[2] / "examples" / "held-out" / "talk.opus"


def start(data: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "UDIB_MEMORY__LINGER_S": "1"}
    command = [sys.executable, "-m", "udib.app.start", "analyze", str(TALK), "--json", "--quiet"]
    pipe = subprocess.PIPE
    return subprocess.Popen([*command, "--data-dir", str(data)], stdout=pipe, stderr=pipe, text=True, env=environment)


def words(process: subprocess.Popen[str], data: Path) -> tuple[Any, str]:
    """The facts about the transcript, and its captions."""
    out, complaint = process.communicate(timeout=300)
    assert process.returncode == 0, complaint
    [captions] = data.rglob("*.vtt")
    return json.loads(out)["transcript"], captions.read_text(encoding="utf-8")


def kept(data: Path) -> int:
    """How many windows the journal holds."""
    path = data / "journal.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
        try:
            return int(db.execute("SELECT count(*) FROM parts").fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # its tables are being made


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_recognition_that_is_killed_again_and_again_gives_the_same_words(tmp_path: Path) -> None:
    whole = words(start(tmp_path / "undisturbed"), tmp_path / "undisturbed")
    data = tmp_path / "killed"
    counts = [0]
    for _ in range(3):
        process = start(data)
        while kept(data) < counts[-1] + 3:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        counts.append(kept(data))
    print("windows kept after each kill:", counts[1:])
    assert counts == sorted(set(counts)), "each run begins where the one before it was killed"
    assert words(start(data), data) == whole
    assert kept(data) == 0
