"""How many workers, and what saturates first: a discrete-event simulation of a fleet of udib workers.

    python scripts/simulate_fleet.py --items 100000 --workers 4 --cores 8
    python scripts/simulate_fleet.py --size              # how many workers each kind of item needs
    python scripts/simulate_fleet.py --page              # the same, put into docs/performance/scaling.md

An item is a chain of demands on resources, each so many seconds of one of: a core of its worker, one of the worker's
recognisers (which take a core as well), a place at the model provider (shared by all workers). Items arrive at random
times over a day, or all at once (`--backlog`). A job is taken when a worker has a free place, by the one with the most
free places. What an item costs comes from `benchmarks/results/engine.json` where it was measured; what is marked
"assumed" was not run.
"""

import argparse
import heapq
import json
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

RESULTS: Final = Path(__file__).parents[1] / "benchmarks" / "results" / "engine.json"
DAY_S: Final = 86_400.0
PAGE: Final = Path(__file__).parents[1] / "docs" / "performance" / "scaling.md"
_BEGIN, _END = "<!-- workers -->", "<!-- /workers -->"
USABLE: Final = 0.7
"""Share of a resource that is planned for: above it, waiting grows faster than what is gained."""


@dataclass(frozen=True, slots=True)
class Demand:
    """So many seconds of a resource: "core", "recogniser" or "provider"."""

    resource: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of item, what it demands one after the other, and where the figures are from."""

    name: str
    demands: tuple[Demand, ...]
    source: str

    def needs(self, resource: str) -> float:
        """Seconds of a resource in all."""
        return sum(each.seconds for each in self.demands if each.resource == resource)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Workers of equal size; `provider` are the calls to the model provider that are answered at the same time."""

    workers: int = 1
    cores: int = 2
    jobs: int = 4
    recognisers: int = 2
    provider: int = 64


@dataclass(slots=True)
class _Resource:
    """Places, and who waits for one; `busy_s` is the time for which places were taken."""

    places: int
    free: int = field(init=False)
    waiting: deque[tuple[float, Callable[[], None]]] = field(default_factory=deque)
    busy_s: float = 0.0

    def __post_init__(self) -> None:
        self.free = self.places


@dataclass(frozen=True, slots=True)
class Result:
    """What a simulation came to. Latencies are from the arrival of an item to its report, in seconds.

    Attributes:
        finished_s: When the last item was done.
        latencies: Of each item, sorted.
        used: Of each resource the share of its time that it was in use until then.
    """

    finished_s: float
    latencies: Sequence[float]
    used: dict[str, float]

    def latency(self, share: float) -> float:
        """The latency that this share of the items keeps below."""
        return self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


def simulate(fleet: Fleet, arrivals: Iterable[tuple[float, Kind]]) -> Result:
    """Run a fleet over items that arrive at given times, in order."""
    return _Simulation(fleet).run(arrivals)


class _Simulation:
    """The clock, what happens next, and who waits."""

    def __init__(self, fleet: Fleet) -> None:
        self._now = 0.0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._places = [fleet.jobs] * fleet.workers
        self._cores = [_Resource(fleet.cores) for _ in range(fleet.workers)]
        self._recognisers = [_Resource(fleet.recognisers) for _ in range(fleet.workers)]
        self._provider = _Resource(fleet.provider)
        self._queue: deque[tuple[float, Kind]] = deque()
        self._latencies: list[float] = []

    def run(self, arrivals: Iterable[tuple[float, Kind]]) -> Result:
        for at, kind in arrivals:
            self._at(at, partial(self._arrive, at, kind))
        while self._agenda:
            self._now, _, action = heapq.heappop(self._agenda)
            action()
        used = {
            "core": self._share(self._cores),
            "recogniser": self._share(self._recognisers),
            "provider": self._share([self._provider]),
        }
        return Result(self._now, sorted(self._latencies), used)

    def _share(self, resources: Sequence[_Resource]) -> float:
        places = sum(each.places for each in resources)
        return sum(each.busy_s for each in resources) / (places * self._now) if self._now and places else 0.0

    def _at(self, when: float, action: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._agenda, (when, self._order, action))

    def _arrive(self, at: float, kind: Kind) -> None:
        self._queue.append((at, kind))
        self._begin_waiting()

    def _begin_waiting(self) -> None:
        while self._queue and max(self._places) > 0:
            worker = self._places.index(max(self._places))
            self._places[worker] -= 1
            at, kind = self._queue.popleft()
            self._next(worker, at, deque(kind.demands))

    def _next(self, worker: int, at: float, left: deque[Demand]) -> None:
        if not left:
            self._latencies.append(self._now - at)
            self._places[worker] += 1
            self._begin_waiting()
            return
        demand = left.popleft()
        then = partial(self._next, worker, at, left)
        match demand.resource:
            case "core":
                self._take(self._cores[worker], demand.seconds, then)
            case "recogniser":
                recogniser, core = self._recognisers[worker], self._cores[worker]
                self._hold(recogniser, lambda: self._take(core, demand.seconds, lambda: self._give(recogniser, then)))
            case "provider":
                self._take(self._provider, demand.seconds, then)
            case _:
                raise ValueError(f"there is no resource {demand.resource!r}")

    def _take(self, resource: _Resource, seconds: float, then: Callable[[], None]) -> None:
        """Hold a place for so long, then go on."""
        self._hold(resource, lambda: self._at(self._now + seconds, lambda: self._give(resource, then)))

    def _hold(self, resource: _Resource, then: Callable[[], None]) -> None:
        if resource.free:
            resource.free -= 1
            resource.busy_s -= self._now
            then()
        else:
            resource.waiting.append((self._now, then))

    def _give(self, resource: _Resource, then: Callable[[], None]) -> None:
        if resource.waiting:
            resource.waiting.popleft()[1]()
        else:
            resource.free += 1
            resource.busy_s += self._now
        then()


def over_a_day(kinds: Sequence[tuple[Kind, float]], items: int, rng: Random) -> list[tuple[float, Kind]]:
    """Items at random times of a day, of each kind its share."""
    named, shares = zip(*kinds, strict=True)
    times = sorted(rng.uniform(0, DAY_S) for _ in range(items))
    return list(zip(times, rng.choices(named, shares, k=items), strict=True))


def workers_for(fleet: Fleet, kinds: Sequence[tuple[Kind, float]], items_a_day: float) -> tuple[int, str]:
    """How many workers a day's items need, and what of them is the scarce resource."""
    rate = items_a_day / DAY_S
    shares = sum(share for _, share in kinds)

    def in_use(resource: str) -> float:
        """Places of a resource that are taken at any time, on average."""
        return rate * sum(kind.needs(resource) * share for kind, share in kinds) / shares

    recognisers = in_use("recogniser")
    workers = {
        "core": (in_use("core") + recognisers) / (fleet.cores * USABLE),  # a recogniser computes on a core
        "recogniser": recognisers / (fleet.recognisers * USABLE),
    }
    scarce = max(workers, key=lambda name: workers[name])
    return max(1, math.ceil(workers[scarce])), scarce


def measured_kinds(results: Path = RESULTS) -> list[Kind]:
    """The kinds of items, with what the benchmark measured of them, and what is assumed.

    Raises:
        SystemExit: The benchmark was not run.
    """
    try:
        figures = {each["name"]: each["value"] for each in json.loads(results.read_text(encoding="utf-8"))["figures"]}
        captions, speech = figures["item_captions_core_s"], figures["item_speech_core_s_per_hour"]
    except (OSError, KeyError) as exc:
        raise SystemExit(f"{results} lacks what items cost ({exc}); run `make bench ARGS=engine` first.") from exc
    analysed = Demand("core", captions)
    return [
        Kind("captions, an hour", (analysed,), "measured"),
        Kind("recognised on CPU, an hour", (Demand("recogniser", speech), analysed), "measured on a short recording"),
        Kind("recognised on GPU, an hour", (Demand("core", 40.0), analysed), "assumed, not run: 90 times real time"),
        Kind(
            "captions and a model, an hour", (analysed, *(Demand("provider", 6.0),) * 20), "assumed, not run: 20 calls"
        ),
    ]


def table(fleet: Fleet, kinds: Sequence[Kind]) -> str:
    """How many workers each kind of item needs, as a table in Markdown."""
    lines = [
        "| kind of item | an hour and core | workers for 1e3 a day | 1e5 | 1e7 | scarce first | figures |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in kinds:
        busy = kind.needs("core") + kind.needs("recogniser")
        counts = [workers_for(fleet, [(kind, 1.0)], items) for items in (1e3, 1e5, 1e7)]
        numbers = " | ".join(f"{count:,}" for count, _ in counts)
        hourly = f"{3600 / busy:,.0f}" if busy else "any number"
        lines.append(f"| {kind.name} | {hourly} | {numbers} | {counts[-1][1]} | {kind.source} |")
    return "\n".join(lines)


def with_table(page: str, made: str) -> str:
    """A page with the table in its place."""
    before, rest = page.split(_BEGIN)
    return f"{before}{_BEGIN}\n\n{made}\n\n{_END}{rest.split(_END)[1]}"


def main() -> None:
    """Size a fleet, or run one day of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("workers", 1), ("cores", 2), ("jobs", 4), ("recognisers", 2), ("provider", 64)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--items", type=int, default=1_000, help="items of the day, as many of each kind")
    parser.add_argument("--backlog", action="store_true", help="all at once, not over a day")
    parser.add_argument("--size", action="store_true", help="print how many workers each kind needs")
    parser.add_argument("--page", action="store_true", help="put that table into docs/performance/scaling.md")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    fleet = Fleet(given.workers, given.cores, given.jobs, given.recognisers, given.provider)
    if given.size or given.page:
        made = table(fleet, measured_kinds())
        if given.page:
            PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
        print(made)
        return
    arrivals = over_a_day([(kind, 1.0) for kind in measured_kinds()], given.items, Random(given.seed))
    if given.backlog:
        arrivals = [(0.0, kind) for _, kind in arrivals]
    result = simulate(fleet, arrivals)
    print(f"{given.items} items, done after {result.finished_s / 3600:.1f} h")
    print(f"latency: half below {result.latency(0.5):.0f} s, 95 % below {result.latency(0.95):.0f} s")
    print("in use: " + ", ".join(f"{name} {share:.0%}" for name, share in result.used.items()))


if __name__ == "__main__":
    main()
