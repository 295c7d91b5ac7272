"""Deduplication, on one BLAS thread, beside the plan's loop, SemHash and what a matrix product of the same shape takes.

Planted: 15 % copies with a cosine of about 0.97 to a vector before them, and chains, each link near to the last but
soon not to the first.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory.sizes import Measured, Sizes
from benchmarks.memory.stores import child, peer_python, progress, scratch
from benchmarks.peers.data import DIMENSION, Floats, around, unit

THRESHOLD = 0.95
_COPY = 0.25  # length of what is added to a copy: cosine 0.97
_LINKS = 6


@dataclass(frozen=True, slots=True)
class Planted:
    """Vectors in order of arrival, which of them are copies of an earlier one, and which belong to a chain."""

    vectors: Floats
    copies: frozenset[int]
    chained: frozenset[int]
    threshold: float = THRESHOLD


def planted(count: int, seed: int = 11) -> Planted:
    """Clustered vectors of which 15 % are copies and 1.5 % links of chains."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.standard_normal((max(count // 100, 8), DIMENSION), dtype=np.float32))
    copies, links = count * 15 // 100, count * 15 // 1000 // _LINKS * _LINKS
    plain = around(centres, count - copies - links, rng)
    near = _moved(plain[rng.integers(len(plain), size=copies)], rng)
    chain, last = [], plain[rng.integers(len(plain), size=links // _LINKS)]
    for _ in range(_LINKS):
        last = _moved(last, rng)
        chain.append(last)
    rows = np.concatenate([plain, near, *chain])
    # The rule keeps the first of two: the originals come first, the links of a chain in their order.
    first, then = len(plain), len(plain) + copies
    return Planted(rows, frozenset(range(first, then)), frozenset(range(then, count)))


def measure(sizes: Sizes) -> Measured:
    """All figures of this part."""
    with scratch() as folder:
        made = planted(sizes.points)
        np.save(folder / "small.npy", made.vectors)
        np.save(folder / "large.npy", planted(sizes.many).vectors)
        progress(f"deduplication of {sizes.points} and {sizes.many}")
        ours = child(sys.executable, "dedup", folder / "small.npy", folder / "large.npy", THRESHOLD, sizes.loop,
                     folder / "repeats.npy", threads=1)  # fmt: skip
        found = _quality(made, np.load(folder / "repeats.npy"))
        semhash = _semhash(folder, ours["seconds"])
    pairs = (sizes.points / sizes.loop) ** 2
    loop = f"{ours['loop_s']:.1f} s at {sizes.loop}, times {pairs:g}; every pair, once"
    peak = f"{ours['gemm_flops'] / 1e9:.0f} GFLOP/s in blocks of 1,024, inner size {DIMENSION}"
    rate = sizes.points**2 * DIMENSION / ours["seconds"]  # n^2/2 products of 2d operations
    return [
        ("dedup_s", ours["seconds"], "s", f"{sizes.points} vectors, 384 dimensions, one thread"),
        ("dedup_over_loop", ours["loop_s"] * pairs / ours["seconds"], "x", loop),
        *semhash,
        ("dedup_gemm_percent", 100 * rate / ours["gemm_flops"], "%", f"of all pairs' products at {peak}"),
        ("dedup_large_over_small", ours["large_s"] / ours["seconds"], "ratio", f"{sizes.many} vectors"),
        *found,
    ]


def _semhash(folder: Path, seconds: float) -> Measured:
    python = peer_python("semhash")
    if python is None:
        return []
    progress("SemHash")
    found = child(python, "semhash", folder / "small.npy", THRESHOLD, threads=1)
    against = f"SemHash {found['version']}: {found['seconds']:.1f} s, {found['dropped']} dropped"
    return [("dedup_over_semhash", found["seconds"] / seconds, "x", against)]


def _quality(made: Planted, repeats: NDArray[np.float64]) -> Measured:
    """Whether each dropped vector has a kept twin, and whether what was planted is what was dropped."""
    dropped, kept = repeats[:, 0].astype(np.intp), repeats[:, 1].astype(np.intp)
    gone = set(dropped.tolist())
    cosines = np.einsum("ij,ij->i", made.vectors[dropped].astype(np.float64), made.vectors[kept].astype(np.float64))
    lengths = np.linalg.norm(made.vectors.astype(np.float64), axis=1)
    near = cosines / (lengths[dropped] * lengths[kept]) >= THRESHOLD - 2e-6
    without = sum(not ok or each in gone for ok, each in zip(near.tolist(), kept.tolist(), strict=True))
    planted_all = made.copies | made.chained
    return [
        ("dedup_without_kept_twin", float(without), "vectors", f"of {len(gone)} dropped, checked in 64-bit floats"),
        ("dedup_precision", len(gone & planted_all) / max(len(gone), 1), "", "dropped that were planted"),
        ("dedup_recall", len(gone & made.copies) / len(made.copies), "", f"of {len(made.copies)} planted copies"),
    ]


def _moved(rows: Floats, rng: np.random.Generator) -> Floats:
    step = unit(rng.standard_normal(rows.shape, dtype=np.float32)) * np.float32(_COPY)
    return unit(rows + step)
