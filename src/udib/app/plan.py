"""`udib analyze --dry-run`: what would be done, what it would take, and what it would cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from udib.app.bootstrap import App
from udib.app.settings import LlmSettings
from udib.core.types import Content

_RECOGNITION_SPEED = 10.0
"""Seconds of speech that the embedded recogniser hears in one second with two processes (see docs/performance)."""
_WORDS_PER_SECOND = 2.5
_TOKENS_PER_WORD = 1.35
_ANSWER_SHARE = 0.25
"""Output tokens for each input token, for an estimate."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One stage that would run. `seconds` and `cost_usd` are estimates, None where nothing is known."""

    stage: str
    what: str
    seconds: float | None = None
    cost_usd: float = 0.0


async def plan(app: App, address: str, *, captions: str | None, quality: str | None) -> list[PlannedStep]:
    """The stages that `udib analyze` would run, after a look at the address but without fetching its media.

    Raises:
        BadRequestError: The address is not usable.
    """
    source = app.pipeline.source_of(address)
    content = await source.describe(address)
    has_words = captions is not None or content.duration_s is None
    steps = [
        PlannedStep("resolve", f"{content.title} ({content.id})"),
        PlannedStep("download", _download(content, captions, quality)),
    ]
    if has_words:
        steps.append(PlannedStep("transcribe", "read the captions", 0.1))
    else:
        seconds = round((content.duration_s or 0.0) / _RECOGNITION_SPEED, 1)
        what = "read captions if the address has any, else recognise speech on this machine (low accuracy)"
        steps.append(PlannedStep("transcribe", what, seconds))
    steps += [
        PlannedStep("analyse", "debate, fact-check, fallacies and outline side by side, on this machine", 1.0),
        PlannedStep("verdicts", *_verdicts(app.settings.llm, content)),
        PlannedStep("store", f"in {app.settings.data_path} for {app.scope}", 1.0),
        PlannedStep(
            "deliver", "report files" + (" and a Discord notice" if app.settings.delivery.discord_webhook else "")
        ),
    ]
    return steps


def plan_text(steps: Sequence[PlannedStep]) -> RenderableType:
    """The plan as a table with its sums."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage")
    table.add_column("what would be done", overflow="fold")
    table.add_column("about", justify="right")
    table.add_column("cost", justify="right")
    for step in steps:
        about = f"{step.seconds:g} s" if step.seconds is not None else ""
        table.add_row(step.stage, Text(step.what), about, f"{step.cost_usd:.2f} USD")
    seconds = sum(step.seconds or 0.0 for step in steps)
    cost = sum(step.cost_usd for step in steps)
    table.add_row(
        "",
        Text("Nothing was done; leave --dry-run out to do it.", style="dim"),
        f"{seconds:g} s",
        f"{cost:.2f} USD",
        style="bold",
    )
    return table


def _download(content: Content, captions: str | None, quality: str | None) -> str:
    if content.url is None:
        return "nothing: the file is on this machine"
    if captions is not None and quality is None:
        return f"nothing: the words come from {Path(captions).name}"
    return f"video up to {quality}, with its captions" if quality else "one caption track, else the sound only"


def _verdicts(llm: LlmSettings, content: Content) -> tuple[str, float | None, float]:
    if llm.provider == "none":
        return "none: no language model is named in the settings", None, 0.0
    if llm.input_usd_per_million is None or llm.output_usd_per_million is None:
        return f"none in this version; the prices of {llm.provider} are not set, so no estimate", None, 0.0
    tokens = (content.duration_s or 0.0) * _WORDS_PER_SECOND * _TOKENS_PER_WORD
    cost = tokens * (llm.input_usd_per_million + _ANSWER_SHARE * llm.output_usd_per_million) / 1_000_000
    return f"none in this version; {llm.provider} would cost about {cost:.3f} USD", None, 0.0
