"""Documents that are checked against the code: the diagram of the levels, links, figures."""

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


def test_the_figures_in_the_documents_are_the_measured_ones() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/fill_figures.py", "--check"], check=False)
    assert done.returncode == 0, "run: python scripts/fill_figures.py"
