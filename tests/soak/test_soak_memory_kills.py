"""kill -9 of the store process and of its clients while they write: what is acknowledged stays, what went stays so."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from memory_worker import BATCH, KIND, SCOPES, Step, do, opened
from processes import store_process

from udib.core.tenancy import Scope
from udib.core.vectors import Filters
from udib.memory.store import EnhancedVectorStore
from udib.memory.twins import pages

WORKER = Path(__file__).with_name("memory_worker.py")
pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="finds the store process in /proc")

Said = dict[str, tuple[str, ...]]
"""The texts of each content."""


@dataclass
class Round:
    """One memory on disk, what it should hold, and how often what was killed."""

    folder: Path
    rng: Random
    model: str = "one"
    said: tuple[Said, Said] = field(default_factory=lambda: ({}, {}))
    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0

    def start(self, work: str, name: str) -> subprocess.Popen[bytes]:
        (self.folder / f"{name}.journal").unlink(missing_ok=True)
        arguments = [
            str(self.folder),
            work,
            self.model,
            str(self.rng.randrange(10**6)),
            str(self.folder / f"{name}.journal"),
        ]
        with (self.folder / f"{name}.stderr").open("wb") as complaints:
            return subprocess.Popen([sys.executable, str(WORKER), *arguments], stderr=complaints)

    def notes(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / f"{name}.journal"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []

    def kill_store(self, what: str) -> None:
        pid = store_process(self.folder / "vectors")
        if pid is not None:
            kill(pid)
            self.kills[f"store while {what}"] += 1


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_for(condition: Any, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def write_and_kill(this: Round, kills: int) -> None:
    """Two writers, whose store is killed some times and who are killed in the end."""
    for who in (0, 1):
        lines = [json.dumps(Step("remember", content, texts).__dict__) for content, texts in this.said[who].items()]
        (this.folder / f"state-{who}").write_text("\n".join(lines))
    writers = [this.start(f"write-{who}", f"write-{who}") for who in (0, 1)]
    try:
        for who in (0, 1):
            wait_for(lambda who=who: len(this.notes(f"write-{who}")) > 1, writers[who])
        for _ in range(kills):
            time.sleep(this.rng.uniform(0.01, 0.5))
            this.kill_store("writing")
        time.sleep(this.rng.uniform(0.01, 0.4))
    finally:
        for process in writers:
            kill(process.pid)
            process.wait()
    this.kills["writer"] += 2
    for who, process in enumerate(writers):
        assert process.returncode == -signal.SIGKILL, (this.folder / f"write-{who}.stderr").read_text()


def settle(this: Round, who: int) -> Step | None:
    """Enter what was acknowledged; returns what was under way."""
    under_way: Step | None = None
    path = this.folder / f"write-{who}.journal"
    notes = this.notes(path.stem)
    path.unlink(missing_ok=True)
    for note in notes:
        if note["state"] == "begin":
            under_way = Step(note["step"]["name"], note["step"]["content"], tuple(note["step"]["texts"]))
        else:
            assert under_way is not None
            enter(this.said[who], under_way)
            this.acknowledged += 1
            under_way = None
    return under_way


def enter(said: Said, step: Step) -> None:
    if step.texts:
        said[step.content] = step.texts
    elif step.name == "forget":
        said.pop(step.content, None)


async def stored(store: EnhancedVectorStore, scope: Scope) -> dict[tuple[str, int], list[str]]:
    """The texts of each record, in the main collection and among the twins, whose leaders must be there."""
    found: dict[tuple[str, int], list[str]] = {}
    leaders, led = set(), set()
    for prefix in ("", "twins-"):
        async for page in pages(store.index, scope, prefix + store.collection(KIND), Filters()):
            for point in page:
                assert point.payload["owner"] == str(scope), "a foreign row"
                key = (str(point.payload["content_id"]), int(str(point.payload["number"])))
                found.setdefault(key, []).append(str(point.payload["text"]))
                (led.add(point.payload["twin_of"]) if prefix else leaders.add(point.id))
    assert led <= leaders, "a copy that nobody finds"
    return found


def compare(found: dict[tuple[str, int], list[str]], said: Said, under_way: Step | None) -> None:
    """All that is settled is there, with its words; of what was under way each record is as before or as after."""
    changing = under_way.content if under_way is not None and under_way.content else None
    settled = {(content, at): text for content, texts in said.items() for at, text in enumerate(texts)}
    for (content, at), text in settled.items():
        if content != changing:
            assert set(found.get((content, at), ())) == {text}, f"{content} {at} is lost or changed"
    for (content, at), texts in found.items():
        if content != changing:
            assert (content, at) in settled, f"{content} {at} came back"
        elif under_way is not None:
            after = under_way.texts[at] if at < len(under_way.texts) else None
            assert set(texts) <= {settled.get((content, at)), after}
    if under_way is not None and changing == BATCH:
        texts = [text for (content, _), some in found.items() if content == BATCH for text in some]
        assert sorted(texts) in (sorted(said.get(BATCH, ())), sorted(under_way.texts)), "half a batch is visible"


async def check(this: Round) -> None:
    """What is there after the kills; then what was under way is done again, and all must be there exactly once."""
    async with opened(this.folder, this.model) as store:
        for who, scope in enumerate(SCOPES):
            under_way = settle(this, who)
            compare(await stored(store, scope), this.said[who], under_way)
            if under_way is not None:
                await do(store, scope, under_way)
                enter(this.said[who], under_way)
        for who, scope in enumerate(SCOPES):
            found = await stored(store, scope)
            compare(found, this.said[who], None)
            assert all(len(texts) == 1 for texts in found.values()), "a record is there twice"


def killed_until_it_ends(this: Round, work: str, kills: int) -> None:
    """A long work whose client and store are killed in turn; the last start may end."""
    for number in range(kills):
        process = this.start(work, work)
        time.sleep(this.rng.uniform(0.3, 1.2))
        if number % 2:
            this.kill_store(work)
        if number % 3 != 1:
            kill(process.pid)
            this.kills[work] += process.poll() is None or process.wait() == -signal.SIGKILL
        process.wait(60)
    process = this.start(work, work)
    assert process.wait(60) == 0, (this.folder / f"{work}.stderr").read_text()


async def check_copy(this: Round, number: int) -> None:
    """The memory that the file was brought into holds all, once."""
    async with opened(this.folder / f"copy-{number}", this.model) as copy:
        for who, scope in enumerate(SCOPES):
            wanted = {(content, at): text for content, texts in this.said[who].items() for at, text in enumerate(texts)}
            assert await stored(copy, scope) == {key: [text] for key, text in wanted.items()}


@pytest.fixture
def this(tmp_path: Path) -> Iterator[Round]:
    yield Round(tmp_path, Random(7))
    deadline = time.monotonic() + 20
    while store_process(tmp_path) is not None:
        assert time.monotonic() < deadline, "a store process outlived its linger time"
        time.sleep(0.1)


def test_killed_writers_and_stores_lose_and_bring_back_nothing(this: Round) -> None:
    write_and_kill(this, kills=2)
    asyncio.run(check(this))
    killed_until_it_ends(this, "carry-0", kills=1)
    asyncio.run(check_copy(this, 0))


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_hundred_kills_of_everything_that_writes(this: Round) -> None:
    for number in range(14):
        write_and_kill(this, kills=5)
        asyncio.run(check(this))
        if number % 2:
            this.model = {"one": "two", "two": "one"}[this.model]
            killed_until_it_ends(this, "reindex", kills=5)
            asyncio.run(check(this))
        else:
            killed_until_it_ends(this, f"carry-{number}", kills=4)
            asyncio.run(check_copy(this, number))
    print(dict(this.kills), f"{this.acknowledged} acknowledged steps")
    assert this.kills.total() >= 100
