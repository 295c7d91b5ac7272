"""`python -m benchmarks.analysis.hour CAPTIONS`: the quickest of three analyses in CPU s, and the peak in MiB."""

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from udib.analysis.aggregate import aggregate
from udib.analysis.debate import map_debate
from udib.analysis.fact_check import check_claims
from udib.analysis.fallacies import fallacy_hints
from udib.analysis.outline import describe
from udib.core.findings import Evidence, Findings, Report
from udib.core.speech import Origin, Transcript
from udib.core.types import Content, ContentId, Platform
from udib.memory.static import StaticEmbedder
from udib.transcripts.captions import parse

CONTENT = Content(ContentId("file:bench"), Platform.FILE, "file:///bench", "bench")


async def analysed(transcript: Transcript, embedder: StaticEmbedder) -> Report:
    """What the product makes of a transcript without a model or a memory."""
    findings = Findings(
        transcript,
        await describe(transcript, embedder),
        await map_debate(transcript, embedder),
        await check_claims(transcript, _nothing_known, limit=20),
        await fallacy_hints(transcript),
    )
    return aggregate(findings, CONTENT, created_at="2026-01-01T00:00:00+00:00", revision=1)


async def _nothing_known(statements: Sequence[str]) -> list[list[Evidence]]:
    return [[] for _ in statements]


def _peak_mib() -> float:
    # Not `getrusage`: its peak is inherited from the process that started this one.
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main() -> None:
    """Measure one file of captions, on one core where the system can be asked for that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    segments = parse(Path(sys.argv[1]).read_bytes(), "talk.vtt").segments
    embedder = StaticEmbedder.load()
    seconds = []
    for _ in range(3):
        # Each run has a transcript that nothing is known of yet: what it keeps for the next look counts.
        transcript = Transcript(segments, Origin.CAPTIONS, "captions")
        began = time.process_time()
        asyncio.run(analysed(transcript, embedder))
        seconds.append(time.process_time() - began)
    print(min(seconds), _peak_mib())


if __name__ == "__main__":
    main()
