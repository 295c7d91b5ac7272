"""Statements that differ: another number for the same thing, or the opposite. Better none than a wrong one."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final

from udib.analysis.claims import names_in, proper_names
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
    is_negation,
    stem,
    tokens,
    word_set,
)

NUMBER: Final = "number"
POLARITY: Final = "polarity"

NEAREST_POLARITY: Final = 0.72
NEAREST_NUMBER: Final = 0.45
"""Cosine from which two statements are on one thing, on top of the words they share."""

_COMMON: Final = 40
"""A word in more sentences than this does not say what a sentence is about, and would make the search quadratic."""
_FEWEST_SHARED: Final = 2
_PARTNERS: Final = 60

_OPPOSITES: Final = tuple(
    (stem(one), stem(other))
    for one, other in (
        ("more", "less"), ("more", "fewer"), ("higher", "lower"), ("increase", "decrease"), ("increase", "reduce"),
        ("rise", "fall"), ("rose", "fell"), ("raise", "cut"), ("raise", "lower"),
        ("support", "oppose"), ("accept", "reject"), ("approve", "reject"),
        ("better", "worse"), ("safe", "dangerous"), ("win", "lose"),
        ("won", "lost"), ("true", "false"), ("right", "wrong"), ("possible", "impossible"), ("legal", "illegal"),
        ("cheap", "expensive"), ("open", "close"), ("begin", "end"), ("love", "hate"), ("allow", "ban"),
        ("agree", "disagree"), ("succeed", "fail"), ("works", "fails"), ("grow", "shrink"), ("grew", "shrank"),
        ("strong", "weak"), ("faster", "slower"), ("help", "hurt"), ("good", "bad"), ("gain", "lose"),
        ("improve", "worsen"), ("necessary", "unnecessary"),
    )
)  # fmt: skip
_CONDITIONAL = re.compile(
    r"\b(?:if|unless|why|perhaps|maybe|not (?:just|only)|imagine|suppose|should|whether|either|or)\b"
)
_FUTURE = re.compile(r"\b(?:will|won't|going to|gonna|\w+'ll)\b")
_PAST = re.compile(r"\b(?:was|were|had|did|didn't|wasn't|weren't|used to|back then|ago|\w{3,}ed)\b")
_REPORTED = re.compile(
    r"\b(?:you|he|she|they|people|some|critics|opponents)(?:'ll)? (?:say|says|said|claim|claims|think|thinks"
    r"|tell|told|believe)\b"
)
_BETWEEN_CLAUSES = re.compile(
    r"(?<!\d)[,;:]|,(?!\d)| but | and (?=(?:I|we|you|he|she|they|it|its|his|her|their|that|the)\b)"
)

_ROUNDING: Final = 0.1
"""Two figures that differ by less, as a share of the larger, may be one figure rounded."""

_TIMES: Final = MONTHS - {"may", "march"} | word_set(
    "now then today yesterday tomorrow ago last formerly previously originally initially"
)
_PERIODS: Final = {
    stem(word): period
    for period, listed in {
        "year": "year yearly annual annually", "month": "month monthly", "week": "week weekly",
        "day": "day daily", "hour": "hour hourly",
    }.items()
    for word in listed.split()
}  # fmt: skip
_MEASURES: Final = {
    stem(word): measure
    for measure, listed in {
        "spent": "cost spend spent pay paid put putting price budget bill fund invest charge",
        "up": "rise rose risen increase grow grew grown gain add raise double jump climb up",
        "down": "fall fell fallen drop cut decrease reduce lose lost decline shrank down save",
    }.items()
    for word in listed.split()
}  # fmt: skip
_UNIT_STEMS: Final = frozenset({"dollar", "euro", "pound", "percent", "per", "cent", *_PERIODS})


@dataclass(frozen=True, slots=True)
class Statement:
    """What the comparison reads of one sentence. `places` are names, `times` years, months and relative times."""

    sentence: Sentence
    stems: tuple[str, ...]
    figures: tuple[Figure, ...]
    words: tuple[Token, ...]
    places: frozenset[str]
    times: frozenset[str]
    tense: str
    negated: bool
    conditional: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """Two statements that may not both hold. `shared` are the stems of both, `kind` is NUMBER or POLARITY."""

    earlier: Statement
    later: Statement
    kind: str
    shared: tuple[str, ...]

    @property
    def speakers(self) -> tuple[str | None, str | None]:
        """Who said the earlier and the later one."""
        return self.earlier.sentence.quote.speaker, self.later.sentence.quote.speaker

    @property
    def subject(self) -> str:
        """The words both share, as the later one says them."""
        shared = set(self.shared) - _UNIT_STEMS
        return " ".join(word.low for word in self.later.words if is_content(word.low) and stem(word.low) in shared)


def statements(sentences: Sequence[Sentence]) -> list[Statement]:
    """The sentences that state something: no questions, no reports of what others think, not too short."""
    words = [tuple(tokens(sentence.text)) for sentence in sentences]
    names = proper_names(words)
    return [
        _statement(sentence, said, names)
        for sentence, said in zip(sentences, words, strict=True)
        if len(said) >= 4 and not sentence.text.endswith("?") and not _REPORTED.search(sentence.text.casefold())
    ]


def differences(found: Sequence[Statement]) -> Iterator[Difference]:
    """The pairs that share a rare word and differ in number or polarity, whoever said them.

    Linear in the number of statements: words of many statements are no candidates, and each statement is compared with
    a bounded number of earlier ones.
    """
    frequency = Counter(one for statement in found for one in set(statement.stems))
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for number, later in enumerate(found):
        rare = [one for one in dict.fromkeys(later.stems) if frequency[one] <= _COMMON]
        shared = Counter(earlier for one in rare for earlier in holders[one])
        for earlier, _ in islice(shared.most_common(), _PARTNERS):
            difference = _difference(found[earlier], later)
            if difference is not None:
                yield difference
        for one in rare:
            holders[one].append(number)


def _statement(sentence: Sentence, words: tuple[Token, ...], names: frozenset[str]) -> Statement:
    low = sentence.text.casefold().replace("\u2019", "'")
    numbers = tuple(figures(words))
    years = {word.low for figure in numbers if figure.kind is Kind.YEAR for word in words[figure.at : figure.end]}
    tense = "future" if _FUTURE.search(low) else "past" if _PAST.search(low) else "present"
    return Statement(
        sentence,
        stems=tuple(content_stems(words)),
        figures=tuple(figure for figure in numbers if figure.kind is not Kind.YEAR),
        words=words,
        places=frozenset(names_in(words, names)),
        times=frozenset(years | {word.low for word in words if word.low in _TIMES}),
        tense=tense,
        negated=is_negated(words),
        conditional=bool(_CONDITIONAL.search(low)),
    )


def _difference(earlier: Statement, later: Statement) -> Difference | None:
    if earlier.times != later.times or earlier.places != later.places:
        return None
    shared = tuple(one for one in dict.fromkeys(later.stems) if one in earlier.stems)
    if len(shared) < _FEWEST_SHARED:
        return None
    if _other_number(earlier, later):
        return Difference(earlier, later, NUMBER, shared)
    if _other_polarity(earlier, later, shared):
        return Difference(earlier, later, POLARITY, shared)
    return None


def _other_number(earlier: Statement, later: Statement) -> bool:
    """Whether both name one figure for the same thing, and not the same one."""
    if {earlier.tense, later.tense} == {"past", "future"}:
        return False
    pairs = [
        (one, other)
        for one in earlier.figures
        for other in later.figures
        if one.kind is other.kind and one.unit == other.unit and _same_thing(earlier, one, later, other)
    ]
    if len(pairs) != 1:
        return False
    [(one, other)] = pairs
    return abs(one.value - other.value) > _ROUNDING * max(one.value, other.value)


def _same_thing(earlier: Statement, one: Figure, later: Statement, other: Figure) -> bool:
    """Whether two figures of a kind count the same.

    The counted nouns, the period and what happens to the figure (it is spent, rises, falls) must agree, and the clauses
    around them must share a compound ("rent board") or, where nothing is said to happen, most of their words.
    """
    if (one.nouns or other.nouns) and not one.nouns & other.nouns:
        return False
    near, far = _clause(earlier, one), _clause(later, other)
    if _named(near, _PERIODS) != _named(far, _PERIODS) or _named(near, _MEASURES) != _named(far, _MEASURES):
        return False
    ours, theirs = _about(near), _about(far)
    both = set(ours) & set(theirs)
    if one.kind is Kind.COUNT:
        both -= one.nouns
    if len(both) < _FEWEST_SHARED:
        return False
    if 2 * len(both) > max(len(set(ours)), len(set(theirs))):
        return True
    compound = set(pairwise(ours)) & set(pairwise(theirs))
    return bool(compound) and bool(_named(near, _MEASURES))


def _named(clause: Sequence[Token], classes: Mapping[str, str]) -> set[str]:
    return {classes[stem(word.low)] for word in clause if stem(word.low) in classes}


def _about(clause: Sequence[Token]) -> list[str]:
    """The stems of a clause without units."""
    return [one for one in content_stems(clause) if one not in _UNIT_STEMS]


def _clause(statement: Statement, figure: Figure) -> tuple[Token, ...]:
    """The words of the clause in which a figure stands."""
    at = statement.words[figure.at].begin
    cuts = [match.start() for match in _BETWEEN_CLAUSES.finditer(statement.sentence.text)]
    begin = max((cut for cut in cuts if cut <= at), default=0)
    end = min((cut for cut in cuts if cut > at), default=len(statement.sentence.text))
    return tuple(word for word in statement.words if begin <= word.begin < end)


def _other_polarity(earlier: Statement, later: Statement, shared: Sequence[str]) -> bool:
    """Whether nearly the same is said with one negation more, or with one word of opposite meaning."""
    if earlier.tense != later.tense or earlier.conditional or later.conditional or earlier.figures or later.figures:
        return False
    only_earlier, only_later = set(earlier.stems) - set(shared), set(later.stems) - set(shared)
    if len(shared) < 3 or len(only_earlier) > 2 or len(only_later) > 2:
        return False
    if earlier.negated == later.negated:
        return _opposed(earlier.words, later.words)
    return (_denied(earlier) or _denied(later)) in shared and not _opposed(earlier.words, later.words)


def _denied(statement: Statement) -> str:
    """The stem of the first content word after a sentence's only negation, "" without one."""
    at = [number for number, word in enumerate(statement.words) if is_negation(word)]
    if len(at) != 1:
        return ""
    return next(iter(content_stems(statement.words[at[0] + 1 :])), "")


def _opposed(one: Sequence[Token], other: Sequence[Token]) -> bool:
    """Whether one says a word and the other its opposite, and neither says both."""
    ours, theirs = {stem(word.low) for word in one}, {stem(word.low) for word in other}
    return any(
        (left in ours and right in theirs and not {left} & theirs and not {right} & ours)
        or (right in ours and left in theirs and not {right} & theirs and not {left} & ours)
        for left, right in _OPPOSITES
    )
