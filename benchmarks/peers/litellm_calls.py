"""LiteLLM: `python -m benchmarks.peers.litellm_calls BASE_URL CALLS IN_FLIGHT` asks a local server, many at once."""

import asyncio
import sys
import time
from importlib.metadata import version

import litellm

from benchmarks.peers.data import say


async def main() -> None:
    """Warm up, ask, print what a call took."""
    base_url, calls, in_flight = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    messages = [{"role": "user", "content": sys.stdin.read()}]
    gate = asyncio.Semaphore(in_flight)

    async def one() -> None:
        async with gate:
            answer = await litellm.acompletion(
                model="openai/test-model", messages=messages, api_base=base_url, api_key="sk-1", temperature=0
            )
            if not answer.choices[0].message.content:
                raise RuntimeError("an answer is empty")

    async def block(number: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(number):
                group.create_task(one())

    await block(in_flight)
    cpu, wall = time.process_time(), time.perf_counter()
    await block(calls)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    say(cpu_ms=1000 * cpu / calls, per_s=calls / wall, version=version("litellm"))


if __name__ == "__main__":
    asyncio.run(main())
