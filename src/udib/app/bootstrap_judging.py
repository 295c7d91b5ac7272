"""The part of the composition root that adds the LLM tier to the analyses: what a model is asked for."""

from dataclasses import replace

from udib.app.bootstrap_models import Models
from udib.app.settings import Settings
from udib.core.ports import Scales
from udib.pipeline.parts import Analyses


def by_model(analyses: Analyses, settings: Settings, models: Models, scales: Scales) -> Analyses:
    """The analyses with what `analysis.by_model` names. Without `verdicts`, `claims` would be worded for nothing."""
    from udib.app.bootstrap_fallacies import fallacy_reader
    from udib.app.bootstrap_ledger import ledger_keeper
    from udib.app.bootstrap_summary import summariser
    from udib.app.bootstrap_verdicts import Judging, judge_of

    wanted, limits = frozenset(settings.analysis.by_model), settings.analysis
    call_s, stage_s = settings.llm.deadline_s, settings.engine.deadlines.analyse_s
    if "summary" in wanted:
        analyses = replace(analyses, summary=summariser(models, call_s=call_s, stage_s=stage_s))
    if "verdicts" in wanted:
        judging = Judging(limits.claims_judged, "claims" in wanted, call_s, stage_s)
        analyses = replace(analyses, verdicts=judge_of(models, scales, judging))
    if "fallacies" in wanted and limits.hints_per_hour:
        read = fallacy_reader(models, per_hour=limits.hints_per_hour, call_s=call_s, stage_s=stage_s)
        analyses = replace(analyses, reasoned_fallacies=read)
    if "debate" in wanted:
        keep = ledger_keeper(models, winner="winner" in wanted, call_s=call_s, stage_s=stage_s)
        analyses = replace(analyses, ledger=keep)
    return analyses
