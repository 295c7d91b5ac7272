"""Where the command `udib` begins: with its signals, before anything that takes time to import, and its streams."""

import os
import signal
import sys

TYPE_CHECKING = False  # as in `udib`: `typing` takes time to import
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, `kill` and a terminal that is closed."""
SWITCH_S = 0.001
"""How long a thread that computes may keep the loop's from the interpreter; Python's own 0.005 doubles the lag."""


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    sys.setswitchinterval(SWITCH_S)
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(number, leave)
    from udib.app import streams

    streams.take_over()
    from udib.app.cli import main as run

    run()


def leave(number: int, _: "FrameType | None" = None) -> "NoReturn":
    """End the process where it stands, with exit code 128 + the signal. Before a command runs nothing is at stake."""
    cursor = b"\x1b[?25h" if os.isatty(2) else b""  # a bar may have hidden it
    try:
        os.write(2, cursor + b"\nudib: interrupted.\n")
    finally:
        os._exit(128 + number)


if __name__ == "__main__":
    main()
