"""A trial of a subject's parts at about a tenth of the size, printed and not kept."""

import sys
from collections.abc import Callable, Iterable, Sequence

Figures = list[tuple[str, float, str, str]]


def trial(parts: Iterable[str], measure: Callable[[Sequence[str]], Figures]) -> int:
    """Try the parts that the command line names, or all."""
    there = list(parts)
    wanted = sys.argv[1:] or there
    unknown = [part for part in wanted if part not in there]
    if unknown:
        print(f"unknown part {unknown[0]!r}; there are: {', '.join(there)}", file=sys.stderr)
        return 2
    for name, value, unit, against in measure(wanted):
        print(f"{name:<36} {value:>12.4f} {unit:<8} {against}")
    return 0
