"""`python -m benchmarks.llm [PART ...]`: a trial at about a tenth of the size, printed and not kept."""

import sys

from benchmarks.llm.parts import PARTS, measure
from benchmarks.llm.sizes import TRIAL


def main() -> int:
    """Try the parts named, or all."""
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        print(f"unknown part {unknown[0]!r}; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    for name, value, unit, against in measure(TRIAL, wanted):
        print(f"{name:<36} {value:>12.4f} {unit:<8} {against}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
