"""What `udib evidence ...` does: documents are read, kept as records of their own kind, listed and forgotten."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from udib.app import present
from udib.app.bootstrap import App
from udib.app.bootstrap_evidence import open_pages
from udib.app.commands import EXIT_CODES, Options, forget_content, note_change, opened
from udib.core.errors import BadRequestError, ForbiddenError, Status, UdibError, UnavailableError
from udib.core.evidence import AddedDocument, Document
from udib.core.tenancy import Scope
from udib.core.types import ChangeKind, Content, Platform
from udib.delivery.text import clean, visible
from udib.delivery.view import counted
from udib.memory.documents import PREFIX, DocumentShelf, document_records
from udib.pipeline.evidence import touched
from udib.sources.page_reader import DOCUMENTS
from udib.sources.paths import absolute

if TYPE_CHECKING:
    from udib.sources.page_reader import PageReader

_MOST_FILES = 1000
_LONGEST_NAME = 200
_LEAST = 8
"""Characters of an id that name a document."""


@dataclass(frozen=True, slots=True)
class AddOrder:
    """What `udib evidence add` was given."""

    targets: tuple[str, ...]
    publisher: str | None
    date: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A document of several that could not be added, and why."""

    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the documents."""

    added: tuple[AddedDocument, ...]
    refused: tuple[Refused, ...] = ()


async def add(order: AddOrder, options: Options) -> int:
    """Read documents and keep them; one that cannot be read does not keep the others out."""
    if not all(each.strip() for each in order.targets or ("",)):
        raise BadRequestError("Nothing is named; give a file, a folder or an address.")
    if len(order.publisher or "") > _LONGEST_NAME:
        raise BadRequestError(
            f"--publisher has {len(order.publisher or '')} characters; at most {_LONGEST_NAME} are kept."
        )
    day = _day(order.date)
    targets, outside = await asyncio.to_thread(_targets, order.targets)
    added: list[AddedDocument] = []
    refused = [Refused(str(each), "it is a link out of the folder; name it by itself to add it") for each in outside]
    read: list[Document] = []
    async with opened(options) as app, AsyncExitStack() as stack:
        shelf, pages = DocumentShelf(app.memory, app.vectors), open_pages(stack, app.settings)
        for target in targets:
            try:
                document = await _read(pages, target)
                named = replace(
                    document,
                    publisher=order.publisher or document.publisher,
                    published_at=day or document.published_at,
                )
                added.append(await shelf.add(app.scope, named))
                read.append(named)
            except UdibError as exc:
                if len(targets) == 1:
                    raise
                refused.append(Refused(str(target), str(exc)))
        await _mark(app, read)
    result = Added(tuple(added), tuple(refused))
    present.emit(result, _added_text(result), as_json=options.json)
    return 0 if added else EXIT_CODES[Status.FAILED]


async def _mark(app: App, documents: Sequence[Document]) -> None:
    """Let the items whose claims the documents are about say so. What waits to be stored is kept all the same."""
    try:
        for document in documents:
            texts = [record.text for record in document_records(document)]
            await note_change(app, await touched(app.memory, app.scope, texts), ChangeKind.ADDED)
    except UnavailableError as exc:
        present.complain(f"Reports on which this bears could not be marked ({exc}); add it again to mark them.")


async def list_documents(options: Options) -> int:
    """Print the documents of the workspace."""
    async with opened(options) as app:
        listing = await DocumentShelf(app.memory, app.vectors).listing(app.scope)
        present.emit(listing, _listing_text(listing, app.scope), as_json=options.json)
        return 0


async def remove(reference: str, options: Options, *, confirmed: bool) -> int:
    """Forget one document and print the proof."""
    async with opened(options) as app:
        document = await _found(app, reference.strip())
        content = Content(document.content_id, Platform.FILE, document.link, document.title)
        return await forget_content(app, content, f"the document {document.title!r}", options, confirmed=confirmed)


async def _read(pages: "PageReader", target: str | Path) -> Document:
    return await (pages.read_file(target) if isinstance(target, Path) else pages.read(target))


def _targets(given: Sequence[str]) -> tuple[list[str | Path], list[Path]]:
    """Addresses as they are, files as paths, and of folders the documents in them; then the links out of those folders.

    Raises:
        BadRequestError: A folder holds none, or there are too many.
        ForbiddenError: A folder may not be read.
    """
    found: list[str | Path] = []
    outside: list[Path] = []
    for each in given:
        if "://" in each:
            found.append(each)
        elif (path := absolute(each)).is_dir():
            inside, beyond = _documents_in(path)
            found += inside
            outside += beyond
        else:
            found.append(path)
    if len(found) > _MOST_FILES:
        raise BadRequestError(f"These are {len(found)} documents; give at most {_MOST_FILES} at once.")
    return list(dict.fromkeys(found)), outside


def _documents_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """The documents of a folder, and the links in it to documents outside: whoever filled it may have meant no good."""
    try:
        inside = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in DOCUMENTS and path.is_file()]
    except PermissionError as exc:
        raise ForbiddenError(f"{exc.filename} may not be read; give yourself the right to read it.") from exc
    seen = [path for path in inside if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    home = folder.resolve()
    own = [path for path in seen if path.resolve().is_relative_to(home)]
    if not own:
        raise BadRequestError(f"{folder} holds no document that can be read ({', '.join(sorted(DOCUMENTS))}).")
    return own, [path for path in seen if not path.resolve().is_relative_to(home)]


def _day(text: str | None) -> str | None:
    try:
        day = None if text is None else date.fromisoformat(text)
    except ValueError as exc:
        raise BadRequestError(f"{text!r} is no day; write it as 2026-01-31.") from exc
    if day is not None and day > datetime.now(UTC).date() + timedelta(days=1):  # it may be tomorrow elsewhere
        raise BadRequestError(f"{text} is still to come; give the day on which it was published.")
    return None if day is None else day.isoformat()


async def _found(app: App, reference: str) -> AddedDocument:
    """The one document that a reference names.

    Raises:
        BadRequestError: None or several do.
    """
    listing = await DocumentShelf(app.memory, app.vectors).listing(app.scope)
    address = reference if "://" in reference else absolute(reference).as_uri() if reference else ""
    native = reference.removeprefix(PREFIX)
    found = [
        each
        for each in listing
        if each.title.casefold() == reference.casefold()
        or each.link == address
        or (len(native) >= _LEAST and each.content_id.removeprefix(PREFIX).startswith(native))
    ]
    if not found:
        raise BadRequestError(f"No document is called {reference!r}; `udib evidence list` shows what there is.")
    if len(found) > 1:
        names = "; ".join(f"{each.content_id} ({each.title})" for each in found[:5])
        raise BadRequestError(f"{reference!r} names {len(found)} documents: {names}. Give the id.")
    return found[0]


def _added_text(result: Added) -> RenderableType:
    lines = [Text(clean(f"Added: {each.title} ({each.content_id}, {_stored(each)})")) for each in result.added]
    lines += [Text(clean(f"Not added: {each.target}: {each.reason}"), style="yellow") for each in result.refused]
    return Group(*lines)


def _stored(document: AddedDocument) -> str:
    return counted(document.pieces, "piece") if document.pieces else "waits to be stored"


def _listing_text(listing: Sequence[AddedDocument], scope: Scope) -> RenderableType:
    if not listing:
        return Text(clean(f"No document was added for {scope}. `udib evidence add FILE` adds one."))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("id", "title", "publisher", "date", "where"):
        table.add_column(name, overflow="fold")
    for each in listing:
        named = (str(each.content_id)[:12], each.title, each.publisher or "", (each.published_at or "")[:10])
        table.add_row(*(Text(clean(cell)) for cell in named), Text(visible(each.link)))
    return table
