"""Where the command `udib` begins: signals and streams first, so that nothing that follows can end in a traceback."""

from udib.app import signals, streams


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    signals.leave_at_once()
    streams.take_over()
    from udib.app.cli import main as run

    run()


if __name__ == "__main__":
    main()
