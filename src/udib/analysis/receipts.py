"""What one person said on a subject over time, and which of it may not both hold.

Nobody is taken for another here: whoever calls has settled whose words these are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from udib.analysis.contradictions import (
    Difference,
    Similarity,
    differences,
)
from udib.analysis.debate import nearness
from udib.analysis.sentences import Sentence, sentences
from udib.analysis.stated import Statement, counting_words, statements
from udib.analysis.unclear import unclear_of
from udib.core.computing import computed
from udib.core.corrections import Correction
from udib.core.findings import Unclear
from udib.core.speech import Origin, Segment, Transcript, Word
from udib.core.types import MemoryRecord
from udib.core.vectors import Embedder

_MOST_PAIRS: Final = 20


@dataclass(frozen=True, slots=True)
class Receipt:
    """One passage that was said, word for word. `number` counts from 1, oldest first."""

    number: int
    record: MemoryRecord


@dataclass(frozen=True, slots=True)
class SaidOtherwise:
    """Two sentences that may not both hold, in receipts of these numbers: a candidate, to be judged by listening.

    `dated` tells whether it is known which of the two was said first; `difference` is "number" or "polarity".
    `unclear` are the numbers and negations of both that were not heard clearly.
    """

    earlier: int
    later: int
    earlier_text: str
    later_text: str
    difference: str
    subject: str
    similarity: float
    dated: bool
    unclear: tuple[Unclear, ...] = ()


def in_order(found: Iterable[MemoryRecord]) -> list[Receipt]:
    """Each passage once, oldest first; what has no date comes last, by item and second."""
    once = {(record.content_id, record.number): record for record in found}
    ordered = sorted(
        once.values(),
        key=lambda record: (record.published_at is None, record.published_at or "", record.content_id, record.start_s),
    )
    return [Receipt(number, record) for number, record in enumerate(ordered, start=1)]


def is_misattributed(record: MemoryRecord, person: str, corrections: Sequence[Correction]) -> bool:
    """Whether a reader said that somebody else said words of this passage; of the same words, the last one counts.

    `corrections` are oldest first.
    """
    given = {(each.quote, each.start_s): each.corrected for each in corrections if each.stands_in(record)}
    return any(name != person for name in given.values())


async def said_otherwise(receipts: Sequence[Receipt], embedder: Embedder) -> tuple[SaidOtherwise, ...]:
    """The pairs of sentences on one subject with another number or the opposite, nearest first."""
    said, owners = await computed(_statements, receipts)
    near = await nearness([*counting_words(said), *(each.sentence.text for each in said)], embedder)
    pairs = await computed(lambda: list(differences(said, near)))
    found = [pair for each in pairs if (pair := _pair(each, owners, near)) is not None]
    return tuple(sorted(found, key=lambda pair: -pair.similarity)[:_MOST_PAIRS])


def _statements(receipts: Sequence[Receipt]) -> tuple[list[Statement], dict[int, Receipt]]:
    """What is stated in the receipts, in their order, and which receipt each sentence is of (by its identity).

    Only a passage that goes on where the one before it ended is of the same turn.
    """
    found: list[Sentence] = []
    owners: dict[int, Receipt] = {}
    turn, expected = 0, None
    for receipt in receipts:
        record = receipt.record
        turn += (record.content_id, record.number) != expected
        expected = (record.content_id, record.number + 1)
        words = _words(record) if record.doubtful else ()
        segment = Segment(record.start_s, record.end_s, record.text, record.speaker, words)
        for alone in sentences(Transcript((segment,), Origin.TRANSCRIPT, "memory")):
            sentence = replace(alone, turn=turn)
            found.append(sentence)
            owners[id(sentence)] = receipt
    return statements(found), owners


def _words(record: MemoryRecord) -> tuple[Word, ...]:
    """The words of a record, of which it is known how clearly each was heard, but not when."""
    return tuple(
        Word(word, record.start_s, record.end_s, doubtful=number in record.doubtful)
        for number, word in enumerate(record.text.split())
    )


def _pair(difference: Difference, owners: dict[int, Receipt], near: Similarity) -> SaidOtherwise | None:
    one, other = difference.earlier.sentence, difference.later.sentence
    similarity = near(one.text, other.text)
    earlier, later = owners[id(one)], owners[id(other)]
    apart = earlier.record.content_id != later.record.content_id
    if not difference.holds(similarity) or (apart and not difference.over_time):
        return None
    dates = earlier.record.published_at, later.record.published_at
    return SaidOtherwise(
        earlier=earlier.number,
        later=later.number,
        earlier_text=one.text,
        later_text=other.text,
        difference=difference.kind,
        subject=difference.subject,
        similarity=round(similarity, 3),
        dated=not apart or (None not in dates and dates[0] != dates[1]),
        unclear=unclear_of((one.quote, other.quote), frozenset()),
    )
