"""A fleet whose workers die, freeze and lose their database: nothing is lost, and nobody writes who was left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from uuid import uuid4

import psycopg
import pytest
from fleet_worker import SCOPE, STAGES, Fleet, fleet, order

from udib.core.errors import BadRequestError, UnavailableError
from udib.core.jobs import Job, JobState
from udib.pipeline.dbos_worker import LEASE_S
from udib.testing.postgres_process import PostgresProcess

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("fleet")]
WORKER = Path(__file__).with_name("fleet_worker.py")
PATIENCE_S = 60.0


class Workers:
    """Processes of one fleet, and what they wrote down."""

    def __init__(self, server: PostgresProcess, folder: Path) -> None:
        self.server, self.folder, self.schema = server, folder, f"test_{uuid4().hex}"
        self.log = folder / "log"
        self.log.touch()
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(WORKER.parent), *sys.path])}
        command = [sys.executable, str(WORKER), self.server.url, self.schema, str(self.log)]
        self._started.append(subprocess.Popen(command, env=environment))
        return self._started[-1]

    def stop(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()

    def told(self, what: str, worker: int | None = None) -> list[str]:
        lines = [line.split() for line in self.log.read_text().splitlines()]
        return [f"{job} {stage}" for job, stage, did, by in lines if did == what and worker in {None, int(by)}]


@pytest.fixture
def workers(shared_postgres: PostgresProcess, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(shared_postgres, tmp_path)
    yield made
    made.stop()


@pytest.fixture
async def mine(workers: Workers) -> AsyncIterator[Fleet]:
    async with fleet(workers.server.url, workers.schema, workers.folder) as made:
        yield made


async def until_told(workers: Workers, what: str, count: int, worker: int | None = None) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(workers.told(what, worker)) < count:
            await asyncio.sleep(0.02)


async def all_ended(mine: Fleet, count: int) -> list[Job]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            jobs = await mine.engine.jobs(SCOPE, limit=count)
            if all(job.state.ended for job in jobs):
                return jobs
            await asyncio.sleep(0.1)


async def submit_many(mine: Fleet) -> None:
    for number in range(1000):
        await mine.engine.submit(order(f"many{number}", 0.0))


def check(jobs: list[Job], workers: Workers, *, repeated: int) -> None:
    """All are done with all of their stages, and no more were begun again than were in work when something broke."""
    assert {(job.state, job.outcome and job.outcome.error) for job in jobs} == {(JobState.DONE, None)}
    wanted = {f"{job.order.payload['name']} {stage}" for job in jobs for stage in STAGES}
    assert set(workers.told("kept")) == wanted
    begun = Counter(workers.told("began"))
    assert sum(begun.values()) - len(wanted) <= repeated


async def test_what_a_killed_worker_had_is_done_by_another_from_its_finished_stages(
    workers: Workers, mine: Fleet
) -> None:
    for number in range(24):
        await mine.engine.submit(order(f"j{number}", 0.05))
    victim = workers.start()
    await until_told(workers, "kept", 30)
    in_work = await mine.engine.jobs(SCOPE, states={JobState.RUNNING}, limit=100)
    assert in_work, "it has jobs in work"
    victim.kill()
    victim.wait()
    workers.start()
    jobs = await all_ended(mine, 24)
    check(jobs, workers, repeated=4 * len(in_work) + 4 * 16)
    assert {job.attempt for job in jobs} == {1, 2}


async def test_a_frozen_worker_that_goes_on_writes_nothing_any_more(workers: Workers, mine: Fleet) -> None:
    frozen = workers.start()
    for number in range(8):
        await mine.engine.submit(order(f"j{number}", 0.3))
    await until_told(workers, "kept", 8, frozen.pid)
    frozen.send_signal(signal.SIGSTOP)
    other = workers.start()
    jobs = await all_ended(mine, 8)
    kept = set(workers.told("kept", frozen.pid))
    frozen.send_signal(signal.SIGCONT)
    await mine.engine.submit(order("after", 0.01))
    await all_ended(mine, 9)
    # What it hears of only now was kept before it froze, so that the other had it and did not begin it.
    late = {stage for stage in workers.told("kept", frozen.pid) if not stage.startswith("after")} - kept
    assert late.isdisjoint(workers.told("began", other.pid))
    check(jobs + await mine.engine.jobs(SCOPE, limit=1), workers, repeated=2 * 8 * 4)


async def test_a_database_that_is_started_anew_ends_no_job(own_postgres: PostgresProcess, tmp_path: Path) -> None:
    workers = Workers(own_postgres, tmp_path)
    try:
        async with fleet(own_postgres.url, workers.schema, tmp_path) as mine:
            workers.start()
            for number in range(12):
                await mine.engine.submit(order(f"j{number}", 0.2))
            await until_told(workers, "kept", 20)
            own_postgres.restart()
            await until_told(workers, "kept", 40)
            own_postgres.kill()
            own_postgres.start()
            check(await all_ended(mine, 12), workers, repeated=2 * 12 * 4)
    finally:
        workers.stop()


async def test_a_database_that_is_not_there_is_a_sentence(own_postgres: PostgresProcess, tmp_path: Path) -> None:
    own_postgres.stop()
    async with fleet(own_postgres.url, "udib_records", tmp_path) as mine:
        with pytest.raises(UnavailableError, match=r"PostgreSQL at 127\.0\.0\.1, database postgres cannot"):
            await mine.engine.submit(order("a", 0.0))
        assert not (await mine.engine.ping()).ok


async def test_a_database_that_cannot_be_written_is_a_sentence_and_takes_jobs_again_afterwards(
    own_postgres: PostgresProcess, tmp_path: Path
) -> None:
    workers = Workers(own_postgres, tmp_path)
    async with (
        fleet(own_postgres.url, workers.schema, tmp_path) as mine,
        await psycopg.AsyncConnection.connect(own_postgres.url, autocommit=True) as administrator,
    ):
        await mine.engine.submit(order("a", 0.0))
        await administrator.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await administrator.execute("SELECT pg_reload_conf()")
        with pytest.raises(UnavailableError, match="is read-only"):
            await submit_many(mine)  # the sessions hear of it one by one
        await administrator.execute("SET default_transaction_read_only = off")
        await administrator.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await administrator.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(PATIENCE_S):
            while not (await mine.engine.ping()).ok:
                await asyncio.sleep(0.05)
        assert (await mine.engine.submit(order("c", 0.0))).state is JobState.WAITING


async def test_jobs_of_a_database_that_is_full_go_on_when_there_is_room(
    own_postgres: PostgresProcess, tmp_path: Path
) -> None:
    workers = Workers(own_postgres, tmp_path)
    full = "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'"
    try:
        async with (
            fleet(own_postgres.url, workers.schema, tmp_path) as mine,
            await psycopg.AsyncConnection.connect(own_postgres.url, autocommit=True) as administrator,
        ):
            job = await mine.engine.submit(order("a", 0.0, attempts=5))
            await administrator.execute(f'SET search_path = "{workers.schema}"')
            await administrator.execute(
                f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {full}; END $$"
            )
            await administrator.execute(
                "CREATE TRIGGER full_disk BEFORE INSERT ON steps FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
            workers.start()
            async with asyncio.timeout(PATIENCE_S):
                while (found := await mine.engine.find(SCOPE, job.id)).outcome is None:
                    await asyncio.sleep(0.1)
            assert "full disk; free some space" in (found.outcome.error or "")
            await administrator.execute("DROP TRIGGER full_disk ON steps")
            check(await all_ended(mine, 1), workers, repeated=len(STAGES))
    finally:
        workers.stop()


async def test_tables_of_a_newer_udib_are_refused(workers: Workers, mine: Fleet) -> None:
    await mine.engine.submit(order("a", 0.0))
    async with await psycopg.AsyncConnection.connect(workers.server.url, autocommit=True) as connection:
        await connection.execute(f'UPDATE "{workers.schema}".records_schema_version SET version = 99')
    async with fleet(workers.server.url, workers.schema, workers.folder) as newer:
        with pytest.raises(BadRequestError, match="belong to a newer udib"):
            await newer.engine.submit(order("b", 0.0))


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_over_twenty_kills_nothing_is_lost(workers: Workers, mine: Fleet) -> None:
    rng = Random(7)
    for number in range(200):
        await mine.engine.submit(order(f"j{number}", 0.1))
    running = [workers.start() for _ in range(3)]
    repeated = 0
    for _ in range(20):
        await asyncio.sleep(rng.uniform(1.0, 3.0))
        victim = running.pop(rng.randrange(len(running)))
        repeated += 4 * 16
        if rng.random() < 0.3:
            victim.send_signal(signal.SIGSTOP)
            await asyncio.sleep(LEASE_S + 2)
            victim.send_signal(signal.SIGCONT)
            running.append(victim)
        else:
            victim.kill()
            victim.wait()
            running.append(workers.start())
    jobs = await all_ended(mine, 200)
    check(jobs, workers, repeated=repeated)
