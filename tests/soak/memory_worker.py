"""Changes a memory at random until it is killed, and notes what it begins and what was acknowledged.

`python memory_worker.py FOLDER WORK MODEL SEED JOURNAL`; WORK is `write-0` or `write-1` (for two scopes), `reindex` (to
MODEL) or `carry-N` (export, and import into the folder `copy-N`). A kill -9 takes nothing from the journal: each line
is one write to the system.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from udib.core.errors import UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId, RecordKind
from udib.core.vectors import Filters, Query
from udib.memory.edge import EdgeIndex
from udib.memory.entries import Entry, content_hash
from udib.memory.generations import Generations
from udib.memory.service import MemoryService
from udib.memory.store import EnhancedVectorStore
from udib.memory.transfer import export

SCOPES = (Scope.of("a_b", "c"), Scope.of("a", "b_c"))
KIND = RecordKind.TRANSCRIPT
DIMENSION = 16
CONTENTS = [f"c{number}" for number in range(6)]
BATCH = "batch"
"""A content of 256 records, which are written in one call."""


class Directions:
    """An embedder: texts that begin with the same two words point nearly the same way."""

    dimension = DIMENSION

    def __init__(self, model_id: str) -> None:
        self.model_id = model_id

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [direction(text) for text in texts]


def direction(text: str) -> list[float]:
    coarse, fine = Random(" ".join(text.split()[:2])), Random(text)
    return [coarse.gauss(0, 1) + 0.001 * fine.gauss(0, 1) for _ in range(DIMENSION)]


@dataclass(frozen=True)
class Step:
    """`name` is remember, batch, forget, compact, undo, optimize or search."""

    name: str
    content: str = ""
    texts: tuple[str, ...] = ()


def step_of(rng: Random, number: int, who: int) -> Step:
    content = rng.choice(CONTENTS)
    match rng.choices(["remember", "batch", "forget", "compact", "undo", "optimize", "search"], [8, 3, 4, 3, 1, 1, 4]):
        case ["remember"]:
            kinds = rng.choices(["shared", "near", "own"], k=rng.randint(1, 30))
            said = {"shared": "shared {at}", "near": "near {at} {content}", "own": "own{at} {who} {content} {number}"}
            texts = [
                said[kind].format(at=at % 5 if kind != "own" else at, content=content, who=who, number=number)
                for at, kind in enumerate(kinds)
            ]
            return Step("remember", content, tuple(texts))
        case ["batch"]:
            return Step("batch", BATCH, tuple(f"batch{at} {who} version {number}" for at in range(256)))
        case [name]:
            return Step(name, content if name == "forget" else "")
    raise AssertionError


def entries(step: Step, scope: Scope) -> list[Entry]:
    return [
        Entry(
            ContentId(step.content),
            number,
            direction(text),
            {
                "text": text, "number": number, "owner": str(scope),
                **({} if step.name == "batch" else {"content_hash": content_hash(text, None)}),
            },
        )
        for number, text in enumerate(step.texts)
    ]  # fmt: skip


async def do(store: EnhancedVectorStore, scope: Scope, step: Step) -> None:
    match step.name:
        case "remember":
            await store.remember(scope, KIND, entries(step, scope), now=0.0)
            await store.delete_from(scope, KIND, ContentId(step.content), len(step.texts))
        case "batch":
            await store.upsert(scope, KIND, entries(step, scope))
        case "forget":
            await store.delete(scope, Filters(content_id=ContentId(step.content)))
        case "compact":
            (await store.compact_and_deduplicate(scope.tenant, scope.workspace)).unwrap()
        case "undo":
            (await store.undo_compaction(scope.tenant, scope.workspace)).unwrap()
        case "optimize":
            await store.index.optimize(store.collection(KIND))


async def search(store: EnhancedVectorStore, scope: Scope, said: dict[str, Step]) -> None:
    """What is found is one's own, and was said and not forgotten, also if it was kept from an earlier search."""
    for _ in range(2):
        for hit in (await store.search(scope, KIND, Query(direction("shared 1"), limit=500))).hits:
            payload = hit.payload
            assert payload["owner"] == str(scope), "a foreign row"
            text = said[str(payload["content_id"])].texts[int(str(payload["number"]))]
            assert payload["text"] == text, "a stale row"


@asynccontextmanager
async def opened(folder: Path, model: str) -> AsyncIterator[EnhancedVectorStore]:
    index = EdgeIndex(folder / "vectors", folder / "run", linger_s=1.0)
    try:
        yield EnhancedVectorStore(index, Directions(model), Generations(folder / "generations"))
    finally:
        await index.close()


class Journal:
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, state: str, **more: Any) -> None:
        os.write(self._file, json.dumps({"state": state, **more}).encode() + b"\n")


async def write(folder: Path, model: str, seed: int, journal: Journal, who: int) -> None:
    rng, scope, number = Random(seed), SCOPES[who], 0
    said: dict[str, Step] = {}
    async with opened(folder, model) as store:
        for line in (folder / f"state-{who}").read_text().splitlines():
            step = Step(**json.loads(line))
            said[step.content] = Step(step.name, step.content, tuple(step.texts))
        while True:
            number += 1
            step = step_of(rng, 1000 * seed + number, who)
            journal.note("begin", step=step.__dict__)
            while True:
                with contextlib.suppress(UnavailableError):  # the store process died twice in a row: again
                    await (search(store, scope, said) if step.name == "search" else do(store, scope, step))
                    break
            if step.texts:
                said[step.content] = step
            elif step.name == "forget":
                said.pop(step.content, None)
            journal.note("done")


def silent(_: str, __: int) -> None:
    """Nobody watches."""


async def carry(folder: Path, model: str, number: str) -> None:
    file = folder / f"memory-{number}.jsonl"
    async with opened(folder, model) as store, opened(folder / f"copy-{number}", model) as copy:
        await export(store.index, SCOPES, file)
        await copy.import_file(file, silent)


async def main(folder: Path, work: str, model: str, seed: int, journal: Journal) -> None:
    match work:
        case "reindex":
            async with opened(folder, model) as store:
                await MemoryService(store).reindex(silent)
        case _ if work.startswith("carry-"):
            await carry(folder, model, work.partition("-")[2])
        case _:
            await write(folder, model, seed, journal, int(work[-1]))
    journal.note("finished")


if __name__ == "__main__":
    where, what, named, start, notes = sys.argv[1:]
    notebook = Journal(Path(notes))
    try:
        asyncio.run(main(Path(where), what, named, int(start), notebook))
    except (AssertionError, LookupError) as wrong:
        notebook.note("wrong", what=repr(wrong))
        raise
