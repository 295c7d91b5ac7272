"""What every `Source` promises, on local files and on yt-dlp against a small site on loopback."""

import hashlib
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from udib.core.errors import BadRequestError
from udib.core.ports import Source
from udib.core.types import Content, ContentId, Media, Platform
from udib.net.guard import AddressGuard
from udib.sources.files import FileSource
from udib.sources.media import probe
from udib.sources.ytdlp import YtDlpSource
from udib.testing.fakes import FakeSource

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Place:
    """A source with the address of a recording in it, of a missing one, and one that is another source's."""

    source: Source
    address: str
    missing: str
    foreign: str


def recording(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["files", "yt-dlp", "fake"])
async def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    path = recording(tmp_path_factory.mktemp("place") / "talk.wav")
    if request.param == "files":
        yield Place(FileSource(), str(path), str(path.with_name("missing.wav")), "https://example.org/talk.wav")
        return
    if request.param == "fake":
        content = Content(ContentId("web:1"), Platform.WEB, "https://a.example/talk", "talk")
        media = Media(path=str(path), digest=hashlib.sha256(path.read_bytes()).hexdigest(), reason="sound")
        fake = FakeSource(content, media, known=frozenset({content.address}))
        yield Place(fake, content.address, "https://a.example/missing", str(path))
        return
    app = web.Application()
    app.router.add_static("/", path.parent)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    url = f"http://127.0.0.1:{server.port}"
    source = YtDlpSource(AddressGuard({f"127.0.0.1:{server.port}"}), processes=1)
    yield Place(source, f"{url}/talk.wav", f"{url}/missing.wav", str(path))
    await source.close()
    await server.close()


async def test_it_accepts_its_own_addresses_only(place: Place) -> None:
    assert place.source.accepts(place.address)
    assert not place.source.accepts(place.foreign)


async def test_the_same_address_is_the_same_content(place: Place) -> None:
    first, again = await place.source.describe(place.address), await place.source.describe(place.address)
    assert first == again
    assert first.id.startswith(f"{first.platform}:")
    assert first.title == "talk"


async def test_what_is_fetched_has_sound_and_its_digest(place: Place, tmp_path: Path) -> None:
    content = await place.source.describe(place.address)
    media = await place.source.fetch(content, tmp_path, quality=None)
    assert media.path is not None
    assert probe(Path(media.path)) == pytest.approx(1.0)
    assert media.digest == hashlib.sha256(Path(media.path).read_bytes()).hexdigest()
    assert media.reason


async def test_fetching_again_gives_the_same(place: Place, tmp_path: Path) -> None:
    content = await place.source.describe(place.address)
    first = await place.source.fetch(content, tmp_path, quality=None)
    assert await place.source.fetch(content, tmp_path, quality=None) == first


async def test_what_is_missing_is_the_users_mistake(place: Place) -> None:
    with pytest.raises(BadRequestError):
        await place.source.describe(place.missing)


async def test_it_says_how_it_is(place: Place) -> None:
    health = await place.source.ping()
    assert health.name
    assert health.detail
