"""Embedders beside the shipped one: any OpenAI-compatible endpoint, any library's model on this machine; and a cache.

The dimension is stated, not asked for, so that nothing is called before it is needed; the first answer is held to it.
"""

import asyncio
import hashlib
import math
from array import array
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from udib.core.errors import BadRequestError, UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.core.vectors import Embedder
from udib.memory.batches import batched

T = TypeVar("T")

TEXTS_PER_CALL: Final = 64
CALLS_AT_ONCE: Final = 4
LONGEST_TEXT: Final = 8000
"""Characters of a text that are embedded; records are far shorter."""
CACHE_BYTES: Final = 64 * 2**20

PostJson = Callable[[str, bytes], Awaitable[bytes]]
"""Posts a JSON body to an address and gives the body of the answer; raises `UdibError`."""


class _Embedding(msgspec.Struct):
    index: int
    embedding: list[float]


class _Answer(msgspec.Struct):
    data: list[_Embedding]


class EndpointEmbedder:
    """Vectors from an OpenAI-compatible `/embeddings` endpoint: Ollama, vLLM, llama.cpp, LM Studio, TEI, OpenAI.

    Attributes:
        model_id: Name of the model and of the server's host, to be stored with whatever is computed from it.
        dimension: Length of every vector.
    """

    __slots__ = ("_model", "_post", "_url", "dimension", "model_id")

    def __init__(self, base_url: str, model: str, dimension: int, post: PostJson) -> None:
        """Keep the arguments; nothing is called.

        Args:
            base_url: Such as `http://127.0.0.1:11434/v1`.
            model: The model's name there.
            dimension: Of its vectors.
            post: The way to the server, with the key in its headers if one is needed.
        """
        self._url = f"{base_url.rstrip('/')}/embeddings"
        self._model = model
        self._post = post
        self.model_id = f"{model}@{urlsplit(base_url).hostname}"
        self.dimension = dimension

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One L2-normalised vector a text; zeros for an empty one, which is not sent.

        Raises:
            BadRequestError: The model has another dimension than was stated, or the server refuses the request.
            UnavailableError: The server is not to be had, or gives what is no embedding.
        """
        wanted = [number for number, text in enumerate(texts) if text.strip()]
        vectors = [[0.0] * self.dimension for _ in texts]
        limit = asyncio.Semaphore(CALLS_AT_ONCE)

        async def call(some: Sequence[int]) -> None:
            async with limit:
                found = await self._embed([texts[number][:LONGEST_TEXT] for number in some])
            for number, vector in zip(some, found, strict=True):
                vectors[number] = vector

        failure: Exception | None = None
        try:
            async with asyncio.TaskGroup() as calls:
                for some in batched(wanted, TEXTS_PER_CALL):
                    calls.create_task(call(some))
        except* (BadRequestError, UnavailableError) as failures:
            failure = failures.exceptions[0]
        if failure is not None:  # raised in the block above, Python 3.11.2 would put it into a group again
            raise failure from None
        return vectors

    async def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        body = msgspec.json.encode({"model": self._model, "input": list(texts), "encoding_format": "float"})
        try:
            answer = msgspec.json.decode(await self._post(self._url, body), type=_Answer)
        except msgspec.MsgspecError as exc:
            raise UnavailableError(
                f"The embeddings server gave what is no embedding ({exc}); check its model."
            ) from exc
        items = sorted(answer.data, key=lambda item: item.index)
        if [item.index for item in items] != list(range(len(texts))):
            raise UnavailableError(
                f"The embeddings server gave {len(items)} vectors for {len(texts)} texts; try again."
            )
        return [_unit(item.embedding, self.dimension, self._model) for item in items]


Encode = Callable[[Sequence[str]], Iterable[Sequence[float]]]
"""A model's own call: one vector a text. Blocks."""


class LocalEmbedder:
    """Vectors from a model that a library runs on this machine, such as fastembed's or sentence-transformers'.

    The model is loaded at the first call, in a thread of its own that then does all the work.

    Attributes:
        model_id: Name of the library and of the model, to be stored with whatever is computed from it.
        dimension: Length of every vector.
    """

    __slots__ = ("_encode", "_load", "_worker", "dimension", "model_id")

    def __init__(self, library: str, model: str, dimension: int, load: Callable[[], Encode]) -> None:
        """Keep the arguments; nothing is loaded.

        Args:
            library: The library's name.
            model: The model's name there.
            dimension: Of its vectors.
            load: Gives the model's call; may download weights. Raises `UdibError`.
        """
        self._load = load
        self._encode: Encode | None = None
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedder")
        self.model_id = f"{library}:{model}"
        self.dimension = dimension

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One L2-normalised vector a text; zeros for an empty one.

        Raises:
            BadRequestError: The model has another dimension than was stated.
            UnavailableError: It cannot be loaded, or gives what is no embedding.
        """
        wanted = [number for number, text in enumerate(texts) if text.strip()]
        vectors = [[0.0] * self.dimension for _ in texts]
        if wanted:
            said = [texts[number][:LONGEST_TEXT] for number in wanted]
            found = await asyncio.get_running_loop().run_in_executor(self._worker, self._embed, said)
            for number, vector in zip(wanted, found, strict=True):
                vectors[number] = _unit(vector, self.dimension, self.model_id)
        return vectors

    def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self._encode is None:
            self._encode = self._load()
        return [[float(number) for number in vector] for vector in self._encode(texts)]


class EmbeddingCache:
    """Keeps the vectors of an embedder in this process's memory, least recently used first out; also a `Forgettable`.

    Nothing is written to disk: what a text meant must not outlive the text.
    """

    name = "embedding cache"

    __slots__ = ("_inner", "_most", "_vectors", "dimension", "model_id")

    def __init__(self, inner: Embedder, *, largest_bytes: int = CACHE_BYTES) -> None:
        self._inner = inner
        self._most = max(largest_bytes // (4 * inner.dimension), 1)
        self._vectors: OrderedDict[bytes, array[float]] = OrderedDict()
        self.model_id = inner.model_id
        self.dimension = inner.dimension

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """As the embedder itself; what was embedded before is not asked for again."""
        keys = [hashlib.sha256(text.encode(errors="surrogatepass")).digest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors}
        fresh = dict(zip(missing, await self._inner.embed(list(missing.values())) if missing else [], strict=True))
        vectors = []
        for key in keys:
            vectors.append(fresh[key] if key in fresh else self._vectors[key].tolist())
            if key in self._vectors:
                self._vectors.move_to_end(key)
        self._vectors.update((key, array("f", vector)) for key, vector in fresh.items())
        while len(self._vectors) > self._most:
            self._vectors.popitem(last=False)
        return vectors

    async def forget(self, scope: Scope, content_id: ContentId) -> int:  # noqa: ARG002 - it does not know whose they are
        """Give up everything: which vector is of whose text is not known. Returns how many there were."""
        count = len(self._vectors)
        self._vectors.clear()
        return count


def _unit(vector: list[float], dimension: int, model: str) -> list[float]:
    """A model's vector with length 1."""
    if len(vector) != dimension:
        raise BadRequestError(
            f"The model {model!r} gives {len(vector)} numbers, the settings say {dimension}: correct "
            "memory.embedding_dimension."
        )
    size = math.sqrt(sum(number * number for number in vector))
    if not math.isfinite(size):
        raise UnavailableError(f"The model {model!r} gave a vector that is not finite; try again.")
    return [number / size for number in vector] if size else vector
