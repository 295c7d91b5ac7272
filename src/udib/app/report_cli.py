"""`udib correct`, `udib eval` and `udib receipts`: names and options. What they do is in `udib.app.*_commands`."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from udib.app.command_line import Common, Flag, options, run


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Wrong:
    """Where the mistake is."""

    at: Annotated[str | None, Parameter(help="The second that the report shows beside it, such as 4:19.")] = None
    quote: Annotated[str | None, Parameter(help="Some of its words.")] = None


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Right:
    """What is right; one of these."""

    verdict: Annotated[
        str | None, Parameter(help="The claim's verdict: supported, refuted, conflicting or not_enough_info.")
    ] = None
    words: Annotated[str | None, Parameter(help="What was really said there.")] = None
    name: Annotated[str | None, Parameter(help="Who said it there; with --speaker, who that speaker is.")] = None
    speaker: Annotated[str | None, Parameter(help='Whose name is wrong everywhere, such as "Speaker 1".')] = None
    unfair: Annotated[Flag, Parameter(help="The hint at a fallacy is unfair.")] = False


def correct(
    content: str,
    /,
    *,
    wrong: Wrong | None = None,
    right: Right | None = None,
    note: Annotated[str, Parameter(show_default=False)] = "",
    by: str = "the operator",
    withdraw: str | None = None,
    common: Common | None = None,
) -> int:
    """Record that something in a report is wrong, and what is right; without that, list what was recorded.

    The report shows it beside what it corrects, also after the item is analysed again.

    Args:
        content: Its id, the beginning of it, its title, its address or its path.
        note: Why, such as where it can be read.
        by: Who says so; everybody who reads the report sees it.
        withdraw: Take a correction back, by the id that the list shows.
    """
    from udib.app import correct_commands as commands

    given = options(common)
    if withdraw is not None:
        return run(commands.withdraw(content, withdraw, given), common)
    if wrong is None and right is None:
        return run(commands.listed(content, given), common)
    said = commands.correct(content, wrong or Wrong(), right or Right(), given, by=by, note=note)
    return run(said, common)


def evaluate(
    file: str | None = None,
    /,
    *,
    out: str | None = None,
    export: str | None = None,
    calibrate: bool = False,
    common: Common | None = None,
) -> int:
    """Score the reports against labels: FILE, or else what readers corrected; each score beside trivial answers.

    Args:
        file: JSON or CSV with content, kind, at, quote, value, other; docs/explanation/evaluation.md tells more.
        out: Also write the scores into this file, as JSON.
        export: Only write what readers corrected into this file, as labels that FILE may be.
        calibrate: Let later verdicts be as sure as those that are labelled were right; 30 of them are needed.
    """
    from udib.app import eval_commands as commands

    wanted = commands.Wanted(out, export, calibrate=calibrate)
    return run(commands.eval_labels(file, options(common), wanted), common)


def receipts(
    person: str,
    /,
    *topic: str,
    content: str | None = None,
    limit: int = 50,
    common: Common | None = None,
) -> int:
    """What a person said on a topic, oldest first, each with its second and link, and what of it may not both hold.

    Args:
        person: The name as the reports spell it; no part of one, and nobody is taken for another by guess.
        topic: Such as: rent control.
        content: Only this item: its id, the beginning of it, or its title.
        limit: Most passages.
    """
    from udib.app import receipts_commands as commands

    order = commands.ReceiptsOrder(person, " ".join(topic), content, limit)
    return run(commands.receipts(order, options(common)), common)
