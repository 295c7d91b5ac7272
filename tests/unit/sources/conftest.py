"""A small site on loopback, made in the test, and one warm yt-dlp child for all tests of the room."""

import asyncio
import math
from array import array
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from udib.net.guard import AddressGuard
from udib.sources.ytdlp import Limits, YtDlpSource

VTT = "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nTaxes fell last year.\n"
RATE = 16000


def write_media(path: Path, *, seconds: float = 1.0, sound: bool = True, picture: bool = False) -> Path:
    """A recording whose container follows from the name: a tone, a black picture, both, or an empty track."""
    with av.open(str(path), "w") as out:
        if picture:
            video = out.add_stream("mpeg4", rate=Fraction(5))
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        if sound:
            codec = {".ogg": "libopus", ".opus": "libopus", ".mp3": "mp3", ".wav": "pcm_s16le"}.get(path.suffix, "aac")
            made = out.add_stream(codec, rate=48000 if codec == "libopus" else RATE, layout="mono")
            assert isinstance(made, av.AudioStream)
            audio = made
        if picture:
            for number in range(max(int(seconds * 5), 1)):
                still = av.VideoFrame(64, 48, "yuv420p")
                still.pts, still.time_base = number, Fraction(1, 5)
                out.mux(video.encode(still))
            out.mux(video.encode(None))
        if sound:
            tone = array("h", (int(8000 * math.sin(n / 8)) for n in range(int(RATE * seconds))))
            if tone:
                frame = av.AudioFrame(format="s16", layout="mono", samples=len(tone))
                frame.planes[0].update(tone.tobytes())
                frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return path


def write_stream(folder: Path) -> dict[str, tuple[str, bytes]]:
    """An HLS stream whose pictures and sound lie in lists of their own, as the large platforms publish them."""
    folder.mkdir()
    for name, sound in (("video", False), ("audio", True)):
        whole = write_media(folder / f"{name}.ts", sound=sound, picture=not sound)
        segments = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{whole.name}\n#EXT-X-ENDLIST\n"
        (folder / f"{name}.m3u8").write_text(segments, encoding="utf-8")
    master = (
        '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud",NAME="sound",URI="audio.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=90000,RESOLUTION=64x48,CODECS="mp4v.20.9,mp4a.40.2",AUDIO="aud"\nvideo.m3u8\n'
    )
    (folder / "master.m3u8").write_text(master, encoding="utf-8")
    kinds = {".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t"}
    return {f"/hls/{path.name}": (kinds[path.suffix], path.read_bytes()) for path in folder.iterdir()}


@pytest.fixture(scope="session")
def make_media() -> Callable[..., Path]:
    return write_media


@dataclass
class Site:
    """A running site: its address, and how often each path was asked for."""

    url: str = ""
    port: int = 0
    asked: list[str] = field(default_factory=list)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        self.asked.append(path)
        if path.startswith("/status/"):
            return web.Response(status=int(path.rsplit("/", 1)[-1].split(".", maxsplit=1)[0]), text="no")
        if path.startswith("/redirect"):
            return web.Response(status=302, headers={"Location": request.query["to"]})
        if path.startswith("/slow"):
            await asyncio.sleep(30)
        if path == "/huge.mp4":
            return await self.huge(request)
        if path not in self.files:
            return web.Response(status=404)
        kind, body = self.files[path]
        return web.Response(body=body, content_type=kind)

    async def huge(self, request: web.Request) -> web.StreamResponse:
        """As many bytes as are taken, of a length that is not announced."""
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(self.files["/talk.mp4"][1])
        for _ in range(200):
            await response.write(bytes(100_000))
        return response

    def page(self, path: str, html: str) -> str:
        self.files[path] = ("text/html", f"<html><head><title>A talk</title></head><body>{html}</body></html>".encode())
        return self.url + path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    site = Site()
    talk = write_media(folder / "talk.mp4", picture=True).read_bytes()
    site.files = {
        "/talk.mp4": ("video/mp4", talk),
        "/talk.ogg": ("audio/ogg", write_media(folder / "talk.ogg").read_bytes()),
        "/mute.mp4": ("video/mp4", write_media(folder / "mute.mp4", sound=False, picture=True).read_bytes()),
        "/page-as.mp4": ("video/mp4", b"<html>not a video</html>" * 100),
        "/list.pdf": ("application/pdf", b"%PDF-1.4 no video" * 50),
        "/talk.docx": ("application/octet-stream", b"PK\x03\x04" + bytes(500)),
        "/noise.bin": ("application/octet-stream", bytes(range(256)) * 20),
        "/page-as.vtt": ("text/vtt", b"<!doctype html><title>Log in</title>"),
        "/binary.vtt": ("text/vtt", bytes(range(256))),
        "/talk.vtt": ("text/vtt", VTT.encode()),
        "/empty.vtt": ("text/vtt", b""),
        **write_stream(folder / "hls"),
    }
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", site.handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.1)
    assert server.port is not None
    site.port, site.url = server.port, f"http://127.0.0.1:{server.port}"
    yield site
    await server.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def ytdlp(site: Site) -> AsyncIterator[YtDlpSource]:
    guard = AddressGuard({f"127.0.0.1:{site.port}"})
    source = YtDlpSource(guard, Limits(max_bytes=2_000_000, deadline_s=20, describe_s=20), processes=1)
    yield source
    await source.close()
