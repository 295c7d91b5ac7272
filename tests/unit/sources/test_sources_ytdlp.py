"""The real yt-dlp in its child against a small site on loopback."""

import asyncio
import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest

from udib.core.errors import BadRequestError, ForbiddenError, UdibError, UnavailableError
from udib.core.types import Platform
from udib.net.guard import AddressGuard
from udib.sources.media import probe
from udib.sources.ytdlp import Limits, YtDlpSource
from udib.transcripts.captions import CaptionTranscriber

pytestmark = pytest.mark.asyncio(loop_scope="session")

VIDEO = '<video src="/talk.mp4">{}</video>'
TRACK = '<track kind="subtitles" srclang="{}" src="{}">'


def html(*tracks: tuple[str, str]) -> str:
    return VIDEO.format("".join(TRACK.format(*track) for track in tracks))


async def test_a_page_with_captions_gives_the_captions_only(site: Any, ytdlp: YtDlpSource, tmp_path: Path) -> None:
    address = site.page("/captioned", html(("en", "/talk.vtt"), ("de", "/empty.vtt")))
    content = await ytdlp.describe(address)
    site.asked.clear()
    media = await ytdlp.fetch(content, tmp_path / "new", quality=None)
    assert (content.platform, content.title, content.url) == (Platform.WEB, "A talk", address)
    assert media.captions is not None
    assert (media.captions.language, media.captions.automatic, media.path) == ("en", False, None)
    assert "Taxes fell" in Path(media.captions.path).read_text(encoding="utf-8")
    assert len(media.digest) == 64
    assert site.asked == ["/talk.vtt"]


async def test_with_a_quality_the_video_comes_too(site: Any, ytdlp: YtDlpSource, tmp_path: Path) -> None:
    content = await ytdlp.describe(site.page("/captioned-video", html(("en", "/talk.vtt"))))
    media = await ytdlp.fetch(content, tmp_path, quality="720p")
    assert media.captions is not None
    assert media.path == str(tmp_path / "media.mp4")
    assert probe(Path(media.path)) == pytest.approx(1.0, abs=0.3)


async def test_without_captions_in_a_wanted_language_the_sound_comes(
    site: Any, ytdlp: YtDlpSource, tmp_path: Path
) -> None:
    content = await ytdlp.describe(site.page("/foreign", html(("fr", "/talk.vtt"))))
    media = await ytdlp.fetch(content, tmp_path, quality=None)
    assert media.captions is None
    assert media.path is not None
    assert "no captions" in media.reason


@pytest.mark.parametrize("track", ["/empty.vtt", "/status/404.vtt", "/page-as.vtt", "/binary.vtt"])
async def test_captions_that_fail_are_named_in_the_reason(
    site: Any, ytdlp: YtDlpSource, tmp_path: Path, track: str
) -> None:
    content = await ytdlp.describe(site.page("/broken" + track, html(("en", track))))
    media = await ytdlp.fetch(content, tmp_path, quality=None)
    assert media.captions is None
    assert media.path is not None
    assert media.reason.startswith("sound: the captions")


async def test_a_direct_address_of_sound_is_fetched(site: Any, ytdlp: YtDlpSource, tmp_path: Path) -> None:
    content = await ytdlp.describe(f"{site.url}/talk.ogg")
    media = await ytdlp.fetch(content, tmp_path, quality=None)
    assert media.path is not None
    assert probe(Path(media.path)) == pytest.approx(1.0, abs=0.3)


async def test_pictures_and_sound_in_separate_tracks_are_joined(site: Any, ytdlp: YtDlpSource, tmp_path: Path) -> None:
    content = await ytdlp.describe(f"{site.url}/hls/master.m3u8")
    sound = await ytdlp.fetch(content, tmp_path / "sound", quality=None)
    video = await ytdlp.fetch(content, tmp_path / "video", quality="720p")
    assert sound.path is not None
    assert video.path is not None
    assert tracks(sound.path) == (0, 1)
    assert tracks(video.path) == (1, 1)
    assert [path.name for path in (tmp_path / "video").iterdir()] == [Path(video.path).name]


async def test_two_pages_with_the_same_file_name_are_two_contents(site: Any, ytdlp: YtDlpSource) -> None:
    one, two = site.page("/a/talk", VIDEO), site.page("/b/talk", VIDEO)
    ids = {(await ytdlp.describe(address)).id for address in (one, two, f"{one}#t=3")}
    assert len(ids) == 2


@pytest.mark.parametrize(
    ("path", "error", "says"),
    [
        ("/status/404", BadRequestError, "nothing at this address"),
        ("/status/410", BadRequestError, "nothing at this address"),
        ("/status/401", ForbiddenError, "refuses access"),
        ("/status/403", ForbiddenError, "refuses access"),
        ("/status/429", UnavailableError, "fewer requests"),
        ("/status/500", UnavailableError, "fault of its own"),
        ("/status/503", UnavailableError, "fault of its own"),
        ("/redirect?to=http://127.0.0.1:1/", ForbiddenError, r"127\.0\.0\.1 points to a private address.*net\.allow"),
        ("/redirect?to=http://10.0.0.1/", ForbiddenError, r"10\.0\.0\.1 points to a private address"),
        ("/redirect?to=http://localhost:1/", ForbiddenError, "localhost points to a private address"),
        ("/redirect?to=file:///etc/passwd", BadRequestError, "redirects to something that is no web address"),
    ],
)
async def test_what_a_site_answers_becomes_what_the_user_may_do(
    site: Any, ytdlp: YtDlpSource, path: str, error: type[UdibError], says: str
) -> None:
    with pytest.raises(error, match=says):
        await ytdlp.describe(site.url + path)


async def test_a_page_without_media_says_so(site: Any, ytdlp: YtDlpSource) -> None:
    with pytest.raises(BadRequestError, match="No video or sound was found"):
        await ytdlp.describe(site.page("/text", "<p>only words</p>"))


async def test_a_list_of_items_is_listed_without_asking_their_pages(site: Any, ytdlp: YtDlpSource) -> None:
    address = site.page("/listed", VIDEO.format("") + '<video src="/talk.ogg"></video>')
    site.asked.clear()
    title, items = await ytdlp.listed(address, 10)
    assert title == "A talk"
    assert [item.address for item in items] == [site.url + "/talk.mp4", site.url + "/talk.ogg"]
    assert len({item.id for item in items}) == 2
    assert set(site.asked) == {"/listed"}
    assert len((await ytdlp.listed(address, 1))[1]) == 1
    with pytest.raises(BadRequestError, match="one item and no list"):
        await ytdlp.listed(site.url + "/talk.mp4", 10)
    with pytest.raises(ForbiddenError):
        await ytdlp.listed("http://127.0.0.2:9/", 10)


async def test_a_list_of_items_is_not_cut_to_its_first(site: Any, ytdlp: YtDlpSource) -> None:
    item = "<item><title>{0}</title><enclosure url='{1}/talk.mp4?{0}' type='video/mp4'/></item>"
    items = "".join(item.format(name, site.url) for name in "ab")
    feed = f"<rss version='2.0'><channel><title>Feed</title>{items}</channel></rss>"
    site.files["/feed.xml"] = ("application/rss+xml", feed.encode())
    with pytest.raises(BadRequestError, match="list of items"):
        await ytdlp.describe(f"{site.url}/feed.xml")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/mute.mp4", "no audio track"),
        ("/page-as.mp4", "No video or sound|What 127.0.0.1 has at this address is a web page"),
        ("/list.pdf", r"What 127.0.0.1 has at this address is a PDF document; save the words in it as a \.txt file"),
        ("/talk.docx", r"What 127.0.0.1 has at this address is an office document .* save the words in it as a \.txt"),
        ("/noise.bin", "What 127.0.0.1 has at this address is no media file"),
        ("/huge.mp4", "larger than 2 MB"),
    ],
)
async def test_what_was_fetched_is_checked(site: Any, ytdlp: YtDlpSource, tmp_path: Path, path: str, says: str) -> None:
    content = replace(await ytdlp.describe(f"{site.url}/talk.ogg"), address=site.url + path)
    with pytest.raises(BadRequestError, match=says):
        await ytdlp.fetch(content, tmp_path, quality=None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("quality", [None, "720p"])
@pytest.mark.parametrize(("path", "kind"), [("/said.txt", "text/plain"), ("/said.srt", "application/x-subrip")])
async def test_an_address_of_words_gives_the_words(
    site: Any, ytdlp: YtDlpSource, tmp_path: Path, path: str, kind: str, quality: str | None
) -> None:
    said = b"1\n00:00:00,000 --> 00:00:02,000\nTaxes fell last year.\n"
    site.files[path] = (kind, said)
    content = await ytdlp.describe(site.url + path)
    media = await ytdlp.fetch(content, tmp_path, quality=quality)
    assert media.path is None
    assert media.captions is not None
    assert Path(media.captions.path).read_bytes() == said
    assert media.digest == hashlib.sha256(said).hexdigest()
    [segment] = [each async for window in CaptionTranscriber().windows(media) for each in window.segments]
    assert segment.text == "Taxes fell last year."


async def test_a_stream_that_goes_on_is_not_cut_to_its_last_seconds(
    site: Any, ytdlp: YtDlpSource, tmp_path: Path
) -> None:
    listed = site.files["/hls/audio.m3u8"][1].replace(b"#EXT-X-ENDLIST\n", b"")
    site.files["/hls/live.m3u8"] = ("application/vnd.apple.mpegurl", listed)
    with pytest.raises(UnavailableError, match="live now"):
        await ytdlp.describe(f"{site.url}/hls/live.m3u8")
    content = await ytdlp.describe(site.page("/on-air", '<video src="/hls/live.m3u8"></video>'))
    with pytest.raises(UnavailableError, match="live now"):
        await ytdlp.fetch(content, tmp_path, quality=None)


async def test_the_limit_is_the_items_and_not_each_tracks(site: Any, tmp_path: Path) -> None:
    sizes = [len(site.files[f"/hls/{name}.ts"][1]) for name in ("video", "audio")]
    for most, passes in ((sum(sizes), True), (sum(sizes) - 1, False)):
        assert most > max(sizes), "either track alone would pass"
        source = YtDlpSource(AddressGuard({f"127.0.0.1:{site.port}"}), Limits(max_bytes=most), processes=1)
        content = await source.describe(f"{site.url}/hls/master.m3u8")
        folder = tmp_path / str(most)
        if passes:
            assert (await source.fetch(content, folder, quality="720p")).path is not None
        else:
            with pytest.raises(BadRequestError, match="This item is larger than"):
                await source.fetch(content, folder, quality="720p")
            assert list(folder.iterdir()) == []
        await source.close()


async def test_media_that_vanished_is_asked_for_once_more(site: Any, ytdlp: YtDlpSource, tmp_path: Path) -> None:
    address = site.page("/vanishing", '<video src="/status/403.mp4"></video>')
    content = await ytdlp.describe(address)
    site.page("/vanishing", VIDEO)  # the page now names another address for its media
    assert (await ytdlp.fetch(content, tmp_path, quality=None)).path is not None


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/x",
        "http://[::1]:1/x",
        "http://169.254.169.254/latest",
        "http://2130706433:1/",
        "http://127.1:1/",
        "http://0x7f.1:1/",
        "http://0177.0.0.1:1/",
        "http://0:1/",
        "http://[::ffff:7f00:1]:1/",
        "http://[::127.0.0.1]:1/",
        "http://[64:ff9b::7f00:1]:1/",
        "http://[2002:7f00:1::]:1/",
        "http://①②⑦.⓪.⓪.①:1/",
        "HTTP://LOCALHOST:1/",
    ],
)
async def test_a_private_address_is_refused(ytdlp: YtDlpSource, address: str) -> None:
    with pytest.raises(ForbiddenError, match="points to a private address"):
        await ytdlp.describe(address)


@pytest.mark.parametrize("quality", ["best", "-1", "720i", "0", "99999", ""])
async def test_a_wrong_quality_is_told_before_any_request(
    site: Any, ytdlp: YtDlpSource, tmp_path: Path, quality: str
) -> None:
    content = await ytdlp.describe(f"{site.url}/talk.ogg")
    site.asked.clear()
    with pytest.raises(BadRequestError, match="720p"):
        await ytdlp.fetch(content, tmp_path, quality=quality)
    assert site.asked == []


async def test_the_deadline_and_cancellation_kill_the_child(site: Any) -> None:
    guard = AddressGuard({f"127.0.0.1:{site.port}"})
    source = YtDlpSource(guard, Limits(describe_s=1.5), processes=1)
    with pytest.raises(UnavailableError, match=r"longer than 1\.5 s"):
        await source.describe(f"{site.url}/slow")
    assert source._idle == []

    task = asyncio.create_task(source.describe(f"{site.url}/slow"))
    await asyncio.sleep(0.3)
    pids = children()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source._idle == []
    assert not any(alive(pid) for pid in pids - children())
    await source.close()


@pytest.mark.parametrize(
    ("limits", "says"),
    [(Limits(memory_bytes=150_000_000), "more memory"), (Limits(cpu_s=1), "more than 1 s of processor time")],
)
async def test_a_page_that_explodes_ends_in_a_sentence(site: Any, limits: Limits, says: str) -> None:
    site.files["/bomb"] = ("text/html", b"<html>" + b"x" * 60_000_000)
    source = YtDlpSource(AddressGuard({f"127.0.0.1:{site.port}"}), limits, processes=1)
    with pytest.raises(BadRequestError, match=says):
        await source.describe(f"{site.url}/bomb")
    assert source._idle == []
    await source.close()


def tracks(path: str) -> tuple[int, int]:
    with av.open(path) as container:
        return len(container.streams.video), len(container.streams.audio)


def children() -> set[int]:
    task = Path(f"/proc/self/task/{os.getpid()}/children")
    return {int(pid) for pid in task.read_text(encoding="ascii").split()} if task.exists() else set()


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
