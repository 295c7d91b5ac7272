"""qdrant-client's local mode: `python -m benchmarks.peers.local_mode DATA.npz FOLDER SEARCHES SINGLES`.

FOLDER is where its files go, or ":memory:"; the last SINGLES points are written one at a time.
"""

import asyncio
import sys
import time
import warnings

from qdrant_client import AsyncQdrantClient, models

from benchmarks.peers.data import BATCH, DIMENSION, WORKSPACE, Points, median_ms, say

NAME = "bench"


def point(points: Points, number: int) -> models.PointStruct:
    """As our own points: the scope in the payload."""
    payload = {**points.payload(number), "tenant": f"t{points.tenants[number]}", "workspace": WORKSPACE}
    return models.PointStruct(id=number, vector=points.vectors[number].tolist(), payload=payload)


async def search(client: AsyncQdrantClient, points: Points, number: int) -> None:
    """The ten nearest of a scope."""
    scope = {"tenant": f"t{points.query_tenants[number]}", "workspace": WORKSPACE}
    must: list[models.Condition] = [
        models.FieldCondition(key=key, match=models.MatchValue(value=value)) for key, value in scope.items()
    ]
    vector = points.queries[number].tolist()
    found = await client.query_points(NAME, query=vector, query_filter=models.Filter(must=must), limit=10)
    assert found.points  # noqa: S101


async def measure(points: Points, folder: str, searches: int, singles: int) -> None:
    """Fill, search, print."""
    client = AsyncQdrantClient(":memory:") if folder == ":memory:" else AsyncQdrantClient(path=folder)
    cosine = models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)
    await client.create_collection(NAME, vectors_config=cosine)
    bulk = len(points.vectors) - singles
    began = time.perf_counter()
    for start in range(0, bulk, BATCH):
        await client.upsert(NAME, [point(points, number) for number in range(start, min(start + BATCH, bulk))])
    batched = bulk / (time.perf_counter() - began)
    began = time.perf_counter()
    for number in range(bulk, bulk + singles):
        await client.upsert(NAME, [point(points, number)])
    one_by_one = singles / (time.perf_counter() - began)
    times = []
    for number in range(searches):
        began = time.perf_counter()
        await search(client, points, number)
        times.append(time.perf_counter() - began)
    await client.close()
    say(batched=batched, single=one_by_one, search_ms=median_ms(times))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # it advises against so many points in local mode
    asyncio.run(measure(Points.load(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
