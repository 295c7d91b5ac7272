"""What the comparison of statements reads of each sentence that states something."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from udib.analysis.claims import names_in, proper_names
from udib.analysis.polarity import Frame, frame_of
from udib.analysis.positions import Position, changes_mind, denied_words, position_of
from udib.analysis.sentences import Sentence
from udib.analysis.text import (
    MONTHS,
    Figure,
    Kind,
    Token,
    content_stems,
    figures,
    is_content,
    is_negated,
    plain,
    word_set,
)

_CONDITIONAL = re.compile(
    r"\b(?:if|unless|why|perhaps|maybe|not (?:just|only)|imagine|suppose|should|whether|either|or|versus"
    r"|(?:nobody|no one) else)\b"
)
_FUTURE = re.compile(r"\b(?:will|won't|going to|gonna|\w+'ll)\b")
_PAST = re.compile(
    r"\b(?:was|were|had|did|didn't|wasn't|weren't|rose|fell|grew|shrank|won|lost|began"
    r"|used to|back then|ago|\w{3,}ed)\b"
)
REPORTED = re.compile(
    r"\b(?:you|he|she|they|people|some|critics|opponents)(?:'ll)? (?:say|says|said|claim|claims|think|thinks"
    r"|tell|told|believe)\b"
    # What somebody told, or says in the third person, is his, not the speaker's.
    r"|\b(?:told|tells) (?:me|us|him|her|them|everybody|everyone)\b|\b(?:i|we|to) quote\b|\baccording to\b"
    r"|\b(?:the|a|an|my|your|our|his|her|their|this|that|mr|mrs|ms|dr) (?:\w+ )?(?:says?|said|claims?|claimed|argues?"
    r"|argued)\b"
    r"|^(?!i\b|we\b)\w+ (?:says|said|claims|claimed|argues|argued|thinks|thought)\b"
    r"|^(?:now,? |so,? |well,? |and |but |let's )*(?:suppose|imagine|say (?:you|we|they))\b"
)
_NEVER = re.compile(r"\b(i|we)(?:'ve| have|'d| had)? (?:\w+ly )?never\b")
_DID = re.compile(
    r"\b(i|we)(?:'ve| have)? (?:(?:just|even|once|already|actually|still|always|\w+ly) )*"
    r"(?!need|indeed|agreed)(?:\w{3,}ed|had|went|took|gave|got|did|made|put|let|ran|won|lost|saw|met|ate|drank|drove"
    r"|bought|sold|spent|paid|wrote|read|told|broke|built|kept|left|sent|used|brought|held|cut|hit|flew|wore|fought)\b"
)

RELATIVE_TIMES: Final = word_set("now then today yesterday tomorrow ago last formerly previously originally initially")
_TIMES: Final = (
    MONTHS - {"may", "march"} | RELATIVE_TIMES | word_set("old new previous former current before after until since")
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What the comparison reads of one sentence. `places` are names, `times` years, months and relative times.

    `position` is what its speaker is for or against, `denied` what he says he never said. `never` and `did` are
    who says so, "I" or "we", or "".
    """

    sentence: Sentence
    stems: tuple[str, ...]
    frame: Frame
    position: Position | None
    denied: tuple[str, ...]
    never: str
    did: str
    figures: tuple[Figure, ...]
    words: tuple[Token, ...]
    places: frozenset[str]
    times: frozenset[str]
    tense: str
    negated: bool
    conditional: bool


def statements(sentences: Sequence[Sentence]) -> list[Statement]:
    """The sentences that state something: no questions, no reports of what others think, not too short.

    Nor where the speaker says that he thought otherwise before, and what he says next: that is no contradiction.
    """
    words = [sentence.tokens for sentence in sentences]
    names = proper_names(words)
    return [
        _statement(sentence, said, names)
        for at, (sentence, said) in enumerate(zip(sentences, words, strict=True))
        if len(said) >= 4
        and not sentence.text.endswith("?")
        and not REPORTED.search(sentence.text.casefold())
        and not changes_mind([each.text for each in sentences[max(at - 1, 0) : at + 1] if each.turn == sentence.turn])
    ]


def counting_words(found: Sequence[Statement]) -> list[str]:
    """The words whose nearness decides whether two counts are of one thing."""
    counting = (each for each in found if any(figure.nouns for figure in each.figures))
    return list(dict.fromkeys(word.low for each in counting for word in each.words if is_content(word.low)))


def _statement(sentence: Sentence, words: tuple[Token, ...], names: frozenset[str]) -> Statement:
    low = plain(sentence.text)
    numbers = tuple(figures(words))
    years = {word.low for figure in numbers if figure.kind is Kind.YEAR for word in words[figure.at : figure.end]}
    tense = "future" if _FUTURE.search(low) else "past" if _PAST.search(low) else "present"
    return Statement(
        sentence,
        stems=tuple(content_stems(words)),
        frame=frame_of(words, numbers),
        position=position_of(low),
        denied=denied_words(low),
        never=_said_by(_NEVER, low),
        did=_said_by(_DID, low),
        figures=tuple(figure for figure in numbers if figure.kind is not Kind.YEAR),
        words=words,
        places=frozenset(names_in(words, names)),
        times=frozenset(years | {word.low for word in words if word.low in _TIMES}),
        tense=tense,
        negated=is_negated(words),
        conditional=bool(_CONDITIONAL.search(low)),
    )


def _said_by(pattern: re.Pattern[str], low: str) -> str:
    found = pattern.search(low)
    return found[1] if found else ""
