"""What every `DecisionLog` promises."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from records_place import in_folder, in_new_schema, log_at

from udib.core.errors import BadRequestError
from udib.core.ports import DecisionLog
from udib.core.routing import Decision, Learned, LessonKind
from udib.core.tenancy import Scope
from udib.llm.decision_memory import MemoryDecisionLog
from udib.storage.decisions import KEPT_S

A, B = Scope.of("a", "w"), Scope.of("b", "w")
ON_SERVER = [pytest.mark.server, pytest.mark.xdist_group("records")]
MADE = Decision("1", A, "answer", "m", "L", (1.0, -0.25), 10, 20, ("x", "y:z"), 0.75, 1e6, 0.01)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=ON_SERVER)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the log lies."""
    if request.param == "sqlite":
        return in_folder(tmp_path)
    return in_new_schema(request.getfixturevalue("shared_postgres").url)


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=ON_SERVER)])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DecisionLog]:
    if request.param == "memory":
        yield MemoryDecisionLog()
        return
    server = request.param == "postgres"
    place = in_new_schema(request.getfixturevalue("shared_postgres").url) if server else in_folder(tmp_path)
    async with log_at(place, lambda: 1e6) as opened:
        yield opened


async def test_a_decision_comes_back_as_it_was_in_its_scope_only(log: DecisionLog) -> None:
    calibrated = replace(MADE, id="2", decided_at=2e6, reward=0.5, cost_usd=None, calibration=True)
    for decision in (MADE, calibrated):
        await log.record(decision)
    assert await log.decisions(A, limit=9) == [calibrated, MADE]
    assert await log.decisions(A, limit=1) == [calibrated]
    assert await log.decisions(B, limit=9) == []


async def test_costs_and_rewards_are_lessons_in_the_order_of_their_arrival(log: DecisionLog) -> None:
    await log.record(MADE)
    await log.record(replace(MADE, id="2", cost_usd=None))  # from a cache: nothing to learn yet
    await log.record(replace(MADE, id="3", layout="other"))
    await log.reward("2", 0.9)
    await log.reward("1", 0.1)
    lessons = await log.lessons("L", after=0)
    told = [(each.kind, each.decision.id, each.decision.reward) for each in lessons if each.kind is LessonKind.REWARD]
    assert (lessons[0].kind, lessons[0].decision.id) == (LessonKind.COST, "1")
    assert told == [(LessonKind.REWARD, "2", 0.9), (LessonKind.REWARD, "1", 0.1)]
    numbers = [each.number for each in lessons]
    assert numbers == sorted(set(numbers))
    assert [each.number for each in await log.lessons("L", after=numbers[0])] == numbers[1:]


async def test_a_decision_is_rewarded_once(log: DecisionLog) -> None:
    await log.record(MADE)
    await log.reward("1", 0.5)
    with pytest.raises(BadRequestError, match="rewarded already"):
        await log.reward("1", 0.5)
    with pytest.raises(BadRequestError, match="not known"):
        await log.reward("2", 0.5)


async def test_what_was_learned_is_kept_for_its_layout_and_never_replaced_by_less(log: DecisionLog) -> None:
    assert await log.learned("L") is None
    for learned in (Learned(5, b"five"), Learned(3, b"three"), Learned(7, b"seven")):
        await log.save("L", learned)
        newest = await log.learned("L")
        assert newest is not None
        assert newest.upto >= learned.upto
    assert await log.learned("L") == Learned(7, b"seven")
    assert await log.learned("other") is None


async def test_the_log_is_well(log: DecisionLog) -> None:
    assert (await log.ping()).ok


async def test_old_decisions_go_when_they_have_been_learned_from(address: str) -> None:
    async with log_at(address, lambda: KEPT_S + 1e6, most_kept=2) as log:
        for number, age in (("old", 0), ("older", -5), ("new", 1e6), ("newer", 2e6), ("newest", 3e6)):
            await log.record(replace(MADE, id=number, decided_at=1e6 + age - 1))
        await log.save("L", Learned(1, b""))
        assert {each.id for each in await log.decisions(A, limit=9)} == {"older", "new", "newer", "newest"}
        await log.save("L", Learned(9, b""))
        assert [each.id for each in await log.decisions(A, limit=9)] == ["newest", "newer"]
        assert [each.decision.id for each in await log.lessons("L", after=0)] == ["newer", "newest"]


async def test_who_reads_up_to_a_lesson_has_read_all_before_it(address: str) -> None:
    """Writers that are slow to end must not slip lessons in behind a reader's back."""
    async with log_at(address, lambda: 1e6) as log, log_at(address, lambda: 1e6) as other:
        read: list[int] = []

        async def write(where: DecisionLog, name: str) -> None:
            for number in range(25):
                await where.record(replace(MADE, id=f"{name}{number}"))

        async def follow() -> None:
            while len(read) < 100:
                read.extend(each.number for each in await log.lessons("L", after=read[-1] if read else 0))
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as group:
            group.create_task(follow())
            for name in "abcd":
                group.create_task(write(log if name in "ab" else other, name))
        assert read == [each.number for each in await other.lessons("L", after=0)]
