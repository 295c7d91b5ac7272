"""What a pipeline is put together from: what it makes of a transcript, and what it reaches outside itself."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from udib.core.findings import DebateMap, FactChecks, Fallacies, Findings, Outline, Report, WordedSummary
from udib.core.ports import ArtifactStore, Catalogue, Forgettable, Memory, Outbox, Source, Transcriber
from udib.core.speech import Transcript
from udib.core.tenancy import Scope
from udib.core.types import Content, Media
from udib.pipeline.evidence import LookUp
from udib.pipeline.local import LocalEngine


@dataclass(frozen=True, slots=True)
class Analyses:
    """What is made of a transcript. `aggregate` takes the findings, the content, a UTC date and the revision.

    `summary` asks a model, at the scope's cost; None: no model is asked.
    """

    debate: Callable[[Transcript], Awaitable[DebateMap]]
    fact_check: Callable[[Transcript, LookUp], Awaitable[FactChecks]]
    fallacies: Callable[[Transcript], Awaitable[Fallacies]]
    outline: Callable[[Transcript], Awaitable[Outline]]
    aggregate: Callable[[Findings, Content, str, int], Awaitable[Report]]
    to_captions: Callable[[Transcript], str]
    summary: Callable[[Scope, Transcript], Awaitable[WordedSummary]] | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """What the pipeline reaches outside itself.

    `read_tags` fills gaps of a content from its media's own tags; `with_captions` puts a caption file beside media;
    `is_intact` says whether the files of a media are still there as they were fetched;
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
    engine: LocalEngine
    forgettable: Sequence[Forgettable]
