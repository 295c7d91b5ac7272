"""Plain texts that a caller stores: what may come with one, and its pieces as records. Pure."""

import re
from typing import Final

import msgspec

from udib.core.types import ContentId, MemoryRecord, RecordKind

_SENTENCE_WORDS: Final = 60
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
    """A text in pieces of about 60 words, cut between sentences; a longer sentence is cut between words."""
    pieces: list[str] = []
    words: list[str] = []
    for sentence in _SENTENCE_END.split(text.strip()):
        more = sentence.split()
        if words and len(words) + len(more) > _SENTENCE_WORDS:
            pieces.append(" ".join(words))
            words = []
        words += more
        while len(words) > 2 * _SENTENCE_WORDS:
            pieces.append(" ".join(words[:_SENTENCE_WORDS]))
            words = words[_SENTENCE_WORDS:]
    return [*pieces, " ".join(words)] if words else pieces
