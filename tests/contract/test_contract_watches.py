"""What every `Watches` promises."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from records_place import in_folder, in_new_schema, watches_at

from udib.core.errors import Status
from udib.core.ports import Watches
from udib.core.tenancy import Scope
from udib.core.watches import FeedItem, FeedMark, Watch, WatchState

A, B = Scope.of("a", "w"), Scope.of("b", "w")
ON_SERVER = [pytest.mark.server, pytest.mark.xdist_group("records")]
STATE = WatchState(
    FeedMark("https://a.example/feed", '"tag"', "Mon, 02 Nov 2026 10:00:00 GMT", listed=True),
    ("00ff", "11ee"),
    (FeedItem("i", "https://a.example/i.mp3", 5.25), FeedItem("j\0", "https://a.example/j")),
    ("job1", "job2"),
    9.5,
    10.5,
    3,
    Status.RETRYABLE,
    "It is away.",
)
WATCH = Watch("0123456789ab", "https://a.example/", "Talks \0 \u2400", 1e9, 900.0, 2e9, 3e9, STATE)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=ON_SERVER)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return in_folder(tmp_path)
    return in_new_schema(request.getfixturevalue("shared_postgres").url)


@pytest.fixture
async def watches(address: str) -> AsyncIterator[Watches]:
    async with watches_at(address) as opened:
        yield opened


async def test_a_watch_comes_back_as_it_was_in_its_scope_only(address: str) -> None:
    async with watches_at(address) as watches:
        assert await watches.add(A, WATCH)
    async with watches_at(address) as watches:
        assert await watches.get(A, WATCH.id) == WATCH
        assert await watches.listing(A) == [WATCH]
        assert (await watches.get(B, WATCH.id), await watches.listing(B)) == (None, [])


async def test_a_watch_is_added_once_a_scope(watches: Watches) -> None:
    assert await watches.add(A, WATCH)
    assert not await watches.add(A, replace(WATCH, title="Other"))
    assert await watches.add(B, replace(WATCH, title="Other"))
    assert [watch.title for watch in await watches.listing(A)] == [WATCH.title]


async def test_watches_are_listed_in_order_of_their_addition(watches: Watches) -> None:
    for watch_id, added_at in (("b", 2.0), ("a", 2.0), ("c", 1.0)):
        await watches.add(A, replace(WATCH, id=watch_id, added_at=added_at))
    assert [watch.id for watch in await watches.listing(A)] == ["c", "a", "b"]


async def test_what_is_known_is_kept_unless_the_watch_was_removed(watches: Watches) -> None:
    await watches.add(A, WATCH)
    newer = replace(WATCH, title="New", next_at=0.0, state=WatchState())
    assert await watches.save(A, newer)
    assert await watches.get(A, WATCH.id) == newer
    assert await watches.remove(A, WATCH.id)
    assert not await watches.remove(A, WATCH.id)
    assert not await watches.save(A, WATCH)
    assert not await watches.wake(A, WATCH.id)
    assert await watches.listing(A) == []


async def test_to_wake_a_watch_changes_nothing_else(watches: Watches) -> None:
    await watches.add(A, WATCH)
    assert await watches.wake(A, WATCH.id)
    assert not await watches.wake(B, WATCH.id)
    assert await watches.get(A, WATCH.id) == replace(WATCH, next_at=0.0)
