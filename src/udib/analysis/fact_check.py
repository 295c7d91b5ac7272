"""Claims with what memory holds about them. Without a model there is no verdict, only what one would cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from udib.analysis.claims import WORTH_CHECKING, claim_candidates
from udib.analysis.language import is_english
from udib.analysis.repeats import grouped, made_again
from udib.analysis.sentences import sentences
from udib.analysis.stand_alone import meant
from udib.core.computing import computed
from udib.core.evidence import LookUp
from udib.core.findings import Claim, Evidence, EvidenceKind, FactCheck, FactChecks, NotJudged
from udib.core.speech import Quote, Transcript

NEEDS_MODEL: Final = "needs_llm"
"""The code of what cannot be told without a language model."""

MOST_READ: Final = 6
"""Pieces of evidence of a claim that a model reads."""
SHORTEST_COUNTED_S: Final = 1800.0
"""Seconds that the shortest item counts as: a short debate is dense, and its report is short all the same."""

_INSTRUCTION_TOKENS: Final = 500
"""Of the prompt that has one piece of evidence read, the fences around its sentences included."""
_ANSWER_TOKENS: Final = 50
_CHARACTERS_PER_TOKEN: Final = 4.0


@dataclass(frozen=True, slots=True)
class Prices:
    """What a model charges, in USD for a million tokens."""

    input_usd_per_million: float
    output_usd_per_million: float


async def check_claims(
    transcript: Transcript,
    look_up: LookUp,
    *,
    limit: int,
    threshold: float = WORTH_CHECKING,
    prices: Prices | None = None,
    claimed: LookUp | None = None,
) -> FactChecks:
    """The most check-worthy claims, each once however often it is made, with evidence and why it is not judged.

    Args:
        transcript: What was said.
        look_up: Gives, for each statement, what is known about it; never the item itself (the caller sees to that).
        limit: Most claims for an hour of speech, see `most_claims`.
        threshold: Check-worthiness in [0, 1] from which a sentence counts.
        prices: Of the model that would judge; None: no estimate is made.
        claimed: Gives, for each statement, the claims of other items that are like it; None: nobody is asked.
    """
    claims, considered = await computed(_claims, transcript, threshold)
    kept = claims[: most_claims(limit, transcript.duration_s)]
    texts = [claim.quote.text for claim, _ in kept]
    found = await look_up(texts) if kept else []
    others = await claimed(texts) if kept and claimed is not None else [[] for _ in kept]
    checks = (
        replace(_unjudged(claim, evidence, prices), repeats=repeats, elsewhere=made_again(claim, like))
        for (claim, repeats), evidence, like in zip(kept, found, others, strict=True)
    )
    return FactChecks(tuple(checks), considered)


def most_claims(per_hour: int, duration_s: float) -> int:
    """How many claims an item of that length may have; a short one as many as half an hour."""
    return math.ceil(per_hour * max(duration_s, SHORTEST_COUNTED_S) / 3600)


def to_read(evidence: Sequence[Evidence]) -> list[tuple[int, Evidence]]:
    """The pieces that a model reads, with their places: other talks after all else, which weighs more."""
    return sorted(enumerate(evidence), key=lambda each: each[1].kind is EvidenceKind.MEMORY)[:MOST_READ]


def verdict_cost_usd(statement: str, evidence: Sequence[Evidence], prices: Prices) -> float:
    """What judging one statement would cost: a call for each piece that is read; weighing asks nobody."""
    read_of = [piece for _, piece in to_read(evidence)]
    calls = len(read_of)
    read = calls * (_INSTRUCTION_TOKENS + len(statement) / _CHARACTERS_PER_TOKEN)
    read += sum(len(piece.text) for piece in read_of) / _CHARACTERS_PER_TOKEN
    written = calls * _ANSWER_TOKENS
    return round((read * prices.input_usd_per_million + written * prices.output_usd_per_million) / 1e6, 6)


def _claims(transcript: Transcript, threshold: float) -> tuple[list[tuple[Claim, tuple[Quote, ...]]], int]:
    if not is_english(transcript):
        return [], 0
    said = sentences(transcript)
    places = {each.quote: each.number for each in said}
    found = [
        (replace(claim, meant=meant(transcript, said, places[claim.quote])), repeats)
        for claim, repeats in grouped(claim_candidates(said, threshold=threshold))
    ]
    return found, len(said)


def _unjudged(claim: Claim, evidence: Sequence[Evidence], prices: Prices | None) -> FactCheck:
    cost = None if prices is None else verdict_cost_usd(claim.quote.text, evidence, prices)
    return FactCheck(claim, tuple(evidence), not_judged=NotJudged(NEEDS_MODEL, cost))
