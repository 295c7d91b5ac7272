"""The simulation of a fleet: against what can be worked out by hand, and against what no schedule can pass."""

import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

SCRIPT = runpy.run_path(str(Path(__file__).parents[3] / "scripts" / "simulate_fleet.py"))
Demand, Fleet, Kind, simulate, workers_for = (
    SCRIPT[name] for name in ("Demand", "Fleet", "Kind", "simulate", "workers_for")
)


def kind(*demands: tuple[str, float]) -> Any:
    return Kind("item", tuple(Demand(*each) for each in demands), "test")


@pytest.mark.parametrize(
    ("fleet", "item", "count", "finished_s"),
    [
        (Fleet(workers=1, cores=1, jobs=4), kind(("core", 10)), 4, 40),
        (Fleet(workers=2, cores=1, jobs=4), kind(("core", 10)), 4, 20),
        (Fleet(workers=1, cores=4, jobs=1), kind(("core", 10)), 4, 40),
        (Fleet(workers=1, cores=4, jobs=4, recognisers=1), kind(("recogniser", 10)), 4, 40),
        (Fleet(workers=1, cores=1, jobs=4, recognisers=4), kind(("recogniser", 10)), 4, 40),
        (Fleet(workers=4, cores=4, jobs=4, provider=1), kind(("provider", 10)), 4, 40),
        (Fleet(workers=1, cores=1, jobs=2), kind(("core", 10), ("provider", 10)), 2, 30),
    ],
)
def test_what_can_be_worked_out_by_hand(fleet: Any, item: Any, count: int, finished_s: float) -> None:
    result = simulate(fleet, [(0.0, item)] * count)
    assert result.finished_s == finished_s
    assert len(result.latencies) == count


@given(
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 4),
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 9), st.floats(0, 9)), min_size=1, max_size=30),
)
def test_no_fleet_is_quicker_than_its_scarce_resource_and_nothing_is_lost(
    workers: int, cores: int, jobs: int, items: Sequence[tuple[float, float, float]]
) -> None:
    fleet = Fleet(workers, cores, jobs, recognisers=1, provider=2)
    arrivals = [(at, kind(("core", core), ("provider", call))) for at, core, call in sorted(items)]
    result = simulate(fleet, arrivals)
    cores_s, calls_s = sum(core for _, core, _ in items), sum(call for *_, call in items)
    assert len(result.latencies) == len(items)
    assert result.finished_s >= max(cores_s / (workers * cores), calls_s / 2) - 1e-6
    assert min(result.latencies) >= min(core + call for _, core, call in items) - 1e-6
    assert result.used["core"] * workers * cores * result.finished_s == pytest.approx(cores_s, abs=1e-6)
    assert max(result.used.values()) <= 1 + 1e-9


def test_a_fleet_is_sized_by_what_is_scarce() -> None:
    speech = kind(("recogniser", 864.0), ("core", 1.0))
    workers, scarce = workers_for(Fleet(cores=16, recognisers=2), [(speech, 1.0)], 1_000)
    assert (workers, scarce) == (8, "recogniser")  # ten recognisers at work at any time, at 70 % of two each


def test_the_table_of_the_page_has_a_row_for_each_kind_and_is_put_in_its_place() -> None:
    kinds = [kind(("core", 36)), kind(("provider", 6)), kind(("recogniser", 900), ("core", 36))]
    made = SCRIPT["table"](Fleet(cores=2, recognisers=2), kinds)
    rows = made.splitlines()[2:]
    assert [row.split(" | ")[1:6] for row in rows] == [
        ["100", "1", "30", "2,977", "core"],
        ["any number", "1", "1", "1", "core"],
        ["4", "8", "774", "77,381", "core"],
    ]
    page = "Before.\n<!-- workers -->\nold\n<!-- /workers -->\nAfter.\n"
    once = SCRIPT["with_table"](page, made)
    assert once == f"Before.\n<!-- workers -->\n\n{made}\n\n<!-- /workers -->\nAfter.\n"
    assert SCRIPT["with_table"](once, made) == once


def test_the_page_has_a_place_for_the_table() -> None:
    page = SCRIPT["PAGE"].read_text(encoding="utf-8")
    assert SCRIPT["with_table"](page, "x").count("\nx\n") == 1


@pytest.mark.skipif(not SCRIPT["RESULTS"].exists(), reason="the engine was not measured yet")
def test_the_table_of_the_page_is_the_measured_one() -> None:
    page = SCRIPT["PAGE"].read_text(encoding="utf-8")
    made = SCRIPT["table"](Fleet(), SCRIPT["measured_kinds"]())
    assert SCRIPT["with_table"](page, made) == page, "run: python scripts/simulate_fleet.py --page"
