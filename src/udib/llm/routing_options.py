"""How the router decides: everything that may be set, or put in from outside."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from udib.core.breaker import CircuitBreakers
from udib.core.tenancy import Scope
from udib.llm.bandit import LEARNING, Learning
from udib.llm.pacer import BudgetPacer
from udib.llm.routing_cache import TTL_S
from udib.llm.tokens import estimated_tokens

MOST_TRIED: Final = 3


@dataclass(frozen=True, slots=True)
class RoutingOptions:
    """How the router decides.

    Attributes:
        learning: How fast is learned and forgotten.
        budget: Makes the pacer of a tenant; None: costs do not count.
        remaining_usd: What a scope may still spend, asked before each decision; None: no cap is known here.
        allow_unpriced: Whether models of unknown price may be asked.
        most_tried: Models asked before a call fails; 1: no fallback.
        cached_decisions: How many decisions are kept for requests that are repeated; 0: none.
        cached_for_s: Seconds that one is kept.
        tokens: Estimates the length of a text in tokens.
        breakers: Which models are left alone after failures.
        rng: The randomness of the samples.
        clock: Seconds, only ever growing.
        wall_clock: Seconds since 1970.
    """

    learning: Learning = LEARNING
    budget: Callable[[str], BudgetPacer | None] = lambda _: None
    remaining_usd: Callable[[Scope], Awaitable[float | None]] | None = None
    allow_unpriced: bool = False
    most_tried: int = MOST_TRIED
    cached_decisions: int = 0
    cached_for_s: float = TTL_S
    tokens: Callable[[str], int] = estimated_tokens
    breakers: CircuitBreakers = field(default_factory=CircuitBreakers)
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
