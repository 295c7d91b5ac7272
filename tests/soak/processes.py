"""Finding the store process of a data directory."""

from pathlib import Path


def store_process(data: Path) -> int | None:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "udib.memory.store_process" in command and str(data) in command:
            return int(folder.name)
    return None
