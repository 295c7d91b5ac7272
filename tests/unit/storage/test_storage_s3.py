"""An S3 store that is away, silent, without a bucket or closed to the key, and one with more names than a page."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest

from udib.core.errors import BadRequestError, ForbiddenError, UdibError, UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId
from udib.storage.artifacts import DirectoryArtifactStore
from udib.storage.s3 import Bucket, S3ArtifactStore

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("s3")]

A, ONE = Scope.of("acme", "main"), ContentId("file:1")
DIGEST = "0" * 64


def opened(bucket: Bucket, tmp_path: Path, *, timeout_s: float = 20) -> S3ArtifactStore:
    return S3ArtifactStore(bucket, DirectoryArtifactStore(tmp_path), timeout_s=timeout_s)


async def refusals(store: S3ArtifactStore) -> list[UdibError]:
    """What each call says; their sentences name what to do, and none shows the secret."""
    calls = (store.put(A, ONE, b"x"), store.get(A, ONE, DIGEST), store.forget(A, ONE), store.remove(A, ONE, DIGEST))
    found = []
    for call in calls:
        with pytest.raises(UdibError) as caught:
            await call
        found.append(caught.value)
    health = await store.ping()
    assert (health.ok, bool(health.remedy)) == (False, True)
    assert "very-secret" not in f"{found} {health}"
    return found


@contextmanager
def closed_to_all(address: str) -> Iterator[None]:
    """Only keys that the store knows are taken, and it knows none."""

    def limit(calls: str) -> None:
        url, headers = f"{address}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        with urlopen(Request(url, data=calls.encode(), method="POST", headers=headers)):
            pass

    limit("0")
    yield
    limit("inf")


@pytest.mark.parametrize(
    "endpoint", ["localhost:9000", "ftp://h", "http://", "https://user:very-secret@h", "http://h/b"]
)
def test_an_address_that_is_none_is_refused_in_a_sentence(endpoint: str) -> None:
    with pytest.raises(BadRequestError, match=r"^storage\.s3_endpoint is no address of a store") as caught:
        Bucket("udib", endpoint)
    assert "very-secret" not in str(caught.value)


def test_the_address_of_amazon_and_no_key_is_shown() -> None:
    bucket = Bucket("udib", region="eu-central-1", key="k", secret="very-secret")
    assert bucket.address == "https://s3.eu-central-1.amazonaws.com"
    assert "secret" not in repr(bucket)


async def test_a_store_that_is_away_is_unavailable_and_says_where_it_should_be(tmp_path: Path) -> None:
    store = opened(Bucket("udib", "http://127.0.0.1:1", key="k", secret="very-secret"), tmp_path)
    for error in await refusals(store):
        assert isinstance(error, UnavailableError)
        assert str(error).startswith("The S3 store at http://127.0.0.1:1 cannot be used now (no connection); see that")


async def test_a_silent_store_is_given_up_after_the_timeout(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store = opened(Bucket("udib", address, key="k", secret="very-secret"), tmp_path, timeout_s=0.2)
        with pytest.raises(UnavailableError, match="no answer in time"):
            await store.get(A, ONE, DIGEST)


async def test_a_bucket_that_is_missing_is_named(s3_address: str, tmp_path: Path) -> None:
    store = opened(Bucket("nowhere", s3_address, key="k", secret="very-secret"), tmp_path)
    for error in (await refusals(store))[:3]:
        assert isinstance(error, BadRequestError)
        assert "has no bucket nowhere (NoSuchBucket); make it, or correct storage.s3_bucket" in str(error)


async def test_a_key_that_is_refused_is_said_and_not_shown(
    s3_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of another key")
    store = opened(Bucket("udib", s3_address, key="wrong", secret="very-secret"), tmp_path)
    with closed_to_all(s3_address):
        for error in await refusals(store):
            assert isinstance(error, ForbiddenError)
            assert "refuses the key (InvalidAccessKeyId); check storage.s3_key and storage.s3_secret" in str(error)
    assert (await store.ping()).ok


async def test_more_names_than_a_page_are_forgotten_and_others_left_alone(s3_address: str, tmp_path: Path) -> None:
    prefix = f"many/{uuid4().hex}"
    store = opened(Bucket("udib", s3_address, prefix, key="k", secret="s"), tmp_path)
    other = opened(Bucket("udib", s3_address, f"{prefix}-other", key="k", secret="s"), tmp_path)
    kept = await other.put(A, ONE, b"kept")
    for start in range(0, 1010, 101):
        async with asyncio.TaskGroup() as group:
            for number in range(start, start + 101):
                group.create_task(store.put(A, ONE, b"%d" % number))
    assert await store.forget(A, ONE) == 1010
    assert await store.forget(A, ONE) == 0
    assert await other.get(A, ONE, kept) == b"kept"


async def test_what_one_worker_stores_another_finds_and_media_stay_where_they_are(
    s3_address: str, tmp_path: Path
) -> None:
    bucket = Bucket("udib", s3_address, f"two/{uuid4().hex}", key="k", secret="s")
    one, other = opened(bucket, tmp_path / "one"), opened(bucket, tmp_path / "other")
    digest = await one.put(A, ONE, b"words")
    (one.folder(A, ONE) / "sound.opus").write_bytes(b"sound")
    assert await other.get(A, ONE, digest) == b"words"
    assert list(other.folder(A, ONE).iterdir()) == []
    assert await other.forget(A, ONE) == 1
    assert await one.get(A, ONE, digest) is None
    assert await one.forget(A, ONE) == 1
