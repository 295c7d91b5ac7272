"""`udib watch ...`: names and options. What a command does is in `udib.app.watch_commands`."""

from cyclopts import App

from udib.app.command_line import Common, options, run

_RESUMABLE = " What was finished is kept: run the same command again to go on."

watch = App(
    name="watch",
    help="Watch feeds, podcasts and channels: what is new is analysed by a running `udib worker`, or by `watch run`.",
    help_format="plaintext",
)


@watch.command
def add(address: str, /, *, since: str | None = None, every: str = "15m", common: Common | None = None) -> int:
    """Watch a feed, a page that names one, or a channel or playlist that yt-dlp reads.

    Args:
        address: Such as https://example.org/podcast.xml.
        since: Also what was published since this date, such as 2026-01-31; else only what is published from now on.
        every: How often it is looked at, such as 15m, 2h or 1d.
    """
    from udib.app import watch_commands as commands

    return run(commands.add(address, since, every, options(common)), common)


@watch.command(name="list")
def list_(*, common: Common | None = None) -> int:
    """What is watched, how the last look ended, and which items failed and why."""
    from udib.app import watch_commands as commands

    return run(commands.list_watches(options(common)), common)


@watch.command
def remove(watched: str, /, *, common: Common | None = None) -> int:
    """Watch something no longer. What was analysed stays.

    Args:
        watched: Its id, the beginning of it, or its address.
    """
    from udib.app import watch_commands as commands

    return run(commands.remove(watched, options(common)), common)


@watch.command(name="run")
def run_(watched: str | None = None, /, *, common: Common | None = None) -> int:
    """Look now, and wait until what is new is analysed: by a running `udib worker`, or else by this command.

    Args:
        watched: Its id, the beginning of it, or its address; all that is watched if it is left out.
    """
    from udib.app import watch_commands as commands

    return run(commands.look(watched, options(common)), common, then=_RESUMABLE)
