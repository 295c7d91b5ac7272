"""The command line: names, options and exit codes. What a command does is in `udib.app.commands`.

Only cyclopts and the standard library are imported here, so that `udib --help` is quick; a command imports what it
runs. Standard output is data, standard error is progress and complaints.
"""

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from udib.app import streams
from udib.app.command_line import Common, Flag, guarded, options, run
from udib.app.evidence_cli import evidence
from udib.app.jobs_cli import jobs
from udib.app.llm_cli import llm
from udib.app.memory_cli import memory
from udib.app.report_cli import correct, evaluate, receipts
from udib.app.watch_cli import watch
from udib.core.version import __version__

EXIT_FAILED = 1
EXIT_USAGE = 2
_RESUMABLE = " What was finished is kept: run the same command again to go on."

app = App(
    name="udib",
    version=__version__,
    help="What was said, which claims hold up, who contradicted themselves, each with a link to the second.",
    help_format="plaintext",  # the other formats load a Markdown library for nothing
)


@app.command
def analyze(
    source: str,
    /,
    *,
    captions: str | None = None,
    chat: str | None = None,
    quality: str | None = None,
    winner: Flag = False,
    out: str | None = None,
    dry_run: Flag = False,
    background: Flag = False,
    common: Common | None = None,
) -> int:
    """Analyse a recording, a caption file or a URL, and store what was said.

    A running `udib worker` does it, if there is one on the same data; else this command does.

    Args:
        source: A recording, captions or a transcript (mp4, opus, vtt, srt, txt, ...), or any address that yt-dlp reads.
        captions: A caption file to be used for the words of SOURCE.
        chat: What its audience wrote: yt-dlp's .live_chat.json, or the JSON of TwitchDownloader or chat-downloader.
        quality: Keep the video too, at most this high, such as 720p.
        winner: Also say who argued better, in a debate of two, as a model grades the speeches; a tie if it depends on
            the order of reading.
        out: Also write the report into this directory.
        dry_run: Say what would be done and what it would cost; do nothing.
        background: Only order it: a `udib worker` does it, now or when it is started.
    """
    from udib.app.analyze import AnalyzeOrder
    from udib.app.analyze import analyze as analyse

    order = AnalyzeOrder(source, captions, chat, quality, out, dry_run, background, winner)
    return run(analyse(order, options(common)), common, then=_RESUMABLE)


@app.command(usage="Usage: udib ask [OPTIONS] QUESTION...")
def ask(
    *question: str,
    limit: int = 5,
    speaker: str | None = None,
    content: str | None = None,
    dry_run: Flag = False,
    common: Common | None = None,
) -> int:
    """Answer a question from what was stored, with quotes, speakers, times and links.

    Args:
        question: Such as "what was said about rent control?".
        limit: Most passages.
        speaker: Only what this speaker said.
        content: Only this item: its id, the beginning of it, or its title.
        dry_run: Only say what asking a language model would cost.
    """
    from udib.app import commands

    order = commands.AskOrder(" ".join(question), limit, speaker, content, dry_run)
    return run(commands.ask(order, options(common)), common)


@app.command
def show(content: str, /, *, common: Common | None = None) -> int:
    """Show the newest report on a stored item.

    Args:
        content: Its id, the beginning of it, its title, its address or its path.
    """
    from udib.app import commands

    return run(commands.show(content, options(common)), common)


@app.command(name="list")
def list_(*, common: Common | None = None) -> int:
    """List what is stored, newest first."""
    from udib.app import commands

    return run(commands.list_contents(options(common)), common)


@app.command
def forget(content: str, /, *, yes: Flag = False, common: Common | None = None) -> int:
    """Remove an item and all its words from every store, but no exported file and no message already posted.

    Args:
        content: Its id, the beginning of it, its title, its address or its path; of a document, its id "doc:...".
        yes: Do not ask. Only a terminal is asked at all: a script that names an item means it.
    """
    from udib.app import commands, evidence_commands
    from udib.memory.documents import PREFIX

    if content.strip().startswith(PREFIX):
        return run(evidence_commands.remove(content, options(common), confirmed=yes), common)
    return run(commands.forget(content, options(common), confirmed=yes), common)


@app.command
def doctor(*, online: Flag = False, common: Common | None = None) -> int:
    """Check what this machine can do; each failing line names its remedy.

    Args:
        online: Also ask the language model and the searches that the settings name once, which may cost a little.
    """
    from udib.app import doctor as check

    return run(check.doctor(options(common), online=online), common)


@app.command
def init(*, yes: Flag = False, common: Common | None = None) -> int:
    """Ask the few questions that matter and write settings.yaml. Can be skipped: everything embedded works without.

    Args:
        yes: Take every default without asking.
    """
    from udib.app import init as questions

    return guarded(lambda: questions.init(options(common), accept_defaults=yes), common, then=" Nothing was written.")


@app.command
def worker(*, common: Common | None = None) -> int:
    """Do the jobs that are ordered, until interrupted. One worker serves a data directory, another waits beside it."""
    from udib.app import jobs_commands as commands

    return run(commands.work(options(common)), common, then=" What was in work goes on with the next worker.")


app.command(correct)
app.command(evaluate, name="eval")
app.command(receipts, usage="Usage: udib receipts [OPTIONS] PERSON TOPIC...")
app.command(jobs)
app.command(watch)
app.command(memory)
app.command(evidence)
app.command(llm)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code. `udib.app.start` is where the command itself begins."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["help"]:
        given = [*given[1:], "--help"]
    try:
        _refuse_bytes(given)
        code = app(given, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as exc:
        code = _usage(exc, as_json="--json" in given)
    except (SystemExit, BrokenPipeError):
        code = 0  # rich leaves like this when the reader of a pipe has gone
    except OSError as exc:
        code = _unwritable(exc)
    sys.exit(_flushed(code if isinstance(code, int) else 0))


def _refuse_bytes(arguments: Sequence[str]) -> None:
    """What is no text can be neither stored nor shown.

    Raises:
        CycloptsError: An argument holds bytes that the encoding of the system does not know, or a NUL.
    """
    for argument in arguments:
        if "\0" in argument or any("\ud800" <= char <= "\udfff" for char in argument):
            message = (
                f"The argument {argument!a} is no Unicode text here; rename the file, or set LANG to a UTF-8 locale."
            )
            raise CycloptsError(message)


def _usage(error: CycloptsError, *, as_json: bool) -> int:
    from udib.app.usage import sentence
    from udib.core.errors import BadRequestError
    from udib.delivery.text import clean

    told = clean(sentence(error))
    if as_json:
        from udib.app.commands import explain

        return explain(BadRequestError(told), as_json=True)
    print(f"udib: {told}", file=sys.stderr)  # noqa: T201
    return EXIT_USAGE


def _flushed(code: int) -> int:
    """Write out what is left; a reader that has gone (`| head`) is no failure, a full disk is one."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        streams.discard_output()
    except OSError as exc:
        return _unwritable(exc)
    return code


def _unwritable(error: OSError) -> int:
    print(f"udib: the output could not be written ({error.strerror}).", file=sys.stderr)  # noqa: T201
    streams.discard_output()
    return EXIT_FAILED


if __name__ == "__main__":
    from udib.app.start import main as start

    start()
