"""The part of the composition root that puts the memory together: embedder, index, store, service."""

from collections.abc import Generator, Iterable
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from udib.app.settings import MemorySettings, Settings
from udib.core.errors import BadRequestError, UnavailableError
from udib.core.vectors import Embedder, VectorIndex

if TYPE_CHECKING:
    from udib.memory.embeddings import Encode, PostJson
    from udib.memory.service import MemoryService
    from udib.memory.store import EnhancedVectorStore
    from udib.net.pool import HTTPConnectionPool
    from udib.net.retry import RetryPolicy
    from udib.storage.database import Database


def closed_with(stack: AsyncExitStack, database: "Database") -> "Database":
    """A file of rows, closed with the stack; it is opened at its first use."""
    stack.push_async_callback(database.close)
    return database


def static_embedder() -> Embedder:
    """The embedder that ships with the package."""
    from udib.memory.static import StaticEmbedder

    return StaticEmbedder.load()


def open_embedder(stack: AsyncExitStack, settings: Settings, static: Embedder) -> Embedder:
    """What the memory's vectors are made by. The analyses keep the shipped one, which their thresholds are made for."""
    wanted = settings.memory
    match wanted.embedder:
        case "static":
            return static
        case "endpoint":
            from udib.memory.embeddings import EmbeddingCache, EndpointEmbedder

            model, dimension = _embedding_model(wanted)
            if not wanted.embedding_url:
                raise BadRequestError("The embedder 'endpoint' needs memory.embedding_url in the settings.")
            post = _embedding_post(stack, settings)
            return EmbeddingCache(EndpointEmbedder(wanted.embedding_url, model, dimension, post))
        case "fastembed" | "sentence-transformers" as library:
            from udib.memory.embeddings import EmbeddingCache, LocalEmbedder

            model, dimension = _embedding_model(wanted)
            load = _fastembed if library == "fastembed" else _sentence_transformers
            return EmbeddingCache(LocalEmbedder(library, model, dimension, lambda: load(model)))


def _embedding_model(settings: MemorySettings) -> tuple[str, int]:
    if not settings.embedding_model or not settings.embedding_dimension:
        raise BadRequestError(
            f"The embedder {settings.embedder!r} needs memory.embedding_model and memory.embedding_dimension in the "
            "settings."
        )
    return settings.embedding_model, settings.embedding_dimension


def _fastembed(model: str) -> "Encode":
    with needs_extra("fastembed"):
        from fastembed import TextEmbedding
    with _weights(model):
        loaded = TextEmbedding(model)
    return lambda texts: loaded.embed(list(texts))


def _sentence_transformers(model: str) -> "Encode":
    with needs_extra("sentence-transformers"):
        from sentence_transformers import SentenceTransformer
    with _weights(model):
        loaded = SentenceTransformer(model)
    return lambda texts: loaded.encode(list(texts))


@contextmanager
def _weights(model: str) -> Generator[None]:
    """Say what it means when a library cannot find or download a model's weights."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as exc:
        reason = " ".join(str(exc).split())[:300]
        raise UnavailableError(f"The embedding model {model!r} cannot be loaded or downloaded: {reason}") from exc


def _embedding_post(stack: AsyncExitStack, settings: Settings) -> "PostJson":
    """The way to the embeddings server. Asking twice does no harm, so passing failures are tried again."""
    from udib.net.retry import resilient_post

    pool, retry = connections(stack, settings)
    headers = {"Content-Type": "application/json"}
    if settings.memory.embedding_api_key is not None:
        headers["Authorization"] = f"Bearer {settings.memory.embedding_api_key.get_secret_value()}"

    async def post(url: str, body: bytes, /) -> bytes:
        return (await resilient_post(pool, url, body, retry=retry, headers=headers)).body

    return post


def open_index(stack: AsyncExitStack, settings: Settings, root: Path) -> VectorIndex:
    """The vector index that the settings name, closed with the stack. Nothing is connected to before it is used."""
    index = _index(stack, settings, root)
    stack.push_async_callback(index.close)
    return index


def _index(stack: AsyncExitStack, settings: Settings, root: Path) -> VectorIndex:
    match settings.memory.index:
        case "edge":
            from udib.memory.edge import EdgeIndex

            return EdgeIndex(root / "vectors", settings.runtime_path, linger_s=settings.memory.linger_s)
        case "qdrant":
            return _qdrant(stack, settings.memory)
        case "postgres":
            with needs_extra("postgres"):
                from udib.memory.postgres import PostgresIndex

            return PostgresIndex(_postgres_url(settings), settings.memory.postgres_schema)


def open_vectors(stack: AsyncExitStack, settings: Settings, root: Path, embedder: Embedder) -> "EnhancedVectorStore":
    """The store over the index that the settings name; the index is closed with the app."""
    from udib.memory.generations import Generations
    from udib.memory.search_cache import SearchCache
    from udib.memory.store import EnhancedVectorStore

    wanted = settings.memory
    index = open_index(stack, settings, root)
    cache = SearchCache(
        most_entries=wanted.search_cache_entries,
        largest_bytes=wanted.search_cache_megabytes * 2**20,
        ttl_s=wanted.search_cache_ttl_s,
    )
    return EnhancedVectorStore(index, embedder, Generations(root / "generations"), cache)


def open_memory(settings: Settings, root: Path, vectors: "EnhancedVectorStore") -> "MemoryService":
    """The memory over the store, with the settings' policy; writes wait only for a server, and if they may."""
    from udib.memory.reranking import Weights
    from udib.memory.service import MemoryService
    from udib.memory.write_queue import WriteQueue

    wanted = settings.memory
    queue = None
    if wanted.queue_megabytes and wanted.index != "edge":
        queue = WriteQueue(root / "waiting", most_bytes=wanted.queue_megabytes * 1_000_000)
    return MemoryService(
        vectors,
        weights=Weights(similar_from=wanted.similar_from),
        quota=wanted.quota,
        retention_days=wanted.retention_days,
        queue=queue,
    )


def _postgres_url(settings: Settings) -> str:
    if settings.memory.postgres_url is None:
        raise BadRequestError(
            "memory.index is postgres, but memory.postgres_url is not set; give the connection string of your server, "
            "best as UDIB_MEMORY__POSTGRES_URL."
        )
    return settings.memory.postgres_url.get_secret_value()


def _qdrant(stack: AsyncExitStack, settings: MemorySettings) -> VectorIndex:
    with needs_extra("qdrant"):
        from udib.memory.qdrant import QdrantIndex
        from udib.memory.qdrant_endpoint import Endpoint
        from udib.memory.qdrant_provider import QdrantConnectionPool

    if settings.qdrant_url is None:
        raise BadRequestError(
            "The setting memory.index is qdrant, and no server is named; set memory.qdrant_url, or QDRANT_URL, to its "
            "address, such as http://127.0.0.1:6333."
        )
    key = settings.qdrant_api_key
    endpoint = Endpoint(settings.qdrant_url, None if key is None else key.get_secret_value())
    pool = QdrantConnectionPool()
    stack.push_async_callback(pool.close_all)
    return QdrantIndex(endpoint, pool, prefix=settings.qdrant_prefix, grpc_port=settings.qdrant_grpc_port)


@contextmanager
def needs_extra(extra: str) -> Generator[None]:
    """Say how to install what is missing for an adapter that the settings name.

    Raises:
        BadRequestError: A library that the adapter needs is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("udib"):
            raise
        raise BadRequestError(
            f"What the settings name needs a library that is not installed ({exc.name}); "
            f"run: pip install 'udib[{extra}]'."
        ) from exc


def connections(
    stack: AsyncExitStack, settings: Settings, also: Iterable[str] = ()
) -> "tuple[HTTPConnectionPool, RetryPolicy]":
    """A pool of connections and when to try again, as `config/http.yaml` shapes them.

    Args:
        stack: Closes the pool.
        settings: Their shape, and which private servers may be reached.
        also: Further ones, as host:port.
    """
    from aiohttp import ClientTimeout

    from udib.net.guard import AddressGuard
    from udib.net.pool import HTTPConnectionPool
    from udib.net.retry import RetryPolicy

    shape = settings.http
    pool = HTTPConnectionPool(
        shape.connection_pool.limit,
        shape.connection_pool.limit_per_host,
        shape.connection_pool.dns_cache_ttl,
        ClientTimeout(total=shape.connection_pool.timeout),
        AddressGuard(frozenset((*settings.net.allow, *also))),
    )
    stack.push_async_callback(pool.close)
    return pool, RetryPolicy(
        shape.retry.max_attempts, shape.retry.backoff_factor, frozenset(shape.retry.retryable_statuses)
    )
