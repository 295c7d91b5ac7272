"""What is built can be installed: the wheel carries the code, the settings, the templates and the embedding."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_carries_all_that_is_needed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("udib-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {
        "udib/app/cli.py",
        "udib/config/settings.yaml",
        "udib/config/http.yaml",
        "udib/delivery/templates/report.html.jinja",
        "udib/memory/static_embedding/vectors.npy",
        "udib/memory/static_embedding/LICENSE-all-MiniLM-L6-v2.txt",
        "udib/py.typed",
    } <= names
    assert not any(name.startswith(("tests/", "examples/")) for name in names)
