"""Jobs of dead workers are neither lost nor done twice, and nothing of the journal's daily work reads all of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from udib.core.errors import Status
from udib.core.jobs import CANCELLED, Job, JobState, Order, Outcome
from udib.core.tenancy import Scope
from udib.storage.database import Database
from udib.storage.jobs import ENDED_OF_KEY, SqliteJobStore
from udib.storage.steps import JOURNAL_SCHEMA, OUTPUT

ORDER = Order(Scope.of("acme", "main"), "analyze", {"address": "https://a.example/"})


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    database = Database(tmp_path / "journal.db", JOURNAL_SCHEMA)
    yield SqliteJobStore(database)
    await database.close()


async def left_behind(store: SqliteJobStore) -> Job:
    await store.submit(ORDER, 1.0)
    [job] = await store.claim_next("dead", ["analyze"], count=1, most=1, now=2.0)
    return job


async def now(store: SqliteJobStore, job: Job) -> tuple[JobState, str | None, Outcome | None]:
    found = await store.by_id(job.id)
    assert found is not None
    return found.state, found.worker, found.outcome


async def test_what_was_cancelled_and_left_behind_ends(store: SqliteJobStore) -> None:
    job = await left_behind(store)
    assert await store.cancel(job.id, 3.0, lambda _: True) is JobState.RUNNING
    await store.postpone(job, None, 4.0)
    assert await now(store, job) == (JobState.CANCELLED, None, CANCELLED)
    assert await store.claim_next("next", ["analyze"], count=1, most=1, now=5.0) == []


async def test_what_was_cancelled_and_left_behind_is_not_gone_on_with(store: SqliteJobStore) -> None:
    job = await left_behind(store)
    await store.cancel(job.id, 3.0, lambda _: True)
    assert await store.claim(job.id, "next", dead="dead", now=4.0) is None
    assert await now(store, job) == (JobState.CANCELLED, None, CANCELLED)


async def test_what_was_cancelled_is_not_tried_again(store: SqliteJobStore) -> None:
    job = await left_behind(store)
    await store.cancel(job.id, 3.0, lambda _: True)
    await store.postpone(job, Outcome(Status.RETRYABLE, "It is down."), 4.0, 2.0)
    assert await now(store, job) == (JobState.CANCELLED, None, CANCELLED)


async def test_who_finds_a_worker_dead_too_late_takes_its_job_from_nobody(store: SqliteJobStore) -> None:
    job = await left_behind(store)
    assert await store.claim(job.id, "next", dead="dead", now=3.0) is not None
    assert await store.claim(job.id, "third", dead="dead", now=3.0) is None
    await store.postpone(job, None, 4.0)
    await store.end(job, JobState.FAILED, Outcome(Status.FAILED, "It died."), 4.0)
    assert (await now(store, job))[:2] == (JobState.RUNNING, "next")


@pytest.mark.parametrize(
    ("statement", "index"), [(OUTPUT, "runs_by_content (tenant=?"), (ENDED_OF_KEY, "jobs_by_key (tenant=?")]
)
async def test_what_is_asked_all_the_time_reads_no_whole_table(tmp_path: Path, statement: str, index: str) -> None:
    database = Database(tmp_path / "journal.db", JOURNAL_SCHEMA)
    values = ("",) * statement.count("?")
    plan = await database.read(lambda db: str(db.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()))
    await database.close()
    assert index in plan
    assert "SCAN" not in plan
