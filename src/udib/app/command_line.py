"""What every command has: its options, and the way from a call to an exit code."""

import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from udib.app import signals

Flag = Annotated[bool, Parameter(negative="", show_default=False)]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Common:
    """Options of every command."""

    tenant: Annotated[str | None, Parameter(help="Whose memory [settings: tenant].")] = None
    workspace: Annotated[str | None, Parameter(help="Part of it [settings: workspace].")] = None
    data_dir: Annotated[str | None, Parameter(help="Where everything is stored [settings: data_dir].")] = None
    config: Annotated[str | None, Parameter(help="Directory with settings.yaml.")] = None
    json: Annotated[Flag, Parameter(help="Print JSON on standard output.")] = False
    quiet: Annotated[Flag, Parameter(name=("--quiet", "-q"), help="No progress.")] = False


def options(common: Common | None) -> Any:  # noqa: ANN401 - `Options` is only imported with a command
    """The options as the commands take them."""
    from udib.app.commands import Options

    given = common or Common()
    return Options(
        tenant=given.tenant,
        workspace=given.workspace,
        data_dir=given.data_dir,
        config=given.config,
        json=given.json,
        quiet=given.quiet,
    )


def run(work: Coroutine[Any, Any, int], common: Common | None, *, then: str = "") -> int:
    """Run a command to its exit code; `then` is said when it is interrupted."""
    return guarded(lambda: signals.run(work), common, then=then)


def guarded(work: Callable[[], int], common: Common | None, *, then: str = "") -> int:
    """The exit code of work whose intended errors are told in one sentence; `then` is said when it is interrupted."""
    from udib.app.commands import explain
    from udib.core.errors import UdibError

    try:
        return work()
    except UdibError as exc:
        return explain(exc, as_json=common is not None and common.json)
    except KeyboardInterrupt as exc:
        print(f"\nudib: interrupted.{then}", file=sys.stderr)  # noqa: T201
        return 128 + (exc.number if isinstance(exc, signals.Interrupted) else signals.CTRL_C)
