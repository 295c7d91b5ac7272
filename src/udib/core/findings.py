"""What an item means: claims, arguments, contradictions, and the report that holds them.

All times are seconds from the start of the item. What was said is in `udib.core.speech`.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from udib.core.corrections import Correction
from udib.core.errors import Status
from udib.core.judging import DebateLedger, Gate, Judgement, ModelUse
from udib.core.live_chat import ChatActivity
from udib.core.speech import Missing, Quote, Transcript
from udib.core.types import Content, ContentId, Delivered


class Label(StrEnum):
    """Verdict on a claim (the labels of AVeriTeC)."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    CONFLICTING = "conflicting"
    NOT_ENOUGH_INFO = "not_enough_info"


class Critical(StrEnum):
    """What kind of word turns a statement into another one."""

    NUMBER = "number"
    NEGATION = "negation"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Unclear:
    """A word that a statement hangs on and that the recogniser did not hear clearly, as the transcript has it."""

    kind: Critical
    word: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Something said that could be checked.

    `check_worthiness` is in [0, 1]: of such sentences, the share that one who lists claims lists. `reasons` are the
    features that make it so ("figure", "date", "comparison", ...).
    `wording` is a model's, which says by itself what the quote says only among its neighbours; empty: there is none.
    `unclear` are the words it hangs on that were not heard clearly. `meant` is the name of whom it calls "he" or "she",
    cut from where it was said; None: that is not certain.
    """

    quote: Quote
    check_worthiness: float
    reasons: tuple[str, ...] = ()
    wording: str = ""
    unclear: tuple[Unclear, ...] = ()
    meant: Quote | None = None

    @property
    def text(self) -> str:
        """What is checked: the model's wording, else what was said."""
        return self.wording or self.quote.text


class EvidenceKind(StrEnum):
    """Where evidence comes from: what was said in other items, a file that the user added, a fact-checker, the web."""

    MEMORY = "memory"
    FILE = "file"
    REVIEW = "review"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage that bears on a claim. `relevance` is in [0, 1]; the text is verbatim from its source.

    `tier` says how near the source is to the fact: 1 is the one that knows (an office's own figures, the document
    itself), 2 a publisher that answers for what it prints, 3 anybody. Of a review, `text` is the claim that it reviews
    and `rating` its publisher's verdict, in the publisher's words; `explained` are words of its page on the claim,
    for readers alone. None: there are none, or the page was not read.
    """

    text: str
    source: str
    link: str
    relevance: float
    content_id: ContentId | None = None
    speaker: str | None = None
    start_s: float | None = None
    published_at: str | None = None
    kind: EvidenceKind = EvidenceKind.MEMORY
    publisher: str | None = None
    tier: int = 3
    rating: str | None = None
    retrieved_at: str | None = None
    explained: str | None = None


@dataclass(frozen=True, slots=True)
class NotJudged:
    """Why no verdict was given, and what one would cost. `reason` is a code such as `needs_llm`."""

    reason: str
    estimated_cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Of how many verdicts that people checked how many were right."""

    right: int
    of: int

    def __str__(self) -> str:
        """In words, as a report has it."""
        were = "was" if self.right == 1 else "were"
        return f"of {self.of} such verdicts checked by readers, {self.right} {were} right"


@dataclass(frozen=True, slots=True)
class ByRule:
    """What the rules alone give: a confidence by weights that are set by hand, and the most that it may ever be.

    `made_by` names the models, prompts and rules: verdicts of one maker can be compared with what people say of them.
    """

    confidence: float
    most: float
    made_by: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judged claim; never without evidence.

    `confidence` is in [0, 1], and 0 where nothing can be said; `basis` says what it rests on and what bounds it;
    `models` read the evidence, the label is made by rule. `checked` tells how many such verdicts were right, and
    `confidence` is their share, at most `by_rule.most`; None: it is that of the rules, and not calibrated.
    """

    label: Label
    confidence: float
    basis: str
    models: tuple[str, ...] = ()
    by_rule: ByRule | None = None
    checked: Tally | None = None


@dataclass(frozen=True, slots=True)
class EarlierVerdict:
    """What an earlier revision of a report said of a claim, when, and on what evidence."""

    verdict: Verdict
    judged_at: str
    revision: int
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class FactCheck:
    """A claim with what was found about it: exactly one of `verdict` and `not_judged` is set.

    `judgements` are what a model says of single pieces of evidence; `earlier` the verdicts that this one replaces,
    newest first; `repeats` the other places of the item in which it is made, in order of time, and
    `elsewhere` the items in which it is made too: they bear nothing out.
    """

    claim: Claim
    evidence: tuple[Evidence, ...] = ()
    verdict: Verdict | None = None
    not_judged: NotJudged | None = None
    judgements: tuple[Judgement, ...] = ()
    earlier: tuple[EarlierVerdict, ...] = ()
    repeats: tuple[Quote, ...] = ()
    elsewhere: tuple[Evidence, ...] = ()

    def __post_init__(self) -> None:
        if (self.verdict is None) == (self.not_judged is None):
            raise ValueError("a fact check has a verdict or a reason why there is none")
        if self.verdict is not None and not self.evidence:
            raise ValueError("no verdict without evidence")


@dataclass(frozen=True, slots=True)
class FactChecks:
    """All claims of an item, most check-worthy first.

    `considered` counts the sentences that were looked at, `sent` those of them that a model was shown; `missing` names
    what could not be asked, for evidence or of a model.
    """

    checks: tuple[FactCheck, ...]
    considered: int
    sent: int = 0
    use: ModelUse | None = None
    gates: tuple[Gate, ...] = ()
    missing: tuple[Missing, ...] = ()


class FallacyKind(StrEnum):
    """The fallacies that are looked for."""

    AD_HOMINEM = "ad_hominem"
    STRAW_MAN = "straw_man"
    SLIPPERY_SLOPE = "slippery_slope"
    FALSE_DILEMMA = "false_dilemma"
    HASTY_GENERALIZATION = "hasty_generalization"
    APPEAL_TO_POPULARITY = "appeal_to_popularity"
    APPEAL_TO_TRADITION = "appeal_to_tradition"
    APPEAL_TO_AUTHORITY = "appeal_to_authority"
    APPEAL_TO_EMOTION = "appeal_to_emotion"
    WHATABOUTISM = "whataboutism"
    FALSE_CAUSE = "false_cause"


@dataclass(frozen=True, slots=True)
class Fallacy:
    """A possible fallacy: a hint, never a verdict on a person.

    `cue` are the words that led to it; `innocent_reading` is the strongest fair way to take the sentence;
    `confidence` is in [0, 1]; `model` found it and wrote the innocent reading, empty: a rule of ours did.
    """

    quote: Quote
    kind: FallacyKind
    cue: str
    innocent_reading: str
    confidence: float
    model: str = ""


@dataclass(frozen=True, slots=True)
class Fallacies:
    """The hints that were kept. `withheld` counts those dropped by the cap an hour or for low confidence.

    `off`: nobody looked for any, because the settings ask for none.
    """

    hints: tuple[Fallacy, ...]
    withheld: int = 0
    off: bool = False
    use: ModelUse | None = None
    gates: tuple[Gate, ...] = ()
    missing: tuple[Missing, ...] = ()


class Role(StrEnum):
    """What a sentence does in an argument."""

    PREMISE = "premise"
    CONCLUSION = "conclusion"
    CONCESSION = "concession"
    REBUTTAL = "rebuttal"
    EXAMPLE = "example"


@dataclass(frozen=True, slots=True)
class Argument:
    """A sentence with a part in an argument, found by `cue`."""

    quote: Quote
    role: Role
    cue: str


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A candidate: the same speaker on the same subject, with another number or the opposite polarity.

    `difference` is "number" or "polarity"; `subject` are the words both share; `similarity` is in [0, 1].
    `earlier_source` is None within one item, else the title of the item in which the earlier statement was made.
    `unclear` are the words of both that were not heard clearly and could make a difference.
    """

    earlier: Quote
    later: Quote
    difference: str
    subject: str
    similarity: float
    earlier_source: str | None = None
    earlier_link: str | None = None
    unclear: tuple[Unclear, ...] = ()


@dataclass(frozen=True, slots=True)
class Clash:
    """Two speakers who say opposite or different things on one subject."""

    first: Quote
    second: Quote
    subject: str


class InterruptionSign(StrEnum):
    """What shows that somebody was broken in on: both spoke at once, or the transcript marks where words were cut."""

    OVERLAP = "overlap"
    CUT_SHORT = "cut_short"


@dataclass(frozen=True, slots=True)
class Interruption:
    """Somebody begins before another has finished, who goes on afterwards; it may be lively agreement.

    `broken` is the sentence that was broken in on, `into` the first one of who broke in.
    """

    broken: Quote
    into: Quote
    sign: InterruptionSign


@dataclass(frozen=True, slots=True)
class Agreement:
    """One speaker says that another is right: `said` is the statement, `agreed` the answer, `cue` its words for it."""

    said: Quote
    agreed: Quote
    cue: str


@dataclass(frozen=True, slots=True)
class KeyPoint:
    """A point that is made more than once: as one argument puts it, and the `others` that make it, in order of time."""

    quote: Quote
    others: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class SpeakerShare:
    """How much one speaker spoke. `share` is of all talk time, in [0, 1].

    `put` counts the questions that were put to another speaker at the end of a turn; None: nobody looked.
    """

    speaker: str
    talk_s: float
    share: float
    words: int
    turns: int
    questions: int
    put: int | None = None

    def together_with(self, other: "SpeakerShare") -> "SpeakerShare":
        """Both as one, for two labels of one person."""
        return replace(
            self,
            talk_s=self.talk_s + other.talk_s,
            share=min(self.share + other.share, 1.0),
            words=self.words + other.words,
            turns=self.turns + other.turns,
            questions=self.questions + other.questions,
            put=None if self.put is None or other.put is None else self.put + other.put,
        )


@dataclass(frozen=True, slots=True)
class DebateMap:
    """Who argued what, and against whom.

    `interruptions` is None where the transcript cannot tell: no times that overlap, no marks of words cut short.
    """

    speakers: tuple[SpeakerShare, ...] = ()
    arguments: tuple[Argument, ...] = ()
    clashes: tuple[Clash, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    unanswered: tuple[Quote, ...] = ()
    points: tuple[KeyPoint, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    interruptions: tuple[Interruption, ...] | None = None


@dataclass(frozen=True, slots=True)
class Chapter:
    """A stretch on one subject. The title is made of the speakers' own words."""

    title: str
    start_s: float
    end_s: float
    opening: Quote


@dataclass(frozen=True, slots=True)
class Outline:
    """How an item is built: length, pace, speakers, language, chapters."""

    duration_s: float
    words: int
    words_per_minute: float
    speakers: tuple[str, ...]
    language: str
    chapters: tuple[Chapter, ...] = ()


@dataclass(frozen=True, slots=True)
class WordedStatement:
    """What a model says of an item, in its own words, and what was said that bears it out: never without a quote."""

    text: str
    quotes: tuple[Quote, ...]

    def __post_init__(self) -> None:
        if not self.quotes:
            raise ValueError("no statement of a model without a quote")


@dataclass(frozen=True, slots=True)
class WordedSummary:
    """A summary in the words of models, the only part of a report that is.

    `models` wrote it; `dropped` counts their statements that the transcript does not bear out. Of a long item `parts`
    were to be read, and `parts_read` were; `missing` names the others and why.
    """

    statements: tuple[WordedStatement, ...]
    models: tuple[str, ...]
    cost_usd: float = 0.0
    dropped: int = 0
    parts: int = 1
    parts_read: int = 1
    missing: tuple[Missing, ...] = ()
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, slots=True)
class StageTiming:
    """One stage of a run. Times are seconds from the start of the run; `reused` marks a result kept from before."""

    stage: str
    start_s: float
    end_s: float
    status: Status
    reused: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class TranscriptFacts:
    """How the words were obtained, so that a reader can judge them.

    `doubtful` counts the words that were not heard clearly; None: no recogniser says how clearly it heard any.
    """

    origin: str
    engine: str
    language: str
    low_accuracy: bool
    timed: bool
    segments: int
    words: int
    doubtful: int | None = None


REPORT_SCHEMA = "udib.report/1"


_NOT_REMEMBERED = Missing("memory", "not all words are stored yet; analyse the same item again to complete it")


@dataclass(frozen=True, slots=True)
class Report:
    """All findings on one item. A part that could not be made is None or empty and named in `missing`.

    `quotes_verified` counts the quotes that were found again, word for word, in the transcript before the report was
    made; `quotes_dropped` those that were not, and were removed with their finding. `gates` count, for each kind of
    finding, what passed the checks of the code and why the rest did not. `corrections` are what readers said of it
    since, oldest first. `chat` is what the audience wrote, where its chat was given.
    """

    schema: str
    content: Content
    created_at: str
    revision: int
    transcript: TranscriptFacts
    outline: Outline | None
    fact_checks: FactChecks | None
    fallacies: Fallacies | None
    debate: DebateMap | None
    summary: tuple[Quote, ...] = ()
    missing: tuple[Missing, ...] = ()
    quotes_verified: int = 0
    quotes_dropped: int = 0
    cost_usd: float = 0.0
    stages: tuple[StageTiming, ...] = ()
    delivered: tuple[Delivered, ...] = ()
    worded_summary: WordedSummary | None = None
    ledger: DebateLedger | None = None
    gates: tuple[Gate, ...] = ()
    corrections: tuple[Correction, ...] = ()
    chat: ChatActivity | None = None

    def not_remembered(self) -> "Report":
        """The report as it stands while the memory does not hold all its words."""
        return replace(self, missing=(*self.missing, _NOT_REMEMBERED))

    @property
    def remembered(self) -> bool:
        """Whether all its words were stored, so that they can be asked about."""
        return all(gap.part != _NOT_REMEMBERED.part for gap in self.missing)

    def cites(self, content_id: ContentId) -> int:
        """How many pieces of evidence, and claims made elsewhere, in this report are words of a content."""
        checks = self.fact_checks.checks if self.fact_checks else ()
        return sum(each.content_id == content_id for check in checks for each in _all_evidence(check))

    def without_evidence_of(self, content_id: ContentId) -> "Report":
        """The report without any words of a content; a verdict that stood on them alone is withdrawn."""
        if self.fact_checks is None or not self.cites(content_id):
            return self
        checks = tuple(_without(check, content_id) for check in self.fact_checks.checks)
        return replace(self, fact_checks=replace(self.fact_checks, checks=checks))


def _all_evidence(check: FactCheck) -> tuple[Evidence, ...]:
    return (*check.evidence, *check.elsewhere, *(each for earlier in check.earlier for each in earlier.evidence))


def _without(check: FactCheck, content_id: ContentId) -> FactCheck:
    """A check without words of a content. The verdict goes too if it stood on them: the others may not bear it out."""
    elsewhere = tuple(check.elsewhere[at] for at in _others(check.elsewhere, content_id))
    check = replace(check, elsewhere=elsewhere)
    places = {old: new for new, old in enumerate(_others(check.evidence, content_id))}
    kept = tuple(check.evidence[old] for old in places)
    earlier = tuple(
        replace(each, evidence=tuple(each.evidence[place] for place in _others(each.evidence, content_id)))
        for each in check.earlier
    )
    judged = tuple(
        replace(each, evidence=places[each.evidence]) for each in check.judgements if each.evidence in places
    )
    stood = len(judged) < len(check.judgements) or not kept
    if check.verdict is not None and stood:
        why = NotJudged("evidence_forgotten")
        return replace(check, evidence=kept, verdict=None, not_judged=why, judgements=(), earlier=earlier)
    return replace(check, evidence=kept, judgements=judged, earlier=earlier)


def _others(evidence: tuple[Evidence, ...], content_id: ContentId) -> list[int]:
    return [place for place, each in enumerate(evidence) if each.content_id != content_id]


@dataclass(frozen=True, slots=True)
class Findings:
    """What the analyses gave, each None if it failed, with the transcript they read."""

    transcript: Transcript
    outline: Outline | None
    debate: DebateMap | None
    fact_checks: FactChecks | None
    fallacies: Fallacies | None
    missing: tuple[Missing, ...] = ()
    worded_summary: WordedSummary | None = None
    ledger: DebateLedger | None = None
    chat: ChatActivity | None = None
