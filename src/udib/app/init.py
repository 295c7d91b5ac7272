"""`udib init`: the few questions that matter, answered once and written to settings.yaml."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from udib.app import present
from udib.app.commands import Options
from udib.app.config_file import read_config
from udib.app.settings import Settings, config_dir, explain_settings, load_settings, merged
from udib.core.errors import BadRequestError, UnavailableError
from udib.delivery.webhook import check_webhook

Ask = Callable[[str, str], str]

_DONE = "Written: {path}. Everything works without a key; `udib doctor` checks this machine."


@dataclass(frozen=True, slots=True)
class _Question:
    """One question. `path` is where its answer goes in settings.yaml; an answer equal to the default is left out."""

    path: tuple[str, ...]
    text: str
    default: Callable[[Settings], str]
    convert: Callable[[str], object]
    only_if: Callable[[dict[str, str]], bool] = lambda _: True


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as exc:
        raise BadRequestError(f"{text!r} is no number; give dollars such as 0.10.") from exc


def _webhook_state(settings: Settings) -> str:
    return "none" if settings.delivery.discord_webhook is None else "keep"


def _webhook(text: str) -> str | None:
    if text == "none":
        return None
    check_webhook(text)
    return text


_QUESTIONS = (
    _Question(("data_dir",), "Where should everything be stored?", lambda s: str(s.data_path), str),
    _Question(("tenant",), "Name of your community (tenant)?", lambda s: s.tenant, str),
    _Question(
        ("llm", "provider"), "Language model provider (none, openrouter, openai)?", lambda s: s.llm.provider, str
    ),
    _Question(
        ("llm", "cap_request_usd"),
        "Most dollars one request may cost?",
        lambda s: f"{s.llm.cap_request_usd:g}",
        _number,
        lambda answers: answers.get("llm.provider", "none") != "none",
    ),
    _Question(
        ("llm", "cap_day_usd"),
        "Most dollars a day?",
        lambda s: f"{s.llm.cap_day_usd:g}",
        _number,
        lambda answers: answers.get("llm.provider", "none") != "none",
    ),
    _Question(("delivery", "discord_webhook"), "Discord webhook URL (none: no notices)?", _webhook_state, _webhook),
)


def init(options: Options, *, accept_defaults: bool) -> int:
    """Ask, check the answers by loading them, and write settings.yaml (mode 0600) in the configuration directory.

    Raises:
        BadRequestError: An answer is not usable; nothing is written.
        UnavailableError: The file cannot be written.
    """
    overrides = options.overrides()
    folder = config_dir(options.config)
    given = options.config if options.config is not None and folder.is_dir() else None
    wanted = load_settings(given, **overrides)
    ask = _take_default if accept_defaults or not sys.stdin.isatty() else _ask
    values = _answers(load_settings(given), wanted, ask)
    path = folder / "settings.yaml"
    written = _write(path, merged(read_config(path), values))
    present.emit(
        {"written": str(written), "settings": _public(values)}, _DONE.format(path=written), as_json=options.json
    )
    return 0


def _answers(current: Settings, wanted: Settings, ask: Ask) -> dict[str, Any]:
    """Answers that differ from the current settings; the options of the command are the suggestions."""
    values: dict[str, Any] = {}
    given: dict[str, str] = {}
    for question in _QUESTIONS:
        if not question.only_if(given):
            continue
        answer = ask(question.text, question.default(wanted)).strip()
        given[".".join(question.path)] = answer
        if answer and answer != question.default(current):
            *sections, key = question.path
            place = values
            for section in sections:
                place = place.setdefault(section, {})
            place[key] = question.convert(answer)
    return values


def _ask(text: str, default: str) -> str:
    sys.stderr.write(f"{text} [{default}] ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    return line.strip() or default


def _take_default(_: str, default: str) -> str:
    return default


def _write(path: Path, values: dict[str, Any]) -> Path:
    """Write beside and rename, so that a half-written file is never read; refuse values that would not load."""
    text = "# Written by `udib init`; every key is explained in the shipped config/settings.yaml.\n" + (
        yaml.safe_dump(values, sort_keys=False, allow_unicode=True) if values else "{}\n"
    )
    draft = path.with_suffix(".yaml.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        Settings.model_validate(values)
        draft.replace(path)
    except ValidationError as exc:
        draft.unlink(missing_ok=True)
        raise BadRequestError(explain_settings(exc)) from exc
    except OSError as exc:
        raise UnavailableError(f"{path} cannot be written ({exc.strerror}); make its folder writable.") from exc
    return path


def _public(values: dict[str, Any]) -> dict[str, Any]:
    hidden = {**values, "delivery": {"discord_webhook": "(set)"}} if "delivery" in values else values
    return dict(hidden)
