"""LiteLLM's in-memory cache: `acompletion` of a question whose answer is there. Run in an environment of its own."""

import asyncio
import json
import os
import statistics
import sys
import time
from importlib.metadata import version

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # nothing is fetched

import litellm
from litellm.caching.caching import Cache

from benchmarks.peers.answers import ANSWER, SYSTEM, question


async def main(questions: int, hits: int) -> None:
    """Ask all questions once, then time `hits` of them again."""
    litellm.cache = Cache(type="local")
    litellm.suppress_debug_info = True

    async def ask(number: int) -> object:
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question(number)}]
        return await litellm.acompletion(
            model="gpt-4", messages=messages, temperature=0, mock_response=ANSWER, api_key="none", caching=True
        )

    for number in range(questions):
        await ask(number)
    await asyncio.sleep(0.2)  # it stores in the background
    times, ids = [], set()
    for number in range(hits):
        began = time.perf_counter()
        answer = await ask(number % questions)
        times.append(time.perf_counter() - began)
        ids.add(getattr(answer, "id", number))
    found = {"hit_us": 1e6 * statistics.median(times), "version": version("litellm"), "answers": len(ids)}
    print(json.dumps(found))


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
