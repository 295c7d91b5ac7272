"""Server-sent events, parsed as their bytes come in."""

from typing import Final

_BOM: Final = b"\xef\xbb\xbf"


class EventParser:
    """Gives the data of each event once its blank line has come; what is unfinished at the end counts for nothing.

    It works on bytes, so that a character may come in two parts. Lines end in LF, CR or CRLF; comments and fields other
    than `data` are passed over. Source: WHATWG HTML, section 9.2.6, "Interpreting an event stream".
    """

    __slots__ = ("_after_cr", "_begun", "_data", "_data_bytes", "_line")

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._begun = False
        self._after_cr = False

    @property
    def held_bytes(self) -> int:
        """How much of an event that has not ended is kept; whoever feeds the parser bounds it."""
        return len(self._line) + self._data_bytes

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that end within a chunk, in order."""
        if not chunk:
            return []
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]  # of a CRLF whose CR ended the line already
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in chunk:  # without a look at the line so far: one that comes byte by byte stays cheap
            self._line += chunk
            return []
        first, *lines = chunk.split(b"\n")
        lines.insert(0, bytes(self._line) + first)
        self._line = bytearray(lines.pop())
        if not self._begun:
            self._begun = True
            lines[0] = lines[0].removeprefix(_BOM)
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events = []
        for line in lines:
            if not line:
                if self._data:
                    events.append(b"\n".join(self._data))
                    self._data, self._data_bytes = [], 0
            elif line == b"data" or line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
                self._data_bytes += len(line)
        return events
