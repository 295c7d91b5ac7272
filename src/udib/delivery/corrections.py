"""What readers corrected, in the words that every renderer shows."""

from udib.core.corrections import Correction, CorrectionKind
from udib.core.findings import Report
from udib.core.speech import Quote
from udib.core.types import ReaderNote
from udib.delivery.text import clean
from udib.delivery.view import LABELS, clock, when, words


def of(report: Report, quote: Quote, part: str = "") -> list[Correction]:
    """What readers corrected in a quote: its words, who said it, and its "verdict" or "hint" where it has that part."""
    kinds = {CorrectionKind.QUOTE, CorrectionKind.ATTRIBUTION, *([CorrectionKind(part)] if part else [])}
    return [each for each in report.corrections if each.applies and each.kind in kinds and each.concerns(quote)]


def right(made: Correction | ReaderNote) -> str:
    """What a reader says is right, in a few words."""
    corrected = clean(made.corrected)
    match CorrectionKind(made.kind):
        case CorrectionKind.VERDICT:
            return f"the verdict should be \u201c{_label(made.corrected)}\u201d"
        case CorrectionKind.QUOTE:
            return f"the words are \u201c{corrected}\u201d"
        case CorrectionKind.ATTRIBUTION:
            return f"{corrected} said this{_not_label(made)}"
        case CorrectionKind.SPEAKER:
            return f"{clean(made.speaker or 'Unknown speaker')} is {corrected}"
        case CorrectionKind.HINT:
            return "the hint is unfair"


def beside(made: Correction | ReaderNote) -> str:
    """A correction as it stands beside what it corrects: who says so, when, what is right, and why."""
    note = clean(made.note)
    return f"Correction by {clean(made.by)}, {when(made.made_at)[:10]}: {right(made)}." + (f" {note}" if note else "")


def listed(made: Correction) -> str:
    """A correction in a list of all: with its second and words, and whether this revision still has them."""
    about = "" if made.kind is CorrectionKind.SPEAKER else f"{clock(made.start_s)} \u201c{clean(made.quote)}\u201d "
    lost = "" if made.applies else " This revision no longer has what it corrects."
    return f"{about}{beside(made)}{lost}"


def how_to(report: Report, contact: str) -> list[str]:
    """Where a reader turns who found something wrong."""
    told = [f"Is something wrong here? Write to {clean(contact)}."] if contact else []
    how = f"\u201cudib correct {clean(report.content.id)}\u201d"
    return [*told, f"Whoever runs this udib records it with {how}; a correction stays when the item is analysed again."]


def _label(code: str) -> str:
    return next((name for known, name in LABELS.items() if known.value == code), words(code))


def _not_label(made: Correction | ReaderNote) -> str:
    return f", not {clean(made.speaker)}" if made.speaker else ""
