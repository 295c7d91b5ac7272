"""Watching: what is ordered when, on real stores and a real engine, with feeds that a script gives."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from udib.core.errors import BadRequestError, Status, UdibError, UnavailableError
from udib.core.gates import Limit, download_from
from udib.core.jobs import Job, JobState, Order, Outcome
from udib.core.ports import ProgressSink
from udib.core.tenancy import Scope
from udib.core.types import Platform, Progress
from udib.core.watches import FeedItem, FeedLook, FeedMark, Watch
from udib.pipeline.flow_control import FlowControl
from udib.pipeline.flows import ANALYZE, analyze_order
from udib.pipeline.local import LocalEngine
from udib.pipeline.watching import WATCH, FeedsInTurn, Watching
from udib.storage.catalogue import SCHEMA, SqliteCatalogue
from udib.storage.database import Database
from udib.storage.jobs import SqliteJobStore
from udib.storage.steps import JOURNAL_SCHEMA
from udib.storage.watches import SqliteWatches
from udib.testing.gates import FakeGateBook

ACME = Scope.of("acme", "main")
DAY = 86_400.0
NOW = 1_000 * DAY
FEED = "https://a.example/feed"


def item(name: str, day: float | None = 1_000.0) -> FeedItem:
    return FeedItem(name, f"https://a.example/{name}.mp3", None if day is None else day * DAY)


class ScriptedFeeds:
    """What each look finds in turn, the last one again and again: entries, nothing new, or a failure."""

    def __init__(self) -> None:
        self.script: list[Sequence[FeedItem] | UdibError | None] = [[]]
        self.asked: list[FeedMark] = []

    async def look(self, address: str, mark: FeedMark) -> FeedLook | None:
        self.asked.append(mark)
        found = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(found, UdibError):
            raise found
        tag = f"tag{len(self.asked)}"
        return None if found is None else FeedLook(FeedMark(etag=tag), "Talks", tuple(found))


class BreakingWatches(SqliteWatches):
    """A store that fails at the save of that number, counted down."""

    left = -1

    async def save(self, scope: Scope, watch: Watch) -> bool:
        self.left -= 1
        if self.left == 0:
            raise UnavailableError("The disk is full.")
        return await super().save(scope, watch)


class Place:
    """Watching, with all that it stands on, and a clock to set."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        records, journal = Database(folder / "c.db", SCHEMA), Database(folder / "j.db", JOURNAL_SCHEMA)
        stack.push_async_callback(records.close)
        stack.push_async_callback(journal.close)
        self.now, self.pace_s = NOW, 0.0
        self.feeds = ScriptedFeeds()
        self.watches = BreakingWatches(records)
        self.engine = LocalEngine(SqliteJobStore(journal), folder / "locks", clock=self.clock)
        stack.push_async_callback(self.engine.close)
        catalogue = SqliteCatalogue(records)
        web = download_from(Platform.WEB)
        self.gates = FlowControl({web: (Limit(1), FakeGateBook())})
        feeds = FeedsInTurn(self.feeds, self.gates)
        self.watching = Watching(self.watches, feeds, self.engine, catalogue, clock=self.clock, items=2)

    def clock(self) -> float:
        self.now += self.pace_s
        return self.now

    async def add(self, *items: FeedItem, since: float | None = None) -> Watch:
        self.feeds.script = [items]
        watch, is_new = await self.watching.add(ACME, FEED, since=since, every_s=900)
        assert is_new
        return watch

    async def look(self, *found: Sequence[FeedItem] | UdibError | None) -> Watch:
        """A look by force, at what the script says."""
        self.feeds.script = [*found] or self.feeds.script
        [watch] = await self.watching.listing(ACME)
        return await self.watching.look_now(ACME, watch, lambda _: None)

    async def scheduled_look(self) -> Outcome:
        """A look as the engine has it done."""
        order = Order(ACME, WATCH, {"watch": Watch.id_of(FEED)})
        return await self.watching.work(Job("0", order, JobState.RUNNING, self.now), lambda _: None)

    async def ordered(self) -> list[str]:
        """The names of all items that were ordered, in that order, with repetitions."""
        jobs = await self.engine.jobs(ACME, without={WATCH}, limit=999)
        return [str(job.order.payload["address"])[18:-4] for job in reversed(jobs)]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        yield Place(tmp_path, stack)


async def finish(place: Place, outcome: Outcome) -> None:
    """Let all ordered items come to this."""

    async def work(job: Job, tell: ProgressSink) -> Outcome:
        return outcome

    place.pace_s = 5.0  # what is tried again waits its time
    for job in await place.engine.jobs(ACME, states={JobState.WAITING}, without={WATCH}, limit=999):
        await place.engine.attend(job, work, lambda _: None)
    place.pace_s = 0.0


async def test_only_what_is_published_from_now_on_is_ordered_and_once(place: Place) -> None:
    await place.add(item("old", 999), item("undated", None))
    await place.look([item("new", 1_001), item("old", 999), item("also", None), item("undated", None)])
    await place.look()
    assert sorted(await place.ordered()) == ["also", "new"]


async def test_a_look_takes_its_turn_at_the_platform_and_says_that_it_waits(place: Place) -> None:
    watch = await place.add()
    job = Job("0", Order(ACME, WATCH, {"watch": watch.id}), JobState.RUNNING, NOW)
    waits, told = asyncio.Event(), list[Progress]()

    def tell(event: Progress) -> None:
        told.append(event)
        if event.state == "waiting":
            waits.set()

    async with asyncio.timeout(10), asyncio.TaskGroup() as group, AsyncExitStack() as held:
        await held.enter_async_context(place.gates.place(download_from(Platform.WEB), ACME))
        looking = group.create_task(place.watching.work(job, tell))
        await waits.wait()
        assert len(place.feeds.asked) == 1  # when it was added
    assert (looking.result().status, len(place.feeds.asked)) == (Status.OK, 2)
    assert told[1].note == "waiting for its turn (download from web), 0 before it"


async def test_since_a_date_that_has_passed_what_is_there_is_ordered_too(place: Place) -> None:
    watch = await place.add(item("b", 990), item("a", 980), item("old", 970), since=980 * DAY)
    assert [each.id for each in watch.state.waiting] == ["b", "a"]
    await place.look()
    assert await place.ordered() == ["b", "a"]


async def test_a_look_orders_the_newest_and_leaves_the_others_to_the_next_also_of_an_unchanged_feed(
    place: Place,
) -> None:
    await place.add(*(item(str(day), day) for day in (990, 992, 991)), since=0)
    watch = await place.look(None)
    assert (await place.ordered(), len(watch.state.waiting)) == (["992", "991"], 1)
    await place.look([item("993", 993)])
    assert await place.ordered() == ["992", "991", "993", "990"]


async def test_an_entry_is_the_same_under_a_new_id_or_a_new_address(place: Place) -> None:
    await place.add(item("a"), since=0)
    await place.look()
    await place.look([replace(item("a"), id="other"), replace(item("a"), address="https://cdn.example/a")])
    assert await place.ordered() == ["a"]


async def test_an_undated_entry_that_comes_up_from_below_is_old(place: Place) -> None:
    await place.add(item("c", None), item("b", None))
    await place.look([item("d", None), item("b", None), item("a", None)])
    assert await place.ordered() == ["d"]


@pytest.mark.parametrize("breaks_at", [1, 2, 3])
async def test_a_look_that_breaks_off_loses_nothing_and_doubles_nothing(place: Place, breaks_at: int) -> None:
    await place.add(item("a", 990), item("b", 991), since=0)
    place.watches.left = breaks_at
    assert (await place.scheduled_look()).status is Status.RETRYABLE
    await finish(place, Outcome(Status.BAD_REQUEST, "No."))  # ended, so that the engine alone would take them anew
    await place.look()
    await place.look()
    assert sorted(await place.ordered()) == ["a", "b"]
    [watch] = await place.watching.listing(ACME)
    ended = (await place.watching.ended(ACME, [watch]))[watch.id]
    assert (watch.state.waiting, len(ended.failed) + len(ended.open)) == ((), 2)


async def test_a_feed_that_fails_rests_longer_each_time_and_says_why(place: Place) -> None:
    watch = await place.add()
    for failures, pause in ((1, 1800), (2, 3600), (3, 7200)):
        watch = await place.look(UnavailableError("It is away."))
        assert (watch.state.failures, watch.next_at - place.now) == (failures, pause)
        assert (watch.state.status, watch.state.error) == (Status.RETRYABLE, "It is away.")
    asked = len(place.feeds.asked)
    await place.scheduled_look()
    assert len(place.feeds.asked) == asked  # it rests
    watch = await place.look([item("a", 1_001)])
    assert (watch.state.failures, watch.state.error, watch.next_at) == (0, None, 0.0)
    assert await place.ordered() == ["a"]


async def test_no_pause_is_longer_than_a_day(place: Place) -> None:
    await place.add()
    for _ in range(12):
        watch = await place.look(BadRequestError("Gone."))
    assert watch.next_at - place.now == DAY


async def test_the_mark_of_the_last_look_makes_the_next_one_cheap(place: Place) -> None:
    await place.add()
    await place.look([item("a")], None)
    await place.look(None)
    assert [mark.etag for mark in place.feeds.asked] == [None, "tag1", "tag2"]


async def test_an_item_that_fails_for_now_is_tried_again_for_two_days(place: Place) -> None:
    await place.add(item("live"), since=0)
    await place.look()
    for _ in range(2):
        await finish(place, Outcome(Status.RETRYABLE, "It is live now."))
        [watch] = await place.watching.listing(ACME)
        [failed] = (await place.watching.ended(ACME, [watch]))[watch.id].failed
        assert failed.outcome == Outcome(Status.RETRYABLE, "It is live now.")
        await place.look()
        assert (await place.engine.find(ACME, failed.id)).state is JobState.WAITING
    await finish(place, Outcome(Status.RETRYABLE, "It is live now."))
    place.now += 3 * DAY
    await place.look()
    assert (await place.engine.find(ACME, failed.id)).state is JobState.FAILED
    assert await place.ordered() == ["live"]


async def test_what_users_order_is_the_same_job_and_goes_first(place: Place) -> None:
    mine = await place.engine.submit(analyze_order(ACME, item("a").address))
    await place.add(item("a"), since=0)
    await place.look()
    [job] = await place.engine.jobs(ACME, without={WATCH}, limit=9)
    assert (job.id, job.order.flow) == (mine.id, ANALYZE)


async def test_the_same_address_is_watched_once(place: Place) -> None:
    first = await place.add()
    again, is_new = await place.watching.add(ACME, " HTTPS://A.example/feed#part", since=5.0, every_s=60)
    assert (again, is_new) == (first, False)


async def test_a_watch_is_found_by_id_beginning_and_address(place: Place) -> None:
    watch = await place.add()
    for reference in (watch.id, watch.id[:4], FEED, "https://a.EXAMPLE/feed"):
        assert await place.watching.find(ACME, reference) == watch
    for reference in ("", "nothing", "https://a.example/"):
        with pytest.raises(BadRequestError, match="Nothing is watched"):
            await place.watching.find(ACME, reference)
    with pytest.raises(BadRequestError, match="Nothing is watched"):
        await place.watching.find(Scope.of("other", "main"), watch.id)


async def test_a_watch_that_was_removed_is_looked_at_no_longer(place: Place) -> None:
    watch = await place.add(item("a"), since=0)
    await place.watching.remove(ACME, watch)
    assert ((await place.scheduled_look()).status, await place.ordered()) == (Status.SKIPPED, [])


@pytest.mark.parametrize(
    ("since", "every_s", "complaint"),
    [(NOW + 1, 900.0, "not yet"), (None, 59.0, "every minute at most"), (None, 31 * DAY, "every 30 days at least")],
)
async def test_what_cannot_be_watched_is_refused(
    place: Place, since: float | None, every_s: float, complaint: str
) -> None:
    with pytest.raises(BadRequestError, match=complaint):
        await place.watching.add(ACME, FEED, since=since, every_s=every_s)
    assert place.feeds.asked == []
