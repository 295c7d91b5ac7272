"""Embedders beside the shipped one, and their cache."""

import asyncio
import math
import threading
from collections.abc import Sequence

import msgspec
import pytest

from udib.core.errors import BadRequestError, UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.memory.embeddings import TEXTS_PER_CALL, EmbeddingCache, Encode, EndpointEmbedder, LocalEmbedder


class Server:
    """An embeddings endpoint with a script: the vector of a text is its length in one direction."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.answer: bytes | None = None
        self.error: Exception | None = None

    async def post(self, url: str, body: bytes) -> bytes:
        assert url == "http://127.0.0.1:9/v1/embeddings"
        asked = msgspec.json.decode(body)
        self.asked.append(asked["input"])
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        if self.answer is not None:
            return self.answer
        data = [{"index": n, "embedding": [float(len(text)), 1.0]} for n, text in enumerate(asked["input"])]
        return msgspec.json.encode({"data": data[::-1], "model": asked["model"]})


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def embedder(server: Server) -> EndpointEmbedder:
    return EndpointEmbedder("http://127.0.0.1:9/v1/", "nomic", 2, server.post)


async def test_texts_become_vectors_of_length_one_in_their_order(embedder: EndpointEmbedder, server: Server) -> None:
    texts = [f"{'x' * n}y" for n in range(TEXTS_PER_CALL + 5)]
    vectors = await embedder.embed([texts[0], "", *texts[1:], "  "])
    assert vectors[1] == vectors[-1] == [0.0, 0.0]
    said = [vectors[0], *vectors[2:-1]]
    assert said == [pytest.approx([len(t) / math.hypot(len(t), 1), 1 / math.hypot(len(t), 1)]) for t in texts]
    assert sorted(map(len, server.asked)) == [5, TEXTS_PER_CALL]
    assert embedder.model_id == "nomic@127.0.0.1"


async def test_nothing_is_asked_for_nothing(embedder: EndpointEmbedder, server: Server) -> None:
    assert await embedder.embed(["", " "]) == [[0.0, 0.0]] * 2
    assert server.asked == []


async def test_another_dimension_is_a_wrong_setting(server: Server) -> None:
    with pytest.raises(BadRequestError, match="gives 2 numbers, the settings say 3"):
        await EndpointEmbedder("http://127.0.0.1:9/v1", "nomic", 3, server.post).embed(["text"])


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"{}",
        b'{"data": []}',
        b'{"data": [{"index": 1, "embedding": [1, 2]}]}',
        b'{"data": [{"index": 0, "embedding": ["a"]}]}',
        b'{"data": [{"index": 0, "embedding": [1e200, 1e200]}]}',
    ],
)
async def test_an_answer_that_is_no_embedding_may_be_asked_again(
    embedder: EndpointEmbedder, server: Server, answer: bytes
) -> None:
    server.answer = answer
    with pytest.raises(UnavailableError):
        await embedder.embed(["text"])


async def test_a_server_that_is_away_is_said_once(embedder: EndpointEmbedder, server: Server) -> None:
    server.error = UnavailableError("127.0.0.1 could not be reached.")
    with pytest.raises(UnavailableError, match="could not be reached"):
        await embedder.embed(["text"] * 200)


class Counted:
    """An embedder that counts its texts."""

    model_id, dimension = "counted", 1

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts += texts
        return [[float(len(text))] for text in texts]


async def test_a_text_is_embedded_once() -> None:
    inner = Counted()
    cache = EmbeddingCache(inner)
    assert await cache.embed(["aa", "b", "aa"]) == [[2.0], [1.0], [2.0]]
    assert await cache.embed(["b", "ccc", "aa"]) == [[1.0], [3.0], [2.0]]
    assert inner.texts == ["aa", "b", "ccc"]
    assert (cache.model_id, cache.dimension) == ("counted", 1)


async def test_the_cache_is_bounded_and_can_be_forgotten() -> None:
    inner = Counted()
    cache = EmbeddingCache(inner, largest_bytes=8)
    assert await cache.embed(["a", "b", "c", "a"]) == [[1.0]] * 4
    assert await cache.embed(["c"]) == [[1.0]]
    assert inner.texts == ["a", "b", "c"]
    scope = Scope.of("a", "main")
    assert await cache.forget(scope, ContentId("c")) == 2
    assert await cache.forget(scope, ContentId("c")) == 0


async def test_a_model_of_a_library_is_loaded_once_and_off_the_loop() -> None:
    loads: list[str] = []

    def load() -> Encode:
        loads.append(threading.current_thread().name)
        return lambda texts: ([float(len(text)), 0.0] for text in texts)

    embedder = LocalEmbedder("library", "some/model", 2, load)
    assert loads == []
    both = await asyncio.gather(embedder.embed(["abc", "", "d"]), embedder.embed(["e"]))
    assert list(both) == [[[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]], [[1.0, 0.0]]]
    assert await embedder.embed([" "]) == [[0.0, 0.0]]
    assert len(loads) == 1
    assert loads[0].startswith("embedder")
    assert embedder.model_id == "library:some/model"


async def test_a_model_of_a_library_that_does_not_fit_is_said() -> None:
    wrong = LocalEmbedder("library", "m", 3, lambda: lambda texts: [[1.0, 2.0] for _ in texts])
    with pytest.raises(BadRequestError, match="gives 2 numbers, the settings say 3"):
        await wrong.embed(["a"])

    def absent() -> Encode:
        raise UnavailableError("The embedding model 'm' cannot be loaded or downloaded: no network")

    with pytest.raises(UnavailableError, match="no network"):
        await LocalEmbedder("library", "m", 3, absent).embed(["a"])
