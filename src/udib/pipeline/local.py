"""The engine of one machine: a journal of finished steps in SQLite, so that an interrupted run goes on where it was.

Steps are keyed by stage name, stage version and a hash of their inputs. Small results lie in the journal, large ones in
the artifact store. A lock file per content keeps two processes from analysing the same content at once; the operating
system drops it when its holder dies.
"""

import asyncio
import fcntl
import hashlib
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TextIO, TypeVar

import msgspec

from udib.core.errors import Status, UdibError, UnavailableError
from udib.core.findings import StageTiming
from udib.core.ports import ArtifactStore, ProgressSink
from udib.core.result import StepResult
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health, Progress
from udib.pipeline.step import Stage, run_step
from udib.storage.database import Database
from udib.storage.disk import TO_STORE, disk_faults, held, need_room
from udib.storage.faults import unhealthy

T = TypeVar("T")

SCHEMA = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, workspace TEXT NOT NULL, content_id TEXT NOT NULL,
        key TEXT NOT NULL, revision INTEGER NOT NULL, finished INTEGER NOT NULL DEFAULT 0, started_at REAL NOT NULL
    );
    CREATE INDEX runs_by_content ON runs (tenant, workspace, content_id);
    CREATE TABLE steps (
        run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, stage TEXT NOT NULL, version INTEGER NOT NULL,
        input_hash TEXT NOT NULL, output BLOB, artifact TEXT, reusable INTEGER NOT NULL,
        PRIMARY KEY (run_id, stage, version, input_hash)
    ) WITHOUT ROWID;
    """,
)

_LARGEST_INLINE = 32 * 1024
_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class RunKey:
    """What makes two requests the same run: the content of a scope and the options that change the result."""

    scope: Scope
    content_id: ContentId
    options: str


@dataclass(frozen=True, slots=True)
class _Kept:
    """A step's result as the journal has it."""

    output: bytes | None
    artifact: str | None


class LocalEngine:
    """Runs on this machine, journalled. Also the `Forgettable` of the journal."""

    name = "journal"

    def __init__(
        self, database: Database, artifacts: ArtifactStore, locks: Path, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._locks = locks
        self._clock = clock

    @asynccontextmanager
    async def run(
        self, key: RunKey, *, next_revision: Callable[[], Awaitable[int]], progress: ProgressSink, began: float
    ) -> AsyncGenerator["LocalRun"]:
        """A new run of a content, or the interrupted one with the same key.

        The run is finished when the block ends, unless it is cancelled, crashes or fails in a way that may pass: then
        the next run with the same key takes its finished steps over, if no other run of the content was finished since.

        Args:
            key: What is run.
            next_revision: Gives the number of the report to be made, if the run is a new one.
            progress: Told of every stage that starts and ends.
            began: When the run started, by `time.perf_counter`.

        Raises:
            UnavailableError: Another process has the same content in work, or the disk is full.
        """
        need_room(self._locks.parent, TO_STORE)
        with self.exclusive(key.scope, key.content_id):
            revision = await next_revision()
            run_id, revision = await self._database.run(lambda db: _begin(db, key, revision, self._clock()))
            try:
                yield LocalRun(_Place(run_id, revision, key, began), self._database, self._artifacts, progress)
            except UdibError as exc:
                if exc.status is not Status.RETRYABLE:
                    await self._end(run_id, key)
                raise
            await self._end(run_id, key)

    @contextmanager
    def exclusive(self, scope: Scope, content_id: ContentId) -> Iterator[None]:
        """Keep every other run of a content away, and its forgetting, in all processes on this data directory.

        Raises:
            UnavailableError: The content is in work.
        """
        name = hashlib.sha256(f"{scope.digest()}{content_id}".encode()).hexdigest()[:32]
        with _exclusive(self._locks / f"{name}.lock", str(content_id)):
            yield

    def citing(self, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Held by a run while it carries words of other contents, as evidence, into its report.

        Raises:
            UnavailableError: An item of the scope is being forgotten, for longer than one waits.
        """
        return held(
            self._locks / f"{scope.digest()}.lock",
            shared=True,
            wait_s=_PATIENCE_S,
            refusal=f"An item of {scope} is being forgotten; run the same command again in a moment.",
        )

    def uncited(self, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Held while a content is forgotten, so that no run brings its words back that had looked them up before.

        Raises:
            UnavailableError: Runs of the scope carry evidence, for longer than one waits.
        """
        return held(
            self._locks / f"{scope.digest()}.lock",
            wait_s=_PATIENCE_S,
            refusal=f"Items of {scope} are being analysed that may cite this one; wait until they are done, then "
            "forget it.",
        )

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove the runs of a content and their step results from the file.

        Interrupted runs of other contents may hold its words as evidence: what they would have resumed goes as well,
        except transcripts, so that they do their analyses again.
        """
        where = (scope.tenant, scope.workspace, content_id)

        def remove(db: sqlite3.Connection) -> tuple[int, list[tuple[str, str]]]:
            found = db.execute("DELETE FROM runs WHERE tenant = ? AND workspace = ? AND content_id = ?", where)
            others = "SELECT id FROM runs WHERE tenant = ? AND workspace = ?"
            return found.rowcount, _drop_steps(db, others, where[:2])

        removed, dropped = await self._database.run(remove)
        await self._remove(scope, dropped)
        await self._database.vacuum()
        return removed

    async def _end(self, run_id: int, key: RunKey) -> None:
        await self._remove(key.scope, await self._database.run(lambda db: _finish(db, run_id, key)))
        await self._artifacts.sweep(key.scope, key.content_id)

    async def _remove(self, scope: Scope, artifacts: Sequence[tuple[str, str]]) -> None:
        for content_id, digest in artifacts:
            await self._artifacts.remove(scope, ContentId(content_id), digest)

    async def ping(self) -> Health:
        """Whether the journal can be written, and a lock be taken."""
        try:
            with disk_faults(self._locks):
                self._locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        except UdibError as exc:
            return unhealthy(self.name, exc)
        return await self._database.ping(self.name)


@dataclass(frozen=True, slots=True)
class _Done(Generic[T]):
    """A stage's value, and whether it was kept from before."""

    value: T
    reused: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a run stands in the journal, and since when it runs."""

    run_id: int
    revision: int
    key: RunKey
    began: float


class LocalRun:
    """One run in the journal; see `udib.pipeline.step.Run`."""

    def __init__(self, place: _Place, database: Database, artifacts: ArtifactStore, progress: ProgressSink) -> None:
        self.revision = place.revision
        self._id = place.run_id
        self._key = place.key
        self._began = place.began
        self._database = database
        self._artifacts = artifacts
        self._progress = progress
        self._timings: list[StageTiming] = []

    @property
    def timings(self) -> tuple[StageTiming, ...]:
        """The stages so far, in order of their start."""
        return tuple(sorted(self._timings, key=lambda timing: timing.start_s))

    def did(self, stage: str) -> bool:
        """Whether a stage of that name has succeeded, now or before."""
        return any(timing.stage == stage and timing.status is Status.OK for timing in self._timings)

    def note(self, timing: StageTiming) -> None:
        """Enter a stage that was done outside the journal."""
        self._timings.append(timing)

    async def step(self, stage: Stage[T], *inputs: object) -> StepResult[T]:
        """Do a stage, or hand back what it gave before for the same inputs; see `Run.step`."""
        start_s = self._now()
        self._progress(Progress(stage.name, "started"))
        done = await run_step(self._done(stage, inputs), name=stage.name, deadline_s=stage.deadline_s)
        reused = done.value is not None and done.value.reused
        timing = StageTiming(stage.name, start_s, self._now(), done.status, reused, done.error or "")
        self.note(timing)
        self._progress(Progress(stage.name, "reused" if reused else done.status.value, note=timing.note))
        return StepResult.ok(done.value.value) if done.value is not None else StepResult(done.status, None, done.error)

    async def _done(self, stage: Stage[T], inputs: tuple[object, ...]) -> "_Done[T]":
        """The stage's value. A journal that cannot be read or written fails the stage as its own work would."""
        decisive = inputs if stage.key is None else stage.key(*inputs)
        input_hash = await asyncio.to_thread(_digest, decisive)
        kept = await self._kept(stage, input_hash)
        if kept is not None and (stage.intact is None or await stage.intact(kept)):
            return _Done(kept, reused=True)
        value = await stage.work(*inputs)
        await self._keep(stage, input_hash, value)
        return _Done(value, reused=False)

    def _now(self) -> float:
        return round(time.perf_counter() - self._began, 4)

    async def _kept(self, stage: Stage[T], input_hash: str) -> T | None:
        found = await self._database.read(lambda db: _find(db, self._id, self._key, stage, input_hash))
        if found is None:
            return None
        data = found.output
        if found.artifact is not None:
            data = await self._artifacts.get(self._key.scope, self._key.content_id, found.artifact)
        if data is None:
            return None  # the artifact was removed or altered: the stage is done again
        try:
            return await asyncio.to_thread(msgspec.json.decode, data, type=stage.returns)
        except msgspec.ValidationError:
            return None  # written by a version whose values had another shape

    async def _keep(self, stage: Stage[T], input_hash: str, value: T) -> None:
        data = await asyncio.to_thread(msgspec.json.encode, value)
        kept = _Kept(data, None)
        if len(data) > _LARGEST_INLINE:
            kept = _Kept(None, await self._artifacts.put(self._key.scope, self._key.content_id, data))
        row = (self._id, stage.name, stage.version, input_hash, kept.output, kept.artifact, stage.reusable)
        await self._database.run(
            lambda db: db.execute("INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        )


def _digest(inputs: object) -> str:
    return hashlib.sha256(msgspec.json.encode(inputs)).hexdigest()


def _begin(db: sqlite3.Connection, key: RunKey, revision: int, now: float) -> tuple[int, int]:
    where = (key.scope.tenant, key.scope.workspace, key.content_id, key.options)
    found = db.execute(
        "SELECT id, revision FROM runs WHERE tenant = ? AND workspace = ? AND content_id = ? AND key = ?"
        " AND NOT finished ORDER BY id DESC LIMIT 1",
        where,
    ).fetchone()
    if found is not None:
        return int(found[0]), int(found[1])
    made = db.execute(
        "INSERT INTO runs (tenant, workspace, content_id, key, revision, started_at) VALUES (?, ?, ?, ?, ?, ?)",
        (*where, revision, now),
    )
    return int(made.lastrowid or 0), revision


def _finish(db: sqlite3.Connection, run_id: int, key: RunKey) -> list[tuple[str, str]]:
    """Close the run and all earlier ones of the content; only what a later revision may reuse is kept of them.

    Returns:
        (content id, digest) of the artifacts that nothing refers to any more.
    """
    where = (run_id, key.scope.tenant, key.scope.workspace, key.content_id)
    mine = "SELECT id FROM runs WHERE id <= ? AND tenant = ? AND workspace = ? AND content_id = ?"
    db.execute(f"UPDATE runs SET finished = 1 WHERE id IN ({mine})", where)  # noqa: S608
    dropped = _drop_steps(db, mine, where)
    db.execute(f"DELETE FROM runs WHERE id IN ({mine}) AND id NOT IN (SELECT run_id FROM steps)", where)  # noqa: S608
    return dropped


def _drop_steps(db: sqlite3.Connection, runs: str, where: tuple[object, ...]) -> list[tuple[str, str]]:
    """Remove the steps of some runs that no later revision may reuse; gives the artifacts that are free now."""
    steps = f"NOT reusable AND run_id IN ({runs})"
    held = f"SELECT DISTINCT content_id, artifact FROM steps JOIN runs ON runs.id = run_id WHERE {steps}"  # noqa: S608
    artifacts = [row for row in db.execute(held, where) if row[1] is not None]
    db.execute(f"DELETE FROM steps WHERE {steps}", where)  # noqa: S608 - no text of a user
    still = "SELECT 1 FROM steps JOIN runs ON runs.id = run_id WHERE content_id = ? AND artifact = ?"
    return [row for row in artifacts if db.execute(still, row).fetchone() is None]


def _find(db: sqlite3.Connection, run_id: int, key: RunKey, stage: Stage[T], input_hash: str) -> _Kept | None:
    what = (stage.name, stage.version, input_hash)
    query = "SELECT output, artifact FROM steps WHERE run_id = ? AND stage = ? AND version = ? AND input_hash = ?"
    found = db.execute(query, (run_id, *what)).fetchone()
    if found is None and stage.reusable:
        found = db.execute(
            "SELECT output, artifact FROM steps JOIN runs ON runs.id = run_id WHERE stage = ? AND version = ?"
            " AND input_hash = ? AND reusable AND tenant = ? AND workspace = ? AND content_id = ?",
            (*what, key.scope.tenant, key.scope.workspace, key.content_id),
        ).fetchone()
    return None if found is None else _Kept(*found)


@contextmanager
def _exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file that names its holder; two tasks of one process exclude each other too.

    The file is gone afterwards. That is safe, because it is removed by its holder alone, and whoever then gets the lock
    of a file that was removed, having opened it before, sees so and takes the file that is there now.
    """
    with disk_faults(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = _locked(path, what)
    with file:
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        try:
            yield
        finally:
            with suppress(OSError):  # a file that stays is taken again
                path.unlink()


def _locked(path: Path, what: str) -> TextIO:
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            with file:
                file.seek(0)
                holder = file.read().strip() or "starting"
            raise UnavailableError(
                f"{what} is being analysed by another udib process ({holder}); wait until it is done, then ask again."
            ) from exc
        if _is_at(path, file):
            os.fchmod(file.fileno(), 0o600)  # an earlier version left files that others could read
            return file
        file.close()


def _is_at(path: Path, file: TextIO) -> bool:
    """Whether an open file is the one that has the name now."""
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False
