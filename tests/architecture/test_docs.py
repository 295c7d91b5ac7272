"""Documents that are checked against the code: the diagram of the levels, links, figures."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def test_the_diagram_of_the_pipeline_is_the_code() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/draw_pipeline.py", "--check"], check=False)
    assert done.returncode == 0, "run: python scripts/draw_pipeline.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_links_to_files_that_exist(page: Path) -> None:
    broken = [
        target
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_marked_figure_is_the_measured_one(page: Path) -> None:
    """`<!-- figure: SUBJECT.NAME -->3.2` in a page must be the value in benchmarks/results, at the page's precision."""
    for subject, name, shown in re.findall(r"<!-- figure: (\w+)\.(\w+) -->([\d.,]+)", page.read_text(encoding="utf-8")):
        results = json.loads((ROOT / f"benchmarks/results/{subject}.json").read_text(encoding="utf-8"))
        [value] = [figure["value"] for figure in results["figures"] if figure["name"] == name]
        number = shown.rstrip(".,").replace(",", "")
        decimals = len(number.partition(".")[2])
        assert f"{value:.{decimals}f}" == number, f"{subject}.{name} is {value}"
