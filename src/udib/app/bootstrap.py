"""The composition root: settings in, a working app out. The only module that knows every room.

Adapters are chosen here, by name, and imported where they are chosen, so that a command pays for what it uses.
"""

import functools
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from udib.app.bootstrap_analyses import analyses_of
from udib.app.bootstrap_evidence import open_elsewhere
from udib.app.bootstrap_judging import by_model
from udib.app.bootstrap_llm import open_answers, open_models
from udib.app.bootstrap_memory import (
    closed_with,
    connections,
    open_embedder,
    open_memory,
    open_vectors,
    static_embedder,
)
from udib.app.bootstrap_models import Models
from udib.app.bootstrap_storage import left_on_servers, open_artifacts, open_records
from udib.app.bootstrap_watching import open_watching, open_ytdlp
from udib.app.bootstrap_work import Work, deadlines_of, open_work
from udib.app.settings import Settings, load_settings
from udib.core.checked import Checked
from udib.core.errors import BadRequestError, UdibError, UnavailableError
from udib.core.findings import Report
from udib.core.ports import (
    ArtifactStore,
    Catalogue,
    EvidenceChanges,
    Forgettable,
    KeyValueStore,
    Outbox,
    Scales,
    Transcriber,
)
from udib.core.result import StepResult
from udib.core.tenancy import Scope
from udib.core.types import Answer, Health
from udib.core.vectors import Filters
from udib.pipeline.engine import Engine, Flows
from udib.pipeline.engine import Work as FlowWork
from udib.pipeline.flows import ANALYZE, analyze_with
from udib.pipeline.naming import ask_under_names
from udib.pipeline.orchestrator import ContentPipeline
from udib.pipeline.parts import Services
from udib.pipeline.step import run_step
from udib.pipeline.sweep import SWEEP, Sweeper, sweep_with
from udib.pipeline.watching import WATCH, Watching

if TYPE_CHECKING:
    from udib.delivery.webhook import Post
    from udib.llm.cache import LLMCache
    from udib.memory.service import MemoryService
    from udib.memory.store import EnhancedVectorStore
    from udib.sources.ytdlp import YtDlpSource


@dataclass(frozen=True)
class App:
    """A running udib, in `scope`; `pipeline.in_scope` gives its pipeline for another one.

    `memory` and `vectors` are what is remembered, as records and as vectors; their calls name a scope. What fetches and
    analyses is put together at its first use: a question needs none of it. So are the `models`; they are None while the
    settings name no provider. `answers`, those of models that are kept, are there whoever is named.
    """

    settings: Settings
    scope: Scope
    catalogue: Catalogue
    scales: Scales
    changes: EvidenceChanges
    cache: KeyValueStore
    memory: "MemoryService"
    vectors: "EnhancedVectorStore"
    jobs: Engine
    sweeper: Sweeper
    _make_answers: Callable[[], "LLMCache"]
    _make_models: Callable[[], "Models | None"]
    _make_pipeline: Callable[[], tuple[ContentPipeline, Sequence[Checked]]]
    _make_watching: Callable[[], Watching]

    @property
    def answers(self) -> "LLMCache":
        """The answers of models that are kept."""
        return self._make_answers()

    @property
    def models(self) -> "Models | None":
        """The language models.

        Raises:
            BadRequestError: The provider that is named needs something that is not set.
        """
        return self._make_models()

    @cached_property
    def _analysing(self) -> tuple[ContentPipeline, Sequence[Checked]]:
        return self._make_pipeline()

    @property
    def pipeline(self) -> ContentPipeline:
        """What analyses and forgets."""
        return self._analysing[0]

    @property
    def watching(self) -> Watching:
        """What looks at feeds and channels."""
        return self._make_watching()

    @property
    def flows(self) -> Flows:
        """What this process can do with jobs, all of it put together now: who serves is not to stop for imports."""
        return {name: self.flow(name) for name in (ANALYZE, WATCH, SWEEP)}

    def flow(self, name: str) -> FlowWork:
        """What does the jobs of a flow."""
        if name == WATCH:
            return self.watching.work
        return sweep_with(self.sweeper) if name == SWEEP else analyze_with(self.pipeline)

    @property
    def checked(self) -> Sequence[Checked]:
        """All adapters that can say how they are."""
        return self._analysing[1]

    async def ask(self, question: str, *, limit: int = 5, filters: Filters | None = None) -> StepResult[Answer]:
        """What was said about a question; see `udib.pipeline.ask.ask`. With a model, in its words too."""
        work = self._asked(question, limit, filters)
        return await run_step(work, name="ask", deadline_s=self.settings.engine.deadlines.analyse_s)

    async def find(self, question: str, *, limit: int = 5, filters: Filters | None = None) -> Answer:
        """The passages that bear on a question; no model is asked. Raises as `udib.pipeline.ask.ask` does."""
        wanted = filters or Filters()
        return await ask_under_names(self.memory, self.catalogue, self.scope, question, limit=limit, filters=wanted)

    async def _asked(self, question: str, limit: int, filters: Filters | None) -> Answer:
        found = await self.find(question, limit=limit, filters=filters)
        if self.models is None:
            return found
        from udib.pipeline.answering import in_words

        return await in_words(found, self.models.writer(self.scope, self.settings.llm.deadline_s))

    async def ping(self) -> list[Health]:
        """How each adapter is."""
        return [await _health(adapter) for adapter in self.checked]

    @property
    def left_on_servers(self) -> list[str]:
        """What a copy of the data directory lacks, in a sentence each; of the vectors see `copy_vectors`."""
        return left_on_servers(self.settings)

    async def copy_vectors(self, folder: Path) -> str:
        """Copy the embedded index into a new folder; of another index, say in a sentence that it was left out."""
        from udib.memory.edge import EdgeIndex

        index = self.vectors.index
        if isinstance(index, EdgeIndex):
            await index.copy_to(folder)
            return ""
        return f"The vectors lie on a server ({self.settings.memory.index}); back that up by its own means."

    async def export(self, report: Report, folder: Path) -> Report:
        """Write the report's files into a folder of the user's; `delivered` of the result names them too.

        Raises:
            UnavailableError: The folder cannot be written.
        """
        from udib.delivery.files import FilesOutbox, captions_as_heard

        captions = next((Path(d.where) for d in report.delivered if d.where.endswith(".vtt")), None)
        text = captions_as_heard(captions) if captions else ""
        files = FilesOutbox(folder, flat=True, contact=self.settings.delivery.corrections_to)
        written = await files.deliver(self.scope, report, text)
        return replace(report, delivered=(*report.delivered, *written))


@asynccontextmanager
async def open_app(settings: Settings | None = None) -> AsyncGenerator[App]:
    """Put the product together and take it apart again.

    Args:
        settings: What `udib.app.settings.load_settings` gives; None loads it from the usual places.

    Raises:
        BadRequestError: The settings are wrong, or the data belongs to a newer version.
        UnavailableError: The data directory cannot be used.
    """
    from udib.storage.database import Database
    from udib.storage.kv import SCHEMA as CACHE_SCHEMA
    from udib.storage.kv import SqliteKeyValueStore

    settings = settings or load_settings()
    root = _data_directory(settings.data_path)
    async with AsyncExitStack() as stack:
        records = open_records(stack, settings, root)
        catalogue = records.catalogue
        kept = Database(root / "cache.db", CACHE_SCHEMA, busy_timeout_s=1, disposable=True)
        cache = SqliteKeyValueStore(closed_with(stack, kept))
        artifacts = open_artifacts(settings, root)
        static = static_embedder()
        embedder = open_embedder(stack, settings, static)
        vectors = open_vectors(stack, settings, root, embedder)
        memory = open_memory(settings, root, vectors)
        work = open_work(stack, settings, root, artifacts)
        stores = _Stores(memory, catalogue, artifacts, work)

        @functools.cache
        def answers() -> "LLMCache":
            return open_answers(stack, settings, cache)

        @functools.cache
        def models() -> "Models | None":
            return open_models(stack, settings, records, static, answers, work.gates)

        @functools.cache
        def ytdlp() -> "YtDlpSource":
            return open_ytdlp(stack, settings)

        def pipeline() -> tuple[ContentPipeline, Sequence[Checked]]:
            elsewhere = open_elsewhere(stack, settings, records.ledger, cache)
            services = replace(_services(stack, settings, root, stores, ytdlp()), elsewhere=elsewhere)
            if isinstance(embedder, Forgettable):
                services = replace(services, forgettable=(embedder, *services.forgettable))
            # What was answered while a provider was named holds words, whoever is named now.
            services = replace(services, forgettable=(answers(), *services.forgettable))
            named = models()
            checked: list[Checked] = [catalogue, cache, artifacts, memory, work.journal, work.engine, services.files]
            checked += [*services.sources, *services.transcribers, *services.notices]
            checked += [each for each in (elsewhere.reviews, elsewhere.web) if each is not None]
            checked += named.checked if named is not None else ()
            analyses = analyses_of(settings, static)
            if named is not None and named.semantic is not None:
                services = replace(services, forgettable=(named.semantic, *services.forgettable))
            if named is not None:
                analyses = by_model(analyses, settings, named, records.scales)
            return ContentPipeline(services, analyses, settings.scope, deadlines=deadlines_of(settings)), checked

        @functools.cache
        def watching() -> Watching:
            return open_watching(stack, settings, records, work, ytdlp())

        parts = (catalogue, records.scales, records.changes, cache, memory, vectors, work.engine, work.sweeper)
        yield App(settings, settings.scope, *parts, answers, models, pipeline, watching)


@dataclass(frozen=True, slots=True)
class _Stores:
    """The stores that keep a tenant's words."""

    memory: "MemoryService"
    catalogue: Catalogue
    artifacts: ArtifactStore
    work: Work


def _services(stack: AsyncExitStack, settings: Settings, root: Path, stores: _Stores, ytdlp: "YtDlpSource") -> Services:
    from udib.delivery.files import FilesOutbox
    from udib.sources.files import FileSource, is_intact, with_captions
    from udib.sources.tags import read_tags

    files = FilesOutbox(root / "reports", contact=settings.delivery.corrections_to)
    return Services(
        sources=(FileSource(), ytdlp),
        transcribers=_transcribers(settings),
        read_tags=read_tags,
        with_captions=with_captions,
        is_intact=is_intact,
        memory=stores.memory,
        catalogue=stores.catalogue,
        artifacts=stores.artifacts,
        files=files,
        notices=_notices(stack, settings, stores.catalogue),
        journal=stores.work.journal,
        # First what gives back space without needing any; the catalogue last: a content stays listed until nothing
        # else of it is left.
        forgettable=(
            stores.artifacts,
            files,
            stores.work.engine,
            stores.work.journal,
            stores.memory,
            stores.catalogue,
        ),
        gates=stores.work.gates,
    )


def _transcribers(settings: Settings) -> tuple[Transcriber, ...]:
    from udib.transcripts.captions import CaptionTranscriber

    match settings.transcripts.engine:
        case "pocketsphinx":
            from udib.transcripts.sphinx import SphinxTranscriber

            return CaptionTranscriber(), SphinxTranscriber(processes=settings.transcripts.processes)


def _notices(stack: AsyncExitStack, settings: Settings, catalogue: Catalogue) -> tuple[Outbox, ...]:
    if settings.delivery.discord_webhook is None:
        return ()
    from udib.delivery.webhook import DiscordWebhookOutbox

    url = settings.delivery.discord_webhook.get_secret_value()
    return (DiscordWebhookOutbox(url, _poster(stack, settings), catalogue, settings.webhook_scope),)


def _poster(stack: AsyncExitStack, settings: Settings) -> "Post":
    """What the webhook posts with: the shared connections, as `config/http.yaml` shapes them."""
    import msgspec

    from udib.net.retry import resilient_post

    pool, retry = connections(stack, settings)

    async def post(url: str, body: dict[str, Any], /) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        response = await resilient_post(pool, url, msgspec.json.encode(body), retry=retry, headers=headers)
        try:
            return msgspec.json.decode(response.body, type=dict[str, Any])
        except msgspec.DecodeError as exc:
            raise UnavailableError("Discord's answer could not be read.") from exc

    return post


def _data_directory(path: Path) -> Path:
    """The data directory, made with mode 0700 if it is missing.

    Raises:
        BadRequestError: It, or what it would lie in, is no directory.
        UnavailableError: It cannot be made or written.
    """
    from udib.storage.disk import adjust_reserve, existing, full, is_full

    try:
        there = existing(path)
        if not there.is_dir():
            raise BadRequestError(f"The data directory {path} cannot be used: {there} is no directory; give one.")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        adjust_reserve(path)
        probe = path / ".writable"
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as exc:
        if is_full(path):
            raise full(path) from exc
        raise UnavailableError(
            f"The data directory {path} cannot be used ({exc.strerror}); make it writable, or choose another with "
            "--data-dir."
        ) from exc
    return path


async def _health(adapter: Checked) -> Health:
    try:
        return await adapter.ping()
    except UdibError as exc:
        remedy = "Correct what the sentence names, then run `udib doctor` again."
        return Health(type(adapter).__name__, ok=False, detail=str(exc), remedy=remedy)
