"""Pages that a search names and documents that a user adds, fetched and read: never run, within bounds, by a child."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec

from udib.core.errors import BadRequestError, ForbiddenError, UnavailableError
from udib.core.evidence import Document, not_to_come
from udib.net.pool import HTTPConnectionPool
from udib.net.retry import RetryPolicy, resilient_get
from udib.sources.page_child import Readable, decoded, plain

MOST_BYTES: Final = 5_000_000
DEADLINE_S: Final = 15.0
_AT_ONCE: Final = 2
"""Children that read at the same time."""
_HTML_CHILD: Final = "udib.sources.page_html_child"
_PDF_CHILD: Final = "udib.sources.page_pdf_child"
_HEADERS: Final = {
    "User-Agent": "Mozilla/5.0 (compatible; udib; reads single pages that a search named)",
    "Accept": "text/html,application/xhtml+xml,application/pdf;q=0.9,text/plain;q=0.8",
}
_CHARSET: Final = re.compile(r"""charset\s*=\s*["']?([\w.:-]{2,40})""", re.IGNORECASE)
_SUFFIXES: Final = {
    ".txt": "text/plain", ".md": "text/plain", ".markdown": "text/plain", ".html": "text/html", ".htm": "text/html",
    ".xhtml": "text/html", ".pdf": "application/pdf",
}  # fmt: skip
_NOT_TYPED: Final = tuple(map(chr, {*range(32), 127, 0xFFFD} - {*b"\t\n\f\r\x1b"}))
"""Characters that no text holds, but data that is read as text does."""
_MOST_NOT_TYPED: Final = 0.02
"""The share of them from which it is data."""
DOCUMENTS: Final = frozenset(_SUFFIXES)
"""What the names of files end with that can be read."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Body:
    data: bytes
    kind: str
    charset: str
    url: str


class PageReader:
    """Reads single documents.

    Args:
        pool: Whose connections are used; its guard decides which addresses may be read.
        retry: When a page is asked for again.
        deadline_s: Longest time for one page, from the request to its words.
        now: The time.
    """

    def __init__(
        self,
        pool: HTTPConnectionPool,
        retry: RetryPolicy,
        *,
        deadline_s: float = DEADLINE_S,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._pool = pool
        self._retry = retry
        self._deadline_s = deadline_s
        self._now = now
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def read(self, url: str) -> Document:
        """The page at an address.

        Raises:
            BadRequestError: It cannot be read, and why: longer than 5 MB, a paywall, JavaScript, no text, ...
            ForbiddenError: The address is private, or the site refuses.
            UnavailableError: The site does not answer in time.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await resilient_get(self._pool, url, retry=self._retry, max_bytes=MOST_BYTES, headers=_HEADERS)
                kind, _, more = answer.headers.get("content-type", "text/html").partition(";")
                charset = _CHARSET.search(more)
                body = _Body(answer.body, kind.strip().lower(), charset[1] if charset else "", answer.url)
                return await self._page(body, urlsplit(answer.url).hostname or "")
        except TimeoutError as exc:
            host = urlsplit(url).hostname
            raise UnavailableError(f"{host} did not give a page in {self._deadline_s:g} s.") from exc

    async def read_file(self, path: Path) -> Document:
        """A document of this machine.

        Raises:
            BadRequestError: It is missing, too long, of another kind, or holds no words.
            ForbiddenError: It may not be read.
        """
        kind = _SUFFIXES.get(path.suffix.lower())
        if kind is None:
            raise BadRequestError(
                f"{path} is no document that can be read; give a text, Markdown, HTML or PDF file ({_endings()})."
            )
        data = await asyncio.to_thread(_contents, path)
        page = await self._page(_Body(data, kind, "", path.as_uri()), "")
        return page if page.title else replace(page, title=path.stem)

    async def _page(self, body: _Body, host: str) -> Document:
        readable = await self._readable(body)
        if readable.refusal:
            raise BadRequestError(f"{_place(body.url)} is not readable: {readable.refusal}.")
        read_at = self._now().astimezone(UTC).isoformat(timespec="seconds")
        return Document(
            url=body.url,
            title=readable.title or host,
            text=readable.text,
            retrieved_at=read_at,
            publisher=readable.publisher or host or None,
            published_at=not_to_come(readable.published_at, read_at),
            language=readable.language,
        )

    async def _readable(self, body: _Body) -> Readable:
        if body.data.startswith(b"%PDF-") or body.kind == "application/pdf":
            return await self._by_child(_PDF_CHILD, body)
        if body.kind in {"text/html", "application/xhtml+xml"}:
            return await self._by_child(_HTML_CHILD, body, body.charset)
        if body.kind in {"text/plain", "text/markdown"}:
            return await asyncio.to_thread(_of_text, body.data, body.charset)
        return Readable(refusal=f"it is neither a web page nor a text nor a PDF, but {body.kind or 'something else'}")

    async def _by_child(self, module: str, body: _Body, *arguments: str) -> Readable:
        """What a child makes of it. It is killed with the deadline, and keeps to its memory and processor time."""
        async with self._free:
            child = await _start(module, *arguments)
            try:
                said, _ = await child.communicate(body.data)
            finally:
                if child.returncode is None:
                    child.kill()
                    await child.wait()
        if child.returncode == -signal.SIGXCPU:
            return Readable(refusal="it takes too long to be read")
        if child.returncode:
            return Readable(refusal="it breaks what reads it")
        return msgspec.json.decode(said, type=Readable)


async def _start(module: str, *arguments: str) -> asyncio.subprocess.Process:
    """A child with nothing of this process's environment but where modules lie."""
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", module, *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONUTF8": "1"},
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
    except OSError as exc:
        raise UnavailableError(f"The process that reads pages cannot be started: {exc.strerror}.") from exc


def _place(url: str) -> str:
    """How a sentence names a document: a page by its host and path, a file by its path."""
    parts = urlsplit(url)
    return url2pathname(parts.path) if parts.scheme == "file" else f"{parts.hostname}{parts.path}"


def _endings() -> str:
    return ", ".join(sorted(DOCUMENTS))


def _of_text(data: bytes, charset: str) -> Readable:
    """What a file says that calls itself text; data under such a name has no words for anybody."""
    said = decoded(data, charset)
    if sum(map(said.count, _NOT_TYPED)) > _MOST_NOT_TYPED * len(said):
        return Readable(refusal="it holds data and no text; give a text that is saved as UTF-8")
    text = plain(said)
    return Readable(text) if text else Readable(refusal="it is empty")


def _contents(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise BadRequestError(f"There is no file {path}; check the path (a web address begins with https://).")
        if path.stat().st_size > MOST_BYTES:
            raise BadRequestError(f"{path} is longer than {MOST_BYTES:,} bytes; give it in parts.")
        return path.read_bytes()
    except PermissionError as exc:
        raise ForbiddenError(f"{path} may not be read; give yourself the right to read it.") from exc
    except OSError as exc:
        raise BadRequestError(f"{path} cannot be read: {exc.strerror}.") from exc
