"""What a reader corrects in a report. It outlives the revision that it was made on; see `udib.core.corrected`."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from udib.core.speech import Quote
from udib.core.types import ContentId, MemoryRecord, ReaderNote

_NEAR_S: Final = 2.0
_SAME_S: Final = 15.0
"""Seconds by which words may have moved between two revisions, as another caption track or recogniser has them: words
that have become more or fewer, and the very same ones."""


class CorrectionKind(StrEnum):
    """What is wrong: the verdict on a claim, the words of a quote, who said them, a speaker's name, or a hint."""

    VERDICT = "verdict"
    QUOTE = "quote"
    ATTRIBUTION = "attribution"
    SPEAKER = "speaker"
    HINT = "hint"


UNFAIR: Final = "unfair"
"""What a correction of a hint says of it."""


WHO_SAID_WHAT: Final = frozenset({CorrectionKind.SPEAKER, CorrectionKind.ATTRIBUTION, CorrectionKind.QUOTE})
"""What bears on the words themselves, whoever quotes or cites them."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What a reader says is right.

    Attributes:
        id: Names it within its content.
        content_id: What the report is on.
        kind: What is wrong.
        quote: The transcript's words that it is about; of a speaker, some of theirs.
        start_s: When they were said.
        corrected: The label of the verdict, the words as they were said, a name, or `UNFAIR`.
        by: Who says so.
        made_at: When, UTC.
        note: Why.
        speaker: The label in the transcript of whom it is about.
        applies: Whether the report that it stands in still has what it corrects.
    """

    id: str
    content_id: ContentId
    kind: CorrectionKind
    quote: str
    start_s: float
    corrected: str
    by: str
    made_at: str
    note: str = ""
    speaker: str | None = None
    applies: bool = True

    def concerns(self, quote: Quote) -> bool:
        """Whether it is about these words: the same, or more or fewer of them, at about the same second."""
        ours, theirs = _plain(self.quote), _plain(quote.text)
        within = f" {ours} " in f" {theirs} " or f" {theirs} " in f" {ours} "
        return within and abs(quote.start_s - self.start_s) <= (_SAME_S if ours == theirs else _NEAR_S)

    def stands_in(self, record: MemoryRecord) -> bool:
        """Whether the words that it is about are among those of a record."""
        return (
            record.content_id == self.content_id
            and record.start_s - _NEAR_S <= self.start_s <= record.end_s + _NEAR_S
            and f" {_plain(self.quote)} " in f" {_plain(record.text)} "
        )

    @property
    def told(self) -> ReaderNote:
        """What it says, for a passage."""
        return ReaderNote(self.kind.value, self.quote, self.corrected, self.by, self.made_at, self.note, self.speaker)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
