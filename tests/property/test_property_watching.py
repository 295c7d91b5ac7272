"""Whatever window of its entries a feed shows at each look, and wherever a look breaks off: each new one once."""

import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from udib.core.errors import UnavailableError
from udib.core.jobs import Job, JobState, Order
from udib.core.tenancy import Scope
from udib.core.watches import FeedItem, FeedLook, FeedMark, Watch
from udib.pipeline.flow_control import FlowControl
from udib.pipeline.local import LocalEngine
from udib.pipeline.watching import WATCH, FeedsInTurn, Watching
from udib.storage.catalogue import SCHEMA, SqliteCatalogue
from udib.storage.database import Database
from udib.storage.jobs import SqliteJobStore
from udib.storage.steps import JOURNAL_SCHEMA
from udib.storage.watches import SqliteWatches

ACME = Scope.of("acme", "main")
ADDRESS = "https://a.example/feed"
MOST = 12


class WindowFeeds:
    """Shows the newest `width` of the first `published` entries; every second one has no date."""

    def __init__(self) -> None:
        self.published, self.width = 0, 0

    async def look(self, address: str, mark: FeedMark) -> FeedLook | None:
        newest_first = reversed(range(max(0, self.published - self.width), self.published))
        items = [FeedItem(str(n), f"https://a.example/{n}", None if n % 2 else 1e6 + n) for n in newest_first]
        items.sort(key=lambda item: item.published_at is None)
        return FeedLook(FeedMark(), "", tuple(items))


class UncertainWatches(SqliteWatches):
    """Fails at the save of that number, counted down."""

    left = 0

    async def save(self, scope: Scope, watch: Watch) -> bool:
        self.left -= 1
        if self.left == 0:
            raise UnavailableError("The disk is full.")
        return await super().save(scope, watch)


async def all_ordered(looks: list[tuple[int, int]], fails: list[int]) -> list[str]:
    """The items that are ordered when at each look so many more are published, and saves of those numbers fail."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        records, journal = Database(folder / "c.db", SCHEMA), Database(folder / "j.db", JOURNAL_SCHEMA)
        stack.push_async_callback(records.close)
        stack.push_async_callback(journal.close)
        engine = LocalEngine(SqliteJobStore(journal), folder / "locks", clock=lambda: 1e6)
        stack.push_async_callback(engine.close)
        feeds, watches = WindowFeeds(), UncertainWatches(records)
        watching = Watching(
            watches, FeedsInTurn(feeds, FlowControl()), engine, SqliteCatalogue(records), clock=lambda: 1e6, items=3
        )
        watch, _ = await watching.add(ACME, ADDRESS, since=0, every_s=60)
        look = Job("0", Order(ACME, WATCH, {"watch": watch.id}), JobState.RUNNING, 0.0)
        for (more, spare), fail in zip([*looks, *[(0, 0)] * MOST], [*fails, *[0] * MOST], strict=False):
            feeds.published += more
            feeds.width = more + spare + MOST  # an entry is shown at two looks at least
            watches.left = fail
            await watching.work(look, lambda _: None)
            for job in await engine.jobs(ACME, states={JobState.WAITING}, limit=99):
                await engine.cancel(job)  # ended, so that the engine alone would take the same order anew
        return [str(job.order.payload["address"]).rpartition("/")[2] for job in await engine.jobs(ACME, limit=999)]


@settings(max_examples=15)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=5),
    st.lists(st.integers(0, 3), min_size=5, max_size=5),
)
def test_each_new_entry_is_ordered_once(looks: list[tuple[int, int]], fails: list[int]) -> None:
    ordered = asyncio.run(all_ordered(looks, fails))
    assert sorted(ordered, key=int) == [str(number) for number in range(sum(more for more, _ in looks))]
