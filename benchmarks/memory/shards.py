"""150 workspaces in one collection, as they are, against a shard of the engine for each: what opening costs."""

import sys

from benchmarks.memory.sizes import Measured, Sizes
from benchmarks.memory.stores import child, progress, scratch

_EACH = 100


def measure(sizes: Sizes) -> Measured:
    """All figures of this part. The opening runs in a fresh process each; files are in the system's cache."""
    count = sizes.shards
    with scratch() as folder:
        (folder / "many").mkdir()
        (folder / "one").mkdir()
        progress(f"{count} shards of {_EACH} points, and one of all")
        child(sys.executable, "shards", "fill", folder / "many", count, _EACH, 1)
        child(sys.executable, "shards", "fill", folder / "one", 1, count * _EACH, count)
        many = child(sys.executable, "shards", "plain", folder / "many", count, _EACH)
        one = child(sys.executable, "shards", "open", folder / "one", 1, count * _EACH)
    against = f"{count} shards of {_EACH} points"
    return [
        (
            "open_over_shard_each",
            many["seconds"] / one["seconds"],
            "x",
            f"{against}: {many['seconds']:.1f} s, one of {count * _EACH}: {one['seconds']:.3f} s",
        ),
        (
            "memory_under_shard_each",
            many["whole_mib"] / one["whole_mib"],
            "x",
            f"whole process, {against}: {many['whole_mib']:.0f} MiB, one: {one['whole_mib']:.0f} MiB",
        ),
    ]
