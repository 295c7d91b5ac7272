"""A step's deadline, and the time that does not count against it."""

import asyncio
from collections.abc import Awaitable, Callable

from udib.core.clock import off_the_clock
from udib.core.errors import Status
from udib.core.result import StepResult
from udib.pipeline.step import run_step

Work = Callable[[], Awaitable[str]]


async def waits(off_s: float, on_s: float) -> str:
    with off_the_clock():
        await asyncio.sleep(off_s)
    await asyncio.sleep(on_s)
    return "done"


async def step(work: Awaitable[str], deadline_s: float = 0.2) -> StepResult[str]:
    return await run_step(work, name="stage", deadline_s=deadline_s)


async def test_waiting_off_the_clock_does_not_count() -> None:
    assert (await step(waits(0.4, 0.0))).value == "done"


async def test_what_is_done_after_it_counts() -> None:
    result = await step(waits(0.1, 30.0))
    assert result.status is Status.RETRYABLE
    assert (result.error or "").startswith("The stage 'stage' gave no result in 0.2 s and was stopped; try again")


async def test_the_run_around_a_step_stands_still_with_it() -> None:
    async def run() -> str:
        return (await step(waits(0.4, 0.0))).unwrap()

    assert (await step(run(), 0.2)).value == "done"


async def test_a_step_stands_still_while_any_part_of_it_waits() -> None:
    async def both() -> str:
        async with asyncio.TaskGroup() as parts:
            parts.create_task(waits(0.3, 0.0))
            parts.create_task(waits(0.5, 0.0))
        return "done"

    assert (await step(both())).value == "done"


async def test_a_sibling_step_goes_on_by_its_own_clock() -> None:
    async with asyncio.TaskGroup() as level:
        waiting = level.create_task(step(waits(0.5, 0.0)))
        working = level.create_task(step(waits(0.0, 30.0), 0.1))
    assert waiting.result().success
    assert working.result().status is Status.RETRYABLE


async def test_outside_a_step_there_is_no_clock() -> None:
    assert await waits(0.0, 0.0) == "done"


async def test_a_step_that_ran_out_of_time_may_wait_while_it_cleans_up() -> None:
    async def untidy() -> str:
        try:
            await asyncio.sleep(30)
        finally:
            with off_the_clock():
                await asyncio.sleep(0.01)
        return "never"

    assert (await step(untidy(), 0.05)).status is Status.RETRYABLE
