"""The directory of the store process: a manifest, and one shard per collection."""

import os
import shutil
from pathlib import Path
from typing import Final

import msgspec

from udib.core.errors import BadRequestError, UdibError, UnavailableError
from udib.core.vectors import Collection
from udib.memory.conditions import Selection
from udib.memory.point_checks import checked_model, no_collection
from udib.memory.qdrant_edge_filters import PointFilter, identified, selected
from udib.memory.qdrant_edge_shard import EdgeShard, engine_errors
from udib.memory.sparse import copy_sparse
from udib.memory.store_protocol import (
    Facet,
    Remove,
    Scroll,
    Search,
    StoreState,
    Upsert,
    WireCollection,
    WireHit,
    WirePage,
    WireUsage,
)
from udib.storage.disk import (
    TO_OPEN,
    TO_STORE,
    disk_bytes,
    disk_faults,
    free_bytes,
    need_room,
    sync_folder,
    write_whole,
)

SCHEMA: Final = 1
_GROWS: Final = 16  # bytes on the disk for one of a point: log, segment, indexes, and what the engine writes ahead


class CollectionEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A collection in the manifest. `folder` changes with every rewrite.

    `unswept`: points were removed from it whose words are still in its files, because there was no room to rewrite it.
    """

    model_id: str
    dimension: int
    folder: str
    unswept: bool = False


class Manifest(msgspec.Struct, frozen=True):
    """`manifest.json`: which collections there are, and in which folder the current shard of each lies."""

    schema: int = SCHEMA
    collections: dict[str, CollectionEntry] = {}


class StoreFolder:
    """All collections of one directory. To be used by the one process that holds the directory's lock.

    A shard is opened when it is first needed, so that a damaged one does not keep the others from work.
    """

    __slots__ = ("_folder", "_manifest", "_shards", "_unflushed")

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self._manifest = manifest
        self._shards: dict[str, EdgeShard] = {}
        self._unflushed: set[str] = set()

    @classmethod
    def open(cls, folder: Path) -> "StoreFolder":
        """Read the manifest and remove what an interrupted rewrite left behind.

        Raises:
            UdibError: The manifest is damaged or missing, or a newer udib wrote it.
        """
        with disk_faults(folder):
            (folder / "shards").mkdir(exist_ok=True)
        store = cls(folder, _read_manifest(folder))
        store._sweep()
        return store

    def ensure(self, name: str, model_id: str, dimension: int) -> None:
        """Make a collection if it is missing.

        Raises:
            BadRequestError: It exists with another model or dimension.
        """
        entry = self._manifest.collections.get(name)
        if entry is None:
            need_room(self._folder, TO_STORE)
            self._sweep()
            folder = f"{name}.1"
            shard = EdgeShard.create(self._shard_folder(folder), dimension)
            self._replace(name, CollectionEntry(model_id, dimension, folder))
            self._shards[name] = shard
        else:
            checked_model(Collection(name, entry.model_id, entry.dimension), model_id, dimension)

    def collections(self) -> list[WireCollection]:
        """All collections, by name."""
        entries = sorted(self._manifest.collections.items())
        return [WireCollection(name, entry.model_id, entry.dimension) for name, entry in entries]

    def drop(self, name: str, expected: int) -> bool:
        """Remove a collection if it has just so many points; whether it was removed."""
        shard = self._shard(name)
        if shard is None or shard.size() != expected:
            return False
        self._replace(name, None)
        del self._shards[name]
        self._unflushed.discard(name)
        shard.close()
        self._sweep()
        return True

    def upsert(self, request: Upsert) -> None:
        """Write points.

        Raises:
            BadRequestError: There is no such collection, or a vector has the wrong dimension.
            UnavailableError: The disk is full. Few points need little room: when an item is forgotten on a full disk,
                others take the place of those that they were the same as.
        """
        size = sum(
            len(each.vector) + len(each.term_ids) + len(each.weights) + len(each.payload) for each in request.points
        )
        need_room(self._folder, min(TO_STORE, TO_OPEN + _GROWS * size))
        shard = self._shard(request.collection)
        if shard is None:
            raise no_collection(request.collection)
        self._unflushed.add(request.collection)
        shard.upsert(request.tenant, request.workspace, request.points)

    def search(self, request: Search) -> list[WireHit]:
        """The best points; none in a collection that does not exist."""
        shard = self._shard(request.collection)
        return [] if shard is None else shard.search(request)

    def scroll(self, request: Scroll) -> WirePage:
        """A page of points; an empty one of a collection that does not exist."""
        shard = self._shard(request.collection)
        return WirePage([], None) if shard is None else shard.scroll(request)

    def facet(self, request: Facet) -> dict[str, int]:
        """Values of a field with their counts."""
        shard = self._shard(request.collection)
        return {} if shard is None else shard.facet(request)

    def usage(self, name: str, tenant: str | None) -> list[WireUsage]:
        """How many points each scope has."""
        shard = self._shard(name)
        return [] if shard is None else shard.usage(tenant)

    def optimize(self, name: str) -> None:
        """Rearrange a collection for speed."""
        shard = self._shard(name)
        if shard is not None:
            shard.optimize()

    def count(self, name: str, where: Selection) -> int:
        """How many points meet the selection; none in a collection that does not exist."""
        shard = self._shard(name)
        return 0 if shard is None else shard.count(shard.condition(where))

    def delete(self, name: str, where: Selection) -> int:
        """Remove the selected points and their words from the disk.

        Raises:
            BadRequestError: The selection names neither a content nor an expiry.
        """
        return self._without(name, selected(where.deletable()))

    def remove(self, request: Remove) -> int:
        """Remove points by id, and their words from the disk."""
        return self._without(request.collection, identified(request.tenant, request.workspace, request.ids))

    def _without(self, name: str, where: PointFilter) -> int:
        """Rewrite a shard without the points that meet a condition; returns how many there were.

        The manifest's rename is the moment of truth: after a crash before it, all is as it was; after it, the old shard
        is swept away at the next start or deletion. Without room for a copy the points are only hidden, and the next
        deletion from the collection rewrites it, whatever it selects.

        Raises:
            UnavailableError: There was no room to rewrite the shard: nothing is found any more, but words are left.
        """
        self._sweep()
        shard = self._shard(name)
        if shard is None:
            return 0
        count = shard.count(where)
        entry = self._manifest.collections[name]
        if count or entry.unswept:
            self._rewrite(name, entry, shard, where)
        return count

    def _rewrite(self, name: str, entry: CollectionEntry, shard: EdgeShard, where: PointFilter) -> None:
        needed = disk_bytes(self._shard_folder(entry.folder)) + TO_OPEN
        if free_bytes(self._folder) < needed:
            self._replace(name, msgspec.structs.replace(entry, unswept=True))
            shard.hide(where)
            raise UnavailableError(
                f"What was removed from memory is not found any more, but its words are still in {self._folder}, "
                f"because {needed / 1e6:.1f} MB must be free to rewrite it; free some space and run the command again."
            )
        number = int(entry.folder.rpartition(".")[2]) + 1
        folder = f"{name}.{number}"
        copy = shard.copy_without(where, self._shard_folder(folder))
        self._replace(name, CollectionEntry(entry.model_id, entry.dimension, folder))
        self._shards[name] = copy
        shard.close()
        self._sweep()

    def state(self) -> StoreState:
        """How many collections and points there are; opens every shard."""
        points = [
            shard.size() for name in sorted(self._manifest.collections) if (shard := self._shard(name)) is not None
        ]
        return StoreState(os.getpid(), len(points), sum(points))

    def copy_to(self, folder: Path) -> None:
        """Copy the manifest and every shard that it names into a new folder, all as of one moment.

        Raises:
            UnavailableError: It cannot be written.
        """
        self.flush()
        try:
            folder.mkdir(mode=0o700)
            (folder / "shards").mkdir()
            for entry in self._manifest.collections.values():
                source, target = self._shard_folder(entry.folder), folder / "shards" / entry.folder
                shutil.copytree(source, target, copy_function=copy_sparse)
            _write_manifest(folder, self._manifest)
        except OSError as exc:
            raise UnavailableError(f"{folder} cannot be written ({exc.strerror or exc}).") from exc

    def flush(self) -> None:
        """Bring all that was written since the last flush to the disk itself."""
        for name in sorted(self._unflushed):
            self._shards[name].flush()
            self._unflushed.discard(name)

    def close(self) -> None:
        """Flush and release all shards."""
        self.flush()
        for shard in self._shards.values():
            shard.close()
        self._shards.clear()

    def _shard(self, name: str) -> EdgeShard | None:
        entry = self._manifest.collections.get(name)
        if entry is not None and name not in self._shards:
            need_room(self._folder, TO_OPEN)  # opened files are mapped, and written to on the way
            self._shards[name] = EdgeShard.open(self._shard_folder(entry.folder), entry.dimension)
        return self._shards.get(name)

    def _sweep(self) -> None:
        """Remove the shards that the manifest does not name: what a rewrite replaced, or did not finish."""
        current = {entry.folder for entry in self._manifest.collections.values()}
        for folder in (self._folder / "shards").iterdir():
            if folder.name not in current:
                with engine_errors(folder):
                    shutil.rmtree(folder)

    def _shard_folder(self, folder: str) -> Path:
        return self._folder / "shards" / folder

    def _replace(self, name: str, entry: CollectionEntry | None) -> None:
        """Enter a collection into the manifest, or take it out; from then on its old shard counts no more."""
        others = {other: kept for other, kept in self._manifest.collections.items() if other != name}
        manifest = Manifest(SCHEMA, others if entry is None else others | {name: entry})
        _write_manifest(self._folder, manifest)
        self._manifest = manifest


def _read_manifest(folder: Path) -> Manifest:
    path = folder / "manifest.json"
    with disk_faults(path):
        if not path.exists():
            # Written before the first shard is: shards without it are no leftovers, but all that was remembered.
            if any((folder / "shards").iterdir()):
                raise _damaged(folder, path, "it is missing")
            _write_manifest(folder, Manifest())
        data = path.read_bytes()
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as exc:
        raise _damaged(folder, path, str(exc)) from exc
    if manifest.schema > SCHEMA:
        raise BadRequestError(
            f"The memory in {folder} was written by a newer udib (schema {manifest.schema}, this one reads up to "
            f"{SCHEMA}); update udib."
        )
    return manifest


def _damaged(folder: Path, path: Path, reason: str) -> UdibError:
    return UdibError(
        f"{path} is damaged ({reason}); put a backup of {folder} in its place, or move that away and analyse the items "
        "again."
    )


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    with disk_faults(folder):
        sync_folder(folder / "shards")  # a manifest names only what is there, also after a loss of power
        write_whole(folder / "manifest.json", msgspec.json.format(msgspec.json.encode(manifest)))
