"""Forgetting, looked at from the disk: no byte of an item's words is left in any file, and nobody else's are gone."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from udib.app.bootstrap import App, open_app
from udib.app.settings import load_settings
from udib.core.findings import Report
from udib.core.tenancy import Scope
from udib.core.types import Progress
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
