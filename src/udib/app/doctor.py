"""`udib doctor`: what this machine can do, one line a check, with the remedy of each that fails."""

import asyncio
import io
import platform
import shlex
import shutil
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import av

from udib.app import present
from udib.app.bootstrap import App, open_app
from udib.app.commands import EXIT_CODES, Options
from udib.app.evidence_settings import EvidenceSettings
from udib.app.observability import configure_logging
from udib.app.settings import DeliverySettings, Settings, seen_secrets
from udib.core.chat import ChatRequest, Message, Purpose
from udib.core.errors import Status, UdibError
from udib.core.types import Health
from udib.delivery.webhook import check_webhook
from udib.sources.evidence import SearchedEvidence
from udib.sources.ytdlp_health import javascript_runtime
from udib.storage.disk import existing

_LEAST_FREE_GB = 2.0
_FEW_TOKENS = 200  # some models think before they say their one word
_QUESTION = "The Earth is flat"
"""What searches are tried with: everybody has a hit for it."""
_CORRECT = "Correct what the sentence names, then run `udib doctor` again."


async def doctor(options: Options, *, online: bool = False) -> int:
    """Run every check; the exit code is 1 if one that everything needs fails.

    Args:
        options: The options of every command.
        online: Also ask the language model one word and each search service once, which may cost a little.
    """
    healths = await check(options.settings(), online=online)
    present.emit(healths, present.health_text(healths), as_json=options.json)
    return 0 if all(health.ok or health.optional for health in healths) else EXIT_CODES[Status.FAILED]


async def check(settings: Settings, *, online: bool = False) -> list[Health]:
    """All checks, those of the machine first. An adapter that cannot even be opened is a failing line."""
    configure_logging(settings.log.level)
    local: Sequence[Callable[[], Health]] = (
        _python,
        lambda: _disk(settings),
        lambda: _privacy(settings),
        _decoder,
        javascript_runtime,
        lambda: _provider(settings),
        lambda: _looked_up(settings.evidence),
        lambda: _webhook(settings),
    )
    healths = [await asyncio.to_thread(each) for each in local]
    if not healths[-1].ok:  # said once; the stores can be looked at without it
        settings = settings.model_copy(update={"delivery": DeliverySettings()})
    try:
        async with open_app(settings) as app:
            healths += await app.ping()
            if online:
                healths += [await _answers(app), *[await _searched(app, each) for each in _searches(app)]]
    except UdibError as exc:
        healths.append(Health("stores", ok=False, detail=str(exc), remedy=_CORRECT))
    return [replace(health, remedy="") if health.ok else health for health in healths]


def _python() -> Health:
    version = platform.python_version()
    fit = (3, 11) <= sys.version_info[:2] <= (3, 14)
    return Health(
        "python", fit, f"{version} on {platform.system()} {platform.machine()}", "Use Python 3.11, 3.12, 3.13 or 3.14."
    )


def _disk(settings: Settings) -> Health:
    folder = settings.data_path
    there = existing(folder)
    usage = shutil.disk_usage(there)
    if usage.total == 0:  # /proc, /sys: files of the system, and none of anybody else's
        detail = f"{there} stores no files, so nothing can be kept in {folder}"
        return Health("disk", ok=False, detail=detail, remedy="Choose another place with --data-dir.", optional=True)
    free = usage.free / 1e9
    return Health(
        "disk",
        free >= _LEAST_FREE_GB,
        f"{free:.1f} GB free for {folder}",
        f"Free some space, or choose another place with --data-dir: less than {_LEAST_FREE_GB:g} GB is left.",
        optional=True,
    )


def _privacy(settings: Settings) -> Health:
    """Whether others may look into the data directory; udib makes it private, but takes one that is there."""
    folder = settings.data_path
    mode = stat.S_IMODE(folder.stat().st_mode) if folder.is_dir() else 0o700
    return Health(
        "privacy",
        mode & 0o077 == 0,
        f"{folder} has mode {mode:04o}" if folder.is_dir() else f"{folder} will be made with mode {mode:04o}",
        f"Close it to the other users of this machine: chmod 700 {shlex.quote(str(folder))}",
        optional=True,
    )


def _decoder() -> Health:
    """Encode a tenth of a second of silence as Opus and decode it again."""
    try:
        with io.BytesIO() as file:
            with av.open(file, "w", format="ogg") as out:
                stream = out.add_stream("libopus", rate=48000, layout="mono")
                frame = av.AudioFrame(format="s16", layout="mono", samples=4800)
                frame.sample_rate = 48000
                for packet in [*stream.encode(frame), *stream.encode(None)]:
                    out.mux(packet)
            file.seek(0)
            with av.open(file, "r") as back:
                decoded = sum(frame.samples for frame in back.decode(audio=0))
    except (av.FFmpegError, ValueError) as exc:
        return Health(
            "decoder", ok=False, detail=f"PyAV: {exc}", remedy="Install PyAV again: pip install --force-reinstall av"
        )
    return Health("decoder", decoded > 0, f"PyAV {av.__version__} encodes and decodes Opus", "Install PyAV again.")


def _provider(settings: Settings) -> Health:
    named = settings.llm.provider
    if named != "none":
        caps = (
            f"at most {settings.llm.cap_request_usd:g} USD a request and {settings.llm.cap_day_usd:g} a day and tenant"
        )
        detail = f"{named} is named, {caps}; `udib doctor --online` asks it one word"
        return Health("language model", ok=True, detail=detail, optional=True)
    seen = seen_secrets()
    if seen:
        detail = f"none named, so nothing is spent; {' and '.join(seen)} was seen in the environment and is not used"
        return Health("language model", ok=True, detail=detail, optional=True)
    return Health("language model", ok=True, detail="none named: everything runs on this machine", optional=True)


async def _answers(app: App) -> Health:
    """Ask the model one word."""
    if app.models is None:
        detail = "none is named in the settings, so none was asked"
        return Health("model answers", ok=True, detail=detail, optional=True)
    request = ChatRequest([Message("user", "Answer with the one word: ready")], max_tokens=_FEW_TOKENS)
    purpose = Purpose(app.scope, "other", app.settings.llm.deadline_s, use_cache=False)
    try:
        said = await app.models.chat.complete(request, purpose)
    except UdibError as exc:
        return Health("model answers", ok=False, detail=str(exc), remedy=_CORRECT)
    cost = f"{said.usage.cost_usd:.6f} USD"
    return Health("model answers", ok=True, detail=f"{said.model}, in {said.latency_ms / 1000:.1f} s, for {cost}")


def _looked_up(wanted: EvidenceSettings) -> Health:
    """Where claims are looked up outside; a key alone asks nobody."""
    named = [each for each in (wanted.reviews, wanted.search) if each != "none"]
    keys = {"evidence.search_key": wanted.search_key, "evidence.reviews_key": wanted.reviews_key}
    unused = [name for name, key in keys.items() if key is not None and not named]
    detail = f"{' and '.join(named)} named: the words of claims leave this machine" if named else "none is named"
    detail += ": claims are looked up in your own archive and documents" if not named else ""
    detail += f"; {' and '.join(unused)} is set and not used" if unused else ""
    return Health("evidence", ok=True, detail=detail, optional=True)


def _searches(app: App) -> list[SearchedEvidence]:
    return [each for each in app.checked if isinstance(each, SearchedEvidence)]


async def _searched(app: App, source: SearchedEvidence) -> Health:
    """Ask a search service once, which counts as one of the tenant's searches."""
    name = f"{source.name.partition(' (')[0]} answers"
    try:
        hits = await source.search(app.scope, _QUESTION, limit=1)
    except UdibError as exc:
        return Health(name, ok=False, detail=str(exc), remedy=_CORRECT, optional=True)
    return Health(name, ok=True, detail=f"{source.name}: {'a hit' if hits else 'no hit'} for {_QUESTION!r}")


def _webhook(settings: Settings) -> Health:
    if settings.delivery.discord_webhook is None:
        return Health("discord", ok=True, detail="no webhook is set: reports go to files", optional=True)
    try:
        check_webhook(settings.delivery.discord_webhook.get_secret_value())
    except UdibError as exc:
        return Health("discord", ok=False, detail=str(exc), remedy="Set it right, or leave it out: `udib init` asks.")
    return Health("discord", ok=True, detail="a webhook is set (not shown, not called)", optional=True)
