"""What commands print: rich text for people, JSON for programs. Data goes to standard output, complaints do not."""

import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from udib.core.findings import Report
from udib.core.tenancy import Scope
from udib.core.types import Answer, Content, Health, Listing
from udib.delivery.document import render_json
from udib.delivery.terminal import render_terminal
from udib.delivery.view import clock
from udib.pipeline.forget import Forgotten

_NARROW = 100


def emit(value: object, text: RenderableType | None, *, as_json: bool, paths: Sequence[str] = ()) -> None:
    """Print `value` as JSON, or its text and then lines that are not wrapped, so that they can be copied."""
    if as_json:
        data = render_json(value) if isinstance(value, Report) else msgspec.json.format(msgspec.json.encode(value))
        sys.stdout.write(data.decode().rstrip("\n") + "\n")
        return
    console = _console()
    console.print(text)
    for line in paths:
        console.print(Text(line), soft_wrap=True)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _NARROW, highlight=False)


def complain(sentence: str) -> None:
    """One sentence on standard error."""
    sys.stderr.write(f"udib: {' '.join(sentence.split())}\n")


def confirm(question: str) -> bool:
    """Ask on the terminal; anything but yes is no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    # Under asyncio Ctrl-C only cancels the task, which waits for this line.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return sys.stdin.readline().strip().casefold() in {"y", "yes"}


def report_text(report: Report) -> RenderableType:
    """The report as the terminal shows it."""
    return render_terminal(report, _console().width)


def whereabouts(report: Report, options: str) -> list[str]:
    """Where the report's files are, and two questions to try, with the options that lead to the same data."""
    lines = ["", "Written"] if report.delivered else []
    lines += [f"  {delivered.kind:<9} {_nearest(delivered.where)}" for delivered in report.delivered]
    questions = questions_to_try(report)
    lines += ["", "Ask"] if questions else []
    return [*lines, *(f"  {_command()} ask {shlex.quote(question)}{options}" for question in questions)]


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
    """Two questions that this item answers, from its chapters and speakers."""
    titles = [chapter.title for chapter in report.outline.chapters] if report.outline else []
    questions = [f"What was said about {title}?" for title in titles[:2]]
    if len(questions) < 2 and report.fact_checks and report.fact_checks.checks:
        questions.append(report.fact_checks.checks[0].claim.quote.text)
    return tuple(questions[:2])


def answer_text(answer: Answer) -> RenderableType:
    """Passages in order, each with who said it, when, where, and the link to the second."""
    if not answer.passages:
        return Text(answer.note)
    parts: list[RenderableType] = []
    for number, passage in enumerate(answer.passages, start=1):
        record = passage.record
        who = record.speaker or "unknown speaker"
        head = Text.assemble(
            (f"{number}. ", "bold"), (who, "bold"), f"  {clock(record.start_s)}  ", (record.title, "dim")
        )
        words = Text(f"\u201c{record.text}\u201d")
        if record.low_accuracy:
            words.append(" (heard by a recogniser of low accuracy: listen before you quote)", style="yellow")
        parts += [
            head,
            Padding(words, (0, 0, 0, 3)),
            Padding(Text(record.link, style="dim", overflow="fold"), (0, 0, 1, 3)),
        ]
    return Group(*parts)


def listing_text(listing: Sequence[Listing], scope: Scope) -> RenderableType:
    """One line an item."""
    if not listing:
        return Text(f"Nothing is stored for {scope}. `udib analyze` a recording to begin.")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "title", "length", "words", "claims", "analysed"):
        table.add_column(name, overflow="fold", justify="right" if name in {"length", "words", "claims"} else "left")
    for item in listing:
        length = clock(item.content.duration_s) if item.content.duration_s else ""
        short = str(item.content.id)[:22]
        table.add_row(
            short,
            escape(item.content.title),
            length,
            str(item.words),
            str(item.claims),
            item.created_at[:16].replace("T", " "),
        )
    return table


def forgotten_text(forgotten: Forgotten, content: Content) -> RenderableType:
    """How many entries each store gave up, and the proof."""
    lines = [Text.assemble("Forgotten: ", (content.title, "bold"))]
    left = dict(forgotten.left)
    for name, count in forgotten.removed:
        lines.append(Text(f"  {name}: {count} removed, {left.get(name, 0)} left"))
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
        table.add_row(Text(*state), Text(health.name), Text(health.detail))
        if not health.ok and health.remedy:
            table.add_row("", "", Text(f"-> {health.remedy}"))
    return table
