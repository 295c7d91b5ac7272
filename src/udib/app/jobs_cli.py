"""`udib jobs ...`: names and options. What a command does is in `udib.app.jobs_commands`."""

from cyclopts import App

from udib.app.command_line import Common, Flag, options, run

jobs = App(
    name="jobs",
    help="Look after what was ordered: what waits, what is in work, what failed and why, and what to do about it.",
    help_format="plaintext",
)


@jobs.command(name="list")
def list_(*, all_: Flag = False, limit: int = 50, common: Common | None = None) -> int:
    """What waits, is in work or has failed, newest first.

    Args:
        all_: Also what is done or cancelled.
        limit: Most jobs.
    """
    from udib.app import jobs_commands as commands

    return run(commands.list_jobs(options(common), everything=all_, limit=limit), common)


@jobs.command
def show(job: str, /, *, follow: Flag = False, common: Common | None = None) -> int:
    """One job: where it stands, what it told, why it failed and what to do.

    Args:
        job: Its id, or the beginning of it.
        follow: Show what it tells until it has ended, whoever does it; the exit code is then that of its failure.
    """
    from udib.app import jobs_commands as commands

    return run(commands.show(job, options(common), follow=follow), common)


@jobs.command
def cancel(job: str, /, *, common: Common | None = None) -> int:
    """End a job that waits or is in work. What it finished is kept.

    Args:
        job: Its id, or the beginning of it.
    """
    from udib.app import jobs_commands as commands

    return run(commands.cancel(job, options(common)), common)


@jobs.command
def resume(job: str, /, *, common: Common | None = None) -> int:
    """Let a job that was cancelled go on where it was.

    Args:
        job: Its id, or the beginning of it.
    """
    from udib.app import jobs_commands as commands

    return run(commands.resume(job, options(common)), common)


@jobs.command
def retry(job: str, /, *, common: Common | None = None) -> int:
    """Try a job again that has failed; what it finished is used.

    Args:
        job: Its id, or the beginning of it.
    """
    from udib.app import jobs_commands as commands

    return run(commands.retry(job, options(common)), common)


@jobs.command
def fork(job: str, /, *, from_: str = "analyse", common: Common | None = None) -> int:
    """Do once more what a job was for, from some stage on; what was fetched and heard before it is used again.

    Args:
        job: Its id, or the beginning of it.
        from_: download, transcribe or analyse.
    """
    from udib.app import jobs_commands as commands

    return run(commands.fork_from(job, from_, options(common)), common)


@jobs.command
def sweep(*, dry_run: Flag = False, common: Common | None = None) -> int:
    """Give up what finished analyses of all tenants leave, when its time is over (settings: storage.keep).

    Args:
        dry_run: Only say what would go.
    """
    from udib.app import jobs_commands as commands

    return run(commands.sweep(options(common), dry_run=dry_run), common)
