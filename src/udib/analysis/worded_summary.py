"""A summary in a model's words: what the model is shown, the form of its answers, and what of them is believed.

A statement stays only if it cites passages that the model was shown, and these bear it out (`udib.core.founding`); if
it names nobody that they do not name, and takes nobody for their speaker who is not; and if it is plain text, because a
transcript can tell a model to write a link. Each stands beside words that were said.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Any, Final

from udib.analysis.language import is_english
from udib.analysis.quoting import QuoteGate
from udib.analysis.sentences import Sentence, sentences
from udib.core.findings import WordedStatement
from udib.core.founding import Citable, Draft, DraftedStatement, borne_out, place_of, stems
from udib.core.speech import SILENCE_S, Quote, Segment, Transcript

MOST_STATEMENTS: Final = 8
MOST_OF_A_PART: Final = 4
"""Statements of one part of several."""
_PASSAGE_WORDS: Final = 80
_MARKUP: Final = re.compile(
    r"[<>\[\]{}|\\`*_#~@]|://|\bwww\.|\b[a-z\d-]{2,}\.[a-z]{2,}\b|^(?:[-+\u2022]|\d+[.)])\s", re.IGNORECASE
)
"""What makes a link, a mention, a list or other markup in any of the places where a report is shown."""
_JOINERS: Final = str.maketrans("", "", "\u200c\u200d")
"""Invisible, and needed by several scripts."""
_INSIDE: Final = re.compile(r"(?<=[\w,;:)%] )[^\W\d_]{2,}")
"""A word that does not begin a sentence."""
_LETTERS: Final = re.compile(r"[^\W\d_]+")


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


@dataclass(frozen=True, slots=True)
class SummaryChoice:
    """Which statements to keep, by number: the form of the answer that puts the parts of a long item together."""

    keep: list[int]


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


def prompt_values(part: int, parts: int) -> dict[str, Any]:
    """What the prompt says of a part of an item, beside its passages."""
    return {"most_statements": MOST_STATEMENTS if parts == 1 else MOST_OF_A_PART, "part": part, "parts": parts}


class SummaryGate:
    """Lets pass the statements of drafts on one transcript that it bears out."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._sentences = sentences(transcript)
        self._quotes = QuoteGate(transcript)
        self._names = {word for speaker in transcript.speakers for word in _words(speaker)}
        self._english = is_english(transcript)

    def passed(self, draft: Draft, shown: Mapping[int, CitedPassage], most: int) -> tuple[WordedStatement, ...]:
        """The statements of a draft that are believed, `most` at most.

        Args:
            draft: What the model wrote.
            shown: The passages that it was shown, by number.
            most: How many statements it was asked for.
        """
        kept = (self._passed(drafted, shown) for drafted in draft.statements[:most])
        return tuple(statement for statement in kept if statement is not None)

    def _passed(self, drafted: DraftedStatement, shown: Mapping[int, CitedPassage]) -> WordedStatement | None:
        text = " ".join(drafted.text.split())
        if _MARKUP.search(text) or not text.translate(_JOINERS).isprintable():
            return None
        # Speakers stand beside: whoever is named, the statement and the words have to share more than the name.
        citables = {number: Citable(each.text, beside=each.speaker or "") for number, each in shown.items()}
        founded = borne_out(self._with_words_said(drafted, shown), citables)
        if founded is None:
            return None
        cited = [shown[number] for number in founded.cites]
        if not self._right_names(founded.text, cited):
            return None
        quotes = [self._quote(quote, cited) for quote in founded.quotes] or self._nearest(founded.text, cited)
        return WordedStatement(founded.text, tuple(dict.fromkeys(quotes))) if quotes else None

    def _with_words_said(self, drafted: DraftedStatement, shown: Mapping[int, CitedPassage]) -> DraftedStatement:
        """The draft with quotes that were only tidied up as they were said; the others are left as they are."""
        cited = [shown[number] for number in drafted.cites if number in shown]
        places = ([self._quotes.find(quote, within=(one.first, one.last)) for one in cited] for quote in drafted.quotes)
        said = (next((place.text for place in found if place is not None), None) for found in places)
        return replace(drafted, quotes=[text or quote for text, quote in zip(said, drafted.quotes, strict=True)])

    def _right_names(self, text: str, cited: Sequence[CitedPassage]) -> bool:
        """Whether a statement names only what the passages name or who speaks, and first one of their speakers."""
        near = {word for passage in cited for word in _words(f"{passage.text} {passage.speaker or ''}")}
        speakers = [word for word in _words(text) if word in self._names]
        if speakers and speakers[0] not in near:
            return False
        # Elsewhere than in English a capital may begin any noun.
        names = [word for word in _INSIDE.findall(text) if word[0].isupper()] if self._english else []
        return all(name.casefold() in near | self._names for name in names)

    def _quote(self, quote: str, cited: Sequence[CitedPassage]) -> Quote:
        passage, place = next(
            (passage, place) for passage in cited if (place := place_of(quote, passage.text)) is not None
        )
        first, begin = self._where(passage, place[0])
        last, end = self._where(passage, place[1] - 1)
        return self._transcript.cut(first, begin, last, end + 1)

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

    def _nearest(self, text: str, cited: Sequence[CitedPassage]) -> list[Quote]:
        """The sentence of what is cited that shares most with a statement that quotes nothing."""
        wanted = stems(text)
        inside = [each for each in self._sentences if any(_overlap(each, passage) for passage in cited)]
        best = max(inside, key=lambda each: len(wanted & stems(each.text)), default=None)
        return [] if best is None else [best.quote]


def chosen(choice: SummaryChoice, statements: Sequence[WordedStatement], most: int) -> tuple[WordedStatement, ...]:
    """The statements that a model keeps, in their order; numbers that there are not are passed over."""
    numbers = dict.fromkeys(number for number in choice.keep if 1 <= number <= len(statements))
    return tuple(statements[number - 1] for number in sorted(list(numbers)[:most]))


def spread(parts: Sequence[Sequence[WordedStatement]], most: int) -> tuple[WordedStatement, ...]:
    """The first statement of each part, then the second of each, until there are enough; in order of the parts."""
    order = {id(statement): place for place, statement in enumerate(chain.from_iterable(parts))}
    rounds = [each for turn in zip_longest(*parts) for each in turn if each is not None]
    return tuple(sorted(rounds[:most], key=lambda each: order[id(each)]))


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


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _LETTERS.findall(text)]
