"""One report of all findings, every quote of which is looked up in the transcript once more."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from udib.analysis.claims import proper_names
from udib.analysis.debate import MOST_OF_A_KIND
from udib.analysis.fact_check import NEEDS_MODEL
from udib.analysis.gates import NOT_SAID
from udib.analysis.language import is_english, language_of, named
from udib.analysis.sentences import sentences
from udib.analysis.summary import summarise
from udib.analysis.unclear import heard_well, weakened
from udib.core.findings import (
    REPORT_SCHEMA,
    Agreement,
    Argument,
    Chapter,
    Clash,
    Contradiction,
    DebateMap,
    Evidence,
    FactCheck,
    FactChecks,
    Fallacies,
    Fallacy,
    Findings,
    Interruption,
    KeyPoint,
    NotJudged,
    Outline,
    Report,
    TranscriptFacts,
    WordedStatement,
    WordedSummary,
)
from udib.core.judging import DebateLedger, Dropped, Gate, Judgement
from udib.core.live_chat import ChatPeak
from udib.core.speech import Missing, Quote, Transcript
from udib.core.types import Content

AnyFinding = (
    FactCheck
    | Fallacy
    | Argument
    | Clash
    | Agreement
    | Interruption
    | Contradiction
    | KeyPoint
    | Chapter
    | Quote
    | WordedStatement
    | ChatPeak
)
Finding = TypeVar("Finding", bound=AnyFinding)

_NOT_HEARD = 'a number, a "not" or an opposite that they rest on was not heard clearly'
NO_SPEECH = Missing("speech", "nothing but music or noise was heard, so there is nothing to analyse")


@dataclass(slots=True)
class _Gate:
    """Lets pass only findings whose quotes stand in the transcript, and counts."""

    transcript: Transcript
    verified: int = 0
    dropped: int = 0

    def keep(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """The findings all of whose quotes were said."""
        return tuple(finding for finding in findings if self._holds(finding))

    def _holds(self, finding: AnyFinding) -> bool:
        quotes = _quotes(finding)
        found = [self.transcript.holds(quote) for quote in quotes]
        self.verified += sum(found)
        self.dropped += len(found) - sum(found)
        return all(found)

    @property
    def account(self) -> Gate:
        """The same as an account."""
        return Gate("quotes", self.verified, (Dropped(NOT_SAID, self.dropped),) if self.dropped else ())


def aggregate(findings: Findings, content: Content, *, created_at: str, revision: int) -> Report:
    """Put the findings together. The stages' times and the deliveries are added by the pipeline.

    Args:
        findings: What the analyses gave. A quote that does not stand in the transcript drops its finding.
        content: The item.
        created_at: UTC, ISO 8601.
        revision: 1 for the first report on an item.
    """
    transcript = findings.transcript
    english = is_english(transcript)
    gate = _Gate(transcript)
    outline = _outline(findings.outline, gate)
    chapters = outline.chapters if outline is not None else ()
    said = sentences(transcript)
    summary = gate.keep(summarise(said, chapters)) if english else ()
    fallacies = _fallacies(findings.fallacies, gate)
    names = proper_names(each.tokens for each in said) if transcript.doubtful_count else frozenset()
    fact_checks = _fact_checks(findings.fact_checks, gate, names)
    debate, withheld = _debate(findings.debate, gate, names)
    worded = _worded(findings.worded_summary, gate)
    ledger = _ledger(findings.ledger, gate)
    chat = findings.chat and replace(findings.chat, peaks=gate.keep(findings.chat.peaks))
    made = [part for part in (worded, fact_checks, fallacies, ledger) if part is not None]
    uses = [part.use for part in (fact_checks, fallacies, ledger) if part is not None and part.use is not None]
    return Report(
        schema=REPORT_SCHEMA,
        content=content,
        created_at=created_at,
        revision=revision,
        transcript=transcript_facts(transcript),
        outline=outline,
        fact_checks=fact_checks and replace(fact_checks, gates=()),
        fallacies=fallacies and replace(fallacies, gates=()),
        debate=debate,
        summary=summary,
        missing=(
            *findings.missing,
            *(gap for part in made for gap in part.missing),
            *(_not_done(fact_checks, "" if english else named(transcript)) if said else (NO_SPEECH,)),
            *withheld,
        ),
        quotes_verified=gate.verified,
        quotes_dropped=gate.dropped,
        cost_usd=round((worded.cost_usd if worded is not None else 0.0) + sum(use.cost_usd for use in uses), 6),
        worded_summary=worded and replace(worded, gates=()),
        ledger=ledger and replace(ledger, gates=()),
        gates=(gate.account, *(account for part in made for account in part.gates)),
        chat=chat,
    )


def transcript_facts(transcript: Transcript) -> TranscriptFacts:
    """How the words were obtained."""
    return TranscriptFacts(
        origin=transcript.origin.value,
        engine=transcript.engine,
        language=language_of(transcript),
        low_accuracy=transcript.low_accuracy,
        timed=transcript.timed,
        segments=len(transcript.segments),
        words=transcript.word_count,
        doubtful=transcript.doubtful_count,
    )


def _not_done(fact_checks: FactChecks | None, foreign: str) -> tuple[Missing, ...]:
    if foreign:
        why = f"these rules are for English, and this is {foreign}"
        return tuple(Missing(part, why) for part in ("claims", "fallacies", "arguments", "chapters", "summary"))
    checks = fact_checks.checks if fact_checks is not None else ()
    if any(check.not_judged is not None and check.not_judged.reason == NEEDS_MODEL for check in checks):
        return (Missing("verdicts", NEEDS_MODEL),)
    return ()


def _outline(outline: Outline | None, gate: _Gate) -> Outline | None:
    return None if outline is None else replace(outline, chapters=gate.keep(outline.chapters))


def _fact_checks(found: FactChecks | None, gate: _Gate, names: frozenset[str]) -> FactChecks | None:
    """The checks whose quotes were said, without judgements whose excerpts do not stand in the evidence.

    A verdict that loses one is withdrawn. `names` are the proper names of the transcript.
    """
    if found is None:
        return None
    return replace(found, checks=tuple(weakened(_borne_out(check), names) for check in gate.keep(found.checks)))


def _borne_out(check: FactCheck) -> FactCheck:
    kept = tuple(each for each in check.judgements if _stands(each, check.evidence))
    if len(kept) == len(check.judgements):
        return check
    return replace(check, verdict=None, not_judged=NotJudged("model_unusable"), judgements=kept)


def _stands(judgement: Judgement, evidence: Sequence[Evidence]) -> bool:
    if not 0 <= judgement.evidence < len(evidence):
        return False
    text = " ".join(evidence[judgement.evidence].text.split())
    return all(excerpt in text for excerpt in judgement.excerpts)


def _ledger(found: DebateLedger | None, gate: _Gate) -> DebateLedger | None:
    if found is None:
        return None
    points = tuple(
        replace(point, answers=gate.keep(point.answers)) for point in found.points if gate.keep([point.raised])
    )
    return replace(found, points=points)


def _fallacies(found: Fallacies | None, gate: _Gate) -> Fallacies | None:
    return None if found is None else replace(found, hints=gate.keep(found.hints))


def _worded(found: WordedSummary | None, gate: _Gate) -> WordedSummary | None:
    if found is None:
        return None
    kept = gate.keep(found.statements)
    return replace(found, statements=kept, dropped=found.dropped + len(found.statements) - len(kept))


def _debate(
    found: DebateMap | None, gate: _Gate, names: frozenset[str]
) -> tuple[DebateMap | None, tuple[Missing, ...]]:
    """The debate with at most MOST_OF_A_KIND findings of a kind, and what that and words not heard well took away."""
    if found is None:
        return None, ()
    contradictions, unsure = heard_well(gate.keep(found.contradictions[:MOST_OF_A_KIND]), names)
    kinds = {
        "arguments": found.arguments,
        "clashes": found.clashes,
        "agreements": found.agreements,
        "interruptions": found.interruptions or (),
        "contradictions": found.contradictions,
        "unanswered questions": found.unanswered,
    }
    kept = replace(
        found,
        arguments=gate.keep(found.arguments[:MOST_OF_A_KIND]),
        clashes=gate.keep(found.clashes[:MOST_OF_A_KIND]),
        contradictions=contradictions,
        unanswered=gate.keep(found.unanswered[:MOST_OF_A_KIND]),
        points=gate.keep(found.points),
        agreements=gate.keep(found.agreements[:MOST_OF_A_KIND]),
        interruptions=found.interruptions and gate.keep(found.interruptions[:MOST_OF_A_KIND]),
    )
    why = f"there are more than {MOST_OF_A_KIND:,}; the first {MOST_OF_A_KIND:,} are kept"
    withheld = [Missing(f"more {kind}", why) for kind, all_ in kinds.items() if len(all_) > MOST_OF_A_KIND]
    if unsure:
        withheld.append(Missing("contradictions", f"{unsure} left out: {_NOT_HEARD}"))
    return kept, tuple(withheld)


def _quotes(finding: AnyFinding) -> tuple[Quote, ...]:
    """All quotes of this item in a finding; the earlier half of a contradiction may stand in another one."""
    match finding:
        case FactCheck():
            named = (finding.claim.meant,) if finding.claim.meant is not None else ()
            quotes: tuple[Quote, ...] = (finding.claim.quote, *named, *finding.repeats)
        case Fallacy() | Argument():
            quotes = (finding.quote,)
        case Clash() | Agreement() | Interruption():
            quotes = _both(finding)
        case Contradiction():
            quotes = (finding.later,) if finding.earlier_source is not None else (finding.earlier, finding.later)
        case KeyPoint():
            quotes = (finding.quote, *finding.others)
        case Chapter():
            quotes = (finding.opening,)
        case Quote():
            quotes = (finding,)
        case WordedStatement():
            quotes = finding.quotes
        case ChatPeak():
            quotes = (finding.said,) if finding.said is not None else ()
    return quotes


def _both(finding: Clash | Agreement | Interruption) -> tuple[Quote, Quote]:
    match finding:
        case Clash():
            return finding.first, finding.second
        case Agreement():
            return finding.said, finding.agreed
        case Interruption():
            return finding.broken, finding.into
