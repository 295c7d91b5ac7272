"""Giving up a content: every store that keeps its words is asked, and the answer is counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from udib.core.ports import Forgettable
from udib.core.tenancy import Scope
from udib.core.types import ContentId


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many entries each store gave up, and how many a second pass still found (0 in each: the proof)."""

    content_id: ContentId
    removed: tuple[tuple[str, int], ...]
    left: tuple[tuple[str, int], ...]


async def forget(stores: Sequence[Forgettable], scope: Scope, content_id: ContentId) -> Forgotten:
    """Remove a content from every store, in the order given; safe to repeat after an interruption.

    The store that lists contents belongs last, so that a content stays listed until all else of it is gone.

    Returns:
        The count of each store; the second count is the proof.
    """
    removed = [(store.name, await store.forget(scope, content_id)) for store in stores]
    left = [(store.name, await store.forget(scope, content_id)) for store in stores]
    return Forgotten(content_id, tuple(removed), tuple(left))
