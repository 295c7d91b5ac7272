"""The stages that ask a model: each stands beside what the rules found, or in its place if it succeeds."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from udib.core.evidence import LookUp
from udib.core.findings import (
    EarlierVerdict,
    FactCheck,
    FactChecks,
    Fallacies,
    Findings,
    Report,
    WordedSummary,
)
from udib.core.judging import DebateLedger
from udib.core.result import StepResult
from udib.core.speech import Missing, Transcript
from udib.core.tenancy import Scope
from udib.core.types import Content
from udib.pipeline.parts import Analyses
from udib.pipeline.step import Run, Stage

T = TypeVar("T")

MOST_EARLIER: Final = 10
"""Verdicts of earlier revisions that a claim keeps."""


@dataclass(frozen=True, slots=True)
class ModelStages:
    """The stages of one run that ask a model. Those that nobody wants, or without a model, there are not."""

    run: Run
    analyses: Analyses
    summarise: Callable[[Transcript], Awaitable[WordedSummary]] | None
    scope: Scope
    deadline_s: float

    async def asked(self, found: Findings, content: Content, now: datetime, look_up: LookUp) -> Findings:
        """The findings of the rules with what models add to them; where a model fails, those of the rules stand.

        Args:
            found: What the rules gave.
            content: The item, whose date decides what a verdict can rest on.
            now: When it is judged.
            look_up: Gives evidence for what a model words anew.
        """
        run, make, scope, limit = self.run, self.analyses, self.scope, self.deadline_s
        said, checks, hints = found.transcript, found.fact_checks, found.fallacies
        verdicts = fallacies = summary = ledger = None
        async with asyncio.TaskGroup() as level:
            if make.verdicts is not None and checks is not None and checks.checks:
                judge = partial(make.verdicts, scope, content, now, look_up)
                verdicts = level.create_task(run.step(Stage("verdicts", judge, FactChecks, limit), said, checks))
            if make.reasoned_fallacies is not None and hints is not None:
                reason = partial(make.reasoned_fallacies, scope)
                fallacies = level.create_task(
                    run.step(Stage("reasoned-fallacies", reason, Fallacies, limit), said, hints)
                )
            if self.summarise is not None:
                summary = level.create_task(run.step(Stage("summary", self.summarise, WordedSummary, limit), said))
            if make.ledger is not None:
                enter = partial(make.ledger, scope)
                ledger = level.create_task(run.step(Stage("ledger", enter, DebateLedger, limit), said))
        tasks = {"verdicts": verdicts, "fallacies": fallacies, "summary in words": summary, "points": ledger}
        return replace(
            found,
            fact_checks=_value(verdicts) or checks,
            fallacies=_value(fallacies) or hints,
            worded_summary=_value(summary),
            ledger=_value(ledger),
            missing=(
                *found.missing,
                *(gap for part, task in tasks.items() if task is not None for gap in gap_of(part, task.result())),
            ),
        )


def _value(task: asyncio.Task[StepResult[T]] | None) -> T | None:
    return None if task is None else task.result().value


def with_history(report: Report, before: Report | None) -> Report:
    """A report whose claims carry the verdicts that they had in the report before, where these were others."""
    if before is None or before.fact_checks is None or report.fact_checks is None:
        return report
    if before.revision >= report.revision:
        return report
    known = {(each.claim.quote.text, each.claim.wording): each for each in before.fact_checks.checks}
    by_quote = {each.claim.quote.text: each for each in before.fact_checks.checks if each.verdict or each.earlier}
    checks = tuple(
        _with_earlier(check, known.get((check.claim.quote.text, check.claim.wording)) or old, before)
        for check in report.fact_checks.checks
        for old in [by_quote.get(check.claim.quote.text)]
    )
    return replace(report, fact_checks=replace(report.fact_checks, checks=checks))


def _with_earlier(check: FactCheck, old: FactCheck | None, before: Report) -> FactCheck:
    if old is None:
        return check
    earlier = old.earlier
    if old.verdict is not None and (check.verdict is None or check.verdict.label is not old.verdict.label):
        last = EarlierVerdict(old.verdict, before.created_at, before.revision, old.evidence)
        earlier = (last, *earlier)
    return replace(check, earlier=earlier[:MOST_EARLIER])


def gap_of(part: str, result: StepResult[T]) -> tuple[Missing, ...]:
    """The gap that a failed stage leaves."""
    return () if result.success else (Missing(part, result.error or result.status.value),)
