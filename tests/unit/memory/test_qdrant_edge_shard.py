"""One collection on disk: its answers do not depend on which fields have an index, and its holes take no memory."""

import mmap
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from udib.memory import qdrant_edge_shard
from udib.memory.conditions import Condition, Differs, Equals, OneOf, Selection, Within
from udib.memory.qdrant_edge_shard import EdgeShard
from udib.memory.sparse import copy_sparse, release_holes
from udib.memory.store_protocol import Facet, Scroll, WirePoint, packed
from udib.storage.disk import TO_STORE

CONDITIONS: tuple[Condition, ...] = (
    Equals("speaker", "Ann"),
    Equals("verdict", "refuted"),
    OneOf("content_hash", ("h1", "h7", "missing")),
    OneOf("twin_of", ("p2", "p3")),
    Differs("platform", "file"),
    Within("number", 3, 9),
    Within("published_ts", 2, None),
    Within("expires_at", None, 4),
)
FACETED = ("speaker", "platform", "verdict", "content_hash", "twin_of", "content_id")


def payload(number: int) -> dict[str, object]:
    return {
        "content_id": f"c{number % 3}",
        "speaker": ("Ann", "Ben", None)[number % 3],
        "platform": ["web", "tv"] if number % 5 == 0 else "file",
        "verdict": "refuted" if number % 4 == 0 else 7,
        "content_hash": f"h{number}",
        "twin_of": f"p{number % 6}",
        "number": number,
        "published_ts": number / 2,
        **({"expires_at": number} if number % 2 else {}),
    }


def write(shard: EdgeShard, count: int) -> None:
    points = [
        WirePoint(f"{n:032x}", packed([1.0, n + 0.5]), b"", b"", msgspec.json.encode(payload(n))) for n in range(count)
    ]
    shard.upsert("a", "main", points)
    shard.upsert("b", "main", [WirePoint(f"{99:032x}", packed([1.0, 0.5]), b"", b"", msgspec.json.encode(payload(1)))])


def answers(shard: EdgeShard) -> list[object]:
    selections = [Selection("a", "main", (each,)) for each in CONDITIONS]
    scrolled = [[point.id for point in shard.scroll(Scroll("", each, None, 100)).points] for each in selections]
    counted = [shard.count(shard.condition(each)) for each in selections]
    everything = Selection("a", "main")
    facets = [shard.facet(Facet("", each, field, 10)) for field in FACETED for each in (everything, *selections)]
    return [scrolled, counted, facets]


def fields(shard: EdgeShard) -> set[str]:
    return set(shard._shard.info().payload_schema)


@pytest.fixture
def shard(tmp_path: Path) -> Iterator[EdgeShard]:
    (tmp_path / "shards").mkdir()
    made = EdgeShard.create(tmp_path / "shards" / "one", 2)
    yield made
    made.close()


def test_a_field_gets_its_index_with_the_first_question_among_many_points(
    shard: EdgeShard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(shard, 10)
    few = answers(shard)
    assert few[1] == [4, 3, 2, 4, 2, 6, 6, 2]
    assert fields(shard) == {"tenant", "workspace", "content_id"}
    monkeypatch.setattr(qdrant_edge_shard, "_LARGEST_SCANNED", 10)
    assert answers(shard) == few
    conditions = {each.field for each in CONDITIONS}
    assert fields(shard) == {"tenant", "workspace", "content_id", *conditions}
    copied = shard.copy_without(shard.condition(Selection("b", "main")), tmp_path / "shards" / "two")
    assert answers(copied) == few  # of ten points again: no index is made
    assert fields(copied) == {"tenant", "workspace", "content_id"}
    copied.close()


def test_a_shard_with_every_index_as_earlier_versions_made_them_answers_the_same(
    shard: EdgeShard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(shard, 10)
    few = answers(shard)
    with monkeypatch.context() as patched:
        patched.setattr(qdrant_edge_shard, "_LARGEST_SCANNED", 0)
        answers(shard)
    assert len(fields(shard)) > len(CONDITIONS)
    shard.close()
    again = EdgeShard.open(tmp_path / "shards" / "one", 2)
    assert answers(again) == few
    again.close()


def test_without_room_for_an_index_questions_are_answered_all_the_same(
    shard: EdgeShard, monkeypatch: pytest.MonkeyPatch, free: Callable[[int], None]
) -> None:
    write(shard, 10)
    few = answers(shard)
    monkeypatch.setattr(qdrant_edge_shard, "_LARGEST_SCANNED", 0)
    free(TO_STORE - 1)
    assert answers(shard) == few
    assert "speaker" not in fields(shard)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is mapped")
def test_holes_of_mapped_files_take_no_memory_and_what_was_written_stays(tmp_path: Path) -> None:
    path, size = tmp_path / "page.dat", 8 << 20
    with path.open("w+b") as file:
        file.truncate(size)
        os.pwrite(file.fileno(), b"kept", 1 << 20)
        with mmap.mmap(file.fileno(), size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE) as mapped:
            mapped[3 << 20 : (3 << 20) + 4] = b"late"
            assert resident(path) >= size
            release_holes(tmp_path)
            assert resident(path) < size // 4
            assert mapped[1 << 20 : (1 << 20) + 5] == b"kept\0"
            assert mapped[3 << 20 : (3 << 20) + 5] == b"late\0"
    copy_sparse(path, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is mapped")
def test_an_opened_shard_holds_what_was_written_and_not_what_was_announced(shard: EdgeShard, tmp_path: Path) -> None:
    write(shard, 10)
    shard.close()
    again = EdgeShard.open(tmp_path / "shards" / "one", 2)
    assert resident(tmp_path / "shards") < 4 << 20
    again.close()


def resident(path: Path) -> int:
    """Bytes of the process's memory that are mapped from a file or from the files below a folder."""
    total, counts = 0, False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):
            counts = f" {path}" in rest
        elif counts and name == "Rss:":
            total += 1024 * int(rest.split()[0])
    return total
