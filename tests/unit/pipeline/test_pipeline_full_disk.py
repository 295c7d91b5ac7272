"""A journal on a full disk: its jobs fail in a way that may pass, and go on when there is room."""

import json
import subprocess
import sys
from pathlib import Path

JOB = """
import asyncio, json, resource, sys, time
from pathlib import Path

from udib.core.errors import Status, UdibError
from udib.core.jobs import Order, Outcome, RunKey
from udib.core.tenancy import Scope
from udib.pipeline.engine import Load
from udib.pipeline.journal import Journal, Watched
from udib.pipeline.local import LocalEngine
from udib.pipeline.step import Stage
from udib.storage.artifacts import DirectoryArtifactStore
from udib.storage.database import Database
from udib.storage.jobs import SqliteJobStore
from udib.storage.locks import FileLocks
from udib.storage.steps import JOURNAL_SCHEMA, SqliteStepStore

FOLDER, SIZE = Path(sys.argv[1]), int(sys.argv[2])
SCOPE = Scope.of("acme", "main")
DONE = []


def allow(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def stage(number):
    DONE.append(number)
    return "x" * SIZE


async def first():
    return 1


async def main():
    database = Database(FOLDER / "journal.db", JOURNAL_SCHEMA)
    journal = Journal(SqliteStepStore(database), FileLocks(FOLDER / "locks"), DirectoryArtifactStore(FOLDER / "blobs"))
    engine = LocalEngine(SqliteJobStore(database), FOLDER / "locks")
    errors = []

    async def work(job, tell):
        try:
            key = RunKey(SCOPE, "web:1", "")
            async with journal.run(key, next_revision=first, watched=Watched(tell, time.perf_counter())) as run:
                for number in range(40):
                    (await run.step(Stage("stage", stage, str, 60.0), number)).unwrap()
        except UdibError as exc:
            errors.append(str(exc))
            allow(resource.RLIM_INFINITY)
            return Outcome(exc.status, str(exc))
        return Outcome(Status.OK)

    job = await engine.submit(Order(SCOPE, "test", {}, attempts=3))
    allow(int(sys.argv[3]))
    server = asyncio.create_task(engine.serve({"test": work}, Load()))
    while not (job := await engine.find(SCOPE, job.id)).state.ended:
        await asyncio.sleep(0.05)
    server.cancel()
    await asyncio.wait([server])
    health = await database.ping("journal")
    found = {"state": job.state.value, "attempt": job.attempt, "begun": len(DONE)}
    print(json.dumps({**found, "complete": set(DONE) == set(range(40)), "whole": health.ok, "error": errors[0]}))
    await engine.close()
    await database.close()


asyncio.run(main())
"""


ALL_BUT_ONE_ONCE = {"state": "done", "attempt": 2, "begun": 41, "complete": True, "whole": True}
"""Only the stage whose result could not be kept is done again."""


def on_a_full_disk(folder: Path, size: int, room: int) -> tuple[dict[str, object], str]:
    command = [sys.executable, "-c", JOB, str(folder), str(size), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found, str(found.pop("error"))


def test_a_job_whose_journal_has_no_room_goes_on_when_there_is_some(tmp_path: Path) -> None:
    found, error = on_a_full_disk(tmp_path, 20_000, 600_000)
    assert found == ALL_BUT_ONE_ONCE
    assert error.startswith(f"{tmp_path}/journal.db cannot be used (disk I/O error")  # what SQLite makes of the limit


def test_a_job_whose_artifact_has_no_room_goes_on_when_there_is_some(tmp_path: Path) -> None:
    found, error = on_a_full_disk(tmp_path, 2_000_000, 1_000_000)
    assert found == ALL_BUT_ONE_ONCE
    assert error == f"The disk that holds {tmp_path}/blobs is full; free some space and try again."
    assert list((tmp_path / "blobs").rglob(".*")) == []
