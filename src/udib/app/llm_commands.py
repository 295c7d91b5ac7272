"""What `udib llm ...` does: look at models, prices, spendings and kept answers; teach the router."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from udib.app import present
from udib.app.bootstrap import App
from udib.app.bootstrap_models import Models
from udib.app.bootstrap_storage import open_records
from udib.app.commands import Options, opened
from udib.core.chat import ChatRequest, Message
from udib.core.errors import BadRequestError, UnavailableError
from udib.core.spending import LARGEST_USD, Spending
from udib.delivery.text import clean
from udib.llm.cache import LLMCache
from udib.llm.calibration import Calibration, CheckedQuestion, calibrate
from udib.llm.cards import ModelCard
from udib.llm.features import OTHER
from udib.llm.openrouter import OpenRouterService

_MOST_QUESTIONS = 10_000
_SHOWN_LIVE = 40


async def models(options: Options, *, live: bool) -> int:
    """List the models."""
    async with opened(options) as app:
        known = _models(app)
        cards: Sequence[ModelCard] = known.catalogue.cards
        note = f"{known.provider}; list prices as of {known.catalogue.as_of}. What is billed counts."
        if live:
            if not isinstance(known.client, OpenRouterService):
                raise BadRequestError(f"{known.provider} tells no prices; leave --live out.")
            cards = await known.client.models()
            note = f"{known.provider}, as it lists them now: {len(cards)} models."
        shown = cards if options.json else cards[:_SHOWN_LIVE]
        present.emit({"provider": known.provider, "models": shown}, _models_table(shown, note), as_json=options.json)
        return 0


async def route(question: str, task: str, options: Options) -> int:
    """Say which model would be asked."""
    if not question.strip():
        raise BadRequestError('The question is empty; give one, such as "what was said about rent control?".')
    async with opened(options) as app:
        known = _models(app)
        if task not in (tasks := [*known.catalogue.tasks, OTHER]):
            raise BadRequestError(f"There is no task {task!r}; there are {', '.join(tasks)}.")
        request = ChatRequest([Message("user", question)])
        chosen = await known.router.select_model(request.messages, {"task": task}, scope=app.scope)
        costs = {name: await known.router.expected_usd(name, request, task) for name in known.router.models}
        table = _table("model", "expected cost")
        for name, cost_usd in sorted(costs.items(), key=lambda each: each[1]):
            table.add_row(Text(clean(name), style="bold" if name == chosen else ""), f"{cost_usd:.6f} USD")
        told = _noted(table, f"{chosen} would be asked; another time it may be another one.")
        present.emit({"model": chosen, "expected_usd": costs}, told, as_json=options.json)
        return 0


async def calibrate_models(file: str, options: Options, *, most_usd: float, anew: bool) -> int:
    """Teach the router by questions with known answers."""
    if not 0 < most_usd <= LARGEST_USD:  # of "nan", nothing is more
        raise BadRequestError(
            f"Give --most-usd an amount of dollars more than 0, not {most_usd:g}; nothing was asked or forgotten."
        )
    questions = _questions(Path(file))
    async with opened(options) as app:
        known = _models(app)
        if anew:
            await known.router.learner.anew()

        def progress(done: int) -> None:
            if not options.quiet:
                print(f"\rudib: {done} of {len(questions)} questions", end="", file=sys.stderr)  # noqa: T201

        found = await calibrate(known.router, questions, app.scope, most_usd=most_usd, progress=progress)
        if not options.quiet:
            print(file=sys.stderr)  # noqa: T201
        present.emit(found, _calibration_text(found), as_json=options.json)
        return 0 if any(mark.answered for mark in found.marks) else 1


async def spend(options: Options, *, days: int, everybody: bool) -> int:
    """Say where the money went. Needs no provider: what was spent was spent."""
    if not 1 <= days <= 3660:
        raise BadRequestError(f"The number of days is 1 to 3660, not {days}.")
    settings = options.settings()
    async with AsyncExitStack() as stack:
        ledger = open_records(stack, settings, settings.data_path).ledger
        rows = await ledger.spendings(None if everybody else settings.scope.tenant, days=days)
        today = await ledger.spent_usd(settings.scope.tenant)
        note = (
            f"{today:.4f} of {settings.llm.cap_day_usd:.2f} USD are spent or set aside today (UTC) by the tenant "
            f"{settings.scope.tenant!r}."
        )
        present.emit({"today_usd": today, "spendings": rows}, _spendings_table(rows, note), as_json=options.json)
        return 0


async def cache_stats(options: Options) -> int:
    """Say what the cache saved."""
    async with opened(options) as app:
        totals = await app.answers.totals(app.scope.tenant)
        await _insist(app.answers)
        table = _table("task", "model", "hits", "misses", "saved")
        for row in totals:
            saved = f"{row['total_saved_cost_usd']:.4f} USD, {row['total_saved_latency_ms'] / 1000:.1f} s"
            table.add_row(
                Text(clean(row["task"])), Text(clean(row["model"])), str(row["hits"]), str(row["misses"]), saved
            )
        told = Group(table, *_in_other_words(totals)) if totals else Text("No answer was looked for yet.")
        present.emit(totals, told, as_json=options.json)
        return 0


def _in_other_words(totals: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """What the tier for questions in other words did; nothing where it was never asked."""
    compared, reworded, checked, wrong = (
        sum(row[name] for row in totals) for name in ("compared", "reworded", "checked", "checked_wrong")
    )
    if not compared:
        return []
    text = (
        f"In other words: {compared} questions compared, {reworded} of them answered so; of {checked} that were asked "
        f"anew {wrong} had another answer."
    )
    return [Text(), Text(text, style="dim")]


async def cache_clear(pattern: str, options: Options) -> int:
    """Let no kept answer be given again."""
    async with opened(options) as app:
        await app.answers.invalidate_pattern(pattern, scope=app.scope)
        await _insist(app.answers)
        text = Text(f"No answer kept before now is given for {app.scope} ({pattern}).")
        present.emit({"cleared": pattern}, text, as_json=options.json)
        return 0


async def _insist(answers: LLMCache) -> None:
    """Say that the store was away: what stood in for it ends with this process.

    Raises:
        UnavailableError: It is away.
    """
    health = await answers.ping()
    if not health.ok:
        raise UnavailableError(f"The store of kept answers is away, so this did not reach it: {health.detail}.")


def _models(app: App) -> Models:
    if app.models is None:
        raise BadRequestError(
            "No language model is named: set llm.provider in settings.yaml (openrouter, openai or endpoint)."
        )
    return app.models


def _questions(path: Path) -> list[CheckedQuestion]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise BadRequestError(
            f"The questions {path} cannot be read ({type(exc).__name__}); give another file."
        ) from exc
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(msgspec.json.decode(line, type=CheckedQuestion))
            except msgspec.DecodeError as exc:
                raise BadRequestError(f"{path}, line {number}: {exc}; it takes prompt, accepted and task.") from exc
    if not 1 <= len(found) <= _MOST_QUESTIONS:
        raise BadRequestError(f"{path} holds {len(found)} questions; 1 to {_MOST_QUESTIONS} are taken.")
    return found


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    return table


def _noted(table: Table, note: str) -> RenderableType:
    """A table with a sentence below it, as wide as the terminal and not as its first column."""
    return Group(table, Text(""), Text(clean(note), style="dim"))


def _models_table(cards: Sequence[ModelCard], note: str) -> RenderableType:
    table = _table("model", "context", "in / out, USD per million", "abilities")
    for card in cards:
        price = f"{card.input_usd_per_million:g} / {card.output_usd_per_million:g}" if card.priced else "not known"
        able = [name for name, has in (("schema", card.json_schema), ("tools", card.tools)) if has]
        table.add_row(Text(clean(card.name)), f"{card.context_tokens:,}", price, ", ".join(able))
    return _noted(table, note)


def _calibration_text(found: Calibration) -> RenderableType:
    table = _table("model", "right", "answered", "failed", "cost")
    for mark in found.marks:
        right = f"{mark.right:.0%}" if mark.answered else ""
        table.add_row(Text(clean(mark.model)), right, str(mark.answered), str(mark.failed), f"{mark.cost_usd:.4f} USD")
        if mark.fault:
            table.add_row(Text(f"   {clean(mark.fault)}", style="yellow"), "", "", "", "")
    capped = " Another one could have cost more than --most-usd allows." if found.capped else ""
    return _noted(table, f"{found.questions} of {found.given} questions for {found.cost_usd:.4f} USD.{capped}")


def _spendings_table(rows: Sequence[Spending], note: str) -> RenderableType:
    table = _table("day", "tenant", "workspace", "task", "model", "calls", "cost")
    for row in rows:
        calls = f"{row.calls} ({row.unsettled} not settled)" if row.unsettled else str(row.calls)
        names = (row.scope.tenant, row.scope.workspace, row.task, row.model)
        table.add_row(row.day, *(Text(clean(each)) for each in names), calls, f"{row.cost_usd:.4f} USD")
    return _noted(table, note) if rows else Text(f"Nothing was spent. {clean(note)}")
