"""Answers in a model's words: every statement has a quote of a passage that founds it, or it is left out.

What is checked, and what cannot be, is in `udib.core.founding` and `udib.core.charges`; the passages stand beside it,
each with its second.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from udib.core.charges import founding_quotes
from udib.core.errors import UdibError
from udib.core.founding import Citable, Draft, DraftedStatement, borne_out
from udib.core.types import Answer, FoundedStatement, MemoryRecord, Passage

_MOST_STATEMENTS: Final = 12


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft, who wrote it, what it cost, and the numbers of passages that did not fit into the prompt."""

    draft: Draft
    model: str
    cost_usd: float
    left_out: tuple[int, ...] = ()


Write = Callable[[str, Sequence[Passage]], Awaitable[Drafted]]
"""Asks a model: a question and the passages in; raises `UdibError` if there is no answer."""


async def in_words(answer: Answer, write: Write) -> Answer:
    """The answer with a model's statements above its passages. Without a model's help the passages remain, and why.

    Args:
        answer: What memory found.
        write: Asks the model.
    """
    if not answer.passages:
        return answer
    try:
        drafted = await write(answer.question, answer.passages)
    except UdibError as exc:
        return replace(answer, note=f"No model put this into words: {exc}")
    unseen = set(drafted.left_out)
    statements, dropped = founded(drafted.draft, answer.passages, unseen)
    notes = []
    if unseen:
        notes.append(f"{len(unseen)} of {len(answer.passages)} passages did not fit into the model's prompt.")
    if dropped:
        notes.append(f"{dropped} of {dropped + len(statements)} statements were left out: no passage says them.")
    elif not statements:
        notes.append("The model finds no answer in these passages.")
    return replace(
        answer,
        note=" ".join(notes),
        statements=statements,
        dropped=dropped,
        model=drafted.model,
        cost_usd=drafted.cost_usd,
    )


def founded(
    draft: Draft, passages: Sequence[Passage], unseen: Iterable[int] = ()
) -> tuple[tuple[FoundedStatement, ...], int]:
    """The statements of a draft that their passages bear out, and how many were dropped.

    Args:
        draft: What the model wrote.
        passages: What it may cite, from number 1.
        unseen: Numbers that it was not shown.
    """
    hidden = set(unseen)
    shown = {number: citable for number, citable in citables(passages).items() if number not in hidden}
    kept = [
        statement
        for drafted in draft.statements[:_MOST_STATEMENTS]
        if (statement := _founded(drafted, shown)) is not None
    ]
    return tuple(kept), len(draft.statements) - len(kept)


def _founded(drafted: DraftedStatement, shown: Mapping[int, Citable]) -> FoundedStatement | None:
    """The statement, if what it cites bears it out and a quote of that founds it."""
    statement = borne_out(drafted, shown)
    if statement is None:
        return None
    names = [each.speaker for each in shown.values() if each.speaker]
    return statement if founding_quotes(statement.text, statement.quotes, names) else None


def citables(passages: Sequence[Passage]) -> dict[int, Citable]:
    """What a statement may cite, by the numbers of the passages from 1."""
    return {
        number: Citable(each.record.text, each.record.speaker, _beside(each.record))
        for number, each in enumerate(passages, 1)
    }


def _beside(record: MemoryRecord) -> str:
    return f"{record.title} {record.publisher or ''} {record.published_at or ''}"
