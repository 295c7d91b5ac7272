"""The analyses listen while an item is transcribed: what can be done with a part of it is done before all is there.

The transcription waits for nobody. Whoever is slow gets several windows as one, so that nothing is held but the
segments themselves, which the transcript needs anyway.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from udib.core.errors import UdibError
from udib.core.evidence import LookUp
from udib.core.findings import DebateMap, FactChecks, Fallacies, Outline, WordedSummary
from udib.core.speech import Segment, Transcript
from udib.core.tenancy import Scope
from udib.pipeline.parts import Analyses, Reading
from udib.pipeline.step import beside

F = TypeVar("F")


class Attendee(Generic[F]):
    """A reading that is told of windows, and catches up with them in its own time."""

    def __init__(self, reading: Reading[F]) -> None:
        self._reading = reading
        self._told: list[Segment] = []
        self._news = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._failed: UdibError | None = None

    def tell(self, window: Sequence[Segment]) -> None:
        """Hand over the next segments, without waiting."""
        if window and self._failed is None:
            self._told.extend(window)
            self._news.set()
            self._caught_up.clear()

    async def listen(self) -> None:
        """Hear what comes, until cancelled. An intended failure is kept for `find`, and ends it."""
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                window = tuple(self._told)
                self._told.clear()
                await self._reading.hear(window)
                if not self._told:
                    self._caught_up.set()
        except UdibError as exc:
            self._failed = exc
            self._told.clear()
            self._caught_up.set()

    async def find(self, transcript: Transcript) -> F:
        """The findings, once all that was told is heard.

        Raises:
            UdibError: Hearing or finding failed.
        """
        await self._caught_up.wait()
        if self._failed is not None:
            raise self._failed
        return await self._reading.find(transcript)


@dataclass(frozen=True, slots=True)
class Audience:
    """All analyses of one item."""

    debate: Attendee[DebateMap]
    fact_check: Attendee[FactChecks]
    fallacies: Attendee[Fallacies]
    outline: Attendee[Outline]
    summary: Attendee[WordedSummary] | None

    @classmethod
    def of(cls, analyses: Analyses, scope: Scope, look_up: LookUp, claims: LookUp) -> "Audience":
        """Those of an item of that scope. `look_up` gives evidence, `claims` the claims of other items."""
        return cls(
            Attendee(analyses.debate()),
            Attendee(analyses.fact_check(look_up, claims)),
            Attendee(analyses.fallacies()),
            Attendee(analyses.outline()),
            None if analyses.summary is None else Attendee(analyses.summary(scope)),
        )

    @property
    def attendees(self) -> tuple[Attendee[Any], ...]:
        """Each of them."""
        always: tuple[Attendee[Any], ...] = (self.debate, self.fact_check, self.fallacies, self.outline)
        return always if self.summary is None else (*always, self.summary)

    def listening(self) -> AbstractAsyncContextManager[None]:
        """Let all of them listen until the block ends. A bug in what they hear ends the block."""
        return beside(*(attendee.listen() for attendee in self.attendees))

    def tell(self, window: Sequence[Segment]) -> None:
        """Hand the next segments to all of them, without waiting."""
        for attendee in self.attendees:
            attendee.tell(window)
