"""Requests that differ from one in a single thing, and the same one written in another order."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from udib.core.chat import ChatRequest, Completion, Message, Purpose, Tool, ToolCall
from udib.core.tenancy import Scope
from udib.llm.cache import LLMCache
from udib.llm.cache_policy import CachePolicy
from udib.storage.kv import MemoryKeyValueStore

_TOOL = Tool(
    "look_up", "Looks up.", {"type": "object", "properties": {"q": {"type": "string"}, "n": {"type": "integer"}}}
)
_CALL = ToolCall("c1", "look_up", '{"q": "x"}')
_BASE = ChatRequest(
    (
        Message("system", "Be brief."),
        Message("user", "Who said it?"),
        Message("assistant", "", (_CALL,)),
        Message("tool", "X said it.", tool_call_id="c1"),
    ),
    model="gpt-4",
    max_tokens=100,
    seed=1,
    stop=("END",),
    schema={"type": "string", "minLength": 1},
    tools=(_TOOL,),
    tool_choice="auto",
    options={"provider": {"order": ["p", "q"], "allow_fallbacks": False}, "top_p": 1.0, "num_ctx": 2048, "user": "u"},
)


@dataclass(frozen=True, slots=True)
class Probe:
    """A request and who asks whom."""

    request: ChatRequest = _BASE
    purpose: Purpose = field(default_factory=lambda: Purpose(Scope.of("tenant", "main"), "answer"))
    provider: str = "https://a.example/v1"


async def is_hit(probe: Probe) -> bool:
    """Whether a probe is given the answer that the first request got."""
    cache, first = LLMCache(MemoryKeyValueStore(), CachePolicy(sampled_tasks=frozenset({"answer"}))), Probe()
    answer = Completion('"X"', "gpt-4")
    assert await cache.set(first.request, first.purpose, answer, provider=first.provider)  # noqa: S101
    return await cache.get(probe.request, probe.purpose, provider=probe.provider) is not None


def _turn(number: int, **changed: Any) -> Probe:  # noqa: ANN401 - any field of a message
    messages = list(_BASE.messages)
    messages[number] = replace(messages[number], **changed)
    return Probe(replace(_BASE, messages=tuple(messages)))


def _field(**changed: Any) -> Probe:  # noqa: ANN401 - any field of a request
    return Probe(replace(_BASE, **changed))


def _option(**changed: object) -> Probe:
    return _field(options={**_BASE.options, **changed})


def _by(tenant: str, workspace: str, task: str = "answer") -> Probe:
    return Probe(purpose=Purpose(Scope.of(tenant, workspace), task))


PROBES: Mapping[str, Probe] = {
    "tenant": _by("other", "main"),
    "workspace": _by("tenant", "other"),
    "tenant and workspace, joined the same": _by("tenantm", "ain"),
    "task": _by("tenant", "main", "summary"),
    "provider": Probe(provider="https://b.example/v1"),
    "model": _field(model="gpt-4o"),
    "system text": _turn(0, content="Be long."),
    "question": _turn(1, content="Who said that?"),
    "a space": _turn(1, content="Who said it? "),
    "case": _turn(1, content="who said it?"),
    "role": _turn(0, role="user"),
    "id of a call": _turn(2, tool_calls=(replace(_CALL, id="c2"),)),
    "name of a call": _turn(2, tool_calls=(replace(_CALL, name="find"),)),
    "arguments of a call": _turn(2, tool_calls=(replace(_CALL, arguments='{"q": "y"}'),)),
    "answered call": _turn(3, tool_call_id="c2"),
    "result of a call": _turn(3, content="Y said it."),
    "one turn fewer": _field(messages=_BASE.messages[:-1]),
    "order of turns": _field(messages=(_BASE.messages[1], _BASE.messages[0], *_BASE.messages[2:])),
    "temperature": _field(temperature=0.1),
    "max_tokens": _field(max_tokens=101),
    "no max_tokens": _field(max_tokens=None),
    "seed": _field(seed=2),
    "stop": _field(stop=("STOP",)),
    "stop in parts": _field(stop=("E", "ND")),
    "schema": _field(schema={"type": "string", "minLength": 2}),
    "no schema": _field(schema=None),
    "name of a tool": _field(tools=(replace(_TOOL, name="find"),)),
    "text of a tool": _field(tools=(replace(_TOOL, description="Finds."),)),
    "parameters of a tool": _field(tools=(replace(_TOOL, parameters={"type": "object"}),)),
    "no tools": _field(tools=()),
    "tool_choice": _field(tool_choice="none"),
    "order of providers": _option(provider={"order": ["q", "p"], "allow_fallbacks": False}),
    "fallbacks": _option(provider={"order": ["p", "q"], "allow_fallbacks": True}),
    "top_p": _option(top_p=0.9),
    "num_ctx": _option(num_ctx=4096),
    "user": _option(user="v"),
    "a further option": _option(min_p=0.1),
    "a number as text": _option(top_p="1.0"),
    "nothing for a text": _option(user=None),
}


def _turned(value: object) -> Any:  # noqa: ANN401 - what it is given
    if isinstance(value, Mapping):
        return {key: _turned(each) for key, each in reversed(list(value.items()))}
    return [_turned(each) for each in value] if isinstance(value, list) else value


_TURNED_TOOL = replace(_TOOL, parameters=_turned(_TOOL.parameters))
REORDERED: Mapping[str, Probe] = {
    "options": _field(options=_turned(_BASE.options)),
    "schema": _field(schema=_turned(_BASE.schema)),
    "parameters": _field(tools=(_TURNED_TOOL,)),
    "a list of messages": _field(messages=list(_BASE.messages)),
    "another kind of mapping": _field(options=MappingProxyType(_turned(_BASE.options))),
}
