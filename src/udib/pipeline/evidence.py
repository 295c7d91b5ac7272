"""Evidence for claims out of the scope's own memory."""

from collections.abc import Awaitable, Callable, Sequence

from udib.core.findings import Evidence
from udib.core.ports import Filters, Memory
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Passage, RecordKind

LookUp = Callable[[Sequence[str]], Awaitable[list[list[Evidence]]]]

PASSAGES = 3


def look_up_in(memory: Memory, scope: Scope, *, without: ContentId) -> LookUp:
    """A look-up that gives, for each statement, what other contents of the scope said about it, nearest first."""

    async def look_up(statements: Sequence[str]) -> list[list[Evidence]]:
        filters = Filters(not_content_id=without)
        found = await memory.recall(scope, RecordKind.TRANSCRIPT, statements, limit=PASSAGES, filters=filters)
        return [[_evidence(passage) for passage in passages] for passages in found]

    return look_up


def _evidence(passage: Passage) -> Evidence:
    record = passage.record
    return Evidence(
        text=record.text,
        source=record.title,
        link=record.link,
        relevance=round(min(max(passage.similarity, 0.0), 1.0), 3),
        content_id=record.content_id,
        speaker=record.speaker,
        start_s=record.start_s,
        published_at=record.published_at,
    )
