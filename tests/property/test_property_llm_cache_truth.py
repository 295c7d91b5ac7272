"""Whatever is asked, changed, invalidated, forgotten and cut off, in whatever order: no answer is ever an old one."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from udib.core.chat import ChatRequest, Completion, Message, Purpose, TokenUsage
from udib.core.errors import UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health
from udib.llm.cache import LLMCache
from udib.llm.cache_policy import CachePolicy
from udib.llm.cached_chat import CachedChatModel
from udib.storage.degrading import DegradingKeyValueStore, Outage
from udib.storage.kv import MemoryKeyValueStore

SCOPES = [Scope.of("a", "main"), Scope.of("b", "main")]
MODELS = ["m", "n"]
TASKS = ["answer", "summary"]


@dataclass
class World:
    """What is true now, the time, and whether the line to the server is cut."""

    now: float = 1000.0
    cut: bool = False
    version: defaultdict[tuple[Scope, str, str], int] = field(default_factory=lambda: defaultdict(int))


class Server(MemoryKeyValueStore):
    """A server in memory behind a line."""

    __slots__ = ()

    def with_namespace(self, name: str) -> "Server":
        view = super().with_namespace(name)
        return Server(view.clock, view.namespace, view._shelf)

    def _live(self, key: str) -> tuple[bytes | None, float | None]:
        if WORLD[0].cut:
            raise UnavailableError("It is cut off; wait.")
        return super()._live(key)

    def _put(self, key: str, value: bytes, expires_at: float | None) -> None:
        self._live(key)
        super()._put(key, value, expires_at)

    async def clear(self) -> int:
        self._live("")
        return await super().clear()


WORLD: list[World] = [World()]


class Knowing:
    """A model that says what is true now."""

    async def ping(self) -> Health:
        return Health("knowing", ok=True, detail="scripted")

    async def complete(self, request: ChatRequest, purpose: Purpose) -> Completion:
        return Completion(truth(request, purpose), "m", usage=TokenUsage(1, 1))

    async def stream(self, request: ChatRequest, purpose: Purpose) -> AsyncIterator[str | Completion]:
        yield await self.complete(request, purpose)


def truth(request: ChatRequest, purpose: Purpose) -> str:
    version = WORLD[0].version[purpose.scope, str(request.model), purpose.task]
    return f"{purpose.scope} {purpose.task} {request.model} v{version}"


@dataclass(frozen=True)
class Ask:
    process: int
    scope: int
    model: int
    task: int
    streamed: bool


@dataclass(frozen=True)
class Change:
    """Something is no longer true, and one process invalidates or forgets what was said of it."""

    process: int
    scope: int
    kind: Literal["*", "model", "task", "forget"]
    which: int


@dataclass(frozen=True)
class Cut:
    """The line is cut, or mended; time passes."""

    cut: bool
    seconds: float


# Few different questions, so that they come again.
bit = st.integers(0, 1)
asks = st.builds(Ask, bit, bit, bit, bit, st.booleans())
changes = st.builds(Change, bit, bit, st.sampled_from(["*", "model", "task", "forget"]), bit)
cuts = st.builds(Cut, st.booleans(), st.sampled_from([0.0, 1.0, 1.0, 4000.0]))


@settings(max_examples=300)
@given(st.lists(asks | changes | cuts, min_size=20, max_size=60), st.sampled_from([0, 2, 4096]))
def test_no_answer_is_ever_an_old_one(steps: list[Ask | Change | Cut], memory_entries: int) -> None:
    asyncio.run(live(steps, memory_entries))


async def live(steps: list[Ask | Change | Cut], memory_entries: int) -> None:
    world = WORLD[0] = World()
    clock = lambda: world.now  # noqa: E731
    local = lambda: MemoryKeyValueStore(clock)  # noqa: E731
    shared = DegradingKeyValueStore(Server(clock), Outage(clock=clock), local)
    policy = CachePolicy(memory_entries=memory_entries, refresh_s=0)
    caches = [LLMCache(shared, policy, clock=clock, wall=clock) for _ in range(2)]
    models = [CachedChatModel(Knowing(), cache, provider="p") for cache in caches]
    for step in steps:
        match step:
            case Ask():
                await ask(models[step.process], step)
            case Change():
                await change(caches[step.process], step)
            case Cut():
                world.cut = step.cut
                world.now += step.seconds


async def ask(model: CachedChatModel, step: Ask) -> None:
    request = ChatRequest((Message("user", "What?"),), model=MODELS[step.model])
    purpose = Purpose(SCOPES[step.scope], TASKS[step.task])
    if step.streamed:
        parts = [part async for part in model.stream(request, purpose)]
        assert isinstance(parts[-1], Completion)
        assert "".join(part for part in parts if isinstance(part, str)) == parts[-1].text
        text = parts[-1].text
    else:
        text = (await model.complete(request, purpose)).text
    assert text == truth(request, purpose)


async def change(cache: LLMCache, step: Change) -> None:
    scope = SCOPES[step.scope]
    try:
        match step.kind:
            case "forget":
                await cache.forget(scope, ContentId("web:1"))
            case "*":
                await cache.invalidate_pattern("*", scope=scope)
            case "model":
                await cache.invalidate_pattern(f"model:{MODELS[step.which]}", scope=scope)
            case "task":
                await cache.invalidate_pattern(f"task:{TASKS[step.which]}", scope=scope)
    except UnavailableError:
        return  # said, so that whoever asked for it asks again
    for model in MODELS:
        for task in TASKS:
            if (step.kind == "model" and model != MODELS[step.which]) or (
                step.kind == "task" and task != TASKS[step.which]
            ):
                continue
            WORLD[0].version[scope, model, task] += 1
