"""Bytes by their sha256 in a directory, kept per content so that one content can be forgotten."""

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from udib.core.errors import UdibError
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health
from udib.storage.disk import disk_faults, sync_folder, write_whole
from udib.storage.faults import unhealthy

_DIGEST = re.compile(r"[0-9a-f]{64}")


def place_of(scope: Scope, content_id: ContentId) -> str:
    """Where the bytes of one content lie below the root of a store: the digests of scope and content."""
    return f"{scope.digest()}/{hashlib.sha256(content_id.encode()).hexdigest()[:32]}"


def is_digest(text: str) -> bool:
    """Whether a text is a sha256 in hex."""
    return _DIGEST.fullmatch(text) is not None


class DirectoryArtifactStore:
    """An `ArtifactStore` below `root`: `SCOPE/CONTENT/blobs/SHA256` and `SCOPE/CONTENT/media/`, mode 0700 and 0600.

    Each content has its own copy of its bytes, so forgetting one takes nothing from another, and nothing has to be
    counted.
    """

    name = "artifacts"

    def __init__(self, root: Path) -> None:
        self._root = root

    async def ping(self) -> Health:
        """Whether a file can be written below the root, and how much space is left."""
        try:
            free_bytes = await asyncio.to_thread(self._probe)
        except UdibError as exc:
            return unhealthy(self.name, exc)
        return Health(self.name, ok=True, detail=f"{self._root}, {free_bytes / 1e9:.1f} GB free")

    async def put(self, scope: Scope, content_id: ContentId, data: bytes) -> str:
        """Store bytes and return their sha256 in hex; the bytes are on disk before the file has its name.

        Raises:
            UnavailableError: The disk is full or the directory cannot be written; nothing was stored.
        """
        return await asyncio.to_thread(self._put, scope, content_id, data)

    async def get(self, scope: Scope, content_id: ContentId, digest: str) -> bytes | None:
        """The bytes, or None if they are absent or altered; the next `put` of the right bytes mends an altered file."""
        return await asyncio.to_thread(self._get, scope, content_id, digest)

    async def remove(self, scope: Scope, content_id: ContentId, digest: str) -> None:
        """Give up bytes that nothing refers to any more.

        Raises:
            UnavailableError: The file could not be removed.
        """
        await asyncio.to_thread(self._remove, scope, content_id, digest)

    def folder(self, scope: Scope, content_id: ContentId) -> Path:
        """A directory for the media files of one content, made if missing.

        Raises:
            UnavailableError: It cannot be made.
        """
        with disk_faults(self._root):
            return self._private(self._content(scope, content_id) / "media")

    async def drop_media(
        self, scope: Scope, content_id: ContentId, *, older_than_s: float, dry_run: bool = False
    ) -> int:
        """Remove old media files; see `ArtifactStore.drop_media`.

        Raises:
            UnavailableError: A file could not be removed.
        """
        return await asyncio.to_thread(
            self._drop_media, self._content(scope, content_id) / "media", older_than_s, dry_run
        )

    async def sweep(self, scope: Scope, content_id: ContentId) -> None:
        """Remove the content's directories that hold nothing."""
        content = self._content(scope, content_id)
        if content.exists():
            await asyncio.to_thread(_remove_empty, content)

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove the blobs and media of one content; returns how many files there were.

        Raises:
            UnavailableError: A file could not be removed, or another process was writing one; repeat it.
        """
        return await asyncio.to_thread(self._forget, scope, content_id)

    def _put(self, scope: Scope, content_id: ContentId, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        with disk_faults(self._root):
            folder = self._private(self._content(scope, content_id) / "blobs")
            write_whole(folder / digest, data)
        return digest

    def _get(self, scope: Scope, content_id: ContentId, digest: str) -> bytes | None:
        if not is_digest(digest):
            return None
        with disk_faults(self._root):
            try:
                data = (self._content(scope, content_id) / "blobs" / digest).read_bytes()
            except FileNotFoundError:
                return None
        return data if hashlib.sha256(data).hexdigest() == digest else None

    def _remove(self, scope: Scope, content_id: ContentId, digest: str) -> None:
        if is_digest(digest):
            with disk_faults(self._root):
                (self._content(scope, content_id) / "blobs" / digest).unlink(missing_ok=True)

    def _forget(self, scope: Scope, content_id: ContentId) -> int:
        content = self._content(scope, content_id)
        with disk_faults(self._root):
            if not content.exists():
                return 0
            count = sum(len(files) for _, _, files in os.walk(content))
            shutil.rmtree(content)
            sync_folder(content.parent)
        return count

    def _drop_media(self, folder: Path, older_than_s: float, dry_run: bool) -> int:
        with disk_faults(self._root):
            found = [path.stat() for path in folder.rglob("*") if path.is_file()]
            # By the time at which the file came here: its own time may be that of the upload.
            if not found or max(each.st_ctime for each in found) > time.time() - older_than_s:
                return 0
            if not dry_run:
                shutil.rmtree(folder)
                sync_folder(folder.parent)
        return sum(each.st_size for each in found)

    def _probe(self) -> int:
        with disk_faults(self._root):
            self._private(self._root)
            with tempfile.TemporaryFile(dir=self._root) as file:
                file.write(b"x")
            return shutil.disk_usage(self._root).free

    def _content(self, scope: Scope, content_id: ContentId) -> Path:
        return self._root / place_of(scope, content_id)

    def _private(self, folder: Path) -> Path:
        """Make a directory at or below the root, each level of it closed to other users."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        step = self._root
        for part in folder.relative_to(self._root).parts:
            step /= part
            step.mkdir(mode=0o700, exist_ok=True)
        return folder


def _remove_empty(folder: Path) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):  # there is something in it
            Path(place).rmdir()
