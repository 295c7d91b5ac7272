"""Memory on the move: to another embedding, to another index, to a file and back. Ids stay the same on every way.

All ways are safe to repeat: what is there already is not sent again, and what went away in the meantime is removed.
"""

import asyncio
import base64
import hashlib
import os
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from udib.core.errors import BadRequestError, UnavailableError
from udib.core.tenancy import Scope
from udib.core.vectors import Collection, Filters, Point, VectorIndex
from udib.memory.batches import batched
from udib.memory.twins import pages

S = TypeVar("S", bound=msgspec.Struct)

SCHEMA: Final = "udib.memory/1"
_PASSES: Final = 5
_LONGEST_LINE: Final = 4 * 2**20
_AT_ONCE: Final = 256

Change = Callable[[Sequence[Point]], Awaitable[list[Point]]]
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


async def mirror(
    source: VectorIndex, collection: str, target: VectorIndex, wanted: Collection, change: Change, report: Report
) -> int:
    """Make a collection hold the points of another one, scope by scope; returns how many had to be sent.

    Args:
        source: Where the points come from.
        collection: Of which collection there.
        target: Where they go; may be the same index.
        wanted: The collection there; made if it is missing.
        change: What becomes of a page of points on the way; ids and payloads stay.
        report: Told how far it is.
    """
    await target.ensure(wanted.name, model_id=wanted.model_id, dimension=wanted.dimension)
    scopes = await source.usage(collection)
    sent = done = 0
    for scope in {**scopes, **await target.usage(wanted.name)}:
        there = {point.id: digest(point) async for point in _points(target, scope, wanted.name)}
        async for page in pages(source, scope, collection, Filters()):
            fresh = [point for point in page if there.pop(point.id, None) != digest(point)]
            await target.upsert(scope, wanted.name, await change(fresh) if fresh else [])
            sent += len(fresh)
            done += len(page)
            report(wanted.name, done)
        await target.remove(scope, wanted.name, list(there))
    return sent


def digest(point: Point) -> bytes:
    """What tells two states of a point apart: a sha256 over its payload and terms, not over its vector."""
    said = msgspec.json.encode((point.id, point.payload), order="deterministic")
    words = array("d", [number for term in sorted(point.terms.items()) for number in term])
    return hashlib.sha256(said + words.tobytes()).digest()


async def move(source: VectorIndex, target: VectorIndex, report: Report) -> Moved:
    """Bring every collection with all scopes to another index, and prove it by comparing both.

    Raises:
        UnavailableError: What arrived is not what was sent, because something wrote in the meantime.
    """
    sent = 0
    points: dict[str, int] = {}
    for each in await source.collections():
        sent += await mirror(source, each.name, target, each, unchanged, report)
        ours, theirs = await source.usage(each.name), await target.usage(each.name)
        if ours != theirs:
            raise UnavailableError(f"The collection {each.name!r} changed while it was moved; run the command again.")
        points[each.name] = sum(ours.values())
    return Moved(points, sent)


async def reindex(index: VectorIndex, old: Collection, new: Collection, change: Change, report: Report) -> int:
    """Bring a collection's points under another embedding, then remove the old collection; returns how many there were.

    Until the old collection is gone, who uses the old embedding goes on with it, and what is written meanwhile is
    brought along: the removal succeeds only when nothing was.

    Raises:
        UnavailableError: Something kept writing.
    """
    for _ in range(_PASSES):
        await mirror(index, old.name, index, new, change, report)
        points = sum((await index.usage(new.name)).values())
        if await index.drop(old.name, expected=points):
            return points
    raise UnavailableError(f"Something keeps writing to {old.name!r}; end the other udib processes and try again.")


async def reindex_all(index: VectorIndex, names: Mapping[str, Collection], change: Change, report: Report) -> Moved:
    """Bring every collection of another embedding under the one that is named now; see `reindex`.

    Args:
        index: Where they lie.
        names: For the beginning of a collection's name (its kind), the collection of the embedding named now.
        change: Gives points their new vectors.
        report: Told how far it is.
    """
    points: dict[str, int] = {}
    for old in await index.collections():
        new = next(
            (each for start, each in names.items() if old.name.startswith(start) and old.name != each.name), None
        )
        if new is not None:
            points[new.name] = await reindex(index, old, new, change, report)
    return Moved(points, sum(points.values()))


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


async def import_file(index: VectorIndex, path: Path, report: Report) -> Moved:
    """Bring the points of an exported file in, with their ids and scopes. The whole file is checked before.

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
            await index.upsert(Scope.of(tenant, workspace), name, [_point(row) for row in some])
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


async def _points(index: VectorIndex, scope: Scope, collection: str) -> AsyncIterator[Point]:
    async for page in pages(index, scope, collection, Filters()):
        for point in page:
            yield point


def _line(value: msgspec.Struct) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _point(row: _Row) -> Point:
    vector = array("f")
    vector.frombytes(base64.b64decode(row.vector))
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
            _decoded(path, line, _Row)
            rows += 1
        checksum.update(line)
    if header is None or end is None or (end.points, end.sha256) != (rows, checksum.hexdigest()):
        raise BadRequestError(f"{path} is cut off or was changed: its checksum does not fit. Export again.")
    lines = iter(_read(path))
    next(lines)
    return header, (_decoded(path, line, _Row) for line in lines if not line.startswith(b'{"points":'))


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
