"""The embedding that ships with the package: a table of word-piece vectors, averaged per text. No model, no download.

The data lies in `static_embedding/` beside this module, where MODEL_CARD.md describes it; `scripts/distill_embedder.py`
makes it.
"""

import asyncio
import hashlib
import json
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from udib.core.errors import BadRequestError

SHIPPED_FOLDER: Final = Path(__file__).with_name("static_embedding")
FILES: Final = ("vectors.npy", "exponents.npy", "vocab.txt")

TEXTS_PER_BATCH: Final = 256
TOKENS_PER_BLOCK: Final = 128  # a block of float32 rows stays in the processor's cache
CACHED_PIECES: Final = 32_768
LONGEST_WORD: Final = 100  # characters; BERT calls anything longer unknown
INLINE_CHARACTERS: Final = 20_000  # about 5 ms of work; more goes to a thread

# Code points that BERT treats as one word each.
_IDEOGRAPHS: Final = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


class StaticEmbedder:
    """Texts to vectors: the SIF-weighted sum of word-piece vectors distilled from all-MiniLM-L6-v2, L2-normalised.

    All products and sums are exact, so a text of ordinary length has the same vector, bit for bit, alone or in any
    batch and on any machine. Good for retrieval beside a lexical search; not for judging paraphrases. English only.

    Attributes:
        model_id: Name and version of the embedding, to be stored with whatever is computed from it.
        dimension: Length of every vector.
    """

    __slots__ = ("_tokenizer", "_unit_sizes", "_vectors", "dimension", "model_id")

    def __init__(
        self, model_id: str, vectors: NDArray[np.int8], exponents: NDArray[np.int8], tokenizer: "WordPieces"
    ) -> None:
        self.model_id = model_id
        self.dimension = int(vectors.shape[1])
        self._vectors = vectors
        self._unit_sizes = np.ldexp(np.float32(1), -exponents.astype(np.int32))
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, folder: Path | None = None) -> "StaticEmbedder":
        """Open the embedding in `folder`, or the shipped one. The vectors are memory-mapped, not read.

        Raises:
            BadRequestError: A file is missing or not of the size and shape that manifest.json states, or the vocabulary
                was changed. The vectors themselves are not read here; a unit test compares their digest.
        """
        folder = SHIPPED_FOLDER if folder is None else folder
        try:
            return cls._open(folder)
        except (OSError, ValueError, KeyError, TypeError) as exc:
            fault = f"{type(exc).__name__}: {exc}"
            raise BadRequestError(f"The text embedding in {folder} is damaged ({fault}): reinstall udib.") from exc

    @classmethod
    def _open(cls, folder: Path) -> "StaticEmbedder":
        manifest = json.loads((folder / "manifest.json").read_bytes())
        for name in FILES:
            _check((folder / name).stat().st_size == manifest["files"][name]["bytes"], f"{name} has the wrong size")
        vocabulary = (folder / "vocab.txt").read_bytes()
        _check(hashlib.sha256(vocabulary).hexdigest() == manifest["files"]["vocab.txt"]["sha256"], "vocab.txt changed")
        vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        exponents = np.load(folder / "exponents.npy")
        tokens = vocabulary.decode().split("\n")[:-1]
        _check(vectors.shape == (len(tokens), manifest["dimension"]), f"vectors.npy has the shape {vectors.shape}")
        _check(exponents.shape == (len(tokens),), f"exponents.npy has the shape {exponents.shape}")
        _check(vectors.dtype == np.int8 and exponents.dtype == np.int8, "the arrays are not int8")
        return cls(f"{manifest['model_id']}/{manifest['version']}", vectors, exponents, WordPieces(tokens))

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """`encode` as lists of floats, for the `Embedder` port; a large batch is worked on in a thread."""
        if sum(map(len, texts)) <= INLINE_CHARACTERS:
            return self._encode_to_lists(texts)
        return await asyncio.to_thread(self._encode_to_lists, texts)

    def _encode_to_lists(self, texts: Sequence[str]) -> list[list[float]]:
        vectors: list[list[float]] = self.encode(texts).tolist()
        return vectors

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed n texts of any length.

        Returns:
            n x dimension, each row of length 1. A text without a known token (empty, or only unknown scripts) has a
            row of zeros: its cosine similarity to everything is 0.
        """
        out = np.empty((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(texts), TEXTS_PER_BATCH):
            sums = self._sums(texts[start : start + TEXTS_PER_BATCH])
            lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))
            lengths[lengths == 0] = 1
            out[start : start + TEXTS_PER_BATCH] = sums / lengths[:, None]
        return out

    def _sums(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The sum of the weighted token vectors per text (n x dimension).

        Works through blocks of tokens, so memory is bounded however long a text is. A block is one product of a small
        matrix (text x token, holding the unit sizes) with the rows gathered from the table.
        """
        ids: list[int] = []
        counts: list[int] = []
        for text in texts:
            before = len(ids)
            ids.extend(self._tokenizer.ids(text))
            counts.append(len(ids) - before)
        tokens = np.array(ids, dtype=np.intp)
        owners = np.repeat(np.arange(len(texts)), counts)
        sums = np.zeros((len(texts), self.dimension), dtype=np.float64)
        for start in range(0, len(tokens), TOKENS_PER_BLOCK):
            block = tokens[start : start + TOKENS_PER_BLOCK]
            rows = owners[start : start + TOKENS_PER_BLOCK]
            first, last = int(rows[0]), int(rows[-1])
            shares = np.zeros((last - first + 1, len(block)), dtype=np.float32)
            shares[rows - first, np.arange(len(block))] = self._unit_sizes[block]
            sums[first : last + 1] += shares @ self._vectors[block].astype(np.float32)
        return sums


class WordPieces:
    """BERT's uncased tokenizer: lower case, accents stripped, split at punctuation, then the longest known piece first.

    Source: Devlin et al., "BERT", NAACL 2019, and its WordPiece vocabulary; a word with an unknown part is left out.
    """

    __slots__ = ("_cache", "_ids", "_longest")

    def __init__(self, tokens: Sequence[str]) -> None:
        self._ids = {token: row for row, token in enumerate(tokens)}
        self._longest = max(map(len, tokens), default=0)
        self._cache = _ChunkCache(self)

    def ids(self, text: str) -> Iterator[int]:
        """Row numbers of the known tokens of `text`, in order."""
        return chain.from_iterable(map(self._cache.__getitem__, text.lower().split()))

    def split_chunk(self, chunk: str) -> tuple[int, ...]:
        """Row numbers for a lower-case text without white space, such as `don't` or `(2024).`."""
        known = self._ids.get(chunk)
        if known is not None and chunk.isalnum() and chunk.isascii():
            return (known,)
        return tuple(row for word in _words(chunk) for row in self._split_word(word))

    def _split_word(self, word: str) -> list[int]:
        if len(word) > LONGEST_WORD:
            return []
        rows: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(min(len(word), start + self._longest), start, -1):
                row = self._ids.get(prefix + word[start:end])
                if row is not None:
                    break
            else:
                return []
            rows.append(row)
            start = end
        return rows


class _ChunkCache(dict[str, tuple[int, ...]]):
    """Chunk of text to its rows, filled on demand; emptied when full, which costs less than keeping an order of use."""

    __slots__ = ("_tokenizer",)

    def __init__(self, tokenizer: WordPieces) -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, chunk: str) -> tuple[int, ...]:
        rows = self._tokenizer.split_chunk(chunk)
        if len(self) >= CACHED_PIECES:
            self.clear()
        if len(chunk) <= LONGEST_WORD:
            self[chunk] = rows
        return rows


def _words(chunk: str) -> list[str]:
    """Split at punctuation and ideographs, each a word of its own; accents and control characters are dropped."""
    spaced: list[str] = []
    for char in unicodedata.normalize("NFD", chunk):
        category = unicodedata.category(char)
        if category == "Mn" or category[0] == "C" or char == "\ufffd":
            continue
        spaced.append(f" {char} " if _stands_alone(char, category) else char)
    return "".join(spaced).split()


def _stands_alone(char: str, category: str) -> bool:
    code = ord(char)
    if code < 0x80:
        return not char.isalnum()
    return category[0] == "P" or any(first <= code <= last for first, last in _IDEOGRAPHS)


def _check(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)
