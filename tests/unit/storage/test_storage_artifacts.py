"""The directory of bytes: its rights, and the sentences of its failures."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from udib.core.errors import UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.storage.artifacts import DirectoryArtifactStore

SCOPE = Scope.of("acme", "main")
ONE = ContentId("file:1")
DIGEST = hashlib.sha256(b"x").hexdigest()


async def test_all_levels_are_closed_to_other_users(tmp_path: Path) -> None:
    store = DirectoryArtifactStore(tmp_path / "artifacts")
    await store.put(SCOPE, ONE, b"x")
    store.folder(SCOPE, ONE)
    made = list((tmp_path / "artifacts").rglob("*"))
    assert {path.stat().st_mode & 0o777 for path in made if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in made if path.is_file()} == {0o600}


async def test_names_of_tenants_and_contents_do_not_reach_the_disk(tmp_path: Path) -> None:
    scope = Scope.of("../acme", "a/b")
    store = DirectoryArtifactStore(tmp_path / "artifacts")
    digest = await store.put(scope, ContentId("file:../../x"), b"x")
    assert await store.get(scope, ContentId("file:../../x"), digest) == b"x"
    assert [path.name for path in tmp_path.iterdir()] == ["artifacts"]
    assert not any("acme" in str(path) for path in (tmp_path / "artifacts").rglob("*"))


@pytest.mark.parametrize("digest", ["", "..", "../../../etc/passwd", "A" * 64, "0" * 63, f"{DIGEST}\n", f"{DIGEST}/x"])
async def test_what_is_no_digest_is_absent(tmp_path: Path, digest: str) -> None:
    store = DirectoryArtifactStore(tmp_path)
    await store.put(SCOPE, ONE, b"x")
    assert await store.get(SCOPE, ONE, digest) is None


async def test_a_full_disk_is_reported_and_leaves_no_part(tmp_path: Path) -> None:
    code = """
import asyncio, resource, sys
from pathlib import Path
from udib.core.errors import UnavailableError
from udib.core.tenancy import Scope
from udib.storage.artifacts import DirectoryArtifactStore
async def main():
    store, scope = DirectoryArtifactStore(Path(sys.argv[1])), Scope.of("acme", "main")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    try:
        await store.put(scope, "file:1", bytes(1_000_000))
    except UnavailableError as exc:
        print(exc)
    print(await store.put(scope, "file:1", b"small"))
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    sentence, digest = done.stdout.splitlines()
    assert sentence == f"The disk that holds {tmp_path} is full; free some space and try again."
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [digest]


async def test_a_folder_without_rights_is_reported(folder_and_seal: tuple[Path, Callable[[], None]]) -> None:
    folder, seal = folder_and_seal
    seal()
    store = DirectoryArtifactStore(folder)
    sentence = f"{folder} cannot be written; make it and its folder writable"
    with pytest.raises(UnavailableError, match=sentence):
        await store.put(SCOPE, ONE, b"x")
    with pytest.raises(UnavailableError, match=sentence):
        store.folder(SCOPE, ONE)
    health = await store.ping()
    assert not health.ok
    assert health.remedy.startswith("make it and its folder writable")


async def test_a_file_in_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file")
    with pytest.raises(UnavailableError, match=r"artifacts cannot be used \(.*\); check the disk"):
        await DirectoryArtifactStore(tmp_path / "artifacts").put(SCOPE, ONE, b"x")
