"""Sentences of a transcript, across caption cues and never across speakers."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import Final

from udib.analysis.text import Token, tokens, word_set
from udib.core.speech import SILENCE_S, Quote, Segment, Transcript, stretches

PAUSE_S: Final = 0.6
LONGEST_SPOKEN: Final = 30  # words of a sentence where nothing but pauses tells where it ends
LONGEST_WRITTEN: Final = 80  # words up to which punctuation is believed
LONGEST_CHARACTERS: Final = 1000
"""Nobody says a longer sentence, and the patterns of this room would take their time over it."""
SHORTEST: Final = 8  # words before a cue's end is taken as the end of an unpunctuated sentence

_END = re.compile(r"[.!?\u2026]+[\"'\u201d\u2019)\]]*(?=\s|$)")
_VISIBLE = re.compile(r"\S+")
NOISE = re.compile(
    r"\[[^\[\]]{1,60}\]|[\u266a\u266b][^\u266a\u266b]*[\u266a\u266b]?"
    r"|\((?:\w+ )?(?:music|laugh\w*|applau\w*|cheer\w*|cough\w*|sigh\w*|inaudible|crosstalk|silence|noise)(?: \w+)?\)",
    re.IGNORECASE,
)
"""What captions write where nobody speaks, or sings; a sentence of nothing else is none."""
_LAST_WORD = re.compile(r"[\w.'\u2019-]+$")
_OPENING = " \t\n\"'\u201c\u2018([-\u2013\u2014>"

# A point after these never ends a sentence, unless a function word with a capital follows ("on Main St. The").
_TITLES: Final = word_set(
    """mr mrs ms dr prof st mt ft gov sen rep gen lt col sgt capt rev hon pres vs e.g i.e cf fig vol approx dept est
    jan feb mar apr jun jul aug sep sept oct nov dec jr sr inc ltd co corp bros u.s u.k u.n e.u d.c a.m p.m ph.d b.a
    m.a etc ave blvd rd messrs mme"""
)
_STARTERS: Final = word_set(
    """the a an this that these those he she it we they you i but and so in on at for if when what why how there here
    my our your his her their its now then no yes not as by with to let because is are was were do does did one"""
)


@dataclass(frozen=True)
class Sentence:
    """One sentence. `turn` counts the changes of speaker before it; `begin` is its offset in its first segment."""

    quote: Quote
    number: int
    turn: int
    begin: int

    @property
    def text(self) -> str:
        """The words, in the transcript's spelling."""
        return self.quote.text

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """Its words and numbers, in order."""
        return tuple(tokens(self.text))

    def part(self, transcript: Transcript, begin: int, end: int) -> Quote:
        """The quote of `text[begin:end]`.

        Raises:
            ValueError: The range is empty.
        """
        skip = _visible(self.text[:begin])
        first, start = _after(transcript.segments, self.quote.first, self.begin, skip, ending=False)
        last, stop = _after(transcript.segments, first, start, _visible(self.text[begin:end]), ending=True)
        return transcript.cut(first, start, last, stop)


def sentences(transcript: Transcript) -> tuple[Sentence, ...]:
    """Cut a transcript into sentences, in linear time; once, however many analyses ask.

    Within the segments of one speaker in a row, sentences end at punctuation; where a speaker's words have none (speech
    recognition), at pauses of more than 0.6 s and after at most 30 words, at the end of a segment if there is one. None
    goes on over a silence of more than SILENCE_S.
    """
    return transcript.once(_cut)


def _cut(transcript: Transcript) -> tuple[Sentence, ...]:
    found: list[Sentence] = []
    numbered = enumerate(transcript.segments)
    for turn, (_, run) in enumerate(groupby(numbered, key=lambda pair: pair[1].speaker)):
        for first, begin, last, end in _Turn.of(list(run)).spans():
            quote = transcript.cut(first, begin, last, end)
            found.append(Sentence(quote, len(found), turn, begin))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Turn:
    """The segments of one turn, joined by blanks: `starts[i]` is the offset in `text` of segment `first + i`."""

    text: str
    first: int
    starts: tuple[int, ...]
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, run: Sequence[tuple[int, Segment]]) -> "_Turn":
        starts, at = [], 0
        for _, segment in run:
            starts.append(at)
            at += len(segment.text) + 1
        segments = tuple(segment for _, segment in run)
        return cls(" ".join(segment.text for segment in segments), run[0][0], tuple(starts), segments)

    def spans(self) -> Iterator[tuple[int, int, int, int]]:
        """First segment, offset in it, last segment and end offset in it, of each sentence."""
        cuts = list(_punctuated(self.text))
        spoken = len(cuts) * LONGEST_WRITTEN < len(self.text.split())
        pauses = self._pauses()
        pieces = _Pieces(
            self.text, LONGEST_SPOKEN if spoken else LONGEST_WRITTEN, frozenset(pauses), frozenset(self.starts)
        )
        silences = [at for at, pause_s in pauses.items() if pause_s > SILENCE_S]
        begin = 0
        for end in [*sorted({*cuts, *silences}), len(self.text)]:
            for start, stop in pieces.of(begin, end):
                if any(map(str.isalnum, NOISE.sub("", self.text[start:stop]))):
                    yield (*self._place(start), *self._place(stop - 1, ending=True))
            begin = end

    def _place(self, offset: int, *, ending: bool = False) -> tuple[int, int]:
        number = bisect_right(self.starts, offset) - 1
        return self.first + number, offset - self.starts[number] + ending

    def _pauses(self) -> dict[int, float]:
        """Offsets of the words that follow a pause of more than PAUSE_S, and its seconds."""
        found: dict[int, float] = {}
        before = float("inf")
        for start, segment in zip(self.starts, self.segments, strict=True):
            offsets = [match.start() for match in _VISIBLE.finditer(segment.text)]
            if offsets and segment.start_s - before > PAUSE_S:
                found[start + offsets[0]] = segment.start_s - before
            if len(segment.words) == len(offsets):
                gaps = [other.start_s - one.end_s for one, other in pairwise(segment.words)]
                found |= {start + at: gap for at, gap in zip(offsets[1:], gaps, strict=False) if gap > PAUSE_S}
            before = segment.end_s
        return found


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Cuts what is too long to be one sentence, at pauses, else at the ends of segments."""

    text: str
    longest: int
    pauses: frozenset[int]
    starts: frozenset[int]

    def of(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """The stretch from `begin` to `end`, without outer blanks, in one piece or several."""
        for first, last in self._whole(begin, end):
            if last - first <= LONGEST_CHARACTERS:
                yield first, last
            else:
                cut = stretches(self.text, first, last, words=LONGEST_WRITTEN, characters=LONGEST_CHARACTERS)
                yield from ((start, stop) for start, stop, _ in cut)

    def _whole(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        words = [match.span() for match in _VISIBLE.finditer(self.text, begin, end)]
        first = 0
        if len(words) > self.longest:
            for cut in self._cuts(words):
                yield words[first][0], words[cut - 1][1]
                first = cut
        if words:
            yield words[first][0], words[-1][1]

    def _cuts(self, words: Sequence[tuple[int, int]]) -> Iterator[int]:
        """Numbers of the words before which a new piece begins."""
        first, segment = 0, 0
        for number, (start, _) in enumerate(words):
            if number - first >= SHORTEST and start in self.starts:
                segment = number
            if start in self.pauses and number > first:
                first = number
                yield first
            elif number - first == LONGEST_SPOKEN:
                first = segment if segment > first else number
                yield first


def _punctuated(text: str) -> Iterator[int]:
    """Offsets after the punctuation that ends a sentence."""
    for match in _END.finditer(text):
        if _ends_sentence(text, match):
            yield match.end()


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    following = text[match.end() : match.end() + 40].lstrip(_OPENING)
    if not following or match.group()[0] in "!?":
        return True
    if match.group().startswith(("..", "\u2026")):
        return not following[0].islower()
    found = _LAST_WORD.search(text, max(match.start() - 20, 0), match.start())
    word = found.group() if found else ""
    low = word.casefold()
    if low == "no":
        return not following[0].isdigit()
    is_initial = len(word) == 1 and word.isupper() and word != "I"
    if low in _TITLES or is_initial or re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]", word):
        follower = re.match(r"[\w']+", following)
        return follower is not None and following[0].isupper() and follower.group().casefold() in _STARTERS
    return True


def _visible(text: str) -> int:
    return sum(not character.isspace() for character in text)


def _after(segments: Sequence[Segment], first: int, begin: int, count: int, *, ending: bool) -> tuple[int, int]:
    """The place of visible character number `count`, from 0, after `begin`; with `ending`, behind the one before it."""
    wanted = count - 1 if ending else count
    number, offset = first, begin
    while number < len(segments):
        text = segments[number].text
        for at in range(offset, len(text)):
            if not text[at].isspace():
                if wanted == 0:
                    return number, at + ending
                wanted -= 1
        number, offset = number + 1, 0
    raise ValueError("an empty range")
