"""A transcript as passages that a model can cite by number, and the quotes of what it cites."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from udib.analysis.sentences import Sentence, sentences
from udib.core.founding import place_of, stems
from udib.core.speech import SILENCE_S, Quote, Segment, Transcript

_PASSAGE_WORDS: Final = 80


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """A stretch of one speaker that a statement can cite by its number: segments `first` to `last`."""

    number: int
    text: str
    speaker: str | None
    first: int
    last: int
    start_s: float
    end_s: float


def passages_of(transcript: Transcript) -> tuple[CitedPassage, ...]:
    """A transcript as passages of at most 80 words, unless one segment has more; none goes on over a silence."""
    found: list[CitedPassage] = []
    held: list[tuple[int, Segment]] = []
    for number, segment in enumerate(transcript.segments):
        if held and not _goes_on(held, segment):
            found.append(_passage(len(found) + 1, held))
            held = []
        if segment.text.strip():
            held.append((number, segment))
    if held:
        found.append(_passage(len(found) + 1, held))
    return tuple(found)


class PassageQuotes:
    """Cuts quotes out of the passages of one transcript."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._sentences = sentences(transcript)

    def find(self, words: str, cited: Sequence[CitedPassage]) -> Quote | None:
        """The place where the first of these passages that has the words says them; None if none does."""
        for passage in cited:
            place = place_of(words, passage.text)
            if place is not None:
                first, begin = self._where(passage, place[0])
                last, end = self._where(passage, place[1] - 1)
                return self._transcript.cut(first, begin, last, end + 1)
        return None

    def _where(self, passage: CitedPassage, place: int) -> tuple[int, int]:
        """The segment, and the place in it, of a character of a passage."""
        for number in range(passage.first, passage.last + 1):
            text = self._transcript.segments[number].text
            if not text.strip():
                continue
            if place < len(text):
                return number, place
            place -= len(text) + 1
        raise IndexError(f"passage {passage.number} has no character {place}")

    def nearest(self, text: str, cited: Sequence[CitedPassage]) -> list[Quote]:
        """The sentence of what is cited that shares most with a statement that quotes nothing."""
        wanted = stems(text)
        inside = [each for each in self._sentences if any(_overlap(each, passage) for passage in cited)]
        best = max(inside, key=lambda each: len(wanted & stems(each.text)), default=None)
        return [] if best is None else [best.quote]


def _goes_on(held: Sequence[tuple[int, Segment]], segment: Segment) -> bool:
    last = held[-1][1]
    words = sum(len(each.text.split()) for _, each in held) + len(segment.text.split())
    return (
        segment.speaker == last.speaker
        and segment.start_s - last.end_s <= SILENCE_S
        and (words <= _PASSAGE_WORDS or not segment.text.strip())
    )


def _passage(number: int, held: Sequence[tuple[int, Segment]]) -> CitedPassage:
    (first, begins), (last, ends) = held[0], held[-1]
    text = " ".join(segment.text for _, segment in held)
    return CitedPassage(number, text, begins.speaker, first, last, begins.start_s, ends.end_s)


def _overlap(sentence: Sentence, passage: CitedPassage) -> bool:
    return sentence.quote.first <= passage.last and sentence.quote.last >= passage.first
