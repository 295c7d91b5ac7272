"""Writes that wait for a vector server that cannot be reached: one file for each content, on this machine's disk."""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from udib.core.errors import UdibError, UnavailableError
from udib.core.tenancy import Scope, TenantId, WorkspaceId
from udib.core.types import ContentId, MemoryRecord
from udib.storage.disk import disk_faults, held, sync_folder, write_whole

_TRY_EVERY_S: Final = 10.0
_LOCK_WAIT_S: Final = 120.0

Remember = Callable[[Scope, Sequence[MemoryRecord]], Awaitable[object]]


class Waiting(msgspec.Struct, frozen=True):
    """All records of one content, to be stored in place of those kept before."""

    tenant: TenantId
    workspace: WorkspaceId
    content_id: ContentId
    records: list[MemoryRecord]


class WriteQueue:
    """Keeps the newest write of each content until the server takes it; what is kept survives a crash.

    A later write of the same content takes the place of the earlier one, and forgetting it removes it, so that no order
    has to be kept between contents. All processes of a data directory share the queue; one at a time empties it.
    """

    def __init__(self, folder: Path, *, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep the settings; the folder is made at the first write.

        Args:
            folder: Where the files lie; nothing else does.
            most_bytes: Most bytes of all files together.
            clock: Seconds, never going back.
        """
        self._folder = folder
        self._most_bytes = most_bytes
        self._clock = clock
        self._tried_at: float | None = None
        self.refusal: str = ""
        """Why the oldest of those that were refused cannot be stored; empty if none was."""

    def __len__(self) -> int:
        """How many contents wait."""
        return len(self._files())

    async def put(self, scope: Scope, records: Sequence[MemoryRecord]) -> None:
        """Keep the records of one or more contents.

        Raises:
            UnavailableError: The queue or the disk is full; nothing was kept.
        """
        mine: dict[ContentId, list[MemoryRecord]] = {}
        for record in records:
            mine.setdefault(record.content_id, []).append(record)
        files = {
            self._path(scope, content_id): msgspec.json.encode(Waiting(scope.tenant, scope.workspace, content_id, each))
            for content_id, each in mine.items()
        }
        async with self._alone():
            kept = sum(path.stat().st_size for path in self._files() if path not in files)
            if kept + sum(map(len, files.values())) > self._most_bytes:
                raise UnavailableError(
                    f"The server of the memory cannot be reached, and {kept / 1e6:.1f} of {self._most_bytes / 1e6:.0f} "
                    "MB of memory.queue_megabytes wait for it already; start it, then run the same command again."
                )
            for path, data in files.items():
                with disk_faults(path):
                    await asyncio.to_thread(write_whole, path, data)
        self._tried_at = self._clock()

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove what waits of a content; returns how many records."""
        path = self._path(scope, content_id)
        if path not in self._files():
            return 0
        async with self._alone():
            waiting = self._read(path)
            self._remove(path)
        return len(waiting.records) if waiting else 0

    async def drain(self, remember: Remember) -> None:
        """Store what waits, oldest first, if the last try is long enough ago; what cannot be stored yet stays.

        Args:
            remember: Stores the records of one content.
        """
        soon = self._tried_at is not None and self._clock() - self._tried_at < _TRY_EVERY_S
        if soon or not self._files():
            return
        self._tried_at = self._clock()
        async with self._alone():
            self.refusal = ""
            for path in sorted(self._files(), key=lambda each: each.stat().st_mtime_ns):
                if not await self._stored(path, remember):
                    return

    async def _stored(self, path: Path, remember: Remember) -> bool:
        """Try one file; whether it is worth trying the next one."""
        try:
            waiting = self._read(path)
            if waiting is not None:
                await remember(Scope(waiting.tenant, waiting.workspace), waiting.records)
        except UnavailableError:
            return False
        except UdibError as exc:  # of its own, such as a quota: the others are not to wait for it
            self.refusal = self.refusal or str(exc)
            return True
        self._remove(path)
        return True

    def _remove(self, path: Path) -> None:
        with disk_faults(path):
            path.unlink(missing_ok=True)
            sync_folder(self._folder)

    def _read(self, path: Path) -> Waiting | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Waiting)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as exc:  # each file was whole when it got its name: somebody has changed it
            raise UdibError(f"{path} is damaged ({exc}); remove it and analyse its item again.") from exc

    def _files(self) -> list[Path]:
        return list(self._folder.glob("*.json"))

    def _path(self, scope: Scope, content_id: ContentId) -> Path:
        named = msgspec.json.encode([scope.tenant, scope.workspace, content_id])
        return self._folder / f"{hashlib.sha256(named).hexdigest()[:40]}.json"

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[None]:
        refusal = f"Another udib process has been emptying the queue in {self._folder} for {_LOCK_WAIT_S:g} s."
        async with held(self._folder / "queue.lock", wait_s=_LOCK_WAIT_S, refusal=refusal):
            yield
