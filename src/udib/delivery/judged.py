"""What models had a part in: wordings, readings of evidence, verdicts and former ones, and what was not believed."""

from udib.core.findings import FactCheck, Fallacy, Report
from udib.core.judging import DebatePoint, Dimension, Gate, Grade, Stance
from udib.delivery import view
from udib.delivery.text import clean

GRADES = ("Speaker", *(dimension.value.capitalize() for dimension in Dimension))
"""The columns of `grade_rows`."""
_ASKING = frozenset({"summary", "verdicts", "reasoned-fallacies", "ledger"})
"""The stages that show a model what was said."""
DROPPED_POINT = "Nobody answers it"
_STANCES = {
    Stance.SUPPORTS: "Evidence for it",
    Stance.REFUTES: "Evidence against it",
    Stance.NEITHER: "Evidence that leaves it open",
}


def wording(check: FactCheck) -> str:
    """What was checked where that is a model's wording; empty where it is what was said."""
    return f"Checked as, in a model's words: {clean(check.claim.wording)}" if check.claim.wording else ""


def meant(check: FactCheck) -> str:
    """Whom a claim's "he" or "she" means, and where that was said; empty where it is not certain."""
    name = check.claim.meant
    return f"Who is meant: {clean(name.text)}, named at {view.clock(name.start_s)}" if name is not None else ""


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


def led_by(hint: Fallacy) -> str:
    """What a hint goes by, and who found it if that was a model."""
    if hint.model:
        reason = "" if hint.cue == hint.quote.text else f"; the reason given is \u201c{clean(hint.cue)}\u201d"
        return f"found by {clean(hint.model)}{reason}"
    return f"cue: {clean(hint.cue)}"


def innocent(hint: Fallacy) -> str:
    """What introduces the innocent reading, and whose words that is in."""
    return "Innocent reading, in a model's words" if hint.model else "Innocent reading"


def points(report: Report) -> tuple[DebatePoint, ...]:
    """The points of a debate that a model entered."""
    return report.ledger.points if report.ledger else ()


def grade_rows(report: Report) -> list[list[str]]:
    """A row for each speaker: the name, and the grade in each dimension."""
    found = report.ledger.grades if report.ledger else ()
    grades = {(each.speaker, each.dimension): each.grade for each in found}
    return [
        [clean(speaker), *(_grade(grades.get((speaker, dimension))) for dimension in Dimension)]
        for speaker in dict.fromkeys(each.speaker for each in found)
    ]


def grades_note(report: Report) -> str:
    """How far the grades can be believed, and who did better by them if a reader asked for that."""
    ledger = report.ledger
    if ledger is None or not ledger.grades:
        return ""
    told = [
        f"By {', '.join(map(clean, ledger.use.models))}, which read {ledger.passages_read} of "
        f"{view.counted(ledger.passages, 'passage')} twice, each speaker first once; "
        "\u201cunclear\u201d where the order changed its mind."
    ]
    if (outcome := ledger.outcome) is not None:
        who = [clean(each) if each else "a tie" for each in outcome.by_order]
        told.append(
            f"Better by the grades: {who[0]}, in both orders."
            if outcome.agreed
            else f"Better by the grades: a tie, since one order of reading gives {who[0]} and the other {who[1]}."
        )
    return " ".join(told)


def _grade(grade: Grade | None) -> str:
    return "unclear" if grade is None else grade.value


def method(report: Report) -> str:
    """What made the findings: rules, and which language models where there were any."""
    uses = [("the summary", report.worded_summary.models if report.worded_summary else ())]
    for what, part in (
        ("the evidence read", report.fact_checks),
        ("fallacies reasoned out", report.fallacies),
        ("the points of the debate", report.ledger),
    ):
        uses.append((what, part.use.models if part is not None and part.use is not None else ()))
    told = [f"{what} by {', '.join(map(clean, models))}" for what, models in uses if models]
    if not told and any(stage.stage in _ASKING for stage in report.stages):
        return "Made by rules on this machine; what a language model answered, if it did, was not usable."
    if not told:
        return "Made by rules on this machine; no language model was asked."
    return f"Findings by rules on this machine, {', '.join(told)}."


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
        judged = any(check.verdict is not None for check in checks.checks) if checks else False
        by_rule = ", the verdicts made of them by rule" if judged else ""
        facts.append(f"{view.counted(calls, 'call')} to {', '.join(models) or 'a model'}{by_rule}")
    facts += [_gate(gate) for gate in report.gates if gate.kind != "quotes" and (gate.kept or gate.dropped)]
    return facts


def _gate(gate: Gate) -> str:
    dropped = sum(each.count for each in gate.dropped)
    why = ", ".join(f"{each.count} {view.words(each.reason)}" for each in gate.dropped)
    return f"{view.words(gate.kind)}: {gate.kept} kept, {dropped} dropped{f' ({why})' if why else ''}"
