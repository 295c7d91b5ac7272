"""Watching feeds and channels: what is new since a date is ordered, once each, however often a look breaks off."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from udib.core.errors import BadRequestError, Status, UdibError, error_for
from udib.core.gates import Gates, download_from
from udib.core.jobs import CANCELLED, Job, JobState, Order, Outcome
from udib.core.ports import Catalogue, Feeds, ProgressSink, Watches
from udib.core.tenancy import Scope
from udib.core.types import Platform, Progress
from udib.core.watches import FeedItem, FeedLook, FeedMark, Watch, WatchState
from udib.pipeline.engine import Engine
from udib.pipeline.flow_control import places
from udib.pipeline.flows import analyze_order

WATCH: Final = "watch"

LEAST_EVERY_S: Final = 60.0
MOST_EVERY_S: Final = 30 * 86_400.0
_UNHURRIED: Final = -10
"""The priority of what no person waits for: of one tenant's work, what people order goes first."""
_LONGEST_PAUSE_S: Final = 86_400.0
_ITEMS_OF_A_LOOK: Final = 10
_MOST_WAITING: Final = 2_000
_MOST_SEEN: Final = 10_000
_MOST_JOBS: Final = 50
_JOBS_LOOKED_THROUGH: Final = 2_000
_TRIED_FOR_S: Final = 2 * 86_400.0
"""How long an item is tried again at each look that fails in a way that may pass, such as a stream that is live."""
_CLOCKS_DIFFER_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How the last jobs of a watch ended, those that can still be looked up. `failed` are newest first."""

    open: tuple[Job, ...] = ()
    failed: tuple[Job, ...] = ()
    done: int = 0


@dataclass(frozen=True, slots=True)
class FeedsInTurn:
    """Feeds, of which each is looked at when it is the tenant's turn at its platform, as downloads are begun there."""

    feeds: Feeds
    gates: Gates

    async def look(
        self, scope: Scope, address: str, mark: FeedMark, tell: ProgressSink | None = None
    ) -> FeedLook | None:
        """What is there now; see `Feeds.look`. Who is not told that it waits is a person, and goes first."""
        turn = places(self.gates, scope, 0, _nobody) if tell is None else places(self.gates, scope, _UNHURRIED, tell)
        async with turn("look", download_from(Platform.of(address))):
            return await self.feeds.look(address, mark)


def _nobody(_: Progress) -> None:
    """Nobody is told."""


class Watching:
    """Adds, looks and orders. A look is a job of the engine, so that of one watch never two are under way.

    Args:
        watches: Where they are kept.
        feeds: What looks.
        engine: What takes the orders, and repeats the looks.
        catalogue: What is analysed already is not ordered again.
        clock: Seconds since 1970.
        items: Most items that one look orders; the others wait for the next.
    """

    def __init__(
        self,
        watches: Watches,
        feeds: FeedsInTurn,
        engine: Engine,
        catalogue: Catalogue,
        *,
        clock: Callable[[], float] = time.time,
        items: int = _ITEMS_OF_A_LOOK,
    ) -> None:
        self._watches = watches
        self._feeds = feeds
        self._engine = engine
        self._catalogue = catalogue
        self._clock = clock
        self._items = items

    async def add(self, scope: Scope, address: str, *, since: float | None, every_s: float) -> tuple[Watch, bool]:
        """Look once, and begin to watch; what is new since the date waits then to be ordered by the next look.

        Args:
            scope: Whose memory it is for.
            address: Of a feed, of a page that names one, or of a channel or playlist.
            since: Items published earlier are left out; None: now. Of what has no date that which is there now is old.
            every_s: Seconds from look to look.

        Returns:
            The watch, and whether it is new; one of this address that is there stays as it is.

        Raises:
            UdibError: The address cannot be watched, now or at all.
        """
        now = self._clock()
        _refuse_impossible(since, every_s, now)
        address = _canonical(address)
        known = await self._watches.get(scope, Watch.id_of(address))
        if known is None:
            since = now if since is None else since
            found = await self._feeds.look(scope, address, FeedMark()) or FeedLook(FeedMark())
            fresh = [item for item in found.items if item.published_at is not None and item.published_at >= since]
            state = _with_items(WatchState(found.mark, looked_at=now), found.items, fresh)
            known = Watch(Watch.id_of(address), address, found.title, since, every_s, now, state=state)
            if await self._watches.add(scope, known):
                await self._repeat(scope, known)
                return known, True
        await self._repeat(scope, known)  # in case that was left out by a crash
        return known, False

    async def listing(self, scope: Scope) -> list[Watch]:
        """All watches, in order of their addition."""
        return await self._watches.listing(scope)

    async def find(self, scope: Scope, reference: str) -> Watch:
        """The watch of an id, of its beginning, or of an address.

        Raises:
            BadRequestError: There is none, or more than one.
        """
        listed = await self._watches.listing(scope)
        reference = reference.strip()
        found = [watch for watch in listed if reference in {watch.address, watch.id}]
        if not found and reference:
            address = _canonical(reference)
            found = [watch for watch in listed if watch.id.startswith(reference) or watch.address == address]
        match found:
            case [watch]:
                return watch
            case []:
                raise BadRequestError(f"Nothing is watched as {reference!r}; `udib watch list` shows what is.")
            case _:
                raise BadRequestError(f"More than one watch begins with {reference!r}; give more of its id.")

    async def remove(self, scope: Scope, watch: Watch) -> None:
        """Watch it no longer. What was ordered is done, and what was analysed stays."""
        await self._watches.remove(scope, watch.id)
        await self._engine.never(_name(scope, watch.id))

    async def look_now(self, scope: Scope, watch: Watch, progress: ProgressSink) -> Watch:
        """Look at once, whatever failed before, and order what is new.

        Raises:
            BadRequestError: It was removed meanwhile.
            UdibError: The look could not be made; that the feed is away is no error but in the state of the watch.
        """
        await self._watches.wake(scope, watch.id)
        await self._repeat(scope, watch)
        job = await self._engine.perform(_order(scope, watch.id), self.work, progress)
        if job.outcome is None or job.state is not JobState.DONE:
            came_to = job.outcome or CANCELLED
            raise error_for(came_to.status, came_to.error or f"The look is {job.state.value}.")
        found = await self._watches.get(scope, watch.id)
        if found is None:
            raise _RemovedError(watch.address)
        return found

    async def ended(self, scope: Scope, watches: Sequence[Watch]) -> dict[str, Ended]:
        """How the last jobs of each watch ended, by its id."""
        return {watch.id: _ended(await self._jobs(scope, watch)) for watch in watches}

    async def work(self, job: Job, tell: ProgressSink) -> Outcome:
        """What does a look. That a feed is away is the watch's matter, shown in its list: the job is then skipped."""
        scope, watch_id = job.order.scope, str(job.order.payload["watch"])
        watch = await self._watches.get(scope, watch_id)
        if watch is None:
            await self._engine.never(_name(scope, watch_id))
            return Outcome(Status.SKIPPED, "It is watched no longer.")
        tell(Progress("look", "started"))
        try:
            watch = await self._read(scope, await self._settled(scope, watch), tell)
            await self._try_again(scope, watch)
            await self._order_waiting(scope, watch)
        except _RemovedError as exc:
            return Outcome(Status.SKIPPED, str(exc))
        except UdibError as exc:  # the records or the engine: it is tried again at the next look
            return Outcome(exc.status, str(exc))
        tell(Progress("look", watch.state.status.value, note=watch.state.error or watch.title))
        return Outcome(Status.SKIPPED if watch.state.error else Status.OK, watch.state.error)

    async def _repeat(self, scope: Scope, watch: Watch) -> None:
        await self._engine.every(_name(scope, watch.id), watch.every_s, _order(scope, watch.id))

    async def _read(self, scope: Scope, watch: Watch, tell: ProgressSink) -> Watch:
        """The watch with what is at its address now."""
        now = self._clock()
        if watch.next_at > now:  # it failed, and rests
            return watch
        state = replace(watch.state, looked_at=now)
        try:
            found = await self._feeds.look(scope, watch.address, state.mark, tell)
        except UdibError as exc:
            state = replace(state, failures=state.failures + 1, status=exc.status, error=str(exc))
            watch = replace(watch, state=state, next_at=now + _pause_s(watch.every_s, state.failures))
        else:
            state = replace(state, failures=0, status=Status.OK, error=None)
            if found is not None:
                fresh = _since(found, watch.since, frozenset(state.seen))
                state = _with_items(replace(state, mark=found.mark), found.items, fresh)
                watch = replace(watch, title=found.title or watch.title)
            watch = replace(watch, state=state, next_at=0.0)
        await self._save(scope, watch)
        return watch

    async def _order_waiting(self, scope: Scope, watch: Watch) -> None:
        """Order the newest that wait. That it begins is noted first, so that nothing is ordered twice after a crash."""
        state = watch.state
        batch = state.waiting[: self._items]
        if not batch:
            return
        await self._save(scope, replace(watch, state=replace(state, ordering_since=self._clock())))
        orders = [_item_order(scope, item) for item in batch if not await self._is_known(scope, item.address)]
        jobs = [(await self._engine.submit(order)).id for order in orders]
        await self._save(scope, replace(watch, state=_ordered(state, batch, jobs)))

    async def _settled(self, scope: Scope, watch: Watch) -> Watch:
        """The watch with what a look that broke off had ordered."""
        state = watch.state
        if state.ordering_since is None:
            return watch
        since = state.ordering_since - _CLOCKS_DIFFER_S
        jobs = await self._engine.jobs(scope, without={WATCH}, limit=_JOBS_LOOKED_THROUGH)
        made = {job.order.key: job.id for job in jobs if job.submitted_at >= since}
        keys = {item: _item_order(scope, item).key for item in state.waiting[: self._items]}
        done = [item for item, key in keys.items() if key in made]
        return replace(watch, state=_ordered(state, done, [made[keys[item]] for item in reversed(done)]))

    async def _try_again(self, scope: Scope, watch: Watch) -> None:
        """Let the items go on that failed in a way that may pass, as long as they are not old."""
        oldest = self._clock() - _TRIED_FOR_S
        for job in await self._jobs(scope, watch):
            passes = job.outcome is not None and job.outcome.status is Status.RETRYABLE
            if passes and job.state is JobState.FAILED and job.submitted_at >= oldest:
                with suppress(BadRequestError):  # it goes on already, or was ordered again
                    await self._engine.again(job)

    async def _jobs(self, scope: Scope, watch: Watch) -> list[Job]:
        """The last jobs of a watch, without those that were forgotten, or dropped because they ended long ago."""
        found = {job.id: job for job in await self._engine.those(scope, watch.state.jobs)}
        return [found[job_id] for job_id in watch.state.jobs if job_id in found]

    async def _is_known(self, scope: Scope, address: str) -> bool:
        """Whether there is a report on an address already, whoever ordered it."""
        for content in await self._catalogue.find(scope, address):
            if address in {content.address, content.url} and await self._catalogue.report(scope, content.id):
                return True
        return False

    async def _save(self, scope: Scope, watch: Watch) -> None:
        if not await self._watches.save(scope, watch):
            raise _RemovedError(watch.address)


class _RemovedError(BadRequestError):
    """A watch is no longer there."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address} is watched no longer.")


def _refuse_impossible(since: float | None, every_s: float, now: float) -> None:
    if since is not None and since > now:
        day = datetime.fromtimestamp(since, UTC).isoformat(timespec="minutes").removesuffix("+00:00")
        raise BadRequestError(f"{day} (UTC) is not yet; give --since a date that has passed, or leave it out for now.")
    if not LEAST_EVERY_S <= every_s <= MOST_EVERY_S:
        raise BadRequestError(
            "A feed is looked at every minute at most, and every 30 days at least; such as --every 15m."
        )


def _canonical(address: str) -> str:
    """One spelling an address, so that the same one is not watched twice."""
    try:
        parts = urlsplit(address.strip())
        return urlunsplit((parts.scheme.lower(), parts.netloc.lower(), parts.path or "/", parts.query, ""))
    except ValueError as exc:
        raise BadRequestError(f"{address!r} is no valid address; check its host and port.") from exc


def _name(scope: Scope, watch_id: str) -> str:
    return f"watch:{scope.digest()}:{watch_id}"


def _order(scope: Scope, watch_id: str) -> Order:
    return Order(scope, WATCH, {"watch": watch_id})


def _item_order(scope: Scope, item: FeedItem) -> Order:
    """What a user would order for the address, so that it is the same job; what users order goes before it."""
    return analyze_order(scope, item.address, attempts=3, priority=_UNHURRIED)


def _pause_s(every_s: float, failures: int) -> float:
    """Seconds without a look after so many that failed: 2, 4, 8, ... intervals, a day at most."""
    return min(every_s * 2.0 ** min(failures, 20), max(every_s, _LONGEST_PAUSE_S))


def _since(look: FeedLook, since: float, seen: frozenset[str]) -> list[FeedItem]:
    """The items that are not older. One without a date is as old as the look that finds it.

    Unless it stands below one that was seen: a feed shows its newest so many, so that an old one comes up from below
    when another is taken down.
    """
    undated = [item for item in look.items if item.published_at is None]
    lowest = max(
        (place for place, item in enumerate(undated) if not seen.isdisjoint(item.digests)), default=len(undated)
    )
    new = undated if look.whole else undated[:lowest]
    return [*new, *(item for item in look.items if item.published_at is not None and item.published_at >= since)]


def _with_items(state: WatchState, items: Sequence[FeedItem], fresh: Sequence[FeedItem]) -> WatchState:
    """A state after a look that found `items`; those of the `fresh` that were not seen before wait to be ordered."""
    seen = set(state.seen)
    new = []
    for item in fresh:
        if seen.isdisjoint(item.digests):
            new.append(item)
            seen |= item.digests
    there = dict.fromkeys(digest for item in reversed(items) for digest in sorted(item.digests))
    kept = [digest for digest in state.seen if digest not in there]
    waiting = sorted((*new, *state.waiting), key=lambda item: -(item.published_at or float("inf")))
    return replace(state, seen=(*kept, *there)[-_MOST_SEEN:], waiting=tuple(waiting[:_MOST_WAITING]))


def _ordered(state: WatchState, items: Iterable[FeedItem], jobs: Sequence[str]) -> WatchState:
    """A state in which these of the waiting items are ordered; the jobs are given newest item first."""
    done = set(items)
    waiting = tuple(item for item in state.waiting if item not in done)
    kept = tuple(job for job in state.jobs if job not in jobs)
    return replace(state, waiting=waiting, jobs=(*kept, *reversed(jobs))[-_MOST_JOBS:], ordering_since=None)


def _ended(jobs: Sequence[Job]) -> Ended:
    is_open = tuple(job for job in jobs if not job.state.ended)
    failed = tuple(job for job in reversed(jobs) if job.state is JobState.FAILED)
    return Ended(is_open, failed, sum(job.state is JobState.DONE for job in jobs))
