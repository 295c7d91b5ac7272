"""Captions and written transcripts: any of the formats in use, told apart by what is in the file."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePath

import structlog

from udib.core.errors import BadRequestError, UnavailableError
from udib.core.speech import MOST_CAPTION_BYTES, Missing, Origin, Segment, check_caption_size
from udib.core.types import CaptionTrack, Health, Media, Window
from udib.transcripts.blocks import is_arrow_timed, is_sbv, is_webvtt, parse_blocks
from udib.transcripts.chat import parse_chat
from udib.transcripts.cues import Cue, estimated_ends, in_order, with_usable_times, without_carry_over
from udib.transcripts.plain import parse_plain, placed
from udib.transcripts.structured import parse_json3, parse_segments_json, parse_substation, parse_ttml
from udib.transcripts.table import is_table, parse_table
from udib.transcripts.turns import segments

log = structlog.get_logger()

_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")
_MOST_CONTROL = 0.02
_SAMPLE = 100_000
_XML = re.compile(r"<\?xml|<!--|<(?:\w+:)?tt[\s>]")
_TTML = re.compile(r"<(?:\w+:)?tt[\s>]")
_WEB_PAGE = re.compile(r"<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)
_SUBSTATION = re.compile(r"\[(?:Script Info|V4\+? Styles|Events)\]", re.IGNORECASE)
_JSON3_KEY = re.compile(r'"events"\s*:')
_JSON = re.compile(r"\{\s*\"|\[\s*\{")
_TRANSCRIPTS = frozenset(["text", "chat", "json", "table"])
_TABLE_SUFFIXES = frozenset([".csv", ".tsv"])
_LANGUAGE = re.compile(r"[A-Za-z]{2,12}(?:[-_][A-Za-z0-9]{2,8})*")
_TIMED_SUFFIXES = frozenset([".vtt", ".srt", ".sbv"])
_WRITE_TIMES = "write times as 00:01:02.500 --> 00:01:05.000"
_NO_TIME = f"No time in {{}} can be read; {_WRITE_TIMES}."
_ESTIMATED = (
    "the file does not say when {} of {} cues end, and the next one starts long after; these ends, and with them how "
    "long each person spoke, are estimates by the speed of speech"
)
_NO_COLUMNS = "{} is a table without columns named start and text; name them so in its first line (also end, speaker)."
_CLOCK = re.compile(r"\d:\d\d")
_MOSTLY = 0.4
_LONGEST_USUAL = 100
_HARMLESS = 2_000_000
"""Characters up to which a text may be anything: it costs a moment only."""
_REMEMBERED = 256
MOST_WORDS = 400_000
"""40 hours of ordinary speech; more would need more memory and time than a small machine has."""
MOST_TURNS = 100_000
"""A change of speaker every one and a half seconds for 40 hours; each makes a record of its own in memory."""
_MOST_SHOWN_WORDS = 3 * MOST_WORDS  # lines that roll up the screen are shown up to three times
_EXCERPT = 40


@dataclass(frozen=True, slots=True)
class ParsedCaptions:
    """What a caption file says.

    Attributes:
        segments: The speech, in order of time; at least one.
        timed: Whether the times come from the file; else they are estimates at 150 words a minute.
        kind: The format: "webvtt", "srt", "sbv", "json3", "json", "ttml", "substation", "table", "chat" or "text".
        automatic: Whether the file shows that a recogniser made it.
        repairs: Which times could not be used, "" if all could.
        estimates: Which ends, and so talk times, are estimates although the file has times; "" if none.
        language: What the file says that is spoken, None if it does not.
        encoding: How the bytes were read.
        replaced: Number of characters that could not be read and stand as U+FFFD.
    """

    segments: tuple[Segment, ...]
    timed: bool
    kind: str
    automatic: bool
    repairs: str
    estimates: str
    language: str | None
    encoding: str
    replaced: int


@dataclass(frozen=True, slots=True)
class _Read:
    cues: list[Cue]
    kind: str
    timed: bool = True
    automatic: bool = False
    doubted: Sequence[int] = ()
    language: str | None = None


@dataclass(frozen=True, slots=True)
class _Facts:
    timed: bool
    kind: str
    automatic: bool


class CaptionTranscriber:
    """Transcripts from caption files: nothing is recognised and nothing merged."""

    engine = "captions"
    low_accuracy = False
    language: str | None = None

    def __init__(self) -> None:
        self._facts: OrderedDict[str, _Facts] = OrderedDict()

    async def ping(self) -> Health:
        """Always well: nothing outside the process is needed."""
        return Health("captions", ok=True, detail="WebVTT, SRT, SBV, json3, JSON, TTML, ASS, CSV, chats and plain text")

    def accepts(self, media: Media) -> bool:
        """Whether the media has captions."""
        return media.captions is not None

    def origin(self, media: Media) -> Origin:
        """Automatic captions if the track or the file says so; text, chats, tables and podcast JSON are transcripts.

        The file is read for that unless `windows` was there before.
        """
        track = _track(media)
        facts = self._known(track)
        if track.automatic or facts.automatic:
            return Origin.AUTOMATIC_CAPTIONS
        return Origin.TRANSCRIPT if facts.kind in _TRANSCRIPTS else Origin.CAPTIONS

    def timed(self, media: Media) -> bool:
        """Whether the file has times. It is read for that unless `windows` was there before."""
        return self._known(_track(media)).timed

    async def windows(self, media: Media, *, after_s: float = 0.0) -> AsyncIterator[Window]:
        """All segments in one window.

        Raises:
            BadRequestError: The file is missing, too large, of no known format, or without words or usable times.
            UnavailableError: The file cannot be read.
        """
        track = _track(media)
        parsed = await asyncio.to_thread(_read, track)
        self._remember(track, parsed)
        duration_s = max(segment.end_s for segment in parsed.segments)
        told = (("times", parsed.repairs), ("talk times", parsed.estimates))
        missing = tuple(Missing(part, reason) for part, reason in told if reason)
        if after_s < duration_s:
            yield Window(parsed.segments, duration_s, duration_s, missing, parsed.language)

    def _known(self, track: CaptionTrack) -> _Facts:
        return self._facts.get(track.path) or self._remember(track, _read(track))

    def _remember(self, track: CaptionTrack, parsed: ParsedCaptions) -> _Facts:
        facts = self._facts[track.path] = _Facts(parsed.timed, parsed.kind, parsed.automatic)
        while len(self._facts) > _REMEMBERED:
            self._facts.popitem(last=False)
        return facts


def _track(media: Media) -> CaptionTrack:
    if media.captions is None:
        raise BadRequestError("There are no captions to read; give a caption or transcript file.")
    return media.captions


def _read(track: CaptionTrack) -> ParsedCaptions:
    path = Path(track.path)
    try:
        with path.open("rb") as file:
            data = file.read(MOST_CAPTION_BYTES + 1)
    except (FileNotFoundError, IsADirectoryError) as exc:
        raise BadRequestError(f"There is no caption file {path}; check the path.") from exc
    except OSError as exc:
        raise UnavailableError(f"The caption file {path} cannot be read: {exc.strerror}.") from exc
    parsed = parse(data, path.name)
    if parsed.replaced or parsed.encoding not in {"utf-8", "utf-8-sig"}:
        log.info("captions.encoding", file=path.name, encoding=parsed.encoding, replaced=parsed.replaced)
    return parsed


def parse(data: bytes, hint: str) -> ParsedCaptions:
    """The speech in a caption or transcript file.

    Args:
        data: The whole file.
        hint: Its name, for messages; the suffix matters only where the content tells nothing.

    Raises:
        BadRequestError: There is no text, no word or no usable time in it, or too much.
    """
    check_caption_size(hint, len(data))
    text, encoding, replaced = decode(data)
    if not text.strip():
        raise BadRequestError(f"{hint} is empty; give a file with captions or a transcript.")
    sample = text[:_SAMPLE]
    if len(_CONTROL.findall(sample)) > _MOST_CONTROL * len(sample):
        raise BadRequestError(f"{hint} is not a text file; give captions (VTT, SRT, TTML, json3) or plain text.")
    read = _parsed(text.lstrip("\ufeff"), hint)
    if not read.cues and _CLOCK.search(text):
        raise BadRequestError(_NO_TIME.format(hint))
    _refuse_gibberish(read.cues, hint)
    _limit_words((len(line.text.split()) for cue in read.cues for line in cue.lines), _MOST_SHOWN_WORDS, hint)
    repaired, doubted = with_usable_times(read.cues)
    repairs = _repairs(read, repaired, sorted({*doubted, *read.doubted}), hint)
    cues = in_order(repaired)
    if read.cues and not cues:
        raise BadRequestError(_NO_TIME.format(hint))
    estimated = estimated_ends(repaired, cues) if read.timed else 0
    rolled = False
    if read.timed:
        cues, rolled = without_carry_over(cues)
    said = tuple(segments(cues))
    if not said:
        raise BadRequestError(f"{hint} holds no spoken words; give a file with captions or a transcript.")
    _limit_words((len(segment.text.split()) for segment in said), MOST_WORDS, hint)
    if sum(one.speaker != other.speaker for one, other in pairwise(said)) > MOST_TURNS:
        raise BadRequestError(
            f"In {hint} the speaker changes more than {MOST_TURNS:,} times; split it and give one part each."
        )
    estimates = _ESTIMATED.format(estimated, len(read.cues)) if estimated else ""
    language = read.language if read.language and _LANGUAGE.fullmatch(read.language) else None
    automatic = read.automatic or rolled
    return ParsedCaptions(said, read.timed, read.kind, automatic, repairs, estimates, language, encoding, replaced)


def _limit_words(counts: Iterable[int], most: int, hint: str) -> None:
    if sum(counts) > most:
        raise BadRequestError(
            f"{hint} has more than {MOST_WORDS:,} words, about {MOST_WORDS // 10_000} hours of speech; "
            "split it and give one part each."
        )


def _refuse_gibberish(cues: Iterable[Cue], hint: str) -> None:
    """Refuse a long text whose words no mouth could say, before it costs the time of a transcript of its length."""
    texts = [line.text for cue in cues for line in cue.lines]
    characters = sum(map(len, texts))
    if characters > _HARMLESS and characters > _LONGEST_USUAL * sum(len(text.split()) for text in texts):
        raise BadRequestError(
            f"The words of {hint} have more than {_LONGEST_USUAL} characters on average, so they are not speech; "
            "give captions or a transcript."
        )


def _repairs(read: _Read, repaired: Sequence[Cue], doubted: Sequence[int], hint: str) -> str:
    """What to say of cues whose times cannot be used.

    Raises:
        BadRequestError: Most starts cannot be used, so that the neighbours of a cue tell nothing of it.
    """
    if not doubted or not read.timed:
        return ""
    first = doubted[0]
    words = " ".join(" ".join(line.text for line in read.cues[first].lines).split())
    excerpt = words if len(words) <= _EXCERPT else f"{words[:_EXCERPT]}..."
    where = f"the first in cue {first + 1} ({excerpt!r})"
    stated = [number for number, cue in enumerate(read.cues) if cue.start_s is not None]
    unusable = sum(repaired[number].start_s is None for number in stated)
    if 2 * unusable > len(stated):
        none = f"No time in {hint} can be read"
        some = f"{unusable} of {len(stated)} cue times in {hint} cannot be used"
        raise BadRequestError(f"{none if unusable == len(stated) else some}, {where}; {_WRITE_TIMES}.")
    return (
        f"{len(doubted)} of {len(read.cues)} cues have a time that could not be used, {where}; "
        "they were placed by their neighbours"
    )


def decode(data: bytes) -> tuple[str, str, int]:
    """The text of some bytes, the name of their encoding, and how many characters could not be read.

    A byte order mark decides; else UTF-8, and where a line is not UTF-8, Windows' cp1252, in which Latin-1 lies.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _replacing(data, encoding)
    sample = data[:1000]
    for encoding, high in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if high.count(0) > _MOSTLY * len(high) > 0:
            return _replacing(data, encoding)
    try:
        return data.decode("utf-8"), "utf-8", 0
    except UnicodeDecodeError:
        lines = [_line(line) for line in data.splitlines(keepends=True)]
    text = "".join(line for line, _ in lines)
    mixed = any(utf8 and not line.isascii() for line, utf8 in lines)
    return text, "utf-8 with cp1252" if mixed else "cp1252", text.count("\ufffd")


def _replacing(data: bytes, encoding: str) -> tuple[str, str, int]:
    text = data.decode(encoding, "replace")
    return text, encoding, text.count("\ufffd")


def _line(line: bytes) -> tuple[str, bool]:
    """A line as UTF-8 if more than half of its characters beyond ASCII are; else as cp1252."""
    text = line.decode("utf-8", "replace")
    if 2 * text.count("\ufffd") <= sum(char > "\x7f" for char in text):
        return text, True
    return line.decode("cp1252", "replace"), False


def _parsed(text: str, hint: str) -> _Read:
    start = text.lstrip()
    try:
        structured = _structured(start)
    except ValueError as exc:
        raise BadRequestError(f"{hint} cannot be read as captions: {str(exc).rstrip('.')}.") from exc
    if structured is not None:
        return structured
    if _WEB_PAGE.match(start) or _XML.match(start):
        raise BadRequestError(f"{hint} is a web page or XML file, not captions; save the transcript itself as text.")
    for kind, is_kind in (("webvtt", is_webvtt), ("srt", is_arrow_timed), ("sbv", is_sbv)):
        if is_kind(start):
            return _Read(parse_blocks(start), kind)
    if PurePath(hint).suffix.lower() in _TIMED_SUFFIXES:
        raise BadRequestError(_NO_TIME.format(hint))
    if is_table(start):
        return _Read(parse_table(start, hint), "table")
    if PurePath(hint).suffix.lower() in _TABLE_SUFFIXES:
        raise BadRequestError(_NO_COLUMNS.format(hint))
    chat = parse_chat(text)
    if chat is not None:
        timed = any(cue.start_s is not None for cue in chat)
        return _Read(chat if timed else placed(chat, ()), "chat", timed=timed)
    cues, timed, doubted = parse_plain(text)
    return _Read(cues, "text", timed=timed, doubted=doubted)


def _structured(text: str) -> _Read | None:
    if _JSON.match(text):
        if not _JSON3_KEY.search(text[:_SAMPLE]):
            cues, language = parse_segments_json(text)
            return _Read(cues, "json", language=language)
        cues, automatic = parse_json3(text)
        return _Read(cues, "json3", automatic=automatic)
    if _XML.match(text) and _TTML.search(text[:_SAMPLE]):
        return _Read(parse_ttml(text), "ttml")
    return _Read(parse_substation(text), "substation") if _SUBSTATION.match(text) else None
