"""What every step store and every kind of locks must do, for one process and for several."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from records_place import in_folder, in_new_schema, server_at

from udib.core.errors import UnavailableError
from udib.core.jobs import KeptStep, RunKey, StepName
from udib.core.ports import Locks, StepStore
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.storage import locks as file_locks
from udib.storage import postgres_locks
from udib.storage.database import Database
from udib.storage.locks import FileLocks
from udib.storage.postgres_locks import PostgresLocks
from udib.storage.postgres_steps import PostgresStepStore
from udib.storage.steps import JOURNAL_SCHEMA, SqliteStepStore

A, B = Scope.of("acme", "main"), Scope.of("acme", "other")
ONE, TWO = ContentId("web:\u2400\0é1"), ContentId("web:2")
KEY = RunKey(A, ONE, "[null]")
HEARD, READ = StepName("transcribe", 1, "aa"), StepName("debate", 1, "bb")
ON_SERVER = [pytest.mark.server, pytest.mark.xdist_group("records")]
PLACES = ["sqlite", pytest.param("postgres", marks=ON_SERVER)]


@dataclass(frozen=True, slots=True)
class Process:
    """The adapters as one process has them."""

    steps: StepStore
    locks: Locks


class Place:
    """Where several processes keep the same steps."""

    def __init__(self, address: str) -> None:
        self.address = address

    @asynccontextmanager
    async def process(self) -> AsyncIterator[Process]:
        async with AsyncExitStack() as stack:
            if self.address.startswith("sqlite:"):
                folder = Path(self.address.removeprefix("sqlite:"))
                database = Database(folder / "journal.db", JOURNAL_SCHEMA)
                stack.push_async_callback(database.close)
                yield Process(SqliteStepStore(database), FileLocks(folder / "locks"))
            else:
                server = await stack.enter_async_context(server_at(self.address))
                yield Process(PostgresStepStore(server), PostgresLocks(server, "udib process 7"))


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place(in_folder(tmp_path))
    return Place(in_new_schema(request.getfixturevalue("shared_postgres").url))


@pytest.fixture
async def process(place: Place) -> AsyncIterator[Process]:
    async with place.process() as made:
        yield made


@pytest.fixture
def steps(process: Process) -> StepStore:
    return process.steps


def step(
    name: StepName, output: bytes | None = b"1", artifact: str | None = None, *, reusable: bool = False
) -> KeptStep:
    return KeptStep(name, output, artifact, reusable)


async def test_an_interrupted_run_goes_on_with_its_steps(steps: StepStore) -> None:
    first = await steps.begin(KEY, 3)
    await steps.keep(first.run_id, step(HEARD, b'"\xff\0"'))
    again = await steps.begin(KEY, 4)
    assert (again.run_id, again.revision) == (first.run_id, 3)
    assert (again.mine, again.earlier) == (frozenset({HEARD}), frozenset())
    assert await steps.output(again.run_id, KEY, HEARD) == step(HEARD, b'"\xff\0"')
    assert await steps.output(again.run_id, KEY, READ) is None


async def test_what_is_idle_is_told_with_its_age_and_can_be_dropped(steps: StepStore) -> None:
    other = replace(KEY, content_id=TWO)
    for key in (KEY, other):
        run = await steps.begin(key, 1)
        await steps.keep(run.run_id, step(HEARD, None, "digest", reusable=True))
        await steps.finish(run.run_id, key)
    interrupted = await steps.begin(other, 2)
    [(scope, content_id, age_s)] = await steps.idle(0)
    assert (scope, content_id) == (A, ONE)
    assert 0 <= age_s < 3600
    assert await steps.idle(3600) == []
    assert await steps.drop(A, ONE, dry_run=True) == ["digest"]
    assert await steps.drop(B, ONE) == []
    assert await steps.drop(A, ONE) == ["digest"]
    assert await steps.drop(A, ONE) == []
    assert (await steps.begin(KEY, 2)).earlier == frozenset()
    await steps.finish(interrupted.run_id, other)
    assert [found[1] for found in await steps.idle(0)] == [TWO]


async def test_a_step_is_kept_in_place_of_one_of_the_same_name(steps: StepStore) -> None:
    run = await steps.begin(KEY, 1)
    await steps.keep(run.run_id, step(HEARD, b"1"))
    await steps.keep(run.run_id, step(HEARD, None, "digest"))
    assert await steps.output(run.run_id, KEY, HEARD) == step(HEARD, None, "digest")


async def test_of_a_finished_run_only_what_is_reusable_serves_the_next(steps: StepStore) -> None:
    first = await steps.begin(KEY, 1)
    await steps.keep(first.run_id, step(HEARD, reusable=True))
    await steps.keep(first.run_id, step(READ, None, "digest"))
    assert await steps.finish(first.run_id, KEY) == [(ONE, "digest")]
    second = await steps.begin(KEY, 2)
    assert second.run_id != first.run_id
    assert (second.mine, second.earlier) == (frozenset(), frozenset({HEARD}))
    assert await steps.output(second.run_id, KEY, HEARD) == step(HEARD, reusable=True)
    assert await steps.output(second.run_id, KEY, READ) is None


async def test_another_version_or_input_is_another_step(steps: StepStore) -> None:
    run = await steps.begin(KEY, 1)
    await steps.keep(run.run_id, step(HEARD))
    for other in (replace(HEARD, version=2), replace(HEARD, input_hash="cc")):
        assert await steps.output(run.run_id, KEY, other) is None


async def test_scopes_contents_and_options_do_not_meet(steps: StepStore) -> None:
    run = await steps.begin(KEY, 1)
    await steps.keep(run.run_id, step(HEARD, reusable=True))
    for other in (replace(KEY, scope=B), replace(KEY, content_id=TWO)):
        begun = await steps.begin(other, 1)
        assert (begun.mine, begun.earlier) == (frozenset(), frozenset())
        assert await steps.output(begun.run_id, other, HEARD) is None
    assert (await steps.begin(replace(KEY, options="[1]"), 1)).earlier == {HEARD}


async def test_finishing_closes_earlier_runs_and_keeps_artifacts_that_are_still_named(steps: StepStore) -> None:
    first = await steps.begin(KEY, 1)
    await steps.keep(first.run_id, step(HEARD, None, "shared", reusable=True))
    await steps.keep(first.run_id, step(READ, None, "shared"))
    other = replace(KEY, options="[1]")
    second = await steps.begin(other, 1)
    assert await steps.finish(second.run_id, other) == []
    assert (await steps.begin(KEY, 2)).mine == frozenset(), "it was closed by the later one"


async def test_forgetting_takes_the_runs_and_what_interrupted_ones_may_hold(steps: StepStore) -> None:
    run, other = await steps.begin(KEY, 1), replace(KEY, content_id=TWO)
    await steps.keep(run.run_id, step(HEARD, reusable=True))
    citing = await steps.begin(other, 1)
    await steps.keep(citing.run_id, step(READ, None, "digest"))
    await steps.keep(citing.run_id, step(HEARD, reusable=True))
    rival = await steps.begin(replace(KEY, scope=B), 1)
    await steps.keep(rival.run_id, step(READ))
    assert await steps.forget(A, ONE) == (1, [(TWO, "digest")])
    assert await steps.forget(A, ONE) == (0, [])
    assert (await steps.begin(KEY, 1)).earlier == frozenset()
    assert (await steps.begin(other, 1)).mine == {HEARD}
    assert (await steps.begin(replace(KEY, scope=B), 1)).mine == {READ}


async def test_parts_of_a_step_are_there_for_the_run_that_goes_on(steps: StepStore) -> None:
    run = await steps.begin(KEY, 1)
    for number, part in enumerate((b"one", b"\xff\0", b"three")):
        await steps.keep_part(run.run_id, HEARD, number, part)
    again = await steps.begin(KEY, 2)
    assert await steps.parts(again.run_id, HEARD) == [b"one", b"\xff\0", b"three"]
    assert (again.mine, await steps.output(again.run_id, KEY, HEARD)) == (frozenset(), None), "it is not finished"
    for other in (READ, replace(HEARD, version=2), replace(HEARD, input_hash="cc")):
        assert await steps.parts(again.run_id, other) == []
    assert await steps.parts((await steps.begin(replace(KEY, options="[1]"), 1)).run_id, HEARD) == []


async def test_a_part_takes_the_place_of_those_from_its_number_on(steps: StepStore) -> None:
    run = await steps.begin(KEY, 1)
    for number in range(12):
        await steps.keep_part(run.run_id, HEARD, number, str(number).encode())
    await steps.keep_part(run.run_id, HEARD, 10, b"again")
    assert await steps.parts(run.run_id, HEARD) == [b"%d" % number for number in range(10)] + [b"again"]
    await steps.keep_part(run.run_id, HEARD, 0, b"anew")
    assert await steps.parts(run.run_id, HEARD) == [b"anew"]


async def test_no_part_outlives_its_run(steps: StepStore) -> None:
    first, other = await steps.begin(KEY, 1), replace(KEY, options="[1]")
    await steps.keep_part(first.run_id, HEARD, 0, b"words")
    second = await steps.begin(other, 1)
    await steps.keep(second.run_id, step(HEARD, reusable=True))
    await steps.keep_part(second.run_id, HEARD, 0, b"words")
    elsewhere = await steps.begin(replace(KEY, content_id=TWO), 1)
    await steps.keep_part(elsewhere.run_id, HEARD, 0, b"others")
    await steps.finish(second.run_id, other)
    assert await steps.parts(first.run_id, HEARD) == await steps.parts(second.run_id, HEARD) == []
    assert await steps.parts(elsewhere.run_id, HEARD) == [b"others"]
    await steps.forget(A, TWO)
    assert await steps.parts(elsewhere.run_id, HEARD) == []


async def test_a_healthy_store_says_so(steps: StepStore) -> None:
    assert (await steps.ping()).ok


async def test_many_steps_at_once_are_all_kept(steps: StepStore) -> None:
    run = await steps.begin(KEY, 1)
    names = [StepName("window", 1, str(number)) for number in range(60)]
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(steps.keep(run.run_id, step(name)))
    assert (await steps.begin(KEY, 1)).mine == set(names)


async def test_a_content_is_held_by_one(place: Place, process: Process) -> None:
    async with place.process() as other:
        async with process.locks.exclusive(A, ONE):
            for locks in (process.locks, other.locks):
                with pytest.raises(UnavailableError, match=r"another udib process \((udib )?process \d+\)"):
                    async with locks.exclusive(A, ONE):
                        pass
            async with other.locks.exclusive(A, TWO), other.locks.exclusive(B, ONE):
                pass
        async with other.locks.exclusive(A, ONE):
            pass


async def test_citing_is_shared_and_forgetting_is_alone(
    place: Place, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_locks, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(postgres_locks, "_PATIENCE_S", 0.2)
    async with place.process() as other:
        async with process.locks.citing(A), other.locks.citing(A), process.locks.citing(A), other.locks.uncited(B):
            with pytest.raises(UnavailableError, match="wait until they are done, then forget it"):
                async with other.locks.uncited(A):
                    pass
        async with process.locks.uncited(A):
            for locks in (process.locks, other.locks):
                with pytest.raises(UnavailableError, match="is being forgotten"):
                    async with locks.citing(A):
                        pass


async def test_no_new_run_goes_before_a_forgetting_that_waits(place: Place, process: Process) -> None:
    """Beside a backlog some run always cites: runs that overlap would keep it away for ever."""
    order: list[str] = []

    async def work(name: str, lock: AbstractAsyncContextManager[None]) -> None:
        async with lock:
            order.append(name)

    async def until_it_waits(locks: Locks) -> None:
        while True:
            try:
                async with asyncio.timeout(1), locks.citing(A):
                    await asyncio.sleep(0.01)
            except TimeoutError:
                return

    async with place.process() as other, asyncio.timeout(30), asyncio.TaskGroup() as tasks, process.locks.citing(A):
        order.append("first run")
        tasks.create_task(work("forgetting", other.locks.uncited(A)))
        await until_it_waits(process.locks)
        tasks.create_task(work("second run", process.locks.citing(A)))
        tasks.create_task(work("third run", other.locks.citing(A)))
        await asyncio.sleep(0.3)
    assert order[:2] == ["first run", "forgetting"]
    assert set(order[2:]) == {"second run", "third run"}


async def test_who_waits_for_a_lock_gets_it(place: Place, process: Process) -> None:
    async with place.process() as other, asyncio.timeout(10):
        async with AsyncExitStack() as first:
            await first.enter_async_context(process.locks.citing(A))

            async def forget() -> None:
                async with other.locks.uncited(A):
                    pass

            waiting = asyncio.create_task(forget())
            await asyncio.sleep(0.05)
            assert not waiting.done()
        await waiting
