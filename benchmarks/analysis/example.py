"""The example debates against their answer keys: the one the rules were written with, and the one they never saw.

A found item counts when its quote shares at least half of the tokens of the shorter one. Beside claims stands what
calling every sentence a claim gives, and as many sentences at random.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.analysis.sizes import Measured, Sizes
from udib.analysis.debate import map_debate
from udib.analysis.fact_check import check_claims
from udib.analysis.fallacies import fallacy_hints
from udib.analysis.scoring import Score, same_words, score
from udib.analysis.sentences import sentences
from udib.core.findings import DebateMap, Evidence, FactChecks, Fallacies
from udib.core.speech import Origin, Transcript
from udib.memory.static import StaticEmbedder
from udib.transcripts.captions import parse

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_CLAIMS_AN_HOUR = 60
TALKS = {"rent-control": "in-sample: the rules were written with it in view", "held-out": "never tuned on"}


def measure(_: Sizes) -> Measured:
    """All figures of this part."""
    return [figure for name, note in TALKS.items() for figure in _talk(name, note)]


def example_transcript(name: str) -> Transcript:
    """An example as the product reads its captions."""
    [captions] = (EXAMPLES / name).glob("*.vtt")
    segments = parse(captions.read_bytes(), captions.name).segments
    return Transcript(segments, Origin.CAPTIONS, "captions")


def _talk(name: str, note: str) -> Measured:
    transcript = example_transcript(name)
    key = json.loads((EXAMPLES / name / "key.json").read_text(encoding="utf-8"))
    checks, fallacies, debate = asyncio.run(_analysed(transcript))
    wanted = [claim["quote"] for claim in key["claims"]]
    said = [sentence.text for sentence in sentences(transcript)]
    claims = score([check.claim.quote.text for check in checks.checks], wanted, same_words)
    everything = score(said, wanted, same_words)
    hints = score(
        [hint.quote.text for hint in fallacies.hints], [each["quote"] for each in key["fallacies"]], same_words
    )
    contradictions = _contradictions(debate, key["contradictions"])
    short = name.replace("-", "_")
    all_of_them = f"every sentence a claim: {everything}; as many at random: precision {everything.precision:.2f}"
    return [
        (f"example_{short}_claims_precision", claims.precision, "", f"{claims}; {all_of_them}; {note}"),
        (f"example_{short}_claims_recall", claims.recall, "", f"{claims}; silent: 0"),
        (f"example_{short}_contradictions", contradictions.recall, "", f"{contradictions}; silent: 0"),
        (
            f"example_{short}_hints_precision",
            hints.precision,
            "",
            f"{hints}; every sentence: {len(key['fallacies']) / len(said):.2f}",
        ),
        (f"example_{short}_hints_recall", hints.recall, "", f"{hints}; silent: 0"),
    ]


async def _analysed(transcript: Transcript) -> tuple[FactChecks, Fallacies, DebateMap]:
    return (
        await check_claims(transcript, _nothing_known, limit=_CLAIMS_AN_HOUR),
        await fallacy_hints(transcript),
        await map_debate(transcript, StaticEmbedder.load()),
    )


async def _nothing_known(statements: Sequence[str]) -> list[list[Evidence]]:
    return [[] for _ in statements]


def _contradictions(debate: DebateMap, wanted: Sequence[dict[str, Any]]) -> Score:
    return score(
        debate.contradictions,
        wanted,
        lambda found, entry: (
            same_words(found.earlier.text, entry["earlier"]["quote"])
            and same_words(found.later.text, entry["later"]["quote"])
        ),
    )
