"""What every `ArtifactStore` promises."""

import hashlib
from pathlib import Path

import pytest

from udib.core.ports import ArtifactStore
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.storage.artifacts import DirectoryArtifactStore

A, B = Scope.of("acme", "main"), Scope.of("acme", "other")
ONE, TWO = ContentId("file:1"), ContentId("youtube:2")


@pytest.fixture(params=["directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    return DirectoryArtifactStore(tmp_path / "artifacts")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("data", [b"", b"some words", bytes(range(256)) * 5000])
async def test_bytes_are_found_by_their_digest(store: ArtifactStore, data: bytes) -> None:
    digest = await store.put(A, ONE, data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert await store.get(A, ONE, digest) == data
    assert await store.put(A, ONE, data) == digest


async def test_an_unknown_digest_is_absent(store: ArtifactStore) -> None:
    assert await store.get(A, ONE, "0" * 64) is None


async def test_scopes_never_meet(store: ArtifactStore) -> None:
    digest = await store.put(A, ONE, b"words")
    assert await store.get(B, ONE, digest) is None
    assert await store.forget(B, ONE) == 0
    assert store.folder(A, ONE) != store.folder(B, ONE)
    assert await store.get(A, ONE, digest) == b"words"


async def test_an_altered_file_is_not_served_and_mended_by_the_next_put(store: ArtifactStore, tmp_path: Path) -> None:
    digest = await store.put(A, ONE, b"words")
    [blob] = files(tmp_path)
    blob.write_bytes(b"wards")
    assert await store.get(A, ONE, digest) is None
    await store.put(A, ONE, b"words")
    assert await store.get(A, ONE, digest) == b"words"


async def test_contents_of_a_scope_never_meet(store: ArtifactStore, tmp_path: Path) -> None:
    digest = await store.put(A, ONE, b"words")
    assert await store.get(A, TWO, digest) is None
    [blob] = files(tmp_path)
    await store.put(A, TWO, b"words")
    blob.write_bytes(b"")
    assert await store.get(A, ONE, digest) is None
    assert await store.get(A, TWO, digest) == b"words"


async def test_forgetting_removes_blobs_and_media_and_counts_them(store: ArtifactStore, tmp_path: Path) -> None:
    digest = await store.put(A, ONE, b"secret words")
    (store.folder(A, ONE) / "deep").mkdir()
    (store.folder(A, ONE) / "deep" / "sound.opus").write_bytes(b"secret sound")
    assert await store.forget(A, ONE) == 2
    assert await store.get(A, ONE, digest) is None
    assert files(tmp_path) == []
    assert await store.forget(A, ONE) == 0


async def test_forgetting_one_content_takes_nothing_from_another(store: ArtifactStore) -> None:
    digest = await store.put(A, ONE, b"shared")
    assert await store.put(A, TWO, b"shared") == digest
    (store.folder(A, TWO) / "sound.opus").write_bytes(b"x")
    assert await store.forget(A, ONE) == 1
    assert await store.get(A, ONE, digest) is None
    assert await store.get(A, TWO, digest) == b"shared"
    assert files(store.folder(A, TWO)) != []


async def test_the_folder_of_a_content_is_there_and_stays_the_same(store: ArtifactStore) -> None:
    folder = store.folder(A, ONE)
    assert folder.is_dir()
    assert store.folder(A, ONE) == folder
    assert store.folder(A, TWO) != folder


async def test_sweeping_removes_what_is_empty_and_nothing_else(store: ArtifactStore, tmp_path: Path) -> None:
    store.folder(A, ONE)
    await store.sweep(A, ONE)
    assert list((tmp_path / "artifacts" / A.digest()).iterdir()) == []
    await store.sweep(A, ONE)
    digest = await store.put(A, TWO, b"words")
    folder = store.folder(A, TWO)
    await store.sweep(A, TWO)
    assert await store.get(A, TWO, digest) == b"words"
    assert not folder.exists()


async def test_a_healthy_store_says_so(store: ArtifactStore) -> None:
    assert (await store.ping()).ok
