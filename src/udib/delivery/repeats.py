"""Where else a claim is made: in its item, and in others."""

from typing import Final

from udib.core.findings import Evidence, FactCheck
from udib.core.speech import Quote
from udib.delivery.view import who

_ELSEWHERE: Final = 3
"""Other items that are named below a claim."""


def other_voice(check: FactCheck, repeat: Quote) -> str:
    """Who makes a claim again, where that is somebody else: `(Ben)`."""
    return "" if repeat.speaker == check.claim.quote.speaker else f"({who(repeat)})"


def elsewhere(check: FactCheck) -> tuple[Evidence, ...]:
    """The first few other items in which a claim is made."""
    return check.elsewhere[:_ELSEWHERE]


def more_elsewhere(check: FactCheck) -> str:
    """That there are more of them: `, and 2 more`."""
    more = len(check.elsewhere) - _ELSEWHERE
    return f", and {more} more" if more > 0 else ""


def times_said(check: FactCheck) -> str:
    """How often a claim is made in its item: `Said 3 times, also at`."""
    return f"Said {len(check.repeats) + 1} times, also at"
