"""What is known of a model before it is asked: its limits, its abilities, its price."""

from dataclasses import dataclass

from udib.core.chat import TokenUsage


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that may be chosen.

    Attributes:
        name: As the provider names it.
        context_tokens: Most tokens of prompt and answer together.
        input_usd_per_million: List price of prompt tokens; None: not known, so that it is not asked without being told.
        output_usd_per_million: List price of answer tokens; None: not known.
        max_output_tokens: Most tokens of an answer; None: as the context allows.
        json_schema: Whether it takes a JSON schema for its answer.
        tools: Whether it takes tools.
        quality: What to expect of it before anything was learned, 0 to 1.
        bills_unread: Whether it is billed for more than a reader saw who left its stream: it thinks at length before it
            speaks, or goes on. Then such a call counts in full.
    """

    name: str
    context_tokens: int
    input_usd_per_million: float | None = None
    output_usd_per_million: float | None = None
    max_output_tokens: int | None = None
    json_schema: bool = False
    tools: bool = False
    quality: float = 0.5
    bills_unread: bool = False

    @property
    def priced(self) -> bool:
        """Whether both prices are known."""
        return self.input_usd_per_million is not None and self.output_usd_per_million is not None

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """The list price of so many tokens; unknown prices count as 0, so look at `priced` first."""
        return (
            prompt_tokens * (self.input_usd_per_million or 0.0)
            + completion_tokens * (self.output_usd_per_million or 0.0)
        ) / 1_000_000

    def settled(self, usage: TokenUsage) -> float:
        """What a call cost: what was billed if the provider said it, else the list price."""
        return usage.cost_usd if usage.billed else self.cost_usd(usage.prompt_tokens, usage.completion_tokens)
