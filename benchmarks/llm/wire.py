"""The wire, proved against a server that others wrote: the LiteLLM proxy with mocked answers."""

import asyncio
import json
import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.llm.client import PEER
from benchmarks.llm.sizes import Measured, Sizes
from benchmarks.memory.stores import peer_python, progress
from udib.core.chat import ChatRequest, Completion, Message, Purpose, Tool, ToolCall
from udib.core.errors import BadRequestError, NotSentError, UdibError
from udib.core.tenancy import Scope
from udib.llm.client import ModelEndpoint, OpenAICompatibleClient
from udib.llm.structured import answer_form, ask_structured
from udib.net.guard import AddressGuard
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import RetryPolicy

_KEY: Final = "sk-bench-1234"
_SAID: Final = "The proxy says: grüße, 東京."
_START_S: Final = 120.0
_PURPOSE: Final = Purpose(Scope.of("bench", "main"), "answer")
_REQUEST: Final = ChatRequest([Message("user", "Say something.")], model="mock", max_tokens=50)
_CONFIG: Final = {
    "model_list": [
        {
            "model_name": "mock",
            "litellm_params": {"model": "openai/gpt-4o", "api_key": "none", "mock_response": _SAID},
        },
        {
            "model_name": "form",
            "litellm_params": {
                "model": "openai/gpt-4o",
                "api_key": "none",
                "mock_response": '{"city": "Łódź", "people": 7}',
            },
        },
        {
            "model_name": "caller",
            "litellm_params": {
                "model": "openai/gpt-4o",
                "api_key": "none",
                "mock_response": _SAID,
                "mock_tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "look_up", "arguments": '{"city": "Łódź"}'},
                    }
                ],
            },
        },
        {
            "model_name": "busy",
            "litellm_params": {
                "model": "openai/gpt-4o",
                "api_key": "none",
                "mock_response": "litellm.RateLimitError",
            },
        },
    ],
    "general_settings": {"master_key": _KEY},
    "router_settings": {"num_retries": 0},
}

_TOOL: Final = Tool(
    "look_up",
    "Says who lives in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
)

_STRANGER: Final = "a wrong key"


@dataclass(frozen=True, slots=True)
class _City:
    """What a model is asked for in a form."""

    city: str
    people: int


Check = Callable[[OpenAICompatibleClient], Awaitable[bool]]


def measure(_: Sizes) -> Measured:
    """How many of the checks did not hold; nothing if the proxy cannot be installed."""
    python = peer_python(PEER)
    if python is None:
        return []
    progress("wire: the LiteLLM proxy starts")
    with _proxy(python) as port:
        failed = asyncio.run(_failed(port))
    told = f"LiteLLM proxy, {len(_CHECKS) + 1} checks"
    return [("wire_checks_failed", float(len(failed)), "", f"{told}; failed: {', '.join(failed)}" if failed else told)]


async def _failed(port: int) -> list[str]:
    """The names of the checks that did not hold."""
    pool = HTTPConnectionPool(guard=AddressGuard({f"127.0.0.1:{port}"}))
    endpoint = ModelEndpoint(f"http://127.0.0.1:{port}/v1", _KEY)
    client = OpenAICompatibleClient(pool, endpoint, retry=RetryPolicy(base_s=0.01))
    failed = []
    try:
        for name, check in _CHECKS.items():
            try:
                held = await check(client)
            except UdibError as exc:
                progress(f"wire: {name}: {exc}")
                held = False
            failed += [] if held else [name]
        stranger = OpenAICompatibleClient(pool, ModelEndpoint(endpoint.base_url, "sk-wrong"))
        # Without a database the proxy knows no keys but its own, and says 400 of all others.
        failed += [] if await _raises(stranger, _REQUEST, BadRequestError) else [_STRANGER]
    finally:
        await pool.close()
    return failed


async def _raises(client: OpenAICompatibleClient, request: ChatRequest, error: type[UdibError]) -> bool:
    """Whether a chat fails with such an error; its sentence is shown."""
    try:
        await client.complete(request, _PURPOSE)
    except UdibError as exc:
        progress(f"wire: {type(exc).__name__}: {exc}")
        return isinstance(exc, error)
    return False


async def _completes(client: OpenAICompatibleClient) -> bool:
    answer = await client.complete(_REQUEST, _PURPOSE)
    return answer.text == _SAID and answer.complete and answer.usage.completion_tokens > 0 and bool(answer.id)


async def _streams(client: OpenAICompatibleClient) -> bool:
    *pieces, whole = [each async for each in client.stream(_REQUEST, _PURPOSE)]
    if not isinstance(whole, Completion) or len(pieces) < 2:
        return False
    return "".join(map(str, pieces)) == whole.text == _SAID and whole.complete and not whole.usage.estimated


async def _calls_a_tool(client: OpenAICompatibleClient) -> bool:
    """A call of a tool, and an answer to the turn that hands its result back."""
    call = ToolCall("call_1", "look_up", '{"city": "Łódź"}')
    request = replace(_REQUEST, model="caller", tools=(_TOOL,), tool_choice="auto", seed=1)
    if (await client.complete(request, _PURPOSE)).tool_calls != (call,):
        return False
    turns = (*request.messages, Message("assistant", "", (call,)), Message("tool", "7 people", tool_call_id=call.id))
    return (await client.complete(replace(request, messages=turns, model="mock"), _PURPOSE)).text == _SAID


async def _fills_a_form(client: OpenAICompatibleClient) -> bool:
    request = replace(_REQUEST, model="form")
    answer = await ask_structured(client, request, _PURPOSE, answer_form(_City), native=True)
    return answer.value == _City("Łódź", 7) and answer.first_try and answer.usage.completion_tokens > 0


async def _names_an_unknown_model(client: OpenAICompatibleClient) -> bool:
    return await _raises(client, ChatRequest(_REQUEST.messages, model="no-such-model"), BadRequestError)


async def _names_a_busy_model(client: OpenAICompatibleClient) -> bool:
    return await _raises(client, ChatRequest(_REQUEST.messages, model="busy"), NotSentError)


async def _is_well(client: OpenAICompatibleClient) -> bool:
    return (await client.ping()).ok


_CHECKS: Final[dict[str, Check]] = {
    "an answer": _completes,
    "a stream": _streams,
    "a tool's call": _calls_a_tool,
    "an answer of a form": _fills_a_form,
    "an unknown model": _names_an_unknown_model,
    "a busy model": _names_a_busy_model,
    "a ping": _is_well,
}


@contextmanager
def _proxy(python: Path) -> Generator[int]:
    """The proxy on a free port, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="udib-bench-") as folder:
        config = Path(folder) / "config.yaml"
        config.write_text(json.dumps(_CONFIG), encoding="utf-8")  # JSON is YAML
        command = [
            str(python.with_name("litellm")),
            "--config",
            str(config),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": ""}
        with (Path(folder) / "log").open("w+b") as log:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
            try:
                _await_start(process, port, Path(log.name))
                yield port
            finally:
                process.terminate()
                process.wait(timeout=20)


def _await_start(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=2):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the LiteLLM proxy did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.5)
