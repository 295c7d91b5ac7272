"""What every engine must do with jobs, whatever happens to them."""

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from udib.core.errors import BadRequestError, Status, UnavailableError
from udib.core.jobs import Bounds, Job, JobState, Order, Outcome
from udib.core.ports import ProgressSink
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Progress
from udib.pipeline.dbos import DbosEngine
from udib.pipeline.dbos_queue import DbosQueue
from udib.pipeline.dbos_worker import LEASE_S, worker_name
from udib.pipeline.engine import Engine, Flows, Load, fork
from udib.pipeline.local import LocalEngine
from udib.storage.database import Database
from udib.storage.jobs import SqliteJobStore
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_jobs import PostgresJobStore
from udib.storage.steps import JOURNAL_SCHEMA

ACME, OTHER = Scope.of("acme", "main"), Scope.of("other", "main")
PATIENCE_S = 10.0


class Desk:
    """A flow whose jobs do as their payload says, and what they did."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.go = asyncio.Event()

    async def work(self, job: Job, tell: ProgressSink) -> Outcome:
        name, how = str(job.order.payload["name"]), job.order.payload.get("how")
        self.begun.append(name)
        tell(Progress("work", "started", content_id=ContentId(f"web:{name}")))
        match how:
            case "wait":
                await self.go.wait()
            case "fail":
                return Outcome(Status.FAILED, "It does not work.")
            case "pass":
                return Outcome(Status.RETRYABLE, "It is down.") if job.attempt == 1 else Outcome(Status.OK)
            case "break":
                raise ValueError("a bug")
            case "break in a task":
                async with asyncio.TaskGroup() as group:
                    group.create_task(self.work(replace(job, order=order(name, "break")), tell))
        tell(Progress("work", "ok"))
        self.ended.append(name)
        return Outcome(Status.OK, content_id=ContentId(f"web:{name}"))

    @property
    def flows(self) -> Flows:
        return {"test": self.work}


def order(name: str, how: str | None = None, *, scope: Scope = ACME, attempts: int = 1, priority: int = 0) -> Order:
    return Order(scope, "test", {"name": name, "how": how}, attempts=attempts, priority=priority)


class LocalPlace:
    """A data directory, and engines on it as several processes have them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1_000_000.0
        self.bounds = Bounds()

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        database = Database(self.folder / "journal.db", JOURNAL_SCHEMA)
        jobs = SqliteJobStore(database)
        engine = LocalEngine(jobs, self.folder / "locks", bounds=self.bounds, clock=lambda: self.now)
        try:
            yield engine
        finally:
            await engine.close()
            await database.close()


class FleetPlace:
    """A schema of a PostgreSQL server, and engines on it as several processes have them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.schema = f"test_{uuid4().hex}"
        self.now = 1_000_000.0
        self.bounds = Bounds()

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        database = PostgresDatabase(self.url, self.schema)
        worker = worker_name()
        engine = DbosEngine(
            PostgresJobStore(database),
            lambda: DbosQueue(database, worker, lease_s=LEASE_S),
            worker,
            bounds=self.bounds,
            clock=lambda: self.now,
        )
        try:
            yield engine
        finally:
            await engine.close()
            await database.close()


Place = LocalPlace | FleetPlace


@pytest.fixture(params=["local", pytest.param("dbos", marks=[pytest.mark.server, pytest.mark.xdist_group("fleet")])])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return LocalPlace(tmp_path)
    return FleetPlace(request.getfixturevalue("shared_postgres").url)


@pytest.fixture
async def engine(place: Place) -> AsyncIterator[Engine]:
    async with place.engine() as made:
        yield made


@pytest.fixture
def desk() -> Desk:
    return Desk()


@asynccontextmanager
async def serving(engine: Engine, flows: Flows, load: Load | None = None) -> AsyncIterator[asyncio.Task[None]]:
    server = asyncio.create_task(engine.serve(flows, load or Load()))
    try:
        yield server
    finally:
        server.cancel()
        with suppress(asyncio.CancelledError):
            await server


async def until(engine: Engine, job: Job, *states: JobState) -> Job:
    async with asyncio.timeout(PATIENCE_S):
        while (found := await engine.find(job.order.scope, job.id)).state not in states:
            await asyncio.sleep(0.01)
    return found


async def until_begun(desk: Desk, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(desk.begun) < count:
            await asyncio.sleep(0.01)


async def ended(engine: Engine, job: Job) -> Job:
    return await until(engine, job, JobState.DONE, JobState.FAILED, JobState.CANCELLED)


async def test_what_is_ordered_is_done(engine: Engine, desk: Desk) -> None:
    job = await engine.submit(order("a"))
    assert (job.state, job.attempt) == (JobState.WAITING, 0)
    async with serving(engine, desk.flows):
        done = await ended(engine, job)
    assert (done.state, done.attempt, done.outcome) == (JobState.DONE, 1, Outcome(Status.OK, None, ContentId("web:a")))
    assert desk.ended == ["a"]


async def test_the_same_order_is_the_same_job_until_it_has_ended(engine: Engine, desk: Desk) -> None:
    first = await engine.submit(order("a"))
    assert (await engine.submit(order("a"))).id == first.id
    assert (await engine.submit(order("a", scope=OTHER))).id != first.id
    async with serving(engine, desk.flows):
        await ended(engine, first)
        again = await engine.submit(order("a"))
        assert again.id != first.id
        await ended(engine, again)


async def test_a_job_of_another_scope_is_not_found(engine: Engine) -> None:
    job = await engine.submit(order("a"))
    with pytest.raises(BadRequestError, match="There is no job"):
        await engine.find(OTHER, job.id)
    assert await engine.jobs(OTHER, limit=10) == []
    assert [each.id for each in await engine.jobs(ACME, limit=10)] == [job.id]


@pytest.mark.parametrize("reference", ["", "nothing", "%", "_"])
async def test_an_unknown_job_is_a_bad_request(engine: Engine, reference: str) -> None:
    await engine.submit(order("a"))
    with pytest.raises(BadRequestError, match="There is no job"):
        await engine.find(ACME, reference)


async def test_a_failure_is_kept_with_its_reason_and_can_be_tried_again(engine: Engine, desk: Desk) -> None:
    async with serving(engine, desk.flows):
        failed = await ended(engine, await engine.submit(order("a", "fail")))
        assert (failed.state, failed.outcome) == (
            JobState.FAILED, Outcome(Status.FAILED, "It does not work.", ContentId("web:a"))
        )  # fmt: skip
        await engine.again(failed)
        await ended(engine, failed)
    assert desk.begun == ["a", "a"]


async def test_what_may_pass_is_tried_again_as_often_as_was_ordered(place: Place, engine: Engine, desk: Desk) -> None:
    async with serving(engine, desk.flows):
        job = await engine.submit(order("a", "pass", attempts=2))
        waiting = await until(engine, await until(engine, job, JobState.RUNNING, JobState.WAITING), JobState.WAITING)
        while desk.begun == []:
            await asyncio.sleep(0.01)
        waiting = await until(engine, job, JobState.WAITING)
        assert waiting.outcome is not None
        assert waiting.outcome.error == "It is down."
        place.now += 60
        assert (await ended(engine, job)).state is JobState.DONE
        once = await ended(engine, await engine.submit(order("b", "pass")))
        assert (once.state, once.outcome and once.outcome.status) == (JobState.FAILED, Status.RETRYABLE)


@pytest.mark.parametrize("how", ["break", "break in a task"])
async def test_a_bug_in_one_job_spares_the_others(engine: Engine, desk: Desk, how: str) -> None:
    async with serving(engine, desk.flows):
        broken = await ended(engine, await engine.submit(order("a", how)))
        assert broken.state is JobState.FAILED
        assert broken.outcome is not None
        assert "bug of udib (ValueError: a bug)" in (broken.outcome.error or "")
        assert (await ended(engine, await engine.submit(order("b")))).state is JobState.DONE


async def test_a_waiting_job_is_cancelled_at_once_and_can_go_on(engine: Engine, desk: Desk) -> None:
    job = await engine.submit(order("a"))
    assert (await engine.cancel(job)).state is JobState.CANCELLED
    with pytest.raises(BadRequestError, match="cancelled already"):
        await engine.cancel(job)
    async with serving(engine, desk.flows):
        await asyncio.sleep(0.2)
        assert desk.begun == []
        await engine.again(job)
        assert (await ended(engine, job)).state is JobState.DONE
        with pytest.raises(BadRequestError, match="only a failed or cancelled one"):
            await engine.again(job)
        with pytest.raises(BadRequestError, match="done already"):
            await engine.cancel(job)


async def test_a_job_in_work_is_stopped(engine: Engine, desk: Desk) -> None:
    async with serving(engine, desk.flows):
        job = await engine.submit(order("a", "wait"))
        await until_begun(desk, 1)
        await engine.cancel(job)
        assert (await ended(engine, job)).state is JobState.CANCELLED
    assert (desk.begun, desk.ended) == (["a"], [])


async def test_a_job_that_was_ordered_anew_meanwhile_does_not_go_on(engine: Engine) -> None:
    job = await engine.submit(order("a"))
    await engine.cancel(job)
    await engine.submit(order("a"))
    with pytest.raises(BadRequestError, match="ordered again meanwhile"):
        await engine.again(job)


async def test_what_a_job_tells_is_followed_to_its_end(engine: Engine, desk: Desk) -> None:
    job = await engine.submit(order("a", "wait"))
    told: list[Progress] = []
    async with serving(engine, desk.flows):
        async for event in engine.events(job):
            told.append(event.progress)
            desk.go.set()
    assert [event.state for event in told] == ["started", "ok"]
    again = [event.number async for event in engine.events(job, after=0)]
    assert again == sorted(again)
    assert [event async for event in engine.events(job, after=again[-1])] == []


async def test_who_stops_serving_leaves_the_work_to_the_next(place: Place, desk: Desk) -> None:
    async with place.engine() as first:
        async with serving(first, desk.flows):
            job = await first.submit(order("a", "wait"))
            await until_begun(desk, 1)
        assert (await first.find(ACME, job.id)).state is JobState.WAITING
    desk.go.set()
    async with place.engine() as second, serving(second, desk.flows):
        assert (await ended(second, job)).state is JobState.DONE
    assert desk.begun == ["a", "a"]


async def test_one_serves_and_another_waits_to_take_its_place(place: Place, desk: Desk) -> None:
    standby = Desk()
    async with place.engine() as one, place.engine() as two, serving(two, standby.flows) as waiting:
        async with serving(one, desk.flows):
            first = await one.submit(order("a"))
            await ended(one, first)
        await ended(one, await one.submit(order("b")))
        assert not waiting.done()
    assert sorted(desk.begun + standby.begun) == ["a", "b"]


async def test_who_looks_whether_anybody_serves_keeps_nobody_from_it(tmp_path: Path, desk: Desk) -> None:
    (tmp_path / "locks").mkdir()
    async with LocalPlace(tmp_path).engine() as engine:
        with (tmp_path / "locks" / "serving.lock").open("w") as looked_at:
            fcntl.flock(looked_at, fcntl.LOCK_SH)  # as a command does for a moment
            job = await engine.submit(order("a"))
            serves = asyncio.create_task(engine.serve(desk.flows, Load()))
            await asyncio.sleep(0.1)
        assert (await ended(engine, job)).state is JobState.DONE
        serves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serves


async def test_a_backlog_of_one_tenant_delays_no_other(engine: Engine, desk: Desk) -> None:
    for number in range(20):
        await engine.submit(order(f"a{number}", "wait"))
    async with serving(engine, desk.flows, Load(jobs=3, of_one_tenant=2)):
        await until_begun(desk, 2)
        assert (await ended(engine, await engine.submit(order("b", scope=OTHER)))).state is JobState.DONE
        assert (sorted(desk.begun[:2]), desk.begun[2:]) == (["a0", "a1"], ["b"])


async def test_a_backlog_of_500_delays_a_single_job_by_one_job(tmp_path: Path, desk: Desk) -> None:
    async with LocalPlace(tmp_path).engine() as engine:  # in a fleet the turns of tenants are drawn
        async with asyncio.TaskGroup() as group:
            for number in range(500):
                group.create_task(engine.submit(order(f"a{number}", "wait", priority=100)))
        async with serving(engine, desk.flows, Load(jobs=1, of_one_tenant=1)):
            await until_begun(desk, 1)
            await engine.submit(order("b", scope=OTHER, priority=-100))
            desk.go.set()
            await until_begun(desk, 2)
    assert desk.begun[1] == "b"


async def test_more_than_may_wait_are_refused(place: Place, desk: Desk) -> None:
    place.bounds = Bounds(waiting=4, of_one_tenant=2)
    async with place.engine() as engine:
        jobs = [await engine.submit(order(name, scope=scope)) for scope in (ACME, OTHER) for name in ("a", "b")]
        assert (await engine.submit(order("a"))).id == jobs[0].id
        with pytest.raises(UnavailableError, match=r"As many jobs of acme wait as may \(2, engine.limits.waiting_of"):
            await engine.submit(order("c"))
        with pytest.raises(UnavailableError, match="cancel some with `udib jobs cancel`"):
            await engine.perform(order("c"), desk.work, lambda _: None)
        third = Scope.of("third", "main")
        await engine.submit(order("c", scope=third))  # nobody is kept out by what others have piled up
        with pytest.raises(UnavailableError, match=r"As many jobs wait as may \(4, engine.limits.waiting\)"):
            await engine.submit(order("d", scope=third))
        for job in jobs[:2]:
            await engine.cancel(job)
        await engine.submit(order("c"))


async def test_orders_that_are_refused_leave_nothing(place: Place, desk: Desk) -> None:
    place.bounds = Bounds(of_one_tenant=1)
    async with place.engine() as engine:
        old = await engine.submit(order("old"))
        for number in range(3):
            with pytest.raises(UnavailableError):
                await engine.submit(order(str(number)))
        if isinstance(engine, DbosEngine):
            assert await engine._store.before(place.now + 1, 9) == [old.id]


async def test_ids_that_were_reserved_for_nothing_go_with_what_is_old(place: Place, desk: Desk) -> None:
    async with place.engine() as engine:
        if isinstance(engine, DbosEngine):
            reserved = await engine._store.newest(order("a"), place.now)
            place.now += 400 * 86_400
            async with serving(engine, desk.flows), asyncio.timeout(PATIENCE_S):
                while reserved in await engine._store.before(place.now, 9):
                    await asyncio.sleep(0.05)


async def test_a_job_in_work_may_be_cancelled_twice_and_cleans_up_once(engine: Engine) -> None:
    cleaned: list[str] = []
    begun = asyncio.Event()

    async def work(job: Job, tell: ProgressSink) -> Outcome:
        try:
            begun.set()
            await asyncio.sleep(600)
        finally:
            cleaned.append("begun")
            await asyncio.sleep(1)  # longer than it takes to look for cancellations again
            cleaned.append("done")
        return Outcome(Status.OK)

    async with serving(engine, {"test": work}):
        job = await engine.submit(order("a"))
        await begun.wait()
        await engine.cancel(job)
        with suppress(BadRequestError):  # it is stopping, or has been stopped
            await engine.cancel(job)
        assert (await ended(engine, job)).state is JobState.CANCELLED
        async with asyncio.timeout(PATIENCE_S):
            while len(cleaned) < 2:
                await asyncio.sleep(0.01)
    assert cleaned == ["begun", "done"]


async def test_tenants_take_turns_and_the_urgent_goes_first_in_its_own(
    place: Place, engine: Engine, desk: Desk
) -> None:
    for name in ("a0", "a1"):
        await engine.submit(order(name))
    await engine.submit(order("a2", priority=10))
    for name in ("b0", "b1"):
        await engine.submit(order(name, scope=OTHER))
    async with serving(engine, desk.flows, Load(jobs=1, of_one_tenant=1)):
        for job in [*await engine.jobs(ACME, limit=10), *await engine.jobs(OTHER, limit=10)]:
            await ended(engine, job)
    assert [name for name in desk.begun if name.startswith("a")] == ["a2", "a0", "a1"]
    assert [name for name in desk.begun if name.startswith("b")] == ["b0", "b1"]
    if isinstance(place, LocalPlace):  # in a fleet the turns of tenants are drawn
        assert desk.begun == ["a2", "b0", "a0", "b1", "a1"]


async def test_who_wants_one_job_done_does_it_where_nobody_serves(engine: Engine, desk: Desk) -> None:
    told: list[Progress] = []
    job = await engine.perform(order("a"), desk.work, told.append)
    assert (job.state, [event.state for event in told]) == (JobState.DONE, ["started", "ok"])


async def test_who_wants_one_job_done_has_it_done_by_who_serves(place: Place, engine: Engine, desk: Desk) -> None:
    mine, told = Desk(), list[Progress]()
    async with place.engine() as server, serving(server, desk.flows):
        await ended(server, await server.submit(order("first")))
        job = await engine.perform(order("a"), mine.work, told.append)
    assert (job.state, [event.state for event in told]) == (JobState.DONE, ["started", "ok"])
    assert (desk.begun, mine.begun) == (["first", "a"], [])


async def test_who_wants_one_job_done_goes_on_where_the_server_has_gone(
    place: Place, engine: Engine, desk: Desk
) -> None:
    mine = Desk()
    mine.go.set()
    async with place.engine() as server:
        async with serving(server, desk.flows):
            wanted = asyncio.create_task(engine.perform(order("a", "wait"), mine.work, lambda _: None))
            await until_begun(desk, 1)
        assert (await wanted).state is JobState.DONE
    assert (desk.ended, mine.ended) == ([], ["a"])


async def test_who_waits_for_an_ordered_job_does_it_where_nobody_serves_and_never_orders_it_again(
    engine: Engine, desk: Desk
) -> None:
    job = await engine.submit(order("a"))
    told: list[Progress] = []
    for _ in range(2):  # the second time it has ended
        assert (await engine.attend(job, desk.work, told.append)).state is JobState.DONE
    assert desk.ended == ["a"]
    assert [event.state for event in told] == ["started", "ok"] * 2
    assert len(await engine.jobs(ACME, limit=9)) == 1


async def test_jobs_are_looked_up_by_their_ids_within_their_scope(engine: Engine) -> None:
    mine, other = await engine.submit(order("a")), await engine.submit(order("a", scope=OTHER))
    assert [job.id for job in await engine.those(ACME, [other.id, mine.id, "000000000000"])] == [mine.id]
    assert await engine.those(ACME, []) == []


async def test_jobs_are_listed_without_those_of_some_flows(engine: Engine) -> None:
    wanted = await engine.submit(order("a"))
    other = await engine.submit(Order(ACME, "watch", {"watch": "w"}))
    assert [job.id for job in await engine.jobs(ACME, limit=9)] == [other.id, wanted.id]
    assert [job.id for job in await engine.jobs(ACME, without={"watch"}, limit=1)] == [wanted.id]


async def test_who_gives_up_waiting_cancels_an_order_of_its_own_only(engine: Engine, desk: Desk) -> None:
    for others in (False, True):
        if others:
            await engine.submit(order("b", "wait"))
        wanted = asyncio.create_task(engine.perform(order("b" if others else "a", "wait"), desk.work, lambda _: None))
        await until_begun(desk, 1 + others)
        wanted.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wanted
    states = {str(job.order.payload["name"]): job.state for job in await engine.jobs(ACME, limit=10)}
    assert states == {"a": JobState.CANCELLED, "b": JobState.WAITING}


async def test_a_fork_is_an_order_of_its_own(engine: Engine, desk: Desk) -> None:
    async with serving(engine, desk.flows):
        job = await ended(engine, await engine.submit(order("a")))
        forked = await fork(engine, job, "aggregate")
        assert (forked.id != job.id, forked.order.payload["from_stage"]) == (True, "aggregate")
        await ended(engine, forked)


async def test_a_job_that_only_a_worker_of_another_version_knows_waits_for_that_one(
    place: Place, engine: Engine, desk: Desk
) -> None:
    newer = await engine.submit(replace(order("newer"), flow="of a newer version"))
    known = await engine.submit(order("known"))
    async with serving(engine, desk.flows):
        assert (await ended(engine, known)).state is JobState.DONE
        await asyncio.sleep(0.5)
        assert (await engine.find(ACME, newer.id)).state is JobState.WAITING
    place.now += 60
    async with serving(engine, {**desk.flows, "of a newer version": desk.work}):
        done = await ended(engine, newer)
    assert (done.state, done.attempt) == (JobState.DONE, 1)
    assert desk.ended == ["known", "newer"]


async def test_what_is_due_is_ordered_again_and_again(place: Place, engine: Engine, desk: Desk) -> None:
    await engine.every("feed", 3600, order("a"))
    async with serving(engine, desk.flows):
        for count in (1, 2):
            async with asyncio.timeout(PATIENCE_S):
                while len(desk.ended) < count:
                    await asyncio.sleep(0.01)
            place.now += 3601
        await engine.never("feed")
        count = len(desk.ended)
        place.now += 7200
        await asyncio.sleep(0.7)
    assert len(desk.ended) <= count + 1
    assert len(await engine.jobs(ACME, limit=9)) <= 2  # of what comes again and again no heap is left


async def test_the_clock_may_be_set_back(place: Place, engine: Engine, desk: Desk) -> None:
    async with serving(engine, desk.flows):
        await ended(engine, await engine.submit(order("a")))
        place.now -= 400 * 86_400
        assert (await ended(engine, await engine.submit(order("b")))).state is JobState.DONE


async def test_what_is_to_be_tried_again_is_although_the_clock_was_set_back(
    place: Place, engine: Engine, desk: Desk
) -> None:
    async with serving(engine, desk.flows):
        job = await engine.submit(order("a", "pass", attempts=2))
        async with asyncio.timeout(PATIENCE_S):
            while (await until(engine, job, JobState.WAITING)).outcome is None:
                await asyncio.sleep(0.01)
        place.now -= 3600
        assert (await ended(engine, job)).state is JobState.DONE


async def test_a_job_that_is_forgotten_leaves_no_trace(engine: Engine, desk: Desk, tmp_path: Path) -> None:
    wanted = replace(order("a"), payload={"name": "a", "address": "https://a.example/a-telling-name"})
    async with serving(engine, desk.flows):
        await ended(engine, await engine.submit(wanted))
    assert await engine.forget(ACME, ContentId("web:a")) == 1
    assert await engine.jobs(ACME, limit=10) == []
    assert await engine.forget(ACME, ContentId("web:a")) == 0


async def test_a_job_that_was_forgotten_cannot_be_cancelled_nor_waited_for(engine: Engine, desk: Desk) -> None:
    wanted = replace(order("a", "wait"), payload={"name": "a", "how": "wait", "address": "https://a.example/"})
    async with serving(engine, desk.flows):
        waits = asyncio.create_task(engine.perform(wanted, desk.work, lambda _: None))
        await until_begun(desk, 1)
        [job] = await engine.jobs(ACME, limit=1)
        while (await engine.find(ACME, job.id)).outcome is None:  # until what it is about was told
            await asyncio.sleep(0.01)
        assert await engine.forget(ACME, ContentId("web:a")) == 1
        for impossible in (engine.cancel(job), waits):
            with pytest.raises(BadRequestError, match="was forgotten"):
                await impossible


async def test_an_engine_says_how_it_is(engine: Engine) -> None:
    await engine.submit(order("a"))
    health = await engine.ping()
    assert (health.ok, "1 waiting" in health.detail) == (True, True)
