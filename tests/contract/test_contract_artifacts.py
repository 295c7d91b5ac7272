"""What every `ArtifactStore` promises."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import obstore
import pytest
from obstore.store import S3Store

from udib.core.ports import ArtifactStore
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.storage.artifacts import DirectoryArtifactStore
from udib.storage.s3 import Bucket, S3ArtifactStore

A, B = Scope.of("acme", "main"), Scope.of("acme", "other")
ON_SERVER = [pytest.mark.server, pytest.mark.xdist_group("s3")]
ONE, TWO = ContentId("file:1"), ContentId("youtube:2")


@pytest.fixture(params=["directory", pytest.param("s3", marks=ON_SERVER)])
def prefix(request: pytest.FixtureRequest) -> str | None:
    """What the names in the bucket begin with; None: the store is a directory."""
    return None if request.param == "directory" else f"test/{uuid4().hex}"


@pytest.fixture
def store(request: pytest.FixtureRequest, prefix: str | None, tmp_path: Path) -> ArtifactStore:
    directory = DirectoryArtifactStore(tmp_path / "artifacts")
    if prefix is None:
        return directory
    bucket = Bucket("udib", request.getfixturevalue("s3_address"), prefix, key="k", secret="s")
    return S3ArtifactStore(bucket, directory, timeout_s=20)


@pytest.fixture
def alter(request: pytest.FixtureRequest, prefix: str | None, tmp_path: Path) -> Callable[[bytes], None]:
    """A hand that writes other bytes into the one blob that there is."""
    if prefix is None:

        def write(data: bytes) -> None:
            [blob] = files(tmp_path)
            blob.write_bytes(data)

        return write
    bucket = S3Store(
        "udib", prefix=prefix, endpoint=request.getfixturevalue("s3_address"), region="us-east-1",
        access_key_id="k", secret_access_key="s", client_options={"allow_http": True},
    )  # fmt: skip

    def send(data: bytes) -> None:
        [[blob]] = obstore.list(bucket)
        obstore.put(bucket, blob["path"], data)

    return send


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


async def test_an_altered_file_is_not_served_and_mended_by_the_next_put(
    store: ArtifactStore, alter: Callable[[bytes], None]
) -> None:
    digest = await store.put(A, ONE, b"words")
    await asyncio.to_thread(alter, b"wards")
    assert await store.get(A, ONE, digest) is None
    await store.put(A, ONE, b"words")
    assert await store.get(A, ONE, digest) == b"words"


async def test_contents_of_a_scope_never_meet(store: ArtifactStore, alter: Callable[[bytes], None]) -> None:
    digest = await store.put(A, ONE, b"words")
    assert await store.get(A, TWO, digest) is None
    await asyncio.to_thread(alter, b"")
    await store.put(A, TWO, b"words")
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


async def test_what_is_removed_is_absent_and_the_rest_is_there(store: ArtifactStore) -> None:
    gone, kept = await store.put(A, ONE, b"gone"), await store.put(A, ONE, b"kept")
    for digest in (gone, gone, "0" * 64, "../../etc"):
        await store.remove(A, ONE, digest)
    assert await store.get(A, ONE, gone) is None
    assert await store.get(A, ONE, kept) == b"kept"
    assert await store.get(A, ONE, "../../etc") is None


async def test_media_are_dropped_together_when_the_last_of_them_is_old_enough(store: ArtifactStore) -> None:
    assert await store.drop_media(A, TWO, older_than_s=0) == 0
    folder = store.folder(A, ONE)
    (folder / "sound.ogg").write_bytes(b"123")
    (folder / "parts").mkdir()
    (folder / "parts" / "one").write_bytes(b"45")
    os.utime(folder / "sound.ogg", (0, 0))  # a source may set the time of the upload
    digest = await store.put(A, ONE, b"words")
    assert await store.drop_media(A, ONE, older_than_s=3600) == 0
    assert await store.drop_media(A, ONE, older_than_s=0, dry_run=True) == 5
    assert await store.drop_media(A, ONE, older_than_s=0) == 5
    assert await store.drop_media(A, ONE, older_than_s=0) == 0
    assert not folder.exists()
    assert await store.get(A, ONE, digest) == b"words"


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
