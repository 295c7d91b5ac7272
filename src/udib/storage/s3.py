"""Bytes by their sha256 in a bucket of any S3-compatible store, which the workers of a fleet share."""

import asyncio
import hashlib
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from udib.core.errors import BadRequestError, ForbiddenError, UdibError, UnavailableError
from udib.core.tenancy import Scope
from udib.core.types import ContentId, Health
from udib.storage.artifacts import DirectoryArtifactStore, is_digest, place_of
from udib.storage.faults import unhealthy

if TYPE_CHECKING:
    from obstore.store import S3Credential

TIMEOUT_S: Final = 60.0
_CONNECT_S: Final = 5.0
_TRIES_AGAIN: Final = 3
_PAGE: Final = 1000
_CODE: Final = re.compile(r"<Code>(\w{1,60})</Code>")
_KEY_REFUSED: Final = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"})
_NO_BUCKET: Final = frozenset({"NoSuchBucket", "InvalidBucketName", "PermanentRedirect"})


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the bytes lie, and the key to it.

    Attributes:
        name: Of the bucket, which is there already.
        endpoint: Address of the store, such as https://s3.example.org; empty: Amazon's.
        prefix: What all names in it begin with; others may use the same bucket.
        region: The store's; most that are not Amazon's take any.
        key: With `secret` what the store knows the user by; empty: the role of the machine, where Amazon gave it one.
        secret: Never shown.
    """

    name: str
    endpoint: str = ""
    prefix: str = "udib"
    region: str = "us-east-1"
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.endpoint)
        usual = parts.scheme in {"http", "https"} and parts.hostname and not (parts.username or parts.password)
        if self.endpoint and (not usual or parts.query or parts.path.strip("/")):
            raise BadRequestError(
                "storage.s3_endpoint is no address of a store; write https://HOST or http://HOST:PORT, without path, "
                "user or key."
            )

    @property
    def address(self) -> str:
        """The endpoint, Amazon's too."""
        return self.endpoint.rstrip("/") or f"https://s3.{self.region}.amazonaws.com"


class S3ArtifactStore:
    """An `ArtifactStore` in a bucket: `PREFIX/SCOPE/CONTENT/SHA256`. A name is there when all of its bytes are.

    Each content has its own copy of its bytes, as in a directory. A bucket that keeps versions keeps what was forgotten
    too: udib needs one without versions, or with a rule that ends them.

    Media files do not go to the bucket: `folder` is a directory of this machine, and a media file lies on the worker
    that fetched it. On another worker the files are not there, which the pipeline sees (`intact` of its download
    stage), and it fetches them again. `forget`, `drop_media` and `sweep` reach the media of this machine only.

    Args:
        bucket: Where.
        scratch: Where media files lie on this machine.
        timeout_s: Longest time of one request; one that fails is made again up to three times.
    """

    name = "artifacts"

    def __init__(self, bucket: Bucket, scratch: DirectoryArtifactStore, *, timeout_s: float = TIMEOUT_S) -> None:
        self._bucket = bucket
        self._scratch = scratch
        self._store = _opened(bucket, timeout_s)

    async def ping(self) -> Health:
        """Whether something can be written to the bucket, read and removed."""
        try:
            with self._faults():
                await obstore.put_async(self._store, "ping", b"x", use_multipart=False)
                await (await obstore.get_async(self._store, "ping")).bytes_async()
                await obstore.delete_async(self._store, "ping")
        except UdibError as exc:
            return unhealthy(self.name, exc)
        return Health(self.name, ok=True, detail=f"bucket {self._bucket.name} at {self._bucket.address}")

    async def put(self, scope: Scope, content_id: ContentId, data: bytes) -> str:
        """Store bytes and return their sha256 in hex. Altered ones of the same digest are mended.

        Raises:
            UnavailableError: The store cannot be reached or has no room; nothing was stored.
            ForbiddenError: It refuses the key.
            BadRequestError: There is no such bucket.
        """
        digest = await asyncio.to_thread(_sha256, data)
        with self._faults():
            # One request, so that there is the whole or nothing.
            await obstore.put_async(self._store, f"{place_of(scope, content_id)}/{digest}", data, use_multipart=False)
        return digest

    async def get(self, scope: Scope, content_id: ContentId, digest: str) -> bytes | None:
        """The bytes, or None if they are absent or altered; the next `put` of the right bytes mends them."""
        if not is_digest(digest):
            return None
        with self._faults():
            try:
                found = await obstore.get_async(self._store, f"{place_of(scope, content_id)}/{digest}")
            except FileNotFoundError as exc:
                if _code(exc) in _NO_BUCKET:
                    raise
                return None
            data = bytes(await found.bytes_async())
        return data if await asyncio.to_thread(_sha256, data) == digest else None

    async def remove(self, scope: Scope, content_id: ContentId, digest: str) -> None:
        """Give up bytes that nothing refers to any more."""
        if is_digest(digest):
            with self._faults():
                await obstore.delete_async(self._store, f"{place_of(scope, content_id)}/{digest}")

    def folder(self, scope: Scope, content_id: ContentId) -> Path:
        """A directory of this machine for the media files of one content, made if missing.

        Raises:
            UnavailableError: It cannot be made.
        """
        return self._scratch.folder(scope, content_id)

    async def drop_media(
        self, scope: Scope, content_id: ContentId, *, older_than_s: float, dry_run: bool = False
    ) -> int:
        """Remove old media files of this machine; see `ArtifactStore.drop_media`."""
        return await self._scratch.drop_media(scope, content_id, older_than_s=older_than_s, dry_run=dry_run)

    async def sweep(self, scope: Scope, content_id: ContentId) -> None:
        """Remove the content's directories on this machine that hold nothing."""
        await self._scratch.sweep(scope, content_id)

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove the bytes of one content, and its media on this machine; returns how many there were.

        Raises:
            UnavailableError: The store cannot be reached; repeat it.
        """
        count = await self._scratch.forget(scope, content_id)
        place = place_of(scope, content_id)
        with self._faults():
            # All names are gathered before any is removed, so that no page of the list is one behind.
            names = await self._listed(place)
            if names:
                await obstore.delete_async(self._store, names)
                if await self._listed(place):
                    raise UnavailableError(
                        f"Something of {content_id} was written to the bucket {self._bucket.name} while it was "
                        "forgotten; repeat it."
                    )
        return count + len(names)

    async def _listed(self, place: str) -> list[str]:
        return [each["path"] async for page in obstore.list(self._store, place, chunk_size=_PAGE) for each in page]

    @contextmanager
    def _faults(self) -> Generator[None]:
        """Say what the store's refusals, and its silence, mean."""
        try:
            yield
        except (BaseError, FileNotFoundError, PermissionError) as exc:
            raise self._meaning(exc) from exc

    def _meaning(self, exc: Exception) -> UdibError:
        where, code = f"The S3 store at {self._bucket.address}", _code(exc)
        if code in _NO_BUCKET:
            return BadRequestError(
                f"{where} has no bucket {self._bucket.name} ({code}); make it, or correct storage.s3_bucket and "
                "storage.s3_region."
            )
        refused = isinstance(exc, PermissionDeniedError | UnauthenticatedError | PermissionError)
        if refused or code in _KEY_REFUSED:
            return ForbiddenError(
                f"{where} refuses the key ({code or 'no reason given'}); check storage.s3_key and storage.s3_secret, "
                f"and that they may list, read, write and delete in the bucket {self._bucket.name}."
            )
        return UnavailableError(
            f"{where} cannot be used now ({code or _silence(exc)}); see that it runs, can be reached and has room."
        )


def _opened(bucket: Bucket, timeout_s: float) -> S3Store:
    def known_by() -> "S3Credential":
        # Given in this way they are all of it: a session of another key in the environment is not added.
        return {
            "access_key_id": bucket.key,
            "secret_access_key": bucket.secret,
            "token": None,
            "expires_at": None,
        }

    return S3Store(
        bucket.name,
        prefix=bucket.prefix.strip("/") or None,
        endpoint=bucket.address,
        region=bucket.region,
        virtual_hosted_style_request=False,
        skip_signature=False,
        client_options={
            "allow_http": bucket.address.startswith("http://"),
            "timeout": timedelta(seconds=timeout_s),
            "connect_timeout": timedelta(seconds=min(_CONNECT_S, timeout_s)),
        },
        retry_config={
            "max_retries": _TRIES_AGAIN,
            "retry_timeout": timedelta(seconds=timeout_s),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(seconds=2),
                "base": 2,
            },
        },
        credential_provider=known_by if bucket.key else None,
    )


def _code(exc: Exception) -> str:
    """The store's word for what is wrong; empty: it said none."""
    found = _CODE.search(str(exc))
    return found[1] if found else ""


def _silence(exc: Exception) -> str:
    return "no answer in time" if "kind: Timeout" in str(exc) else "no connection"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
