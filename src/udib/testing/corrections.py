"""What readers corrected, as a part of the catalogue in memory."""

from dataclasses import dataclass, field

from udib.core.corrections import Correction
from udib.core.errors import BadRequestError
from udib.core.findings import Report
from udib.core.tenancy import Scope
from udib.core.types import ContentId


@dataclass
class FakeCorrections:
    """The reports of a catalogue, and the corrections of those that have one."""

    reports: dict[tuple[Scope, ContentId], list[Report]] = field(default_factory=dict)
    corrected: list[tuple[Scope, Correction]] = field(default_factory=list)

    async def correct(self, scope: Scope, correction: Correction) -> None:
        """As the port says.

        Raises:
            BadRequestError: There is no report on the content.
        """
        if (scope, correction.content_id) not in self.reports:
            raise BadRequestError(f"There is no report on {correction.content_id}.")
        await self.withdraw_correction(scope, correction.content_id, correction.id)
        self.corrected.append((scope, correction))

    async def corrections(self, scope: Scope, content_id: ContentId | None = None) -> list[Correction]:
        """As the port says."""
        found = [one for owner, one in self.corrected if owner == scope and content_id in {None, one.content_id}]
        return sorted(found, key=lambda one: (one.made_at, one.content_id, one.id))

    async def withdraw_correction(self, scope: Scope, content_id: ContentId, correction_id: str) -> bool:
        """As the port says."""
        left = [
            (owner, one)
            for owner, one in self.corrected
            if (owner, one.content_id, one.id) != (scope, content_id, correction_id)
        ]
        found = len(left) < len(self.corrected)
        self.corrected[:] = left
        return found
