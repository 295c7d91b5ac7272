"""A worker that is killed by the benchmark: `python -m benchmarks.engine.worker FOLDER STAGE_S JOBS_AT_ONCE CHANNEL`.

Each stage that is done adds a line to FOLDER/stages. The last one posts a message to the channel, a server that keeps
what it was sent and can be looked into.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import aiohttp

from benchmarks.engine.shape import SCOPE, Shape, place
from udib.core.errors import UnavailableError
from udib.core.jobs import Job, Outcome
from udib.core.ports import Catalogue, ProgressSink
from udib.core.types import ContentId
from udib.delivery.effects import Effect, once
from udib.pipeline.engine import Load, Work
from udib.storage.catalogue import SCHEMA, SqliteCatalogue
from udib.storage.database import Database

_LINE: Final = "{}\t{}\n"


def stage_log(folder: Path) -> Path:
    """The file that stages are entered in, made if it is missing."""
    path = folder / "stages"
    path.touch(mode=0o600)
    return path


async def work_on(folder: Path, stage_s: float, at_once: int, channel: str) -> None:
    """Serve the folder until killed."""
    log = os.open(stage_log(folder), os.O_WRONLY | os.O_APPEND)
    shape = Shape(stage_s, lambda run, stage: os.write(log, _LINE.format(run, stage).encode()))
    catalogue = SqliteCatalogue(Database(folder / "catalogue.db", SCHEMA))
    async with place(folder) as here, aiohttp.ClientSession() as session:
        flow = _announced(shape.journalled(here.journal), catalogue, session, channel)
        await here.engine.serve({"bench": flow}, Load(at_once, at_once))


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
    asyncio.run(work_on(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
