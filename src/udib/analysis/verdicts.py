"""From what single pieces of evidence say of a claim to a verdict, by rule: no model takes part, and none can.

The rules, and what each is against:

- Nothing found is no verdict, and evidence that leaves it open is "not enough information": absence refutes nothing.
- What the same speaker says elsewhere proves nothing of what he says here. One source counts once, however often it is
  found.
- Without a first-tier source or a published review that contradicts, "refuted" stays below a bound; so does every
  verdict that rests on recorded talks alone.
- Evidence from long before or long after the statement weighs less, and alone bounds the verdict: things change.
- A statement of the last hours or days is hardly documented yet, so that a verdict on it means little.
- Where both sides weigh nearly the same, the evidence conflicts, and that is the verdict.

The weights are set by hand, not fitted: confidence orders verdicts, and is no frequency of being right. What makes it
one is `udib.analysis.calibration`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import prod
from typing import Final
from urllib.parse import urlsplit

from udib.analysis.ratings import rating_label
from udib.core.findings import ByRule, Claim, Evidence, EvidenceKind, Label, NotJudged, Verdict
from udib.core.judging import Judgement, Stance, Strength
from udib.core.speech import is_numbered

RULES: Final = "rules 1"
"""The version of the rules and weights here. Whoever changes one changes this: what was calibrated is past then."""
NO_EVIDENCE: Final = "no_evidence"
OWN_WORDS: Final = "own_words"
MOST_CONFIDENT: Final = 0.9
REFUTED_WITHOUT_FIRST_TIER: Final = 0.4
TALKS_ALONE: Final = 0.4
ONE_SOURCE: Final = 0.7
UNDATED_STATEMENT: Final = 0.6
LONG_BEFORE: Final = 0.5
LONG_AFTER: Final = 0.6
FRESH: Final = ((timedelta(hours=24), 0.2, "24 hours"), (timedelta(hours=72), 0.3, "72 hours"))
"""Up to that age of a statement, no verdict on it is surer."""
FAR: Final = timedelta(days=365)

_WEIGHTS: Final = {1: 0.75, 2: 0.55, 3: 0.4}
_REVIEW: Final = 0.8
_WEAKER: Final = 0.5
_FAR_WEIGHT: Final = 0.6
_UNDATED_WEIGHT: Final = 0.8
_LEAST: Final = 0.25
"""Less than this, all in all, says nothing."""
_NEARLY: Final = 0.5
"""From this share of the heavier side on, the lighter one makes the evidence conflict."""
_OPPOSITE: Final = {Stance.SUPPORTS: Stance.REFUTES, Stance.REFUTES: Stance.SUPPORTS, Stance.NEITHER: Stance.NEITHER}


@dataclass(frozen=True, slots=True)
class Moment:
    """When a statement was made, None if nobody knows, and when it is judged."""

    said_at: datetime | None
    judged_at: datetime


@dataclass(frozen=True, slots=True)
class _Side:
    """The evidence on one side: one piece a source, the heaviest."""

    weights: tuple[float, ...]
    evidence: tuple[Evidence, ...]

    @property
    def weight(self) -> float:
        return 1 - prod(1 - each for each in self.weights)

    @property
    def first_tier(self) -> bool:
        return any(each.kind is EvidenceKind.REVIEW or each.tier == 1 for each in self.evidence)


def moment_of(date: str | None) -> datetime | None:
    """A date or time of an item as a moment; a day without a time is its beginning in UTC."""
    try:
        moment = datetime.fromisoformat(date or "")
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def verdict_on(
    claim: Claim, evidence: Sequence[Evidence], judgements: Iterable[Judgement], moment: Moment
) -> Verdict | NotJudged:
    """The verdict that the judgements on the evidence give; the reason why there is none where nothing bears on it.

    Args:
        claim: Its speaker's own words elsewhere do not count.
        evidence: What was found.
        judgements: At most one for each piece; of a piece without one, nothing is said.
        moment: When it was said, and is judged.
    """
    judged = {each.evidence: each for each in judgements if 0 <= each.evidence < len(evidence)}
    if not evidence or not judged:
        return NotJudged(NO_EVIDENCE)
    strange = {place: each for place, each in judged.items() if not _is_own(claim, evidence[place])}
    if not strange:
        return NotJudged(OWN_WORDS)
    sides: dict[Stance, dict[str, tuple[float, Evidence]]] = {Stance.SUPPORTS: {}, Stance.REFUTES: {}}
    for place, judgement in sorted(strange.items()):
        for stance in _stances(evidence[place], judgement.stance):
            weight = _weight(evidence[place], judgement.strength, moment)
            source = _source(evidence[place])
            if weight > sides[stance].get(source, (0.0, evidence[place]))[0]:
                sides[stance][source] = (weight, evidence[place])
    supporting, refuting = (_side(sides[stance].values()) for stance in (Stance.SUPPORTS, Stance.REFUTES))
    return _weighed(supporting, refuting, moment, pieces=len(strange))


def _weighed(supporting: _Side, refuting: _Side, moment: Moment, *, pieces: int) -> Verdict:
    heavier, lighter = (refuting, supporting) if refuting.weight > supporting.weight else (supporting, refuting)
    counted = _counted(supporting, refuting, pieces)
    if heavier.weight < _LEAST:
        why = "; what there is, is weak" if heavier.weights else ""
        return Verdict(Label.NOT_ENOUGH_INFO, 0.0, f"{counted}{why}")
    if lighter.weight >= _NEARLY * heavier.weight:
        label, confidence = Label.CONFLICTING, lighter.weight
        both = _Side((*heavier.weights, *lighter.weights), (*heavier.evidence, *lighter.evidence))
    else:
        label = Label.REFUTED if heavier is refuting else Label.SUPPORTED
        confidence, both = heavier.weight * (1 - lighter.weight), heavier
    bounds = sorted(_bounds(label, both, moment))
    told = "".join(f"; {why}" for bound, why in bounds[:2] if bound < confidence)
    most = min([MOST_CONFIDENT, *(bound for bound, _ in bounds)])
    weighed = round(min(confidence, most), 2)
    return Verdict(label, weighed, f"{counted}{told}", by_rule=ByRule(weighed, most))


def _bounds(label: Label, side: _Side, moment: Moment) -> Iterable[tuple[float, str]]:
    """The bounds of a verdict's confidence that hold, each with its reason."""
    said_at = moment.said_at
    if said_at is None:
        yield UNDATED_STATEMENT, "nobody knows when it was said"
    else:
        for age, most, words in FRESH:
            if moment.judged_at - said_at < age:
                yield most, f"said less than {words} before it was checked"
                break
        days = [(date - said_at) for each in side.evidence if (date := moment_of(each.published_at)) is not None]
        if days and all(day < -FAR for day in days):
            yield LONG_BEFORE, "all of it is more than a year older than the statement"
        if days and all(day > FAR for day in days):
            yield LONG_AFTER, "all of it is more than a year younger than the statement"
    if label is Label.REFUTED and not side.first_tier:
        yield REFUTED_WITHOUT_FIRST_TIER, "no first-tier source or published review contradicts it"
    if all(each.kind is EvidenceKind.MEMORY for each in side.evidence):
        yield TALKS_ALONE, "only other recorded talks say so"
    if len({_source(each) for each in side.evidence}) == 1:
        yield ONE_SOURCE, "it rests on one source"


def _counted(supporting: _Side, refuting: _Side, pieces: int) -> str:
    found = f"{pieces} piece{'s' if pieces != 1 else ''} of evidence judged"
    sides = [f"{len(side.weights)} for it" for side in (supporting,) if side.weights]
    sides += [f"{len(side.weights)} against it" for side in (refuting,) if side.weights]
    return f"{found}, {' and '.join(sides)}" if sides else f"{found}, none says whether it is so"


def _stances(evidence: Evidence, stance: Stance) -> tuple[Stance, ...]:
    """What a piece says of the claim. Of a review a model only tells whether it reviews this claim, or its opposite."""
    if stance is Stance.NEITHER:
        return ()
    if evidence.kind is not EvidenceKind.REVIEW:
        return (stance,)
    match rating_label(evidence.rating):
        case Label.SUPPORTED:
            return (stance,)
        case Label.REFUTED:
            return (_OPPOSITE[stance],)
        case Label.CONFLICTING:
            return (Stance.SUPPORTS, Stance.REFUTES)
        case _:
            return ()


def _side(entries: Iterable[tuple[float, Evidence]]) -> _Side:
    found = list(entries)
    return _Side(tuple(weight for weight, _ in found), tuple(evidence for _, evidence in found))


def _weight(evidence: Evidence, strength: Strength, moment: Moment) -> float:
    weight = _REVIEW if evidence.kind is EvidenceKind.REVIEW else _WEIGHTS.get(evidence.tier, _WEIGHTS[3])
    date = moment_of(evidence.published_at)
    if date is None:
        weight *= _UNDATED_WEIGHT
    elif moment.said_at is not None and abs(date - moment.said_at) > FAR:
        weight *= _FAR_WEIGHT
    return weight * (_WEAKER if strength is Strength.WEAK else 1.0)


def _source(evidence: Evidence) -> str:
    """What makes two pieces one source: the publisher, the item, or the host of the address."""
    return (evidence.publisher or evidence.content_id or urlsplit(evidence.link).hostname or evidence.source).casefold()


def _is_own(claim: Claim, evidence: Evidence) -> bool:
    speaker = claim.quote.speaker
    if speaker is None or is_numbered(speaker):
        return False
    return evidence.kind is EvidenceKind.MEMORY and evidence.speaker == speaker
