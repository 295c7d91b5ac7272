"""What `udib memory ...` does: look, merge, move, keep a copy. Operator's work; a scope is named by --tenant."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from udib.app import present
from udib.app.backup import Copied, back_up, restored
from udib.app.bootstrap_memory import open_index
from udib.app.commands import Options, explain, opened
from udib.app.settings import Settings, with_memory
from udib.core.errors import BadRequestError, error_for
from udib.core.tenancy import Scope
from udib.core.types import MemoryRecord, Passage, RecordKind
from udib.core.vectors import Filters
from udib.delivery.corrections import beside
from udib.delivery.doubts import marked
from udib.delivery.text import clean
from udib.delivery.view import clock
from udib.memory import transfer
from udib.memory.options import MemoryStats, RecallOptions
from udib.memory.texts import timestamp
from udib.pipeline.naming import GivenNames

if TYPE_CHECKING:
    from udib.app.memory_cli import Only, Shown

_MOST_PAIRS = 20


@dataclass(frozen=True, slots=True)
class SearchOrder:
    """What `udib memory search` was asked for."""

    query: str
    kind: str
    limit: int
    only: "Only"
    shown: "Shown"


async def stats(options: Options) -> int:
    """Print the numbers of a workspace."""
    async with opened(options) as app:
        numbers = await app.memory.stats(app.scope)
        present.emit(numbers, _stats_text(numbers, app.scope), as_json=options.json)
        return 0


async def search(order: SearchOrder, options: Options) -> int:
    """Print the records that bear on a query, best first."""
    if not order.query.strip():
        raise BadRequestError("The query is empty; name what to look for.")
    if not 0 <= order.shown.neighbours <= 20:
        raise BadRequestError(f"The number of neighbours is 0 to 20, not {order.shown.neighbours}.")
    if order.shown.half_life_days is not None and not order.shown.half_life_days > 0:
        raise BadRequestError("A half-life is more than 0 days.")
    try:
        kind = RecordKind(order.kind)
    except ValueError as exc:
        raise BadRequestError(f"There is no kind {order.kind!r}; there are {', '.join(RecordKind)}.") from exc
    only = order.only
    filters = Filters(
        speaker=only.speaker,
        platform=only.platform,
        published_from=_day(only.since),
        published_to=_day(only.until),
    )
    how = RecallOptions(order.shown.half_life_days, order.shown.neighbours)
    async with opened(options) as app:

        async def recall(query: str, conditions: Filters) -> list[Passage]:
            [found] = await app.memory.recall(
                app.scope, kind, [query], limit=order.limit, filters=conditions, options=how
            )
            return found

        names = await GivenNames.of(app.catalogue, app.scope)
        found = await names.found(recall, order.query, filters)
        found = found[: order.limit]
        present.emit(found, _found_text(found, explain=order.shown.explain), as_json=options.json)
        return 0


async def dedup(threshold: float, options: Options, *, dry_run: bool, undo: bool) -> int:
    """Merge what repeats, or take it apart again."""
    if undo and dry_run:
        raise BadRequestError("There is no dry run of --undo; give one of the two.")
    async with opened(options) as app:
        scope = app.scope
        if undo:
            result = await app.vectors.undo_compaction(scope.tenant, scope.workspace)
        else:
            result = await app.vectors.compact_and_deduplicate(
                scope.tenant, scope.workspace, threshold, dry_run=dry_run
            )
        if not result.success:
            return explain(error_for(result.status, result.error or ""), as_json=options.json)
        fields = dict(result.unwrap())
        present.emit(fields, _dedup_text(fields, dry_run=dry_run), as_json=options.json)
        return 0


async def sweep(options: Options) -> int:
    """Remove what is over."""
    async with opened(options) as app:
        removed = await app.memory.sweep(app.scope)
        present.emit(
            {"removed": removed}, Text(f"{removed} records removed whose time was over."), as_json=options.json
        )
        return 0


async def reindex(options: Options) -> int:
    """Bring everything under the embedder that is named now."""
    async with opened(options) as app:
        moved = await app.memory.reindex(_counting(options))
    text = "Nothing lies under another embedding." if not moved.points else _moved_text(moved, "indexed again")
    present.emit(moved, text, as_json=options.json)
    return 0


async def export(file: str, options: Options, *, everything: bool) -> int:
    """Write records into a file."""
    path = _no_folder(file)
    async with opened(options) as app:
        scopes = [app.scope]
        if everything:
            names = [each.name for each in await app.vectors.index.collections()]
            scopes = sorted({scope for name in names for scope in await app.vectors.index.usage(name)})
        moved = await transfer.export(app.vectors.index, scopes, path)
    present.emit(moved, _moved_text(moved, f"written to {file}"), as_json=options.json)
    return 0


def _no_folder(file: str) -> Path:
    if Path(file).is_dir():
        raise BadRequestError(f"{file} is a folder; give a file.")
    return Path(file)


async def import_file(file: str, options: Options) -> int:
    """Bring the records of a file in."""
    async with opened(options) as app:
        moved = await app.vectors.import_file(Path(file), _counting(options))
    present.emit(moved, _moved_text(moved, f"read from {file}"), as_json=options.json)
    return 0


def _target(settings: Settings, to: str) -> Settings:
    """The settings under which an index elsewhere is opened.

    Raises:
        BadRequestError: The address is none that is known.
    """
    kind, _, rest = to.partition("://")
    if not rest:
        raise BadRequestError(f"{to!r} is no address of an index; give qdrant://HOST:PORT or postgres://HOST/DATABASE.")
    match kind:
        case "qdrant" | "qdrants":
            url = f"{'https' if kind == 'qdrants' else 'http'}://{rest}"
            changed = {"index": "qdrant", "qdrant_url": url}
        case "postgres" | "postgresql":
            changed = {"index": "postgres", "postgres_url": f"postgresql://{rest}"}
        case _:
            raise BadRequestError(
                f"An index of the kind {kind!r} is not known; there are qdrant, qdrants and postgres."
            )
    return with_memory(settings, changed)


async def move(to: str, options: Options, *, replace: bool) -> int:
    """Copy everything to another index, and say how it is used from then on."""
    settings = options.settings()
    target_settings = _target(settings, to)
    if target_settings.memory == settings.memory:
        raise BadRequestError(f"{to} is the index that is in use; give another one.")
    async with opened(options) as app, AsyncExitStack() as stack:
        target = open_index(stack, target_settings, settings.data_path)
        moved = await transfer.move(app.vectors.index, target, _counting(options), replace=replace)
    done = _moved_text(moved, "copied and compared")
    how = Text("To use it, set memory.index and the address in settings.yaml.")
    present.emit(moved, Group(done, how), as_json=options.json)
    return 0


async def backup(folder: str, options: Options) -> int:
    """Copy the data directory."""
    async with opened(options) as app:
        made = await back_up(app, Path(folder))
    present.emit(made, _copied_text(made, f"copied to {folder}"), as_json=options.json)
    return 0


async def restore(folder: str, options: Options) -> int:
    """Make the data directory from a backup."""
    data = options.settings().data_path
    made = await restored(Path(folder), data)
    present.emit(made, _copied_text(made, f"restored to {data}"), as_json=options.json)
    return 0


def _counting(options: Options) -> transfer.Report:
    """Tells on standard error how far a long work is, a line for every 5,000 points."""
    told: dict[str, int] = {}

    def report(name: str, done: int) -> None:
        if not options.quiet and done - told.get(name, 0) >= 5000:
            told[name] = done
            sys.stderr.write(f"{clean(name)}: {done} points\n")

    return report


def _day(text: str | None) -> float | None:
    seconds = timestamp(text)
    if text is not None and seconds is None:
        raise BadRequestError(f"{text!r} is no day; write it as 2026-01-31.")
    return seconds


def _stats_text(numbers: MemoryStats, scope: Scope) -> RenderableType:
    if not numbers.tenant_records:
        return Text(present.nothing_stored(scope))
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, count in numbers.records.items():
        table.add_row(name, f"{count}")
    table.add_row("copies of these", f"{numbers.twins}")
    bound = "no bound" if numbers.quota is None else f"of {numbers.quota} allowed"
    table.add_row("the tenant's records", f"{numbers.tenant_records}, {bound}")
    for name, counted in (("speakers", numbers.speakers), ("platforms", numbers.platforms)):
        table.add_row(name, clean(", ".join(f"{value} {count}" for value, count in counted.items()) or "not known"))
    return table


def _found_text(found: Sequence[Passage], *, explain: bool) -> RenderableType:
    if not found:
        return Text("Nothing that is stored bears on this query.")
    parts: list[RenderableType] = []
    for number, passage in enumerate(found, start=1):
        parts.append(Text(f"{number}. {_place(passage.record)}", style="bold"))
        around = [(each, "dim") for each in passage.before]
        around += [(passage.record, ""), *((each, "dim") for each in passage.after)]
        parts += [
            Padding(Text(f"\u201c{clean(marked(each.text, each.doubtful))}\u201d", style=style), (0, 0, 0, 3))
            for each, style in around
        ]
        parts += [Padding(Text(beside(made), style="yellow"), (0, 0, 0, 3)) for made in passage.corrections]
        parts += [Padding(Text(f"also: {_place(each)}", style="dim"), (0, 0, 0, 3)) for each in passage.also]
        if explain:
            words = ", ".join(passage.matched) or "none"
            told = f"score {passage.score:.3f}, similarity {passage.similarity:.3f}, words in common: {words}"
            parts.append(Padding(Text(clean(told), style="dim"), (0, 0, 0, 3)))
    return Group(*parts)


def _place(record: MemoryRecord) -> str:
    if record.kind is RecordKind.DOCUMENT:
        return clean(f"document, {record.publisher or 'unknown publisher'}  {record.title}  {record.link}")
    return clean(f"{record.speaker or 'unknown speaker'}  {clock(record.start_s)}  {record.title}  {record.link}")


def _dedup_text(fields: Mapping[str, Any], *, dry_run: bool) -> RenderableType:
    if "vectors_restored" in fields:
        return Text(f"{fields['vectors_restored']} records put back.")
    did = "would be merged" if dry_run else "merged"
    lines = [
        Text(
            f"{fields['duplicates_found']} of {fields['looked_at']} records {did} "
            f"({fields['space_saved_percent']:g} % of the vectors)."
        )
    ]
    lines += [
        Text(f"  {pair.dropped} -> {pair.kept}  {'same words' if pair.exact else f'{pair.similarity:.4f}'}")
        for pair in fields["pairs"][:_MOST_PAIRS]
    ]
    rest = len(fields["pairs"]) - _MOST_PAIRS
    if rest > 0:
        lines.append(Text(f"  and {rest} more; --json lists all"))
    if fields["pairs"] and not dry_run:
        lines.append(Text("`udib memory dedup --undo` puts them back for 7 days."))
    return Group(*lines)


def _moved_text(moved: transfer.Moved, did: str) -> RenderableType:
    lines = [Text(f"{sum(moved.points.values())} points {clean(did)}.")]
    return Group(*lines, *(Text(f"  {clean(name)}: {count}") for name, count in moved.points.items()))


def _copied_text(copied: Copied, did: str) -> RenderableType:
    lines = [Text(clean(f"{copied.files} files, {copied.size_bytes / 1e6:.1f} MB, {did}."))]
    return Group(*lines, *([Text(clean(copied.left_out))] if copied.left_out else []))
