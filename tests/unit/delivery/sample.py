# ruff: noqa: E501
"""A realistic report on an invented debate, and the same report made of hostile text."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from udib.core.corrections import Correction, CorrectionKind
from udib.core.errors import Status
from udib.core.findings import (
    REPORT_SCHEMA,
    Argument,
    Chapter,
    Claim,
    Clash,
    Contradiction,
    DebateMap,
    Evidence,
    FactCheck,
    FactChecks,
    Fallacies,
    Fallacy,
    FallacyKind,
    KeyPoint,
    Label,
    NotJudged,
    Outline,
    Report,
    Role,
    SpeakerShare,
    StageTiming,
    TranscriptFacts,
    Verdict,
    WordedStatement,
    WordedSummary,
)
from udib.core.speech import Missing, Origin, Quote, Segment, Transcript
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Platform

SCOPE = Scope.of("guild", "main")

LINES = (
    ("Maya", 3, 15, "I'm asking the city to cap yearly rent increases. More than 22 million renter households spend over 30 percent of their income on housing."),
    ("Daniel", 16, 34, "A cap can't fix a shortage, because the only cure for a shortage is more homes. A rent board would cost this city about 4 million dollars a year."),
    ("Maya", 35, 52, "In Vienna, something like 90 percent of the people live in public or subsidized housing. I went there once and came home jealous."),
    ("Daniel", 53, 71, "St. Paul voters approved a 3 percent limit in November 2021. In the first three months, permits for apartments there dropped by about 80 percent."),
    ("Maya", 72, 95, "In September 2022 the council exempted new buildings for 20 years, and I'd do the same."),
    ("Daniel", 96, 130, "So what you really want is city hall deciding what every apartment in town is worth. Rents across the city went up by 5.1 percent as a result."),
    ("Maya", 131, 175, "Is there any yearly increase, any number, that you'd call too high?"),
    ("Daniel", 176, 214, "You cap rents this spring, next spring it's groceries, and before long there isn't a shop left on Main Street."),
    ("Daniel", 215, 247, "We'd be putting 12 million dollars a year into a rent board that doesn't build a single bedroom."),
    ("Maya", 248, 286, "A small board pays for itself, because every family we keep out of a shelter is money we don't spend."),
    ("Daniel", 287, 330, "Build more, help the families who are struggling, and leave the price alone. Thank you, Maya."),
)  # fmt: skip

NASTY = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>",
    "[click](javascript:alert(3)) ![x](https://evil.example/p.png) https://evil.example www.evil.example",
    "@everyone <@123456789012345678> @here discord.gg/raid a@b.example #1 | cell | ||spoiler|| `code` $x$",
    "# heading *bold* _it_ ~~gone~~ > quote \\ --> {{ 7*7 }} {% raw %} \x1b[31mred\x1b]8;;https://evil.example\x07",
    "\u202egnp.exe\u2066 \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u200bzero\u2028line\n\n1. list\n- item",
)


@dataclass(frozen=True)
class Sample:
    transcript: Transcript
    report: Report


def transcript_of(change: Callable[[int, str], str] = lambda _, text: text) -> Transcript:
    """The debate as segments; `change` makes other text of each line."""
    return Transcript(
        tuple(
            Segment(float(start), float(end), change(number, text), change(number, speaker) if number % 4 == 3 else speaker)
            for number, (speaker, start, end, text) in enumerate(LINES)
        ),
        Origin.AUTOMATIC_CAPTIONS,
        "youtube captions",
    )  # fmt: skip


def sample(*, low_accuracy: bool = False) -> Sample:
    """The report on the debate as a reader would meet it."""
    transcript = transcript_of()
    return Sample(transcript, _report(transcript, _CONTENT, low_accuracy=low_accuracy, plain=str))


def local_sample(address: str = "/media/talks/rent control.opus") -> Sample:
    """The same debate from a media file."""
    content = Content(ContentId("file:0123456789abcdef0123456789abcdef"), Platform.FILE, address, "Rent control, live")
    transcript = transcript_of()
    return Sample(transcript, _report(transcript, content, low_accuracy=True, plain=str))


def hostile_sample(nasty: str) -> Sample:
    """A report in which every text that comes from outside holds `nasty`."""
    transcript = transcript_of(lambda number, text: f"{nasty} {text} {nasty}" if number < len(LINES) else text)
    content = Content(
        ContentId(f"web:{nasty}"),
        Platform.WEB,
        f"https://example.org/{nasty}",
        nasty,
        url=f"https://example.org/{nasty}",
        author=nasty,
        published_at=nasty,
        language=nasty,
    )
    return Sample(transcript, _report(transcript, content, low_accuracy=True, plain=lambda text: f"{nasty} {text}"))


def empty_report() -> Report:
    """A report whose every analysis failed."""
    facts = TranscriptFacts("asr", "pocketsphinx", "en", low_accuracy=True, timed=False, segments=1, words=3)
    return Report(REPORT_SCHEMA, _CONTENT, "2026-02-03T10:20:30+00:00", 1, facts, None, None, None, None)


_CONTENT = Content(
    ContentId("youtube:rentdebate1"),
    Platform.YOUTUBE,
    "https://www.youtube.com/watch?v=rentdebate1",
    "Should this city adopt rent control?",
    url="https://www.youtube.com/watch?v=rentdebate1",
    author="City Forum",
    published_at="2026-01-31",
    duration_s=332.0,
    language="en",
)


def _report(transcript: Transcript, content: Content, *, low_accuracy: bool, plain: Callable[[str], str]) -> Report:
    checks = _checks(transcript, plain)
    words = transcript.word_count
    return Report(
        schema=REPORT_SCHEMA,
        content=content,
        created_at="2026-02-03T10:20:30+00:00",
        revision=2,
        transcript=TranscriptFacts(
            "automatic_captions", plain("captions"), "en", low_accuracy, timed=True, segments=len(LINES), words=words
        ),
        outline=Outline(332.0, words, 140.0, transcript.speakers, "en", _chapters(transcript, plain)),
        fact_checks=FactChecks(checks, considered=29),
        fallacies=_fallacies(transcript, plain),
        debate=_debate(transcript, plain),
        summary=(_said(transcript, 0), _said(transcript, 1), _said(transcript, 10)),
        missing=(Missing("verdicts", "needs_llm"), Missing("diarization", plain("the captions name the speakers"))),
        quotes_verified=27,
        quotes_dropped=1,
        stages=_stages(plain),
        worded_summary=WordedSummary(
            (
                WordedStatement(
                    plain("Maya wants a cap on yearly increases, and Daniel more homes."),
                    (_said(transcript, 0), _part(transcript, "the only cure for a shortage is more homes")),
                )
                if transcript.segments[0].text == LINES[0][3]
                else WordedStatement(plain("Maya wants a cap."), (_said(transcript, 0),)),
            ),
            (plain("small-model"),),
            cost_usd=0.01,
            dropped=2,
            parts=3,
            parts_read=2,
        ),
    )


def _said(transcript: Transcript, number: int) -> Quote:
    return transcript.cut(number, 0, number, len(transcript.segments[number].text))


def _part(transcript: Transcript, text: str) -> Quote:
    quote = transcript.quote(text)
    assert quote is not None, text
    return quote


def _checks(transcript: Transcript, plain: Callable[[str], str]) -> tuple[FactCheck, ...]:
    texts = (
        ("More than 22 million renter households", 0.93, ("figure", "comparison")),
        ("permits for apartments there dropped by about 80 percent", 0.88, ("figure", "causal_verb")),
        ("St. Paul voters approved a 3 percent limit in November 2021.", 0.86, ("figure", "date", "named_entity")),
        ("In Vienna, something like 90 percent of the people live in public or subsidized housing.", 0.81, ("figure",)),
        ("Rents across the city went up by 5.1 percent as a result.", 0.78, ("figure", "causal_verb")),
        ("A rent board would cost this city about 4 million dollars a year.", 0.74, ("figure",)),
        ("In September 2022 the council exempted new buildings for 20 years", 0.69, ("date",)),
        ("every family we keep out of a shelter is money we don't spend", 0.31, ()),
    )
    evidence = Evidence(
        plain("Permits for multifamily housing fell by more than 80 percent in the three months after the vote."),
        plain("City council hearing, part 2"),
        "https://www.youtube.com/watch?v=hearing22&t=75s",
        0.82,
        ContentId("youtube:hearing22"),
        plain("Clerk"),
        75.4,
        "2022-03-01",
    )
    verdict = Verdict(Label.SUPPORTED, 0.71, plain("two sources agree"))
    cost = NotJudged("needs_llm", 0.02)
    made = tuple(
        FactCheck(Claim(_part(transcript, text), worth, reasons), (evidence,), verdict if number == 1 else None, None)
        if number == 1
        else FactCheck(Claim(_part(transcript, text), worth, reasons), (evidence,) * (number == 0), None, cost)
        for number, (text, worth, reasons) in enumerate(texts)
    )
    repeats = (_said(transcript, 2), _said(transcript, 3))
    return (*made[:-1], replace(made[-1], repeats=repeats, elsewhere=(evidence,) * 5))


def _chapters(transcript: Transcript, plain: Callable[[str], str]) -> tuple[Chapter, ...]:
    parts = (("cap yearly rent increases", 3, 0), ("permits in St. Paul", 53, 3), ("a rent board", 176, 7))
    ends = (53, 176, 332)
    return tuple(
        Chapter(plain(title), float(start), float(end), _said(transcript, number))
        for (title, start, number), end in zip(parts, ends, strict=True)
    )


def _fallacies(transcript: Transcript, plain: Callable[[str], str]) -> Fallacies:
    return Fallacies(
        (
            Fallacy(
                _part(
                    transcript, "So what you really want is city hall deciding what every apartment in town is worth."
                ),
                FallacyKind.STRAW_MAN,
                plain("what you really want is"),
                plain("He may be naming a consequence that he honestly expects of the plan."),
                0.62,
            ),
            Fallacy(
                _said(transcript, 7),
                FallacyKind.SLIPPERY_SLOPE,
                plain("before long"),
                plain("He may mean it as a joke about where price rules could end."),
                0.71,
            ),
        ),
        withheld=3,
    )


def _debate(transcript: Transcript, plain: Callable[[str], str]) -> DebateMap:
    shortage = _part(transcript, "A cap can't fix a shortage, because the only cure for a shortage is more homes.")
    return DebateMap(
        speakers=(
            SpeakerShare(plain("Maya"), 134.0, 0.44, 89, 5, 1),
            SpeakerShare(plain("Daniel"), 170.0, 0.56, 107, 6, 0),
        ),
        arguments=(
            Argument(shortage, Role.REBUTTAL, "because"),
            Argument(_said(transcript, 9), Role.PREMISE, "because"),
            Argument(_said(transcript, 10), Role.CONCLUSION, "leave"),
        ),
        points=(KeyPoint(shortage, (_said(transcript, 9), _said(transcript, 8))),),
        clashes=(Clash(_said(transcript, 9), _said(transcript, 8), plain("rent board")),),
        contradictions=(
            Contradiction(
                _part(transcript, "A rent board would cost this city about 4 million dollars a year."),
                _said(transcript, 8),
                "number",
                plain("rent board, dollars a year"),
                0.77,
            ),
            Contradiction(
                _said(transcript, 2),
                _said(transcript, 9),
                "polarity",
                plain("housing"),
                0.55,
                plain("Forum of last year"),
                "https://www.youtube.com/watch?v=older1&t=10s",
            ),
        ),
        unanswered=(_said(transcript, 6),),
    )


def _stages(plain: Callable[[str], str]) -> tuple[StageTiming, ...]:
    return (
        StageTiming("resolve", 0.0, 0.6, Status.OK),
        StageTiming("download", 0.6, 2.4, Status.OK),
        StageTiming("transcribe", 2.4, 3.1, Status.OK, reused=True),
        StageTiming("metadata", 2.4, 2.5, Status.OK),
        StageTiming("debate", 3.1, 3.9, Status.OK),
        StageTiming("fact_check", 3.1, 4.6, Status.OK),
        StageTiming("fallacies", 3.1, 3.4, Status.FAILED, note=plain("first attempt failed")),
        StageTiming("aggregate", 4.6, 4.8, Status.OK),
        StageTiming("store", 4.8, 5.3, Status.OK),
    )


def correction(
    number: int, kind: CorrectionKind, about: Quote, right: str, note: str = "", speaker: str | None = None
) -> Correction:
    """What Eve says of words in a report."""
    at = "2026-02-01T00:00:00Z"
    return Correction(
        str(number), ContentId("file:1"), kind, about.text, about.start_s, right, "Eve", at, note, speaker
    )
