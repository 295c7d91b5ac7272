"""What of an item is remembered: its words in pieces that a person can read at a glance, its claims, its turns."""

import re
from collections.abc import Iterator
from dataclasses import replace

from udib.core.findings import FactCheck, FactChecks, Report
from udib.core.speech import SILENCE_S, Quote, Transcript, stretches
from udib.core.types import Content, MemoryRecord, RecordKind

_WORDS = 45
"""A piece is closed at the first sentence end from this many words on ..."""
_MOST_WORDS = 80
"""... and at the latest before it would exceed this many."""
_MOST_CHARACTERS = 2000
"""Most characters of a piece, whatever stands for a word in it: a record has to fit into the index."""
_CONTEXT_WORDS = 40
_LONGEST_NAME = 200
"""Most characters of a title or a speaker in a record; the report has all of them."""
_LONGEST_LINK = 4000
_SENTENCE = re.compile(r"\S.*?(?:[.?!][\"'\u201d)]*(?=\s|$)|$)", re.DOTALL)
_SENTENCE_ENDS = (".", "?", "!", '."', '?"', '!"')


def transcript_records(content: Content, transcript: Transcript) -> list[MemoryRecord]:
    """The words of an item, one record a piece.

    A piece has one speaker, no long silence in it, and lies between two sentence ends if it can.

    `context` holds the end of what was said before, which helps to find a piece that answers it.
    """
    records: list[MemoryRecord] = []
    before = ""
    for number, piece in enumerate(_pieces(transcript)):
        record = _record(content, RecordKind.TRANSCRIPT, number, piece)
        records.append(replace(record, context=before, low_accuracy=transcript.low_accuracy))
        before = " ".join(piece.text.split()[-_CONTEXT_WORDS:])
    return records


def claim_records(content: Content, checks: FactChecks | None) -> list[MemoryRecord]:
    """The claims of an item, one record each, with their verdicts where there are any.

    A sentence that was taken apart into several claims is one record, with the verdict of the first.
    """
    once: dict[Quote, FactCheck] = {}
    for check in checks.checks if checks else ():
        once.setdefault(check.claim.quote, check)
    return [
        replace(
            _record(content, RecordKind.CLAIM, number, check.claim.quote),
            verdict=check.verdict.label.value if check.verdict else None,
        )
        for number, check in enumerate(once.values())
    ]


def analysis_records(content: Content, report: Report) -> list[MemoryRecord]:
    """Where a chapter begins, found by its title too, and both sides of a contradiction, one record each.

    The words are the speakers'; what makes them remarkable is in `context`.
    """
    chapters = report.outline.chapters if report.outline else ()
    found = [(chapter.opening, chapter.title) for chapter in chapters]
    for pair in report.debate.contradictions if report.debate else ():
        if pair.earlier_source is None:
            found.append((pair.earlier, pair.later.text))
        found.append((pair.later, pair.earlier.text))
    return [
        replace(_record(content, RecordKind.ANALYSIS, number, quote), context=context)
        for number, (quote, context) in enumerate(found)
    ]


def _record(content: Content, kind: RecordKind, number: int, quote: Quote) -> MemoryRecord:
    link = content.link(quote.start_s)
    return MemoryRecord(
        kind=kind,
        content_id=content.id,
        number=number,
        text=quote.text,
        start_s=quote.start_s,
        end_s=quote.end_s,
        title=_shortened(content.title),
        # A part of an address leads nowhere.
        link=link if len(link) <= _LONGEST_LINK else "",
        speaker=None if quote.speaker is None else _shortened(quote.speaker),
        published_at=content.published_at,
        doubtful=quote.doubtful,
    )


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}\u2026"


def _pieces(transcript: Transcript) -> Iterator[Quote]:
    """The transcript from start to end, cut between sentences, or between words where a sentence is too long."""
    first, begin, last, end, words, characters = 0, 0, 0, 0, 0, 0
    for number, start, stop, more in _units(transcript):
        if words and (
            _parted(transcript, last, number)
            or words + more > _MOST_WORDS
            or characters + stop - start > _MOST_CHARACTERS
        ):
            yield transcript.cut(first, begin, last, end)
            words = 0
        if not words:
            first, begin, characters = number, start, 0
        last, end, words, characters = number, stop, words + more, characters + stop - start + 1
        if words >= _WORDS and transcript.segments[number].text[:stop].endswith(_SENTENCE_ENDS):
            yield transcript.cut(first, begin, last, end)
            words = 0
    if words:
        yield transcript.cut(first, begin, last, end)


def _parted(transcript: Transcript, last: int, number: int) -> bool:
    """Whether another speaker or a silence lies between two segments."""
    before, after = transcript.segments[last], transcript.segments[number]
    return before.speaker != after.speaker or after.start_s - before.end_s > SILENCE_S


def _units(transcript: Transcript) -> Iterator[tuple[int, int, int, int]]:
    """Sentences, or stretches of what is too long: (segment, first and last character, words)."""
    for number, segment in enumerate(transcript.segments):
        for sentence in _SENTENCE.finditer(segment.text):
            whole = stretches(segment.text, *sentence.span(), words=_MOST_WORDS, characters=_MOST_CHARACTERS)
            for start, stop, words in whole:
                yield number, start, stop, words
