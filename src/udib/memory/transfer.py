"""Memory on the move: to another embedding, to another index, to a file and back. Ids stay the same on every way.

All ways are safe to repeat: what is there already is not sent again, and what went away in the meantime is removed.
"""

import asyncio
import base64
import hashlib
import os
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from udib.core.errors import BadRequestError, UnavailableError
from udib.core.tenancy import Scope
from udib.core.vectors import Collection, Filters, Point, VectorIndex
from udib.memory.batches import batched
from udib.memory.point_checks import checked_id
from udib.memory.twins import pages

S = TypeVar("S", bound=msgspec.Struct)

SCHEMA: Final = "udib.memory/1"
_PASSES: Final = 5
_LONGEST_LINE: Final = 4 * 2**20
_AT_ONCE: Final = 256

Change = Callable[[Sequence[Point]], Awaitable[list[Point]]]
Writing = Callable[[Scope], AbstractAsyncContextManager[None]]
Report = Callable[[str, int], None]
"""Told the name of a collection and how many of its points are done."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a transfer came to: points by collection, and how many of them were sent this time."""

    points: Mapping[str, int]
    sent: int


async def unchanged(points: Sequence[Point]) -> list[Point]:
    """The points as they are."""
    return list(points)


@asynccontextmanager
async def unguarded(_: Scope) -> AsyncGenerator[None]:
    """Keep nobody away."""
    yield


@dataclass(frozen=True, slots=True)
class Way:
    """From which collection of an index to which of an index, the same one or another.

    `change` gives new vectors. `writing` keeps writers of a scope away while a page of it is on its way, so that what
    they forget does not arrive after them.
    """

    source: VectorIndex
    collection: str
    target: VectorIndex
    wanted: Collection
    change: Change = unchanged
    writing: Writing = unguarded


@dataclass(frozen=True, slots=True)
class Mirrored:
    """How many points a collection had when it was read, and how many of them had to be sent."""

    seen: int
    sent: int


async def mirror(way: Way, report: Report, *, replace: bool = False) -> Mirrored:
    """Make a collection hold the points of another one, scope by scope; it is made if it is missing.

    What the other one has no more goes too, but only of contents that it has: points of other contents came there on
    another way, and nothing says that they should go.

    Args:
        way: From where to where.
        report: Told how far it is.
        replace: Whether points of other contents go as well.

    Raises:
        UnavailableError: The collection was removed while it was read; nothing was taken away on the other side.
    """
    target, name = way.target, way.wanted.name
    await target.ensure(name, model_id=way.wanted.model_id, dimension=way.wanted.dimension)
    scopes = await way.source.usage(way.collection)
    sent = done = 0
    for scope in {**scopes, **await target.usage(name)}:
        there = {point.id: (digest(point), _content(point)) async for point in _points(target, scope, name)}
        contents: set[object] = set()
        async for page, fresh in _brought(way, scope, there):
            contents.update(map(_content, page))
            sent += fresh
            done += len(page)
            report(name, done)
        gone = [number for number, (_, content) in there.items() if replace or content in contents]
        if gone:
            # Of a collection that is dropped meanwhile the last pages are empty: what they had is not gone.
            await _refuse_removed(way.source, way.collection)
            await target.remove(scope, name, gone)
    return Mirrored(done, sent)


async def _brought(
    way: Way, scope: Scope, there: dict[str, tuple[bytes, object]]
) -> AsyncIterator[tuple[Sequence[Point], int]]:
    """Send what is not there, page by page: each page, and how many of it were sent. What is there too is taken out."""
    after: str | None = None
    while True:
        async with way.writing(scope):
            page = await way.source.scroll(scope, way.collection, Filters(), after=after, limit=_AT_ONCE)
            fresh = [point for point in page.points if there.pop(point.id, (b"", None))[0] != digest(point)]
            await way.target.upsert(scope, way.wanted.name, await way.change(fresh) if fresh else [])
        yield page.points, len(fresh)
        after = page.following
        if after is None:
            return


def digest(point: Point) -> bytes:
    """What tells two states of a point apart: a sha256 over its payload and terms, not over its vector."""
    said = msgspec.json.encode((point.id, point.payload), order="deterministic")
    words = array("d", [number for term in sorted(point.terms.items()) for number in term])
    return hashlib.sha256(said + words.tobytes()).digest()


async def move(source: VectorIndex, target: VectorIndex, report: Report, *, replace: bool = False) -> Moved:
    """Bring every collection with all scopes to another index, and prove it by comparing both.

    Args:
        source: Where the points are.
        target: Where they are to be.
        report: Told how far it is.
        replace: Whether what the target has of other contents is removed there.

    Raises:
        BadRequestError: The target has points of other contents, and `replace` was not asked for; nothing was sent.
        UnavailableError: What arrived is not what was sent, because something wrote in the meantime.
    """
    collections = await source.collections()
    if not replace:
        others = sum([await _others(source, target, each.name) for each in collections])
        if others:
            raise BadRequestError(
                f"The index there has {others} points of items that this memory does not have; nothing was changed. "
                "Move to an empty one, or remove them with --replace."
            )
    sent = 0
    points: dict[str, int] = {}
    for each in collections:
        done = await mirror(Way(source, each.name, target, each), report, replace=replace)
        sent += done.sent
        ours, theirs = await source.usage(each.name), await target.usage(each.name)
        if ours != theirs:
            raise UnavailableError(f"The collection {each.name!r} changed while it was moved; run the command again.")
        points[each.name] = sum(ours.values())
    return Moved(points, sent)


async def reindex(
    index: VectorIndex, names: Mapping[str, Collection], change: Change, report: Report, writing: Writing
) -> Moved:
    """Bring every collection of another embedding under the one that is named now, then remove those of the other.

    Until all is there, who uses the old embedding goes on with it, and what is written meanwhile is brought along: a
    collection is removed only after a pass that had nothing to send, and with as many points as that one read. Points
    and their twins are brought together, so that forgetting finds both, whenever it is called.

    Args:
        index: Where they lie.
        names: For the beginning of a collection's name (its kind), the collection of the embedding named now.
        change: Gives points their new vectors.
        report: Told how far it is.
        writing: Entered while a page of a scope is on its way.

    Raises:
        UnavailableError: Something kept writing.
    """
    points: dict[str, int] = {}
    sent = 0
    for _ in range(_PASSES):
        ways = [
            Way(index, old.name, index, new, change, writing)
            for old in await index.collections()
            for start, new in names.items()
            if old.name.startswith(start) and old.name != new.name
        ]
        if not ways:
            return Moved(points, sent)
        read = [await mirror(way, report) for way in ways]
        sent += sum(each.sent for each in read)
        for way, done in zip(ways, read, strict=True):
            points[way.wanted.name] = done.seen
            # Only after a pass that found all in place: a long one may have missed what was changed behind it. Whether
            # it was removed, the next look at the collections tells: an answer can get lost on the way.
            if not done.sent:
                await index.drop(way.collection, expected=done.seen)
    raise UnavailableError("Something keeps writing under the old embedding; end the other udib processes, try again.")


async def export(index: VectorIndex, scopes: Sequence[Scope], path: Path) -> Moved:
    """Write all points of some scopes to a file, JSON Lines with a checksum at its end; readable by its owner only.

    Raises:
        UnavailableError: The file cannot be written.
    """
    draft = path.with_name(path.name + ".part")
    points: dict[str, int] = {}
    checksum = hashlib.sha256()
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            async for name, line in _lines(index, scopes):
                checksum.update(line)
                file.write(line)
                if name:
                    points[name] = points.get(name, 0) + 1
            file.write(_line(_End(sum(points.values()), checksum.hexdigest())))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as exc:
        raise UnavailableError(f"{path} cannot be written ({exc.strerror}); give another file.") from exc
    finally:
        with suppress(OSError):
            draft.unlink()
    return Moved(points, sum(points.values()))


async def import_file(index: VectorIndex, path: Path, report: Report, writing: Writing) -> Moved:
    """Bring the points of an exported file in, with their ids and scopes. The whole file is checked before.

    Args:
        index: Where they go.
        path: Of the file.
        report: Told how far it is.
        writing: Entered while a scope is written to.

    Raises:
        BadRequestError: The file is none of ours, damaged, cut off, or of a newer version.
        UnavailableError: It cannot be read.
    """
    header, points = await asyncio.to_thread(_checked, path)
    for each in header.collections:
        await index.ensure(each.name, model_id=each.model_id, dimension=each.dimension)
    done: dict[str, int] = {}
    for (name, tenant, workspace), rows in groupby(points, key=lambda row: (row.collection, row.tenant, row.workspace)):
        for some in batched(rows, _AT_ONCE):
            scope = Scope.of(tenant, workspace)
            async with writing(scope):
                await index.upsert(scope, name, [_point(row) for row in some])
            done[name] = done.get(name, 0) + len(some)
            report(name, done[name])
    return Moved(done, sum(done.values()))


class _Header(msgspec.Struct, frozen=True):
    """The first line of an exported file."""

    schema: str
    collections: list[Collection]


class _Row(msgspec.Struct, frozen=True):
    """A point in an exported file: `vector` is base64 of 32-bit floats."""

    collection: str
    tenant: str
    workspace: str
    id: str
    vector: str
    terms: dict[int, float]
    payload: dict[str, object]


class _End(msgspec.Struct, frozen=True):
    """The last line: how many points there are, and the sha256 of all lines before."""

    points: int
    sha256: str


async def _lines(index: VectorIndex, scopes: Sequence[Scope]) -> AsyncIterator[tuple[str, bytes]]:
    collections = await index.collections()
    yield "", _line(_Header(SCHEMA, collections))
    for each in collections:
        for scope in scopes:
            async for point in _points(index, scope, each.name):
                vector = base64.b64encode(array("f", point.vector).tobytes()).decode()
                place = (each.name, scope.tenant, scope.workspace, point.id)
                yield each.name, _line(_Row(*place, vector, dict(point.terms), dict(point.payload)))


async def _others(source: VectorIndex, target: VectorIndex, name: str) -> int:
    """How many points the target has of contents that the source does not have, or of other scopes."""
    count = 0
    for scope in await target.usage(name):
        ours = {_content(point) async for point in _points(source, scope, name)}
        count += len([1 async for point in _points(target, scope, name) if _content(point) not in ours])
    return count


async def _refuse_removed(index: VectorIndex, collection: str) -> None:
    if collection not in {each.name for each in await index.collections()}:
        raise UnavailableError(f"The collection {collection!r} was removed meanwhile; run the command again.")


def _content(point: Point) -> object:
    return point.payload.get("content_id")


async def _points(index: VectorIndex, scope: Scope, collection: str) -> AsyncIterator[Point]:
    async for page in pages(index, scope, collection, Filters()):
        for point in page:
            yield point


def _line(value: msgspec.Struct) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _point(row: _Row) -> Point:
    vector = array("f")
    vector.frombytes(base64.b64decode(row.vector, validate=True))
    return Point(row.id, vector, row.payload, row.terms)


def _checked(path: Path) -> tuple[_Header, Iterator[_Row]]:
    """The header, and the points read again from the start, after one pass over the whole file."""
    checksum = hashlib.sha256()
    header: _Header | None = None
    end: _End | None = None
    rows = 0
    for number, line in enumerate(_read(path)):
        if end is not None:
            raise BadRequestError(f"{path} goes on after its end; export again.")
        if number == 0:
            header = _decoded(path, line, _Header)
            if header.schema != SCHEMA:
                raise BadRequestError(
                    f"{path} has the form {header.schema!r}, this udib reads {SCHEMA!r}; update udib."
                )
        elif line.startswith(b'{"points":'):
            end = _decoded(path, line, _End)
            continue
        else:
            _usable(path, _decoded(path, line, _Row), header)
            rows += 1
        checksum.update(line)
    if header is None or end is None or (end.points, end.sha256) != (rows, checksum.hexdigest()):
        raise BadRequestError(f"{path} is cut off or was changed: its checksum does not fit. Export again.")
    lines = iter(_read(path))
    next(lines)
    return header, (_decoded(path, line, _Row) for line in lines if not line.startswith(b'{"points":'))


def _usable(path: Path, row: _Row, header: _Header | None) -> None:
    """Refuse what no export has, before anything is stored: a checksum proves nothing about who wrote the file."""
    dimensions = {each.name: each.dimension for each in header.collections} if header else {}
    try:
        Scope.of(row.tenant, row.workspace)
        checked_id(row.id)
        found = len(_point(row).vector)
    except (ValueError, BadRequestError) as exc:
        raise BadRequestError(f"{path} is no export of a memory: it has a point that cannot be used ({exc}).") from exc
    if found not in {0, dimensions.get(row.collection)}:
        raise BadRequestError(f"{path} is no export of a memory: a point fits none of its collections.")


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE + 1):
                if len(line) > _LONGEST_LINE:
                    raise BadRequestError(f"{path} is no export of a memory: it has a line of more than 4 MiB.")
                yield line
    except (FileNotFoundError, IsADirectoryError) as exc:
        raise BadRequestError(f"There is no file {path}; check the path.") from exc
    except OSError as exc:
        raise UnavailableError(f"{path} cannot be read ({exc.strerror}).") from exc


def _decoded(path: Path, line: bytes, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, RecursionError) as exc:
        raise BadRequestError(f"{path} is no export of a memory, or was changed: {exc}.") from exc
