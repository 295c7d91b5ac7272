"""Memory on the move: mirrored, exported, imported, indexed again."""

import asyncio
import hashlib
import resource
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import pytest

from udib.core.errors import BadRequestError, UnavailableError
from udib.core.tenancy import Scope
from udib.core.vectors import Collection, Filters, Point
from udib.memory.generations import Generations
from udib.memory.transfer import Way, export, import_file, mirror, move, reindex
from udib.testing.vectors import FakeVectorIndex

A, B = Scope.of("a", "main"), Scope.of("b", "main")
OLD, NEW = Collection("transcripts-old", "old", 2), Collection("transcripts-new", "new", 3)
NAMES = {"transcripts-": NEW}


alone = Generations().writing


def silent(_: str, __: int) -> None:
    """Nobody watches."""


def point(name: str, text: str = "said", content: str = "c") -> Point:
    return Point(str(uuid5(NAMESPACE_OID, name)), (0.6, 0.8), {"content_id": content, "text": text}, {7: 0.5})


async def filled(index: FakeVectorIndex | None = None) -> FakeVectorIndex:
    index = index or FakeVectorIndex()
    await index.ensure(OLD.name, model_id=OLD.model_id, dimension=OLD.dimension)
    await index.upsert(A, OLD.name, [point(f"a{n}") for n in range(600)])
    await index.upsert(B, OLD.name, [point("b", "secret of b")])
    return index


async def embedded_again(points: Sequence[Point]) -> list[Point]:
    return [replace(each, vector=(0.0, 1.0, 0.0)) for each in points]


async def all_of(index: FakeVectorIndex, scope: Scope, name: str) -> list[Point]:
    return list((await index.scroll(scope, name, Filters(), limit=1000)).points)


async def test_a_move_brings_everything_and_sends_nothing_twice() -> None:
    source, target = await filled(), FakeVectorIndex()
    moved = await move(source, target, silent)
    assert (moved.points, moved.sent) == ({OLD.name: 601}, 601)
    for scope in (A, B):
        assert await all_of(target, scope, OLD.name) == await all_of(source, scope, OLD.name)
    assert (await move(source, target, silent)).sent == 0
    await source.upsert(A, OLD.name, [point("a1", "said again"), point("a600")])
    await source.remove(A, OLD.name, [point("a2").id])
    assert (await move(source, target, silent)).sent == 2
    assert await all_of(target, A, OLD.name) == await all_of(source, A, OLD.name)


async def test_an_interrupted_move_goes_on() -> None:
    source, target = await filled(), FakeVectorIndex()
    seen: list[int] = []

    def interrupting(_: str, done: int) -> None:
        seen.append(done)
        if len(seen) == 2:
            raise UnavailableError("the cable was pulled")

    with pytest.raises(UnavailableError):
        await move(source, target, interrupting)
    assert await target.usage(OLD.name) == {A: 512}
    assert (await move(source, target, silent)).sent == 89


async def test_another_embedding_takes_over_when_all_is_there() -> None:
    index = await filled()
    assert (await reindex(index, NAMES, embedded_again, silent, alone)).points == {NEW.name: 601}
    assert await index.collections() == [NEW]
    [moved] = await all_of(index, B, NEW.name)
    assert (moved.id, moved.payload, moved.terms) == (point("b").id, point("b", "secret of b").payload, {7: 0.5})
    assert list(moved.vector) == [0.0, 1.0, 0.0]


async def test_what_is_written_while_it_is_indexed_again_comes_along() -> None:
    index = await filled()
    late = [point("late")]

    async def with_a_writer(points: Sequence[Point]) -> list[Point]:
        if late:
            await index.upsert(A, OLD.name, [late.pop()])
            await index.remove(A, OLD.name, [point("a0").id])
        return await embedded_again(points)

    assert (await reindex(index, NAMES, with_a_writer, silent, alone)).points == {NEW.name: 601}
    names = {each.id for each in await all_of(index, A, NEW.name)}
    assert point("late").id in names
    assert point("a0").id not in names


async def test_a_writer_that_never_rests_is_named() -> None:
    index = await filled()
    count = [0]

    def restless(_: str, __: int) -> None:
        count[0] += 1
        index._points[OLD.name][A, point(f"z{count[0]}").id] = point(f"z{count[0]}")

    with pytest.raises(UnavailableError, match="keeps writing"):
        await reindex(index, NAMES, embedded_again, restless, alone)
    assert {each.name for each in await index.collections()} == {OLD.name, NEW.name}


async def test_what_was_there_under_the_new_embedding_stays() -> None:
    """As after the import of a file that was made under another one."""
    index = await filled()
    await index.ensure(NEW.name, model_id=NEW.model_id, dimension=NEW.dimension)
    mine = [replace(point(f"mine{n}", content="mine"), vector=(1.0, 0.0, 0.0)) for n in range(3)]
    await index.upsert(A, NEW.name, mine)
    await reindex(index, NAMES, embedded_again, silent, alone)
    assert await index.usage(NEW.name) == {A: 603, B: 1}
    assert await index.collections() == [NEW]


async def test_what_is_forgotten_while_it_is_on_its_way_does_not_arrive_after_all(tmp_path: Path) -> None:
    index = await filled()
    generations = Generations(tmp_path / "generations")
    forgetting: list[asyncio.Task[None]] = []

    async def forget() -> None:
        async with generations.writing(B):
            for each in await index.collections():
                await index.remove(B, each.name, [point("b").id])

    async def with_a_forgetter(points: Sequence[Point]) -> list[Point]:
        if any(each.id == point("b").id for each in points):
            forgetting.append(asyncio.create_task(forget()))
            await asyncio.sleep(0.02)
        return await embedded_again(points)

    await reindex(index, NAMES, with_a_forgetter, silent, generations.writing)
    await forgetting[0]
    assert await index.usage(NEW.name) == {A: 600}


class Forgetful(FakeVectorIndex):
    """Drops what it is told to drop, and then dies before it says so; asked again, it has nothing to drop."""

    async def drop(self, collection: str, *, expected: int) -> bool:
        await super().drop(collection, expected=expected)
        return False


async def test_a_lost_answer_to_the_removal_loses_no_point() -> None:
    index = await filled(Forgetful())
    assert (await reindex(index, NAMES, embedded_again, silent, alone)).points == {NEW.name: 601}
    assert await index.usage(NEW.name) == {A: 600, B: 1}
    assert await index.collections() == [NEW]


async def test_two_that_index_again_at_once_lose_no_point() -> None:
    index = await filled()
    await reindex(index, NAMES, embedded_again, silent, alone)
    fresh = await filled()
    await fresh.ensure(NEW.name, model_id=NEW.model_id, dimension=NEW.dimension)
    await fresh.upsert(A, NEW.name, await all_of(index, A, NEW.name))
    seen: list[int] = []

    def other_one_ends(_: str, done: int) -> None:
        """After our first page the other one drops the old collection: our next pages are empty."""
        seen.append(done)
        if len(seen) == 1:
            del fresh._collections[OLD.name], fresh._points[OLD.name]

    with pytest.raises(UnavailableError, match="removed meanwhile"):
        await reindex(fresh, NAMES, embedded_again, other_one_ends, alone)
    assert await fresh.usage(NEW.name) == {A: 600}


async def test_what_is_changed_behind_a_long_pass_comes_along() -> None:
    index = await filled()
    told: list[int] = []

    def changing(_: str, done: int) -> None:
        told.append(done)
        if told.count(601) == 1:
            index._points[OLD.name][A, point("a1").id] = point("a1", "said anew")

    await reindex(index, NAMES, embedded_again, changing, alone)
    texts = {each.payload["text"] for each in await all_of(index, A, NEW.name)}
    assert "said anew" in texts


async def test_a_move_takes_nothing_away_from_others_unasked() -> None:
    source, target = await filled(), FakeVectorIndex()
    await target.ensure(OLD.name, model_id=OLD.model_id, dimension=OLD.dimension)
    await target.upsert(Scope.of("stranger", "main"), OLD.name, [point("x")])
    await target.upsert(A, OLD.name, [point("y", content="later")])
    with pytest.raises(BadRequestError, match="has 2 points of items that this memory does not have"):
        await move(source, target, silent)
    assert sum((await target.usage(OLD.name)).values()) == 2
    await move(source, target, silent, replace=True)
    assert await target.usage(OLD.name) == {A: 600, B: 1}


async def test_an_export_comes_back_the_same(tmp_path: Path) -> None:
    source, target = await filled(), FakeVectorIndex()
    path = tmp_path / "memory.jsonl"
    assert (await export(source, [A], path)).points == {OLD.name: 600}
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"secret of b" not in path.read_bytes()
    assert [each.name for each in tmp_path.iterdir()] == ["memory.jsonl"]
    assert (await import_file(target, path, silent, alone)).points == {OLD.name: 600}
    assert await target.collections() == [OLD]
    ours, theirs = await all_of(source, A, OLD.name), await all_of(target, A, OLD.name)
    assert [(each.id, each.payload, each.terms) for each in ours] == [(t.id, t.payload, t.terms) for t in theirs]
    assert theirs[0].vector == pytest.approx(ours[0].vector, abs=1e-7)
    await import_file(target, path, silent, alone)
    assert await target.usage(OLD.name) == {A: 600}


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda data: data[: len(data) // 2], "cut off|no export"),
        (lambda data: data.replace(b'"said"', b'"sair"', 1), "cut off or was changed"),
        (lambda data: b"\n".join(data.splitlines()[:-1]) + b"\n", "cut off or was changed"),
        (lambda data: data + data.splitlines()[1] + b"\n", "goes on after its end"),
        (lambda data: data.replace(b"udib.memory/1", b"udib.memory/9", 1), "update udib"),
        (lambda data: b"", "cut off"),
        (lambda data: b"{}\n", "no export"),
        (lambda data: b"x" * 5_000_000, "more than 4 MiB"),
        (lambda data: b"[" * 100_000, "no export"),
    ],
)
async def test_a_harmed_file_brings_nothing(tmp_path: Path, harm, says: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "memory.jsonl"
    await export(await filled(), [A], path)
    path.write_bytes(harm(path.read_bytes()))
    target = FakeVectorIndex()
    with pytest.raises(BadRequestError, match=says):
        await import_file(target, path, silent, alone)
    assert await target.collections() == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"tenant":"a"', b'"tenant":""'),
        (b'"collection":"transcripts-old"', b'"collection":"elsewhere"'),
        (b'"vector":"', b'"vector":"AAAA'),
        (b'"vector":"', b'"vector":"='),
        (b'"id":"', b'"id":"no-uuid'),
    ],
)
async def test_a_file_that_somebody_made_up_brings_nothing(tmp_path: Path, old: bytes, new: bytes) -> None:
    """Its checksum fits."""
    path = tmp_path / "memory.jsonl"
    await export(await filled(), [A], path)
    *lines, _ = path.read_bytes().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(old, new)
    body = b"".join(lines)
    path.write_bytes(body + b'{"points":600,"sha256":"%s"}\n' % hashlib.sha256(body).hexdigest().encode())
    target = FakeVectorIndex()
    with pytest.raises(BadRequestError, match="no export of a memory"):
        await import_file(target, path, silent, alone)
    assert await target.usage(OLD.name) == {}


async def test_what_a_file_brings_is_found_at_once(tmp_path: Path) -> None:
    path = tmp_path / "memory.jsonl"
    await export(await filled(), [B], path)
    generations = Generations()
    before = generations.of(B)
    await import_file(FakeVectorIndex(), path, silent, generations.writing)
    assert generations.of(B) != before


async def test_files_that_are_not_there_or_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BadRequestError, match="no file"):
        await import_file(FakeVectorIndex(), tmp_path / "missing", silent, alone)
    with pytest.raises(UnavailableError, match="cannot be written"):
        await export(await filled(), [A], tmp_path / "missing" / "memory.jsonl")


async def test_an_export_on_a_full_disk_leaves_no_half_file(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(UnavailableError, match="cannot be written"):
            await export(await filled(), [A], tmp_path / "memory.jsonl")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


async def test_a_collection_of_another_model_is_not_overwritten() -> None:
    source, target = await filled(), FakeVectorIndex()
    await target.ensure(OLD.name, model_id="other", dimension=2)
    with pytest.raises(BadRequestError, match="other"):
        await mirror(Way(source, OLD.name, target, OLD), silent)
