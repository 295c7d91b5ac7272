"""Real small file systems, filled step by step and to the last byte: one sentence each, and nothing lost."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "rent-control" / "debate.vtt"
pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]


def udib(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "udib.app.cli", *arguments, "--json", "--quiet", "--data-dir", str(data)]
    environment = {**os.environ, "UDIB_MEMORY__LINGER_S": "0"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=90, check=False)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A function that mounts an ext4 file system of so many megabytes; it needs the right to mount."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(megabytes: int) -> Path:
        image = tmp_path / "image"
        with image.open("wb") as file:
            file.truncate(megabytes * 2**20)
        for command in (["mkfs.ext4", "-q", "-m", "0", str(image)], ["mount", "-o", "loop", str(image), str(place)]):
            try:
                subprocess.run(command, check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError) as exc:
                pytest.skip(f"this machine does not let us mount a file system: {exc}")
        return place

    yield mount
    deadline = time.monotonic() + 20  # the store process lets go a moment after the last command
    while place.is_mount() and time.monotonic() < deadline:
        subprocess.run(["umount", str(place)], check=False, capture_output=True)
        time.sleep(0.1)
    assert not place.is_mount(), "a process outlived its test"


def fill(place: Path, leaving: int) -> Path:
    """A file of random bytes that leaves so many bytes free."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(os.urandom(64 * 1024))
    with filler.open("r+b") as file:
        file.truncate(max(0, filler.stat().st_size - leaving))
    os.sync()
    return filler


def holding(root: Path, word: bytes) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and word in path.read_bytes()]


@pytest.mark.parametrize("leaving", [0, 20_000, 70_000, 300_000, 600_000, 900_000, 1_500_000, 6_000_000, 15_000_000])
def test_an_analysis_on_a_full_disk_is_refused_in_one_sentence_and_works_later(
    disk: Callable[[int], Path], leaving: int
) -> None:
    place = disk(60)
    filler = fill(place, leaving)
    done = udib(place / "data", "analyze", str(EXAMPLE))
    assert done.returncode == 3, done.stderr
    [sentence] = done.stderr.splitlines()
    assert "The disk that holds" in sentence
    assert "free some space and try again." in sentence
    filler.unlink()
    assert udib(place / "data", "analyze", str(EXAMPLE)).returncode == 0


@pytest.mark.parametrize("with_reserve", [True, False])
def test_items_are_forgotten_on_a_disk_that_is_full_to_the_last_byte(
    disk: Callable[[int], Path], tmp_path: Path, with_reserve: bool
) -> None:
    place = disk(60)
    data = place / "data"
    talks = [tmp_path / f"talk{number}.vtt" for number in range(3)]
    for number, talk in enumerate(talks):
        talk.write_text(EXAMPLE.read_text(encoding="utf-8").replace("rent", f"rentzz{number}"), encoding="utf-8")
        assert udib(data, "analyze", str(talk)).returncode == 0
    if not with_reserve:
        (data / "reserve").unlink()
    filler = fill(place, 0 if with_reserve else 1_250_000)
    done = udib(data, "forget", str(talks[0]))
    if not with_reserve:
        assert done.returncode == 3
        # of whichever store first lacks the room: memory or the journal
        assert re.search("its words are still in|may still hold bytes of deleted words", done.stderr), done.stderr
        filler.unlink()
        done = udib(data, "forget", str(talks[0]))
    assert done.returncode == 0, done.stderr
    assert all(count == 0 for _, count in json.loads(done.stdout)["left"])
    assert holding(data, b"rentzz0") == []
    assert len(json.loads(udib(data, "list").stdout)) == 2
