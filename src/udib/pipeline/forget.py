"""Giving up a content: every store that keeps its words is asked, and the answer is counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from udib.core.errors import UnavailableError
from udib.core.ports import Catalogue, Forgettable, Outbox
from udib.core.tenancy import Scope
from udib.core.types import ContentId


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many entries each store gave up, and how many a second pass still found (0 in each: the proof)."""

    content_id: ContentId
    removed: tuple[tuple[str, int], ...]
    left: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class CitingFiles:
    """The report files of other items that cite a content, as a `Forgettable`: they are written anew without it.

    To be asked before the catalogue, which knows who cites whom until it has forgotten the content itself.
    """

    catalogue: Catalogue
    files: Outbox
    name: str = "citing reports"

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Write the files of the citing reports anew; returns how many reports there were."""
        count = 0
        for citing in await self.catalogue.citing(scope, content_id):
            report = await self.catalogue.report(scope, citing)
            if report is not None and report.cites(content_id):
                await self.files.deliver(scope, report.without_evidence_of(content_id), "")
                count += 1
        return count


async def forget(stores: Sequence[Forgettable], scope: Scope, content_id: ContentId) -> Forgotten:
    """Remove a content from every store, in the order given; safe to repeat after an interruption.

    The store that lists contents belongs last: it is asked only when all others have succeeded, so that a content stays
    listed until all else of it is gone. What gives back disk space without needing any belongs first.

    Returns:
        The count of each store; the second count is the proof.

    Raises:
        UnavailableError: A store could not give up its words now. The stores after it were asked all the same.
    """
    *others, listing = stores
    removed: list[tuple[str, int]] = []
    refused: list[UnavailableError] = []
    for store in others:
        try:
            removed.append((store.name, await store.forget(scope, content_id)))
        except UnavailableError as exc:
            refused.append(exc)
    if refused:
        raise refused[0]
    removed.append((listing.name, await listing.forget(scope, content_id)))
    left = [(store.name, await store.forget(scope, content_id)) for store in stores]
    return Forgotten(content_id, tuple(removed), tuple(left))
