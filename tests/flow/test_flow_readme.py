"""The examples in the documents run as they stand, and print what they promise."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from udib.app.cli import main

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


def test_the_examples_of_language_models_run(tmp_path: Path) -> None:
    page = "docs/api/service_apis.md"
    asked, refused = run(page, "router", tmp_path)
    assert asked == "True Rents rose. True"
    assert refused == "False bad_request There is no model 'unknown'; there are large, small."
    assert run(page, "cache", tmp_path) == ["Rents rose. True 2 0.5", "False"]
    assert run(page, "prompts", tmp_path) == ["answer 1 ['system', 'user'] ()"]
    assert run(page, "windows", tmp_path) == ["True 20 () None"]


def test_the_commands_run_on_the_data_of_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two seconds, for what a newcomer types first."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [block] = re.findall(r"<!-- example: commands -->\n```sh\n(.*?)```", text, flags=re.DOTALL)
    setting, *commands = block.splitlines()
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    [demo] = re.findall(r"\$\(BIN\)/(udib analyze .*?) --data-dir", " ".join(recipe.split()))
    [folder] = re.findall(r'UDIB_DATA_DIR="\$PWD/(.*?)"', setting)
    assert f"--data-dir {folder} $(ARGS)" in recipe
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("UDIB_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "0.2")
    for command in (demo, *commands):
        name, *arguments = shlex.split(command, comments=True)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert (name, ended.value.code) == ("udib", 0), command
        assert "Nothing is stored" not in capsys.readouterr().out


def test_make_clean_removes_what_the_targets_leave() -> None:
    """All that git ignores, but for what no target makes."""
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").replace("/", "").split()
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(VENV)", ".venv")
    recipe = text.partition("\nclean-demo:")[2]
    assert [name for name in ignored if name not in recipe] == ["*.egg-info", "build", "dist"]
