"""Kept search results: bounded, shared, never stale, never another's."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from udib.core.errors import UnavailableError
from udib.core.tenancy import Scope
from udib.core.vectors import Hit
from udib.memory.generations import Generations
from udib.memory.search_cache import Found, SearchCache

A, B = Scope.of("a", "main"), Scope.of("b", "main")


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Searcher:
    """A search that counts and takes its time."""

    def __init__(self, text: str = "said", *, clock: Clock | None = None, takes_s: float = 0.0) -> None:
        self.count = 0
        self.go = asyncio.Event()
        self.go.set()
        self.error: UnavailableError | None = None
        self._text = text
        self._clock = clock
        self._takes_s = takes_s

    async def __call__(self) -> list[Hit]:
        self.count += 1
        await self.go.wait()
        if self._clock is not None:
            self._clock.now += self._takes_s
        if self.error is not None:
            raise self.error
        return [Hit("id", 1.0, 1.0, {"text": self._text, "deep": [1]})]


async def test_a_result_is_kept_with_its_age_and_what_it_saved() -> None:
    clock = Clock()
    cache, search = SearchCache(clock=clock), Searcher(clock=clock, takes_s=0.25)
    first = await cache.get_or_search("k", search)
    clock.now += 7
    second = await cache.get_or_search("k", search)
    assert (first.age_s, second.age_s, search.count) == (None, 7.25, 1)
    assert first.hits == second.hits
    assert cache.metrics.to_dict() == {"hits": 1, "misses": 1, "evictions": 0, "saved_ms": 250.0, "hit_rate": 0.5}


async def test_a_result_grows_old() -> None:
    clock = Clock()
    cache, search = SearchCache(clock=clock, ttl_s=10), Searcher()
    await cache.get_or_search("k", search)
    clock.now += 9.9
    assert (await cache.get_or_search("k", search)).age_s == pytest.approx(9.9)
    clock.now += 0.1
    assert (await cache.get_or_search("k", search)).age_s is None
    assert search.count == 2


async def test_the_one_used_longest_ago_goes_first() -> None:
    cache = SearchCache(most_entries=2)
    searches = {key: Searcher(key) for key in "abc"}
    for key in ("a", "b", "a", "c"):
        await cache.get_or_search(key, searches[key])
    assert (await cache.get_or_search("a", searches["a"])).age_s is not None
    assert (await cache.get_or_search("b", searches["b"])).age_s is None
    assert cache.metrics.evictions == 2


async def test_bytes_are_bounded() -> None:
    cache = SearchCache(largest_bytes=5000)
    for key in map(str, range(20)):
        await cache.get_or_search(key, Searcher("x" * 1000))
    newest_first = [str(number) for number in reversed(range(20))]
    kept = [key for key in newest_first if (await cache.get_or_search(key, Searcher("y"))).age_s is not None]
    assert kept == ["19", "18", "17", "16"]
    huge = Searcher("x" * 6000)
    for _ in range(2):
        assert (await cache.get_or_search("huge", huge)).age_s is None
    assert huge.count == 2


async def test_callers_at_the_same_time_share_one_search() -> None:
    cache, search = SearchCache(), Searcher()
    search.go.clear()
    callers = [asyncio.create_task(cache.get_or_search("k", search)) for _ in range(50)]
    await asyncio.sleep(0)
    callers[0].cancel()  # the one that started it
    search.go.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert search.count == 1
    assert isinstance(results[0], asyncio.CancelledError)
    assert all(isinstance(each, Found) and each.hits[0].payload["text"] == "said" for each in results[1:])


async def test_a_failed_search_is_not_kept_and_reaches_all_who_waited() -> None:
    cache, search = SearchCache(), Searcher()
    search.error = UnavailableError("away")
    results = await asyncio.gather(*(cache.get_or_search("k", search) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in results] == [UnavailableError] * 3
    search.error = None
    assert (await cache.get_or_search("k", search)).hits[0].payload["text"] == "said"


async def test_nobody_can_change_what_is_kept() -> None:
    cache, search = SearchCache(), Searcher()
    found = await cache.get_or_search("k", search)
    with pytest.raises(TypeError):
        found.hits[0].payload["text"] = "changed"  # type: ignore[index]
    assert (await cache.get_or_search("k", search)).hits[0].payload["text"] == "said"


async def test_it_can_be_emptied() -> None:
    cache, search = SearchCache(), Searcher()
    await cache.get_or_search("k", search)
    assert cache.clear() == 1
    assert (await cache.get_or_search("k", search)).age_s is None


async def test_a_write_is_seen_by_its_scope() -> None:
    generations = Generations()
    before = generations.of(A), generations.of(B)
    async with generations.writing(A):
        assert generations.of(A) is None
    assert generations.of(A) not in {None, before[0]}
    assert generations.of(B) == before[1]


WRITE = """
import asyncio, os, sys
from pathlib import Path
from udib.core.tenancy import Scope
from udib.memory.generations import Generations

async def write() -> None:
    async with Generations(Path(sys.argv[1])).writing(Scope.of("a", "main")):
        if sys.argv[2] == "killed":
            os.kill(os.getpid(), 9)

asyncio.run(write())
"""


async def test_a_write_of_another_process_is_seen_at_once(tmp_path: Path) -> None:
    path = tmp_path / "vectors" / "generations"
    mine = Generations(path)
    before = mine.of(A)
    subprocess.run([sys.executable, "-c", WRITE, str(path), "whole"], check=True)
    assert mine.of(A) not in {None, before}
    assert path.stat().st_mode & 0o777 == 0o600


async def test_after_a_killed_write_nothing_is_kept_until_the_next_one_ends(tmp_path: Path) -> None:
    mine = Generations(tmp_path / "generations")
    assert (
        subprocess.run([sys.executable, "-c", WRITE, str(tmp_path / "generations"), "killed"], check=False).returncode
        == -9
    )
    assert mine.of(A) is None
    async with mine.writing(A):  # its lock went with it
        pass
    assert mine.of(A) is not None


async def test_writers_of_a_scope_wait_for_each_other_but_not_for_ever(tmp_path: Path) -> None:
    first, second = Generations(tmp_path / "generations"), Generations(tmp_path / "generations", wait_s=0.03)
    done: list[str] = []

    async def write(name: str) -> None:
        async with first.writing(A):
            done.append(f"{name} begins")
            await asyncio.sleep(0.02)
            done.append(f"{name} ends")

    await asyncio.gather(write("one"), write("two"))
    assert done in (
        ["one begins", "one ends", "two begins", "two ends"],
        ["two begins", "two ends", "one begins", "one ends"],
    )
    async with first.writing(A):
        async with second.writing(B):
            """Another scope is free."""
        with pytest.raises(UnavailableError, match="Another udib process has been writing"):
            async with second.writing(A):
                pytest.fail("two writers at once")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="cannot be used"):
        Generations(tmp_path / "file" / "generations")
