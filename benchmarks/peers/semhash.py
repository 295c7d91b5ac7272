"""SemHash: `python -m benchmarks.peers.semhash VECTORS.npy THRESHOLD` drops what repeats, by its own rule."""

import sys
from importlib.metadata import version

import numpy as np
from semhash import SemHash

from benchmarks.peers.data import say, timed


class Given:
    """The encoder that SemHash asks for; the vectors are there already, so nothing calls it."""

    def encode(self, inputs: object, **_: object) -> np.ndarray:
        """Not for this."""
        raise NotImplementedError


def main() -> None:
    """Index, drop, print."""
    vectors, threshold = np.load(sys.argv[1]), float(sys.argv[2])
    texts = [str(number) for number in range(len(vectors))]
    dropped = 0

    def run() -> None:
        nonlocal dropped
        kept = SemHash.from_embeddings(vectors, texts, model=Given())
        dropped = len(kept.self_deduplicate(threshold=threshold).filtered)

    seconds = timed(run)
    say(seconds=seconds, dropped=dropped, version=version("semhash"))


if __name__ == "__main__":
    main()
