"""Questions to memory: the best passages, word for word, each with its second, or with the document it stands in."""

from typing import Final

from udib.core.errors import BadRequestError
from udib.core.ports import Memory
from udib.core.tenancy import Scope
from udib.core.types import Answer, Passage, RecordKind
from udib.core.vectors import Filters

NOTHING: Final = "Nothing that was said and stored bears on this question."
_LONGEST_QUESTION = 2000
_DOCUMENTS = 3
"""Of so many passages one may come of a document, where documents that were added bear on the question."""


async def ask(memory: Memory, scope: Scope, question: str, *, limit: int = 5, filters: Filters | None = None) -> Answer:
    """What was said about a question, best passage first.

    Args:
        memory: Where to look.
        scope: Whose memory.
        question: 1 to 2,000 characters.
        limit: Most passages, 1 to 50.
        filters: Restrict to a content or a speaker.

    Returns:
        Passages in the transcripts' own words, then in those of documents that were added; none, with a note that says
        so, when nothing bears on the question.

    Raises:
        BadRequestError: The question is empty or too long, or the limit is out of range.
    """
    question = " ".join(question.split())
    if not question:
        raise BadRequestError('The question is empty; ask something, such as "what was said about rent control?".')
    if len(question) > _LONGEST_QUESTION:
        raise BadRequestError(f"The question has {len(question)} characters; at most {_LONGEST_QUESTION} are allowed.")
    if not 1 <= limit <= 50:
        raise BadRequestError(f"The number of passages must be 1 to 50, not {limit}.")
    wanted = filters or Filters()
    [said] = await memory.recall(scope, RecordKind.TRANSCRIPT, [question], limit=limit, filters=wanted)
    [written] = await memory.recall(scope, RecordKind.DOCUMENT, [question], limit=limit, filters=wanted)
    passages = _together(said, written, limit)
    note = "" if passages else NOTHING
    return Answer(question, tuple(passages), note)


def _together(said: list[Passage], written: list[Passage], limit: int) -> list[Passage]:
    """What was said comes first; documents get the room that it leaves, and a third of it all in any case."""
    room = max(limit - len(said), -(-limit // _DOCUMENTS) if limit > 1 else 0)
    chosen = written[:room]
    return [*said[: limit - len(chosen)], *chosen]
