"""The journal: finished steps of runs are kept, so that an interrupted run goes on where it was.

Steps are named by stage, version and a digest of their inputs. Small results lie in the journal, large ones in the
artifact store. A lock keeps two processes from having the same content in work at once.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any, Final, Generic, TypeVar

import msgspec

from udib.core.errors import Status, UdibError
from udib.core.findings import StageTiming
from udib.core.jobs import Began, KeptStep, RunKey, StepName
from udib.core.ports import ArtifactStore, Locks, ProgressSink, StepStore
from udib.core.result import StepResult
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health, Progress
from udib.pipeline.step import Stage, beside, run_step

T = TypeVar("T")
U = TypeVar("U")

LARGEST_INLINE: Final = 32 * 1024
"""Bytes of a step's result up to which it lies in the journal itself."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Who is told of a run's stages, and when the run began, by `time.perf_counter`."""

    progress: ProgressSink
    began: float


class Journal:
    """Runs, journalled. Also the `Forgettable` of the journal."""

    name = "journal"

    def __init__(self, steps: StepStore, locks: Locks, artifacts: ArtifactStore) -> None:
        self._steps = steps
        self._locks = locks
        self._artifacts = artifacts

    @asynccontextmanager
    async def run(
        self,
        key: RunKey,
        *,
        next_revision: Callable[[], Awaitable[int]],
        fresh: frozenset[str] = frozenset(),
        watched: "Watched",
    ) -> AsyncGenerator["JournalledRun"]:
        """A new run of a content, or the interrupted one with the same key.

        The run is finished when the block ends, unless it is cancelled, crashes or fails in a way that may pass: then
        the next run with the same key takes its finished steps over, if no other run of the content was finished since.

        Args:
            key: What is run.
            next_revision: Gives the number of the report to be made, if the run is a new one.
            fresh: Stages for which no earlier run's results are used.
            watched: Who is told of every stage.

        Raises:
            UnavailableError: Another process has the same content in work, or the disk is full.
        """
        async with self._locks.exclusive(key.scope, key.content_id):
            run = await self._steps.begin(key, await next_revision())
            stores = self._steps, self._artifacts
            try:
                yield JournalledRun(key, replace(run, earlier=_without(run.earlier, fresh)), stores, watched)
            except UdibError as exc:
                if exc.status is not Status.RETRYABLE:
                    await self._end(run.run_id, key)
                raise
            await self._end(run.run_id, key)

    def exclusive(self, scope: Scope, content_id: ContentId) -> AbstractAsyncContextManager[None]:
        """Keep every other run of a content away; see `Locks.exclusive`."""
        return self._locks.exclusive(scope, content_id)

    def citing(self, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Held by a run that carries words of other contents; see `Locks.citing`."""
        return self._locks.citing(scope)

    def uncited(self, scope: Scope) -> AbstractAsyncContextManager[None]:
        """Held while a content is forgotten; see `Locks.uncited`."""
        return self._locks.uncited(scope)

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove the runs of a content and their steps.

        Interrupted runs of other contents may hold its words as evidence: what they would have resumed goes as well,
        except transcripts, so that they do their analyses again.
        """
        removed, dropped = await self._steps.forget(scope, content_id)
        await self._remove(scope, dropped)
        return removed

    async def ping(self) -> Health:
        """Whether the journal can be written."""
        return await self._steps.ping()

    async def _end(self, run_id: int, key: RunKey) -> None:
        await self._remove(key.scope, await self._steps.finish(run_id, key))
        await self._artifacts.sweep(key.scope, key.content_id)

    async def _remove(self, scope: Scope, artifacts: Sequence[tuple[ContentId, str]]) -> None:
        for content_id, digest in artifacts:
            await self._artifacts.remove(scope, content_id, digest)


@dataclass(frozen=True, slots=True)
class _Done(Generic[T]):
    """A stage's value, and whether it was kept from before."""

    value: T
    reused: bool


class JournalledRun:
    """One run in the journal; see `udib.pipeline.step.Run`."""

    def __init__(
        self,
        key: RunKey,
        run: Began,
        stores: tuple[StepStore, ArtifactStore],
        watched: "Watched",
    ) -> None:
        self.revision = run.revision
        self._key = key
        self._run = run
        self._steps, self._artifacts = stores
        self._progress = watched.progress
        self._began = watched.began
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

    async def keeps(self, stage: Stage[T], *inputs: object) -> bool:
        """Whether a stage would hand back what it gave before for these inputs; see `Run.keeps`."""
        return await self._kept(stage, await _name(stage, inputs)) is not None

    async def _done(self, stage: Stage[T], inputs: tuple[object, ...]) -> "_Done[T]":
        """The stage's value. A journal that cannot be read or written fails the stage as its own work would."""
        name = await _name(stage, inputs)
        kept = await self._kept(stage, name)
        if kept is not None and (stage.intact is None or await stage.intact(kept)):
            return _Done(kept, reused=True)
        value = await (stage.work(*inputs) if stage.part is None else self._in_parts(stage, stage.part, name, inputs))
        await self._keep(stage, name, value)
        return _Done(value, reused=False)

    async def _in_parts(self, stage: Stage[T], part: type[object], name: StepName, inputs: tuple[object, ...]) -> T:
        """The value of a stage that keeps what it has got done so far."""
        kept = await self._steps.parts(self._run.run_id, name)
        parts = _KeptParts(await asyncio.to_thread(_read_parts, kept, part))
        async with beside(parts.write(partial(self._steps.keep_part, self._run.run_id, name))):
            return await stage.work(*inputs, parts)

    def _now(self) -> float:
        return round(time.perf_counter() - self._began, 4)

    async def _kept(self, stage: Stage[T], name: StepName) -> T | None:
        if name not in self._run.mine and not (stage.reusable and name in self._run.earlier):
            return None
        found = await self._steps.output(self._run.run_id, self._key, name)
        if found is None:
            return None
        data = found.output
        if found.artifact is not None:
            data = await self._artifacts.get(self._key.scope, self._key.content_id, found.artifact)
        if data is None:
            return None  # the artifact was removed or altered: the stage is done again
        try:
            return await _off_loop(stage, partial(msgspec.json.decode, type=stage.returns), data)
        except msgspec.ValidationError:
            return None  # written by a version whose values had another shape

    async def _keep(self, stage: Stage[T], name: StepName, value: T) -> None:
        try:
            data = await _off_loop(stage, msgspec.json.encode, value)
        except (TypeError, ValueError, OverflowError, RecursionError) as exc:  # what JSON has no form for
            raise UdibError(
                f"The stage {stage.name!r} gave something that cannot be kept ({type(exc).__name__}: {exc}); this is a "
                "bug of udib, please report it."
            ) from exc
        step = KeptStep(name, data, None, stage.reusable)
        if len(data) > LARGEST_INLINE:
            digest = await self._artifacts.put(self._key.scope, self._key.content_id, data)
            step = KeptStep(name, None, digest, stage.reusable)
        await self._steps.keep(self._run.run_id, step)


def _read_parts(kept: Sequence[bytes], of: type[T]) -> tuple[T, ...]:
    try:
        return tuple(msgspec.json.decode(each, type=of) for each in kept)
    except msgspec.ValidationError:
        return ()  # written by a version whose values had another shape


class _KeptParts:
    """The parts of one step; see `udib.pipeline.step.Parts`."""

    def __init__(self, kept: tuple[object, ...]) -> None:
        self.kept = kept
        self._new: asyncio.Queue[object] = asyncio.Queue()
        self._failed: UdibError | None = None

    def keep(self, part: object) -> None:
        """Have the next part kept; see `Parts.keep`."""
        if self._failed is not None:
            raise self._failed
        self._new.put_nowait(part)

    async def write(self, keep: Callable[[int, bytes], Awaitable[None]]) -> None:
        """Keep, by number, what comes, until cancelled."""
        try:
            for number in count(len(self.kept)):
                await keep(number, msgspec.json.encode(await self._new.get()))
        except UdibError as exc:
            self._failed = exc


async def _name(stage: Stage[Any], inputs: tuple[object, ...]) -> StepName:
    decisive = inputs if stage.key is None else stage.key(*inputs)
    return StepName(stage.name, stage.version, await _off_loop(stage, _digest, decisive))


async def _off_loop(stage: Stage[Any], work: Callable[[Any], U], value: object) -> U:
    """Read or write JSON, on another thread unless the stage is a small one."""
    return work(value) if stage.small else await asyncio.to_thread(work, value)


def _without(names: frozenset[StepName], stages: frozenset[str]) -> frozenset[StepName]:
    return frozenset(name for name in names if name.stage not in stages)


def _digest(inputs: object) -> str:
    return hashlib.sha256(msgspec.json.encode(inputs)).hexdigest()
