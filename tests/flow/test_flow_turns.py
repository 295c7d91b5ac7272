"""Turns between tenants, by a clock that jumps: a backlog of hundreds, and one request beside it."""

import asyncio
from dataclasses import dataclass, field

import pytest

from udib.core.errors import UnavailableError
from udib.core.gates import Limit
from udib.core.result import StepResult
from udib.core.tenancy import Scope
from udib.core.types import Progress
from udib.pipeline.flow_control import FlowControl, waiting_for
from udib.pipeline.step import run_step
from udib.testing import virtual_time
from udib.testing.gates import FakeGateBook

BACKLOG, SINGLE = Scope.of("backlog", "main"), Scope.of("single", "main")
UNIT_S = 60.0


@dataclass
class Platform:
    """Something that takes a minute for each, behind a gate; who was begun when."""

    limit: Limit
    book: FakeGateBook = field(default_factory=FakeGateBook)
    begun: list[tuple[float, str]] = field(default_factory=list)
    told: list[Progress] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gates = FlowControl({"web": (self.limit, self.book)})

    async def fetch(self, scope: Scope, unit_s: float = UNIT_S) -> float:
        """Seconds that it waited."""
        loop = asyncio.get_running_loop()
        came_s = loop.time()
        tell = waiting_for("web", "download", self.told.append if scope is SINGLE else lambda _: None)
        async with self.gates.place("web", scope, waiting=tell):
            self.begun.append((loop.time(), scope.tenant))
            waited_s = loop.time() - came_s
            await asyncio.sleep(unit_s)
        return waited_s


async def single_beside_a_backlog(platform: Platform, count: int) -> float:
    """How long a request waits that comes when a backlog of so many is in work."""
    async with asyncio.TaskGroup() as group:
        backlog = [group.create_task(platform.fetch(BACKLOG)) for _ in range(count)]
        await asyncio.sleep(UNIT_S * 1.25)
        waited_s = await platform.fetch(SINGLE)
        for task in backlog:
            task.cancel()
    return waited_s


@pytest.mark.parametrize("at_once", [1, 3])
def test_one_request_beside_a_backlog_of_500_waits_for_one_unit_of_work_at_most(at_once: int) -> None:
    platform = Platform(Limit(at_once))
    waited_s = virtual_time.run(single_beside_a_backlog(platform, 500))
    assert waited_s <= UNIT_S
    first = next(number for number, (_, tenant) in enumerate(platform.begun) if tenant == "single")
    assert first == 2 * at_once  # those that were done, those that were in work, and then it
    assert [event.state for event in platform.told] == ["waiting"]
    assert platform.told[0].note == "waiting for its turn (web), 0 before it"


def test_a_rate_adds_one_interval_to_that() -> None:
    platform = Platform(Limit(at_once=4, per_minute=2))
    assert virtual_time.run(single_beside_a_backlog(platform, 500)) <= UNIT_S + 60 / 2
    starts = [at for at, _ in platform.begun]
    assert starts[:4] == [0.0] * 4


def test_a_clock_that_is_set_back_by_an_hour_holds_nobody() -> None:
    async def fetched() -> float:
        platform = Platform(Limit(at_once=1, per_minute=6))
        await platform.fetch(BACKLOG, 0.0)
        platform.book.set_back_s = 3600.0
        return await platform.fetch(SINGLE, 0.0)

    assert virtual_time.run(fetched()) <= 10.2


def test_waiting_for_ones_turn_counts_against_no_deadline() -> None:
    async def both() -> StepResult[float]:
        platform = Platform(Limit(at_once=1))
        async with asyncio.TaskGroup() as group:
            group.create_task(platform.fetch(BACKLOG, 600.0))
            await asyncio.sleep(1)
            late = group.create_task(run_step(platform.fetch(SINGLE, 10.0), name="download", deadline_s=30))
        return late.result()

    result = virtual_time.run(both())
    assert result.success
    assert (result.value or 0) > 590


def test_a_unit_that_never_ends_is_stopped_and_lets_the_next_in() -> None:
    async def both() -> tuple[StepResult[float], float]:
        platform = Platform(Limit(at_once=1))
        async with asyncio.TaskGroup() as group:
            stuck = group.create_task(run_step(platform.fetch(BACKLOG, 1e9), name="download", deadline_s=30))
            await asyncio.sleep(1)
            next_one = group.create_task(platform.fetch(SINGLE))
        return stuck.result(), next_one.result()

    stuck, waited_s = virtual_time.run(both())
    assert (stuck.error or "").startswith("The stage 'download' gave no result in 30 s and was stopped")
    assert waited_s <= 30.2


def test_a_book_that_cannot_be_written_fails_who_comes_and_not_who_has_done_its_work() -> None:
    async def fetched() -> None:
        platform = Platform(Limit(at_once=1))
        async with platform.gates.place("web", SINGLE):
            platform.book.error = UnavailableError("The disk is full.")
        with pytest.raises(UnavailableError, match="disk is full"):
            await platform.fetch(SINGLE)
        platform.book.error = None
        assert await platform.fetch(BACKLOG) == 0.0  # the place was given back with the next change

    virtual_time.run(fetched())
