"""Where the times of an HTML report lead: to the public original, to the player of the page, or into its transcript.

No path of this machine is ever in a page, so that it can be shared.
"""

from bisect import bisect_right
from dataclasses import dataclass

from udib.core.types import Content
from udib.delivery import view
from udib.delivery.vtt import WrittenCue

MOST_CUES = 20_000
"""Cues that a page holds, some ten hours; with more it would open slowly."""


@dataclass(frozen=True, slots=True)
class Places:
    """The places of one page. `sound` is the address of the recording beside it, `cues` its transcript in order."""

    content: Content
    sound: str | None = None
    cues: tuple[WrittenCue, ...] = ()

    def link(self, second: float) -> str | None:
        """The address of one second; None where the page has nothing that it could lead to."""
        if self.content.url is not None:
            return view.link(self.content, second)
        if self.cues:
            # Quotes are cut out of cues at hundredths of a second, cues are written with thousandths.
            number = bisect_right(self.cues, second + 0.01, key=lambda cue: cue.start_s)
            return f"#{anchor(max(number - 1, 0))}"
        return None if self.sound is None else f"{self.sound}#t={whole(second)}"


def anchor(number: int) -> str:
    """The name of a cue in the page."""
    return f"c{number}"


def whole(second: float) -> int:
    """The second as players take it."""
    return max(int(second), 0)
