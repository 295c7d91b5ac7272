"""The engine of one machine when a worker dies while somebody wants its job ended, or lets it go on twice."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from udib.core.errors import BadRequestError, Status, UnavailableError
from udib.core.jobs import CANCELLED, Job, JobState, KeptStep, Order, Outcome, StepName
from udib.core.ports import ProgressSink
from udib.core.tenancy import Scope
from udib.core.types import Progress
from udib.pipeline.local import LocalEngine
from udib.storage.database import Database
from udib.storage.jobs import SqliteJobStore
from udib.storage.locks import HeldError, locked
from udib.storage.steps import JOURNAL_SCHEMA, SqliteStepStore

SCOPE = Scope.of("acme", "main")
ORDER = Order(SCOPE, "test", {"address": "a"})
NOW = 1_000_000.0
DEAD = "1-dead"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    database = Database(tmp_path / "journal.db", JOURNAL_SCHEMA)
    yield SqliteJobStore(database)
    await database.close()


@pytest.fixture
async def engine(store: SqliteJobStore, tmp_path: Path) -> AsyncIterator[LocalEngine]:
    made = LocalEngine(store, tmp_path / "locks", clock=lambda: NOW)
    yield made
    await made.close()


async def left_by_the_dead(store: SqliteJobStore, *, to_cancel: bool = False) -> Job:
    """A job that a worker had in work when it died, told before or not that somebody wants it ended."""
    job, _ = await store.submit(ORDER, NOW)
    await store.claim(job.id, DEAD, dead=None, now=NOW)
    if to_cancel:
        await store.cancel(job.id, NOW, lambda _: True)
    return job


async def unwanted(job: Job, _: ProgressSink) -> Outcome:
    raise AssertionError(f"{job.id} was begun again")


async def test_a_job_of_a_dead_worker_is_cancelled_at_once(engine: LocalEngine, store: SqliteJobStore) -> None:
    job = await engine.cancel(await left_by_the_dead(store))
    assert (job.state, job.outcome) == (JobState.CANCELLED, CANCELLED)
    with pytest.raises(BadRequestError, match="nothing to cancel"):
        await engine.cancel(job)


async def test_a_job_whose_worker_died_of_ending_it_is_not_begun_again(
    engine: LocalEngine, store: SqliteJobStore
) -> None:
    job = await left_by_the_dead(store, to_cancel=True)
    told: list[Progress] = []
    assert (await engine.attend(job, unwanted, told.append)).state is JobState.CANCELLED
    assert (await engine.again(job)).state is JobState.WAITING


async def test_who_interrupts_a_worker_keeps_what_was_wanted_before(engine: LocalEngine, store: SqliteJobStore) -> None:
    job = await left_by_the_dead(store, to_cancel=True)
    left = replace(job, worker=DEAD, state=JobState.RUNNING)
    await store.postpone(left, Outcome(Status.RETRYABLE, "It is down."), NOW)
    assert (await engine.find(SCOPE, job.id)).state is JobState.CANCELLED


async def test_a_job_that_was_forgotten_meanwhile_is_one_sentence(engine: LocalEngine) -> None:
    with pytest.raises(BadRequestError, match="was forgotten"):
        await engine.cancel(Job("000000000000", ORDER, JobState.RUNNING, NOW))


async def test_of_two_who_let_a_job_go_on_the_second_does_not_begin_it_beside_the_first(
    store: SqliteJobStore,
) -> None:
    job, _ = await store.submit(ORDER, NOW)
    await store.cancel(job.id, NOW, lambda _: True)
    assert await store.again(job.id, NOW)
    assert await store.claim(job.id, "1-lives", dead=None, now=NOW)
    assert not await store.again(job.id, NOW)
    assert await store.claim(job.id, "2-lives", dead=None, now=NOW) is None


async def test_a_step_of_a_run_that_began_in_another_file_is_one_sentence(tmp_path: Path) -> None:
    database = Database(tmp_path / "journal.db", JOURNAL_SCHEMA)
    steps, name = SqliteStepStore(database), StepName("transcribe", 1, "0")
    for kept in (steps.keep(1, KeptStep(name, b"1", None, reusable=True)), steps.keep_part(1, name, 0, b"1")):
        with pytest.raises(UnavailableError, match="was replaced while the item was in work"):
            await kept
    await database.close()


def test_a_lock_that_is_held_is_told_from_one_that_cannot_be_made(tmp_path: Path) -> None:
    path, refusal = tmp_path / "serving.lock", "Held by {}.".format
    with locked(path, refusal), pytest.raises(HeldError), locked(path, refusal):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError) as raised, locked(tmp_path / "file" / "serving.lock", refusal):
        pass
    assert not isinstance(raised.value, HeldError)
