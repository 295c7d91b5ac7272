"""A copy of the whole data directory that is consistent in itself, made while udib may be at work; and back."""

import asyncio
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from udib.app.bootstrap import App
from udib.core.errors import BadRequestError, UnavailableError
from udib.core.version import __version__
from udib.memory.sparse import copy_sparse
from udib.sources.paths import absolute
from udib.storage.disk import disk_faults

SCHEMA: Final = "udib.backup/1"
_MANIFEST: Final = "backup.json"
_DATABASES: Final = ("catalogue.db", "journal.db", "cache.db", "spending.db", "decisions.db")
_FOLDERS: Final = ("artifacts", "reports")
_BLOCK: Final = 512  # bytes of what the system counts as a block


class BackupManifest(msgspec.Struct, frozen=True):
    """What lies in a backup: the sha256 of each file by its path."""

    schema: str
    udib: str
    created_at: str
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Copied:
    """How much was copied, and what was not, in a sentence."""

    files: int
    size_bytes: int
    left_out: str = ""


async def back_up(app: App, folder: Path) -> Copied:
    """Copy the data directory into a new folder, readable by its owner only.

    The catalogue is copied before the memory, so that every item listed in the copy has its records there. An item that
    is forgotten later stays in the copy: delete old backups.

    Raises:
        BadRequestError: The folder exists.
        UnavailableError: It cannot be written.
    """
    data = app.settings.data_path
    folder = absolute(str(folder))
    draft = folder.with_name(f"{folder.name}.part")
    await asyncio.to_thread(_refuse_existing, folder, draft)
    try:
        with disk_faults(folder):
            await asyncio.to_thread(_copy_files, data, draft)
        left_out = " ".join([*filter(None, [await app.copy_vectors(draft / "vectors")]), *app.left_on_servers])
        with disk_faults(folder):
            copied = await asyncio.to_thread(_sealed, draft, left_out)
            draft.rename(folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, draft, ignore_errors=True)
    return copied


async def restored(folder: Path, data: Path) -> Copied:
    """Make the data directory from a backup, every file of which is compared with its sha256 first.

    Raises:
        BadRequestError: It is no backup, or damaged; or the data directory holds something.
        UnavailableError: Something cannot be read or written.
    """
    return await asyncio.to_thread(_restored, folder, data)


def _refuse_existing(*folders: Path) -> None:
    there = next((folder for folder in folders if folder.exists()), None)
    if there is not None:
        raise BadRequestError(f"{there} exists already; give a new folder.")


def _copy_files(data: Path, draft: Path) -> None:
    draft.mkdir(mode=0o700, parents=True)
    for name in _DATABASES:
        if (data / name).exists():
            with closing(sqlite3.connect(data / name)) as source, closing(sqlite3.connect(draft / name)) as target:
                source.backup(target)
    for name in _FOLDERS:
        if (data / name).exists():
            shutil.copytree(data / name, draft / name)


def _sealed(draft: Path, left_out: str) -> Copied:
    """Write the manifest, everything before it safely on disk."""
    sums, size_bytes = {}, 0
    for path in _files(draft):
        path.chmod(0o600)
        sums[path.relative_to(draft).as_posix()] = _sum(path)
        size_bytes += _BLOCK * path.stat().st_blocks
    manifest = BackupManifest(SCHEMA, __version__, datetime.now(UTC).isoformat(timespec="seconds"), sums)
    with (draft / _MANIFEST).open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)))
        file.flush()
        os.fsync(file.fileno())
    return Copied(len(sums), size_bytes, left_out)


def _restored(folder: Path, data: Path) -> Copied:
    manifest = _manifest(folder)
    if data.exists() and any(data.iterdir()):
        raise BadRequestError(
            f"The data directory {data} is not empty; move it away, or restore to another one with --data-dir."
        )
    size_bytes = 0
    with disk_faults(folder):
        there = {path.relative_to(folder).as_posix(): path for path in _files(folder) if path.name != _MANIFEST}
        for name, wanted in manifest.files.items():
            if name not in there or _sum(there[name]) != wanted:
                raise BadRequestError(f"The backup in {folder} is damaged: {name} is missing or was changed.")
            size_bytes += _BLOCK * there[name].stat().st_blocks
    draft = data.with_name(f"{data.name}.restoring")
    try:
        with disk_faults(data):
            _rebuild(manifest, there, draft)
            if data.exists():
                data.rmdir()
            draft.rename(data)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Copied(len(manifest.files), size_bytes)


def _rebuild(manifest: BackupManifest, there: Mapping[str, Path], draft: Path) -> None:
    shutil.rmtree(draft, ignore_errors=True)  # of a restore that was killed
    draft.mkdir(mode=0o700, parents=True)
    for name in manifest.files:
        (draft / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy_sparse(there[name], draft / name)
        (draft / name).chmod(0o600)


def _manifest(folder: Path) -> BackupManifest:
    path = folder / _MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=BackupManifest)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise BadRequestError(f"{folder} is no backup of udib: it has no {_MANIFEST}.") from exc
    except OSError as exc:
        raise UnavailableError(f"{path} cannot be read ({exc.strerror}).") from exc
    except msgspec.DecodeError as exc:
        raise BadRequestError(f"{path} is damaged ({exc}).") from exc
    if manifest.schema != SCHEMA:
        raise BadRequestError(f"The backup in {folder} has the form {manifest.schema!r}, not {SCHEMA!r}; update udib.")
    # The names come from a file that anybody may have written.
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in manifest.files):
        raise BadRequestError(f"The backup in {folder} names files outside itself.")
    return manifest


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
