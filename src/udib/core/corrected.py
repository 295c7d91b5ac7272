"""A report with what its readers corrected: beside what it corrects, never in place of it.

Only names are put in their places, because an unknown speaker has none. A correction is found again by the words that
it is about and their second, and says so when it does not lead anywhere any more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, cast

from udib.core.corrections import Correction, CorrectionKind
from udib.core.findings import DebateMap, Report, SpeakerShare
from udib.core.judging import DebateLedger
from udib.core.speech import Quote, is_numbered


def with_corrections(report: Report, found: Sequence[Correction]) -> Report:
    """A report as it was made, with what readers corrected: names in their places, all else in `corrections`."""
    placed = tuple(_placed(report, each) for each in found)
    names = names_of(placed)
    said_by = [each for each in placed if each.applies and each.kind is CorrectionKind.ATTRIBUTION]
    renamed = _renamed(report, _Names(names, said_by)) if names or said_by else report
    return replace(cast("Report", renamed), corrections=placed)


def names_of(placed: Sequence[Correction]) -> dict[str, str]:
    """The names that readers gave to labels of the transcript, by label; the last one counts."""
    named = (each for each in placed if each.applies and each.kind is CorrectionKind.SPEAKER)
    return {each.speaker: each.corrected for each in named if each.speaker is not None}


def quotes_in(value: object) -> Iterator[Quote]:
    """Every quote of the item itself in a report, or in a part of one; one may come more than once."""
    if isinstance(value, Quote):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from quotes_in(each)
    elif is_dataclass(value):
        for name in _own_fields(value):
            yield from quotes_in(getattr(value, name))


def quotes_of(report: Report, kind: CorrectionKind) -> list[Quote]:
    """The quotes that a correction of a kind may be about, in order of time, each once."""
    match kind:
        case CorrectionKind.VERDICT:
            part: object = report.fact_checks
        case CorrectionKind.HINT:
            part = report.fallacies
        case _:
            part = report
    return sorted(set(quotes_in(part)), key=lambda quote: (quote.start_s, quote.end_s))


@dataclass(frozen=True, slots=True)
class _Names:
    """Who is called what: by the label of the transcript, or for single quotes."""

    by_label: Mapping[str, str]
    by_quote: Sequence[Correction]

    def of(self, quote: Quote) -> str | None:
        for each in reversed(self.by_quote):  # the last one counts
            if each.concerns(quote):
                return each.corrected
        return self.by_label.get(quote.speaker or "")


def _placed(report: Report, correction: Correction) -> Correction:
    """The correction as it applies to this report, or the note that it does not."""
    quotes = [quote for quote in quotes_of(report, correction.kind) if correction.concerns(quote)]
    if correction.kind is not CorrectionKind.SPEAKER:
        return replace(correction, applies=bool(quotes))
    if quotes:
        return replace(correction, applies=True, speaker=quotes[0].speaker)
    # A name that the source gave stays with its person; a number is given anew by each analysis.
    known = correction.speaker in (report.outline.speakers if report.outline else ())
    return replace(correction, applies=known and not is_numbered(correction.speaker or ""))


def _renamed(value: object, names: _Names) -> object:
    if isinstance(value, Quote):
        name = names.of(value)
        return value if name is None else value.said_by(name)
    if isinstance(value, tuple):
        return tuple(_renamed(each, names) for each in value)
    if not is_dataclass(value):
        return value
    changed: dict[str, Any] = {name: _renamed(getattr(value, name), names) for name in _own_fields(value)}
    if "speakers" in changed:
        changed["speakers"] = _speakers(changed["speakers"], names.by_label)
    renamed = replace(cast("Any", value), **changed)
    match renamed:
        case DebateMap():
            return _of_one_and_of_two(renamed)
        case DebateLedger():
            return _ledger(renamed, names.by_label)
        case _:
            return renamed


def _of_one_and_of_two(debate: DebateMap) -> DebateMap:
    """Without the contradictions that are now between two persons, and what is now between one person and himself."""
    told = debate.interruptions
    return replace(
        debate,
        contradictions=tuple(
            each for each in debate.contradictions if each.earlier_source or each.earlier.speaker == each.later.speaker
        ),
        clashes=tuple(each for each in debate.clashes if each.first.speaker != each.second.speaker),
        agreements=tuple(each for each in debate.agreements if each.said.speaker != each.agreed.speaker),
        interruptions=told and tuple(each for each in told if each.broken.speaker != each.into.speaker),
    )


def _ledger(ledger: DebateLedger, names: Mapping[str, str]) -> DebateLedger:
    """Grades under the right names; where two labels are one person, whom the model took for two, there are none."""
    points = tuple(
        replace(each, answers=tuple(said for said in each.answers if said.speaker != each.raised.speaker))
        for each in ledger.points
    )
    graded = dict.fromkeys(each.speaker for each in ledger.grades)
    if len({names.get(label, label) for label in graded}) < len(graded):
        return replace(ledger, points=points, grades=(), outcome=None)
    grades = tuple(replace(each, speaker=names.get(each.speaker, each.speaker)) for each in ledger.grades)
    outcome = ledger.outcome
    if outcome is not None:
        first, second = (names.get(label or "", label) for label in outcome.by_order)
        outcome = replace(outcome, winner=names.get(outcome.winner or "", outcome.winner), by_order=(first, second))
    return replace(ledger, points=points, grades=grades, outcome=outcome)


def _speakers(listed: tuple[str | SpeakerShare, ...], names: Mapping[str, str]) -> tuple[str | SpeakerShare, ...]:
    """Names or shares of speakers under their right names; two labels of one person become one."""
    found: dict[str, str | SpeakerShare] = {}
    for each in listed:
        if isinstance(each, str):
            found.setdefault(names.get(each, each), names.get(each, each))
            continue
        name = names.get(each.speaker, each.speaker)
        before = found.get(name)
        renamed = replace(each, speaker=name)
        found[name] = renamed if before is None or isinstance(before, str) else before.together_with(renamed)
    return tuple(found.values())


def _own_fields(value: Any) -> list[str]:  # noqa: ANN401 - any finding
    """The fields that are about the item itself: the earlier side of a contradiction may be from another one."""
    elsewhere = {"earlier"} if getattr(value, "earlier_source", None) is not None else set()
    return [field.name for field in fields(value) if field.name not in elsewhere]
