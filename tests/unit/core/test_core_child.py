"""What the child processes share: they end with their parent, and within their processor time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from udib.core.child import framed

CHILD = """
import sys, time
from udib.core.child import limit_cpu, orders
taken = orders(sys.stdin.buffer)
print(taken.get().decode(), flush=True)
{}
"""
BUSY = "while True: pass"


def test_a_process_is_killed_when_its_processor_time_is_over() -> None:
    code = CHILD.format(f"limit_cpu(1)\n{BUSY}")
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.write(framed(b"go"))
        child.stdin.flush()
        assert child.wait(timeout=20) == -signal.SIGXCPU


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
def test_a_child_ends_when_its_parent_is_killed_whatever_it_does() -> None:
    parent = (
        "import subprocess, sys, time\n"
        "from udib.core.child import framed\n"
        f"child = subprocess.Popen([sys.executable, '-c', {CHILD.format(BUSY)!r}], stdin=subprocess.PIPE,"
        " start_new_session=True)\n"
        "child.stdin.write(framed(str(child.pid).encode())); child.stdin.flush(); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        child = int(started.stdout.readline())
        os.kill(started.pid, signal.SIGKILL)
    assert _gone(child)


def _gone(pid: int) -> bool:
    """Whether the process ends within 10 s; one that nobody waited for counts as ended."""
    stat = Path(f"/proc/{pid}/stat")
    for _ in range(200):
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False
