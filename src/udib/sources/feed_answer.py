"""RSS and Atom as the answer of a search: title, address, beginning and date of each entry. Pure.

No document type is read, so that no entity can swell or fetch anything.
"""

from typing import Final
from xml.parsers import expat

from udib.core.errors import UnavailableError

_ENTRIES: Final = frozenset({"item", "entry"})
_FIELDS: Final = {
    "title": "title", "link": "url", "description": "snippet", "summary": "snippet", "content": "snippet",
    "pubdate": "published", "published": "published", "updated": "published", "date": "published",
}  # fmt: skip
_MOST: Final = 100


class _Entries:
    def __init__(self) -> None:
        self.found: list[dict[str, str]] = []
        self._entry: dict[str, str] | None = None
        self._field = ""
        self._text: list[str] = []

    def start(self, tag: str, given: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2].lower()
        if tag in _ENTRIES:
            self._entry = {}
        elif self._entry is not None and tag in _FIELDS:
            self._field, self._text = _FIELDS[tag], []
            if tag == "link" and given.get("href") and given.get("rel", "alternate") == "alternate":
                self._entry.setdefault("url", given["href"])

    def text(self, data: str) -> None:
        if self._field:
            self._text.append(data)

    def end(self, tag: str) -> None:
        tag = tag.rpartition(":")[2].lower()
        if tag in _ENTRIES and self._entry is not None:
            self.found.append(self._entry)
            self._entry = None
        elif self._entry is not None and self._field and _FIELDS.get(tag) == self._field:
            words = " ".join("".join(self._text).split())
            if words:
                self._entry.setdefault(self._field, words)
            self._field = ""


def entries_of(body: bytes) -> list[dict[str, str]]:
    """The entries of a feed, each with `title`, `url`, `snippet` and `published` as far as it has them.

    Raises:
        UnavailableError: It is no feed, or declares a document type.
    """
    entries = _Entries()
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise UnavailableError("The search service gave a feed with a document type, which is not read.")

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = entries.start
    parser.CharacterDataHandler = entries.text
    parser.EndElementHandler = entries.end
    try:
        parser.Parse(body, True)  # noqa: FBT003 - the library's signature
    except (expat.ExpatError, ValueError) as exc:
        raise UnavailableError("The search service gave an answer that is neither JSON nor a feed.") from exc
    return entries.found[:_MOST]
