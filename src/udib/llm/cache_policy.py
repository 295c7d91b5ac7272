"""What is cached, for how long, and how much of it (config/cache.yaml)."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from udib.core.chat import ChatRequest, Purpose

Seconds = Annotated[float, Field(ge=0, le=31_536_000)]


class SemanticPolicy(BaseModel):
    """Answers to questions that were put in other words. Off while no task is listed."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    tasks: frozenset[str] = Field(default=frozenset(), description="tasks that may be answered so; empty: off")
    error_bound: float = Field(default=0.01, gt=0, lt=1, description="largest share of such answers that may be wrong")
    entries: int = Field(default=1000, ge=1, le=20_000, description="most questions kept for each scope")
    scopes: int = Field(default=64, ge=1, le=10_000, description="most scopes whose questions are kept")


class CachePolicy(BaseModel):
    """The cache of answers."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    enabled: bool = True
    store: Literal["memory", "sqlite", "redis"] = "sqlite"
    redis_url: SecretStr | None = Field(default=None, description="its address; of no effect on another store")
    namespace: str = Field(default="llm_cache_v1", min_length=1, max_length=100)
    default_ttl: Seconds = Field(default=3600, description="seconds; 0: not kept")
    ttl_by_model: dict[str, Seconds] = Field(default_factory=dict, description="seconds by model")
    ttl_by_task: dict[str, Seconds] = Field(default_factory=dict, description="seconds by task; the shorter one counts")
    negative_ttl: Seconds = Field(default=60, description="seconds that the refusal of a bad request is kept")
    sampled_tasks: frozenset[str] = Field(default=frozenset(), description="kept though temperature is above 0")
    tool_call_tasks: frozenset[str] = Field(default=frozenset(), description="kept though it calls tools")
    memory_entries: int = Field(default=4096, ge=0, le=1_000_000, description="most answers in this process's memory")
    memory_megabytes: int = Field(default=64, ge=1, le=65_536, description="and their size at most")
    largest_kilobytes: int = Field(default=256, ge=1, le=65_536, description="longer answers are not kept")
    refresh_s: float = Field(default=1, ge=0, le=60, description="until another process's invalidation is seen")
    lease_s: float = Field(
        default=15, gt=0, le=600, description="a question is left to a process that died so long ago"
    )
    semantic: SemanticPolicy = SemanticPolicy()

    def ttl_s(self, model: str, task: str) -> float:
        """How long an answer is kept: the shorter of what its model and its task say."""
        said = (self.ttl_by_model.get(model), self.ttl_by_task.get(task))
        return min((ttl_s for ttl_s in said if ttl_s is not None), default=self.default_ttl)

    def takes(self, request: ChatRequest, purpose: Purpose) -> bool:
        """Whether equal requests may share an answer: it is determined by the request, or its task opted in."""
        return self.enabled and (request.temperature <= 0 or purpose.task in self.sampled_tasks)
