"""`udib memory ...`: names and options. What a command does is in `udib.app.memory_commands`."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from udib.app.command_line import Common, Flag, options, run

_AGAIN = " What was done is kept: run the same command again to go on."

memory = App(
    name="memory",
    help="Look after what was stored: numbers, search, copies, another embedding, files, another server.",
    help_format="plaintext",
)


@memory.command
def stats(*, common: Common | None = None) -> int:
    """How many records the workspace has, of whom, and how many are copies."""
    from udib.app import memory_commands as commands

    return run(commands.stats(options(common)), common)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Only:
    """Which records are looked through."""

    speaker: Annotated[str | None, Parameter(help="Only what this speaker said.")] = None
    platform: Annotated[str | None, Parameter(help="Only from this platform, such as youtube.")] = None
    since: Annotated[str | None, Parameter(help="Only what was published on this day (2026-01-31) or later.")] = None
    until: Annotated[str | None, Parameter(help="Only what was published before this day.")] = None


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Shown:
    """How what was found is ordered and shown."""

    neighbours: Annotated[int, Parameter(help="Also so many records before and after each.")] = 0
    half_life_days: Annotated[float | None, Parameter(help="Halve scores with every so many days of age.")] = None
    explain: Annotated[Flag, Parameter(help="Show what meaning and words give to each.")] = False


@memory.command
def search(
    *query: str,
    kind: str = "transcripts",
    limit: int = 10,
    only: Only | None = None,
    shown: Shown | None = None,
    common: Common | None = None,
) -> int:
    """Search the records themselves.

    Args:
        query: What to look for.
        kind: transcripts, claims, analyses or documents.
        limit: Most records.
    """
    from udib.app import memory_commands as commands

    order = commands.SearchOrder(" ".join(query), kind, limit, only or Only(), shown or Shown())
    return run(commands.search(order, options(common)), common)


@memory.command
def dedup(
    *,
    threshold: float = 0.98,
    dry_run: Flag = False,
    undo: Flag = False,
    common: Common | None = None,
) -> int:
    """Merge records of the workspace that say the same. Every place where it was said stays cited.

    Args:
        threshold: How near two records must be, up to 1 for the very same.
        dry_run: Only say what would be merged.
        undo: Take apart what was merged in the last 7 days.
    """
    from udib.app import memory_commands as commands

    return run(commands.dedup(threshold, options(common), dry_run=dry_run, undo=undo), common)


@memory.command
def sweep(*, common: Common | None = None) -> int:
    """Remove the records whose time is over (settings: memory.retention_days)."""
    from udib.app import memory_commands as commands

    return run(commands.sweep(options(common)), common)


@memory.command
def reindex(*, common: Common | None = None) -> int:
    """Bring everything stored, of all tenants, under the embedder that the settings name now."""
    from udib.app import memory_commands as commands

    return run(commands.reindex(options(common)), common, then=_AGAIN)


@memory.command
def export(
    file: str,
    /,
    *,
    everything: Annotated[Flag, Parameter(name="--all")] = False,
    common: Common | None = None,
) -> int:
    """Write the workspace's records into FILE: JSON Lines with vectors, ids and a checksum.

    Args:
        file: Where to; only you can read it.
        everything: All tenants and workspaces.
    """
    from udib.app import memory_commands as commands

    return run(commands.export(file, options(common), everything=everything), common)


@memory.command(name="import")
def import_(file: str, /, *, common: Common | None = None) -> int:
    """Bring the records of an exported FILE in, into the tenants and workspaces that it names.

    Args:
        file: Made by `udib memory export`; checked whole before anything is stored.
    """
    from udib.app import memory_commands as commands

    return run(commands.import_file(file, options(common)), common, then=_AGAIN)


@memory.command
def move(*, to: str, replace: Flag = False, common: Common | None = None) -> int:
    """Copy everything stored, of all tenants, to another index; the settings decide which one is used afterwards.

    Args:
        to: qdrant://HOST:PORT, qdrants://HOST:PORT (TLS) or postgres://USER@HOST/DATABASE. A key or password comes
            from the settings or the environment.
        replace: Remove what is stored there of items that are not here.
    """
    from udib.app import memory_commands as commands

    return run(commands.move(to, options(common), replace=replace), common, then=_AGAIN)


@memory.command
def backup(folder: str, /, *, common: Common | None = None) -> int:
    """Copy the whole data directory, consistent in itself, into a new FOLDER while udib may be at work.

    Args:
        folder: Must not exist yet.
    """
    from udib.app import memory_commands as commands

    return run(commands.backup(folder, options(common)), common)


@memory.command
def restore(folder: str, /, *, common: Common | None = None) -> int:
    """Make the data directory anew from a backup; an existing one is never overwritten.

    Args:
        folder: Made by `udib memory backup`.
    """
    from udib.app import memory_commands as commands

    return run(commands.restore(folder, options(common)), common)
