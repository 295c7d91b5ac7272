"""Our deduplication, the plan's loop and a matrix product of the same shape, on one thread if the caller says so.

`python -m benchmarks.peers.dedup SMALL.npy LARGE.npy THRESHOLD LOOP REPEATS.npy`; LOOP is how many vectors the loop
gets, and REPEATS.npy receives what was dropped from SMALL.
"""

import statistics
import sys
import time

import numpy as np

from benchmarks.peers.data import Floats, say, timed
from udib.memory.dedup import BLOCK, near_duplicates


def loop(vectors: list[list[float]], threshold: float) -> int:
    """The plan's way: every pair, in Python, keeping the first and removing the second."""
    removed = 0
    for at, one in enumerate(vectors):
        for other in vectors[at + 1 :]:
            product = sum(a * b for a, b in zip(one, other, strict=True))
            sizes = sum(a * a for a in one) ** 0.5 * sum(b * b for b in other) ** 0.5
            removed += product / sizes >= threshold
    return removed


def gemm_rate(vectors: Floats) -> float:
    """Floating-point operations a second of products of BLOCK x d by d x BLOCK, as many as all pairs take."""
    out = np.empty((BLOCK, BLOCK), dtype=np.float32)
    blocks = [vectors[start : start + BLOCK] for start in range(0, len(vectors) - BLOCK + 1, BLOCK)]
    began, done, dimension = time.perf_counter(), 0, int(vectors.shape[1])
    for at, one in enumerate(blocks):
        for other in blocks[: at + 1]:
            np.matmul(one, other.T, out=out)
            done += 1
    return done * 2 * BLOCK * BLOCK * dimension / (time.perf_counter() - began)


def main() -> None:
    """Measure in turns, print."""
    small, large, threshold = np.load(sys.argv[1]), np.load(sys.argv[2]), float(sys.argv[3])
    repeats = near_duplicates(small, threshold=threshold)
    np.save(sys.argv[5], np.array([(each.dropped, each.kept, each.similarity) for each in repeats]).reshape(-1, 3))
    seconds, rates = [], []
    for _ in range(5):
        seconds.append(timed(lambda: near_duplicates(small, threshold=threshold)))
        rates.append(gemm_rate(small))
    large_s = timed(lambda: near_duplicates(large, threshold=threshold))
    few = small[: int(sys.argv[4])].tolist()
    loop_s = timed(lambda: loop(few, threshold))
    say(
        seconds=statistics.median(seconds), gemm_flops=statistics.median(rates), large_s=large_s, loop_s=loop_s,
        dropped=len(repeats),
    )  # fmt: skip


if __name__ == "__main__":
    main()
