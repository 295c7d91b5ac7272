"""What is wrong with a command line, in one plain sentence instead of the parser's own words."""

import difflib

from cyclopts import CycloptsError
from cyclopts.exceptions import (
    CoercionError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

_WANTED = {
    "SOURCE": "a file or an address",
    "CONTENT": "an item: its id, the beginning of it, or its title; `udib list` shows them",
}
_LIKE = 0.75
"""How alike a word has to be to be taken for a slip of the finger."""


def sentence(error: CycloptsError) -> str:
    """What was wrong and what to do, with the help that says more."""
    command = " ".join(("udib", *(error.command_chain or ())))
    return f"{_complaint(error, command)} See `{command} --help`."


def _complaint(error: CycloptsError, command: str) -> str:  # noqa: PLR0911 - one answer for each kind of slip
    match error:
        case UnusedCliTokensError():
            given = " ".join(error.unused_tokens or ())
            return (
                f"`{command}` has no use for {given!r}; leave it out, or put a name with spaces into quotation marks."
            )
        case MissingArgumentError():
            return _missing(error, command)
        case UnknownOptionError():
            known = [name for argument in error.argument_collection for name in argument.names]
            return _no_option(error.token.keyword or error.token.value, known, command)
        case UnknownCommandError():
            return _no_command(error)
        case RepeatArgumentError():
            return f"{error.token.keyword} is given more than once; give it once."
        case CoercionError(token=token) if token is not None and token.keyword is not None:
            kinds: dict[type | None, str] = {bool: "takes no value", int: "needs a whole number"}
            wanted = kinds.get(error.target_type, "needs a number")
            return f"{token.keyword} {wanted}; {token.value!r} is none that it could use."
        case _:
            return str(error)


def _missing(error: MissingArgumentError, command: str) -> str:
    name = error.argument.name if error.argument is not None else ""
    if name in _WANTED:
        return f"`{command}` needs {_WANTED[name]}."
    return f"{error.keyword or name} needs a value after it."


def _no_option(given: str, known: list[str], command: str) -> str:
    if given == "-" and command == "udib analyze":
        return "Standard input (-) is not read; give a file or an address."
    name = given.partition("=")[0]
    return f"`{command}` has no option {name!r}{_meant(name, known)}."


def _no_command(error: UnknownCommandError) -> str:
    [given, *_] = error.unused_tokens or [""]
    known = [name for name in error.app or () if not name.startswith("-")]
    if given.startswith("-"):
        return f"`udib` has no option {given!r}; begin with a command: {', '.join(known)}."
    return f"There is no command {given!r}{_meant(given, known)}; there are {', '.join(known)}."


def _meant(given: str, known: list[str]) -> str:
    near = difflib.get_close_matches(given, known, n=1, cutoff=_LIKE)
    return f" (did you mean {near[0]}?)" if near else ""
