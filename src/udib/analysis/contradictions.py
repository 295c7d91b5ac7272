"""Statements that differ: another number for the same thing, or the opposite. Better none than a wrong one."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Final

from udib.analysis.claims import names_in, proper_names
from udib.analysis.polarity import BETWEEN_CLAUSES, frame_of, opposed
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

Similarity = Callable[[str, str], float]

NUMBER: Final = "number"
POLARITY: Final = "polarity"

NEAREST_POLARITY: Final = 0.72
NEAREST_NUMBER: Final = 0.45
"""Cosine from which two statements are on one thing, on top of the words they share."""

_NEAR_WORDS: Final = 0.55
_NEAR_NOUNS: Final = 0.3
"""Cosine from which two words mean about the same, and from which two counted nouns may be called the same thing."""
_EVIDENCE: Final = 4
_LEAST_SHARE: Final = 0.4

_COMMON: Final = 40
"""A word in more sentences than this does not say what a sentence is about, and would make the search quadratic."""
_FEWEST_SHARED: Final = 2
_LONGEST_ADMISSION: Final = 35
_LONGEST_SUBJECT: Final = 4
_RARE: Final = 8
"""A thing of which somebody speaks in more sentences than this may have been dealt with in many ways."""
_PARTNERS: Final = 60

_CONDITIONAL = re.compile(
    r"\b(?:if|unless|why|perhaps|maybe|not (?:just|only)|imagine|suppose|should|whether|either|or)\b"
)
_FUTURE = re.compile(r"\b(?:will|won't|going to|gonna|\w+'ll)\b")
_PAST = re.compile(r"\b(?:was|were|had|did|didn't|wasn't|weren't|used to|back then|ago|\w{3,}ed)\b")
_REPORTED = re.compile(
    r"\b(?:you|he|she|they|people|some|critics|opponents)(?:'ll)? (?:say|says|said|claim|claims|think|thinks"
    r"|tell|told|believe)\b"
)
_NEVER = re.compile(r"\b(i|we)(?:'ve| have|'d| had)? (?:\w+ly )?never\b")
_DID = re.compile(
    r"\b(i|we)(?:'ve| have)? (?:(?:just|even|once|already|actually|still|always|\w+ly) )*"
    r"(?!need|indeed|agreed)(?:\w{3,}ed|had|went|took|gave|got|did|made|put|let|ran|won|lost|saw|met|ate|drank|drove"
    r"|bought|sold|spent|paid|wrote|read|told|broke|built|kept|left|sent|used|brought|held|cut|hit|flew|wore|fought)\b"
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
_SAME: Final = {stem(word): stem("average") for word in ("typical", "ordinary", "usual", "normal")}
_UNIT_STEMS: Final = frozenset({"dollar", "euro", "pound", "percent", "per", "cent", *_PERIODS})


@dataclass(frozen=True, slots=True)
class Statement:
    """What the comparison reads of one sentence. `places` are names, `times` years, months and relative times.

    `frame` is that of `frame_of`; of `never` and `did` each is who says so, "I" or "we", or "".
    """

    sentence: Sentence
    stems: tuple[str, ...]
    frame: tuple[str, ...]
    never: str
    did: str
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
        """The words both share, as the later one says them; units only where they share nothing else."""
        return subject(self.later.words, set(self.shared) - _UNIT_STEMS or set(self.shared))


def subject(words: Sequence[Token], shared: Collection[str]) -> str:
    """The first few words of a sentence whose stems are shared with another: a label, not the sentence again."""
    named: dict[str, str] = {}
    for word in words:
        if is_content(word.low) and stem(word.low) in shared:
            named.setdefault(stem(word.low), word.low)
    return " ".join(islice(named.values(), _LONGEST_SUBJECT))


def _unrelated(one: str, other: str) -> float:
    return float(one == other)


def statements(sentences: Sequence[Sentence]) -> list[Statement]:
    """The sentences that state something: no questions, no reports of what others think, not too short."""
    words = [tuple(tokens(sentence.text)) for sentence in sentences]
    names = proper_names(words)
    return [
        _statement(sentence, said, names)
        for sentence, said in zip(sentences, words, strict=True)
        if len(said) >= 4 and not sentence.text.endswith("?") and not _REPORTED.search(sentence.text.casefold())
    ]


def differences(found: Sequence[Statement], near: Similarity = _unrelated) -> Iterator[Difference]:
    """The pairs that share a rare word and differ in number or polarity, whoever said them.

    Linear in the number of statements: words of many statements are no candidates, and each statement is compared with
    a bounded number of earlier ones.

    Args:
        found: The statements of one item, in order.
        near: Cosine of two lower-case words; without it only equal words mean the same.
    """
    frequency = Counter(one for statement in found for one in set(statement.stems))
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for number, later in enumerate(found):
        rare = [one for one in dict.fromkeys(later.stems) if frequency[one] <= _COMMON]
        shared = Counter(earlier for one in rare for earlier in holders[one])
        for earlier, _ in islice(shared.most_common(), _PARTNERS):
            difference = _difference(found[earlier], later, frequency, near)
            if difference is not None:
                yield difference
        for one in rare:
            holders[one].append(number)


def counting_words(found: Sequence[Statement]) -> list[str]:
    """The words whose nearness decides whether two counts are of one thing."""
    counting = (each for each in found if any(figure.nouns for figure in each.figures))
    return list(dict.fromkeys(word.low for each in counting for word in each.words if is_content(word.low)))


def _statement(sentence: Sentence, words: tuple[Token, ...], names: frozenset[str]) -> Statement:
    low = sentence.text.casefold().replace("\u2019", "'")
    numbers = tuple(figures(words))
    years = {word.low for figure in numbers if figure.kind is Kind.YEAR for word in words[figure.at : figure.end]}
    tense = "future" if _FUTURE.search(low) else "past" if _PAST.search(low) else "present"
    return Statement(
        sentence,
        stems=tuple(content_stems(words)),
        frame=frame_of(words, numbers),
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


def _difference(
    earlier: Statement, later: Statement, frequency: Mapping[str, int], near: Similarity
) -> Difference | None:
    shared = tuple(one for one in dict.fromkeys(later.stems) if one in earlier.stems)
    if _admitted(earlier, later) and any(frequency[one] <= _RARE for one in shared):
        return Difference(earlier, later, POLARITY, shared)
    kind = NUMBER if _other_count(earlier, later, near) else _plainly(earlier, later)
    if kind is not None:
        return Difference(earlier, later, kind, shared)
    if earlier.times != later.times or earlier.places != later.places or len(shared) < _FEWEST_SHARED:
        return None
    if _other_number(earlier, later):
        return Difference(earlier, later, NUMBER, shared)
    if _other_polarity(earlier, later, shared):
        return Difference(earlier, later, POLARITY, shared)
    return None


def _plainly(earlier: Statement, later: Statement) -> str | None:
    """How two statements differ that are the same but for a figure, or for a negation; None if they do not."""
    if earlier.conditional or later.conditional or (earlier.tense, earlier.times) != (later.tense, later.times):
        return None
    if not later.frame or earlier.frame != later.frame:
        return None
    if earlier.negated != later.negated:
        return POLARITY
    return NUMBER if not earlier.negated and _other_figure(earlier.figures, later.figures) else None


def _other_figure(ours: Sequence[Figure], theirs: Sequence[Figure]) -> bool:
    if len(ours) != 1 or len(theirs) != 1:
        return False
    [one], [other] = ours, theirs
    return one.kind is other.kind and one.unit == other.unit and _apart(one, other)


def _admitted(earlier: Statement, later: Statement) -> bool:
    """Whether one speaker says that he never did what at another time he says he did."""
    if earlier.sentence.quote.speaker != later.sentence.quote.speaker or earlier.conditional or later.conditional:
        return False
    if max(len(earlier.words), len(later.words)) > _LONGEST_ADMISSION:
        return False
    for one, other in ((earlier, later), (later, earlier)):
        if one.never and one.never == other.did and not any(map(is_negation, other.words)):
            return True
    return False


def _other_count(earlier: Statement, later: Statement, near: Similarity) -> bool:
    """Whether both count things of one name or of near names, and not as many, where enough else is the same."""
    if {earlier.tense, later.tense} == {"past", "future"} or earlier.conditional or later.conditional:
        return False
    if earlier.times and later.times and earlier.times != later.times:
        return False
    if earlier.places != later.places and not earlier.places & later.places:
        return False
    if len(earlier.figures) != 1 or len(later.figures) != 1:
        return False
    one, other = *earlier.figures, *later.figures
    return (
        one.kind is other.kind
        and one.unit == other.unit
        and one.kind in {Kind.COUNT, Kind.PERCENT}
        and _apart(one, other)
        and _alike(earlier, one, later, other, near)
        and _evidence(earlier, later, near) >= _EVIDENCE
    )


def _rate(statement: Statement) -> set[str]:
    """The two periods of a figure like "seven hours a day", empty for any other."""
    following = statement.words[statement.figures[0].end :][:4]
    periods = _named(following, _PERIODS)
    return periods if len(periods) == 2 else set()


def _alike(earlier: Statement, one: Figure, later: Statement, other: Figure, near: Similarity) -> bool:
    """Whether the nouns that two figures count are equal or near."""
    ours, theirs = _nouns(earlier, one), _nouns(later, other)
    if {stem(word) for word in ours} & {stem(word) for word in theirs}:
        return True
    return any(near(left, right) >= _NEAR_NOUNS for left in ours for right in theirs)


def _nouns(statement: Statement, figure: Figure) -> list[str]:
    following = statement.words[figure.end : figure.end + 6]
    return [word.low for word in following if stem(word.low) in figure.nouns]


def _evidence(earlier: Statement, later: Statement, near: Similarity) -> int:
    """How many words, compounds and rates two statements have in common, 0 if that is the smaller part of them."""
    ours, theirs = _about(earlier.words), _about(later.words)
    said = {_SAME.get(stem(word.low), stem(word.low)): word.low for word in (*earlier.words, *later.words)}
    left, right = set(ours) - set(theirs), set(theirs) - set(ours)
    common = len(set(ours) & set(theirs))
    for one in sorted(left):
        close = [other for other in sorted(right) if near(said[one], said[other]) >= _NEAR_WORDS]
        right -= set(close[:1])
        common += bool(close)
    if common < _LEAST_SHARE * min(len(set(ours)), len(set(theirs))):
        return 0
    compound = bool(set(pairwise(ours)) & set(pairwise(theirs)))
    return common + compound + 3 * (_rate(earlier) == _rate(later) != set())


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
    return _apart(one, other)


def _apart(one: Figure, other: Figure) -> bool:
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
    """The stems of a clause without units; what is said of the average one is said of the typical one."""
    return [_SAME.get(one, one) for one in content_stems(clause) if one not in _UNIT_STEMS]


def _clause(statement: Statement, figure: Figure) -> tuple[Token, ...]:
    """The words of the clause in which a figure stands."""
    at = statement.words[figure.at].begin
    cuts = [match.start() for match in BETWEEN_CLAUSES.finditer(statement.sentence.text)]
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
        return opposed(earlier.words, later.words)
    return (_denied(earlier) or _denied(later)) in shared and not opposed(earlier.words, later.words)


def _denied(statement: Statement) -> str:
    """The stem of the first content word after a sentence's only negation, "" without one."""
    at = [number for number, word in enumerate(statement.words) if is_negation(word)]
    if len(at) != 1:
        return ""
    return next(iter(content_stems(statement.words[at[0] + 1 :])), "")
