"""What is kept of finished runs, given up when its time is over: media first, words only where the settings say so."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Final

from udib.core.errors import Status, UnavailableError
from udib.core.jobs import Job, Outcome
from udib.core.ports import ArtifactStore, Locks, ProgressSink, StepStore
from udib.core.tenancy import Scope, TenantId
from udib.core.types import ContentId, Progress
from udib.pipeline.engine import Work
from udib.pipeline.step import run_step

SWEEP: Final = "sweep"
SWEEP_EVERY_S: Final = 86_400.0
_LONGEST_S: Final = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Retention:
    """Seconds that things are kept; None: until they are forgotten.

    Attributes:
        media_s: Sound, video and captions that were fetched, since then; no longer than the words. A report needs none
            of them.
        words_s: What was heard or read, since the run that did. Without it an analysis begins with fetching.
    """

    media_s: float | None
    words_s: float | None

    @property
    def shortest_s(self) -> float | None:
        """From what age on there may be something to give up; None: never."""
        return min((limit for limit in (self.media_s, self.words_s) if limit is not None), default=None)


@dataclass(frozen=True, slots=True)
class Swept:
    """What was given up, or would be. `in_work`: contents that were left, as somebody works on them."""

    media: int = 0
    media_bytes: int = 0
    words: int = 0
    words_bytes: int = 0
    in_work: int = 0


class Sweeper:
    """Gives up what the tenants' retention does not keep. Nothing that an unfinished run may need is touched.

    Args:
        steps: The finished steps.
        locks: Who has which content in work.
        artifacts: Where large steps and media lie; of media those of this machine are reached.
        retention: Of tenants that have none of their own.
        of_tenants: Their own.
    """

    def __init__(
        self,
        steps: StepStore,
        locks: Locks,
        artifacts: ArtifactStore,
        retention: Retention,
        of_tenants: dict[TenantId, Retention],
    ) -> None:
        self._steps = steps
        self._locks = locks
        self._artifacts = artifacts
        self._retention = retention
        self._of_tenants = of_tenants

    @property
    def shortest_s(self) -> float | None:
        """From what age on there may be something to give up; None: all is kept until it is forgotten."""
        ages = [kept.shortest_s for kept in (self._retention, *self._of_tenants.values())]
        return min((age for age in ages if age is not None), default=None)

    async def sweep(self, *, dry_run: bool = False) -> Swept:
        """Give up what is too old, of all tenants. Safe to repeat after an interruption.

        Raises:
            UnavailableError: A store cannot be used now.
        """
        swept = Swept()
        if self.shortest_s is None:
            return swept
        for scope, content_id, age_s in await self._steps.idle(self.shortest_s):
            async with AsyncExitStack() as stack:
                try:
                    await stack.enter_async_context(self._locks.exclusive(scope, content_id))
                except UnavailableError:  # it comes again tomorrow
                    swept = replace(swept, in_work=swept.in_work + 1)
                    continue
                swept = await self._give_up(swept, scope, content_id, age_s, dry_run=dry_run)
        return swept

    async def _give_up(
        self, swept: Swept, scope: Scope, content_id: ContentId, age_s: float, *, dry_run: bool
    ) -> Swept:
        """What was given up, with that of one content, which nobody works on meanwhile."""
        kept = self._of_tenants.get(scope.tenant, self._retention)
        words_go = kept.words_s is not None and age_s >= kept.words_s
        if kept.media_s is not None:
            # With the words goes what names the media: nothing would use them any more, and no later sweep find them.
            limit = 0.0 if words_go else kept.media_s
            size = await self._artifacts.drop_media(scope, content_id, older_than_s=limit, dry_run=dry_run)
            if size:
                swept = replace(swept, media=swept.media + 1, media_bytes=swept.media_bytes + size)
        if words_go:
            size = 0
            # The steps go last: if this is interrupted, what they name is looked for again, and nothing is left behind.
            for digest in await self._steps.drop(scope, content_id, dry_run=True):
                size += len(await self._artifacts.get(scope, content_id, digest) or b"")
                if not dry_run:
                    await self._artifacts.remove(scope, content_id, digest)
            await self._steps.drop(scope, content_id, dry_run=dry_run)
            swept = replace(swept, words=swept.words + 1, words_bytes=swept.words_bytes + size)
        if not dry_run:
            await self._artifacts.sweep(scope, content_id)
        return swept


def sweep_with(sweeper: Sweeper) -> Work:
    """What does an order to sweep."""

    async def work(job: Job, tell: ProgressSink) -> Outcome:
        del job
        result = await run_step(sweeper.sweep(), name="sweep", deadline_s=_LONGEST_S)
        if (swept := result.value) is not None:
            given_up = f"{(swept.media_bytes + swept.words_bytes) / 1e6:.1f} MB given up"
            tell(Progress("sweep", Status.OK.value, note=given_up))
        return Outcome(result.status, result.error)

    return work
