"""Made-up vectors that look like those of conversations, the same for us and for every peer. Needs numpy only.

Vectors lie around centres (cosine with the nearest of the same tenant about 0.7, with the tenth about 0.65); tenants
have sizes after Zipf's law with exponent 0.8, so that of 50 the largest has 15 % of the points.
"""

import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIMENSION = 384
WORKSPACE = "main"
BATCH = 256
_PER_CENTRE = 100
_SPREAD = 0.7  # length of the noise around a centre of length 1
_CHARACTERS = 200
_TEXT = "and what was said about it then, as far as anybody can tell from what is left of it, " * 3

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Points:
    """n vectors, normalised, each of a tenant; and queries, each to be asked of a tenant's points."""

    vectors: Floats
    tenants: NDArray[np.int64]
    queries: Floats
    query_tenants: NDArray[np.int64]

    def payload(self, number: int) -> dict[str, object]:
        """What is stored with a point: 200 characters of text."""
        return {"text": f"{number} {_TEXT}"[:_CHARACTERS], "number": number}

    def save(self, path: Path) -> None:
        """Write everything to an .npz file."""
        np.savez(path, vectors=self.vectors, tenants=self.tenants, queries=self.queries, asked=self.query_tenants)

    @classmethod
    def load(cls, path: Path | str) -> "Points":
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["vectors"], arrays["tenants"], arrays["queries"], arrays["asked"])


def points(count: int, *, queries: int, tenants: int = 50, largest: int | None = None, seed: int = 7) -> Points:
    """Made-up points; tenant 0 has `largest` of them, or its share by Zipf's law."""
    rng = np.random.default_rng(seed)
    shares = np.arange(1, tenants + 1, dtype=np.float64) ** -0.8
    if largest is not None:
        shares[0] = shares[1:].sum() * largest / (count - largest)
    sizes = np.floor(count * shares / shares.sum() + 1e-6).astype(int)
    sizes[-1] += count - sizes.sum()
    owners = np.repeat(np.arange(tenants), sizes)
    centres = unit(rng.standard_normal((max(count // _PER_CENTRE, 8), DIMENSION), dtype=np.float32))
    order = rng.permutation(count)
    asked = rng.choice(tenants, size=queries, p=sizes / count)
    return Points(around(centres, count, rng), owners[order], around(centres, queries, rng), asked.astype(np.int64))


def around(centres: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Vectors of length 1 around centres chosen at random."""
    chosen = centres[rng.integers(len(centres), size=count)]
    noise = rng.standard_normal((count, DIMENSION), dtype=np.float32) * np.float32(_SPREAD / math.sqrt(DIMENSION))
    return unit(chosen + noise)


def unit(vectors: Floats) -> Floats:
    """Rows of length 1."""
    normalised: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normalised


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call took."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def median_ms(seconds: list[float]) -> float:
    """Median in milliseconds."""
    return 1000 * statistics.median(seconds)


def say(**found: object) -> None:
    """Print what was measured, for the benchmark that started the script."""
    json.dump(found, sys.stdout)
    print(flush=True)
