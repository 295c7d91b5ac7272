"""Plain texts that a caller stores: what may come with one, and its pieces as records. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from udib.core.speech import stretches
from udib.core.types import ContentId, MemoryRecord, RecordKind

_SENTENCE_WORDS: Final = 60
_SENTENCE_CHARACTERS: Final = 2000
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")


class StoredText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `store_content` takes. Without a `content_id`, the text is named by its hash."""

    text: str
    content_id: str | None = None
    title: str = ""
    link: str = ""
    speaker: str | None = None
    published_at: str | None = None
    start_s: float = 0.0
    end_s: float = 0.0


def record_from(kind: RecordKind, payload: Mapping[str, object]) -> MemoryRecord:
    """A record as its payload keeps it."""
    return msgspec.convert({**payload, "kind": kind}, MemoryRecord)


def record_of(stored: StoredText, content_id: ContentId, number: int, text: str) -> MemoryRecord:
    """One piece of a stored text as a record."""
    return MemoryRecord(
        kind=RecordKind.TRANSCRIPT,
        content_id=content_id,
        number=number,
        text=text,
        start_s=stored.start_s,
        end_s=stored.end_s,
        title=stored.title,
        link=stored.link,
        speaker=stored.speaker,
        published_at=stored.published_at,
    )


def pieces(text: str) -> list[str]:
    """A text in pieces of about 60 words, cut between sentences; a longer sentence or word is cut inside."""
    found: list[str] = []
    words: list[str] = []
    for sentence in _SENTENCE_END.split(text.strip()):
        for start, end, _ in stretches(sentence, words=_SENTENCE_WORDS, characters=_SENTENCE_CHARACTERS):
            more = sentence[start:end].split()
            long = sum(map(len, words)) + len(words) + end - start > _SENTENCE_CHARACTERS
            if words and (long or len(words) + len(more) > _SENTENCE_WORDS):
                found.append(" ".join(words))
                words = []
            words += more
    return [*found, " ".join(words)] if words else found


def timestamp(published_at: str | None) -> float | None:
    """Seconds since 1970 of an ISO 8601 date or time; UTC where it names no zone, None where it is none."""
    if published_at is None:
        return None
    try:
        when = datetime.fromisoformat(published_at)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
