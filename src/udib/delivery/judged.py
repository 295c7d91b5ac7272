"""What models had a part in: wordings, readings of evidence, verdicts and former ones, and what was not believed."""

from udib.core.findings import FactCheck, Report
from udib.core.judging import Gate, Stance
from udib.delivery import view
from udib.delivery.text import clean

_STANCES = {
    Stance.SUPPORTS: "Evidence for it",
    Stance.REFUTES: "Evidence against it",
    Stance.NEITHER: "Evidence that leaves it open",
}


def wording(check: FactCheck) -> str:
    """What was checked where that is a model's wording; empty where it is what was said."""
    return f"Checked as, in a model's words: {clean(check.claim.wording)}" if check.claim.wording else ""


def former(check: FactCheck) -> list[str]:
    """The verdicts of earlier revisions that this one replaces, with when and on how much evidence."""
    return [
        f"Before, in revision {each.revision} of {view.when(each.judged_at)}: {view.LABELS[each.verdict.label]}, "
        f"{clean(each.verdict.basis)}"
        for each in check.earlier
    ]


def evidence_title(check: FactCheck, place: int) -> str:
    """What a piece of evidence says of its claim, as far as a model read it."""
    said = next((each for each in check.judgements if each.evidence == place), None)
    return "Evidence" if said is None else _STANCES[said.stance]


def evidence_text(check: FactCheck, place: int) -> str:
    """The sentences of a piece of evidence that decide, else all of it."""
    said = next((each for each in check.judgements if each.evidence == place and each.excerpts), None)
    return clean(" \u2026 ".join(said.excerpts) if said else check.evidence[place].text)


def telling(check: FactCheck) -> list[int]:
    """The place of the piece of evidence that a short page shows: one that says something, if any does."""
    return [each.evidence for each in check.judgements[:1]] or [0][: len(check.evidence)]


def made(report: Report) -> list[str]:
    """How much models had to do, and what of that was not believed."""
    facts = []
    if (checks := report.fact_checks) and checks.sent:
        facts.append(
            f"{checks.sent:,} of {view.counted(checks.considered, 'sentence')} shown to a model for their claims"
        )
    uses = [part.use for part in (report.fact_checks, report.fallacies, report.ledger) if part and part.use]
    if calls := sum(use.calls for use in uses):
        models = dict.fromkeys(clean(model) for use in uses for model in use.models)
        facts.append(
            f"{view.counted(calls, 'call')} to {', '.join(models) or 'a model'}, the verdicts made of them by rule"
        )
    facts += [_gate(gate) for gate in report.gates if gate.kind != "quotes" and (gate.kept or gate.dropped)]
    return facts


def _gate(gate: Gate) -> str:
    dropped = sum(each.count for each in gate.dropped)
    why = ", ".join(f"{each.count} {view.words(each.reason)}" for each in gate.dropped)
    return f"{view.words(gate.kind)}: {gate.kept} kept, {dropped} dropped{f' ({why})' if why else ''}"
