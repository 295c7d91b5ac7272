"""`udib analyze --chat`: when the audience spoke up, in every face of the report."""

import json
from pathlib import Path

import pytest
from typed_commands import Commands

TALK = "\n".join(f"[{at // 6:02}:{at % 6}0] Ada: This is what was said as number {at} of many." for at in range(36))


@pytest.fixture
def udib(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.setenv("UDIB_MEMORY__LINGER_S", "0.2")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "talk.txt").write_text(TALK)
    murmur = [(20.0 * at + 3 * who, f"viewer{who}", "hm") for at in range(18) for who in range(2)]
    text = "<script>Berlin</script> @everyone [x](https://evil.example)"
    loud = [(205 + 0.2 * who, f"fan{who}", text) for who in range(40)]
    rows = [
        {"content_offset_seconds": second, "commenter": {"display_name": who}, "message": {"body": text}}
        for second, who, text in sorted([*murmur, *loud])
    ]
    (tmp_path / "chat.json").write_text(json.dumps({"comments": rows}))
    return Commands(tmp_path / "data", capsys)


def test_a_peak_stands_in_every_face_with_what_was_said_and_without_markup(udib: Commands, tmp_path: Path) -> None:
    report = json.loads(udib("analyze", "talk.txt", "--chat", "chat.json", "--json", "-q", "--out", "out"))
    assert (report["chat"]["messages"], report["chat"]["writers"]) == (76, 42)
    [peak] = report["chat"]["peaks"]
    assert (peak["start_s"], peak["writers"], peak["usual"]) == (200.0, 42, 2.0)
    assert "Berlin" in peak["words"]
    assert peak["said"]["text"] == "This is what was said as number 19 of many."
    faces = {path.suffix: path.read_text() for path in (tmp_path / "out").iterdir()}
    terminal = udib("show", "talk")
    for face in (faces[".md"], faces[".html"], terminal):
        assert "When the audience spoke up" in face
        assert "42 people wrote within 20 s, usually 2" in " ".join(face.split())
        for foreign in ("evil.example", "@everyone", "<script>Berlin", "fan7", "viewer1"):
            assert foreign not in face
    assert 'class="peak"' in faces[".html"], "the picture of the time line has no lane for it"


def test_a_report_made_again_without_the_chat_says_so(udib: Commands) -> None:
    udib("analyze", "talk.txt", "--chat", "chat.json", "-q")
    again = json.loads(udib("analyze", "talk.txt", "--json", "-q"))
    assert again["chat"] is None
    assert {"part": "chat", "reason": again_reason(again)} in again["missing"]
    assert "give --chat again" in again_reason(again)


def again_reason(report: dict[str, list[dict[str, str]]]) -> str:
    return next(each["reason"] for each in report["missing"] if each["part"] == "chat")


def test_what_is_no_chat_is_refused_before_anything_is_done(udib: Commands) -> None:
    assert "is no live chat that can be read" in udib("analyze", "talk.txt", "--chat", "talk.txt", code=2)
    assert "There is no file" in udib("analyze", "talk.txt", "--chat", "nothing.json", code=2)
    assert json.loads(udib("list", "--json", "-q")) == []
