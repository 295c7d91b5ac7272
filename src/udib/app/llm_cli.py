"""`udib llm ...`: names and options. What a command does is in `udib.app.llm_commands`."""

from cyclopts import App

from udib.app.command_line import Common, Flag, options, run

llm = App(
    name="llm",
    help="Look after the language models: which there are, which would be asked, what they cost, what is kept.",
    help_format="plaintext",
)
cache = App(name="cache", help="The answers that are kept.", help_format="plaintext")
llm.command(cache)


@llm.command
def models(*, live: Flag = False, common: Common | None = None) -> int:
    """The models that may be asked, with their limits and list prices.

    Args:
        live: As OpenRouter lists them now, with its prices.
    """
    from udib.app import llm_commands as commands

    return run(commands.models(options(common), live=live), common)


@llm.command(usage="Usage: udib llm route [OPTIONS] QUESTION...")
def route(*question: str, task: str = "answer", common: Common | None = None) -> int:
    """Which model would be asked now, and what each would cost. Nothing is asked.

    Args:
        question: What would be asked.
        task: What for; see models.yaml.
    """
    from udib.app import llm_commands as commands

    return run(commands.route(" ".join(question), task, options(common)), common)


@llm.command
def calibrate(file: str, /, *, most_usd: float = 0.5, anew: Flag = False, common: Common | None = None) -> int:
    """Put questions with known answers to every model, so that the router begins informed.

    Args:
        file: JSON Lines: {"prompt": "...", "accepted": ["..."], "task": "answer"}.
        most_usd: Most that it may cost; the caps of the settings hold too.
        anew: Forget what was learned before. End other udib processes first, or they bring it back.
    """
    from udib.app import llm_commands as commands

    return run(commands.calibrate_models(file, options(common), most_usd=most_usd, anew=anew), common)


@llm.command
def spend(*, days: int = 7, everybody: Flag = False, common: Common | None = None) -> int:
    """Where the money went: by day, tenant, task and model.

    Args:
        days: How many days, today included.
        everybody: All tenants, not only this one.
    """
    from udib.app import llm_commands as commands

    return run(commands.spend(options(common), days=days, everybody=everybody), common)


@cache.command
def stats(*, common: Common | None = None) -> int:
    """How often an answer was kept already, and what that saved."""
    from udib.app import llm_commands as commands

    return run(commands.cache_stats(options(common)), common)


@cache.command
def clear(pattern: str = "*", /, *, common: Common | None = None) -> int:
    """Let no kept answer of the workspace be given again.

    Args:
        pattern: *, model:NAME or task:NAME.
    """
    from udib.app import llm_commands as commands

    return run(commands.cache_clear(pattern, options(common)), common)
