"""The analyses of the embedded tier, which need no model."""

from functools import partial

from udib.app.settings import Settings
from udib.core.computing import computed
from udib.core.evidence import LookUp
from udib.core.findings import FactChecks, Findings, Report
from udib.core.live_chat import ChatActivity
from udib.core.speech import Transcript
from udib.core.types import Content
from udib.core.vectors import Embedder
from udib.pipeline.parts import Analyses, WholeReading


def analyses_of(settings: Settings, embedder: Embedder) -> Analyses:
    """The embedded tier: what it cannot judge without a model it says, with what a model would cost."""
    from udib.analysis.aggregate import aggregate
    from udib.analysis.chat_peaks import chat_activity
    from udib.analysis.fact_check import Prices, check_claims
    from udib.analysis.readings import debate_reading, fallacy_reading, outline_reading
    from udib.delivery.vtt import to_vtt
    from udib.sources.live_chat import read_live_chat

    limits, llm = settings.analysis, settings.llm
    prices = None
    if llm.provider != "none" and llm.input_usd_per_million is not None and llm.output_usd_per_million is not None:
        prices = Prices(llm.input_usd_per_million, llm.output_usd_per_million)

    # Which claims are the most check-worthy, and which words are names, is known in the end only.
    def fact_check(look_up: LookUp, claims: LookUp) -> WholeReading[FactChecks]:
        limit = limits.claims_per_hour
        check = partial(check_claims, look_up=look_up, limit=limit, prices=prices, claimed=claims)
        return WholeReading(check)

    async def report(findings: Findings, content: Content, created_at: str, revision: int) -> Report:
        return await computed(aggregate, findings, content, created_at=created_at, revision=revision)

    async def chat(transcript: Transcript, path: str) -> ChatActivity:
        return await chat_activity(transcript, await read_live_chat(path))

    return Analyses(
        lambda: debate_reading(embedder),
        fact_check,
        lambda: fallacy_reading(limits.hints_per_hour),
        lambda: outline_reading(embedder),
        report,
        to_vtt,
        chat,
    )
