"""A worker that is killed by the benchmark.

`python -m benchmarks.engine.worker FOLDER STAGE_S JOBS_AT_ONCE CHANNEL [FLEET]`; FLEET is the address of a PostgreSQL
server and a schema there, with a space between: without it the worker is one of this machine alone. Each stage that is
done adds a line to FOLDER/stages. The last one posts a message to the channel, a server that keeps what it was sent and
can be looked into.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp

from benchmarks.engine.fleet import machine_at
from benchmarks.engine.shape import SCOPE, Shape, place
from udib.core.errors import UnavailableError
from udib.core.jobs import Job, Outcome
from udib.core.ports import Catalogue, ProgressSink
from udib.core.types import ContentId
from udib.delivery.effects import Effect, once
from udib.pipeline.engine import Engine, Load, Work
from udib.pipeline.journal import Journal
from udib.storage.catalogue import SCHEMA, SqliteCatalogue
from udib.storage.database import Database

_LINE: Final = "{}\t{}\n"


def stage_log(folder: Path) -> Path:
    """The file that stages are entered in, made if it is missing."""
    path = folder / "stages"
    path.touch(mode=0o600)
    return path


@asynccontextmanager
async def opened(folder: Path, fleet: str) -> AsyncGenerator[tuple[Engine, Journal]]:
    """The engine and the journal that a worker serves."""
    if fleet:
        url, schema = fleet.rsplit(" ", 1)
        async with machine_at(url, schema, folder) as machine:
            yield machine.engine, machine.journal
    else:
        async with place(folder) as here:
            yield here.engine, here.journal


async def work_on(folder: Path, stage_s: float, at_once: int, channel: str, fleet: str) -> None:
    """Serve until killed."""
    log = os.open(stage_log(folder), os.O_WRONLY | os.O_APPEND)
    shape = Shape(stage_s, lambda run, stage: os.write(log, _LINE.format(run, stage).encode()))
    catalogue = SqliteCatalogue(Database(folder / "catalogue.db", SCHEMA))
    async with opened(folder, fleet) as (engine, journal), aiohttp.ClientSession() as session:
        flow = _announced(shape.journalled(journal), catalogue, session, channel)
        await engine.serve({"bench": flow}, Load(at_once, at_once))


def _announced(flow: Work, catalogue: Catalogue, session: aiohttp.ClientSession, channel: str) -> Work:
    async def announced(job: Job, tell: ProgressSink) -> Outcome:
        outcome = await flow(job, tell)
        name = str(job.order.payload["name"])

        async def send(nonce: str) -> str:
            try:
                async with session.post(channel, data=f"{name} {nonce}") as answer:
                    return await answer.text()
            except aiohttp.ClientError as exc:
                raise UnavailableError(str(exc)) from exc

        async def look(nonce: str) -> str | None:
            async with session.get(channel) as answer:
                return nonce if f" {nonce}\n" in await answer.text() else None

        await once(catalogue, Effect(SCOPE, ContentId(f"web:{name}"), name), send, look)
        return outcome

    return announced


if __name__ == "__main__":
    asyncio.run(work_on(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4], "".join(sys.argv[5:])))
