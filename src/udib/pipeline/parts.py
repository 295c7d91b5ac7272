"""What a pipeline is made of: its analyses, the services that it reaches, and the order that it is given."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar

from udib.core.errors import BadRequestError
from udib.core.evidence import LookUp
from udib.core.findings import DebateMap, FactChecks, Fallacies, Findings, Outline, Report, WordedSummary
from udib.core.gates import Gates
from udib.core.judging import DebateLedger
from udib.core.live_chat import ChatActivity
from udib.core.ports import ArtifactStore, Catalogue, Forgettable, Memory, Outbox, Source, Transcriber
from udib.core.speech import Segment, Transcript
from udib.core.tenancy import Scope
from udib.core.types import Content, Media
from udib.pipeline.flow_control import FlowControl
from udib.pipeline.gathering import Elsewhere
from udib.pipeline.journal import Journal

BEGINNINGS: Final = {
    "download": frozenset({"download", "transcribe"}),
    "transcribe": frozenset({"transcribe"}),
    "analyse": frozenset[str](),
}
"""Where an item can be done anew from, and the stages whose earlier results are not used then. What the analyses found
is not kept over a finished run, since it may hold words of items that are forgotten meanwhile."""

WINNER_NEEDS_MODEL: Final = (
    "Who argued better is judged by a language model only, and none is named; name one with llm.provider, "
    "or do not ask for a winner."
)
_AS_USUAL: Final = frozenset({"download"})


F = TypeVar("F")
F_co = TypeVar("F_co", covariant=True)


class Reading(Protocol[F_co]):
    """One analysis of one item, which may prepare itself while the item is transcribed.

    What it finds does not depend on how the item was cut into windows, nor on how many of them it has heard.
    """

    async def hear(self, window: Sequence[Segment]) -> None:
        """Prepare what can be said of the next segments alone. The first windows may be heard, and the others not."""
        ...

    async def find(self, transcript: Transcript) -> F_co:
        """The findings, once everything is there."""
        ...


@dataclass(frozen=True, slots=True)
class WholeReading(Generic[F]):
    """An analysis that can say nothing before everything is there."""

    work: Callable[[Transcript], Awaitable[F]]

    async def hear(self, window: Sequence[Segment]) -> None:
        """Nothing."""

    async def find(self, transcript: Transcript) -> F:
        """All of it."""
        return await self.work(transcript)


@dataclass(frozen=True, slots=True)
class Analyses:
    """What is made of an item.

    `aggregate` takes the findings, the content, a UTC date and the revision; `fact_check` what looks up evidence, and
    what looks up the claims of other items; `chat` the path of what the audience wrote.

    The last ones ask models, at the scope's cost; None: no model is asked. `verdicts` takes the claims with their
    evidence, and the time at which they are judged; what it gives stands in their place, and they stand if it fails.
    `winner` gives a ledger that also says who argued better, for those who ask.
    """

    debate: Callable[[], Reading[DebateMap]]
    fact_check: Callable[[LookUp, LookUp], Reading[FactChecks]]
    fallacies: Callable[[], Reading[Fallacies]]
    outline: Callable[[], Reading[Outline]]
    aggregate: Callable[[Findings, Content, str, int], Awaitable[Report]]
    to_captions: Callable[[Transcript], str]
    chat: Callable[[Transcript, str], Awaitable[ChatActivity]] | None = None
    summary: Callable[[Scope], Reading[WordedSummary]] | None = None
    verdicts: Callable[[Scope, Content, datetime, LookUp, Transcript, FactChecks], Awaitable[FactChecks]] | None = None
    reasoned_fallacies: Callable[[Scope, Transcript, Fallacies], Awaitable[Fallacies]] | None = None
    ledger: Callable[[Scope, Transcript], Awaitable[DebateLedger]] | None = None
    winner: Callable[[Scope, Transcript], Awaitable[DebateLedger]] | None = None

    def with_winner(self) -> "Analyses":
        """The same, whose ledger also says who argued better.

        Raises:
            BadRequestError: There is no model to judge it.
        """
        if self.winner is None:
            raise BadRequestError(WINNER_NEEDS_MODEL)
        return replace(self, ledger=self.winner)


@dataclass(frozen=True, slots=True)
class Services:
    """What the pipeline reaches outside itself.

    `read_tags` fills gaps of a content from its media's own tags; `with_captions` puts a caption file beside media;
    `is_intact` says whether the files of a media are still there as they were fetched;
    `gates` hold back what would be too much at once; without any, nothing is;
    `elsewhere` is where evidence is looked up outside the memory;
    `forgettable` are all stores that keep words, the one that lists contents last.
    """

    sources: Sequence[Source]
    transcribers: Sequence[Transcriber]
    read_tags: Callable[[Content, Media], Awaitable[Content]]
    with_captions: Callable[[Media, str], Awaitable[Media]]
    is_intact: Callable[[Media], Awaitable[bool]]
    memory: Memory
    catalogue: Catalogue
    artifacts: ArtifactStore
    files: Outbox
    notices: Sequence[Outbox]
    journal: Journal
    forgettable: Sequence[Forgettable]
    gates: Gates = field(default_factory=FlowControl)
    elsewhere: Elsewhere | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One order to the pipeline.

    Attributes:
        address: What is analysed.
        quality: Height of the video to keep, such as "720p".
        captions: The path of a caption file that the user puts beside the media.
        chat: The path of what its audience wrote.
        from_stage: One of `BEGINNINGS`; None: as usual.
        winner: Whether it is asked who argued better.
    """

    address: str
    quality: str | None = None
    captions: str | None = None
    chat: str | None = None
    from_stage: str | None = None
    winner: bool = False

    @property
    def key(self) -> str:
        """What tells apart two orders for one item."""
        asked = [self.quality, self.captions, self.from_stage]
        more = ["winner"] if self.winner else []
        return json.dumps([*asked, *more, *([{"chat": self.chat}] if self.chat is not None else [])])

    @property
    def fresh(self) -> frozenset[str]:
        """The stages whose results of earlier runs are not used again. An address is usually fetched anew.

        Raises:
            BadRequestError: Nothing can be done anew from there.
        """
        if self.from_stage is None:
            return _AS_USUAL
        if self.from_stage not in BEGINNINGS:
            raise BadRequestError(
                f"An analysis cannot be begun from {self.from_stage!r}, only from {', '.join(BEGINNINGS)}."
            )
        return BEGINNINGS[self.from_stage]
