"""`--dry-run` of `udib analyze` and `udib ask`: what would be done, what it would take, and what it would cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from udib.analysis.fact_check import MOST_READ, Prices, most_claims, verdict_cost_usd
from udib.analysis.reasoned_fallacies import EXAMINED_A_HINT, most_hints
from udib.analysis.worded_claims import MOST_AT_ONCE
from udib.app.bootstrap import App
from udib.app.bootstrap_models import Models
from udib.app.bootstrap_summary import ANSWER_TOKENS, WINDOW_TOKENS
from udib.app.evidence_settings import EvidenceSettings
from udib.app.settings import Settings
from udib.core.errors import UdibError
from udib.core.findings import Evidence
from udib.core.types import Answer, Content
from udib.delivery.text import clean

_RECOGNITION_SPEED = 10.0
"""Seconds of speech that the embedded recogniser hears in one second; `make bench ARGS=speech` measures 4 to 20."""
_TOKENS_A_MINUTE = 300
"""Of speech in a prompt, with what stands around each passage; people say some 150 words a minute."""
_CLAIM_CHARACTERS = 120
_A_FALLACY_TOKENS, _A_FALLACY_ANSWER = 900, 100
_TYPICAL = Evidence("x" * 360, "", "", 0.5)
"""A passage of memory of usual length, for an estimate."""


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One stage that would run. `seconds` and `cost_usd` are estimates; None: nobody can know before it is done."""

    stage: str
    what: str
    seconds: float | None = 0.0
    cost_usd: float = 0.0


async def plan(
    app: App, address: str, *, captions: str | None, quality: str | None, winner: bool = False
) -> list[PlannedStep]:
    """The stages that `udib analyze` would run, after a look at the address but without fetching its media.

    Raises:
        BadRequestError: The address is not usable.
    """
    source = app.pipeline.source_of(address)
    content = await source.describe(address)
    steps = [
        PlannedStep("resolve", f"{content.title} ({content.id})"),
        PlannedStep("download", *_download(content, captions, quality)),
        PlannedStep("transcribe", *_transcription(content, captions)),
    ]
    steps += [
        PlannedStep("analyse", "debate, fact-check, fallacies and outline side by side, on this machine", 1.0),
        *_looking_up(app.settings.evidence),
        *_summary(app.models, app.settings, content),
        _verdicts(app.models, app.settings, content),
        *_debated(app.models, app.settings, content, winner=winner),
        PlannedStep("store", f"in {app.settings.data_path} for {app.scope}", 1.0),
        PlannedStep(
            "deliver", "report files" + (" and a Discord notice" if app.settings.delivery.discord_webhook else "")
        ),
    ]
    return steps


@dataclass(frozen=True, slots=True)
class PlannedAnswer:
    """What `udib ask` would send, and the estimated cost of one call. `model` None: none is asked; `note` says why."""

    question: str
    passages: int
    model: str | None = None
    expected_usd: float = 0.0
    most_usd: float = 0.0
    note: str = ""


async def plan_answer(app: App, found: Answer) -> PlannedAnswer:
    """What putting into words what was found would cost. Nothing is asked."""
    planned = PlannedAnswer(found.question, len(found.passages), note=found.note)
    if not found.passages:
        return planned
    if app.models is None:
        return replace(planned, note="No language model is named in the settings, so the passages are the answer.")
    try:
        model, expected_usd, most_usd = await app.models.estimate(app.scope, found.question, found.passages)
    except UdibError as exc:
        return replace(planned, note=f"No model would put this into words: {exc}")
    return replace(planned, model=model, expected_usd=expected_usd, most_usd=most_usd)


def planned_answer_text(planned: PlannedAnswer) -> Text:
    """The same in sentences."""
    does = planned.note or (
        f"{planned.passages} passages would go to {planned.model}, for about {planned.expected_usd:.4f} USD and at "
        f"most {planned.most_usd:.4f}: twice that if a repair is needed, nothing if the answer is kept already."
    )
    cost = "" if planned.model else " It would cost 0.0000 USD."
    return Text(clean(f"{does}{cost} Nothing was asked; leave --dry-run out to do it."))


def plan_text(steps: Sequence[PlannedStep]) -> RenderableType:
    """The plan as a table with its sums."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage")
    table.add_column("what would be done", overflow="fold")
    table.add_column("about", justify="right")
    table.add_column("cost", justify="right")
    for step in steps:
        about = _lasting(step.seconds) if step.seconds != 0 else ""
        table.add_row(step.stage, Text(clean(step.what)), about, f"{step.cost_usd:.2f} USD")
    known = [step.seconds for step in steps if step.seconds is not None]
    seconds = sum(known) if len(known) == len(steps) else None
    cost = sum(step.cost_usd for step in steps)
    table.add_row(
        "",
        Text("Nothing was done; leave --dry-run out to do it.", style="dim"),
        _lasting(seconds),
        f"{cost:.2f} USD",
        style="bold",
    )
    return table


def _lasting(seconds: float | None) -> str:
    return "unknown" if seconds is None else f"{seconds:g} s"


def _download(content: Content, captions: str | None, quality: str | None) -> tuple[str, float | None]:
    if content.url is None:
        return "nothing: the file is on this machine", 0.0
    if captions is not None and quality is None:
        return f"nothing: the words come from {Path(captions).name}", 0.0
    return f"video up to {quality}, with its captions" if quality else "one caption track, else the sound only", None


def _transcription(content: Content, captions: str | None) -> tuple[str, float | None]:
    if captions is not None or (content.url is None and content.duration_s is None):
        return "read the captions", 0.1
    what = "read captions if the address has any, else " if content.url is not None else ""
    seconds = None if content.duration_s is None else round(content.duration_s / _RECOGNITION_SPEED, 1)
    return f"{what}recognise speech on this machine (low accuracy)", seconds


def _looking_up(wanted: EvidenceSettings) -> list[PlannedStep]:
    """What would be asked elsewhere; nothing while nobody is named."""
    named = [each for each in (wanted.reviews, wanted.search) if each != "none"]
    if not named or not wanted.claims:
        return []
    what = f"the words of up to {wanted.claims} claims go to {' and '.join(named)}"
    read = f", and up to {wanted.pages} pages are read for each" if wanted.search != "none" else ""
    cost = wanted.claims * wanted.usd_per_search if wanted.search != "none" else 0.0
    return [PlannedStep("look up", what + read, None, cost)]


def _summary(models: Models | None, settings: Settings, content: Content) -> list[PlannedStep]:
    """The summary in a model's words, by the dearest model that may be asked; without a model there is none."""
    if models is None or "summary" not in settings.analysis.by_model:
        return []
    what = f"in the words of a model of {models.provider}"
    if content.duration_s is None:
        _, cost = _reading(models, 3600)
        told = f"its length is unknown; an hour of speech costs at most about {cost:.2f} USD"
        return [PlannedStep("summary", f"{what}; {told}", None)]
    calls, cost = _reading(models, content.duration_s)
    return [PlannedStep("summary", f"{what}, in at most about {calls} calls", 5.0 * calls, cost)]


def _reading(models: Models, speech_s: float) -> tuple[int, float]:
    """The calls that a summary of so much speech takes, and their cost by the dearest model that may be asked."""
    tokens = round(speech_s / 60 * _TOKENS_A_MINUTE)
    calls = 1 + (tokens // WINDOW_TOKENS and 1 + tokens // WINDOW_TOKENS)
    return calls, max(card.cost_usd(tokens, calls * ANSWER_TOKENS) for card in models.catalogue.cards)


def _verdicts(models: Models | None, settings: Settings, content: Content) -> PlannedStep:
    """The verdicts, at the dearest model's prices and with as much evidence for each claim as there can be."""
    if models is None:
        return PlannedStep("verdicts", "none: no language model is named in the settings")
    if "verdicts" not in settings.analysis.by_model:
        return PlannedStep("verdicts", "none: analysis.by_model leaves them out")
    wanted = settings.analysis
    claims = wanted.claims_judged
    if content.duration_s is not None:
        claims = min(most_claims(wanted.claims_per_hour, content.duration_s), claims)
    prices = (
        Prices(card.input_usd_per_million or 0.0, card.output_usd_per_million or 0.0) for card in models.catalogue.cards
    )
    each_usd = max(verdict_cost_usd("x" * _CLAIM_CHARACTERS, [_TYPICAL] * MOST_READ, price) for price in prices)
    calls = claims * MOST_READ + (claims if "claims" in wanted.by_model else 0) // MOST_AT_ONCE
    what = f"of at most {claims} claims with {MOST_READ} pieces of evidence each, in at most about {calls} calls"
    return PlannedStep("verdicts", what, float(calls), claims * each_usd)


def _debated(models: Models | None, settings: Settings, content: Content, *, winner: bool) -> list[PlannedStep]:
    """Fallacies and the ledger of a debate, where a model is to see to them; of unknown length, an hour's."""
    wanted = settings.analysis
    if models is None:
        return []
    speech_s = 3600.0 if content.duration_s is None else content.duration_s
    unknown = "" if content.duration_s is not None else "; its length is unknown, these are an hour's"
    cards = models.catalogue.cards
    steps = []
    if "fallacies" in wanted.by_model and wanted.hints_per_hour:
        calls = 2 * EXAMINED_A_HINT * most_hints(wanted.hints_per_hour, speech_s)
        cost = calls * max(card.cost_usd(_A_FALLACY_TOKENS, _A_FALLACY_ANSWER) for card in cards)
        what = f"looked for by a model, in at most about {calls} calls{unknown}"
        steps.append(PlannedStep("fallacies", what, float(calls), cost))
    if winner or "debate" in wanted.by_model:
        calls, cost = _reading(models, speech_s)
        what = f"points and grades by a model, in at most about {calls + 2} calls{unknown}"
        steps.append(PlannedStep("ledger", what, 5.0 * (calls + 2), 3 * cost))
    return steps
