"""Answers that are kept, for whom, how long, and which ones are not."""

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from answering import FOR_A, A, B, numbered, question

from udib.app.settings import load_settings
from udib.core.chat import Completion, Finish, Purpose, TokenUsage, ToolCall
from udib.core.errors import BadRequestError, ForbiddenError, RefusedError, UnavailableError
from udib.core.ports import Forgettable
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.llm.cache import LLMCache
from udib.llm.cache_policy import CachePolicy
from udib.storage.database import Database
from udib.storage.degrading import DegradingKeyValueStore, Outage
from udib.storage.kv import SCHEMA, MemoryKeyValueStore, SqliteKeyValueStore

ROOT = Path(__file__).parents[3]
SITE = "https://a.example/v1"
ANSWER = numbered(1)


class Clock:
    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wall() -> Clock:
    return Clock(1.7e9)


@pytest.fixture
def store(wall: Clock) -> MemoryKeyValueStore:
    return MemoryKeyValueStore(wall)


@pytest.fixture
def make(store: MemoryKeyValueStore, clock: Clock, wall: Clock) -> Any:
    def cache(**policy: Any) -> LLMCache:
        return LLMCache(store, CachePolicy(**policy), clock=clock, wall=wall)

    return cache


@pytest.fixture
def cache(make: Any) -> LLMCache:
    made: LLMCache = make()
    return made


async def test_an_answer_is_found_again_and_costs_nothing(cache: LLMCache) -> None:
    assert await cache.get(question(), FOR_A, provider=SITE) is None
    assert await cache.set(question(), FOR_A, ANSWER, provider=SITE)
    found = await cache.get(question(), FOR_A, provider=SITE)
    assert found is not None
    assert found == replace(ANSWER, cached=True, usage=TokenUsage(), latency_ms=found.latency_ms)


async def test_its_health_is_told_apart_from_that_of_other_stores(cache: LLMCache) -> None:
    assert (await cache.ping()).name == "kept answers"


async def test_another_process_finds_it_in_the_store(make: Any) -> None:
    await make().set(question(), FOR_A, ANSWER, provider=SITE)
    found = await make(memory_entries=0).get(question(), FOR_A, provider=SITE)
    assert found is not None
    assert (found.text, found.finish, found.id) == (ANSWER.text, Finish.STOP, "x")


@pytest.mark.parametrize(
    ("request_", "purpose", "provider"),
    [
        (question("Other?"), FOR_A, SITE),
        (question(), replace(FOR_A, scope=B), SITE),
        (question(), replace(FOR_A, scope=Scope.of("a", "other")), SITE),
        (question(), replace(FOR_A, task="summary"), SITE),
        (question(), FOR_A, "https://b.example/v1"),
        (question(model="gpt-4o"), FOR_A, SITE),
    ],
)
async def test_nobody_else_gets_it(cache: LLMCache, request_: Any, purpose: Purpose, provider: str) -> None:
    await cache.set(question(), FOR_A, ANSWER, provider=SITE)
    assert await cache.get(request_, purpose, provider=provider) is None


@pytest.mark.parametrize(
    ("answer", "schema"),
    [
        (replace(ANSWER, finish=Finish.LENGTH), None),
        (replace(ANSWER, finish=Finish.CONTENT_FILTER), None),
        (replace(ANSWER, finish=Finish.OTHER), None),
        (replace(ANSWER, text=""), None),
        (replace(ANSWER, text=" \n"), None),
        (replace(ANSWER, finish=Finish.TOOL_CALLS, tool_calls=(ToolCall("1", "f", "{}"),)), None),
        (ANSWER, {"type": "object"}),
        (replace(ANSWER, text='{"a": 1'), {"type": "object"}),
        (replace(ANSWER, text='{"b": 1}'), {"type": "object", "required": ["a"]}),
        (replace(ANSWER, text="x" * 300_000), None),
    ],
)
async def test_what_is_not_whole_is_not_kept(cache: LLMCache, answer: Completion, schema: Any) -> None:
    asked = question(schema=schema)
    assert not await cache.set(asked, FOR_A, answer, provider=SITE)
    assert await cache.get(asked, FOR_A, provider=SITE) is None


async def test_an_answer_that_calls_tools_is_kept_for_tasks_that_say_so(make: Any) -> None:
    calls = replace(ANSWER, text="", finish=Finish.TOOL_CALLS, tool_calls=(ToolCall("1", "f", '{"a": 1}'),))
    assert await make(tool_call_tasks=["answer"]).set(question(), FOR_A, calls, provider=SITE)
    found = await make(memory_entries=0).get(question(), FOR_A, provider=SITE)
    assert found.tool_calls == calls.tool_calls


async def test_a_sampled_answer_is_kept_for_tasks_that_say_so(make: Any) -> None:
    warm = question(temperature=0.7)
    assert not await make().set(warm, FOR_A, ANSWER, provider=SITE)
    assert await make().get(warm, FOR_A, provider=SITE) is None
    assert await make(sampled_tasks=["answer"]).set(warm, FOR_A, ANSWER, provider=SITE)
    assert await make(sampled_tasks=["answer"]).get(warm, FOR_A, provider=SITE) is not None


@pytest.mark.parametrize("policy", [{"enabled": False}, {"default_ttl": 0}])
async def test_a_cache_can_be_off(make: Any, policy: Any) -> None:
    assert not await make(**policy).set(question(), FOR_A, ANSWER, provider=SITE)


async def test_requests_that_are_no_json_or_name_no_model_pass_by(cache: LLMCache) -> None:
    for asked in (question(options={"x": object()}), question(model=None)):
        assert not await cache.set(asked, FOR_A, ANSWER, provider=SITE)
        assert await cache.get(asked, FOR_A, provider=SITE) is None
    assert cache.get_metrics()["misses"] == 0


@pytest.mark.parametrize("memory_entries", [0, 100])
async def test_an_answer_grows_old(make: Any, clock: Clock, wall: Clock, memory_entries: int) -> None:
    cache = make(memory_entries=memory_entries, ttl_by_model={"gpt-4": 100}, ttl_by_task={"answer": 50}, default_ttl=9)
    await cache.set(question(), FOR_A, ANSWER, provider=SITE)
    for passed, there in ((49, True), (1, False)):
        clock.now += passed
        wall.now += passed
        assert (await cache.get(question(), FOR_A, provider=SITE) is not None) is there


def test_the_shorter_time_counts() -> None:
    policy = CachePolicy(ttl_by_model={"m": 100, "n": 0}, ttl_by_task={"t": 50}, default_ttl=70)
    pairs = [("m", "t"), ("m", "u"), ("x", "t"), ("x", "u"), ("n", "t")]
    assert [policy.ttl_s(*pair) for pair in pairs] == [50, 100, 50, 70, 0]


async def test_an_answer_from_the_store_is_not_held_longer_than_it_had_left(
    make: Any, clock: Clock, wall: Clock
) -> None:
    await make(default_ttl=100).set(question(), FOR_A, ANSWER, provider=SITE)
    wall.now += 90
    clock.now += 90
    late = make(default_ttl=100)
    assert await late.get(question(), FOR_A, provider=SITE)
    clock.now += 10
    wall.now += 10
    assert await late.get(question(), FOR_A, provider=SITE) is None


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0, -1e9])
async def test_a_jump_of_the_wall_clock_shows_nothing_that_is_too_old(
    make: Any, clock: Clock, wall: Clock, jump_s: float
) -> None:
    cache = make(default_ttl=600)
    await cache.set(question(), FOR_A, ANSWER, provider=SITE)
    wall.now += jump_s
    assert await cache.get(question(), FOR_A, provider=SITE) is not None  # this process counts seconds, not dates
    assert await make(default_ttl=600).get(question(), FOR_A, provider=SITE) is None
    clock.now += 600
    assert await cache.get(question(), FOR_A, provider=SITE) is None


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("*", {("gpt-4", "answer"), ("gpt-4", "summary"), ("m", "answer"), ("m", "summary")}),
        ("model:gpt-4", {("gpt-4", "answer"), ("gpt-4", "summary")}),
        ("task:summary", {("gpt-4", "summary"), ("m", "summary")}),
        ("model:answer", set()),
    ],
)
async def test_invalidation_takes_what_the_pattern_says_from_one_scope(
    make: Any, clock: Clock, pattern: str, gone: set[tuple[str, str]]
) -> None:
    one, other = make(), make()
    every = [(model, task) for model in ("gpt-4", "m") for task in ("answer", "summary")]
    for scope in (A, B):
        for model, task in every:
            for cache in (one, other):
                await cache.set(question(model=model), Purpose(scope, task), ANSWER, provider=SITE)

    async def left(cache: LLMCache, scope: Scope) -> set[tuple[str, str]]:
        return {
            (model, task) for model, task in every
            if await cache.get(question(model=model), Purpose(scope, task), provider=SITE)
        }  # fmt: skip

    assert await one.invalidate_pattern(pattern, scope=A) == 1
    assert await left(one, A) == set(every) - gone
    clock.now += 1  # the other process looks again after a second
    assert await left(other, A) == set(every) - gone
    assert await left(one, B) == await left(other, B) == set(every)


@pytest.mark.parametrize("pattern", ["", "gpt-4", "model:", "model:gpt-*", "tenant:a", "task:?", "**", "model", ":x"])
async def test_other_patterns_are_refused_in_a_sentence(cache: LLMCache, pattern: str) -> None:
    with pytest.raises(BadRequestError, match=re.escape(f"{pattern!r} names no kept answers; write * for all, model:")):
        await cache.invalidate_pattern(pattern, scope=A)


async def test_what_was_invalidated_does_not_come_back_when_the_store_loses_the_generations(
    make: Any, store: MemoryKeyValueStore, clock: Clock
) -> None:
    cache = make(memory_entries=0)
    await cache.set(question(), FOR_A, ANSWER, provider=SITE)
    await cache.invalidate_pattern("*", scope=A)
    await store.with_namespace("llm_cache_v1").with_namespace(A.digest()).with_namespace("generations").clear()
    clock.now += 1
    assert await cache.get(question(), FOR_A, provider=SITE) is None


async def test_an_answer_that_was_asked_for_before_an_invalidation_is_not_kept_after_it(cache: LLMCache) -> None:
    spot = await cache.spot(question(), FOR_A, SITE, "gpt-4")
    assert spot is not None
    await cache.invalidate_pattern("*", scope=A)
    assert not await cache.keep(spot, question(), ANSWER, 0.0)


async def test_an_answer_under_way_while_another_process_forgets_is_nowhere_afterwards(
    make: Any, store: MemoryKeyValueStore
) -> None:
    asking, forgetting = make(), make()
    spot = await asking.spot(question(), FOR_A, SITE, "gpt-4")
    await forgetting.forget(A, ContentId("web:1"))
    assert await asking.keep(spot, question(), ANSWER, 0.0) is None
    assert not await asking.keep_refusal(spot, RefusedError("No."))
    assert len(asking._shelf) == 0
    assert not any(b"answer 1" in value or b"No." in value for value, _ in store._shelf.entries.values())


async def test_forgetting_takes_a_scopes_answers_from_memory_and_store(make: Any, store: MemoryKeyValueStore) -> None:
    cache = make()
    forgettable: Forgettable = cache
    for number in range(3):
        await cache.set(question(str(number)), FOR_A, ANSWER, provider=SITE)
    await cache.set(question(), replace(FOR_A, scope=B), ANSWER, provider=SITE)
    assert await forgettable.forget(A, ContentId("web:1")) == 3
    assert await cache.forget(A, ContentId("web:1")) == 0
    assert [await cache.get(question(str(number)), FOR_A, provider=SITE) for number in range(3)] == [None] * 3
    assert await cache.get(question(), replace(FOR_A, scope=B), provider=SITE)
    assert len(cache._shelf) == 1
    assert sum(b"answer 1" in value for value, _ in store._shelf.entries.values()) == 1


async def test_no_prompt_lies_on_the_disk_and_a_forgotten_answer_leaves_no_byte(tmp_path: Path) -> None:
    database = Database(tmp_path / "cache.db", SCHEMA)
    cache = LLMCache(SqliteKeyValueStore(database), CachePolicy())
    secret = replace(ANSWER, text="the-kept-answer")
    await cache.set(question("the-secret-question"), FOR_A, secret, provider=SITE)

    def bytes_of() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert b"the-kept-answer" in bytes_of()
    assert b"the-secret-question" not in bytes_of()
    await cache.forget(A, ContentId("web:1"))
    assert b"the-kept-answer" not in bytes_of()
    await database.close()


@pytest.mark.parametrize("damage", [lambda v: b"", lambda v: v[:20], lambda v: v[:-5] + b"abcde", lambda v: b"x" * 99])
async def test_an_entry_that_is_torn_or_of_another_question_is_none(
    make: Any, store: MemoryKeyValueStore, damage: Any
) -> None:
    await make().set(question(), FOR_A, ANSWER, provider=SITE)
    for key, (value, expires_at) in list(store._shelf.entries.items()):
        if b"answer 1" in value:
            store._shelf.entries[key] = (damage(value), expires_at)
    assert await make().get(question(), FOR_A, provider=SITE) is None


async def test_an_entry_under_another_key_is_none(make: Any, store: MemoryKeyValueStore) -> None:
    await make().set(question("one"), FOR_A, ANSWER, provider=SITE)
    [entry] = [entry for entry in store._shelf.entries.values() if b"answer 1" in entry[0]]
    await make().set(question("two"), FOR_A, replace(ANSWER, text="other"), provider=SITE)
    [moved] = [key for key, (value, _) in store._shelf.entries.items() if b"other" in value]
    store._shelf.entries[moved] = entry
    assert await make().get(question("two"), FOR_A, provider=SITE) is None


async def test_memory_is_bounded_in_entries_and_bytes(make: Any) -> None:
    few = make(memory_entries=3)
    for number in range(5):
        await few.set(question(str(number)), FOR_A, ANSWER, provider=SITE)
    assert (len(few._shelf), few.get_metrics()["evictions"]) == (3, 2)
    assert await few.get(question("0"), FOR_A, provider=SITE)  # from the store
    small = make(memory_megabytes=1, largest_kilobytes=400)
    for number in range(5):
        await small.set(question(str(number)), FOR_A, replace(ANSWER, text="x" * 300_000), provider=SITE)
    assert len(small._shelf) == 3


async def test_the_metrics_have_the_plans_keys_and_a_row_for_each_label(cache: LLMCache) -> None:
    for _ in range(2):
        await cache.get(question(), FOR_A, provider=SITE)
        await cache.set(question(), FOR_A, ANSWER, provider=SITE)
    await cache.get(question(), replace(FOR_A, scope=B), provider=SITE)
    told = cache.get_metrics()
    rows = told.pop("by")
    assert told == {
        "hits": 1, "misses": 2, "evictions": 0, "hit_rate": pytest.approx(1 / 3),
        "total_saved_cost_usd": 0.25, "total_saved_latency_ms": 800,
        "compared": 0, "reworded": 0, "checked": 0, "checked_wrong": 0,
    }  # fmt: skip
    assert [(row["tenant"], row["task"], row["model"], row["hits"], row["misses"]) for row in rows] == [
        ("a", "answer", "gpt-4", 1, 1),
        ("b", "answer", "gpt-4", 0, 1),
    ]
    assert cache.metrics.hit_rate == pytest.approx(1 / 3)
    assert json.dumps(rows)


async def test_labels_beyond_a_thousand_are_counted_together(cache: LLMCache) -> None:
    for number in range(1100):
        await cache.get(question(), Purpose(Scope.of(f"t{number}", "w"), "answer"), provider=SITE)
    rows = cache.get_metrics()["by"]
    assert (len(rows), sum(row["misses"] for row in rows)) == (1001, 1100)


class Away(MemoryKeyValueStore):
    """A store that refuses everything."""

    __slots__ = ()
    error: type[UnavailableError | ForbiddenError] = UnavailableError

    def with_namespace(self, name: str) -> "Away":
        return self

    def _live(self, key: str) -> Any:
        raise self.error("It is away; wait.")

    def _put(self, key: str, value: bytes, expires_at: float | None) -> None:
        self._live(key)


@pytest.mark.parametrize("error", [UnavailableError, ForbiddenError])
async def test_a_store_that_is_away_costs_a_call_and_nothing_else(error: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Away, "error", error)
    cache = LLMCache(Away(), CachePolicy())
    assert await cache.get(question(), FOR_A, provider=SITE) is None
    assert not await cache.set(question(), FOR_A, ANSWER, provider=SITE)
    with pytest.raises(error):
        await cache.invalidate_pattern("*", scope=A)


async def test_a_locked_or_damaged_file_costs_a_call_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    database = Database(path, SCHEMA, busy_timeout_s=0.05, disposable=True)
    cache = LLMCache(SqliteKeyValueStore(database), CachePolicy(memory_entries=0, refresh_s=0))
    await cache.set(question(), FOR_A, ANSWER, provider=SITE)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert await cache.get(question(), FOR_A, provider=SITE)  # who writes does not keep others from reading
    assert not await cache.set(question("two"), FOR_A, ANSWER, provider=SITE)
    other.close()
    await database.close()
    path.write_bytes(b"damaged" * 1000)
    database = Database(path, SCHEMA, disposable=True)
    cache = LLMCache(SqliteKeyValueStore(database), CachePolicy())
    assert await cache.get(question(), FOR_A, provider=SITE) is None
    assert await cache.set(question(), FOR_A, ANSWER, provider=SITE)
    assert "moved aside to cache.db.damaged" in (await cache.ping()).detail
    await database.close()


@pytest.fixture
async def two_files(tmp_path: Path) -> AsyncIterator[list[Database]]:
    databases = [Database(tmp_path / "cache.db", SCHEMA) for _ in range(2)]
    yield databases
    for database in databases:
        await database.close()


async def test_generations_that_two_processes_draw_at_once_are_one(two_files: list[Database]) -> None:
    caches = [LLMCache(SqliteKeyValueStore(database), CachePolicy(refresh_s=0)) for database in two_files]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(cache.spot(question(), FOR_A, SITE, "gpt-4")) for cache in caches]
    one, other = (task.result() for task in tasks)
    assert one is not None
    assert one == other


def test_the_shipped_policy_is_the_default_one_but_for_its_examples() -> None:
    shipped = load_settings().llm_cache
    assert shipped.model_copy(update={"ttl_by_model": {}, "ttl_by_task": {}}) == CachePolicy()
    assert (shipped.ttl_s("gpt-4", "answer"), shipped.ttl_s("other", "answer")) == (7200, 3600)


class Line:
    cut = False


class Interrupted(MemoryKeyValueStore):
    """A server in memory that is away while the line is cut."""

    __slots__ = ()

    def with_namespace(self, name: str) -> "Interrupted":
        view = super().with_namespace(name)
        return Interrupted(view.clock, view.namespace, view._shelf)

    def _live(self, key: str) -> tuple[bytes | None, float | None]:
        if Line.cut:
            raise UnavailableError("It is cut off; wait.")
        return super()._live(key)

    def _put(self, key: str, value: bytes, expires_at: float | None) -> None:
        self._live(key)
        super()._put(key, value, expires_at)

    async def clear(self) -> int:
        self._live("")
        return await super().clear()


async def test_what_was_invalidated_while_the_server_was_away_is_not_found_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, server = Clock(), Interrupted()
    shared = DegradingKeyValueStore(server, Outage(clock=clock))
    cache, other = (LLMCache(shared, CachePolicy(refresh_s=0), clock=clock) for _ in range(2))
    away = LLMCache(DegradingKeyValueStore(server, Outage(clock=clock)), CachePolicy(refresh_s=0), clock=clock)
    await cache.set(question("one"), FOR_A, ANSWER, provider=SITE)
    monkeypatch.setattr(Line, "cut", True)
    assert await cache.get(question("one"), FOR_A, provider=SITE) is None
    await cache.set(question("two"), FOR_A, ANSWER, provider=SITE)
    assert await cache.get(question("two"), FOR_A, provider=SITE)
    await cache.invalidate_pattern("*", scope=A)
    assert await cache.get(question("two"), FOR_A, provider=SITE) is None
    with pytest.raises(UnavailableError):
        await cache.forget(A, ContentId("web:1"))  # it cannot be promised now
    monkeypatch.setattr(Line, "cut", False)
    clock.now += 1
    for each in (cache, other, away):
        for text in ("one", "two"):
            assert await each.get(question(text), FOR_A, provider=SITE) is None
    assert await cache.set(question("three"), FOR_A, ANSWER, provider=SITE)
    assert await away.get(question("three"), FOR_A, provider=SITE)


async def test_an_outage_without_invalidation_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, server = Clock(), Interrupted()
    cache = LLMCache(DegradingKeyValueStore(server, Outage(clock=clock)), CachePolicy(memory_entries=0), clock=clock)
    await cache.set(question("one"), FOR_A, ANSWER, provider=SITE)
    monkeypatch.setattr(Line, "cut", True)
    clock.now += 1
    assert await cache.get(question("one"), FOR_A, provider=SITE) is None
    monkeypatch.setattr(Line, "cut", False)
    clock.now += 1
    assert await cache.get(question("one"), FOR_A, provider=SITE)


async def test_the_totals_are_those_of_all_processes(make: Any) -> None:
    one, other = make(), make()
    for cache in (one, other):
        await cache.get(question(), FOR_A, provider=SITE)
        await cache.set(question(), FOR_A, ANSWER, provider=SITE)
        await cache.get(question(model="m"), FOR_A, provider=SITE)
        for _ in range(2):
            await cache.flush()
    rows = await make().totals("a")
    assert [(row["task"], row["model"], row["hits"], row["misses"]) for row in rows] == [
        ("answer", "gpt-4", 1, 1),
        ("answer", "m", 0, 2),
    ]
    assert (rows[0]["total_saved_cost_usd"], rows[0]["total_saved_latency_ms"]) == (0.25, 800)
    assert await one.totals("b") == []
