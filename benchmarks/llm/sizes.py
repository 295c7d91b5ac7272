"""How much is measured: all of it, or a tenth for trying the benchmark itself."""

from dataclasses import dataclass

Measured = list[tuple[str, float, str, str]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of calls, entries and seeds.

    Attributes:
        calls: Requests of one block against the local server.
        entries: Cached answers in a store that is timed.
        hits: Timed look-ups.
        decisions: Timed decisions of the router.
        seeds: Random seeds of each routing table.
        rows: Most rows of a routing table that are replayed; None: all.
        questions: Of the replayed question stream.
    """

    calls: int = 2_000
    entries: int = 50_000
    hits: int = 5_000
    decisions: int = 5_000
    seeds: int = 10
    rows: int | None = 3_000
    questions: int = 5_000


FULL = Sizes()
TRIAL = Sizes(calls=200, entries=2_000, hits=500, decisions=500, seeds=2, rows=600, questions=500)
