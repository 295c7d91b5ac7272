"""`udib init`: the few questions that matter, answered once and written to settings.yaml."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError
from rich.text import Text

from udib.app import present
from udib.app.commands import Options
from udib.app.config_file import read_config
from udib.app.settings import Settings, config_dir, explain_settings, load_settings, merged, user_path
from udib.app.signals import given_up
from udib.core.errors import BadRequestError, UnavailableError
from udib.delivery.text import visible
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


def _folder(text: str) -> str:
    """A folder from the root: settings are read from any directory."""
    return str(user_path("The data directory", Path(text)))


def _webhook_state(settings: Settings) -> str:
    return "none" if settings.delivery.discord_webhook is None else "keep"


def _webhook(text: str) -> str | None:
    if text == "none":
        return None
    check_webhook(text)
    return text


_QUESTIONS = (
    _Question(("data_dir",), "Where should everything be stored?", lambda s: str(s.data_path), _folder),
    _Question(("tenant",), "Name of your community (tenant)?", lambda s: s.tenant, str),
    _Question(
        ("llm", "provider"),
        "Language model provider (none, openrouter, openai, endpoint)?",
        lambda s: s.llm.provider,
        str,
    ),
    _Question(
        ("llm", "base_url"),
        "Its base URL, such as http://localhost:11434/v1?",
        lambda s: s.llm.base_url or "",
        str,
        lambda answers: answers.get("llm.provider", "none") == "endpoint",
    ),
    _Question(
        ("llm", "model"),
        "Which model?",
        lambda s: s.llm.model or "",
        str,
        lambda answers: answers.get("llm.provider", "none") in {"endpoint", "openai"},
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
    """Ask, check each answer, and write settings.yaml (mode 0600) in the configuration directory.

    A terminal is asked again after an answer that cannot be used; answers from a pipe have one try.

    Raises:
        BadRequestError: An answer is not usable, or the answers ended early; nothing is written.
        UnavailableError: The file cannot be written.
    """
    overrides = options.overrides()
    folder = config_dir(options.config)
    given = options.config if options.config is not None and folder.is_dir() else None
    wanted = load_settings(given, **overrides)
    _ = wanted.scope, wanted.data_path  # suggestions that cannot be used are refused before the first question
    ask = _take_default if accept_defaults else _ask
    with given_up():  # also between two questions, so that giving up always says that nothing was written
        values = _answers(load_settings(given), wanted, ask)
    path = folder / "settings.yaml"
    written = _write(path, merged(read_config(path), values))
    done = Text(_DONE.format(path=visible(str(written))))
    present.emit({"written": str(written), "settings": _public(values)}, done, as_json=options.json)
    return 0


def _answers(current: Settings, wanted: Settings, ask: Ask) -> dict[str, Any]:
    """Answers that differ from the current settings; the options of the command are the suggestions."""
    values: dict[str, Any] = {}
    given: dict[str, str] = {}
    for question in _QUESTIONS:
        if not question.only_if(given):
            continue
        kept = question.default(current)
        answer, value = _answer(question, question.default(wanted), kept, ask)
        given[".".join(question.path)] = answer
        if answer not in {"", kept}:
            values = merged(values, _nested(question.path, value))
    return values


def _answer(question: _Question, default: str, kept: str, ask: Ask) -> tuple[str, object]:
    """An answer and the setting that comes of it, None where it says what is `kept` anyway.

    Raises:
        BadRequestError: It is not usable, and nobody can be asked again.
    """
    while True:
        answer = ask(question.text, default).strip()
        if answer in {"", kept}:
            return answer, None
        try:
            value = question.convert(answer)
            _check(question.path, value)
        except BadRequestError as exc:
            if not sys.stdin.isatty():
                raise
            present.complain(str(exc))
        else:
            return answer, value


def _check(path: tuple[str, ...], value: object) -> None:
    """Let the settings judge one value."""
    try:
        settings = Settings.model_validate(_nested(path, value))
    except ValidationError as exc:
        problem = exc.errors(include_url=False, include_input=False)[0]["msg"]
        raise BadRequestError(f"That cannot be used: {problem}.") from exc
    _ = settings.scope, settings.data_path


def _nested(path: tuple[str, ...], value: object) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return cast("dict[str, Any]", value)


def _ask(text: str, default: str) -> str:
    line = present.asked(f"{text} [{default}]")
    if line is None:
        raise BadRequestError("The answers ended early; nothing was written. `udib init --yes` takes every default.")
    return line or default


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
