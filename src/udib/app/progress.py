"""Progress on standard error: live bars on a terminal, one line a stage elsewhere, nothing when quiet."""

import sys
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from udib.app.present import console_of
from udib.core.ports import ProgressSink
from udib.core.types import Progress
from udib.delivery.text import clean

_KEPT = {"ok": "done", "reused": "kept from before"}
_ENDED = {**_KEPT, "bad_request": "refused", "forbidden": "refused", "retryable": "failed for now"}


@contextmanager
def showing_progress(*, quiet: bool) -> Generator[ProgressSink]:
    """A sink for progress events that shows them until the block ends."""
    console = console_of(sys.stderr)
    if quiet:
        yield lambda _: None
    elif console.is_terminal and not console.is_dumb_terminal:
        with _bars(console) as bars:
            yield _Live(bars)
    else:
        yield _line


def _bars(console: Console) -> Bars:
    return Bars(
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


class _Live:
    """One bar a stage, in order of their start."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, event: Progress) -> None:
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self._bars.add_task(event.stage, total=None, state="")
        task = self._tasks[event.stage]
        if event.state == "started":
            return
        if event.state == "waiting":
            self._bars.update(task, state=event.note)
            return
        if event.state == "progress":
            state = f"{event.done:.0f} of {event.total:.0f} s" if event.total else f"{event.done:.0f} s"
            self._bars.update(task, completed=event.done, total=event.total, state=state)
            return
        self._bars.update(task, total=1, completed=1, state=_ENDED.get(event.state, event.state))
        self._bars.stop_task(task)


def _line(event: Progress) -> None:
    if event.state in {"started", "progress"}:
        return
    if event.state == "waiting":
        sys.stderr.write(clean(f"{event.stage}: {event.note}") + "\n")
        return
    kept = event.state in _KEPT  # what went wrong is said once, at the end
    note = f": {event.note}" if event.note and kept else ""
    sys.stderr.write(clean(f"{event.stage}: {_ENDED.get(event.state, event.state)}{note}") + "\n")
