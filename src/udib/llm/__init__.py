"""Language models: a client for any OpenAI-compatible endpoint, the router that learns, the cache, and the budget."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from udib.llm.cache import LLMCache
    from udib.llm.cache_metrics import CacheMetrics
    from udib.llm.call_result import LLMCallResult
    from udib.llm.openrouter import OpenRouterService
    from udib.llm.prompts import PromptEngine
    from udib.llm.router import LLMRouter

__all__ = ["CacheMetrics", "LLMCache", "LLMCallResult", "LLMRouter", "OpenRouterService", "PromptEngine"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the module protocol (PEP 562), a name a line
    """Load what is asked for when it is used."""
    match name:
        case "CacheMetrics":
            from udib.llm.cache_metrics import CacheMetrics

            return CacheMetrics
        case "LLMCache":
            from udib.llm.cache import LLMCache

            return LLMCache
        case "LLMCallResult":
            from udib.llm.call_result import LLMCallResult

            return LLMCallResult
        case "LLMRouter":
            from udib.llm.router import LLMRouter

            return LLMRouter
        case "OpenRouterService":
            from udib.llm.openrouter import OpenRouterService

            return OpenRouterService
        case "PromptEngine":
            from udib.llm.prompts import PromptEngine

            return PromptEngine
        case _:
            raise AttributeError(f"module 'udib.llm' has no attribute {name!r}")
