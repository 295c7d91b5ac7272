"""What the audience of a live chat did, said once so that all pages say the same."""

from udib.core.findings import Report
from udib.core.live_chat import ChatPeak
from udib.delivery import view
from udib.delivery.text import clean

TITLE = "When the audience spoke up"


def peaks(report: Report) -> tuple[ChatPeak, ...]:
    """The stretches in which far more people wrote than usual, in order of time."""
    return report.chat.peaks if report.chat else ()


def overview(report: Report) -> str:
    """How much was written; empty where no chat was given."""
    if report.chat is None:
        return ""
    wrote = f"{view.counted(report.chat.messages, 'message')} in the chat, of {_people(report.chat.writers)}"
    return f"{wrote}." if report.chat.peaks else f"{wrote}; at no time did far more of them write than usual."


def told(peak: ChatPeak) -> str:
    """How many wrote, against how many usually do, and what most of them wrote."""
    words = ", ".join(f"\u201c{clean(word)}\u201d" for word in peak.words)
    counted = f"{_people(peak.writers)} wrote within 20 s, usually {peak.usual:g}"
    return f"{counted}: {words}" if words else counted


def _people(number: int) -> str:
    return f"{number:,} {'person' if number == 1 else 'people'}"
