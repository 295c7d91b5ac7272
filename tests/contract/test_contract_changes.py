"""What every `EvidenceChanges` promises."""

from pathlib import Path

import pytest
from records_place import changes_at, in_folder, in_new_schema

from udib.core.tenancy import Scope
from udib.core.types import ChangeKind, Content, ContentId, EvidenceChange, Platform

A, B = Scope.of("a", "w"), Scope.of("b", "w")
ON_SERVER = [pytest.mark.server, pytest.mark.xdist_group("records")]
TALK = Content(ContentId("file:talk"), Platform.FILE, "talk.vtt", "Talk")
ADDED = EvidenceChange(ChangeKind.ADDED, "2026-12-01T10:00:00.000+00:00")
REMOVED = EvidenceChange(ChangeKind.REMOVED, "2026-12-02T10:00:00.000+00:00")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=ON_SERVER)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return in_folder(tmp_path)
    return in_new_schema(request.getfixturevalue("shared_postgres").url)


async def test_the_last_change_of_a_stored_item_is_known_to_its_scope_until_it_is_forgotten(address: str) -> None:
    async with changes_at(address) as (catalogue, changes):
        await catalogue.enter(A, TALK)
        await changes.note(A, [TALK.id, ContentId("file:unknown")], ADDED)
        await changes.note(B, [TALK.id], ADDED)
        assert (await changes.of(A), await changes.of(B)) == ({TALK.id: ADDED}, {})
        await changes.note(A, [TALK.id], REMOVED)
        assert await changes.of(A) == {TALK.id: REMOVED}
        await catalogue.forget(A, TALK.id)
        assert await changes.of(A) == {}


def test_a_change_counts_for_reports_that_were_made_before_it() -> None:
    assert ADDED.is_since("2026-12-01T09:59:59+00:00")
    assert not ADDED.is_since("2026-12-01T10:00:01+00:00")
    assert not ADDED.is_since("")
