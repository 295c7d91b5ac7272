"""A report as Markdown: one page that is read in two minutes, then the details, then how it was made."""

from collections.abc import Iterable, Sequence

from udib.core.findings import (
    Agreement,
    Clash,
    Contradiction,
    Evidence,
    FactCheck,
    Fallacy,
    Interruption,
    KeyPoint,
    Report,
)
from udib.core.judging import DebatePoint
from udib.core.speech import Quote
from udib.core.types import Content
from udib.delivery import audience, corrections, doubts, judged, meetings, repeats, shares, view
from udib.delivery.tally import gaps
from udib.delivery.text import markdown as md
from udib.delivery.text import web_url

_CHAPTERS = 12
_EVIDENCE = 3


def render_markdown(report: Report, contact: str = "") -> str:
    """The whole report as CommonMark with GitHub's tables; `contact` is where readers write to about mistakes."""
    blocks = [*_head(report), *_first_page(report), *_details(report), *_corrections(report, contact), *_making(report)]
    return "\n\n".join(blocks) + "\n"


def _head(report: Report) -> list[str]:
    content = report.content
    original = web_url(content.url or "")
    facts = [md(fact) for fact in view.about(report)] + ([f"[original](<{original}>)"] if original else [])
    warnings = [f"> **{md(text)}**" for text in view.warnings(report)]
    return [f"# {md(content.title)}", " \u00b7 ".join(facts), *warnings, md(view.obtained(report))]


def _first_page(report: Report) -> list[str]:
    first = view.FIRST_PAGE
    content = report.content
    chapters = report.outline.chapters if report.outline else ()
    titles = [f"- {_time(content, chapter.start_s)} {md(chapter.title)}" for chapter in chapters[:_CHAPTERS]]
    return [
        *(_worded(report) or _extract(report)),
        *_section("Chapters", [_bullets([*titles, *_more(len(chapters) - _CHAPTERS)])]),
        *_section(
            "Claims worth checking",
            [md(view.shared_reason(report)), _claims(report, view.checks(report)[:first], start=1)],
        ),
        *_section("Contradictions to look at", [_contradictions(content, view.contradictions(report)[:first])]),
        *_section("Where they clash", [_clashes(content, view.clashes(report)[:first])]),
        *_section(
            "Points of the debate", [_bullets(_debated(content, each) for each in judged.points(report)[:first])]
        ),
        *_section(
            "How the speeches do",
            [
                md(judged.grades_note(report)),
                _table(judged.GRADES, [list(map(md, r)) for r in judged.grade_rows(report)]),
            ],
        ),
        *_hints(report, view.hints(report)[:first], "Possible fallacies"),
        *_section("Questions, answer not recognised", [_quotes(content, view.unanswered(report)[:first])]),
        *_section("Who spoke", [_speakers(report)]),
        *_section("What is missing", [_bullets(f"- {md(text)}" for text in gaps(report.missing))]),
    ]


def _extract(report: Report) -> list[str]:
    items = (
        "  \n  ".join([f"- {_said(report.content, quote)}", *_beside(report, quote, "verdict")])
        for quote in report.summary
    )
    return _section("In their words", [_bullets(items)])


def _worded(report: Report) -> list[str]:
    """A model's summary. It takes the place of the extract, which is then in the details: two are no short page."""
    if not (title := view.worded_title(report)) or report.worded_summary is None:
        return []
    items = (
        "  \n  ".join([f"- {md(each.text)}", *(_said(report.content, quote) for quote in each.quotes)])
        for each in report.worded_summary.statements
    )
    return _section(md(title), [md(view.worded_note(report)), _bullets(items)])


def _details(report: Report) -> list[str]:
    first = view.FIRST_PAGE
    content = report.content
    arguments = report.debate.arguments if report.debate else ()
    return [
        *_section("More claims", [_claims(report, view.checks(report)[first:], start=first + 1)]),
        *_section("More contradictions", [_contradictions(content, view.contradictions(report)[first:])]),
        *_section("More clashes", [_clashes(content, view.clashes(report)[first:])]),
        *_section("Where they agree", [_agreements(content, meetings.agreements(report))]),
        *_section("More points", [_bullets(_debated(content, each) for each in judged.points(report)[first:])]),
        *_hints(report, view.hints(report)[first:], "More possible fallacies"),
        *_section("More questions, answer not recognised", [_quotes(content, view.unanswered(report)[first:])]),
        *(_extract(report) if _worded(report) else []),
        *_section(
            "Questions and breaking in",
            [
                _bullets(f"- {md(line)}" for line in meetings.met(report)),
                _interruptions(content, meetings.interruptions(report)),
            ],
        ),
        *_section(audience.TITLE, [md(audience.overview(report)), _audience(report)]),
        *_section("Points made more than once", [_points(content, view.points(report))]),
        *_section(
            "Arguments",
            [
                _bullets(
                    f"- {_said(content, said.quote)} *({md(said.role.value)}: {md(said.cue)})*" for said in arguments
                )
            ],
        ),
    ]


def _audience(report: Report) -> str:
    items = (
        "  \n  ".join(
            [
                f"- {_time(report.content, peak.start_s)} {md(audience.told(peak))}",
                *([_said(report.content, peak.said)] if peak.said is not None else []),
            ]
        )
        for peak in audience.peaks(report)
    )
    return _bullets(items)


def _corrections(report: Report, contact: str) -> list[str]:
    listed = _bullets(f"- {md(corrections.listed(made))}" for made in report.corrections)
    return _section("Corrections", [listed, *(md(told) for told in corrections.how_to(report, contact))])


def _beside(report: Report, quote: Quote, part: str) -> list[str]:
    return [f"**{md(corrections.beside(made))}**" for made in corrections.of(report, quote, part)]


def _making(report: Report) -> list[str]:
    run = view.run_of(report.stages)
    rows = [
        [
            md(view.words(stage.stage)),
            f"{stage.start_s:.2f}",
            f"{stage.end_s - stage.start_s:.2f}",
            md(view.state(stage)),
        ]
        for stage in report.stages
    ]
    made = [*view.made(report), *judged.made(report)]
    facts = [judged.method(report), view.GATE_NOTE, *(f"{fact[:1].upper()}{fact[1:]}." for fact in made)]
    return _section(
        "How this report was made",
        [
            md(" ".join(facts)),
            _table(["Stage", "Began (s)", "Took (s)", "Note"], rows),
            md(str(run)) if run else "",
        ],
    )


def _claims(report: Report, checks: Sequence[FactCheck], *, start: int) -> str:
    shared = view.shared_reason(report)
    return "\n".join(f"{number}. {_claim(report, check, shared)}" for number, check in enumerate(checks, start))


def _claim(report: Report, check: FactCheck, shared: str) -> str:
    """One item of a numbered list; what follows the quotation is indented below it."""
    outcome = md(view.own_outcome(check, shared))
    content = report.content
    lines = [_said(content, check.claim.quote), *_beside(report, check.claim.quote, "verdict")]
    if check.repeats:
        places = (
            f"{_time(content, each.start_s)} {md(repeats.other_voice(check, each))}".rstrip() for each in check.repeats
        )
        lines.append(f"{repeats.times_said(check)}: {', '.join(places)}")
    if check.elsewhere:
        items = (_source(each) for each in repeats.elsewhere(check))
        lines.append(f"Also said in: {'; '.join(items)}{repeats.more_elsewhere(check)}")
    lines += [f"**{md(doubts.caution(check.claim.unclear))}**"] if check.claim.unclear else []
    lines += [f"Worth checking {md(view.worth(check))}"]
    lines += [md(judged.meant(check))] if check.claim.meant else []
    lines += [md(judged.wording(check))] if check.claim.wording else []
    lines += [f"**{outcome}**" if check.verdict else outcome] if outcome else []
    lines += [md(text) for text in judged.former(check)]
    for place, evidence in enumerate(check.evidence[:_EVIDENCE]):
        text = f"\u201c{md(judged.evidence_text(check, place))}\u201d"
        lines.append(f"{md(judged.evidence_title(check, place))}: {text} \u2014 {_source(evidence)}")
    return "  \n   ".join(lines)


def _source(evidence: Evidence) -> str:
    url, name = web_url(evidence.link), md(view.source_name(evidence))
    return f"[{name}](<{url}>)" if url else name


def _contradictions(content: Content, pairs: Sequence[Contradiction]) -> str:
    rows = []
    for pair in pairs:
        where = f" (in {md(pair.earlier_source)})" if pair.earlier_source else ""
        earlier = _linked(pair.earlier.start_s, view.earlier_link(content, pair))
        rows.append(
            [
                md(view.who(pair.later)),
                f"{earlier} \u201c{md(doubts.said(pair.earlier))}\u201d{where}",
                f"{_time(content, pair.later.start_s)} \u201c{md(doubts.said(pair.later))}\u201d",
                md(" ".join(part for part in (view.differs(pair), doubts.caution(pair.unclear)) if part)),
            ]
        )
    return _table(["Speaker", "Earlier", "Later", "Difference"], rows)


def _clashes(content: Content, pairs: Sequence[Clash]) -> str:
    rows = [[md(pair.subject), _said(content, pair.first), _said(content, pair.second)] for pair in pairs]
    return _table(["Subject", "One says", "The other says"], rows)


def _agreements(content: Content, pairs: Sequence[Agreement]) -> str:
    return _bullets(f"- {_said(content, pair.said)}  \n  {_said(content, pair.agreed)}" for pair in pairs)


def _interruptions(content: Content, found: Sequence[Interruption]) -> str:
    rows = [[_said(content, each.broken), _said(content, each.into), meetings.broke_in_by(each)] for each in found]
    return _table(["Spoke", "Broke in", "Seen by"], rows)


def _points(content: Content, points: Sequence[KeyPoint]) -> str:
    items = ("  \n  ".join(_said(content, quote) for quote in (point.quote, *point.others)) for point in points)
    return _bullets(f"- {item}" for item in items)


def _debated(content: Content, point: DebatePoint) -> str:
    answers = [f"Answered: {_said(content, answer)}" for answer in point.answers] or [judged.DROPPED_POINT]
    return "  \n  ".join([f"- {_said(content, point.raised)}", *answers])


def _hints(report: Report, hints: Sequence[Fallacy], title: str) -> list[str]:
    return _section(title, [view.HINT_NOTE, _bullets(_hint(report, hint) for hint in hints)]) if hints else []


def _hint(report: Report, hint: Fallacy) -> str:
    possible = f"{md(view.possibility(hint))} ({md(judged.led_by(hint))})."
    reading = f"{md(judged.innocent(hint))}: {md(hint.innocent_reading)}"
    lines = [f"- {_said(report.content, hint.quote)}", *_beside(report, hint.quote, "hint"), f"{possible} {reading}"]
    return "  \n  ".join(lines)


def _speakers(report: Report) -> str:
    rows = [[md(row.name), f"{row.percent}%", *row.numbers] for row in shares.rows(report)]
    return _table(["Speaker", "Share", "Time", "Words", "Turns", "Questions"], rows)


def _quotes(content: Content, quotes: Iterable[Quote]) -> str:
    return _bullets(f"- {_said(content, quote)}" for quote in quotes)


def _said(content: Content, quote: Quote) -> str:
    return f"{_time(content, quote.start_s)} **{md(view.who(quote))}:** \u201c{md(doubts.said(quote))}\u201d"


def _time(content: Content, second: float) -> str:
    return _linked(second, view.link(content, second))


def _linked(second: float, url: str | None) -> str:
    return f"[{view.clock(second)}](<{url}>)" if url else view.clock(second)


def _section(title: str, blocks: Sequence[str]) -> list[str]:
    """A heading and its blocks; nothing if all of them are empty."""
    full = [block for block in blocks if block]
    return [f"## {title}", *full] if full else []


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _more(number: int) -> list[str]:
    return [f"- and {number} more"] if number > 0 else []


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
