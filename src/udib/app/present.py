"""What commands print: rich text for people, JSON for programs. Data goes to standard output, complaints do not.

Whatever a stranger may have written (titles, names, words, addresses, file names) goes through `_said` or `visible`.
"""

import codecs
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, TextIO

import msgspec
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from udib.app import signals, streams
from udib.core.errors import UdibError
from udib.core.findings import Report
from udib.core.tenancy import Scope
from udib.core.types import Answer, Content, EvidenceChange, Health, Listing, ListingState, MemoryRecord, RecordKind
from udib.delivery.corrections import beside
from udib.delivery.document import render_json
from udib.delivery.doubts import marked
from udib.delivery.terminal import render_terminal
from udib.delivery.text import clean, harmless_json, visible
from udib.delivery.view import clock, has_sound, local_file, when
from udib.pipeline.forget import Forgotten

_NARROW = 100
_MOST_QUESTION_WORDS = 8
_LEAST, _MOST = 40, 500
"""Columns between which a terminal is believed; COLUMNS may say anything."""


def emit(value: object, text: RenderableType | None, *, as_json: bool, paths: Sequence[str] = ()) -> None:
    """Print `value` as JSON, or its text and then lines that are not wrapped, so that they can be copied.

    A reader that has gone (`| head`) is no failure: what was done is done.

    Raises:
        UdibError: It cannot be written: the disk is full, or standard output is closed.
    """
    try:
        if as_json:
            sys.stdout.write(_json(value) + "\n")
        else:
            _print(text, paths)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # rich leaves when the reader has gone
        streams.discard_output()
    except OSError as exc:
        streams.discard_output()
        raise UdibError(f"the output could not be written ({exc.strerror}).") from exc


def _json(value: object) -> str:
    data = render_json(value) if isinstance(value, Report) else msgspec.json.format(msgspec.json.encode(value))
    plain = codecs.lookup(sys.stdout.encoding or "utf-8").name != "utf-8"
    return harmless_json(data.decode().rstrip("\n"), ascii_only=plain)


def _print(text: RenderableType | None, paths: Sequence[str]) -> None:
    console = console_of(sys.stdout)
    console.print(text)
    for line in paths:
        console.print(Text(line), soft_wrap=True)


def console_of(stream: TextIO) -> Console:
    """A stream for rich text, as wide as its terminal."""
    console = Console(file=stream, highlight=False)
    console.width = min(max(console.width, _LEAST), _MOST) if stream.isatty() else _NARROW
    return console


def complain(sentence: str) -> None:
    """One sentence on standard error."""
    sys.stderr.write(f"udib: {clean(sentence)}\n")
    sys.stderr.flush()


def confirm(question: str) -> bool:
    """Ask on the terminal; anything but yes is no."""
    return (asked(f"{question} [y/N] ") or "").casefold() in {"y", "yes"}


def asked(question: str) -> str | None:
    """The line that is given to a question; None at the end of the input."""
    sys.stderr.write(f"{clean(question)} ")
    sys.stderr.flush()
    with signals.given_up():
        line = sys.stdin.readline()
    return line.strip() if line else None


def columns() -> int:
    """How wide standard output is."""
    return console_of(sys.stdout).width


def report_text(report: Report) -> RenderableType:
    """The report as the terminal shows it."""
    return render_terminal(report, columns())


def whereabouts(report: Report, options: str) -> list[str]:
    """Where the report's files are, and two questions to try, with the options that lead to the same data."""
    lines = ["", "Written"] if report.delivered else []
    lines += [f"  {clean(each.kind):<9} {visible(_nearest(each.where))}" for each in report.delivered]
    questions = questions_to_try(report)
    lines += ["", "Ask"] if questions else []
    return [*lines, *(visible(f"  {_command()} ask {shlex.quote(question)}{options}") for question in questions)]


def _command() -> str:
    """How udib was called: by its path if it is not found by its name."""
    called = Path(sys.argv[0])
    found = shutil.which(called.name)
    return called.name if found and Path(found).samefile(called) else _nearest(str(called.absolute()))


def _nearest(path: str) -> str:
    """A path below the current directory as seen from there; any other as it is."""
    here = f"{Path.cwd()}/"
    return path.removeprefix(here) if path.startswith(here) else path


def questions_to_try(report: Report) -> tuple[str, ...]:
    """Two questions that this item answers, of the first subject in its chapters' titles; none that is long."""
    titles = [chapter.title for chapter in report.outline.chapters] if report.outline else []
    questions = (f"What was said about {title.partition(' and ')[0]}?" for title in titles)
    short = dict.fromkeys(clean(each) for each in questions if len(each.split()) <= _MOST_QUESTION_WORDS)
    return tuple(islice(short, 2))


def answer_text(answer: Answer) -> RenderableType:
    """What a model says of them, if one was asked; passages, each with who said it, when, where, and the link."""
    if not answer.passages:
        return _said(answer.note)
    parts: list[RenderableType] = []
    for statement in answer.statements:
        cites = ", ".join(map(str, statement.cites))
        parts.append(Text.assemble(_said(statement.text), (f" [{cites}]", "bold")))
    if answer.model:
        by = "words" if answer.statements else "asked"
        parts.append(_said(f"{by}: {answer.model}, {answer.cost_usd:.4f} USD; read the passages", "dim"))
    if answer.note:
        parts.append(_said(answer.note, "yellow"))
    if parts:
        parts.append(Text(""))
    for number, passage in enumerate(answer.passages, start=1):
        record = passage.record
        head = Text.assemble((f"{number}. ", "bold"), *_whose(record), "  ", _said(record.title, "dim"))
        words = _said(f"\u201c{marked(record.text, record.doubtful)}\u201d")
        if record.low_accuracy:
            words.append(" (heard by a recogniser of low accuracy: listen before you quote)", style="yellow")
        parts += [
            head,
            Padding(words, (0, 0, 0, 3)),
            *(Padding(_said(beside(made), "yellow"), (0, 0, 0, 3)) for made in passage.corrections),
            Padding(Text(visible(_openable(record.link)), style="dim", overflow="fold"), (0, 0, 0, 3)),
            *(Padding(_also(each), (0, 0, 0, 3)) for each in passage.also),
            Text(""),
        ]
    return Group(*parts)


def _whose(record: MemoryRecord) -> tuple[Text, ...]:
    """Who said it and when; of a document that it is one, whose, and its day."""
    if record.kind is not RecordKind.DOCUMENT:
        return _said(record.speaker or "unknown speaker", "bold"), Text(f"  {clock(record.start_s)}")
    day = when(record.published_at) if record.published_at else "no date"
    return _said(f"document, {record.publisher or 'unknown publisher'}", "bold"), Text(f"  {day}")


def _also(record: MemoryRecord) -> Text:
    """Another place where the same was said or written."""
    told = "also in  " if record.kind is RecordKind.DOCUMENT else f"also said  {clock(record.start_s)}  "
    place = Text.assemble(told, _said(record.title), "  ", style="dim")
    return place.append(visible(_openable(record.link)))


def _openable(link: str) -> str:
    """The link without its second where nothing could go there: in a text of this machine."""
    address = link.partition("#t=")[0]
    return address if address.startswith("file://") and not has_sound(address) else link


def nothing_stored(scope: Scope) -> str:
    """That a scope is empty, and how to begin. Whether another holds anything is not for this one to know."""
    return f"Nothing is stored for {scope}. `udib analyze` a recording to begin."


def listing_text(listing: Sequence[Listing], scope: Scope, width: int) -> RenderableType:
    """One line an item; what matters least is left out where there are few columns.

    Below the titles of items that share one stands where each comes from.
    """
    if not listing:
        return _said(nothing_stored(scope))
    titles = Counter(item.content.title for item in listing)
    shown = [column for column in _COLUMNS if width >= column.least]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in shown:
        table.add_column(column.name, overflow="fold", justify=column.justify, no_wrap=column.name != "title")
    for item in listing:
        alike = titles[item.content.title] > 1
        table.add_row(*(column.cell(item, width) for column in shown))
        if alike:
            where = Text(visible(_origin(item.content)), style="dim", overflow="fold")
            table.add_row(*(where if column.name == "title" else "" for column in shown))
    changed = [
        Text("\n" + changed_text(each.content, each.changed), overflow="fold") for each in listing if each.changed
    ]
    return Group(table, *_unstored(listing), *changed)


def changed_text(content: Content, change: EvidenceChange) -> str:
    """That a report stands on evidence that has changed, and what to do."""
    again = f"run `udib analyze {shlex.quote(content.address)}` again"
    return visible(f"{content.id}: evidence changed since ({change.kind}, {change.at[:10]}); {again}.")


def _unstored(listing: Sequence[Listing]) -> list[Text]:
    """What to do about each item that is not all there."""
    return [
        Text("\n" + visible(f"{item.content.id} is {item.state.value}; {ways_on(item.content)}."), overflow="fold")
        for item in listing
        if item.state is not ListingState.STORED
    ]


def ways_on(content: Content) -> str:
    """What can be done with an item whose analysis was interrupted or failed."""
    return f"`udib analyze {shlex.quote(content.address)}` goes on with it, `udib forget {content.id}` removes it"


def told_apart(content: Content, created_at: str | None) -> str:
    """An item among others of its name: its id, title, where it comes from, and when it was analysed."""
    analysed = f", analysed {when(created_at)}" if created_at else ""
    return f"{content.id} ({content.title}, {_origin(content)}{analysed})"


def _origin(content: Content) -> str:
    file = local_file(content)
    return content.url or content.address if file is None else str(file)


def _short_id(item: Listing, width: int) -> Text:
    """Enough of the id to name the item, to forget it too."""
    platform, _, native = str(item.content.id).partition(":")
    return _said(f"{platform}:{native[: _LONG_ID if width >= _WIDE else _SHORT_ID]}")


def _length(item: Listing) -> str:
    seconds = item.content.duration_s or item.duration_s
    return clock(seconds) if seconds else ""


def _analysed(item: Listing) -> str:
    return item.created_at[:16].replace("T", " ") if item.state is ListingState.STORED else item.state.value


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the list, shown from `least` columns of the terminal on."""

    name: str
    least: int
    justify: Literal["left", "right"]
    cell: Callable[[Listing, int], Text | str]


_WIDE = 72
_LONG_ID, _SHORT_ID = 17, 8
_COLUMNS = (
    _Column("id", 0, "left", _short_id),
    _Column("title", 0, "left", lambda item, _: _said(item.content.title)),
    _Column("length", 48, "right", lambda item, _: _length(item)),
    _Column("words", 72, "right", lambda item, _: f"{item.words:,}"),
    _Column("claims", 84, "right", lambda item, _: str(item.claims)),
    _Column("analysed", 60, "left", lambda item, _: _said(_analysed(item))),
)


def forgotten_text(forgotten: Forgotten, content: Content) -> RenderableType:
    """How many entries each store gave up, and the proof."""
    lines = [Text.assemble("Forgotten: ", _said(content.title, "bold"))]
    left = dict(forgotten.left)
    for name, count in forgotten.removed:
        lines.append(Text(f"  {name}: {count} removed, {left.get(name, 0)} left"))
    if any(left.values()):
        lines.append(Text("It was ordered or stored anew meanwhile; run the same command again.", style="bold red"))
    lines.append(Text("Files exported with --out and messages already posted are not reached."))
    return Group(*lines)


def health_text(healths: Sequence[Health]) -> RenderableType:
    """One line a check; a failing one is followed by its remedy."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for health in healths:
        state = ("ok", "green") if health.ok else (("note", "yellow") if health.optional else ("FAIL", "bold red"))
        table.add_row(Text(*state), _said(health.name), _said(health.detail))
        if not health.ok and health.remedy:
            table.add_row("", "", _said(f"-> {health.remedy}"))
    return table


def _said(text: str, style: str | Style = "") -> Text:
    return Text(clean(text), style)
