"""What only a fleet needs of its steps and locks: that a process which was left behind changes nothing any more."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest

from udib.core.errors import UnavailableError
from udib.core.jobs import KeptStep, RunKey, StepName
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.storage.postgres import PostgresDatabase
from udib.storage.postgres_locks import PostgresLocks
from udib.storage.postgres_steps import PostgresStepStore
from udib.testing.postgres_process import PostgresProcess

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("records")]
SCOPE, ONE = Scope.of("acme", "main"), ContentId("web:1")
KEY, STEP = RunKey(SCOPE, ONE, "[]"), KeptStep(StepName("transcribe", 1, "aa"), b"1", None, reusable=True)


@pytest.fixture
async def database(shared_postgres: PostgresProcess) -> AsyncIterator[PostgresDatabase]:
    opened = PostgresDatabase(shared_postgres.url, f"test_{uuid4().hex}")
    yield opened
    await opened.close()


async def test_who_was_superseded_keeps_and_finishes_nothing(database: PostgresDatabase) -> None:
    frozen, other = PostgresStepStore(database), PostgresStepStore(database)
    run = await frozen.begin(KEY, 1)
    taken = await other.begin(KEY, 1)
    assert taken.run_id == run.run_id
    with pytest.raises(UnavailableError, match="has taken this analysis over"):
        await frozen.keep(run.run_id, STEP)
    await other.keep_part(run.run_id, STEP.name, 0, b"heard")
    with pytest.raises(UnavailableError, match="has taken this analysis over"):
        await frozen.keep_part(run.run_id, STEP.name, 0, b"late")
    assert await other.parts(run.run_id, STEP.name) == [b"heard"]
    with pytest.raises(UnavailableError, match="has taken this analysis over"):
        await frozen.finish(run.run_id, KEY)
    await other.keep(run.run_id, STEP)
    assert await other.finish(run.run_id, KEY) == []


async def test_a_run_that_was_forgotten_meanwhile_keeps_nothing(database: PostgresDatabase) -> None:
    steps = PostgresStepStore(database)
    run = await steps.begin(KEY, 1)
    await PostgresStepStore(database).forget(SCOPE, ONE)
    with pytest.raises(UnavailableError, match="or the item was forgotten"):
        await steps.keep(run.run_id, STEP)


async def test_what_is_done_under_a_lock_that_is_lost_is_stopped(
    database: PostgresDatabase, shared_postgres: PostgresProcess
) -> None:
    locks, held, stopped = PostgresLocks(database, "udib lost-7"), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with locks.exclusive(SCOPE, ONE):
            held.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

    task = asyncio.create_task(work())
    await held.wait()
    async with await psycopg.AsyncConnection.connect(shared_postgres.url, autocommit=True) as killer:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'udib lost-7'"
        await killer.execute(query)
    with pytest.raises(UnavailableError, match="lock of this analysis was lost"):
        await task
    assert stopped.is_set()
    async with locks.exclusive(SCOPE, ONE):
        pass


async def test_a_deadline_within_a_lock_is_told_as_what_it_is(database: PostgresDatabase) -> None:
    with pytest.raises(TimeoutError):
        async with PostgresLocks(database, "udib 7").exclusive(SCOPE, ONE), asyncio.timeout(0.05):
            await asyncio.Event().wait()
