"""The README's library example runs as it stands, and finds what it promises to print."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_library_example_runs(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [code] = re.findall(r"<!-- example: library -->\n```python\n(.*?)```", text, flags=re.DOTALL)
    isolated = {**os.environ, "UDIB_DATA_DIR": str(tmp_path / "data"), "UDIB_MEMORY__LINGER_S": "0.2"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=isolated, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    said = (ROOT / "examples/rent-control/debate.txt").read_text(encoding="utf-8")
    assert all(line.split(maxsplit=1)[1] in said for line in lines)
