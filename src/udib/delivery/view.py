"""What every renderer of a report needs: times, orders and wordings, said once so that all pages say the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from udib.core.errors import Status
from udib.core.findings import (
    Clash,
    Contradiction,
    Evidence,
    EvidenceKind,
    FactCheck,
    Fallacy,
    KeyPoint,
    Label,
    NotJudged,
    Report,
    SpeakerShare,
    StageTiming,
)
from udib.core.speech import Quote
from udib.core.types import Content, Platform
from udib.delivery import doubts
from udib.delivery.reasons import NOT_JUDGED
from udib.delivery.text import clean, web_url

FIRST_PAGE = 4
"""How many findings of a kind stand on the page that is read in two minutes; the rest is in the details."""

HINT_NOTE = "Possibilities to think about, never a verdict on a person; each stands beside its innocent reading."
GATE_NOTE = (
    "Every quotation is the transcript's own wording, found again word for word before this report was made. Whether "
    "it is fair in its context, only listening tells."
)

LABELS = {
    Label.SUPPORTED: "Supported",
    Label.REFUTED: "Refuted",
    Label.CONFLICTING: "Conflicting evidence",
    Label.NOT_ENOUGH_INFO: "Not enough information",
}
_ORIGINS = {
    "transcript": "a transcript",
    "captions": "captions",
    "automatic_captions": "automatic captions",
    "asr": "speech recognition",
}
_PLATFORMS = {Platform.YOUTUBE: "YouTube", Platform.TIKTOK: "TikTok", Platform.FILE: "Local file"}
_DIFFERENCES = {"number": "another number", "polarity": "the opposite"}
_MEDIA = frozenset(
    {".aac", ".flac", ".m4a", ".m4v", ".mka", ".mkv", ".mov", ".mp3", ".mp4", ".oga", ".ogg", ".opus", ".wav", ".webm"}
)


def clock(seconds: float) -> str:
    """A time in an item: `4:07`, `1:02:03`; fractions are cut, as players do."""
    minutes, second = divmod(max(int(seconds), 0), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def lasted(seconds: float) -> str:
    """How long something took: `14 ms`, `0.35 s`, `12.0 s`."""
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"


def when(date: str) -> str:
    """An ISO date or time as `2026-01-31` or `2026-01-31 09:05 UTC`; anything else as it is."""
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return clean(date)
    if "T" not in date and " " not in date:
        return moment.date().isoformat()
    return f"{moment.astimezone(UTC) if moment.tzinfo else moment:%Y-%m-%d %H:%M} UTC"


def money(usd: float) -> str:
    """An amount as readers say it; what rounds to nothing is named so."""
    return f"{usd:.2f} USD" if usd >= 0.005 or usd == 0 else "less than 0.01 USD"


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 word`, `1,200 words`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def words(code: str) -> str:
    """A code name as words: `slippery_slope` -> `slippery slope`."""
    return clean(code.replace("_", " "))


def who(quote: Quote) -> str:
    """The speaker's label; an unknown one is never guessed."""
    return clean(quote.speaker) if quote.speaker else "Unknown speaker"


def earlier_link(content: Content, pair: Contradiction) -> str | None:
    """The public address of the earlier statement, which may have been made in another item."""
    return web_url(pair.earlier_link or "") if pair.earlier_source else link(content, pair.earlier.start_s)


def link(content: Content, second: float) -> str | None:
    """The public address of one second, safe to be put into a page; None for a local file."""
    return None if content.url is None else web_url(content.link(second))


def local_file(content: Content) -> Path | None:
    """The path of an item that is a file of this machine. Only its name may be put into a page."""
    if content.url is not None or content.platform is not Platform.FILE:
        return None
    address = content.address
    return Path(unquote(address.removeprefix("file://")) if address.startswith("file://") else address)


def recording(content: Content) -> Path | None:
    """The path of an item that is a local file with sound, as its name tells."""
    path = local_file(content)
    return path if path is not None and has_sound(path.name) else None


def has_sound(name: str) -> bool:
    """Whether a file has sound, as its name tells."""
    return Path(name).suffix.lower() in _MEDIA


def length_s(report: Report) -> float:
    """The duration of the item in seconds, 0 if unknown."""
    return report.content.duration_s or (report.outline.duration_s if report.outline else 0.0)


def about(report: Report) -> list[str]:
    """What the item is, in short facts: platform, file name, author, date, duration."""
    content = report.content
    file = local_file(content)
    where = _PLATFORMS.get(content.platform, content.platform.value.capitalize())
    facts = [where if file is None else f"{where} {clean(file.name)}"]
    facts += [clean(content.author)] if content.author else []
    facts += [when(content.published_at)] if content.published_at else []
    facts += [clock(length_s(report))] if length_s(report) else []
    return facts


def obtained(report: Report) -> str:
    """How the words were obtained, in one sentence."""
    facts = report.transcript
    origin = _ORIGINS.get(facts.origin, words(facts.origin))
    speakers = len(report.outline.speakers) if report.outline else 0
    heard = f", {counted(speakers, 'speaker')}" if speakers else ""
    said = f"{counted(facts.words, 'word')} in {counted(facts.segments, 'segment')}{heard}"
    engine = f" ({clean(facts.engine)})" if facts.engine not in origin else ""
    language = "not named" if facts.language == "und" else clean(facts.language)
    return f"Words from {origin}{engine}, language {language}: {said}."


def warnings(report: Report) -> list[str]:
    """What a reader has to know before believing a word of the transcript."""
    found = doubts.warnings(report.transcript)
    if not report.transcript.timed:
        found.append("Times are estimates: the source of the words gave none.")
    return found


def checks(report: Report) -> list[FactCheck]:
    """The fact checks, most check-worthy first, then by time."""
    found = report.fact_checks.checks if report.fact_checks else ()
    return sorted(found, key=lambda check: (-check.claim.check_worthiness, check.claim.quote.start_s))


def hints(report: Report) -> list[Fallacy]:
    """The fallacy hints in order of time."""
    return sorted(report.fallacies.hints if report.fallacies else (), key=lambda hint: hint.quote.start_s)


def contradictions(report: Report) -> list[Contradiction]:
    """The contradiction candidates, nearest in subject first."""
    found = report.debate.contradictions if report.debate else ()
    return sorted(found, key=lambda pair: (-pair.similarity, pair.later.start_s))


def clashes(report: Report) -> list[Clash]:
    """The clashes in order of time."""
    return sorted(report.debate.clashes if report.debate else (), key=lambda pair: pair.first.start_s)


def points(report: Report) -> tuple[KeyPoint, ...]:
    """The points that were made more than once, most often made first."""
    return report.debate.points if report.debate else ()


def unanswered(report: Report) -> list[Quote]:
    """The questions that nobody answered, in order of time."""
    return sorted(report.debate.unanswered if report.debate else (), key=lambda quote: quote.start_s)


def speakers(report: Report) -> list[SpeakerShare]:
    """The speakers, who spoke most first."""
    return sorted(report.debate.speakers if report.debate else (), key=lambda speaker: -speaker.talk_s)


def worth(check: FactCheck) -> str:
    """Why a claim is worth checking: `0.83 of 1: figure, comparison`."""
    reasons = ", ".join(words(reason) for reason in check.claim.reasons)
    return f"{check.claim.check_worthiness:.2f} of 1" + (f": {reasons}" if reasons else "")


def outcome(check: FactCheck) -> str:
    """The verdict with its confidence and basis, or why there is none: `label` and `grounds` in one."""
    return f"{label(check)}: {grounds(check)}"


def grounds(check: FactCheck) -> str:
    """What a verdict rests on, or why there is none and what one would cost."""
    if (made := check.verdict) is not None:
        sure = f"confidence {made.confidence:.2f} ({made.checked or 'not calibrated'})"
        said = () if made.label is Label.NOT_ENOUGH_INFO else (sure,)
        return ", ".join(filter(None, (*said, clean(made.basis))))
    return _not_judged(check.not_judged) if check.not_judged else ""


def shared_reason(report: Report) -> str:
    """One sentence for all claims without a verdict; empty if their reasons differ or there is only one such claim."""
    why = [check.not_judged for check in checks(report) if check.not_judged]
    if len(why) < 2 or len({each.reason for each in why}) > 1:
        return ""
    costs = [each.estimated_cost_usd for each in why]
    total = None if None in costs else sum(cost for cost in costs if cost is not None)
    return f"No verdict on {len(why)} of {len(checks(report))} claims: {_not_judged(NotJudged(why[0].reason, total))}."


def own_outcome(check: FactCheck, shared: str) -> str:
    """`outcome`, unless the page has said it already for all claims: `shared` is its `shared_reason`."""
    return outcome(check) if check.verdict or not shared else ""


def label(check: FactCheck) -> str:
    """The verdict in two words."""
    return LABELS[check.verdict.label] if check.verdict else "No verdict"


def tone(check: FactCheck) -> str:
    """The verdict's code, for colours: a `Label` or `none`."""
    return check.verdict.label.value if check.verdict else "none"


def possibility(hint: Fallacy) -> str:
    """A hint in words that claim no more than it can: `Possibly a straw man`."""
    name = words(hint.kind.value)
    return f"Possibly {'an' if name[0] in 'aeiou' else 'a'} {name}"


def differs(pair: Contradiction) -> str:
    """What the later statement says: `another number on "rent, board"`."""
    return f"{_DIFFERENCES.get(pair.difference, words(pair.difference))} on \u201c{clean(pair.subject)}\u201d"


def source_name(evidence: Evidence) -> str:
    """Where evidence comes from: what it is, source, speaker, second and dates, as far as they are known."""
    facts = [_what(evidence), clean(evidence.source)]
    facts += [clean(evidence.speaker)] if evidence.speaker and evidence.kind is not EvidenceKind.REVIEW else []
    facts += [clock(evidence.start_s)] if evidence.start_s is not None else []
    facts += [when(evidence.published_at)] if evidence.published_at else []
    facts += [f"read {when(evidence.retrieved_at)}"] if evidence.retrieved_at else []
    return ", ".join(fact for fact in facts if fact)


def _what(evidence: Evidence) -> str:
    """What kind of evidence it is and whose; nothing for what was said in another item."""
    publisher = clean(evidence.publisher or "")
    match evidence.kind:
        case EvidenceKind.REVIEW:
            of = f" of {clean(evidence.speaker)}" if evidence.speaker else ""
            page = f": \u201c{clean(evidence.explained)}\u201d" if evidence.explained else " (its page is not quoted)"
            return f"claim{of}, rated \u201c{clean(evidence.rating or '')}\u201d by {publisher or 'a publisher'}{page}"
        case EvidenceKind.FILE:
            return f"document added here as one of {publisher}" if publisher else "document added here"
        case EvidenceKind.WEB:
            # A page may call itself anything; its host it cannot choose.
            host = clean(urlsplit(evidence.link).hostname or "")
            return f"{publisher} ({host})" if publisher not in {"", host} else host
        case EvidenceKind.MEMORY:
            return ""


def worded_title(report: Report) -> str:
    """Whose words a summary is in; empty if there is none."""
    found = report.worded_summary
    if found is None or not found.statements:
        return ""
    return f"Summary in the words of {', '.join(clean(model) for model in found.models)}"


def worded_note(report: Report) -> str:
    """What a reader has to know before believing a model's words: that they are its, and what was left out."""
    found = report.worded_summary
    if found is None:
        return ""
    told = ["Written by a language model, which may be wrong; what was said stands below."]
    if found.dropped:
        told.append(f"{counted(found.dropped, 'statement')} without support left out.")
    if found.parts_read < found.parts:
        told.append(f"Of {found.parts} parts {found.parts_read} were read.")
    return " ".join(told)


def made(report: Report) -> list[str]:
    """How the report was made: revision, checked quotes, withheld hints, cost."""
    found = f"{counted(report.quotes_verified, 'quote')} found again word for word, {report.quotes_dropped} dropped"
    facts = [f"revision {report.revision} of {when(report.created_at)}", found]
    if report.fact_checks:
        facts.append(f"{counted(report.fact_checks.considered, 'sentence')} considered for claims")
    if hints := report.fallacies:
        facts += ["hints at possible fallacies are off (analysis.hints_per_hour)"] if hints.off else []
        facts += [f"{counted(hints.withheld, 'weaker hint')} withheld"] if hints.withheld else []
    return [*facts, f"cost {money(report.cost_usd)}"]


@dataclass(frozen=True, slots=True)
class RunTimes:
    """The stages of a run as a whole.

    `chain` is the longest row of stages, each of which began after the one before it had ended.
    """

    work_s: float
    wall_s: float
    chain: tuple[StageTiming, ...]

    @property
    def speed_up(self) -> float:
        """How many times sooner than one stage after another; 1 when nothing ran."""
        return self.work_s / self.wall_s if self.wall_s > 0 else 1.0

    def __str__(self) -> str:
        row = " \u2192 ".join(words(stage.stage) for stage in self.chain)
        chain_s = sum(stage.end_s - stage.start_s for stage in self.chain)
        return (
            f"{lasted(self.work_s)} of work done in {lasted(self.wall_s)}, {self.speed_up:.1f} times as fast as one "
            f"stage after another. Longest chain: {row} ({lasted(chain_s)})."
        )


def run_of(stages: Sequence[StageTiming]) -> RunTimes | None:
    """The run that the stages make, or None if there are none."""
    if not stages:
        return None
    wall_s = max(stage.end_s for stage in stages) - min(stage.start_s for stage in stages)
    return RunTimes(sum(stage.end_s - stage.start_s for stage in stages), wall_s, _longest_chain(stages))


def state(stage: StageTiming) -> str:
    """How a stage ended, in a word or two: nothing for a plain success."""
    ending = "" if stage.status is Status.OK else words(stage.status.value)
    return ", ".join(part for part in (ending, "kept from before" if stage.reused else "", clean(stage.note)) if part)


def _longest_chain(stages: Sequence[StageTiming]) -> tuple[StageTiming, ...]:
    chains: list[tuple[float, tuple[StageTiming, ...]]] = []
    for stage in sorted(stages, key=lambda stage: (stage.end_s, stage.start_s)):
        earlier = [chain for chain in chains if chain[1][-1].end_s <= stage.start_s]
        before_s, row = max(earlier, key=lambda chain: chain[0], default=(0.0, ()))
        chains.append((before_s + stage.end_s - stage.start_s, (*row, stage)))
    return max(chains, key=lambda chain: chain[0])[1]


def _not_judged(why: NotJudged) -> str:
    reason = NOT_JUDGED.get(why.reason, words(why.reason))
    if why.estimated_cost_usd is None:
        return reason
    cost = money(why.estimated_cost_usd)
    about_cost = cost if cost.startswith("less") else f"about {cost}"
    return f"{reason}; {about_cost}{' if one is set up' if why.reason == 'needs_llm' else ''}"
