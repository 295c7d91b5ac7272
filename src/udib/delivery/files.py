"""Reports as files: one folder a content, below one folder a scope."""

import asyncio
import hashlib
import os
import re
import shutil
import unicodedata
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from udib.core.errors import UnavailableError
from udib.core.findings import Report
from udib.core.tenancy import Scope
from udib.core.types import Content, ContentId, Delivered, Health
from udib.delivery import view
from udib.delivery.document import render_json
from udib.delivery.html import render_html
from udib.delivery.markdown import render_markdown
from udib.delivery.text import clean
from udib.delivery.vtt import under_right_names

_LONGEST_SLUG = 60
_ID_DIGITS = 12
_FILE_ID = re.compile(rf"file:([0-9a-f]{{{_ID_DIGITS}}})[0-9a-f]{{20}}")
_RECORDING = "recording"
_NAMES = {"markdown": "report.md", "html": "report.html", "json": "report.json", "captions": "transcript.vtt"}


class FilesOutbox:
    """Writes `report.md`, `report.html`, `report.json` and `transcript.vtt`, each whole or not at all.

    A later revision replaces the files of the one before, in the same folder even if the title has changed. Beside the
    report of a recording of this machine stands a link to it, which the page plays: so no page holds a path.

    With `flat` the files go straight into `root`, named after the item: an export, which belongs to the user and has no
    link to the recording. Its modes follow the user's umask, and `forget` does not reach it. `contact` stands in every
    report as the place to write to about mistakes.
    """

    name = "files"

    def __init__(self, root: Path, *, flat: bool = False, contact: str = "") -> None:
        self._root = root
        self._flat = flat
        self._contact = contact

    async def deliver(self, scope: Scope, report: Report, transcript_vtt: str) -> list[Delivered]:
        """Write all files; the same report again writes the same files.

        Without `transcript_vtt` the captions that are there stay, and are the words of the page. Names that readers
        gave stand in the captions; those with the transcript's labels are kept beside them, for the day a name goes.

        Raises:
            UnavailableError: The folder cannot be written to, or the disk is full.
        """
        return await asyncio.to_thread(self._write_all, scope, report, transcript_vtt)

    async def forget(self, scope: Scope, content_id: ContentId) -> int:
        """Remove a content's folder; returns how many files were in it. Exports (`flat`) are the user's and stay."""
        return 0 if self._flat else await asyncio.to_thread(self._remove, scope, content_id)

    async def ping(self) -> Health:
        """Whether the folder, or the nearest one above it, can be written to."""
        existing = next(place for place in (self._root, *self._root.absolute().parents) if place.exists())
        ok = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
        remedy = "" if ok else "Choose another folder for reports, or make this one writable."
        return Health(self.name, ok, f"reports go to {self._root}", remedy)

    def _write_all(self, scope: Scope, report: Report, transcript_vtt: str) -> list[Delivered]:
        try:
            paths = self._paths(scope, report.content)
            heard = _as_heard(paths["captions"])
            captions = transcript_vtt or captions_as_heard(paths["captions"])
            shown = under_right_names(captions, report)
            kinds = [kind for kind in _NAMES if captions or kind != "captions"]
            places = [Delivered(kind, str(paths[kind])) for kind in kinds]
            others = (each for each in report.delivered if each.kind not in _NAMES)
            report = replace(report, delivered=(*places, *others))  # the file says what stands beside it
            sound = None if self._flat else _linked(view.recording(report.content), paths["html"].parent)
            pages = {
                "markdown": render_markdown(report, self._contact).encode("utf-8", "replace"),
                "html": render_html(report, captions, sound, self._contact).encode("utf-8", "replace"),
                "json": render_json(report),
                "captions": shown.encode("utf-8", "replace"),
            }
            if shown != captions and not self._flat:
                _write(heard, captions.encode("utf-8", "replace"), mode=0o600)
            for kind in kinds:
                _write(paths[kind], pages[kind], mode=0o666 if self._flat else 0o600)
            if shown == captions:
                heard.unlink(missing_ok=True)
        except OSError as exc:
            raise UnavailableError(
                f"The report could not be written to {self._root}: {exc.strerror or type(exc).__name__}. "
                "Free some space there or choose another folder."
            ) from exc
        return places

    def _paths(self, scope: Scope, content: Content) -> dict[str, Path]:
        slug = _slug(content)
        if self._flat:
            self._root.mkdir(parents=True, exist_ok=True)
            return {kind: self._root / f"{slug}{Path(name).suffix}" for kind, name in _NAMES.items()}
        folder = next(iter(self._folders(scope, content.id)), self._root / scope.digest() / slug)
        for place in (self._root, folder.parent, folder):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return {kind: folder / name for kind, name in _NAMES.items()}

    def _folders(self, scope: Scope, content_id: ContentId) -> list[Path]:
        """The content's folders, found by what ends their names. A link is never followed out of the root."""
        within = self._root / scope.digest()
        found = {folder for end in (_short_id(content_id), _digest(content_id)) for folder in within.glob(f"*-{end}")}
        return sorted(folder for folder in found if folder.is_dir() and not folder.is_symlink())

    def _remove(self, scope: Scope, content_id: ContentId) -> int:
        removed = 0
        try:
            for folder in self._folders(scope, content_id):
                removed += sum(1 for _ in folder.iterdir())
                shutil.rmtree(folder)
        except OSError as exc:
            raise UnavailableError(
                f"A report below {self._root} could not be removed: {exc.strerror or type(exc).__name__}. Try again."
            ) from exc
        return removed


def _slug(content: Content) -> str:
    """The title in safe letters and the content's short id: `rent-control-live-0f3a9c2b71de`, at most 60 characters."""
    plain = unicodedata.normalize("NFKD", clean(content.title)).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain)[: _LONGEST_SLUG - _ID_DIGITS - 1].strip("-")
    return f"{words or 'report'}-{_short_id(content.id)}"


def _short_id(content_id: ContentId) -> str:
    """What ends the names of a content's files: the beginning of a file's id, as `udib show` takes it.

    Ids of sites may differ in case alone, or in what no file name can hold; for them a digest stands.
    """
    found = _FILE_ID.fullmatch(content_id)
    return found[1] if found else _digest(content_id)


def _digest(content_id: ContentId) -> str:
    """The end of the names for ids of sites, and in version 0.1.0 for all."""
    return hashlib.sha256(content_id.encode("utf-8", "surrogatepass")).hexdigest()[:_ID_DIGITS]


def captions_as_heard(captions: Path) -> str:
    """The captions with the labels of the transcript, whatever names readers gave; "" if there are none."""
    return _read(_as_heard(captions)) or _read(captions)


def _as_heard(captions: Path) -> Path:
    """Where they lie while the captions themselves have names that readers gave."""
    return captions.with_name(f".{captions.name}.as-heard")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _linked(recording: Path | None, folder: Path) -> str | None:
    """Make or renew the link to a recording; gives its address as seen from the folder.

    None if there is no recording, or the file system knows no links: then the page has no player.
    """
    if recording is None or not recording.is_file():
        return None
    name = f"{_RECORDING}{recording.suffix.lower()}"
    draft = folder / f".{name}.{uuid4().hex}.tmp"
    try:
        draft.symlink_to(recording.absolute())
        draft.replace(folder / name)
    except OSError:  # a full disk fails the files themselves
        draft.unlink(missing_ok=True)
        return None
    return f"./{name}"


def _write(path: Path, data: bytes, *, mode: int) -> None:
    """Replace a file in one step: a reader, or a crash, meets the old file or the new one."""
    draft = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
