"""The directory of the store process: what happens to collections when the disk is full."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from udib.core.errors import UdibError, UnavailableError
from udib.memory.conditions import Equals, Selection
from udib.memory.store_folder import Manifest, StoreFolder
from udib.memory.store_protocol import Upsert, WirePoint, packed
from udib.storage.disk import TO_OPEN, TO_STORE

NAME = "words"
ALL = Selection("a", "main")
PLENTY = 100 * TO_STORE


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[StoreFolder]:
    opened = StoreFolder.open(tmp_path)
    opened.ensure(NAME, "m", 2)
    yield opened
    opened.close()


def of(content: str) -> Selection:
    return Selection("a", "main", (Equals("content_id", content),))


def write(folder: StoreFolder, content: str, number: int) -> None:
    payload = msgspec.json.encode({"content_id": content, "text": f"{content} said so"})
    point = WirePoint(f"00000000-0000-0000-0000-{number:012}", packed([1.0, 0.5]), b"", b"", payload)
    folder.upsert(Upsert(NAME, "a", "main", [point]))


def holding(root: Path, word: bytes) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and word in path.read_bytes()]


def test_nothing_new_is_written_to_a_disk_that_is_nearly_full(folder: StoreFolder, free: Callable[[int], None]) -> None:
    free(TO_STORE - 1)
    with pytest.raises(UnavailableError, match=r"is full \(16\.0 MB are free, 16\.0 MB are needed\); free some space"):
        write(folder, "some" * TO_OPEN, 1)
    free(TO_OPEN)
    with pytest.raises(UnavailableError, match=r"is full \(1\.0 MB are free, 1\.0 MB are needed\)"):
        write(folder, "somebody", 1)
    with pytest.raises(UnavailableError, match="is full"):
        folder.ensure("other", "m", 2)
    assert folder.count(NAME, ALL) == 0
    assert [each.name for each in folder.collections()] == [NAME]


def test_a_collection_is_not_opened_on_a_full_disk(
    folder: StoreFolder, tmp_path: Path, free: Callable[[int], None]
) -> None:
    folder.close()
    free(TO_OPEN - 1)
    again = StoreFolder.open(tmp_path)
    with pytest.raises(UnavailableError, match="is full"):
        again.count(NAME, ALL)
    free(PLENTY)
    assert again.count(NAME, ALL) == 0
    again.close()


def test_without_room_for_a_copy_words_are_hidden_and_erased_when_there_is_room(
    folder: StoreFolder, tmp_path: Path, free: Callable[[int], None]
) -> None:
    write(folder, "secretive", 1)
    write(folder, "talkative", 2)
    free(TO_OPEN)
    for _ in range(2):
        with pytest.raises(UnavailableError, match=r"not found any more, but its words are still in .*; free some spa"):
            folder.delete(NAME, of("secretive"))
        assert folder.count(NAME, of("secretive")) == 0
    assert holding(tmp_path / "shards", b"secretive")
    folder.close()
    free(PLENTY)
    again = StoreFolder.open(tmp_path)
    assert again.count(NAME, of("secretive")) == 0
    assert again.delete(NAME, of("secretive")) == 0
    again.flush()
    assert holding(tmp_path, b"secretive") == []
    assert again.count(NAME, of("talkative")) == 1
    assert not msgspec.json.decode((tmp_path / "manifest.json").read_bytes(), type=Manifest).collections[NAME].unswept
    again.close()


def test_shards_without_a_manifest_are_not_taken_for_leftovers(folder: StoreFolder, tmp_path: Path) -> None:
    write(folder, "talkative", 1)
    folder.close()
    manifest = (tmp_path / "manifest.json").rename(tmp_path / "moved.json")
    with pytest.raises(UdibError, match=r"manifest\.json is damaged \(it is missing\); put a backup of"):
        StoreFolder.open(tmp_path)
    manifest.rename(tmp_path / "manifest.json")
    again = StoreFolder.open(tmp_path)
    assert again.count(NAME, ALL) == 1
    again.close()


def test_a_damaged_file_that_makes_the_engine_panic_is_said(folder: StoreFolder, tmp_path: Path) -> None:
    write(folder, "talkative", 1)
    folder.close()
    for tracker in tmp_path.rglob("tracker.dat"):
        tracker.write_bytes(b"\xa5" * 4096 + tracker.read_bytes()[4096:])
    again = StoreFolder.open(tmp_path)
    with pytest.raises(UnavailableError, match=r"failed \(.*; if it stays so, put a backup of"):
        again.count(NAME, ALL)
