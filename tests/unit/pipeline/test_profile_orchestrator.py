"""The script that profiles the pipeline, on a short item."""

import pstats
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[3] / "scripts/profile_orchestrator.py"


def test_the_profile_says_where_the_time_of_the_pipeline_goes(tmp_path: Path) -> None:
    talk = tmp_path / "talk.vtt"
    talk.write_text("WEBVTT\n\n00:00.000 --> 00:09.000\n<v Maya>Rents in Vienna rose by twelve percent in 2019.\n")
    done = subprocess.run(
        [sys.executable, SCRIPT, talk, "--out", tmp_path / "profiling"], capture_output=True, text=True, check=True
    )
    for finding in ("bound by", "Stages: resolve", "The event loop was late by", "serialization", "One after another"):
        assert finding in done.stdout
    names = {function for _, _, function in pstats.Stats(str(tmp_path / "profiling/orchestrator.prof")).stats}  # type: ignore[attr-defined]
    assert {"process_video", "map_debate", "claim_candidates"} <= names, "the threads of the analyses are in it"
    analysis = (tmp_path / "profiling/orchestrator_analysis.txt").read_text(encoding="utf-8")
    for title in ("Top 30 by Cumulative Time", "=== Top 20 by Total Time ===", "=== Most Called Functions ==="):
        assert title in analysis
