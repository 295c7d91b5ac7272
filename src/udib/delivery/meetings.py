"""How the speakers met: who agreed, broke in on, asked and answered whom, said once so that all pages say the same."""

from collections import Counter

from udib.core.findings import Agreement, Interruption, InterruptionSign, Report, SpeakerShare
from udib.delivery import view
from udib.delivery.text import clean

BROKE_IN_NOTE = "To break in may be to agree."
_CANNOT_TELL = "Who broke in on whom cannot be told: no times overlap, and no words are marked as cut short."


def agreements(report: Report) -> list[Agreement]:
    """Where one speaker says that another is right, in order of time."""
    return sorted(report.debate.agreements if report.debate else (), key=lambda pair: pair.agreed.start_s)


def interruptions(report: Report) -> list[Interruption]:
    """Where somebody broke in on another, in order of time; empty also where the transcript cannot tell."""
    found = report.debate.interruptions if report.debate else None
    return sorted(found or (), key=lambda each: each.into.start_s)


def broke_in_by(found: Interruption) -> str:
    """What shows that somebody broke in."""
    return "both speak at once" if found.sign is InterruptionSign.OVERLAP else "the words are marked as cut short"


def met(report: Report) -> list[str]:
    """What the speakers asked of each other, and who broke in on whom; nothing where fewer than two have a name."""
    named = view.speakers(report)
    if report.debate is None or len(named) < 2:
        return []
    told = report.debate.interruptions
    lines = [line for each in named if (line := _of_others(report, each))]
    if told is None:
        return [*lines, _CANNOT_TELL]
    return [*lines, BROKE_IN_NOTE if told else "Nobody was seen to break in on another."]


def _of_others(report: Report, each: SpeakerShare) -> str:
    """What one speaker has to do with the others; empty if nothing."""
    unanswered = Counter(quote.speaker for quote in view.unanswered(report))[each.speaker]
    met_by = interruptions(report)
    broke = Counter(found.into.speaker for found in met_by)[each.speaker]
    broken = Counter(found.broken.speaker for found in met_by)[each.speaker]
    facts = []
    if each.put:
        left = f"{unanswered} without an answer" if unanswered else "none plainly left open"
        facts.append(f"{view.counted(each.put, 'question')} to the others, {left}")
    if broke:
        facts.append(f"broke in {view.counted(broke, 'time')}")
    if broken:
        facts.append(f"was broken in on {view.counted(broken, 'time')}")
    return f"{clean(each.speaker)}: {'; '.join(facts)}." if facts else ""
