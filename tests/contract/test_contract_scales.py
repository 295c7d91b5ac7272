"""What every `Scales` promises."""

from pathlib import Path

import pytest
from records_place import in_folder, in_new_schema, scales_at

from udib.core.calibrating import ConfidenceScale, ConfidenceStep
from udib.core.findings import Tally
from udib.core.tenancy import Scope

A, B = Scope.of("a", "w"), Scope.of("b", "w")
ON_SERVER = [pytest.mark.server, pytest.mark.xdist_group("records")]
MAKER = "small; stance v1 \0 \u2400; rules 1"
SCALE = ConfidenceScale(MAKER, (ConfidenceStep(0.3, Tally(4, 12)), ConfidenceStep(0.6, Tally(9, 11))), "2026-12-01")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=ON_SERVER)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return in_folder(tmp_path)
    return in_new_schema(request.getfixturevalue("shared_postgres").url)


async def test_a_scale_comes_back_as_it_was_to_its_scope_and_maker_only(address: str) -> None:
    async with scales_at(address) as scales:
        await scales.keep(A, SCALE)
    async with scales_at(address) as scales:
        assert await scales.made_by(A, MAKER) == SCALE
        assert await scales.made_by(B, MAKER) is None
        assert await scales.made_by(A, "small; stance v2; rules 1") is None


async def test_the_last_scale_of_a_maker_counts(address: str) -> None:
    newer = ConfidenceScale(MAKER, SCALE.steps[:1], "2026-12-02")
    async with scales_at(address) as scales:
        await scales.keep(A, SCALE)
        await scales.keep(A, newer)
        assert await scales.made_by(A, MAKER) == newer
