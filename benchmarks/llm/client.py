"""What a call costs: our client beside bare aiohttp and LiteLLM, against one local server in a process of its own.

The client has all of it on: retries, limits, usage, list price. Bare aiohttp posts and reads JSON with the standard
library. Blocks of the two alternate in one process and each round gives one ratio, so that what the machine does
meanwhile falls on both. LiteLLM runs in a process and an environment of its own, between two blocks of ours.
"""

import asyncio
import json
import os
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from benchmarks.llm.sizes import Measured, Sizes
from benchmarks.memory.stores import ROOT, peer_python, progress
from udib.core.chat import ChatRequest, Completion, Message, Purpose
from udib.core.tenancy import Scope
from udib.llm.cards import ModelCard
from udib.llm.client import ModelEndpoint, OpenAICompatibleClient
from udib.net.guard import AddressGuard
from udib.net.pool import HTTPConnectionPool
from udib.testing.chat_server import ChatServer, ScriptedReply, chat_server

IN_FLIGHT: Final = 100
ROUNDS: Final = 5
PEER: Final = "litellm[proxy]"
_PASSAGE: Final = "Rents rose by four per cent in the year after the cap was lifted, she said. "
QUESTION: Final = "What did she say about rents? Cite the passage.\n\n" + 20 * _PASSAGE
_ANSWER: Final = "She said that rents rose by four per cent in the year after the cap was lifted [1]."
_PURPOSE: Final = Purpose(Scope.of("bench", "main"), "answer")
_REQUEST: Final = ChatRequest([Message("user", QUESTION)], model="test-model")
_CARD: Final = ModelCard("test-model", 8_000, 0.15, 0.6)

Call = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Block:
    """What some calls of one kind took: processor time of this process in ms a call, and calls a second."""

    cpu_ms: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)

    async def run(self, call: Call, calls: int) -> None:
        gate = asyncio.Semaphore(IN_FLIGHT)

        async def one() -> None:
            async with gate:
                await call()

        cpu, wall = time.process_time(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(calls):
                group.create_task(one())
        self.cpu_ms.append(1000 * (time.process_time() - cpu) / calls)
        self.per_s.append(calls / (time.perf_counter() - wall))

    def over(self, other: "_Block") -> float:
        """The median of the ratios of the rounds."""
        return statistics.median(mine / its for mine, its in zip(self.cpu_ms, other.cpu_ms, strict=True))


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    with chat_server(ScriptedReply(_ANSWER)) as server:
        return asyncio.run(_measure(sizes, server))


async def _measure(sizes: Sizes, server: ChatServer) -> Measured:
    pool = HTTPConnectionPool(limit=IN_FLIGHT, limit_per_host=IN_FLIGHT, guard=AddressGuard({server.address}))
    client = OpenAICompatibleClient(pool, ModelEndpoint(server.base_url, "sk-1"), cards={_CARD.name: _CARD})

    async def ours() -> None:
        if not (await client.complete(_REQUEST, _PURPOSE)).complete:
            raise RuntimeError("an answer is not complete")

    async def our_stream() -> None:
        *_, last = [each async for each in client.stream(_REQUEST, _PURPOSE)]
        if not isinstance(last, Completion) or last.text != _ANSWER:
            raise RuntimeError("a stream is not complete")

    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:
            progress(f"client: {ROUNDS} rounds of {sizes.calls} calls, and of {sizes.calls // 4} streams")
            whole = await _rounds(ours, _bare(session, server), sizes.calls)
            streams = await _rounds(our_stream, _bare_stream(session, server), sizes.calls // 4)
        server.seen()
        peer = await _litellm(sizes, server, ours)
    finally:
        await pool.close()
    against = f"{IN_FLIGHT} in flight, {len(QUESTION)} characters asked"
    return [
        ("client_cpu_ms", statistics.median(whole[0].cpu_ms), "ms", against),
        ("client_cpu_over_aiohttp", whole[0].over(whole[1]), "x", _told("bare aiohttp", whole[1])),
        (
            "client_stream_cpu_over_aiohttp",
            streams[0].over(streams[1]),
            "x",
            _told("bare aiohttp, streams", streams[1]),
        ),
        ("client_calls_per_s", statistics.median(whole[0].per_s), "1/s", f"aiohttp {_median(whole[1].per_s):.0f}/s"),
        *peer,
    ]


async def _rounds(ours: Call, bare: Call, calls: int) -> tuple[_Block, _Block]:
    mine, its, warm = _Block(), _Block(), _Block()
    await warm.run(ours, IN_FLIGHT)
    await warm.run(bare, IN_FLIGHT)
    for _ in range(ROUNDS):
        await its.run(bare, calls)
        await mine.run(ours, calls)
    return mine, its


def _bare(session: aiohttp.ClientSession, server: ChatServer) -> Call:
    url, headers, body = _plain_request(server, stream=False)

    async def call() -> None:
        async with session.post(url, json=body, headers=headers) as response:
            answer = await response.json()
        if not answer["choices"][0]["message"]["content"]:
            raise RuntimeError("an answer is empty")

    return call


def _bare_stream(session: aiohttp.ClientSession, server: ChatServer) -> Call:
    url, headers, body = _plain_request(server, stream=True)

    async def call() -> None:
        texts = []
        async with session.post(url, json=body, headers=headers) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    choices = json.loads(line[6:])["choices"]
                    texts += [choices[0]["delta"].get("content") or ""] if choices else []
        if "".join(texts) != _ANSWER:
            raise RuntimeError("a stream is not complete")

    return call


def _plain_request(server: ChatServer, *, stream: bool) -> tuple[str, dict[str, str], dict[str, Any]]:
    body = {"model": "test-model", "messages": [{"role": "user", "content": QUESTION}], "temperature": 0}
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    return f"{server.base_url}/chat/completions", {"Authorization": "Bearer sk-1"}, {**body, **more}


async def _litellm(sizes: Sizes, server: ChatServer, ours: Call) -> Measured:
    python = peer_python(PEER)
    if python is None:
        return []
    calls = max(sizes.calls // 4, IN_FLIGHT)
    progress(f"LiteLLM: {calls} calls")
    around = _Block()
    await around.run(ours, calls)
    found = await asyncio.to_thread(_child, python, server.base_url, calls)
    await around.run(ours, calls)
    server.seen()
    name = f"litellm.acompletion {found['version']}"
    rate, cpu = _median(around.per_s), _median(around.cpu_ms)
    return [
        ("client_rate_over_litellm", rate / found["per_s"], "x", f"{name}: {found['per_s']:.0f}/s, ours {rate:.0f}/s"),
        (
            "client_cpu_under_litellm",
            found["cpu_ms"] / cpu,
            "x",
            f"{name}: {found['cpu_ms']:.2f} ms, ours {cpu:.2f} ms",
        ),
    ]


def _child(python: Path, base_url: str, calls: int) -> dict[str, Any]:
    """LiteLLM in a process of its own; without its list of prices from the network."""
    done = subprocess.run(
        [str(python), "-m", "benchmarks.peers.litellm_calls", base_url, str(calls), str(IN_FLIGHT)],
        cwd=ROOT, env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}, input=QUESTION,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"benchmarks.peers.litellm_calls failed: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _told(what: str, block: _Block) -> str:
    return f"{what}: {_median(block.cpu_ms):.3f} ms of processor a call"
