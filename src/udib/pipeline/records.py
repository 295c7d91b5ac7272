"""What of an item is remembered: its words in pieces that a person can read at a glance, and its claims."""

from collections.abc import Iterator, Sequence

from udib.core.findings import FactChecks
from udib.core.speech import Segment, Transcript
from udib.core.types import Content, MemoryRecord, RecordKind

_WORDS = 45
"""A piece is closed at the first sentence end from this many words on ..."""
_MOST_WORDS = 80
"""... and at the latest before it would exceed this many."""
_CONTEXT_WORDS = 40
_SENTENCE_ENDS = (".", "?", "!", '."', '?"', '!"')


def transcript_records(content: Content, transcript: Transcript) -> list[MemoryRecord]:
    """The words of an item, one record a piece. A piece has one speaker and lies between two sentence ends if it can.

    `context` holds the end of what was said before, which helps to find a piece that answers it.
    """
    records: list[MemoryRecord] = []
    before = ""
    for number, piece in enumerate(_pieces(transcript.segments)):
        text = " ".join(segment.text for segment in piece)
        records.append(
            MemoryRecord(
                kind=RecordKind.TRANSCRIPT,
                content_id=content.id,
                number=number,
                text=text,
                start_s=piece[0].start_s,
                end_s=piece[-1].end_s,
                title=content.title,
                link=content.link(piece[0].start_s),
                speaker=piece[0].speaker,
                published_at=content.published_at,
                context=before,
            )
        )
        before = " ".join(text.split()[-_CONTEXT_WORDS:])
    return records


def claim_records(content: Content, checks: FactChecks | None) -> list[MemoryRecord]:
    """The claims of an item, one record each."""
    return [
        MemoryRecord(
            kind=RecordKind.CLAIM,
            content_id=content.id,
            number=number,
            text=check.claim.quote.text,
            start_s=check.claim.quote.start_s,
            end_s=check.claim.quote.end_s,
            title=content.title,
            link=content.link(check.claim.quote.start_s),
            speaker=check.claim.quote.speaker,
            published_at=content.published_at,
        )
        for number, check in enumerate(checks.checks if checks else ())
    ]


def _pieces(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    piece: list[Segment] = []
    words = 0
    for segment in segments:
        more = len(segment.text.split())
        if piece and (segment.speaker != piece[0].speaker or words + more > _MOST_WORDS):
            yield piece
            piece, words = [], 0
        piece.append(segment)
        words += more
        if words >= _WORDS and segment.text.rstrip().endswith(_SENTENCE_ENDS):
            yield piece
            piece, words = [], 0
    if piece:
        yield piece
