import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pytest

from udib.core.errors import BadRequestError
from udib.memory import static
from udib.memory.static import SHIPPED_FOLDER, StaticEmbedder, WordPieces

SENTENCES = (
    "The central bank raised interest rates to fight inflation.",
    "My cat sleeps on the warm windowsill all day.",
    "The senator voted against the new tax bill.",
    "We fixed the crash by closing the database connection.",
)


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder.load()


@pytest.mark.parametrize(
    ("query", "nearest"),
    [
        ("monetary policy and the cost of borrowing money", 0),
        ("a sleepy kitten near the window", 1),
        ("taxes and how lawmakers voted", 2),
        ("a software bug with server connections", 3),
    ],
)
def test_a_related_text_ranks_above_unrelated_ones(embedder: StaticEmbedder, query: str, nearest: int) -> None:
    scores = embedder.encode(SENTENCES) @ embedder.encode([query])[0]
    assert int(np.argmax(scores)) == nearest


@pytest.mark.parametrize(
    ("word", "near", "far"),
    [("doctor", "physician", "guitar"), ("election", "vote", "banana"), ("movie", "film", "gravel")],
)
def test_a_synonym_is_nearer_than_an_unrelated_word(embedder: StaticEmbedder, word: str, near: str, far: str) -> None:
    a, b, c = embedder.encode([word, near, far])
    assert a @ b > a @ c + 0.2


def test_function_words_hardly_move_a_vector(embedder: StaticEmbedder) -> None:
    bare, full = embedder.encode(["inflation rates", "It is the inflation of the rates, and that was it."])
    assert bare @ full > 0.9


def test_vectors_have_length_one(embedder: StaticEmbedder) -> None:
    vectors = embedder.encode([*SENTENCES, "the", "!", "word " * 3000])
    assert vectors.dtype == np.float32
    assert vectors.shape == (7, embedder.dimension) == (7, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("text", ["", "   \n\t", "\u200b\x00", "\U00010900\U00010901", "x" * 101])
def test_a_text_without_known_tokens_is_a_row_of_zeros(embedder: StaticEmbedder, text: str) -> None:
    first, vector = embedder.encode(["known", text])
    assert not vector.any()
    assert first.any()


def test_no_texts_give_no_rows(embedder: StaticEmbedder) -> None:
    assert embedder.encode([]).shape == (0, 384)


@pytest.mark.parametrize(("a", "b"), [("CAFÉ Zoë", "cafe zoe"), ("İstanbul", "istanbul"), ("a\u00a0dog", "a dog")])
def test_case_accents_and_spaces_do_not_matter(embedder: StaticEmbedder, a: str, b: str) -> None:
    first, second = embedder.encode([a, b])
    np.testing.assert_array_equal(first, second)


def test_a_text_has_the_same_vector_in_every_batch(embedder: StaticEmbedder) -> None:
    rng = random.Random(7)
    words = " ".join(SENTENCES).split()
    texts = [" ".join(rng.choices(words, k=rng.randint(0, 400))) for _ in range(static.TEXTS_PER_BATCH + 40)]
    together = embedder.encode(texts)
    alone = np.concatenate([StaticEmbedder.load().encode([text]) for text in texts[:: len(texts) // 20]])
    np.testing.assert_array_equal(together[:: len(texts) // 20], alone)


def test_a_vector_is_the_sum_of_rows_scaled_by_powers_of_two() -> None:
    vectors = np.array([[4, 0], [0, 8]], dtype=np.int8)
    tiny = StaticEmbedder("tiny/1", vectors, np.array([0, 3], dtype=np.int8), WordPieces(["big", "small"]))
    np.testing.assert_allclose(tiny.encode(["big small"]), [[4 / 17**0.5, 1 / 17**0.5]], rtol=1e-6)


@pytest.mark.parametrize("copies", [1, 2000])
async def test_embed_equals_encode_inline_and_in_a_thread(embedder: StaticEmbedder, copies: int) -> None:
    texts = list(SENTENCES) * copies
    lists = await embedder.embed(texts)
    assert isinstance(lists[0][0], float)
    np.testing.assert_array_equal(np.array(lists, dtype=np.float32), embedder.encode(texts))


PIECES = ["un", "##aff", "##able", "don", "'", "t", "cafe", "日", "本", "##s", "(", "2024", ")", "."]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Unaffable", ["un", "##aff", "##able"]),
        ("don't", ["don", "'", "t"]),
        ("Cafés", ["cafe", "##s"]),
        ("(2024).", ["(", "2024", ")", "."]),
        ("日本", ["日", "本"]),
        ("un known don", ["un", "don"]),
        ("unx don", ["don"]),  # a word with an unknown part is unknown as a whole
        ("do\u200bn", ["don"]),
        ("##s", []),  # a continuation is matched only inside a word
        ("", []),
    ],
)
def test_words_are_split_into_the_longest_known_pieces(text: str, pieces: list[str]) -> None:
    tokenizer = WordPieces(PIECES)
    assert [PIECES[row] for row in tokenizer.ids(text)] == pieces


def test_the_cache_of_words_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static, "CACHED_PIECES", 10)
    tokenizer = WordPieces(PIECES)
    for number in range(100):
        assert list(tokenizer.ids(f"don {number}")) == [3]
    assert len(tokenizer._cache) <= 10


def test_the_shipped_files_are_the_ones_the_manifest_names() -> None:
    manifest = json.loads((SHIPPED_FOLDER / "manifest.json").read_text())
    for name, stated in manifest["files"].items():
        assert hashlib.sha256((SHIPPED_FOLDER / name).read_bytes()).hexdigest() == stated["sha256"]
    assert sum(path.stat().st_size for path in SHIPPED_FOLDER.iterdir()) <= 12_000_000
    assert StaticEmbedder.load().model_id == f"{manifest['model_id']}/{manifest['version']}"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The shipped folder, by links that a test may replace."""
    for path in SHIPPED_FOLDER.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def test_an_intact_copy_loads(copy: Path) -> None:
    assert StaticEmbedder.load(copy).dimension == 384


@pytest.mark.parametrize("name", ["manifest.json", "vectors.npy", "exponents.npy", "vocab.txt"])
def test_a_missing_or_cut_file_is_refused(copy: Path, name: str) -> None:
    content = (copy / name).read_bytes()
    replace(copy / name, content[: len(content) // 2])
    with pytest.raises(BadRequestError, match="damaged"):
        StaticEmbedder.load(copy)
    (copy / name).unlink()
    with pytest.raises(BadRequestError, match=name):
        StaticEmbedder.load(copy)


@pytest.mark.parametrize("change", [{"dimension": 256}, {"files": {}}, {"files": []}, {"dimension": None}], ids=str)
def test_a_manifest_that_does_not_fit_is_refused(copy: Path, change: dict[str, object]) -> None:
    manifest = json.loads((copy / "manifest.json").read_bytes())
    replace(copy / "manifest.json", json.dumps(manifest | change).encode())
    with pytest.raises(BadRequestError, match="damaged"):
        StaticEmbedder.load(copy)


def test_a_changed_vocabulary_is_refused(copy: Path) -> None:
    content = (copy / "vocab.txt").read_bytes()
    replace(copy / "vocab.txt", content.replace(b"\ndoctor\n", b"\nrotcod\n"))
    with pytest.raises(BadRequestError, match=r"vocab\.txt changed"):
        StaticEmbedder.load(copy)
