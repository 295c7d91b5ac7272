"""The script that profiles the router, with small numbers."""

import pstats
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "scripts/profile_routing.py"


def test_the_profile_says_where_the_time_of_the_router_goes(tmp_path: Path) -> None:
    amounts = ["--decisions", "3", "--calls", "3"]
    done = subprocess.run(
        [sys.executable, SCRIPT, "--out", tmp_path / "profiling", *amounts], capture_output=True, text=True, check=True
    )
    for finding in ("A decision", "embedded", "The bandit alone", "adds to a call", "the list price alone", "kept"):
        assert finding in done.stdout
    pstats.Stats(str(tmp_path / "profiling/routing.prof"))
    analysis = (tmp_path / "profiling/routing_analysis.txt").read_text(encoding="utf-8")
    assert "Top 30 by Cumulative Time" in analysis
    assert "select_model" in analysis
