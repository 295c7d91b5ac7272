"""`udib evidence ...`: names and options. What a command does is in `udib.app.evidence_commands`."""

from cyclopts import App

from udib.app.command_line import Common, Flag, options, run

evidence = App(
    name="evidence",
    help="Look after documents of your own that claims are held against, and that `udib ask` cites.",
    help_format="plaintext",
)


@evidence.command(usage="Usage: udib evidence add [OPTIONS] TARGET...")
def add(*target: str, publisher: str | None = None, date: str | None = None, common: Common | None = None) -> int:
    """Add documents: text, Markdown, HTML or PDF files, folders of them, or web addresses.

    Args:
        target: Files, folders or addresses. The same words again replace what was added.
        publisher: Who published them; what a page says of itself if left out.
        date: When, such as 2026-01-31; what a document says of itself if left out.
    """
    from udib.app import evidence_commands as commands

    order = commands.AddOrder(target, publisher, date)
    return run(commands.add(order, options(common)), common, then=" What was added is kept.")


@evidence.command(name="list")
def list_(*, common: Common | None = None) -> int:
    """List the documents by title."""
    from udib.app import evidence_commands as commands

    return run(commands.list_documents(options(common)), common)


@evidence.command
def remove(document: str, /, *, yes: Flag = False, common: Common | None = None) -> int:
    """Remove a document and its words from every store, the reports that cite it included.

    Args:
        document: Its id, the beginning of it, its title, its address or its path.
        yes: Do not ask. Only a terminal is asked at all.
    """
    from udib.app import evidence_commands as commands

    return run(commands.remove(document, options(common), confirmed=yes), common)
