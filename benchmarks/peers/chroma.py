"""Chroma, embedded: `python -m benchmarks.peers.chroma DATA.npz FOLDER SEARCHES`."""

import sys
import time

import chromadb

from benchmarks.peers.data import BATCH, Points, median_ms, say, timed


def main() -> None:
    """Fill, search, print."""
    points, folder, searches = Points.load(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    client = chromadb.PersistentClient(folder, settings=chromadb.Settings(anonymized_telemetry=False))
    kept = client.create_collection("bench", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None)
    began = time.perf_counter()
    for start in range(0, len(points.vectors), BATCH):
        some = range(start, min(start + BATCH, len(points.vectors)))
        kept.upsert(
            ids=[str(number) for number in some],
            embeddings=points.vectors[some.start : some.stop],
            metadatas=[{**points.payload(number), "tenant": f"t{points.tenants[number]}"} for number in some],
        )
    batched = len(points.vectors) / (time.perf_counter() - began)

    def search(number: int) -> None:
        where = {"tenant": f"t{points.query_tenants[number]}"}
        kept.query(query_embeddings=points.queries[number : number + 1], n_results=10, where=where)

    times = [timed(lambda number=number: search(number)) for number in range(searches)]  # type: ignore[misc]
    say(batched=batched, search_ms=median_ms(times), version=chromadb.__version__)


if __name__ == "__main__":
    main()
