"""The lock of a content: one holder at a time, and nothing left behind."""

import fcntl
import stat
from pathlib import Path
from typing import TextIO

import pytest

from udib.core.errors import UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.storage.locks import FileLocks, HeldError, is_held, locked

SCOPE, ONE = Scope.of("acme", "main"), ContentId("file:1")


@pytest.fixture
def locks(tmp_path: Path) -> FileLocks:
    return FileLocks(tmp_path / "locks")


async def test_a_lock_is_private_names_its_holder_and_leaves_nothing(locks: FileLocks, tmp_path: Path) -> None:
    async with locks.exclusive(SCOPE, ONE):
        [file] = (tmp_path / "locks").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        with pytest.raises(UnavailableError, match=r"process \d+"):
            async with locks.exclusive(SCOPE, ONE):
                pass
        assert file.exists()
    assert list((tmp_path / "locks").iterdir()) == []


async def test_a_lock_of_an_earlier_version_is_closed_to_others_and_removed(locks: FileLocks, tmp_path: Path) -> None:
    async with locks.exclusive(SCOPE, ONE):
        [file] = (tmp_path / "locks").iterdir()
    file.write_text("process 1")
    file.chmod(0o644)
    async with locks.exclusive(SCOPE, ONE):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not file.exists()


async def test_a_lock_that_was_removed_while_it_was_opened_lets_no_two_in(
    locks: FileLocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder ends between our opening the file and our locking it: the lock of that file is worth nothing."""
    lock = fcntl.flock
    removed: list[Path] = []

    def after_the_holder_has_ended(file: TextIO, how: int) -> None:
        if not removed:
            [path] = (tmp_path / "locks").iterdir()
            path.unlink()
            removed.append(path)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", after_the_holder_has_ended)
    async with locks.exclusive(SCOPE, ONE):
        assert len(removed) == 1
        with pytest.raises(UnavailableError):
            async with locks.exclusive(SCOPE, ONE):
                pass


def test_a_lock_that_somebody_has_is_told_from_one_that_cannot_be_made(tmp_path: Path) -> None:
    def told(path: Path) -> str:
        with pytest.raises(UnavailableError) as refused, locked(path, "It is held by {}.".format):
            pass
        return type(refused.value).__name__

    (tmp_path / "file").write_text("")
    assert told(tmp_path / "file" / "a.lock") == "UnavailableError"
    with locked(tmp_path / "a.lock", "It is held by {}.".format):
        assert is_held(tmp_path / "a.lock")
        assert told(tmp_path / "a.lock") == HeldError.__name__
