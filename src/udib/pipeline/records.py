"""What of an item is remembered: its words in pieces that a person can read at a glance, and its claims."""

import re
from collections.abc import Iterator
from itertools import islice

from udib.core.findings import FactChecks
from udib.core.speech import Quote, Transcript
from udib.core.types import Content, MemoryRecord, RecordKind

_WORDS = 45
"""A piece is closed at the first sentence end from this many words on ..."""
_MOST_WORDS = 80
"""... and at the latest before it would exceed this many."""
_CONTEXT_WORDS = 40
_SENTENCE = re.compile(r"\S.*?(?:[.?!][\"'\u201d)]*(?=\s|$)|$)", re.DOTALL)
_WORD = re.compile(r"\S+")
_SENTENCE_ENDS = (".", "?", "!", '."', '?"', '!"')


def transcript_records(content: Content, transcript: Transcript) -> list[MemoryRecord]:
    """The words of an item, one record a piece. A piece has one speaker and lies between two sentence ends if it can.

    `context` holds the end of what was said before, which helps to find a piece that answers it.
    """
    records: list[MemoryRecord] = []
    before = ""
    for number, piece in enumerate(_pieces(transcript)):
        records.append(
            MemoryRecord(
                kind=RecordKind.TRANSCRIPT,
                content_id=content.id,
                number=number,
                text=piece.text,
                start_s=piece.start_s,
                end_s=piece.end_s,
                title=content.title,
                link=content.link(piece.start_s),
                speaker=piece.speaker,
                published_at=content.published_at,
                context=before,
                low_accuracy=transcript.low_accuracy,
            )
        )
        before = " ".join(piece.text.split()[-_CONTEXT_WORDS:])
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


def _pieces(transcript: Transcript) -> Iterator[Quote]:
    """The transcript from start to end, cut between sentences, or between words where a sentence is too long."""
    first, begin, last, end, words = 0, 0, 0, 0, 0
    for number, start, stop, more in _units(transcript):
        speaker = transcript.segments[number].speaker
        if words and (speaker != transcript.segments[first].speaker or words + more > _MOST_WORDS):
            yield transcript.cut(first, begin, last, end)
            words = 0
        if not words:
            first, begin = number, start
        last, end, words = number, stop, words + more
        if words >= _WORDS and transcript.segments[number].text[:stop].endswith(_SENTENCE_ENDS):
            yield transcript.cut(first, begin, last, end)
            words = 0
    if words:
        yield transcript.cut(first, begin, last, end)


def _units(transcript: Transcript) -> Iterator[tuple[int, int, int, int]]:
    """Sentences, or stretches of at most _MOST_WORDS words: (segment, first and last character, words)."""
    for number, segment in enumerate(transcript.segments):
        for sentence in _SENTENCE.finditer(segment.text):
            words = _WORD.finditer(segment.text, sentence.start(), sentence.end())
            while stretch := list(islice(words, _MOST_WORDS)):
                yield number, stretch[0].start(), stretch[-1].end(), len(stretch)
