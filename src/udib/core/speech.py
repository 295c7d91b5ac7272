"""What was said: words, segments, transcripts, and quotes, which can only be cut out of a transcript."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cached_property
from typing import Final, TypeVar, cast

from udib.core.errors import BadRequestError

Made = TypeVar("Made")

_NUMBERED: Final = re.compile(r"speaker \d+", re.IGNORECASE)
SILENCE_S: Final = 10.0
"""Seconds without words over which no sentence and no thought goes on, whatever the punctuation says."""


class Origin(StrEnum):
    """Where the words of a transcript come from, best first."""

    TRANSCRIPT = "transcript"
    CAPTIONS = "captions"
    AUTOMATIC_CAPTIONS = "automatic_captions"
    ASR = "asr"


MOST_CAPTION_BYTES = 32 * 1024 * 1024
"""The longest file of captions or words that is read: a day of json3, the wordiest format, has about 25 MB."""


def check_caption_size(name: str, size_bytes: int) -> None:
    """See that a file of captions or words is not too long.

    Raises:
        BadRequestError: It is.
    """
    if size_bytes > MOST_CAPTION_BYTES:
        most = MOST_CAPTION_BYTES // 1024**2
        raise BadRequestError(
            f"{name} has more than {most} MiB, the most for captions and transcripts; split it and give one part each."
        )


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word with its time in seconds from the start of the item.

    `confidence` is in [0, 1], on the scale of whoever recognised it (`udib.transcripts.confidence`), None where nobody
    says; `doubtful` means that it is below the threshold of that scale.
    """

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None
    doubtful: bool = False


def is_numbered(speaker: str) -> bool:
    """Whether a speaker's label is a number, which every transcript gives anew, and the next one to somebody else."""
    return _NUMBERED.fullmatch(speaker) is not None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech by one speaker. `speaker` is a name given by the source or "Speaker 1"; None if unknown."""

    start_s: float
    end_s: float
    text: str
    speaker: str | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, init=False)
class Quote:
    """Words that were said, exactly as the transcript has them.

    It has no constructor: `Transcript.quote` and `Transcript.cut` make it, so that no report can show invented words.
    `first` and `last` are the numbers of the transcript's segments that it touches. `doubtful` are the numbers of its
    words, from 0 and as white space parts them, that the recogniser did not hear clearly.
    """

    text: str
    start_s: float
    end_s: float
    speaker: str | None
    first: int
    last: int
    doubtful: tuple[int, ...] = ()

    def said_by(self, name: str) -> "Quote":
        """The same words under the name that a reader gave their speaker."""
        renamed = object.__new__(Quote)
        for field in fields(self):
            object.__setattr__(renamed, field.name, name if field.name == "speaker" else getattr(self, field.name))
        return renamed


@dataclass(frozen=True, slots=True)
class Missing:
    """A part that the report lacks, and why."""

    part: str
    reason: str


@dataclass(frozen=True)
class Transcript:
    """All that was said in one item, in order of time.

    `engine` names what produced it; `low_accuracy` marks a fallback recogniser, whose words need checking by ear;
    `timed` is False when the source gave no times and they were estimated; `missing` is what could not be read.
    `language` is what the source says, "und" where it says nothing.
    """

    segments: tuple[Segment, ...]
    origin: Origin
    engine: str
    language: str = "en"
    low_accuracy: bool = False
    timed: bool = True
    missing: tuple[Missing, ...] = ()

    def once(self, make: Callable[["Transcript"], Made]) -> Made:
        """What a function makes of it, such as its sentences: made once, and kept as long as the transcript is."""
        if make not in self._made:
            self._made[make] = make(self)
        return cast("Made", self._made[make])

    @cached_property
    def _made(self) -> dict[object, object]:
        return {}

    @property
    def duration_s(self) -> float:
        """Time of the last word, in seconds."""
        return max((segment.end_s for segment in self.segments), default=0.0)

    @property
    def word_count(self) -> int:
        """Number of words, counted by white space."""
        return sum(len(segment.text.split()) for segment in self.segments)

    @property
    def doubtful_count(self) -> int | None:
        """Number of words that were not heard clearly; None where no recogniser says how clearly it heard any."""
        words = [word for segment in self.segments for word in segment.words if word.confidence is not None]
        return sum(word.doubtful for word in words) if words else None

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers that have a label, in order of appearance."""
        return tuple(dict.fromkeys(s.speaker for s in self.segments if s.speaker is not None))

    def quote(self, text: str, *, near_s: float | None = None) -> Quote | None:
        """The place where `text` was said, or None if it was not.

        Case, punctuation and white space do not matter; every word does, in order. The quote carries the transcript's
        own spelling. With `near_s`, the occurrence that starts nearest to that second; else the first.
        """
        wanted = _tokens(text)
        places = [at for at in self._places(wanted) if self._one_speaker(at, at + len(wanted) - 1)] if wanted else []
        if not places:
            return None
        starts = self._index.where
        at = places[0] if near_s is None else min(places, key=lambda p: abs(self._time(*starts[p][:2]) - near_s))
        first, begin, _ = starts[at]
        last, _, end = starts[at + len(wanted) - 1]
        return self.cut(first, begin, last, end)

    def cut(self, first: int, begin: int, last: int, end: int) -> Quote:
        """The words from character `begin` of segment `first` up to character `end` (exclusive) of segment `last`.

        Raises:
            ValueError: The range is empty or reaches outside the transcript.
        """
        if not 0 <= first <= last < len(self.segments):
            raise ValueError(f"no segments {first} to {last}")
        parts = [segment.text for segment in self.segments[first : last + 1]]
        parts[-1] = parts[-1][begin if first == last else 0 : end]
        parts[0] = parts[0] if first == last else parts[0][begin:]
        text = " ".join(" ".join(parts).split())
        if not text:
            raise ValueError("an empty quote")
        quote = object.__new__(Quote)
        values = {
            "text": text,
            "start_s": self._time(first, begin),
            "end_s": self._time(last, end, ending=True),
            "speaker": self.segments[first].speaker,
            "first": first,
            "last": last,
            "doubtful": self._doubtful_in(first, begin, last, end) if self._doubts else (),
        }
        for name, value in values.items():
            object.__setattr__(quote, name, value)
        return quote

    def holds(self, quote: Quote) -> bool:
        """Whether the quote's words stand in the segments that it names, said by its speaker."""
        if not 0 <= quote.first <= quote.last < len(self.segments):
            return False
        span = self.segments[quote.first : quote.last + 1]
        said = " ".join(" ".join(segment.text for segment in span).split())
        return quote.text in said and all(segment.speaker == quote.speaker for segment in span)

    @cached_property
    def _index(self) -> "_TokenIndex":
        return _TokenIndex.of(self.segments)

    def _places(self, wanted: Sequence[str]) -> Iterator[int]:
        index = self._index
        for at in index.positions.get(wanted[0], ()):
            if index.tokens[at : at + len(wanted)] == wanted:
                yield at

    def _one_speaker(self, begin: int, end: int) -> bool:
        first, last = self._index.where[begin][0], self._index.where[end][0]
        return len({segment.speaker for segment in self.segments[first : last + 1]}) == 1

    def _time(self, number: int, offset: int, *, ending: bool = False) -> float:
        """Second of a character: by word times where there are any, else in proportion to the text."""
        segment = self.segments[number]
        if segment.words:
            ends = self._word_ends[number]
            if ending:
                return segment.words[min(bisect_left(ends, offset), len(ends) - 1)].end_s
            return segment.words[min(bisect_right(ends, offset), len(ends) - 1)].start_s
        share = offset / max(len(segment.text), 1)
        return round(segment.start_s + min(max(share, 0.0), 1.0) * (segment.end_s - segment.start_s), 3)

    def _doubtful_in(self, first: int, begin: int, last: int, end: int) -> tuple[int, ...]:
        """The numbers of the doubtful words of a cut, counted from its first word."""
        found: list[int] = []
        count = 0
        for number in range(first, last + 1):
            text = self.segments[number].text
            doubts = self._doubts.get(number, ())
            start, stop = begin if number == first else 0, end if number == last else len(text)
            for match in _VISIBLE.finditer(text, start, stop):
                if any(match.start() < to and at < match.end() for at, to in doubts):
                    found.append(count)
                count += 1
        return tuple(found)

    @cached_property
    def _doubts(self) -> dict[int, tuple[tuple[int, int], ...]]:
        """Where the doubtful words of each segment that has any stand in its text."""
        return {
            number: tuple(
                (end - len(word.text.strip()), end)
                for word, end in zip(segment.words, self._word_ends[number], strict=True)
                if word.doubtful
            )
            for number, segment in enumerate(self.segments)
            if any(word.doubtful for word in segment.words)
        }

    @cached_property
    def _word_ends(self) -> tuple[tuple[int, ...], ...]:
        return tuple(_word_ends(segment) for segment in self.segments)


def stretches(
    text: str, begin: int = 0, end: int | None = None, *, words: int, characters: int
) -> Iterator[tuple[int, int, int]]:
    """Cut a text between words, and inside a word that is too long by itself.

    Args:
        text: What is cut.
        begin: Offset of its first character.
        end: Offset behind its last character; None: the end of the text.
        words: Most words of a stretch.
        characters: Most characters of a stretch.

    Returns:
        (first character, behind the last character, words) of each stretch, without outer blanks.
    """
    first, last, held = begin, begin, 0
    for start, stop in _short_words(text, begin, len(text) if end is None else end, characters):
        if held and (held == words or stop - first > characters):
            yield first, last, held
            held = 0
        if not held:
            first = start
        last, held = stop, held + 1
    if held:
        yield first, last, held


def _short_words(text: str, begin: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    for match in _VISIBLE.finditer(text, begin, end):
        for start in range(match.start(), match.end(), longest):
            yield start, min(start + longest, match.end())


@dataclass(frozen=True, slots=True)
class _TokenIndex:
    """All tokens of a transcript, where each lies (segment, begin, end), and the places of each token."""

    tokens: list[str]
    where: list[tuple[int, int, int]]
    positions: dict[str, list[int]]

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> "_TokenIndex":
        tokens: list[str] = []
        where: list[tuple[int, int, int]] = []
        positions: dict[str, list[int]] = {}
        for number, segment in enumerate(segments):
            for match in _WORD.finditer(segment.text):
                token = _normal(match.group())
                positions.setdefault(token, []).append(len(tokens))
                tokens.append(token)
                where.append((number, *match.span()))
        return cls(tokens, where, positions)


# A word may hold apostrophes, hyphens and the points and commas of a number; a percent or currency sign is a word of
# its own, because a quote that drops or changes it says something else.
_VISIBLE = re.compile(r"\S+")
_WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['\u2019\-][^\W\d_]+)*|[%$€£]")


def _tokens(text: str) -> list[str]:
    return [_normal(word) for word in _WORD.findall(text)]


def _normal(word: str) -> str:
    return word.casefold().replace("\u2019", "'")


def _word_ends(segment: Segment) -> tuple[int, ...]:
    """For each word of the segment, the offset in its text where the word ends."""
    ends: list[int] = []
    at = 0
    for word in segment.words:
        found = segment.text.find(word.text.strip(), at)
        at = (found if found >= 0 else at) + len(word.text.strip())
        ends.append(at)
    return tuple(ends)
