import hashlib
import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from sample import NASTY, SCOPE, hostile_sample, local_sample, sample

from udib.core.errors import UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Delivered
from udib.delivery.files import FilesOutbox
from udib.delivery.vtt import to_vtt

SAMPLE = sample()
LOCAL = local_sample()
VTT = to_vtt(SAMPLE.transcript)
OTHER = Scope.of("other", "main")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


async def test_four_files_are_written_where_only_the_owner_reads_them(tmp_path: Path) -> None:
    root = tmp_path / "reports"
    places = await FilesOutbox(root).deliver(SCOPE, SAMPLE.report, VTT)
    assert [place.kind for place in places] == ["markdown", "html", "json", "captions"]
    folder = Path(places[0].where).parent
    assert folder.parent == root / SCOPE.digest()
    assert names(root) == ["report.html", "report.json", "report.md", "transcript.vtt"]
    assert {stat.S_IMODE(Path(place.where).stat().st_mode) for place in places} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (root, folder.parent, folder)} == {0o700}
    assert json.loads(Path(places[2].where).read_bytes())["content"]["id"] == "youtube:rentdebate1"
    assert Path(places[3].where).read_text() == VTT


async def test_a_new_title_stays_in_the_folder_of_its_content(tmp_path: Path) -> None:
    outbox = FilesOutbox(tmp_path)
    first = await outbox.deliver(SCOPE, SAMPLE.report, VTT)
    renamed = replace(SAMPLE.report, content=replace(SAMPLE.report.content, title="Another title"))
    assert await outbox.deliver(SCOPE, renamed, VTT) == first
    assert "Another title" in Path(first[0].where).read_text()


@pytest.mark.parametrize("title", [*NASTY, "../../etc/passwd", "", "...", "x" * 500, "\u65e5\u672c\u8a9e", "CON\x00"])
async def test_a_name_is_safe_and_short_whatever_the_title(tmp_path: Path, title: str) -> None:
    report = replace(SAMPLE.report, content=replace(SAMPLE.report.content, title=title))
    places = await FilesOutbox(tmp_path).deliver(SCOPE, report, "")
    folder = Path(places[0].where).parent
    assert folder.parent.parent == tmp_path
    assert len(folder.name) <= 60
    assert set(folder.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(places) == 3


async def test_hostile_reports_are_written(tmp_path: Path) -> None:
    for nasty in NASTY:
        hostile = hostile_sample(nasty)
        assert len(await FilesOutbox(tmp_path).deliver(SCOPE, hostile.report, to_vtt(hostile.transcript))) == 4


async def test_forgetting_takes_one_content_of_one_scope_and_says_how_much(tmp_path: Path) -> None:
    outbox = FilesOutbox(tmp_path)
    another = replace(SAMPLE.report, content=replace(SAMPLE.report.content, id=ContentId("youtube:another1")))
    await outbox.deliver(SCOPE, SAMPLE.report, VTT)
    await outbox.deliver(SCOPE, another, VTT)
    await outbox.deliver(OTHER, SAMPLE.report, VTT)
    assert await outbox.forget(SCOPE, SAMPLE.report.content.id) == 4
    assert await outbox.forget(SCOPE, SAMPLE.report.content.id) == 0
    assert len(names(tmp_path)) == 8


async def test_forgetting_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    outbox = FilesOutbox(tmp_path / "reports")
    places = await outbox.deliver(SCOPE, SAMPLE.report, VTT)
    folder = Path(places[0].where).parent
    treasure = tmp_path / "treasure"
    folder.rename(treasure)
    folder.symlink_to(treasure)
    assert await outbox.forget(SCOPE, SAMPLE.report.content.id) == 0
    assert len(names(treasure)) == 4


async def test_an_export_is_flat_and_is_not_forgotten(tmp_path: Path) -> None:
    outbox = FilesOutbox(tmp_path / "out", flat=True)
    places = await outbox.deliver(SCOPE, SAMPLE.report, VTT)
    assert {Path(place.where).parent for place in places} == {tmp_path / "out"}
    assert [Path(place.where).suffix for place in places] == [".md", ".html", ".json", ".vtt"]
    assert await outbox.forget(SCOPE, SAMPLE.report.content.id) == 0
    assert len(names(tmp_path)) == 4


async def test_the_folder_of_a_file_is_named_by_the_beginning_of_its_id(tmp_path: Path) -> None:
    places = await FilesOutbox(tmp_path).deliver(SCOPE, LOCAL.report, VTT)
    assert Path(places[0].where).parent.name == "rent-control-live-0123456789ab"


async def test_folders_named_by_an_earlier_version_are_found_and_forgotten(tmp_path: Path) -> None:
    outbox = FilesOutbox(tmp_path)
    content_id = LOCAL.report.content.id
    old = tmp_path / SCOPE.digest() / f"talk-{hashlib.sha256(content_id.encode()).hexdigest()[:12]}"
    old.mkdir(parents=True)
    (old / "report.md").write_text("old")
    places = await outbox.deliver(SCOPE, LOCAL.report, VTT)
    assert Path(places[0].where) == old / "report.md"
    new = old.with_name("talk-0123456789ab")
    new.mkdir()
    (new / "report.md").write_text("new")
    assert await outbox.forget(SCOPE, content_id) == 5
    assert names(tmp_path) == []


async def test_the_json_says_what_stands_beside_it(tmp_path: Path) -> None:
    notice = Delivered("discord", "message 1")
    report = replace(SAMPLE.report, delivered=(Delivered("html", "/old/report.html"), notice))
    places = await FilesOutbox(tmp_path).deliver(SCOPE, report, VTT)
    document = json.loads(Path(places[2].where).read_bytes())
    assert [(each["kind"], each["where"]) for each in document["delivered"]] == [
        *((place.kind, place.where) for place in places),
        ("discord", "message 1"),
    ]


async def test_a_recording_is_linked_beside_its_report_and_never_exported(tmp_path: Path) -> None:
    recording = tmp_path / "my talk.OPUS"
    recording.write_bytes(b"sound")
    report = local_sample(recording.as_uri()).report
    places = await FilesOutbox(tmp_path / "reports").deliver(SCOPE, report, VTT)
    folder = Path(places[1].where).parent
    assert (folder / "recording.opus").readlink() == recording
    assert 'src="./recording.opus"' in (folder / "report.html").read_text()
    exported = await FilesOutbox(tmp_path / "out", flat=True).deliver(SCOPE, report, VTT)
    assert "<audio" not in Path(exported[1].where).read_text()
    assert len(names(tmp_path / "out")) == 4
    assert await FilesOutbox(tmp_path / "reports").forget(SCOPE, report.content.id) == 5
    assert recording.exists()


async def test_a_recording_that_cannot_be_linked_leaves_a_page_without_player(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = tmp_path / "talk.opus"
    recording.write_bytes(b"sound")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    places = await FilesOutbox(tmp_path / "reports").deliver(SCOPE, local_sample(str(recording)).report, VTT)
    assert "<audio" not in Path(places[1].where).read_text()
    assert len(names(tmp_path / "reports")) == 4


async def test_a_page_that_is_written_anew_keeps_its_transcript(tmp_path: Path) -> None:
    outbox = FilesOutbox(tmp_path)
    places = await outbox.deliver(SCOPE, LOCAL.report, VTT)
    before = Path(places[1].where).read_text()
    await outbox.deliver(SCOPE, LOCAL.report, "")
    assert Path(places[1].where).read_text() == before
    assert "Transcript</h2>" in before


async def test_no_folder_no_report_but_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    outbox = FilesOutbox(tmp_path / "file")
    with pytest.raises(UnavailableError, match="could not be written"):
        await outbox.deliver(SCOPE, SAMPLE.report, VTT)
    health = await outbox.ping()
    assert not health.ok
    assert health.remedy


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
async def test_a_full_disk_leaves_the_old_report_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = FilesOutbox(tmp_path)
    places = await outbox.deliver(SCOPE, SAMPLE.report, VTT)
    before = Path(places[0].where).read_bytes()
    real_open = os.open

    def on_a_full_disk(path: Path, flags: int, mode: int) -> int:
        os.close(real_open(path, flags, mode))
        return real_open("/dev/full", os.O_WRONLY)

    monkeypatch.setattr("udib.delivery.files.os.open", on_a_full_disk)
    with pytest.raises(UnavailableError, match="No space left"):
        await outbox.deliver(SCOPE, replace(SAMPLE.report, revision=9), VTT)
    assert Path(places[0].where).read_bytes() == before
    assert len(names(tmp_path)) == 4


async def test_a_folder_that_is_not_there_yet_is_healthy(tmp_path: Path) -> None:
    assert (await FilesOutbox(tmp_path / "not" / "yet").ping()).ok
