"""The examples in the documents run as they stand, and print what they promise."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(page: str, example: str, folder: Path) -> list[str]:
    """The lines that an example prints, in a data directory of its own."""
    text = (ROOT / page).read_text(encoding="utf-8")
    [code] = re.findall(rf"<!-- example: {example} -->\n```python\n(.*?)```", text, flags=re.DOTALL)
    isolated = {**os.environ, "UDIB_DATA_DIR": str(folder / "data"), "UDIB_MEMORY__LINGER_S": "0.2"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=isolated, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_library_example_runs(tmp_path: Path) -> None:
    lines = run("README.md", "library", tmp_path)
    assert len(lines) == 3
    said = (ROOT / "examples/rent-control/debate.txt").read_text(encoding="utf-8")
    assert all(line.split(maxsplit=1)[1] in said for line in lines)


def test_the_memory_example_runs(tmp_path: Path) -> None:
    stored, found = run("docs/api/memory_apis.md", "memory", tmp_path)
    assert re.fullmatch(r"text:[0-9a-f]{32} 1", stored)
    assert found == "Ann Rent control keeps rents low. https://a.example 0"


def test_the_example_of_vectors_runs(tmp_path: Path) -> None:
    lines = run("docs/api/memory_apis.md", "vectors", tmp_path)
    assert lines[0] == "3 1 128"
    assert lines[1] == "False ['rents rose', 'rents rose again']"
    assert lines[2] == "True ['rents rose', 'rents rose again']"
    assert re.fullmatch(r"[0-3] \d+\.\d+", lines[3])
