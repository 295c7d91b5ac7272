"""How fit this machine is for yt-dlp: its age and the JavaScript runtime that YouTube needs. Does not load yt-dlp."""

import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from importlib.metadata import version

from udib.core.types import Health

_OLD_DAYS = 45
UPDATE = "pip install -U yt-dlp"
# The runtimes that yt-dlp accepts and the lowest version of each. Source: yt-dlp's release notes of 2026.06.09.
_RUNTIMES = {"deno": (2, 3), "node": (22, 0)}


def _today() -> date:
    return datetime.now(UTC).date()


def ytdlp_age(today: Callable[[], date] = _today, installed: Callable[[str], str] = version) -> Health:
    """How old yt-dlp is, by its version. Sites change in weeks, so an old one fails where a new one works."""
    number = installed("yt-dlp")
    year, month, day = (int(part) for part in number.split(".")[:3])
    age = (today() - date(year, month, day)).days
    old = age > _OLD_DAYS
    detail = f"{number}, {age} days old"
    return Health("yt-dlp", ok=not old, detail=detail, remedy=f"run: {UPDATE}" if old else "", optional=True)


def javascript_runtime(which: Callable[[str], str | None] = shutil.which) -> Health:
    """Whether a JavaScript runtime is there. Asks each one found for its version, so call it off the event loop."""
    too_old = []
    for name, least in _RUNTIMES.items():
        path = which(name)
        if path is None:
            continue
        found = _version(path)
        if found >= least:
            return Health("JavaScript runtime", ok=True, detail=f"{name} {_dotted(found)}", optional=True)
        too_old.append(f"{name} {_dotted(found)} is too old")
    detail = "; ".join(too_old) or "none found"
    remedy = "install deno 2.3 or node 22, or newer: YouTube cannot be read without"
    return Health("JavaScript runtime", ok=False, detail=detail, remedy=remedy, optional=True)


def runtimes_found(which: Callable[[str], str | None] = shutil.which) -> dict[str, str]:
    """Paths of the JavaScript runtimes by name, for yt-dlp, which checks their versions itself."""
    return {name: path for name in _RUNTIMES if (path := which(name)) is not None}


def _version(path: str) -> tuple[int, ...]:
    """Major and minor number; (0, 0) if the program does not say."""
    try:
        done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603 - found by `which`
    except (OSError, subprocess.TimeoutExpired):
        return 0, 0
    match = re.search(r"(\d+)\.(\d+)", done.stdout)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))
