"""LangChain's in-memory cache: `ainvoke` of a chat model whose answer is there. Run in an environment of its own."""

import asyncio
import json
import statistics
import sys
import time
from importlib.metadata import version

from langchain_core.caches import InMemoryCache
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import HumanMessage, SystemMessage

from benchmarks.peers.answers import ANSWER, SYSTEM, question


async def main(questions: int, hits: int) -> None:
    """Ask all questions once, then time `hits` of them again."""
    model = FakeListChatModel(responses=[ANSWER], cache=InMemoryCache())
    asked = [[SystemMessage(SYSTEM), HumanMessage(question(number))] for number in range(questions)]
    for messages in asked:
        await model.ainvoke(messages)
    times = []
    for number in range(hits):
        began = time.perf_counter()
        await model.ainvoke(asked[number % questions])
        times.append(time.perf_counter() - began)
    print(json.dumps({"hit_us": 1e6 * statistics.median(times), "version": version("langchain-core")}))


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
