"""`udib eval`: a file of labels, or what readers corrected, against the newest reports."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from udib.analysis.calibration import FEWEST, Calibrated, Rated, calibrated, rated
from udib.analysis.evaluation import BOUNDARY_S, NONE, LabelKind, Labelled, Measured, evaluate
from udib.analysis.scoring import Score
from udib.app import present
from udib.app.bootstrap import App
from udib.app.commands import Options, named_content, opened
from udib.app.correct_commands import second_of
from udib.core.corrections import Correction, CorrectionKind
from udib.core.errors import BadRequestError, UdibError
from udib.core.findings import FallacyKind, Label, Report
from udib.core.types import ContentId
from udib.core.version import __version__

_MOST_BYTES: Final = 16 * 1024 * 1024
_VALUES: Final[Mapping[LabelKind, frozenset[str]]] = {
    LabelKind.VERDICT: frozenset(Label),
    LabelKind.HINT: frozenset({*FallacyKind, "", NONE}),
}
_FROM_CORRECTION: Final = {
    CorrectionKind.VERDICT: LabelKind.VERDICT,
    CorrectionKind.HINT: LabelKind.UNFAIR_HINT,
}


class LabelRow(msgspec.Struct, forbid_unknown_fields=True):
    """One label as a file has it. `at` is a second or a clock time."""

    content: str
    kind: str
    at: str | float = ""
    quote: str = ""
    value: str = ""
    other: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores as JSON."""

    udib: str
    date: str
    labels: str
    figures: tuple[Measured, ...]
    calibration: tuple[Calibrated, ...] = ()
    kept: bool = False
    schema: str = "udib.eval/1"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is done with the scores: written, not made but exported as labels, or kept to calibrate by."""

    out: str | None = None
    export: str | None = None
    calibrate: bool = False


async def eval_labels(file: str | None, options: Options, wanted: Wanted) -> int:
    """Score the reports against the labels, and say what trivial answers would reach.

    Raises:
        BadRequestError: A label cannot be read, or names no item, or there are none, or too few to calibrate by.
    """
    rows = [] if file is None else read_rows(Path(file))
    async with opened(options) as app:
        corrections = await app.catalogue.corrections(app.scope)
        if wanted.export is not None:
            return _export(corrections, Path(wanted.export))
        labels = await _named(app, rows) if file is not None else from_corrections(corrections)
        if not labels:
            nobody = "Nobody has corrected a verdict or a hint yet; give a FILE with labels."
            raise BadRequestError(nobody if file is None else f"{file} holds no label; write one for each finding.")
        reports = {each: await _report(app, each) for each in labels}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        scales = _calibrated(rated(reports, labels), now, must=wanted.calibrate)
        if wanted.calibrate:
            for each in scales:
                await app.scales.keep(app.scope, each.scale)
        figures = tuple(evaluate(reports, labels))
        told = Evaluation(__version__, now, file or "corrections", figures, scales, kept=wanted.calibrate)
        if wanted.out is not None:
            _write(Path(wanted.out), msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
        present.emit(told, _text(told), as_json=options.json)
        return 0


def _calibrated(found: Mapping[str, Sequence[Rated]], now: str, *, must: bool) -> tuple[Calibrated, ...]:
    """The scales of all makers with enough labelled verdicts.

    Raises:
        BadRequestError: One must be there, and none is.
    """
    scales = tuple(calibrated(maker, some, at=now) for maker, some in sorted(found.items()) if len(some) >= FEWEST)
    if must and not scales:
        most = max(map(len, found.values()), default=0)
        raise BadRequestError(
            f"Nothing was calibrated: that takes {FEWEST} labelled verdicts by the same models, prompts and rules, and "
            f"there are {most}; label more of them, right ones too."
        )
    return scales


def read_rows(path: Path) -> list[tuple[int, LabelRow]]:
    """The labels of a file, CSV by its name and JSON otherwise, each with its number from 1.

    Raises:
        BadRequestError: It cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise BadRequestError(f"{path} is no file; give a file of labels.")
        if path.stat().st_size > _MOST_BYTES:
            raise BadRequestError(f"{path} has more than {_MOST_BYTES // 1024**2} MiB, the most for labels; split it.")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise BadRequestError(f"{path} cannot be read ({exc.strerror}); give a file of labels.") from exc
    except UnicodeDecodeError as exc:
        raise BadRequestError(f"{path} is no UTF-8 text; save it as UTF-8.") from exc
    if not text.strip():
        raise BadRequestError(f"{path} is empty; write a label for each finding.")
    try:
        found: object = _csv(text) if path.suffix.lower() == ".csv" else msgspec.json.decode(text)
        return list(enumerate(msgspec.convert(found, list[LabelRow]), start=1))
    except (msgspec.DecodeError, csv.Error) as exc:
        columns = ", ".join(field.name for field in msgspec.structs.fields(LabelRow))
        raise BadRequestError(f"{path} holds no labels ({exc}); it is a list of objects with {columns}.") from exc


def _csv(text: str) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(text), strict=True)
    labels = []
    for row in rows:
        if None in row:  # where the library puts the cells that no column is named for
            raise csv.Error(f"line {rows.line_num} has more cells than the first line has names")
        labels.append({str(name): value or "" for name, value in row.items()})
    return labels


async def _named(app: App, rows: Sequence[tuple[int, LabelRow]]) -> dict[ContentId, list[Labelled]]:
    """The labels by the item that they name, each name looked up once."""
    items: dict[str, ContentId] = {}
    labels: dict[ContentId, list[Labelled]] = {}
    for number, row in rows:
        label = labelled(number, row)
        if row.content not in items:
            items[row.content] = (await named_content(app, row.content)).id
        labels.setdefault(items[row.content], []).append(label)
    return labels


def labelled(number: int, row: LabelRow) -> Labelled:
    """A label as it is scored.

    Raises:
        BadRequestError: Something in it means nothing; the sentence has its number.
    """
    if row.kind not in set(LabelKind):
        raise BadRequestError(f"Label {number}: there is no kind {row.kind!r}; there are {', '.join(LabelKind)}.")
    kind = LabelKind(row.kind)
    known = _VALUES.get(kind, frozenset({"", NONE}))
    if row.value not in known:
        names = ", ".join(sorted(known - {""}))
        raise BadRequestError(f"Label {number}: a {kind} has no value {row.value!r}; there are {names}.")
    at_s = second_of(str(row.at)) if row.at != "" else None
    if row.value != NONE and at_s is None and (not row.quote.strip() or kind is LabelKind.CHAPTER):
        raise BadRequestError(f"Label {number}: say where it is, in `at` (4:19) or `quote` (some words; no chapter).")
    if kind is LabelKind.CONTRADICTION and row.value != NONE and not row.other.strip():
        raise BadRequestError(f"Label {number}: a contradiction has the later words in `other`.")
    return Labelled(kind, at_s, row.quote.strip(), row.value, row.other.strip())


def from_corrections(corrections: Sequence[Correction]) -> dict[ContentId, list[Labelled]]:
    """What readers corrected as labels: the verdict that should be, the hint that should not."""
    labels: dict[ContentId, list[Labelled]] = {}
    for each in corrections:
        if (kind := _FROM_CORRECTION.get(each.kind)) is not None:
            value = each.corrected if kind is LabelKind.VERDICT else ""
            labels.setdefault(each.content_id, []).append(Labelled(kind, each.start_s, each.quote, value))
    return labels


def _export(corrections: Sequence[Correction], path: Path) -> int:
    rows = [
        LabelRow(content_id, label.kind, label.at_s or 0.0, label.quote, label.value)
        for content_id, labels in from_corrections(corrections).items()
        for label in labels
    ]
    _write(path, msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")
    present.emit(rows, Text(f"{len(rows)} labels written to {path}."), as_json=False)
    return 0


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as exc:
        raise UdibError(f"{path} cannot be written ({exc.strerror}).") from exc


async def _report(app: App, content_id: ContentId) -> Report:
    report = await app.catalogue.report(app.scope, content_id)
    if report is None:
        raise BadRequestError(f"There is no report on {content_id}; analyze it first.")
    return replace(report, corrections=())


def _text(told: Evaluation) -> RenderableType:
    """A row for each subject, and below it what trivial answers reach."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("subject", no_wrap=True)
    for name in ("precision", "recall", "F1", "false alarms/h", "right/found/wanted"):
        table.add_column(name, justify="right")
    for each in told.figures:
        f1 = str(each.f1_interval) if each.f1_interval else f"{each.f1:.2f}"
        alarms = f"{each.false_alarms_per_hour:.1f}"
        table.add_row(each.subject, *_shares(each), f1, alarms, _counts(each.score))
        for name, score in each.baselines.items():
            cells = (f"{score.precision:.2f}" if score.found else "-", f"{score.recall:.2f}", f"{score.f1:.2f}")
            table.add_row(f"  {name}", *cells, "", _counts(score), style="dim")
    scales = [Text(line) for each in told.calibration for line in _scale_lines(each, kept=told.kept)]
    return Group(table, *_orders(told.figures), *scales, Text(_NOTE, style="dim"))


def _scale_lines(each: Calibrated, *, kept: bool) -> list[str]:
    """What a scale is worth, and what it would say."""
    held = "items" if each.by_item else "verdicts"
    lines = [
        f"\nconfidence of {each.verdicts} verdicts, {each.right} right, made by {each.made_by}; "
        f"measured on {held} that were left out of the fit:"
    ]
    fits = {"by rule": each.by_rule, "calibrated": each.calibrated, "always the same": each.constant}
    lines += [f"  {name:16} Brier {fit.brier:.3f}  ECE {fit.ece:.3f}" for name, fit in fits.items()]
    lines += [f"  from {step.begins:.2f} on: {step.tally}" for step in each.scale.steps]
    if each.calibrated.brier >= each.constant.brier:
        lines.append("  This is no better than one confidence for all: the rules' order says little here.")
    lines.append("  Kept: the next analyses show it." if kept else "  Not kept; --calibrate keeps it.")
    return lines


def _orders(figures: Sequence[Measured]) -> list[Text]:
    """How well what the report puts first is what the labels name."""
    return [
        Text(f"\n{each.subject}, in the report's order: average precision {each.ranked:.2f}, at random {by_chance:.2f}")
        for each in figures
        if each.ranked is not None and (by_chance := each.ranked_by_chance) is not None
    ]


_NOTE: Final = (
    "\nIn brackets: 95 % intervals, by Wilson for shares, by drawing the items anew for F1 (with two items or more). "
    f"A chapter may be off by {BOUNDARY_S:g} s. Few labels say little."
)


def _shares(each: Measured) -> tuple[str, str]:
    return (
        str(each.precision) if each.score.found else "-",
        str(each.recall) if each.score.wanted else "-",
    )


def _counts(score: Score) -> str:
    return f"{score.right}/{score.found}/{score.wanted}"
