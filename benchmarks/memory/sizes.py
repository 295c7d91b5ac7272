"""How much is measured: all of it, or a tenth for trying the benchmark itself."""

from dataclasses import dataclass

Measured = list[tuple[str, float, str, str]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of points and of repetitions.

    Attributes:
        points: Of the comparisons with peers, the stalls, `udib ask` and the deduplication.
        many: Of the large index and of the large deduplication.
        largest: Points of the large index's largest tenant.
        shards: Tenant-workspaces that would be a shard each.
        alike: Near-identical vectors that the search cache must tell apart.
        searches: Of ours per block; peers that take longer get fewer.
        loop: Vectors at which the plan's loop is timed.
    """

    points: int = 20_000
    many: int = 100_000
    largest: int = 20_000
    shards: int = 150
    alike: int = 100_000
    searches: int = 400
    loop: int = 1_000


FULL = Sizes()
TRIAL = Sizes(points=3_000, many=8_000, largest=2_000, shards=12, alike=5_000, searches=100, loop=150)
