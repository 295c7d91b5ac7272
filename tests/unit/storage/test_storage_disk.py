"""Room on the disk: what is refused when it is short, and the reserve that keeps a full disk usable."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from udib.core.errors import UnavailableError
from udib.storage import disk
from udib.storage.disk import RESERVE, TO_STORE, adjust_reserve, disk_bytes, is_full, need_room
from udib.storage.faults import sqlite_faults


def test_too_little_room_is_said_with_what_is_there_and_what_is_needed(
    tmp_path: Path, free: Callable[[int], None]
) -> None:
    free(1_500_000)
    need_room(tmp_path / "not" / "yet", 1_500_000)
    with pytest.raises(UnavailableError, match=r"is full \(1\.5 MB are free, 16\.0 MB are needed\); free some space"):
        need_room(tmp_path / "not" / "yet", TO_STORE)


@pytest.mark.parametrize(
    ("free_blocks", "free_files", "full"), [(0, 9, True), (15, 9, True), (16, 9, False), (99, 0, True)]
)
def test_a_disk_is_full_without_blocks_or_without_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_blocks: int, free_files: int, full: bool
) -> None:
    given = list(os.statvfs(tmp_path))
    given[1], given[2], given[4], given[5], given[7] = 4096, 999, free_blocks, 9, free_files
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(given))
    assert is_full(tmp_path / "missing") is full


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_FULL])
def test_whatever_sqlite_calls_it_a_full_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr("udib.storage.faults.is_full", lambda _: True)
    error = sqlite3.OperationalError("it says")
    error.sqlite_errorcode = code
    with (
        pytest.raises(UnavailableError, match=r"The disk that holds .*notes\.db is full"),
        sqlite_faults(tmp_path / "notes.db"),
    ):
        raise error


def test_the_reserve_is_kept_while_there_is_room_and_lent_when_there_is_none(
    tmp_path: Path, free: Callable[[int], None]
) -> None:
    reserve = tmp_path / "reserve"
    free(10 * TO_STORE)
    adjust_reserve(tmp_path)
    assert disk_bytes(tmp_path) >= RESERVE, "the bytes are really taken"
    assert reserve.stat().st_mode & 0o777 == 0o600
    free(TO_STORE)
    adjust_reserve(tmp_path)
    assert reserve.exists(), "new items do not take it"
    free(disk.LEND_BELOW - 1)
    adjust_reserve(tmp_path)
    assert not reserve.exists()
    free(disk.LEND_BELOW - 1 + RESERVE)
    adjust_reserve(tmp_path)
    assert not reserve.exists(), "it is not taken back at once"


def test_a_reserve_that_was_cut_short_is_made_again(tmp_path: Path, free: Callable[[int], None]) -> None:
    free(10 * TO_STORE)
    (tmp_path / "reserve").write_bytes(b"half")
    adjust_reserve(tmp_path)
    assert (tmp_path / "reserve").stat().st_size == RESERVE


def test_a_file_system_without_a_size_is_not_full() -> None:
    pseudo = Path("/proc")
    if not pseudo.is_dir() or shutil.disk_usage(pseudo).total:
        pytest.skip("this machine has no /proc without a size")
    assert not is_full(pseudo / "nothing")
    need_room(pseudo / "nothing", TO_STORE)
