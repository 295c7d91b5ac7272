"""How much is measured: all of it, or a tenth for trying the benchmark itself."""

from dataclasses import dataclass

Measured = list[tuple[str, float, str, str]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of items.

    Attributes:
        items: Most files, meetings or recordings of a set; None: all.
        edits: Edited quotes of each kind.
        hours: Lengths of the made-up debate.
    """

    items: int | None = None
    edits: int = 5_000
    hours: tuple[int, int] = (1, 3)


FULL = Sizes()
TRIAL = Sizes(items=4, edits=500, hours=(1, 1))
