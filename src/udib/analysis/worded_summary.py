"""A summary in a model's words: what the model is shown, the form of its answers, and what of them is believed.

A statement stays only if it cites passages that the model was shown, and these bear it out (`udib.core.founding`); if
a quote founds it (`udib.core.charges`); if it names nobody that they do not name, and takes nobody for their speaker
who is not; and if it is plain text, because a transcript can tell a model to write a link. Each stands by what was
said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Any, Final

from udib.analysis.gates import (
    NOT_BORNE_OUT,
    NOT_PLAIN,
    TOO_MANY,
    UNKNOWN_NUMBER,
    WRONG_NAME,
    GateCount,
    has_right_names,
    is_plain,
    words_of,
)
from udib.analysis.language import is_english
from udib.analysis.passages import CitedPassage, PassageQuotes
from udib.analysis.quoting import QuoteGate
from udib.core.charges import founding_quotes
from udib.core.findings import WordedStatement
from udib.core.founding import Citable, Draft, DraftedStatement, borne_out
from udib.core.speech import Transcript

MOST_STATEMENTS: Final = 8
MOST_OF_A_PART: Final = 4
"""Statements of one part of several."""


@dataclass(frozen=True, slots=True)
class SummaryChoice:
    """Which statements to keep, by number: the form of the answer that puts the parts of a long item together."""

    keep: list[int]


def prompt_values(part: int, parts: int) -> dict[str, Any]:
    """What the prompt says of a part of an item, beside its passages."""
    return {"most_statements": MOST_STATEMENTS if parts == 1 else MOST_OF_A_PART, "part": part, "parts": parts}


class SummaryGate:
    """Lets pass the statements of drafts on one transcript that it bears out."""

    def __init__(self, transcript: Transcript) -> None:
        self._quotes = PassageQuotes(transcript)
        self._said = QuoteGate(transcript)
        self._names = {word for speaker in transcript.speakers for word in words_of(speaker)}
        self._english = is_english(transcript)
        self.count = GateCount("summary")

    def passed(self, draft: Draft, shown: Mapping[int, CitedPassage], most: int) -> tuple[WordedStatement, ...]:
        """The statements of a draft that are believed, `most` at most.

        Args:
            draft: What the model wrote.
            shown: The passages that it was shown, by number.
            most: How many statements it was asked for.
        """
        self.count.drop(TOO_MANY, len(draft.statements[most:]))
        kept = [self._passed(drafted, shown) for drafted in draft.statements[:most]]
        return tuple(each for each in kept if each is not None)

    def _passed(self, drafted: DraftedStatement, shown: Mapping[int, CitedPassage]) -> WordedStatement | None:
        found = self._checked(drafted, shown)
        if isinstance(found, str):
            self.count.drop(found)
            return None
        self.count.keep()
        return found

    def _checked(self, drafted: DraftedStatement, shown: Mapping[int, CitedPassage]) -> WordedStatement | str:
        """The statement, or the code of the check that it fails."""
        if not is_plain(" ".join(drafted.text.split())):
            return NOT_PLAIN
        if not set(drafted.cites) <= shown.keys():
            return UNKNOWN_NUMBER
        # Speakers stand beside: whoever is named, the statement and the words have to share more than the name.
        citables = {number: Citable(each.text, beside=each.speaker or "") for number, each in shown.items()}
        founded = borne_out(self._with_words_said(drafted, shown), citables)
        if founded is None:
            return NOT_BORNE_OUT
        cited = [shown[number] for number in founded.cites]
        near = {word for passage in cited for word in words_of(f"{passage.text} {passage.speaker or ''}")}
        if not has_right_names(founded.text, near, self._names, english=self._english):
            return WRONG_NAME
        found = [quote for words in founded.quotes if (quote := self._quotes.find(words, cited)) is not None]
        quotes = found or self._quotes.nearest(founded.text, cited)
        if not founding_quotes(founded.text, [quote.text for quote in quotes], self._names):
            return NOT_BORNE_OUT
        return WordedStatement(founded.text, tuple(dict.fromkeys(quotes)))

    def _with_words_said(self, drafted: DraftedStatement, shown: Mapping[int, CitedPassage]) -> DraftedStatement:
        """The draft with quotes that were only tidied up as they were said; the others are left as they are."""
        cited = [shown[number] for number in drafted.cites if number in shown]
        places = ([self._said.find(quote, within=(one.first, one.last)) for one in cited] for quote in drafted.quotes)
        said = (next((place.text for place in found if place is not None), None) for found in places)
        return replace(drafted, quotes=[text or quote for text, quote in zip(said, drafted.quotes, strict=True)])


def chosen(choice: SummaryChoice, statements: Sequence[WordedStatement], most: int) -> tuple[WordedStatement, ...]:
    """The statements that a model keeps, in their order; numbers that there are not are passed over."""
    numbers = dict.fromkeys(number for number in choice.keep if 1 <= number <= len(statements))
    return tuple(statements[number - 1] for number in sorted(list(numbers)[:most]))


def spread(parts: Sequence[Sequence[WordedStatement]], most: int) -> tuple[WordedStatement, ...]:
    """The first statement of each part, then the second of each, until there are enough; in order of the parts."""
    order = {id(statement): place for place, statement in enumerate(chain.from_iterable(parts))}
    rounds = [each for turn in zip_longest(*parts) for each in turn if each is not None]
    return tuple(sorted(rounds[:most], key=lambda each: order[id(each)]))
