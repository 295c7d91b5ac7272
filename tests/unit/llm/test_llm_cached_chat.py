"""A model behind a cache: one call for many callers, in pieces or whole, whoever of them goes away."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from answering import FOR_A, A, Answering, B, numbered, question

from udib.core.chat import ChatRequest, Completion, Finish, Purpose, TokenUsage
from udib.core.errors import (
    BadRequestError,
    BudgetExceededError,
    ForbiddenError,
    MissingModelError,
    RefusedError,
    UdibError,
    UnavailableError,
)
from udib.core.ports import KeyValueStore
from udib.llm.cache import LLMCache
from udib.llm.cache_policy import CachePolicy
from udib.llm.cached_chat import CachedChatModel
from udib.storage.kv import MemoryKeyValueStore

LONG = "All of it, word by word, " * 20


def cached(inner: Answering, store: KeyValueStore | None = None, **policy: object) -> CachedChatModel:
    cache = LLMCache(store or MemoryKeyValueStore(), CachePolicy(**policy))  # type: ignore[arg-type]
    return CachedChatModel(inner, cache, provider="https://a.example/v1")


async def streamed(
    model: CachedChatModel, request: ChatRequest, purpose: Purpose = FOR_A
) -> tuple[list[str], Completion]:
    parts = [part async for part in model.stream(request, purpose)]
    *pieces, answer = parts
    assert isinstance(answer, Completion)
    return [piece for piece in pieces if isinstance(piece, str)], answer


async def test_the_same_question_is_asked_once() -> None:
    inner = Answering()
    model = cached(inner)
    first, second = [await model.complete(question(), FOR_A) for _ in range(2)]
    assert first == numbered(1)
    assert (second.text, second.cached, second.usage) == ("answer 1", True, TokenUsage())
    assert inner.calls == 1


async def test_two_tenants_share_nothing() -> None:
    model = cached(Answering())
    texts = {(await model.complete(question(), replace(FOR_A, scope=scope))).text for scope in (A, B)}
    assert texts == {"answer 1", "answer 2"}


async def test_streaming_and_not_streaming_share_an_entry() -> None:
    inner = Answering(lambda _: replace(numbered(1), text=LONG), pieces=(LONG[:30], LONG[30:]))
    model = cached(inner)
    pieces, answer = await streamed(model, question())
    assert (pieces, answer.cached) == ([LONG[:30], LONG[30:]], False)
    assert (await model.complete(question(), FOR_A)).text == LONG
    pieces, answer = await streamed(model, question())
    assert len(pieces) > 5
    assert ("".join(pieces), answer.text, answer.cached) == (LONG, LONG, True)
    await model.complete(question("other"), FOR_A)
    assert (await streamed(model, question("other")))[1].cached
    assert inner.calls == 2


async def test_a_hundred_callers_at_once_make_one_call() -> None:
    inner = Answering()
    model = cached(inner)
    inner.gate.clear()
    async with asyncio.TaskGroup() as group:
        whole = [group.create_task(model.complete(question(), FOR_A)) for _ in range(50)]
        pieces = [group.create_task(streamed(model, question())) for _ in range(50)]
        await inner.started.wait()
        inner.gate.set()
    assert inner.calls == 1
    answers = [task.result() for task in whole] + [task.result()[1] for task in pieces]
    assert {answer.text for answer in answers} == {"answer 1"}
    assert sum(answer.usage.cost_usd for answer in answers) == 0.25
    told = model._cache.get_metrics()
    assert (told["hits"], told["misses"], told["total_saved_cost_usd"]) == (99, 1, 99 * 0.25)


@pytest.mark.parametrize("as_stream", [False, True])
async def test_callers_are_served_though_the_first_one_goes(as_stream: bool) -> None:
    inner = Answering(pieces=("answer ", "1") if as_stream else ())
    model = cached(inner)
    inner.gate.clear()
    first = asyncio.create_task(streamed(model, question()) if as_stream else model.complete(question(), FOR_A))
    await inner.started.wait()
    others = [asyncio.create_task(model.complete(question(), FOR_A)) for _ in range(19)]
    others_in_pieces = [asyncio.create_task(streamed(model, question())) for _ in range(19)]
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    inner.gate.set()
    texts = [(await task).text for task in others] + ["".join((await task)[0]) for task in others_in_pieces]
    assert texts == ["answer 1"] * 38
    assert inner.calls == 1


async def test_an_answer_that_nobody_waits_for_any_more_is_kept() -> None:
    inner = Answering()
    model = cached(inner)
    inner.gate.clear()
    task = asyncio.create_task(model.complete(question(), FOR_A))
    await inner.started.wait()
    task.cancel()
    await asyncio.wait([task])
    inner.gate.set()
    assert (await model.complete(question(), FOR_A)).text == "answer 1"
    assert inner.calls == 1


async def test_a_late_reader_of_a_stream_gets_it_from_its_beginning() -> None:
    inner = Answering(lambda _: replace(numbered(1), text="one two"), pieces=("one ", "two"))
    model = cached(inner)
    inner.gate.clear()
    early = asyncio.create_task(streamed(model, question()))
    await inner.started.wait()
    late = model.stream(question(), FOR_A)
    assert [await anext(late), await anext(late)] == ["one ", "two"]
    inner.gate.set()
    rest = [part async for part in late]
    assert [part.text for part in rest if isinstance(part, Completion)] == ["one two"]
    assert (await early)[0] == ["one ", "two"]


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (RefusedError("The prompt is too long; shorten it."), 1),
        (BadRequestError("No model of models.yaml can answer this; add one."), 2),
        (MissingModelError("There is no such model; pull it."), 2),
        (UnavailableError("Busy; wait."), 2),
        (ForbiddenError("No such key; set one."), 2),
        (BudgetExceededError("The cap is reached; raise it."), 2),
    ],
)
async def test_only_the_refusal_of_a_bad_request_is_remembered(error: UdibError, calls: int) -> None:
    inner = Answering(lambda _: error)
    model = cached(inner)
    for _ in range(2):
        with pytest.raises(type(error), match=str(error)):
            await model.complete(question(), FOR_A)
    with pytest.raises(type(error), match=str(error)):
        await streamed(model, question())
    assert inner.calls == (1 if calls == 1 else 3)


async def test_a_refusal_is_remembered_for_a_short_time() -> None:
    inner = Answering(lambda call: RefusedError("No.") if call == 1 else numbered(call))
    model = cached(inner, negative_ttl=0)
    with pytest.raises(BadRequestError):
        await model.complete(question(), FOR_A)
    assert (await model.complete(question(), FOR_A)).text == "answer 2"


async def test_an_error_is_shared_by_those_who_waited_and_by_nobody_after() -> None:
    inner = Answering(lambda call: UnavailableError("Busy; wait.") if call == 1 else numbered(call))
    model = cached(inner)
    inner.gate.clear()
    tasks = [asyncio.create_task(model.complete(question(), FOR_A)) for _ in range(5)]
    await inner.started.wait()
    inner.gate.set()
    await asyncio.wait(tasks)
    assert [type(task.exception()) for task in tasks] == [UnavailableError] * 5
    assert (await model.complete(question(), FOR_A)).text == "answer 2"


async def test_who_has_more_time_than_the_first_asks_again() -> None:
    class Hasty(Answering):
        async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
            self.calls += 1
            self.started.set()
            if purpose.deadline_s is not None and purpose.deadline_s < 1:
                await asyncio.sleep(purpose.deadline_s)
                raise UnavailableError("It took too long; try again.")
            return numbered(self.calls)

    inner = Hasty()
    model = cached(inner)
    hasty = asyncio.create_task(model.complete(question(), replace(FOR_A, deadline_s=0.05)))
    await inner.started.wait()
    answers = [asyncio.create_task(model.complete(question(), replace(FOR_A, deadline_s=d))) for d in (None, 60)]
    in_pieces = asyncio.create_task(streamed(model, question()))
    with pytest.raises(UnavailableError):
        await hasty
    assert {(await task).text for task in answers} == {"answer 2"}
    assert (await in_pieces)[1].text == "answer 2"


@pytest.mark.parametrize("as_stream", [False, True])
async def test_who_has_less_time_than_the_first_gives_up_alone(as_stream: bool) -> None:
    inner = Answering()
    model = cached(inner)
    inner.gate.clear()
    patient = asyncio.create_task(model.complete(question(), FOR_A))
    await inner.started.wait()
    short = replace(FOR_A, deadline_s=0.01)
    with pytest.raises(UnavailableError, match="did not answer within the time for this call; try again"):
        await (streamed(model, question(), short) if as_stream else model.complete(question(), short))
    inner.gate.set()
    assert (await patient).text == "answer 1"


async def test_a_stream_that_breaks_off_is_no_answer() -> None:
    class Broken(Answering):
        async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
            self.calls += 1
            yield "half of"
            if self.calls == 1:
                return
            yield numbered(self.calls)

    model = cached(Broken())
    with pytest.raises(UnavailableError, match="broke off before its end"):
        await streamed(model, question())
    assert (await streamed(model, question()))[1].text == "answer 2"


async def test_an_incomplete_answer_reaches_who_waited_and_nobody_after() -> None:
    inner = Answering(lambda call: replace(numbered(call), finish=Finish.LENGTH))
    model = cached(inner)
    assert [(await model.complete(question(), FOR_A)).text for _ in range(2)] == ["answer 1", "answer 2"]


async def test_a_sampled_or_nameless_request_passes_by() -> None:
    inner = Answering(pieces=("a",))
    model = cached(inner)
    for request in (question(temperature=1.0), question(model=None), question(options={"x": object()})):
        for _ in range(2):
            await model.complete(request, FOR_A)
            await streamed(model, request)
    assert inner.calls == 12
    named = CachedChatModel(inner, LLMCache(MemoryKeyValueStore(), CachePolicy()), provider="p", model="default")
    for _ in range(2):
        await named.complete(question(model=None), FOR_A)
    assert inner.calls == 13


async def test_a_reader_that_stops_early_ends_a_call_that_passes_by() -> None:
    ended = []

    class Open(Answering):
        async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
            try:
                yield "one"
                yield "two"
            finally:
                ended.append(request)

    reading = cached(Open()).stream(question(temperature=1.0), FOR_A)
    assert await anext(reading) == "one"
    await reading.aclose()  # type: ignore[attr-defined]
    assert len(ended) == 1


async def test_who_wants_no_kept_answer_asks_anew_and_renews_it() -> None:
    inner = Answering()
    model = cached(inner)
    fresh = replace(FOR_A, use_cache=False)
    texts = [(await model.complete(question(), purpose)).text for purpose in (FOR_A, fresh, FOR_A, fresh)]
    assert texts == ["answer 1", "answer 2", "answer 2", "answer 3"]


async def test_closing_tells_those_who_wait() -> None:
    inner = Answering()
    model = cached(inner)
    inner.gate.clear()
    waiting = asyncio.create_task(model.complete(question(), FOR_A))
    in_pieces = asyncio.create_task(streamed(model, question()))
    await inner.started.wait()
    await model.close()
    for task in (waiting, in_pieces):
        with pytest.raises(UnavailableError, match="udib is closing; ask again"):
            await task
    await model.close()


async def test_processes_that_share_a_store_make_one_call() -> None:
    store, inner = MemoryKeyValueStore(), Answering()
    models = [cached(inner, store) for _ in range(4)]
    inner.gate.clear()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(model.complete(question(), FOR_A)) for model in models for _ in range(5)]
        await inner.started.wait()
        inner.gate.set()
    assert {task.result().text for task in tasks} == {"answer 1"}
    assert inner.calls == 1
    assert not any("leases" in namespace for namespace, _ in store._shelf.entries)


async def test_a_process_that_waited_for_an_answer_that_cannot_be_kept_asks_for_itself() -> None:
    store, inner = MemoryKeyValueStore(), Answering(lambda call: replace(numbered(call), finish=Finish.LENGTH))
    inner.gate.clear()
    one = asyncio.create_task(cached(inner, store).complete(question(), FOR_A))
    await inner.started.wait()
    other = asyncio.create_task(cached(inner, store).complete(question(), FOR_A))
    await asyncio.sleep(0.02)
    inner.gate.set()
    assert {(await one).text, (await other).text} == {"answer 1", "answer 2"}


async def test_the_lease_of_a_process_that_died_runs_out() -> None:
    store, inner = MemoryKeyValueStore(), Answering()
    model = cached(inner, store, lease_s=0.1)
    spot = await model._cache.spot(question(), FOR_A, "https://a.example/v1", "gpt-4")
    assert spot is not None
    leases = model._cache._at(A, "leases")
    assert await leases.set_if_absent(spot.digest.hex(), b"", ttl_s=0.1)
    assert (await model.complete(question(), FOR_A)).text == "answer 1"


async def test_a_lease_is_renewed_while_its_holder_lives() -> None:
    store, slow, fast = MemoryKeyValueStore(), Answering(), Answering()
    slow.gate.clear()
    one = asyncio.create_task(cached(slow, store, lease_s=0.06).complete(question(), FOR_A))
    await slow.started.wait()
    other = asyncio.create_task(cached(fast, store, lease_s=0.06).complete(question(), FOR_A))
    await asyncio.sleep(0.3)
    slow.gate.set()
    assert (await one).text == (await other).text == "answer 1"
    assert fast.calls == 0


async def test_a_call_that_waited_for_another_process_has_less_time_left() -> None:
    store, inner = MemoryKeyValueStore(), Answering()
    model = cached(inner, store, lease_s=0.1)
    spot = await model._cache.spot(question(), FOR_A, "https://a.example/v1", "gpt-4")
    assert spot is not None
    await model._cache._at(A, "leases").set_if_absent(spot.digest.hex(), b"", ttl_s=0.1)
    await model.complete(question(), replace(FOR_A, deadline_s=30))
    [(_, purpose)] = inner.asked
    assert purpose.deadline_s is not None
    assert purpose.deadline_s < 29.95


ASK = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from answering import FOR_A, Answering, question
from udib.llm.cache import LLMCache
from udib.llm.cache_policy import CachePolicy
from udib.llm.cached_chat import CachedChatModel
from udib.storage.database import Database
from udib.storage.kv import SCHEMA, SqliteKeyValueStore
class Slow(Answering):
    async def complete(self, request, purpose):
        await asyncio.sleep(0.3)
        return await super().complete(request, purpose)
async def main():
    database, inner = Database(Path(sys.argv[1]), SCHEMA), Slow()
    model = CachedChatModel(inner, LLMCache(SqliteKeyValueStore(database), CachePolicy()), provider="p")
    print("ready", flush=True)
    sys.stdin.readline()
    answer = await model.complete(question(), FOR_A)
    print(inner.calls, answer.text, flush=True)
    await database.close()
asyncio.run(main())
"""


async def test_real_processes_make_one_call(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", ASK, str(tmp_path / "cache.db"), str(Path(__file__).parent)]
    pipe = subprocess.PIPE
    children = [subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    said = [child.communicate()[0].split(maxsplit=1) for child in children]
    assert sorted(calls for calls, _ in said) == ["0", "0", "1"]
    assert {text for _, text in said} == {"answer 1\n"}


async def test_the_model_is_the_one_that_is_healthy() -> None:
    assert (await cached(Answering()).ping()).name == "answering"


async def test_counts_reach_the_totals_when_a_model_is_asked() -> None:
    now = [0.0]
    cache = LLMCache(MemoryKeyValueStore(), CachePolicy(), clock=lambda: now[0])
    model = CachedChatModel(Answering(), cache, provider="p")
    for _ in range(3):
        await model.complete(question(), FOR_A)
    assert await cache.totals("a") == []
    now[0] += 10
    await model.complete(question("other"), FOR_A)
    [row] = await cache.totals("a")
    assert (row["hits"], row["misses"], row["total_saved_cost_usd"]) == (2, 2, 0.5)


async def test_many_labels_reach_the_totals_a_few_at_a_time() -> None:
    cache = LLMCache(MemoryKeyValueStore(), CachePolicy(), clock=lambda: 0.0)
    for number in range(20):
        await cache.get(question(), Purpose(A, f"task {number:02}"), provider="p")
    await cache.flush(most=8)
    assert len(await cache.totals("a")) == 8
    await cache.flush()
    assert [row["misses"] for row in await cache.totals("a")] == [1] * 20
