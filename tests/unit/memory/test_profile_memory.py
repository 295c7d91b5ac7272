"""The script that profiles the memory, with small numbers."""

import pstats
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "scripts/profile_memory.py"


def test_the_profile_says_where_the_time_of_the_memory_goes(tmp_path: Path) -> None:
    amounts = ["--stored", "3", "--batch", "5", "--searches", "2"]
    done = subprocess.run(
        [sys.executable, SCRIPT, "--out", tmp_path / "profiling", *amounts], capture_output=True, text=True, check=True
    )
    summary = done.stdout
    for finding in ("Start of the store process", "the batch gains", "new connection", "to decode", "Embedding", "KiB"):
        assert finding in summary
    pstats.Stats(str(tmp_path / "profiling/memory.prof"))
    analysis = (tmp_path / "profiling/memory_analysis.txt").read_text(encoding="utf-8")
    assert "Top 30 by Cumulative Time" in analysis
    assert "batch_upsert" in analysis
