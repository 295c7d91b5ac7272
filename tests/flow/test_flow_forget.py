"""Forgetting, looked at from the disk: no byte of an item's words is left in any file, and nobody else's are gone."""

import asyncio
import contextlib
import gzip
import json
import os
import tempfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from udib.app.bootstrap import App, open_app
from udib.app.settings import load_settings
from udib.core.findings import Report
from udib.core.tenancy import Scope
from udib.core.types import Progress, RecordKind
from udib.core.vectors import Filters
from udib.memory.store_client import is_owned

MINE, OTHERS = Scope.of("mine", "main"), Scope.of("others", "main")
CLAIM = "The zanzibarium tax raised exactly 47 million euros in 2021."
ODD_NAME = "odd 'name'; -- \u2603 %s <b>.vtt"


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    """The product as it is shipped; everything it writes is below `tmp_path / "disk"`."""
    disk = tmp_path / "disk"
    (disk / "tmp").mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(disk / "tmp"))
    monkeypatch.setenv("TMPDIR", str(disk / "tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(disk / "run"))
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "0")
    settings = load_settings(data_dir=disk / "data", tenant=MINE.tenant, workspace=MINE.workspace)
    async with open_app(settings) as opened:
        yield opened
    async with asyncio.timeout(10):
        while is_owned(disk / "data" / "vectors"):
            await asyncio.sleep(0.02)


def captions(folder: Path, name: str, *lines: str) -> str:
    """A caption file with two speakers."""
    cues = [
        f"00:00:{5 * number:02}.000 --> 00:00:{5 * number + 4:02}.000\n<v {'ANN' if number % 2 else 'BOB'}>{line}\n"
        for number, line in enumerate(lines)
    ]
    path = folder / name
    path.write_text("WEBVTT\n\n" + "\n".join(cues), encoding="utf-8")
    return str(path)


async def analysed(app: App, path: str, scope: Scope = MINE) -> Report:
    return (await app.pipeline.in_scope(scope).process_video(path)).unwrap()


async def interrupted(app: App, path: str, before: str) -> None:
    """Cancel an analysis when a stage begins."""

    def watch(event: Progress) -> None:
        if (event.stage, event.state) == (before, "started"):
            running.cancel()

    running = asyncio.create_task(app.pipeline.process_video(path, progress=watch))
    with pytest.raises(asyncio.CancelledError):
        await running


def holding(tmp_path: Path, word: str) -> list[str]:
    files = [path for path in (tmp_path / "disk").rglob("*") if path.is_file()]
    return [str(path) for path in files if word.encode() in path.read_bytes().lower()]


async def test_no_byte_of_a_cited_item_is_left_and_another_tenants_copy_stays(app: App, tmp_path: Path) -> None:
    first = captions(tmp_path, ODD_NAME, CLAIM, "Nobody else has a zanzibarium to tax, I say.")
    again = captions(tmp_path, "again.vtt", "The tax raised exactly 12 million euros in 2021, we heard.", "Is that so?")
    report = await analysed(app, first)
    citing = await analysed(app, again)
    assert citing.cites(report.content.id), "the test needs a citation"
    theirs = await analysed(app, first, OTHERS)
    assert holding(tmp_path, "zanzibarium")
    forgotten = (await app.pipeline.in_scope(OTHERS).forget(theirs.content.id)).unwrap()
    assert all(count == 0 for _, count in forgotten.left)
    assert (await app.pipeline.ask("zanzibarium tax")).unwrap().passages, "the other tenant's copy stays"
    assert await app.catalogue.report(MINE, report.content.id) is not None
    forgotten = (await app.pipeline.forget(report.content.id)).unwrap()
    assert all(count == 0 for _, count in forgotten.left)
    assert holding(tmp_path, "zanzibarium") == []
    assert holding(tmp_path, ODD_NAME.lower()[:12]) == [], "its name is gone too"
    assert [each.content.id for each in await app.catalogue.listing(MINE)] == [citing.content.id]


@pytest.mark.parametrize("before", ["transcribe", "aggregate", "store", "files"])
async def test_no_byte_of_an_interrupted_item_is_left(app: App, tmp_path: Path, before: str) -> None:
    path = captions(tmp_path, "talk.vtt", CLAIM, "Nobody else has a zanzibarium to tax, I say.")
    await interrupted(app, path, before)
    Path(path).unlink()  # what is stored can be named without it
    [content] = await app.catalogue.find(MINE, "talk")
    assert [each.content for each in await app.catalogue.listing(MINE)] == [content]
    forgotten = (await app.pipeline.forget(content.id)).unwrap()
    assert all(count == 0 for _, count in forgotten.left)
    assert holding(tmp_path, "zanzibarium") == []


SECRET = "zanzib\u00e4rium"


def written(path: Path) -> bytes:
    """The bytes of a file without its holes: the engine's files are large and nearly empty."""
    parts, place = [], 0
    with path.open("rb") as file, contextlib.suppress(OSError):  # none: there is no data behind the place
        while True:
            place = os.lseek(file.fileno(), place, os.SEEK_DATA)
            end = os.lseek(file.fileno(), place, os.SEEK_HOLE)
            parts.append(os.pread(file.fileno(), end - place, place))
            place = end
    return b"".join(parts)


def looks(data: bytes) -> list[bytes]:
    """The bytes of a file as they are, and what compressed parts of it hold."""
    found = [data]
    for magic, window in ((b"\x1f\x8b", 31), (b"\x78\x9c", 15), (b"\x78\x01", 15), (b"\x78\xda", 15)):
        start = data.find(magic)
        while start >= 0:
            with contextlib.suppress(zlib.error):
                found.append(zlib.decompressobj(window).decompress(data[start : start + 65_536], 1_000_000))
            start = data.find(magic, start + 1)
    return found


def traces(tmp_path: Path, word: str) -> list[str]:
    """Files, or names of files, that hold a word in any of the forms in which programs write words; free pages too."""
    forms = [word.encode(), word.encode("utf-16-le"), word.encode("utf-16-be"), json.dumps(word)[1:-1].encode()]
    places = list((tmp_path / "disk").rglob("*"))
    named = [str(path) for path in places if word in path.name]
    contents = ((path, look.lower()) for path in places if path.is_file() for look in looks(written(path)))
    return named + [f"{path}: {form!r}" for path, look in contents for form in forms if form in look]


def test_traces_are_found_in_every_form(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    text = f"said {SECRET}"
    for number, data in enumerate(
        (text.encode(), text.encode("utf-16"), json.dumps(text).encode(), gzip.compress(text.encode()),
         b"before" + zlib.compress(text.encode())),
    ):  # fmt: skip
        (tmp_path / "disk" / "file").write_bytes(data)
        assert traces(tmp_path, SECRET), number


async def remembered(app: App, tmp_path: Path) -> tuple[Report, Report, Report]:
    """The subject's item, another one with some of its words, and one into which some of its words were merged."""
    shared = "Rents in the old town rose by twelve percent in 2021, the city says."
    near = "The harbour council approved 4,000 new homes beside the river in 2019"
    subject = captions(
        tmp_path,
        f"{SECRET} talk.vtt",
        f"The {SECRET} tax raised 47 million euros in 2021.",
        shared,
        f"{near}, {SECRET}.",
    )
    same = captions(tmp_path, "same words.vtt", "Nobody believes that in this town, I say.", shared, f"{near}.")
    merged = captions(tmp_path, "merged.vtt", "I heard nothing of the kind from anybody here.", f"{near}, {near}.")
    reports = (await analysed(app, subject), await analysed(app, same), await analysed(app, merged))
    for _ in range(2):
        (await app.pipeline.ask(f"{SECRET} tax")).unwrap()
    scope = app.scope
    done = (await app.vectors.compact_and_deduplicate(scope.tenant, scope.workspace, 0.8)).unwrap()
    assert done["vectors_removed"], "the test needs something that was merged away"
    (await app.vectors.undo_compaction(scope.tenant, scope.workspace)).unwrap()
    (await app.vectors.compact_and_deduplicate(scope.tenant, scope.workspace, 0.8)).unwrap()
    return reports


async def test_no_trace_of_merged_and_cited_words_is_left_and_what_others_said_stays(app: App, tmp_path: Path) -> None:
    """Nor after interruptions at any moment: the same again goes on."""
    subject, same, _ = await remembered(app, tmp_path)
    assert traces(tmp_path, SECRET)
    for seconds in (0.001, 0.01, 0.03, 0.06, 0.1, 0.2):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await app.pipeline.forget(subject.content.id)
    forgotten = (await app.pipeline.forget(subject.content.id)).unwrap()
    assert all(count == 0 for _, count in forgotten.left)
    assert traces(tmp_path, SECRET) == []
    [passages] = await app.memory.recall(
        app.scope, RecordKind.TRANSCRIPT, ["rents old town percent"], limit=5, filters=Filters()
    )
    assert {each.record.content_id for each in passages if "twelve percent" in each.record.text} == {same.content.id}
    (await app.vectors.undo_compaction(MINE.tenant, MINE.workspace)).unwrap()
    assert traces(tmp_path, SECRET) == [], "an undo brings nothing back"
