"""The child process that runs yt-dlp: reads jobs from stdin, one at a time, and answers on a copy of stdout.

It parses whatever a site sends, so it runs under limits of memory and processor time, behind the address guard, with
nothing of the app's environment, and can be killed at any moment. It ends when its parent does.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from yt_dlp import YoutubeDL
from yt_dlp.networking import Request
from yt_dlp.utils import DownloadCancelled, YoutubeDLError

from udib.core.child import limit_cpu, limit_memory, orders
from udib.core.errors import BadRequestError, UdibError, UnavailableError
from udib.core.speech import MOST_CAPTION_BYTES
from udib.core.types import CaptionTrack, Media
from udib.net.guard import AddressGuard, forbidden
from udib.sources.media import check_file, digest_of, is_captions, join, probe
from udib.sources.ytdlp_choice import CaptionChoice, Info, choose_captions, content_of, format_for, spoken_language
from udib.sources.ytdlp_errors import explain
from udib.sources.ytdlp_listing import LISTING_OPTIONS, items_of
from udib.sources.ytdlp_protocol import MEMORY_EXIT, Fetched, FetchOrder, Setup, pack
from udib.sources.ytdlp_sockets import SocketGuard

_FRESH_S = 300.0
"""A described item is fetched without asking the site again for so long."""
# curl_cffi, the handler left out, opens its sockets in C, where the guard does not see them.
_GUARDED_HANDLERS = {"Urllib", "Requests", "Websockets"}
_LONGEST_LIST = 16 * 2**20
_EMPTY = "Did not get any data blocks"
_EXPIRED = ("HTTP Error 403", "HTTP Error 404", "HTTP Error 410")


class Downloader(YoutubeDL):  # type: ignore[misc]
    """yt-dlp with the request handlers that the guard sees, and no others."""

    def build_request_director(self, handlers: Iterable[Any], preferences: object = None) -> object:
        """The director over the guarded handlers."""
        return super().build_request_director(
            [each for each in handlers if each.RH_KEY in _GUARDED_HANDLERS], preferences
        )


class Silence:
    """yt-dlp's logger: what matters arrives as an exception."""

    def debug(self, message: str) -> None:
        """Drop it."""

    info = warning = error = debug


class Desk:
    """Does one job after the other. It remembers the item that it described last, so that fetching it asks no page."""

    def __init__(self, setup: Setup, guard: SocketGuard, clock: Callable[[], float] = time.monotonic) -> None:
        self._runtimes = {name: {"path": path} for name, path in setup.runtimes.items()}
        self._guard = guard
        self._clock = clock
        self._last: tuple[str, float, dict[str, Any]] | None = None

    def do(self, job: FetchOrder) -> Fetched:
        """Do a job; intended failures become the outcome."""
        self._guard.refused.clear()
        host = urlsplit(job.address).hostname or job.address
        try:
            if job.listed:
                return self._list(job)
            if job.folder is None:
                return Fetched(content=content_of(self._item(job, fresh=True), job.address))
            return Fetched(media=self._fetch(job, Path(job.folder), host))
        except (YoutubeDLError, UdibError, OSError) as exc:
            error = self._meaning(exc, host)
            if job.folder is not None and not isinstance(error, UnavailableError):
                _sweep(Path(job.folder))  # after a passing failure the parts stay: the next try goes on from them
            return Fetched(status=error.status, error=str(error))

    def _meaning(self, error: BaseException, host: str) -> UdibError:
        if self._guard.refused:
            return forbidden(self._guard.refused[-1])
        return error if isinstance(error, UdibError) else explain(error, host)

    def _item(self, job: FetchOrder, *, fresh: bool) -> dict[str, Any]:
        """The one item at the address."""
        if not fresh and self._last is not None:
            address, at, info = self._last
            if address == job.address and self._clock() - at < _FRESH_S:
                return info
        with Downloader(self._options(job, ignore_no_formats_error=True)) as ydl:
            info = _single(ydl, ydl.extract_info(job.address, download=False))
        _refuse_live(info)
        self._last = (job.address, self._clock(), info)
        return info

    def _list(self, job: FetchOrder) -> Fetched:
        """What a channel or playlist holds, newest first as its site shows it; no item's page is asked."""
        options = self._options(job, **LISTING_OPTIONS, playlist_items=f"1:{job.listed}")
        with Downloader(options) as ydl:
            found = ydl.extract_info(job.address, download=False)
            return Fetched(title=str(found.get("title") or ""), items=items_of(ydl, found, job.listed))

    def _fetch(self, job: FetchOrder, folder: Path, host: str) -> Media:
        selector = format_for(job.quality)
        folder.mkdir(parents=True, exist_ok=True)
        info = self._item(job, fresh=False)
        choice = choose_captions(info, job.language)
        captions, reason = self._captions(job, info, choice, folder, host)
        if captions is not None and job.quality is None:
            return Media(captions=captions, digest=digest_of(Path(captions.path)), reason=reason)
        path, has_words = self._media(job, info, selector, folder, host)
        if has_words:
            track = CaptionTrack(str(path), spoken_language(info))
            return Media(captions=track, digest=digest_of(path), reason="the address holds captions or a transcript")
        if captions is not None:
            reason = f"{reason}; video up to {job.quality} as asked"
            return Media(str(path), captions, digest_of(Path(captions.path)), reason)
        return Media(str(path), digest=digest_of(path), reason=reason, language=spoken_language(info))

    def _captions(
        self, job: FetchOrder, info: Info, choice: CaptionChoice | None, folder: Path, host: str
    ) -> tuple[CaptionTrack | None, str]:
        """The chosen track on disk, or none, with the reason why."""
        if choice is None:
            return None, "sound: the item has no captions in its own or the wanted language"
        path = folder / f"captions.{choice.track['ext']}"
        try:
            self._download_captions(job, info, choice, path)
            check_file(path)
            if not is_captions(path):
                return None, "sound: the captions are no text"
        except BadRequestError as exc:
            return None, f"sound: the captions cannot be used ({exc})"
        except YoutubeDLError as exc:
            error = self._meaning(exc, host)
            if isinstance(error, UnavailableError) and _EMPTY not in str(exc):
                raise error from exc  # the captions are worth waiting for: they are far cheaper than the sound
            return None, f"sound: the captions cannot be fetched ({error})"
        return CaptionTrack(str(path), choice.language, choice.automatic), choice.reason

    def _download_captions(self, job: FetchOrder, info: Info, choice: CaptionChoice, path: Path) -> None:
        path.unlink(missing_ok=True)
        if choice.track.get("data") is not None:
            path.write_text(choice.track["data"], encoding="utf-8", newline="")
            return
        with Downloader(self._options(replace(job, max_bytes=min(job.max_bytes, MOST_CAPTION_BYTES)))) as ydl:
            track = {"http_headers": info.get("http_headers"), **choice.track}
            ydl.dl(str(path), track, subtitle=True)

    def _media(
        self, job: FetchOrder, info: dict[str, Any], selector: str, folder: Path, host: str
    ) -> tuple[Path, bool]:
        """What the address holds, on disk: media, checked to have sound, or (True) captions or a transcript."""
        try:
            part = self._download(job, info, selector, folder)
        except YoutubeDLError as exc:
            if not any(text in str(exc) for text in _EXPIRED):
                raise
            # The media's address had expired: once more from the item's page.
            part = self._download(job, self._item(job, fresh=True), selector, folder)
        name = f"What {host} has at this address"
        has_words = is_captions(part, name)
        if not has_words:
            probe(part, name)
        path = part.replace(folder / f"{'captions' if has_words else 'media'}{part.suffix}")
        _sweep(folder)
        return path, has_words

    def _download(self, job: FetchOrder, info: dict[str, Any], selector: str, folder: Path) -> Path:
        with Downloader(self._options(job, format=selector)) as ydl:
            chosen = ydl.process_ie_result(_unprocessed(info), download=False)
        formats = chosen.get("requested_formats") or [chosen]
        files: list[Path] = []
        left = job.max_bytes  # of the item, not of each of its tracks
        for number, each in enumerate(formats):
            path = self._one_format(job, info, each, folder / f"part{number}", left)
            files.append(path)
            left -= path.stat().st_size
        if len(files) == 1:
            return files[0]
        all_mp4 = {path.suffix for path in files} <= {".mp4", ".m4a"}
        joined = folder / ("part.mp4" if all_mp4 else "part.mkv")
        video, audio = files
        join(video, audio, joined)
        return joined

    def _one_format(self, job: FetchOrder, info: dict[str, Any], wanted: Info, stem: Path, left: int) -> Path:
        def selector(context: Mapping[str, Any]) -> list[Any]:
            return [each for each in context["formats"] if each["format_id"] == wanted["format_id"]][:1]

        options = self._options(job, left, format=selector, outtmpl=f"{_escaped(stem)}.%(ext)s")
        if str(wanted.get("protocol")) not in {"http", "https"}:
            # Of a track in fragments yt-dlp would leave out a long one and call it not found; `watch` counts them all.
            options["max_filesize"] = None
        with Downloader(options) as ydl:
            _refuse_unfinished(ydl, wanted)
            done = ydl.process_ie_result(_unprocessed(info), download=True)
        for each in done.get("requested_downloads") or ():
            path = Path(each.get("filepath") or "")
            if path.is_file() and path.stat().st_size > 0:
                return path
        # yt-dlp raises nothing when it leaves out a file that is announced as longer than max_filesize.
        raise BadRequestError(f"This item is larger than {job.max_bytes // 10**6} MB, or has no content.")

    def _options(self, job: FetchOrder, left: int | None = None, **more: object) -> dict[str, Any]:
        """yt-dlp's options for a job of which `left` bytes may still be fetched; None: nothing was fetched so far."""
        most = job.max_bytes if left is None else left

        def watch(progress: Mapping[str, Any]) -> None:
            if (progress.get("downloaded_bytes") or 0) > most:
                raise DownloadCancelled(f"This item is larger than {job.max_bytes // 10**6} MB; nothing was kept.")

        return {
            "quiet": True,
            "noprogress": True,
            "logger": Silence(),
            "cachedir": False,
            "proxy": "",  # a proxy would open connections where the guard does not see them
            "socket_timeout": 20,
            "retries": 3,
            "fragment_retries": 3,
            "extractor_retries": 1,
            "file_access_retries": 0,
            "skip_unavailable_fragments": False,
            "concurrent_fragment_downloads": 4,
            "overwrites": True,
            "fixup": "never",
            "default_search": "error",
            "noplaylist": True,
            "extract_flat": "in_playlist",
            "lazy_playlist": True,
            "playlist_items": "1:2",
            "max_filesize": most,
            "progress_hooks": [watch],
            "hls_prefer_native": True,
            "external_downloader": {"default": "native"},
            "ffmpeg_location": os.devnull,  # ffmpeg would open connections of its own
            "js_runtimes": self._runtimes,
            **more,
        }


def _single(ydl: Downloader, info: dict[str, Any] | None) -> dict[str, Any]:
    """The item itself; a list of one item stands for that item."""
    for _ in range(3):
        if info is None:
            break
        if info.get("_type", "video") == "video":
            return info
        entries = list(info.get("entries") or ()) if "entries" in info else [info]
        if len(entries) > 1:
            raise BadRequestError(
                "This is a list of items (a channel, playlist or feed); give the address of one of them."
            )
        info = ydl.process_ie_result(dict(entries[0]), download=False) if entries and entries[0] else None
    raise BadRequestError("There is no item at this address; check it.")


def _unprocessed(info: dict[str, Any]) -> dict[str, Any]:
    """A copy without the choices of an earlier pass, which yt-dlp would mix with those of the next."""
    copied: dict[str, Any] = Downloader.sanitize_info(info, remove_private_keys=True)
    return copied


def _refuse_live(info: Info) -> None:
    status = info.get("live_status")
    if status == "is_upcoming":
        raise UnavailableError("This item has not begun yet; try again when it has ended.")
    if status == "is_live" or info.get("is_live"):
        raise UnavailableError("This item is live now; try again when it has ended.")


def _refuse_unfinished(ydl: Downloader, wanted: Info) -> None:
    """Refuse an HLS stream that goes on, whatever its page says: only its last seconds would be fetched."""
    if not str(wanted.get("protocol")).startswith("m3u8"):
        return
    with ydl.urlopen(Request(wanted["url"], headers=wanted.get("http_headers") or {})) as response:
        listed = response.read(_LONGEST_LIST)
    if b"#EXTINF" in listed and b"#EXT-X-ENDLIST" not in listed and len(listed) < _LONGEST_LIST:
        raise UnavailableError("This item is live now; try again when it has ended.")


def _sweep(folder: Path) -> None:
    """Remove what is not finished."""
    for path in folder.glob("part*"):
        path.unlink()


def _escaped(path: Path) -> str:
    """A path as part of an output template."""
    return str(path).replace("%", "%%")


def main() -> None:
    """Serve jobs until the parent closes the pipe."""
    with os.fdopen(os.dup(1), "wb") as answers, Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # yt-dlp and its children may print; stdout is for answers
        jobs = orders(sys.stdin.buffer)
        setup = msgspec.json.decode(jobs.get(), type=Setup)
        limit_memory(setup.memory_bytes)
        guard = SocketGuard(AddressGuard(setup.allowed))
        guard.install()
        desk = Desk(setup, guard)
        while True:
            job = msgspec.json.decode(jobs.get(), type=FetchOrder)
            limit_cpu(job.cpu_s)
            try:
                outcome = desk.do(job)
            except MemoryError:
                os._exit(MEMORY_EXIT)
            answers.write(pack(outcome))
            answers.flush()


if __name__ == "__main__":
    main()
