"""How near the estimate of tokens comes to a real vocabulary: cl100k_base, on meetings and captions.

Every prompt is packed by the estimate before any provider has counted one, so an error of it is context that is passed
or left unused.
"""

import gzip
import json
import os
import re
import statistics
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.llm.sizes import FULL, Measured, Sizes
from benchmarks.memory.stores import ROOT, peer_python, progress
from udib.llm.tokens import estimated_tokens

_PEER: Final = "litellm[proxy]"
_FEWEST_WORDS: Final = 20
_LINES: Final = 12
_TRIAL: Final = 2_000
_TAG: Final = re.compile(r"<[^>]*>")
_CAPTIONS: Final = ("captions/podcast-example.vtt", "captions/rollup.vtt")


def measure(sizes: Sizes) -> Measured:
    """The ratio of the estimate to the count, in sum and of single texts; nothing without the data or the peer."""
    data = os.environ.get("EVAL_DATA_DIR")
    python = peer_python(_PEER) if data is not None else None
    if data is None or python is None:
        print("EVAL_DATA_DIR is not set, or litellm is not there: the estimate of tokens was not measured")
        return []
    meetings = _meetings(Path(data) / "retrieval/qmsum-val.jsonl.gz")[: None if sizes == FULL else _TRIAL]
    captions = [text for name in _CAPTIONS for text in _captions(Path(data) / name)]
    progress(f"tokens of {len(meetings)} turns and {len(captions)} stretches of captions")
    counts = _counted(python, [*meetings, *captions])
    ratios = [estimated_tokens(text) / count for text, count in zip([*meetings, *captions], counts, strict=True)]
    low, high = statistics.quantiles(ratios, n=20)[0], statistics.quantiles(ratios, n=20)[-1]
    total = sum(map(estimated_tokens, [*meetings, *captions])) / sum(counts)
    of_captions = sum(map(estimated_tokens, captions)) / sum(counts[len(meetings) :])
    told = f"in sum of {len(ratios)} texts, {sum(counts):,} tokens; cl100k_base"
    return [
        ("token_estimate_over_cl100k", total, "x", told),
        ("token_estimate_under_cl100k", 1 / total, "x", "the same, the other way round"),
        ("token_estimate_captions", of_captions, "x", f"in sum of {len(captions)} stretches of captions"),
        ("token_estimate_p5", low, "x", "of single texts"),
        ("token_estimate_p95", high, "x", "of single texts"),
    ]


def _counted(python: Path, texts: list[str]) -> list[int]:
    done = subprocess.run(
        [str(python), "-m", "benchmarks.peers.cl100k"],
        cwd=ROOT, input=json.dumps(texts), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"benchmarks.peers.cl100k failed: {done.stderr[-2000:]}")
    counts: list[int] = json.loads(done.stdout)
    return counts


def _meetings(path: Path) -> list[str]:
    """The turns of the meetings that are more than a word or two."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        turns = [said for line in lines for _, said in json.loads(line)["turns"]]
    return [turn for turn in turns if len(turn.split()) >= _FEWEST_WORDS]


def _captions(path: Path) -> list[str]:
    """Stretches of what captions say, without their times."""
    lines = [_TAG.sub("", line) for line in path.read_text(encoding="utf-8").splitlines() if "-->" not in line]
    said = [line for line in lines if line.strip()]
    return ["\n".join(said[at : at + _LINES]) for at in range(0, len(said), _LINES)]
