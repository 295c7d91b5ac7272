"""What was found, what was not looked for, and why: none found and nobody looked are told apart."""

from collections.abc import Sequence
from typing import Final

from udib.core.findings import Report
from udib.core.speech import Missing
from udib.delivery import view
from udib.delivery.reasons import NOT_JUDGED
from udib.delivery.text import clean

_CLAIMS: Final = ("claims", "fact-check")
_SPEAKERS: Final = ("who said what", "debate")
_RESTS_ON: Final = {
    "claims": _CLAIMS,
    "with a verdict": _CLAIMS,
    "contradictions": (*_CLAIMS, *_SPEAKERS),
    "possible fallacies": ("fallacies",),
    "clashes": (*_CLAIMS, *_SPEAKERS),
    "agreements": (*_CLAIMS, *_SPEAKERS),
    "speakers": _SPEAKERS,
}
"""The parts of an analysis without which a thing cannot be found; "claims" is missing where the rules cannot read."""


def tally(report: Report) -> list[tuple[str, int | None, str]]:
    """What was found, how many of it, and the name of its place in a page; None where nobody could look for it."""
    checks = view.checks(report)
    counts = [
        ("claims", len(checks), "claims"),
        ("with a verdict", sum(check.verdict is not None for check in checks), "claims"),
        ("contradictions", len(view.contradictions(report)), "contradictions"),
        ("possible fallacies", len(view.hints(report)), "hints"),
        ("clashes", len(view.clashes(report)), "clashes"),
        ("agreements", len(report.debate.agreements) if report.debate else 0, "agreements"),
        ("speakers", len(view.speakers(report)), "speakers"),
        ("corrections", len(report.corrections), "corrections"),
    ]
    missing = {each.part for each in report.missing}
    if report.fallacies is not None and report.fallacies.off:
        missing.add("fallacies")
    return [
        (
            _singular(name) if number == 1 else name,
            None if not number and _unsought(name, missing) else number,
            place,
        )
        for name, number, place in counts
    ]


def gaps(missing: Sequence[Missing]) -> list[str]:
    """The missing parts with their reasons, as sentences; parts that are missing for one reason share one."""
    parts: dict[str, list[str]] = {}
    for each in missing:
        parts.setdefault(each.reason, []).append(view.words(each.part))
    return [
        f"{', '.join(dict.fromkeys(named)).capitalize()}: {NOT_JUDGED.get(reason, clean(reason))}"
        for reason, named in parts.items()
    ]


def _unsought(name: str, missing: set[str]) -> bool:
    return name in _RESTS_ON and ("speech" in missing or any(part in missing for part in _RESTS_ON[name]))


def _singular(name: str) -> str:
    return {"possible fallacies": "possible fallacy", "clashes": "clash"}.get(name, name.removesuffix("s"))
