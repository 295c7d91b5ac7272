"""A report in the terminal: the same page as the others, made of rich renderables.

Nothing depends on colour; foreign text is never read as markup, and cannot move the cursor or set a title.
"""

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote as url_quote

from rich import box
from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from udib.core.findings import Agreement, Clash, Contradiction, FactCheck, Fallacy, Label, Report, Unclear
from udib.core.speech import Quote
from udib.core.types import Content
from udib.delivery import audience, corrections, doubts, judged, meetings, repeats, shares, view
from udib.delivery.places import whole
from udib.delivery.tally import gaps
from udib.delivery.text import clean, web_url

_SIDE_BY_SIDE = 100
"""From this width on, two statements stand beside each other; below it, one under the other."""
_CHAPTERS = 12
_LONGEST_BAR = 60
_TONES = {Label.SUPPORTED: "green", Label.REFUTED: "red", Label.CONFLICTING: "yellow", Label.NOT_ENOUGH_INFO: "dim"}


def render_terminal(report: Report, width: int) -> RenderableType:
    """The report for a terminal of `width` columns (40 and more)."""
    content, first = report.content, view.FIRST_PAGE
    chapters = report.outline.chapters if report.outline else ()
    checks, pairs, clashes = view.checks(report), view.contradictions(report), view.clashes(report)
    hints, questions, agreed = view.hints(report), view.unanswered(report), meetings.agreements(report)
    beside = width >= _SIDE_BY_SIDE
    return Group(
        _head(report),
        *_section(view.worded_title(report), _worded(report)),
        *_section("In their words", _extract(report)),
        *_section("Chapters", _rows((_time(content, c.start_s), Text(clean(c.title))) for c in chapters[:_CHAPTERS])),
        *_section("Claims worth checking", [_claims(report, checks[:first])] if checks else [], len(checks) - first),
        *_section(
            "Contradictions to look at",
            _spaced(_contradiction(content, pair, beside=beside) for pair in pairs[:first]),
            len(pairs) - first,
        ),
        *_section(
            "Where they clash",
            _spaced(_clash(content, pair, beside=beside) for pair in clashes[:first]),
            len(clashes) - first,
        ),
        *_section(
            "Where they agree",
            _spaced(_agreement(content, pair, beside=beside) for pair in agreed[:first]),
            len(agreed) - first,
        ),
        *_section("Points of the debate", _points(report, first), len(judged.points(report)) - first),
        *_section("How the speeches do", _grades(report)),
        *_section("Possible fallacies", [_hints(report, hints[:first])] if hints else [], len(hints) - first),
        *_section(
            "Questions, answer not recognised",
            [_quotes(content, questions[:first])] if questions else [],
            len(questions) - first,
        ),
        *_section("Who spoke", _speakers(report, width)),
        *_section(audience.TITLE, _audience(report), len(audience.peaks(report)) - first),
        *_section("What is missing", [Text(text) for text in gaps(report.missing)]),
        *_section("Corrections", [Text(corrections.listed(made)) for made in report.corrections]),
        *_section("How this report was made", _making(report, width)),
    )


def _head(report: Report) -> RenderableType:
    lines = [Text(clean(report.content.title), style="bold"), Text(" \u00b7 ".join(view.about(report)))]
    lines += [Text(f"! {warning}", style="bold yellow") for warning in view.warnings(report)]
    lines.append(Text(view.obtained(report), style="dim"))
    return Panel(Group(*lines), box=box.ROUNDED, padding=(0, 1))


def _section(title: str, blocks: Sequence[RenderableType], more: int = 0) -> list[RenderableType]:
    """A heading and its indented blocks; nothing without blocks."""
    if not blocks:
        return []
    rest = [Text(f"and {more} more in the full report", style="dim")] if more > 0 else []
    return [Text(f"\n{title}", style="bold"), *(Padding(block, (0, 0, 0, 2)) for block in (*blocks, *rest))]


def _spaced(blocks: Iterable[RenderableType]) -> list[RenderableType]:
    """The blocks with an empty line between any two."""
    return [part for block in blocks for part in (Text(), block)][1:]


def _worded(report: Report) -> list[RenderableType]:
    found = report.worded_summary
    if found is None or not found.statements:
        return []
    blocks = [Group(Text(clean(each.text)), _quotes(report.content, each.quotes)) for each in found.statements]
    return [Text(view.worded_note(report), style="dim"), Text(), *_spaced(blocks)]


def _rows(rows: Iterable[tuple[Text, RenderableType]], *, spaced: bool = False) -> list[RenderableType]:
    """Times in one column, what belongs to them in the other."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(justify="right", no_wrap=True, min_width=5)
    table.add_column(ratio=1)
    for time, body in rows:
        if spaced and table.row_count:
            table.add_row()
        table.add_row(time, body)
    return [table] if table.row_count else []


def _extract(report: Report) -> list[RenderableType]:
    return _rows(
        (_time(report.content, quote.start_s), Group(_said(quote), *_beside(report, quote, "verdict")))
        for quote in report.summary
    )


def _quotes(content: Content, quotes: Sequence[Quote]) -> RenderableType:
    return Group(*_rows((_time(content, quote.start_s), _said(quote)) for quote in quotes))


def _claims(report: Report, checks: Sequence[FactCheck]) -> RenderableType:
    shared = view.shared_reason(report)
    rows = ((_time(report.content, check.claim.quote.start_s), _claim(report, check, shared)) for check in checks)
    note = [Text(shared, style="dim"), Text()] if shared else []
    return Group(*note, *_rows(rows, spaced=True))


def _claim(report: Report, check: FactCheck, shared: str) -> RenderableType:
    tone = f"bold {_TONES[check.verdict.label]}" if check.verdict else "dim"
    outcome = view.own_outcome(check, shared)
    lines = [_said(check.claim.quote), *_beside(report, check.claim.quote, "verdict")]
    lines += _cautions(check.claim.unclear)
    lines += [Text(judged.meant(check), style="dim")] if check.claim.meant else []
    lines += [Text(judged.wording(check), style="italic")] if check.claim.wording else []
    lines += [Text(outcome, style=tone)] if outcome else []
    lines += [Text(text, style="dim") for text in judged.former(check)]
    lines += _made_again(report.content, check)
    lines.append(Text(f"worth checking {view.worth(check)}", style="dim"))
    for place in judged.telling(check):
        evidence = check.evidence[place]
        source = Text(f" ({view.source_name(evidence)})", style=_link(web_url(evidence.link)))
        title, text = judged.evidence_title(check, place).lower(), judged.evidence_text(check, place)
        lines.append(Text.assemble((f"{title}: ", "dim"), f"\u201c{text}\u201d", source))
    return Group(*lines)


def _made_again(content: Content, check: FactCheck) -> Iterator[RenderableType]:
    """Where else a claim is made, in the item and in others."""
    if check.repeats:
        places = []
        for each in check.repeats:
            voice = repeats.other_voice(check, each)
            places.append(Text.assemble(_time(content, each.start_s), f" {voice}" if voice else ""))
        yield Text.assemble((f"{repeats.times_said(check)}: ", "dim"), Text(", ").join(places))
    if check.elsewhere:
        items = [Text(view.source_name(each), style=_link(web_url(each.link))) for each in repeats.elsewhere(check)]
        yield Text.assemble(("Also said in: ", "dim"), Text("; ").join(items), repeats.more_elsewhere(check))


def _cautions(unclear: Sequence[Unclear]) -> list[RenderableType]:
    return [Text(doubts.caution(unclear), style="bold yellow")] if unclear else []


def _beside(report: Report, quote: Quote, part: str) -> list[RenderableType]:
    return [Text(corrections.beside(made), style="bold yellow") for made in corrections.of(report, quote, part)]


def _contradiction(content: Content, pair: Contradiction, *, beside: bool) -> RenderableType:
    where = f" in {clean(pair.earlier_source)}" if pair.earlier_source else ""
    before = view.earlier_link(content, pair) if where else _address(content, pair.earlier.start_s)
    earlier = _timed(pair.earlier, f"Earlier{where} ", before)
    later = _timed(pair.later, "Later   ", _address(content, pair.later.start_s))
    pair_of = _two(earlier, later, f"Difference: {view.differs(pair)}", beside=beside)
    return Group(pair_of, *_cautions(pair.unclear))


def _clash(content: Content, pair: Clash, *, beside: bool) -> RenderableType:
    first, second = (_timed(said, "", _address(content, said.start_s)) for said in (pair.first, pair.second))
    return _two(first, second, f"On \u201c{clean(pair.subject)}\u201d", beside=beside)


def _agreement(content: Content, pair: Agreement, *, beside: bool) -> RenderableType:
    said, agreed = (_timed(each, "", _address(content, each.start_s)) for each in (pair.said, pair.agreed))
    return _two(said, agreed, "", beside=beside)


def _two(first: Text, second: Text, subject: str, *, beside: bool) -> RenderableType:
    captions = [Text(subject, style="dim")] if subject else []
    if not beside:
        return Group(first, second, *captions)
    table = Table.grid(padding=(0, 3, 0, 0), expand=True)
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    table.add_row(first, second)
    return Group(table, *captions)


def _hints(report: Report, hints: Sequence[Fallacy]) -> RenderableType:
    rows = (
        (
            _time(report.content, hint.quote.start_s),
            Group(
                _said(hint.quote),
                *_beside(report, hint.quote, "hint"),
                Text(f"{view.possibility(hint)} ({judged.led_by(hint)})", style="magenta"),
                Text(f"{judged.innocent(hint)}: {clean(hint.innocent_reading)}"),
            ),
        )
        for hint in hints
    )
    return Group(Text(view.HINT_NOTE, style="dim"), Text(), *_rows(rows, spaced=True))


def _points(report: Report, most: int) -> list[RenderableType]:
    rows = (
        (
            _time(report.content, point.raised.start_s),
            Group(
                _said(point.raised),
                *(Text.assemble(("answered: ", "dim"), _said(answer)) for answer in point.answers),
                *([] if point.answers else [Text(judged.DROPPED_POINT, style="dim")]),
            ),
        )
        for point in judged.points(report)[:most]
    )
    return _rows(rows, spaced=True)


def _grades(report: Report) -> list[RenderableType]:
    rows = judged.grade_rows(report)
    if not rows:
        return []
    table = _plain_table(*judged.GRADES)
    for row in rows:
        table.add_row(*map(Text, row))
    return [Text(judged.grades_note(report), style="dim"), Text(), table]


def _speakers(report: Report, width: int) -> list[RenderableType]:
    rows = shares.rows(report)
    if not rows:
        return []
    table = _plain_table("Speaker", "Share", "", "Time", "Words", "Turns", "Questions")
    for row in rows:
        share = Bar(1.0, 0.0, row.share, width=min(max(width - 62, 8), _LONGEST_BAR))
        table.add_row(Text(row.name), f"{row.percent}%", share, *row.numbers)
    return [table, *(Text(line, style="dim") for line in meetings.met(report))]


def _audience(report: Report) -> list[RenderableType]:
    if report.chat is None:
        return []
    shown = audience.peaks(report)[: view.FIRST_PAGE]
    rows = (
        (
            _time(report.content, peak.start_s),
            Group(Text(audience.told(peak)), *([_said(peak.said)] if peak.said is not None else [])),
        )
        for peak in shown
    )
    return [Text(audience.overview(report), style="dim"), *_rows(rows, spaced=True)]


def _making(report: Report, width: int) -> list[RenderableType]:
    made = "; ".join([*view.made(report), *judged.made(report)])
    facts = [Text(f"{judged.method(report)} {view.GATE_NOTE} {made}.", style="dim")]
    run = view.run_of(report.stages)
    if run is None:
        return [*facts]
    end_s = max(stage.end_s for stage in report.stages) or 1.0
    table = _plain_table("Stage", "Took", "", note=True)
    for stage in report.stages:
        bar = Bar(end_s, stage.start_s, stage.end_s, width=min(max(width - 46, 10), _LONGEST_BAR))
        took = view.lasted(stage.end_s - stage.start_s)
        table.add_row(Text(view.words(stage.stage)), took, bar, Text(view.state(stage), style="dim"))
    return [*facts, Text(), table, Text(str(run))]


def _plain_table(name: str, *columns: str, note: bool = False) -> Table:
    """A table whose first column is text, whose unnamed column holds bars, and whose others hold numbers."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(name, max_width=18, no_wrap=True, overflow="ellipsis")
    for column in columns:
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    if note:
        table.add_column("Note", overflow="fold")
    return table


def _timed(quote: Quote, lead: str, url: str | None) -> Text:
    return Text.assemble((lead, "dim"), _linked(quote.start_s, url), " ", _said(quote))


def _said(quote: Quote) -> Text:
    return Text.assemble((view.who(quote), "bold"), f": \u201c{clean(doubts.said(quote))}\u201d")


def _time(content: Content, second: float) -> Text:
    return _linked(second, _address(content, second))


def _address(content: Content, second: float) -> str | None:
    """Where a second can be heard: in public, or in a recording of this machine, which the terminal may show."""
    path = view.recording(content)
    return view.link(content, second) if path is None else f"file://{url_quote(str(path))}#t={whole(second)}"


def _linked(second: float, url: str | None) -> Text:
    """The time, as a hyperlink in terminals that know them."""
    return Text(view.clock(second), style=Style(color="cyan") + _link(url))


def _link(url: str | None) -> Style:
    return Style(link=url) if url else Style()
